"""A mask that a widget keeps writing, until somebody paints in it: then it is theirs, and a new one takes its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Labels

from napari_connectome.core.grid import Grid
from napari_connectome.layers import results
from napari_connectome.layers.spatial import layer_kwargs, tell
from napari_connectome.layers.styles import style_regions

Array = npt.NDArray[Any]


class LiveMask:
    """Keeps one labels layer equal to the mask written last.

    Parameters
    ----------
    viewer : ViewerModel
    grid : Grid
    role, owner : str
        What the layer is known by; see `results.show`.

    Attributes
    ----------
    layer : Labels or None
        None before the first mask is written.
    """

    def __init__(self, viewer: ViewerModel, grid: Grid, role: str, owner: str) -> None:
        self.viewer = viewer
        self.grid = grid
        self.role = role
        self.owner = owner
        self.layer: Labels | None = None
        self._written: Array = np.zeros(grid.shape, dtype=np.uint8)

    @property
    def ours(self) -> bool:
        """Whether the layer is there and holds what was written, nothing else."""
        layer = self.layer
        return layer is not None and layer in self.viewer.layers and np.array_equal(layer.data, self._written)

    def write(self, inside: Array, name: str, label: str, **known: Any) -> Labels:
        """Show a mask.

        Parameters
        ----------
        inside : (z, y, x) bool array
        name : str
            Of the layer.
        label : str
            What its one region is called.
        **known
            Further entries of ``metadata["connectome"]``.
        """
        layer = self.layer
        if layer is None or not self.ours:
            layer = self.layer = self._take_layer(inside, name, label)
        tell(layer, **known)  # first: whoever hears of the voxels reads what is known of them
        np.copyto(layer.data, inside, casting="unsafe")
        np.copyto(self._written, layer.data)
        results.sign(layer)
        layer.refresh(thumbnail=False, highlight=False, extent=False)
        return layer

    def rest(self) -> None:
        """Do what need not follow every step: the thumbnail in the list of layers."""
        if self.layer is not None and self.layer in self.viewer.layers:
            self.layer.refresh()

    def _take_layer(self, inside: Array, name: str, label: str) -> Labels:
        """The layer of before, where there is one that nobody changed, or a new one."""
        new = Labels(inside.astype(np.uint8), name=name, **layer_kwargs(self.grid))
        layer = results.show(self.viewer, new, self.role, self.owner, guard=True)
        assert isinstance(layer, Labels)
        if layer is new:
            style_regions(layer)
        layer.features = pd.DataFrame({"index": [0, 1], "name": ["outside", label]})
        return layer
