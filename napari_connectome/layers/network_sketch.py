"""What networks look like while they are learned: a layer of its own, and after it all is as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_connectome.analyses.networks import Sketch
from napari_connectome.core.values import Maps
from napari_connectome.layers import results
from napari_connectome.layers.map_stack import MapStacks, current, stack_data, stack_layer, style_stack, widen
from napari_connectome.layers.spared import Spared
from napari_connectome.layers.styles import set_threshold

Array = npt.NDArray[Any]

SKETCH = "network sketch"
"""Role of the layer."""


@dataclass
class _Before:
    """How a viewer was."""

    selected: set[Layer]
    active: Layer | None
    point: tuple[float, ...]
    axes: tuple[str, ...]
    visible: list[tuple[Layer, bool]] = field(default_factory=list)
    """Of the layers in whose place the sketch is seen."""


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
        self._spared = Spared()
        viewer.dims.events.point.connect(self._on_dims)

    def close(self) -> None:
        """Stop following the viewer."""
        self.viewer.dims.events.point.disconnect(self._on_dims)
        self._spared.end()

    @property
    def layer(self) -> Image | None:
        """The layer; None while there is no sketch."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    @property
    def current(self) -> int:
        """The map that is looked at; 0 while there is no sketch."""
        layer = self.layer
        return 0 if layer is None else current(self.viewer, layer)

    def begin(self) -> None:
        """Remember how the viewer is: before anything is shown of what is learned, the mean of the runs as well."""
        if self._before is None:
            selection, dims = self.viewer.layers.selection, self.viewer.dims
            self._before = _Before(set(selection), selection.active, tuple(dims.point), tuple(dims.axis_labels))
            self._spared.begin()  # so that to take it away again is quick

    def show(self, sketch: Sketch, instead: Sequence[Layer]) -> None:
        """Show a sketch; the first one instead of other layers, which are hidden meanwhile."""
        self.begin()
        assert self._before is not None
        if self._sketch is None:
            self._before.visible = [(layer, layer.visible) for layer in instead]
            for layer in instead:
                layer.visible = False
        fits = _fits(self._sketch, sketch)
        self._sketch, self._stale = sketch, set(range(len(sketch.maps)))
        layer = self.layer
        if layer is None or not fits:
            self._renew(sketch)
            return
        style_stack(layer, sketch.maps, style=set_threshold)
        self._write(layer, current(self.viewer, layer))

    def uncover(self) -> None:
        """Show again what was hidden."""
        if self._before is not None:
            for layer, visible in self._before.visible:
                if layer.visible != visible:
                    layer.visible = visible

    def remove(self) -> None:
        """Take the sketch away, and let all else be."""
        layer, self._layer, self._sketch, self._before = self.layer, None, None, None
        if layer is not None:
            self.viewer.layers.remove(layer)
        self._spared.end()

    def drop(self) -> None:
        """Take the sketch away; all is as it was before."""
        before = self._before
        self.uncover()
        self.remove()
        if before is None:
            return
        layers, dims = self.viewer.layers, self.viewer.dims
        selected = {layer for layer in before.selected if layer in layers}
        if set(layers.selection) != selected:
            layers.selection = selected
        layers.selection.active = before.active if before.active in layers else None
        if dims.ndim == len(before.point):
            dims.set_point(range(dims.ndim), before.point)
            dims.axis_labels = before.axes

    def _renew(self, sketch: Sketch) -> None:
        """Make a layer for maps of another number or mask."""
        if self.layer is not None:
            self.viewer.layers.remove(self.layer)
        self._voxels = np.flatnonzero(np.asarray(sketch.mask.data) > 0)
        k, grid = len(sketch.maps), sketch.mask.grid
        data = np.zeros((k, *grid.shape), dtype=np.float32)
        names = [f"network {i + 1}" for i in range(k)]
        layer = stack_layer(Maps(data, grid, names), "Networks (learning)", SKETCH, owner=self.owner)
        # All of it first: in the viewer each would be drawn, and the window hears nobody meanwhile.
        style_stack(layer, sketch.maps)
        layer.colorbar.visible = False  # for the same reason; the numbers mean nothing yet
        widen(self.viewer, layer)
        self._write(layer, 0)
        self._layer = layer
        results.add(self.viewer, layer)

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
