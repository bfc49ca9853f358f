"""Where two grids share voxels, when one is a part of the other or both are parts of a larger one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_connectome.core.grid import Grid

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Overlap:
    """The voxels two grids share, as slices (z, y, x) into each; empty ones where the grids lie apart."""

    first: Box
    second: Box

    @property
    def empty(self) -> bool:
        """Whether there is no such voxel."""
        return any(each.stop <= each.start for each in self.first)


def overlap(first: Grid, second: Grid) -> Overlap | None:
    """Return what two grids share; None when the voxels of one are no voxels of the other, however far both were extended."""
    voxels = np.linalg.solve(first.affine, second.affine)
    start = np.rint(voxels[:3, 3])
    if not (np.allclose(voxels[:3, :3], np.eye(3), atol=1e-4) and np.allclose(voxels[:3, 3], start, atol=1e-2)):
        return None
    pairs = []
    for begin, size, other in zip(start[::-1].astype(int).tolist(), first.shape, second.shape, strict=True):
        low, high = max(0, begin), min(size, begin + other)
        high = max(low, high)
        pairs.append((slice(low, high), slice(low - begin, high - begin)))
    z, y, x = pairs
    return Overlap((z[0], y[0], x[0]), (z[1], y[1], x[1]))
