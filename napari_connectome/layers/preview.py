"""What a step would make of some labels, shown over them before it is done."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Labels

from napari_connectome.core.grid import Grid
from napari_connectome.layers import results
from napari_connectome.layers.spatial import KEY, info, layer_kwargs, placement
from napari_connectome.layers.styles import style_outline

Array = npt.NDArray[Any]

ROLE = "preview"
COLOR = "#00e5ff"
"""Apart from the colours of maps, seeds and masks."""


class Preview:
    """One labels layer of outlines that is renewed in place, never selected, and not to be painted on.

    Parameters
    ----------
    viewer : ViewerModel
    owner : str
        Who shows it: each has its own.
    """

    def __init__(self, viewer: ViewerModel, owner: str) -> None:
        self.viewer = viewer
        self.owner = owner
        self._layer: Labels | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer; None while nothing is shown, and after somebody took it out of the viewer."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    def show(self, labels: Array, grid: Grid) -> None:
        """Show labels (z, y, x; bool or unsigned) on a grid in place of what was shown before."""
        labels = labels.view(np.uint8) if labels.dtype == bool else labels
        layer = self.layer
        if layer is None:
            self._add(labels, grid)
        elif layer.data.shape == labels.shape and layer.data.dtype == labels.dtype:
            layer.data[...] = labels
            _place(layer, grid)
            layer.refresh(thumbnail=False, highlight=False, extent=False)
        else:
            layer.data = labels.copy()
            layer.editable = False  # other data have made it editable again
            _place(layer, grid)

    def clear(self) -> None:
        """Take the layer out of the viewer."""
        layer, self._layer = self.layer, None
        if layer is not None:
            self.viewer.layers.remove(layer)

    def _add(self, labels: Array, grid: Grid) -> None:
        layer = Labels(labels.copy(), name="Preview", **layer_kwargs(grid, role=ROLE, owner=self.owner))
        style_outline(layer, COLOR)
        layer.editable = False
        self._layer = layer
        results.add(self.viewer, layer)
        self.viewer.layers.selection.discard(layer)


def is_preview(layer: Any) -> bool:
    """Whether a layer is somebody's preview: nothing to work on."""
    return info(layer).get("role") == ROLE


def _place(layer: Labels, grid: Grid) -> None:
    """Put the layer onto a grid, where it is not yet."""
    if info(layer)["grid"] is grid:
        return
    layer.scale, layer.translate = placement(grid)
    layer.metadata = {**layer.metadata, KEY: {**info(layer), "grid": grid}}
