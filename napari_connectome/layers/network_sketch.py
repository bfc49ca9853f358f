"""What networks look like while they are learned: a layer of its own, and after it all is as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_connectome.analyses.networks import Sketch
from napari_connectome.core.values import Maps
from napari_connectome.layers import results
from napari_connectome.layers.map_stack import MapStacks, current, stack_data, stack_layer, style_stack

Array = npt.NDArray[Any]

SKETCH = "network sketch"
"""Role of the layer."""


@dataclass
class _Before:
    """How a viewer was."""

    visible: list[tuple[Layer, bool]]
    selected: set[Layer]
    active: Layer | None
    point: tuple[float, ...]
    axes: tuple[str, ...]


class NetworkSketch:
    """Shows maps that sharpen. Of each sketch only the map on the screen is written at once, the others when they are seen.

    Parameters
    ----------
    viewer : ViewerModel
    owner : str
    """

    def __init__(self, viewer: ViewerModel, owner: str) -> None:
        self.viewer = viewer
        self.owner = owner
        self._stacks = MapStacks.of(viewer)
        self._layer: Image | None = None
        self._sketch: Sketch | None = None
        self._voxels: Array = np.empty(0, dtype=np.intp)  # flat, in the mask
        self._stale: set[int] = set()
        self._before: _Before | None = None
        viewer.dims.events.point.connect(self._on_dims)

    def close(self) -> None:
        """Stop following the viewer."""
        self.viewer.dims.events.point.disconnect(self._on_dims)

    @property
    def layer(self) -> Image | None:
        """The layer; None while there is no sketch."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    @property
    def current(self) -> int:
        """The map that is looked at; 0 while there is no sketch."""
        layer = self.layer
        return 0 if layer is None else current(self.viewer, layer)

    def show(self, sketch: Sketch, instead: Sequence[Layer]) -> None:
        """Show a sketch; the first one instead of other layers, which are hidden meanwhile."""
        if self._before is None:
            self._set_aside(instead)
        fits = _fits(self._sketch, sketch)
        self._sketch, self._stale = sketch, set(range(len(sketch.maps)))
        layer = self.layer
        if layer is None or not fits:
            self._renew(sketch)
            return
        style_stack(layer, sketch.maps)
        self._write(layer, current(self.viewer, layer))

    def uncover(self) -> None:
        """Show again what was hidden."""
        if self._before is not None:
            for layer, visible in self._before.visible:
                if layer.visible != visible:
                    layer.visible = visible

    def hide(self) -> None:
        """Show what was seen before: at once, while to take the sketch out of the viewer takes napari a fifth of a second."""
        layer = self.layer
        if layer is not None:
            self.uncover()  # first: with no maps in sight their name would leave the canvas, and come back
            layer.visible = False

    def remove(self) -> None:
        """Take the sketch away, and let all else be."""
        layer, self._layer, self._sketch, self._before = self.layer, None, None, None
        if layer is not None:
            self.viewer.layers.remove(layer)

    def drop(self) -> None:
        """Take the sketch away; all is as it was before."""
        before = self._before
        self.uncover()
        self.remove()
        if before is None:
            return
        selection, dims = self.viewer.layers.selection, self.viewer.dims
        selection.clear()
        selection.update(layer for layer in before.selected if layer in self.viewer.layers)
        selection.active = before.active if before.active in self.viewer.layers else None
        if dims.ndim == len(before.point):
            dims.set_point(range(dims.ndim), before.point)
            dims.axis_labels = before.axes

    def _set_aside(self, layers: Sequence[Layer]) -> None:
        selection = self.viewer.layers.selection
        visible = [(layer, layer.visible) for layer in layers]
        dims = self.viewer.dims
        self._before = _Before(visible, set(selection), selection.active, tuple(dims.point), tuple(dims.axis_labels))
        for layer in layers:
            layer.visible = False

    def _renew(self, sketch: Sketch) -> None:
        """Make a layer for maps of another number or mask."""
        if self.layer is not None:
            self.viewer.layers.remove(self.layer)
        self._voxels = np.flatnonzero(np.asarray(sketch.mask.data) > 0)
        k, grid = len(sketch.maps), sketch.mask.grid
        data = np.zeros((k, *grid.shape), dtype=np.float32)
        names = [f"network {i + 1}" for i in range(k)]
        layer = stack_layer(Maps(data, grid, names), "Networks (learning)", SKETCH, owner=self.owner)
        self._layer = layer
        results.add(self.viewer, layer)
        style_stack(layer, sketch.maps)
        self._write(layer, current(self.viewer, layer))

    def _write(self, layer: Image, index: int) -> None:
        if self._sketch is not None and index in self._stale:
            self._stale.discard(index)
            stack_data(layer)[index].reshape(-1)[self._voxels] = self._sketch.maps[index]
            layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _on_dims(self) -> None:
        layer = self.layer
        if layer is not None and not self._stacks.fitting:
            self._write(layer, current(self.viewer, layer))


def _fits(one: Sketch | None, other: Sketch) -> bool:
    """Whether a sketch has the number and the mask of the one before."""
    if one is None or len(one.maps) != len(other.maps):
        return False
    mine, yours = one.mask, other.mask
    return mine is yours or (mine.grid.matches(yours.grid) and np.array_equal(mine.data, yours.data))
