"""Growing a region, or a seed, into the voxels that correlate with it, and writing what it becomes into a labels layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_connectome.analyses.growth import Growth, grow
from napari_connectome.analyses.seed_map import SeedMapper
from napari_connectome.core.edits import Edit
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origin
from napari_connectome.core.seeds import unique_names
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.region_seed import shared_voxels

Array = npt.NDArray[Any]


class RegionGrowth:
    """What the seed of a map grows to.

    Parameters
    ----------
    mapper : SeedMapper
        Its seed is what the voxels must correlate with: by Pearson's r, whatever statistic is shown.
    seed : int array
        The voxels to grow from, flat ones of the run's grid: the seed's, and those of its region outside the mask.
    layer : Labels, optional
        The layer it is to be written into. Its other regions, and what lies off its grid, are in the way.
    label : int
        The id of the region that grows; 0 where the seed is no region of the layer.

    Attributes
    ----------
    seed : (z, y, x) bool array
    r : (z, y, x) float32 array
        NaN where the region cannot grow to.
    """

    def __init__(self, mapper: SeedMapper, seed: Array, layer: Labels | None = None, label: int = 0) -> None:
        self.grid: Grid = mapper.grid
        self.layer = layer
        self.label = label
        self.r = mapper.correlation()
        self.seed = np.zeros(self.grid.shape, dtype=bool)
        self.seed.reshape(-1)[seed] = True
        if layer is not None:
            self.r[~_free(layer, label, self.grid)] = np.nan

    def added(self, params: Growth) -> Array:
        """The voxels (z, y, x) of bool that the seed gains."""
        return grow(self.r, self.seed, self.grid, params) & ~self.seed

    def write(self, layer: Labels, added: Array, name: str, origin: Origin) -> int:
        """Write what was gained into the layer as one step of its history, and return the region's id.

        A seed that is no region of the layer becomes one, with a new id, of that name. Voxels of other regions stay theirs.
        """
        regions = RegionLayer.of(layer)
        regions.among = (self.grid,)
        before = np.asarray(layer.data)
        present = {int(i) for i in np.unique(before) if i} | set(regions.names)
        label = self.label or max(present, default=0) + 1
        labels = before.astype(np.promote_types(before.dtype, np.min_scalar_type(label)))
        voxels = added if self.label else added | self.seed
        shared = shared_voxels(layer, self.grid)
        labels[shared.second][voxels[shared.first] & _free(layer, label, self.grid)[shared.first]] = label
        sources: dict[int, tuple[int, ...]] = {i: (i,) for i in sorted(present)}
        names = {} if self.label else {label: unique_names([*regions.names.values(), name])[-1]}
        edit = Edit(labels, {label: (), **sources}, names, others={label: (1,)})
        regions.apply(edit, {1: (origin,)})
        return label


def _free(layer: Labels, label: int, grid: Grid) -> Array:
    """Where a region may be written: in the background, and where it is already; (z, y, x) of bool on the run's grid."""
    shared = shared_voxels(layer, grid)
    labels = np.asarray(layer.data)[shared.second]
    free = np.zeros(grid.shape, dtype=bool)
    free[shared.first] = (labels == 0) | (labels == label)
    return free
