"""Layers as NIfTI files: what napari calls to save.

napari takes a ValueError out of a writer for "this writer cannot do it" and says nothing, so whatever goes wrong leaves
here as a RuntimeError with its one sentence.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
from napari.layers import Image

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import origins_from_dict
from napari_connectome.core.values import Maps
from napari_connectome.io.atomic import require_folder, unwritable
from napari_connectome.layers.map_stack import is_stack, maps_in
from napari_connectome.layers.spatial import KEY, grid_of, info, named, tr_of

PLACE = ("name", "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels", "metadata")


def write_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer as NIfTI, like the file it came from, or maps with their names; return the paths written."""
    with _one_sentence():
        return _write_image(path, data, meta, _grids_in_view())


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer as NIfTI, names and origins of its regions beside it; return the paths written."""
    with _one_sentence():
        return _write_labels(path, data, meta, _grids_in_view())


def write_layers(path: str, layers: Sequence[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write several layers, one file a layer, into a new folder named like `path`; one layer goes to `path` itself."""
    with _one_sentence():
        grids = [*_grids_of(meta for _, meta, _ in layers), *_grids_in_view()]
        if len(layers) == 1:
            return _write_one(path, *layers[0], grids)
        match = re.search(r"(?i)\.nii(\.gz)?$", path)
        if match is None:
            raise InputError(f"{Path(path).name} must end in .nii or .nii.gz: only NIfTI can be written.")
        folder, suffix = Path(path[: match.start()]), match.group()
        if os.path.exists(folder):
            raise InputError(f"{len(layers)} layers need a folder {folder.name}, which exists already: choose another name.")
        require_folder(folder.parent)
        half = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        try:
            half.mkdir()
            written = []
            for layer, name in zip(layers, _file_names([meta.get("name", "") for _, meta, _ in layers]), strict=True):
                written += _write_one(str(half / (name + suffix)), *layer, grids)
            half.rename(folder)
        except BaseException as error:
            shutil.rmtree(half, ignore_errors=True)
            if isinstance(error, OSError):
                raise unwritable(folder, error) from error
            raise
    return [str(folder / Path(p).name) for p in written]


def _write_one(path: str, data: Any, meta: dict[str, Any], kind: str, among: Sequence[Grid]) -> list[str]:
    return (_write_labels if kind == "labels" else _write_image)(path, data, meta, among)


def _write_image(path: str, data: Any, meta: dict[str, Any], among: Sequence[Grid]) -> list[str]:
    from napari_connectome.io import save

    maps = _maps(data, meta, among)
    if maps is not None:
        save.save(maps, path)
        return [path]
    data, rgb = np.asarray(data[0] if meta.get("multiscale") else data), bool(meta.get("rgb"))
    grid, tr = _place(data[..., 0] if rgb else data, meta, among)
    save.write_image(path, data, grid, tr=tr, rgb=rgb)
    return [path]


def _write_labels(path: str, data: Any, meta: dict[str, Any], among: Sequence[Grid]) -> list[str]:
    from napari_connectome.io import save

    data = np.asarray(data[0] if meta.get("multiscale") else data)
    grid, tr = _place(data, meta, among)
    if data.ndim == 4:
        save.write_image(path, data, grid, tr=tr, labels=True)
        return [path]
    features, known = meta.get("features"), (meta.get("metadata") or {}).get(KEY)
    origins = origins_from_dict(known.get("origins")) if isinstance(known, dict) else {}
    return save.write_labels(path, data, grid, None if features is None else named(pd.DataFrame(features)), origins)


def _maps(data: Any, meta: dict[str, Any], among: Sequence[Grid]) -> Maps | None:
    """The maps of a layer with their names, those that are hidden left out; None where it holds something else."""
    known = (meta.get("metadata") or {}).get(KEY)
    if not isinstance(known, dict) or meta.get("rgb") or meta.get("multiscale") or not isinstance(known.get("names"), list):
        return None
    layer = _hollow(np.asanyarray(data), meta)
    return None if not is_stack(layer) else maps_in(layer, data, grid_of(layer, among))


def _grids_in_view() -> list[Grid]:
    """The grids of the layers in the window."""
    viewer = napari.current_viewer()
    return [] if viewer is None else _grids_of({"metadata": layer.metadata} for layer in viewer.layers)


def _grids_of(metas: Iterable[dict[str, Any]]) -> list[Grid]:
    known = [(meta.get("metadata") or {}).get(KEY) for meta in metas]
    grids = [about.get("grid") for about in known if isinstance(about, dict)]
    return [grid for grid in grids if isinstance(grid, Grid)]


def _file_names(names: Sequence[str]) -> list[str]:
    """Names of layers as names of files, each once."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "_", name).strip(" .") or "layer"
        number = 2
        unique = plain
        while unique.lower() in (f.lower() for f in found):
            unique, number = f"{plain}_{number}", number + 1
        found.append(unique)
    return found


def _place(data: Any, meta: dict[str, Any], among: Sequence[Grid]) -> tuple[Grid, float | None]:
    """The grid of a layer to be written, and its TR in seconds (None: as its source's header says)."""
    if data.ndim not in (3, 4):
        raise InputError(f"{meta.get('name', 'the layer')} is {data.ndim}-D and NIfTI files hold z, y, x or t, z, y, x.")
    hollow = _hollow(data, meta)
    return grid_of(hollow, among), _tr_shown(hollow) if data.ndim == 4 else None


def _hollow(data: Any, meta: dict[str, Any]) -> Image:
    """A layer without data in the place of one to be written, for what only a layer can answer; it is made at once."""
    return Image(np.broadcast_to(np.uint8(0), data.shape), contrast_limits=(0, 1), **{k: meta[k] for k in PLACE if k in meta})


def _tr_shown(layer: Image) -> float | None:
    """Its TR in seconds; of another maker's layer in pixels the scale, if somebody has set one."""
    tr = tr_of(layer)
    return float(layer.scale[0]) if tr is None and not info(layer) and layer.scale[0] != 1 else tr


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except (ValueError, MemoryError) as error:
        raise RuntimeError(str(error) or "there is not enough memory to write this.") from error
