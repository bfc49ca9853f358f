"""Several maps in one layer, with a slider of their own that names the one shown.

napari aligns the last axes of all layers, so a layer (network, z, y, x) beside a run (t, z, y, x) would share its slider with
time. While a run is in the viewer, maps are therefore (network, 1, z, y, x), their one volume as long as the longest run: the
two sliders are independent then, in planes and in 3-D. Without a run they are (network, z, y, x). The maps of regions keep
clear of those of networks in the same way, (region, 1, 1, z, y, x) beside both.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.components.overlays import TextOverlay
from napari.layers import Image, Layer

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.network_account import NETWORKS, account, explained_in
from napari_connectome.core.values import Maps
from napari_connectome.core.words import percent
from napari_connectome.layers.of_viewer import OfViewer
from napari_connectome.layers.spatial import grid_of, info, is_run, layer_kwargs, placement, tell
from napari_connectome.layers.styles import style_map, symmetric_limit

Array = npt.NDArray[Any]

MAPS = "maps"
"""Role of a layer of maps that nobody renews; those somebody does have `names` in their metadata as well."""
NETWORK, REGION, MAP = "network", "region", "map"
"""Names of the sliders."""
UNITS = ("pixel", "pixel", "s", "mm", "mm", "mm")
"""Of the axes, the last ones of a layer. Maps without a run beside them have no time, but a run that is added is drawn once
before anybody hears of it, and napari warns people of layers whose units differ."""
QUANTILE = 0.998
"""Share of the weights that the colours tell apart."""
DENSE, STRONG = 0.5, 0.9
"""Maps with weights in more than this share of their voxels are coloured from this quantile of their weights on."""
SAMPLE = 500_000
"""Weights that are looked at for colours."""
TEXT, LINES = "connectome_map_name", 3
CHARACTER, LETTER, FEWEST = 11, 40, 8
"""Pixels of the canvas that a character of the name takes, those kept free left of the letter above the middle of the picture,
and the characters that a line has at least."""
TALLEST = 4
"""Lines of one name; the rest is left out."""


def stack_layer(maps: Maps, name: str, role: str = MAPS, axis: str = NETWORK, **known: Any) -> Image:
    """Maps as an image layer (k, z, y, x), not yet in a viewer, nor coloured (see `style_stack`).

    Parameters
    ----------
    maps : Maps
    name : str
        Of the layer.
    role : str
    axis : str
        Name of the slider: NETWORK, REGION or MAP.
    **known
        Further entries of ``metadata["connectome"]``.
    """
    explained = explained_in(maps.provenance, len(maps))
    if explained is not None:
        known = {"explained": explained.tolist(), **known}
    place = layer_kwargs(maps.grid, role=role, names=list(maps.names), provenance=dict(maps.provenance), **known)
    scale, translate = placement(maps.grid)
    place |= {"scale": np.r_[1.0, scale], "translate": np.r_[0.0, translate]}
    place |= {"units": UNITS[-4:], "axis_labels": (axis, "z", "y", "x")}
    return Image(maps.data, name=name, contrast_limits=(-1.0, 1.0), **place)


def style_stack(
    layer: Image, weights: Array, mask: Array | None = None, style: Callable[[Image, float, float], Any] = style_map
) -> tuple[float, float]:
    """Colour maps by their weights: both signs alike, nothing where there is none; return limit and threshold.

    Of maps that have weights nearly everywhere only the strongest are coloured.

    Parameters
    ----------
    layer : Image
    weights : (k × v) or (k, z, y, x) array
    mask : (z, y, x) array, optional
        Where the maps may have weights; everywhere if not given.
    style : callable
        Given layer, limit and threshold: `style_map`, or `set_threshold` for a layer that has been styled before.
    """
    step = max(weights.size // SAMPLE, 1)
    flat = weights if weights.ndim == 2 else weights.reshape(len(weights), -1)
    some = flat[:, ::step] if mask is None else flat[:, np.flatnonzero(mask)[::step]]
    size = np.abs(some[np.isfinite(some) & (some != 0)])
    limit = symmetric_limit(size, QUANTILE)
    threshold = float(np.quantile(size, STRONG)) if size.size > DENSE * some.size else 0.0
    style(layer, limit, threshold)
    top = max(limit, float(size.max(initial=0.0)))
    layer.contrast_limits_range = (-top, top)
    return limit, threshold


def restack(layer: Image, maps: Maps, name: str) -> None:
    """Give a layer other maps in place of its own; a name that somebody gave it stays."""
    if layer.name.split(" [")[0] == info(layer).get("title"):
        layer.name = name
    scale, translate = placement(maps.grid)
    tell(layer, grid=maps.grid, title=name, names=list(maps.names), provenance=dict(maps.provenance))
    layer.data = _with_axes(maps.data, layer.ndim)
    layer.scale = np.r_[layer.scale[:-3], scale]
    layer.translate = np.r_[layer.translate[:-3], translate]


def is_stack(layer: Layer) -> bool:
    """Whether a layer holds several maps with names."""
    return isinstance(layer, Image) and not layer.rgb and 4 <= layer.ndim <= 6 and isinstance(info(layer).get("names"), list)


def names_of(layer: Layer) -> list[str]:
    """The names of a layer's maps; numbers where there are none for some."""
    names, k = list(info(layer).get("names", [])), len(layer.data)
    return [*names, *(f"map {i + 1}" for i in range(len(names), k))][:k]


def stack_data(layer: Layer) -> Array:
    """The maps (k, z, y, x) of a layer, whatever lies beside them; a view."""
    return _plain(np.asanyarray(layer.data))


def _plain(data: Array) -> Array:
    """Maps (k, z, y, x) without axes of one after the first; a view."""
    first: Any = (slice(None), *(0,) * (data.ndim - 4))
    maps: Array = data[first]
    return maps


def _with_axes(data: Array, ndim: int) -> Array:
    """Maps (k, z, y, x) with axes of one after the first, so that there are `ndim`; a view."""
    return data[(slice(None), *(None,) * (ndim - 4))]


def maps_of(layer: Layer, among: Iterable[Grid] = ()) -> Maps:
    """The maps a layer holds with their names, those that are hidden left out; `among` as for `grid_of`."""
    if not is_stack(layer):
        raise InputError(f"{layer.name} holds no maps: choose a layer of maps (network, z, y, x).")
    return maps_in(layer, layer.data, grid_of(layer, among))


def maps_in(layer: Layer, data: Any, grid: Grid) -> Maps:
    """Data as the maps a layer says they are."""
    maps, names, known = _plain(np.asanyarray(data)), names_of(layer), info(layer)
    hidden, provenance = known.get("hidden") or (), dict(known.get("provenance") or {})
    kept = [i for i in range(len(names)) if not (i < len(hidden) and hidden[i])]
    if not kept:
        raise InputError(f"all maps of {layer.name} are hidden: show at least one.")
    explained = known.get("explained") or ()
    if NETWORKS in provenance and len(explained) == len(names):  # renamed, moved or hidden since
        provenance[NETWORKS] = account([names[i] for i in kept], [explained[i] for i in kept])
    if len(kept) < len(names):
        maps, names = maps[kept], [names[i] for i in kept]
    return Maps(maps, grid, names=names, provenance=provenance)


def fit(viewer: ViewerModel, layer: Image, shown: int | None = None) -> None:
    """Give maps the axes they need beside the layers of this viewer.

    The place stays, and so does the map shown where `shown` does not say another.
    """
    place, before = np.array(viewer.dims.point)[-3:], current(viewer, layer)
    if widen(viewer, layer):
        viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), place)
        shown = before if shown is None else shown
    if shown is not None:
        look(viewer, layer, shown)


def widen(viewer: ViewerModel, layer: Image) -> bool:
    """Give maps, in the viewer or not yet, the axes they need beside its layers; return whether they had others."""
    axis = layer.axis_labels[0]
    between = _between(viewer, layer)
    ndim = 4 + len(between)
    scale = np.r_[1.0, [stop - start for _, start, stop in between], layer.scale[-3:]]
    translate = np.r_[0.0, [(start + stop) / 2 for _, start, stop in between], layer.translate[-3:]]
    if layer.ndim == ndim and np.allclose(layer.scale, scale) and np.allclose(layer.translate, translate):
        return False
    if layer.ndim != ndim:
        layer.data = _with_axes(stack_data(layer), ndim)
    layer.scale, layer.translate, layer.units = scale, translate, UNITS[-ndim:]
    layer.axis_labels = (axis, *(label for label, _, _ in between), "z", "y", "x")
    return True


def _between(viewer: ViewerModel, layer: Image) -> list[tuple[str, float, float]]:
    """The sliders of other layers these maps keep clear of: what they are called, and where they begin and end."""
    between = []
    networks = [len(other.data) for other in viewer.layers if is_stack(other) and other.axis_labels[0] != REGION]
    if networks and layer.axis_labels[0] == REGION:
        between.append((NETWORK, -0.5, max(networks) - 0.5))
    runs = [(run.translate[0], run.scale[0], len(run.data)) for run in viewer.layers if is_run(run)]
    if runs:
        start = min(first - tr / 2 for first, tr, _ in runs)
        between.append(("t", start, max(first + (n - 0.5) * tr for first, tr, n in runs)))
    return between


def _axis(viewer: ViewerModel, layer: Layer) -> int:
    """Which of the viewer's dims is that of the maps; negative while the viewer has too few."""
    return int(viewer.dims.ndim - layer.ndim)


def current(viewer: ViewerModel, layer: Layer) -> int:
    """Which map the slider is at."""
    axis = _axis(viewer, layer)
    if layer not in viewer.layers or axis < 0:
        return 0
    return int(np.clip(round(viewer.dims.point[axis]), 0, max(len(layer.data) - 1, 0)))


def look(viewer: ViewerModel, layer: Layer, index: int) -> None:
    """Move the slider to a map."""
    axis = _axis(viewer, layer)
    if layer in viewer.layers and axis >= 0:
        viewer.dims.set_point(axis, float(index))


class MapStacks(OfViewer):
    """All layers of maps of one viewer: their axes kept apart from time, and the name of the map shown on the canvas.

    Parameters
    ----------
    viewer : ViewerModel

    Attributes
    ----------
    fitting : bool
        Whether axes come and go just now, so that the sliders are at no map anybody chose.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self.fitting = False
        viewer.layers.events.inserted.connect(self._on_layers)
        viewer.layers.events.removed.connect(self._on_layers)
        viewer.layers.events.reordered.connect(self.name)
        viewer.dims.events.point.connect(self.name)
        viewer.dims.events.ndim.connect(self.name)
        viewer.canvas.events.size.connect(self.name)
        self._on_layers()

    def _on_layers(self, event: Any = None) -> None:
        self.update(new=event.value if getattr(event, "type", "") == "inserted" else None)

    def update(self, new: Layer | None = None) -> None:
        """Put all maps beside what else there is, and name those that are seen.

        Parameters
        ----------
        new : Layer, optional
            Just added. New maps are shown from the first; the first run from its begin.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        self.fitting = True
        try:
            for layer in list(viewer.layers):
                if is_stack(layer):
                    fit(viewer, layer, 0 if layer is new else None)
                    layer.events.visible.connect(self.name)
        finally:
            self.fitting = False
        if new is not None and is_run(new) and sum(map(is_run, viewer.layers)) == 1:
            viewer.dims.set_point(viewer.dims.ndim - 4, new.translate[0])
        self.name()

    def name(self, event: Any = None) -> None:
        """Write the names of the maps that are seen, or that others stand for, those on top first."""
        viewer = self._viewer()
        if viewer is None:
            return
        stacks = [layer for layer in reversed(viewer.layers) if is_stack(layer)]
        seen = [layer for layer in stacks if layer.visible or info(layer).get("stood_for")]
        known = viewer.canvas.overlays
        if not seen:
            known.pop(TEXT, None)
            return
        if TEXT not in known:
            known[TEXT] = TextOverlay(position="top_left", font_size=12, box=True)
        room = max(int(viewer.canvas.size[1] / 2 - LETTER) // CHARACTER, FEWEST)
        known[TEXT].text = "\n".join(line for layer in seen[:LINES] for line in lines(layer, current(viewer, layer), room))
        known[TEXT].visible = True


def lines(layer: Layer, index: int, room: int) -> list[str]:
    """What is said of a map of a layer, in lines of so many characters.

    Its name; its place among the others, and what it explains where that is known.
    """
    names, known = names_of(layer), info(layer)
    said = [f"{index + 1} of {len(names)}"]
    explained = known.get("explained")
    if explained is not None and index < len(explained) and percent(explained[index]):
        said.append(f"explains {percent(explained[index])}")
    if known.get("hidden") and known["hidden"][index]:
        said.append("hidden")
    together = " · ".join(said)
    return [
        *textwrap.wrap(names[index], room, max_lines=TALLEST, placeholder=" …"),
        *([together] if len(together) <= room else said),
    ]
