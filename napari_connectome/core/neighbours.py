"""Which voxels are neighbours: over faces, edges and corners, or in a ball; and what is spread over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.grid import Grid
from napari_connectome.core.params import param

Array = npt.NDArray[Any]

_FARTHEST = {6: 1, 18: 2, 26: 3}
"""How many of its three indices may differ between a voxel and a neighbour."""


def connectivity_param(default: int = 6) -> Any:
    """The field of a `Params` class that says which voxels are connected."""
    return param(
        default, "Neighbours of a voxel: over faces (6), over edges too (18), or over corners too (26).", choices=(6, 18, 26)
    )


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A voxel and those around it, the same for every voxel.

    Along an axis of one voxel nothing has a neighbour, so that in a grid one slice thick everything happens in the plane.

    Parameters
    ----------
    offsets : (n × 3) int array
        dz, dy, dx, sorted by distance, so (0, 0, 0) first. With each its opposite; along x without gaps.
    distances : (n,) array
        In mm for a ball; 1 for all neighbours otherwise, which are neighbours alike.
    """

    offsets: Array
    distances: Array

    @cached_property
    def reach(self) -> tuple[int, int, int]:
        """How far the neighbours lie along z, y, x."""
        z, y, x = self.offsets.max(axis=0)
        return int(z), int(y), int(x)

    @cached_property
    def cube(self) -> Array:
        """The neighbours of the middle voxel of a cube of bool, as ``scipy.ndimage`` calls for them."""
        middle = max(1, *self.reach)
        cube = np.zeros((2 * middle + 1,) * 3, dtype=bool)
        cube[tuple((self.offsets + middle).T)] = True
        return cube

    @cached_property
    def rows(self) -> list[tuple[int, int, int, int]]:
        """The neighbours as rows along x: dz, dy, first dx, number of voxels."""
        rows: dict[tuple[int, int], list[int]] = {}
        for dz, dy, dx in self.offsets.tolist():
            rows.setdefault((dz, dy), []).append(dx)
        return [(dz, dy, min(along), len(along)) for (dz, dy), along in rows.items()]

    def steps(self, shape: tuple[int, ...]) -> Array:
        """The offsets (n,) as steps in a flat array (C order) of this shape."""
        return np.asarray(self.offsets @ np.array([shape[1] * shape[2], shape[2], 1]))

    def spread(self, values: Array, how: np.ufunc) -> Array:
        """Combine the values of each voxel's neighbours with `how`: maximum or logical_or dilates, minimum erodes.

        Parameters
        ----------
        values : (z, y, x) array, contiguous
            With a border at least as wide as the reach of what counts in it: nothing is said about the border itself.
        how : numpy.ufunc
            One that does not mind taking a value twice: maximum, minimum, logical_or, logical_and.
        """
        flat = values.ravel()
        # A row of n voxels is combined once and then shifted to wherever the neighbours have such a row.
        by_length, longest = {1: flat}, max(n for *_, n in self.rows)
        for n in range(2, longest + 1):
            by_length[n] = by_length[n - 1].copy()
            _combine(how, by_length[n], flat, n - 1)
        out = flat.copy()
        for dz, dy, dx, n in self.rows:
            _combine(how, out, by_length[n], (dz * values.shape[1] + dy) * values.shape[2] + dx)
        return out.reshape(values.shape)


def _combine(how: np.ufunc, out: Array, values: Array, step: int) -> None:
    """Combine the value `step` further on into each of `out`, in place; both flat."""
    here = slice(max(0, -step), len(out) - max(0, step))
    there = slice(max(0, step), len(out) - max(0, -step))
    how(out[here], values[there], out=out[here])


def connected(connectivity: int, shape: tuple[int, ...]) -> Neighbours:
    """Neighbours over faces (6), edges too (18) or corners too (26) in a grid of shape (z, y, x)."""
    around = _cube([min(1, n - 1) for n in shape])
    differ = np.abs(around).sum(axis=1)
    near = differ <= _FARTHEST[connectivity]
    return _sorted(around[near], np.sign(differ[near]).astype(np.float64))


def ball(radius: float, grid: Grid) -> Neighbours:
    """The voxels whose centre is at most `radius` mm away."""
    z, y, x = grid.voxel_size[::-1]
    widest = [min(int(radius / size * (1 + 1e-9)), n - 1) for size, n in zip((z, y, x), grid.shape, strict=True)]
    around = _cube(widest)
    distances = np.linalg.norm(around * np.array([z, y, x]), axis=1)
    near = distances <= radius * (1 + 1e-9)
    # Rounded, so that what is equally far is so whatever its direction.
    return _sorted(around[near], distances[near].round(6))


def _cube(widest: list[int]) -> Array:
    axes = (np.arange(-w, w + 1) for w in widest)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _sorted(offsets: Array, distances: Array) -> Neighbours:
    order = np.argsort(distances, kind="stable")
    return Neighbours(offsets[order], distances[order])
