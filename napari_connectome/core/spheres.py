"""Several spheres on one grid: which voxels each has, how many lie in the brain, which of them overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.grid import Grid

Array = npt.NDArray[Any]


class Spheres:
    """Spheres drawn as labels, one of which can be moved at the cost of that one.

    Parameters
    ----------
    table : DataFrame
        Columns x, y, z (centre) and radius in mm, one row a sphere.
    grid : Grid
    mask : (z, y, x) bool array, optional
        The brain.

    Attributes
    ----------
    labels : (z, y, x) array of unsigned integers
        Row + 1 in the voxels of each sphere; where spheres overlap, the last one. Changed in place by `move`.
    voxels : list of int64 arrays
        Flat indices (C order of z, y, x) of each sphere, ascending; empty when it misses the grid.
    counts : (n × 2) int array
        Voxels of each sphere in the grid, and of these in the mask.
    overlaps : dict
        Shared voxels of each pair of rows (low, high) that shares any.
    """

    def __init__(self, table: pd.DataFrame, grid: Grid, mask: Array | None = None) -> None:
        self.grid = grid
        self.mask = mask
        self._centres = table[["x", "y", "z"]].to_numpy(dtype=np.float64).copy()
        self._radii = table["radius"].to_numpy(dtype=np.float64).copy()
        self.labels = np.zeros(grid.shape, dtype=np.min_scalar_type(len(table)))
        self.counts = np.zeros((len(table), 2), dtype=np.int64)
        self.voxels = [np.empty(0, dtype=np.int64)] * len(table)
        self.overlaps: dict[tuple[int, int], int] = {}
        self._marked = np.zeros(self.labels.size, dtype=bool)
        for row in range(len(table)):
            self._place(row)
        for row in range(len(table)):
            self.labels.ravel()[self.voxels[row]] = row + 1
            self._meet(row, [int(other) for other in self._near(row) if other < row])

    def __len__(self) -> int:
        return len(self.voxels)

    def move(self, row: int, centre_mm: npt.ArrayLike, radius_mm: float) -> bool:
        """Put one sphere elsewhere; return whether it has other voxels now."""
        before, near = self.voxels[row], self._near(row)
        self._centres[row], self._radii[row] = centre_mm, radius_mm
        self._place(row)
        if np.array_equal(before, self.voxels[row]):
            return False
        self.overlaps = {pair: n for pair, n in self.overlaps.items() if row not in pair}
        self._meet(row, [int(other) for other in self._near(row) if other != row])
        labels, after = self.labels.ravel(), self.voxels[row]
        labels[before] = labels[after] = 0
        self._marked[before] = self._marked[after] = True
        for other in sorted({*near, *self._near(row)}):
            voxels = self.voxels[other]
            labels[voxels[self._marked[voxels]]] = other + 1
        self._marked[before] = self._marked[after] = False
        return True

    def troubles(self) -> list[str]:
        """What is wrong with the place of each sphere, "" for one that lies in the brain."""
        return [self._trouble(row) for row in range(len(self))]

    def shared(self, names: list[str]) -> list[str]:
        """Which others each sphere overlaps, "" for none."""
        said: list[list[str]] = [[] for _ in range(len(self))]
        for (low, high), n in sorted(self.overlaps.items()):
            voxels = "1 voxel" if n == 1 else f"{n} voxels"
            said[low].append(f"overlaps {names[high]} in {voxels}")
            said[high].append(f"overlaps {names[low]} in {voxels}")
        return ["; ".join(sentences) for sentences in said]

    def _trouble(self, row: int) -> str:
        total, inside = self.counts[row]
        if not np.isfinite(self._centres[row]).all():
            return "no position"
        if total == 0:
            return "outside the grid"
        if self.mask is None or inside == total:
            return ""
        return "no voxel in the brain mask" if inside == 0 else f"{inside} of {total} voxels in the brain"

    def _place(self, row: int) -> None:
        centre = self._centres[row]
        where = self.grid.sphere_voxels(centre, self._radii[row]) if np.isfinite(centre).all() else np.empty(0, dtype=np.int64)
        self.voxels[row] = where
        self.counts[row] = len(where), len(where) if self.mask is None else np.count_nonzero(self.mask.ravel()[where])

    def _near(self, row: int) -> Array:
        """Rows whose sphere may share voxels with this one's, itself among them."""
        apart = np.linalg.norm(self._centres - self._centres[row], axis=1)
        return np.flatnonzero(apart <= self._radii + self._radii[row] + sum(self.grid.voxel_size))

    def _meet(self, row: int, others: list[int]) -> None:
        self._marked[self.voxels[row]] = True
        for other in others:
            shared = int(np.count_nonzero(self._marked[self.voxels[other]]))
            if shared:
                self.overlaps[min(row, other), max(row, other)] = shared
        self._marked[self.voxels[row]] = False
