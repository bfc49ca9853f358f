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
COLOR = "#b4ff00"
"""Apart from the colours of maps, seeds, masks and regions, and from those napari gives the first labels."""


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
        self._hidden = False
        self._colors: Any = None

    @property
    def layer(self) -> Labels | None:
        """The layer; None while nothing is shown, and after somebody took it out of the viewer."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    def show(self, labels: Array, grid: Grid, colors: Labels | None = None) -> None:
        """Show labels in place of what was shown before.

        Parameters
        ----------
        labels : (z, y, x) array, bool or unsigned
        grid : Grid
        colors : Labels, optional
            The layer whose colours the labels get; otherwise all have the preview's own.
        """
        labels = labels.view(np.uint8) if labels.dtype == bool else labels
        layer, hidden, self._hidden = self.layer, self._hidden, False
        if layer is not None and hidden:
            layer.visible = True
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
        self._dress(colors)

    def hide(self) -> None:
        """Show nothing until the next `show`: at once, while to `clear` takes napari a fifth of a second."""
        if self.layer is not None:
            self.layer.visible, self._hidden = False, True

    def clear(self) -> None:
        """Take the layer out of the viewer."""
        layer, self._layer, self._hidden = self.layer, None, False
        if layer is not None:
            self.viewer.layers.remove(layer)

    def _add(self, labels: Array, grid: Grid) -> None:
        layer = Labels(labels.copy(), name="Preview", **layer_kwargs(grid, role=ROLE, owner=self.owner))
        style_outline(layer, COLOR)
        layer.blending = "translucent_no_depth"  # in 3-D an eroded region is inside of what it was
        self._colors = None
        layer.editable = False
        self._layer = layer
        results.add(self.viewer, layer)
        self.viewer.layers.selection.discard(layer)

    def _dress(self, colors: Labels | None) -> None:
        """Give the outlines their colours, where they have others."""
        wanted = None if colors is None else colors.colormap
        if self._layer is not None and wanted is not self._colors:
            self._colors = wanted
            # A copy: a colormap knows which label is selected, and that is each layer's own.
            if wanted is None:
                style_outline(self._layer, COLOR)
            else:
                self._layer.colormap = wanted.model_copy()


def is_preview(layer: Any) -> bool:
    """Whether a layer is somebody's preview: nothing to work on."""
    return info(layer).get("role") == ROLE


def _place(layer: Labels, grid: Grid) -> None:
    """Put the layer onto a grid, where it is not yet."""
    if info(layer)["grid"] is grid:
        return
    layer.scale, layer.translate = placement(grid)
    layer.metadata = {**layer.metadata, KEY: {**info(layer), "grid": grid}}
