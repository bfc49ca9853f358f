"""The voxels of the seeds as outlines in the viewer, kept equal to the seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Labels

from napari_connectome.core.spheres import Spheres
from napari_connectome.layers import results
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.spatial import info, layer_kwargs
from napari_connectome.layers.styles import SEED_COLOR, style_outline

Array = npt.NDArray[Any]

ROLE = "seed spheres"
OPACITY = 0.6
"""An outline is a voxel wide, and so most of a small sphere: what is beneath should be seen."""


class SeedSpheres:
    """Draws the spheres of a `SeedPoints` in a labels layer of its own.

    Parameters
    ----------
    viewer : ViewerModel
    seeds : SeedPoints
    mask : (z, y, x) bool array, optional
        The brain, on the grid of the seeds.

    Attributes
    ----------
    spheres : Spheres
        Voxels, counts and overlaps of the table as it is.
    layer : Labels or None
        Row + 1 in the voxels of each seed; None before the first seed, and after somebody took the layer away.
    """

    def __init__(self, viewer: ViewerModel, seeds: SeedPoints, mask: Array | None = None) -> None:
        self.viewer = viewer
        self.seeds = seeds
        self.mask = mask
        self.layer: Labels | None = None
        self._wanted = True
        self._stale = False
        viewer.layers.events.removed.connect(self._on_removed)
        self.update()

    def close(self) -> None:
        """Stop following the viewer; the layer stays with the user."""
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    @property
    def shown(self) -> bool:
        """Whether the spheres are to be seen. Setting it brings back a layer that was taken away."""
        return self._wanted and (self.layer is None or bool(self.layer.visible))

    @shown.setter
    def shown(self, shown: bool) -> None:
        self._wanted = shown
        if self.layer is not None:
            self.layer.visible = shown
        if shown:
            self.update()

    def update(self) -> None:
        """Draw the whole table anew."""
        table = self.seeds.table
        self.spheres = Spheres(table, self.seeds.grid, self.mask)
        self._stale = False
        if not self._wanted or (self.layer is None and not len(table)):
            return
        new = results.find(self.viewer, ROLE) is None
        self.layer = results.show(self.viewer, self._new_layer(table), ROLE)
        if new:
            style_outline(self.layer, SEED_COLOR)
            self.layer.opacity = OPACITY
            self.layer.editable = False
            points = self.viewer.layers.index(self.seeds.layer)
            self.viewer.layers.move(self.viewer.layers.index(self.layer), points)  # beneath, so that points can be seen
        else:
            self.layer.features = _features(table)

    def follow(self, row: int) -> None:
        """Draw one seed where it is now: quick enough for every step of a drag."""
        if row >= len(self.spheres) or len(self.spheres) != len(self.seeds):
            return
        if self.spheres.move(row, self.seeds.mm[row], self.seeds.radii[row]):
            self._stale = True
            if self.layer is not None:
                self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def finish(self) -> None:
        """Bring what `follow` left out, the thumbnail, up to date."""
        if self._stale and self.layer is not None:
            self.layer.refresh()
        self._stale = False

    def _new_layer(self, table: pd.DataFrame) -> Labels:
        kwargs = layer_kwargs(self.seeds.grid, role=ROLE)
        return Labels(self.spheres.labels, name="Seed spheres", features=_features(table), **kwargs)

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer = None
            self._wanted = False


def _features(table: pd.DataFrame) -> pd.DataFrame:
    """One row a label, for the status bar; the background first, as napari counts."""
    names = ["", *table["name"]]
    return pd.DataFrame({"index": np.arange(len(names)), "name": names})


def is_spheres(layer: Any) -> bool:
    """Whether the layer shows the spheres of seeds."""
    return info(layer).get("role") == ROLE
