"""Values as NIfTI files, laid out like the file they came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origins
from napari_connectome.core.region_table import region_names
from napari_connectome.core.values import Maps, Regions, Run, Volume
from napari_connectome.io.atomic import replacing
from napari_connectome.io.beside import check_ours
from napari_connectome.io.connectomes import save_connectome
from napari_connectome.io.gz import gz_writer
from napari_connectome.io.header import stem
from napari_connectome.io.maps import SOURCE, about_file, about_to_write
from napari_connectome.io.names import sidecar_says
from napari_connectome.io.nifti import frame_of, header_bytes, header_for, storable
from napari_connectome.io.origins import origins_file, origins_to_write

Array = npt.NDArray[Any]
PathLike = str | os.PathLike[str]


def save(value: Run | Volume | Maps | Regions | Connectome, path: PathLike) -> None:
    """Write a value: an image as NIfTI, with the orientation, affine, units and header of the file it came from.

    The file appears whole or not at all. Regions get a table of their names beside the image (.tsv) and, where they were
    made from a run, a .json that says so; maps a .json with their names and the parameters and inputs that made them.
    Regions that are maps are written as maps, with both.

    Parameters
    ----------
    value : Run, Volume, Maps, Regions or Connectome
    path : path
        Ending in .nii or .nii.gz; that of a connectome in .tsv, .csv, .npz or .graphml, see `io.connectomes.save_connectome`.
    """
    if isinstance(value, Connectome):
        save_connectome(value, path)
    elif isinstance(value, Run):
        write_image(path, value.data, value.grid, tr=value.tr)
    elif isinstance(value, Volume):
        write_image(path, value.data, value.grid)
    elif isinstance(value, Maps):
        _save_maps(value, path)
    elif isinstance(value, Regions) and value.maps is not None:
        _save_region_maps(value, value.maps, path)
    elif isinstance(value, Regions):
        write_labels(path, value.labels, value.grid, value.table, value.origins, provenance=value.provenance)
    else:
        raise InputError(f"a {type(value).__name__} cannot be saved: give a Run, Volume, Maps, Regions or Connectome.")


def write_image(
    path: PathLike,
    data: Array,
    grid: Grid,
    *,
    tr: float | None = None,
    labels: bool = False,
    rgb: bool = False,
    progress: Progress = silent,
) -> None:
    """Write one image as NIfTI.

    Parameters
    ----------
    path : path
        Ending in .nii or .nii.gz.
    data : (z, y, x) or (t, z, y, x) array
        With a last axis of 3 or 4 where `rgb`.
    grid : Grid
    tr : float, optional
        Seconds; None keeps what the source's header says, 0 says that the first axis is not time.
    labels : bool
        Whether to mark the image as labels in its header.
    rgb : bool
    progress : callable
    """
    suffix = _require_nifti(path)
    data = _colours(np.asanyarray(data)) if rgb else storable(np.asanyarray(data))
    frame = frame_of(grid)
    laid_out = data.T if frame is None else frame.to_file(data)
    start = header_bytes(header_for(laid_out, grid, tr=tr, labels=labels))
    name = Path(path).name
    with replacing(path) as raw, gz_writer(raw) if suffix.endswith(".gz") else nullcontext(raw) as stream:
        stream.write(start)
        _write_volumes(stream, laid_out.T, progress, name)


def write_labels(
    path: PathLike,
    labels: Array,
    grid: Grid,
    table: pd.DataFrame | None = None,
    origins: Origins | None = None,
    progress: Progress = silent,
    *,
    provenance: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write labels as NIfTI, with a table of the names and a .json of the origins beside it; return the paths written.

    Parameters
    ----------
    path : path
    labels : (z, y, x) array of integers
    grid : Grid
    table : DataFrame, optional
        Indexed by label id, with a column name. Written with one row a region of the image, in BIDS's form: tabs, the
        columns index and name first, n/a for what is missing.
    origins : mapping of int to tuple of Origin, optional
        By label id.
    progress : callable
    provenance : mapping, optional
        The parameters and inputs that made them.
    """
    _require_nifti(path)
    beside: dict[Path, bytes] = {}
    ids = np.unique(labels[labels != 0])
    if table is not None and not table.empty:
        names = Path(path).with_name(stem(path) + ".tsv")
        check_ours(names, lambda text: "index" in text.lower().partition("\n")[0], "holds no region names")
        table = _one_row_a_region(table, ids)
        # Where there is nothing to add to the names, the table there may say more than they do.
        if list(table.columns) != ["name"] or not sidecar_says(names, table["name"]):
            beside[names] = _tsv(table)
    said = origins_to_write(path, {i: found for i, found in (origins or {}).items() if i in ids}, provenance)
    if said is not None:
        beside[origins_file(path)] = said
    with ExitStack() as files:
        for place, contents in beside.items():
            files.enter_context(replacing(place)).write(contents)
        write_image(path, labels, grid, labels=True, progress=progress)
    return [os.fspath(path), *map(os.fspath, beside)]


def _require_nifti(path: PathLike) -> str:
    """The path in small letters; one sentence where no image can be written there."""
    text = os.fspath(path).lower()
    if not text.endswith((".nii", ".nii.gz")):
        raise InputError(f"{Path(path).name or 'the name of the file'} must end in .nii or .nii.gz: only NIfTI can be written.")
    if "\0" in text:
        raise InputError(f"{text!r} holds a character that no file's name may have: choose another name.")
    return text


def _one_row_a_region(table: pd.DataFrame, ids: Array) -> pd.DataFrame:
    rows = table[~table.index.duplicated()].reindex(ids)
    names = dict(zip(ids.tolist(), rows.pop("name"), strict=True)) if "name" in rows else {}
    rows.insert(0, "name", region_names(ids, names))
    return rows


def _save_maps(maps: Maps, path: PathLike) -> None:
    if not maps.provenance and maps.names == Maps(maps.data, maps.grid).names:
        write_image(path, maps.data, maps.grid, tr=0.0)
        return
    _require_nifti(path)
    about = about_to_write(path, maps.names, maps.provenance)
    with replacing(about_file(path)) as stream:
        stream.write(about)
        write_image(path, maps.data, maps.grid, tr=0.0)


def _save_region_maps(regions: Regions, maps: Array, path: PathLike) -> None:
    _require_nifti(path)
    about = about_to_write(path, regions.table["name"].tolist(), regions.provenance)
    beside = Path(path).with_name(stem(path) + ".tsv")
    check_ours(beside, lambda text: "index" in text.lower().partition("\n")[0], "holds no region names")
    table = regions.table
    if regions.source_map is not None:
        table = table.assign(**{SOURCE: regions.source_map})
    with replacing(about_file(path)) as said, replacing(beside) as names:
        said.write(about)
        names.write(_tsv(table))
        write_image(path, maps, regions.grid, tr=0.0)


def _tsv(table: pd.DataFrame) -> bytes:
    text = table.to_csv(sep="\t", index_label="index", na_rep="n/a", lineterminator="\n")
    return text.encode("utf-8", "replace")


def _colours(data: Array) -> Array:
    """Colours (…, 3 or 4) as one structured number a voxel: 0.0-1.0 or the whole range of an unsigned type become 0-255."""
    if data.dtype.kind == "f":
        data = np.rint(np.clip(np.nan_to_num(data, nan=0.0), 0, 1) * 255)
    elif data.dtype.kind == "u" and data.dtype.itemsize > 1:
        data = np.rint(data / (np.iinfo(data.dtype).max / 255))
    elif data.dtype.kind != "u":
        raise InputError(f"colours of type {data.dtype} cannot be stored in NIfTI: give uint8, uint16 or floats from 0 to 1.")
    kind = np.dtype([(channel, "u1") for channel in "RGBA"[: data.shape[-1]]])
    return np.ascontiguousarray(data.astype(np.uint8)).view(kind)[..., 0]


def _write_volumes(stream: BinaryIO, data: Array, progress: Progress, name: str) -> None:
    volumes = data if data.ndim == 4 else data[None]
    for i, volume in enumerate(volumes):
        progress(i / len(volumes), f"writing {name}")
        stream.write(
            cast("Any", np.ascontiguousarray(volume)).tobytes() if volume.dtype.names else np.ascontiguousarray(volume).data
        )
    progress(1.0, f"writing {name}")
