"""Image files as layers: what napari calls when a file is opened or dropped."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.utils import cancelable_progress
from napari.utils.notifications import show_error, show_warning

from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.origins import origins_to_dict
from napari_connectome.core.region_table import default_name
from napari_connectome.core.values import Maps, as_label_type
from napari_connectome.layers.looks import diverging, limits, looks_like_labels
from napari_connectome.layers.map_stack import MAP, MAPS, MapStacks, stack_layer, style_stack
from napari_connectome.layers.spatial import KEY, STRAIGHT, layer_kwargs

if TYPE_CHECKING:
    from napari_connectome.io.load import Opened

Array = npt.NDArray[Any]
LayerData = tuple[Any, ...]
NOTHING: list[LayerData] = [(None,)]
"""What tells napari that there is no layer, and nothing more to say."""
PATIENCE = 0.5
"""Seconds of reading before progress is shown."""


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return the function that reads this file (or these files), None if one of them is no image."""
    from napari_connectome.io.header import is_image

    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    return read if paths and all(is_image(p) for p in paths) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read one file or several into layers, each on its own.

    In a window a file that cannot be read is one notification and no layer; without one it is an `InputError`.
    """
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    try:
        return [layer for p in paths for layer in _layers(p)]
    except Cancelled:
        return NOTHING
    except InputError as error:
        # An exception out of a reader reaches the person with a traceback, or, where this plugin is the default, as
        # "tried opening, but failed" without the reason.
        if napari.current_viewer() is None:
            raise
        show_error(str(error))
        return NOTHING


def _layers(path: str) -> list[LayerData]:
    from napari_connectome.io.load import open_image

    with _Bar(Path(path).name) as bar:
        opened = open_image(path, bar)
    layers = _as_layers(opened)
    are_maps = _role(layers[0]) == MAPS
    for notice in _notices(opened, are_maps):
        show_warning(f"{Path(path).name}: {notice}.")
    return layers


def _role(layer: LayerData) -> str:
    return str(layer[1]["metadata"][KEY]["role"])


def _notices(opened: Opened, are_maps: bool) -> list[str]:
    notices = list(opened.notices)
    angle = opened.grid.obliqueness
    if angle >= STRAIGHT:
        notices.append(f"the image is oblique by {angle:.1f}° and shown turned straight; coordinates in mm are the true ones")
    if opened.is_4d and opened.repetition.question and not are_maps:
        notices.append(f"the TR is not known ({opened.repetition.question}): type it before the run is used")
    return notices


def _as_layers(opened: Opened) -> list[LayerData]:
    if opened.labels or not (opened.rgb or opened.is_4d or opened.phase is not None):
        labels = _labels(opened)
        if labels is not None:
            return [labels]
    maps = _maps(opened)
    if maps is not None:
        return [maps]
    known = _known(opened)
    if opened.rgb:
        return [(opened.data, {"name": opened.name, "rgb": True, **known}, "image")]
    if opened.phase is not None:
        phase = {"name": f"{opened.name} phase", "contrast_limits": (-np.pi, np.pi), "colormap": "twilight_shifted"}
        magnitude = {"name": f"{opened.name} magnitude", "contrast_limits": limits(opened.data), "colormap": "gray"}
        return [(opened.phase, {**phase, "visible": False, **known}, "image"), (opened.data, {**magnitude, **known}, "image")]
    low_high = limits(opened.data)
    colormap = "gray" if opened.is_4d else diverging(low_high)
    return [(opened.data, {"name": opened.name, "contrast_limits": low_high, "colormap": colormap, **known}, "image")]


def _maps(opened: Opened) -> LayerData | None:
    """The volumes as maps with names, if what lies beside them says that they are."""
    if not opened.is_4d or opened.rgb or opened.phase is not None:
        return None
    from napari_connectome.io.maps import map_names, read_about

    names, provenance = read_about(opened.path, len(opened.data))
    if names is None and opened.repetition.question:  # no run that says when its volumes were taken: an atlas may be
        names, provenance = map_names(opened.path, None, len(opened.data))
    if names is None:
        return None
    viewer = napari.current_viewer()
    if viewer is not None and threading.current_thread() is threading.main_thread():
        MapStacks.of(viewer)  # names them, and keeps their slider apart from time
    layer = stack_layer(Maps(opened.data, opened.grid, names, provenance), opened.name, axis=MAP, path=opened.path)
    style_stack(layer, layer.data)
    data, about, kind = layer.as_layer_data_tuple()
    return data, about, kind


def _known(opened: Opened, role: str = "", **more: Any) -> dict[str, Any]:
    repetition = opened.repetition
    if opened.is_4d:
        more |= {"time": True, "tr": repetition.tr, "tr_question": repetition.question, "tr_guess": repetition.guess}
    role = role or ("run" if opened.is_4d else "volume")
    return layer_kwargs(opened.grid, role=role, path=opened.path, provenance={}, **more)


def _labels(opened: Opened) -> LayerData | None:
    """The image as labels, if that is what it is."""
    if opened.data.ndim != 3 or not looks_like_labels(opened.data, opened.labels or _is_called_labels(opened.name)):
        return None
    from napari_connectome.io.names import read_names
    from napari_connectome.io.origins import read_origins

    data = as_label_type(np.asarray(opened.data))
    ids = np.unique(data[data != 0])
    role = "mask" if ids.size == 1 and ids[0] == 1 else "labels"
    origins = {i: found for i, found in read_origins(opened.path).items() if i in ids}
    about: dict[str, Any] = {"name": opened.name, **_known(opened, role, origins=origins_to_dict(origins))}
    names = read_names(opened.path, None, ids)
    if names:
        index = [int(i) for i in ids]
        about["features"] = pd.DataFrame({"index": index, "name": [names.get(i, default_name(i)) for i in index]})
    return data, about, "labels"


def _is_called_labels(name: str) -> bool:
    """Whether the file has a BIDS suffix of label images."""
    return name.lower().endswith(("_dseg", "_mask", "_parc", "_aseg", "_aparcaseg", "_labels"))


class _Bar:
    """napari's progress for a long read: nothing in the first half second, nor off the main thread or without a window.

    Each update lets the window handle its events, so it stays alive; cancelling there raises `Cancelled` here.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = self.shown = time.monotonic()
        self.bar: Any = None
        self.may_show = threading.current_thread() is threading.main_thread() and napari.current_viewer() is not None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, fraction: float, doing: str) -> None:
        now = time.monotonic()
        if not self.may_show or now - self.started < PATIENCE or now - self.shown < 0.05:
            return
        if self.bar is None:
            self.bar = cancelable_progress(total=100, desc=doing)
        self.bar.update(int(100 * fraction) - self.bar.n)
        self.shown = time.monotonic()
        if self.bar.is_canceled:
            raise Cancelled
