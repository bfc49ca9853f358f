"""Labels that a widget keeps writing, until somebody paints in them: then they are theirs, and a new layer follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_connectome.core.grid import Grid
from napari_connectome.core.values import as_label_type
from napari_connectome.layers import results
from napari_connectome.layers.spatial import info, layer_kwargs, names_in, placement, tell
from napari_connectome.layers.styles import distinct_colors, draw_lines

Array = npt.NDArray[Any]

COLORS = distinct_colors(252)
"""Of the labels, by number."""
OPACITY = {2: 1.0, 3: 0.5}
"""Of outlined labels in planes, where they have the colours of the table and the map is seen within them; and in 3-D, where
there are no outlines and the map is seen through them."""


class LiveLabels:
    """Keeps one labels layer equal to the labels written last.

    Parameters
    ----------
    viewer : ViewerModel
    role, owner : str
        What the layer is known by; see `results.show`.
    outlined : bool
        Whether the map beneath is to be seen, too.
    """

    def __init__(self, viewer: ViewerModel, role: str, owner: str, outlined: bool = False) -> None:
        self.viewer = viewer
        self.role = role
        self.owner = owner
        self._outlined = outlined
        self._ndisplay = viewer.dims.ndisplay
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)
        self._layer: Labels | None = None
        self._written: Array | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer; None before the first labels are written, and after somebody took it out of the viewer."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    @property
    def ours(self) -> bool:
        """Whether the layer is there and holds what was written, nothing else, under the names that were written."""
        layer = self.layer
        if layer is None or self._written is None or not np.array_equal(layer.data, self._written):
            return False
        return _unnamed(layer)

    def write(self, labels: Array, grid: Grid, name: str, features: pd.DataFrame, **known: Any) -> Labels:
        """Show labels.

        Parameters
        ----------
        labels : (z, y, x) array of unsigned integers
        grid : Grid
        name : str
            Of the layer; a name that somebody gave it stays.
        features : DataFrame
            With the columns index and name.
        **known
            Further entries of ``metadata["connectome"]``.

        Returns
        -------
        Labels
            The layer of before, or a new one.
        """
        labels = as_label_type(labels)
        if self.layer is not None and not self.ours:
            self.leave()
        layer = self.layer
        if layer is None or layer.data.shape != labels.shape or layer.data.dtype != labels.dtype:
            layer = self._take_layer(labels, grid, name)
        elif layer.name.split(" [")[0] == info(layer).get("title") != name:
            layer.name = name
        layer.scale, layer.translate = placement(grid)
        tell(
            layer, grid=grid, title=name, said=names_in(features), **known
        )  # first: whoever hears of the voxels reads what is known of them
        if not layer.features.equals(features):
            layer.features = features
        self._written = labels.copy()
        if not np.array_equal(layer.data, labels):
            np.copyto(layer.data, labels)
            layer.refresh(thumbnail=False, highlight=False, extent=False)
        results.sign(layer)
        return layer

    def rest(self) -> None:
        """Do what need not follow every step: the thumbnail in the list of layers."""
        layer = self.layer
        if layer is not None:
            layer.refresh(data_displayed=False, highlight=False, extent=False)

    def leave(self) -> None:
        """Give the layer to the person who uses it; the next labels are written to a new one."""
        layer, self._layer, self._written = self.layer, None, None
        if layer is not None:
            tell(layer, role="labels", owner="")

    def _take_layer(self, labels: Array, grid: Grid, name: str) -> Labels:
        """The layer of before, where there is one that nobody changed, or a new one."""
        old = results.find(self.viewer, self.role, self.owner)
        if isinstance(old, Labels) and not _unnamed(old):
            tell(old, role="labels", owner="")  # made by another of the same owner, and somebody has named its regions since
        new = Labels(labels.copy(), name=name, **layer_kwargs(grid))
        layer = results.show(self.viewer, new, self.role, self.owner, guard=True)
        assert isinstance(layer, Labels)
        if layer is new:
            layer.colormap = CyclicLabelColormap(colors=COLORS)
            layer.blending = "translucent_no_depth"  # in 3-D, too, they lie over the maps they were cut from
            layer.opacity = 1.0  # in the colours of the table: a map that shines through mixes others
            if self._outlined:
                draw_lines(layer)
                layer.opacity = OPACITY[self.viewer.dims.ndisplay]
        self._layer = layer
        return layer

    def _on_ndisplay(self) -> None:
        """Let the map be seen in this view, too, unless somebody chose an opacity."""
        before, self._ndisplay = self._ndisplay, self.viewer.dims.ndisplay
        layer = self.layer
        if self._outlined and layer is not None and layer.opacity == OPACITY[before]:
            layer.opacity = OPACITY[self._ndisplay]


def _unnamed(layer: Labels) -> bool:
    """Whether nobody gave a region another name; others may leave out those that have no voxel."""
    said = info(layer).get("said") or {}
    return all(said.get(i) == name for i, name in names_in(layer.features).items())
