"""What belongs to a seed: the voxels joined to it whose correlation with it is high enough."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.crop import Crop
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.neighbours import Neighbours, connected, connectivity_param
from napari_connectome.core.params import Params, param

Array = npt.NDArray[Any]

_FEW = 400
"""Voxels that are quicker added one by one than by looking for the level at which as many are joined to the seed."""


@dataclass(frozen=True, kw_only=True)
class Growth(Params):
    """How far a seed or a region grows into what correlates with it."""

    r: float = param(
        0.5, "Voxels with this correlation or a higher one are added, as far as they are joined to the seed.",
        low=-1.0, high=1.0, step=0.01,
    )  # fmt: skip
    max_size: float = param(
        math.inf, "The seed and what it grows to are at most so large; the highest correlations come first.",
        unit="mm³", low=0.0, step=100.0, off=math.inf,
    )  # fmt: skip
    max_distance: float = param(
        math.inf, "Voxels are at most so far from the nearest voxel of the seed.", unit="mm", low=0.0, step=1.0, off=math.inf
    )
    connectivity: int = connectivity_param()


def grow(r_values: Array, seed: Array, grid: Grid, params: Growth | None = None) -> Array:
    """Add to a seed the voxels that are joined to it and correlate with it.

    Where all of these would be more than `max_size`, they are added one by one, of those that touch the region always the
    one with the highest value (the first in C order of z, y, x of equal ones), as long as there is room. The seed itself
    stays, however large.

    Parameters
    ----------
    r_values : (z, y, x) array
        Correlation with the seed, or any map; voxels that are not finite are not added.
    seed : (z, y, x) array of bool
    grid : Grid
    params : Growth, optional

    Returns
    -------
    (z, y, x) array of bool
        The seed and what it grows to.
    """
    params = Growth.given(params)
    seed = np.asarray(seed) != 0
    if r_values.shape != grid.shape or seed.shape != grid.shape:
        raise InputError(f"the map is {r_values.shape} and the seed {seed.shape}, and both must be {grid.shape} (z, y, x).")
    if not seed.any():
        raise InputError("the seed has no voxel in this grid: paint one, or move it into the image.")
    around = connected(params.connectivity, grid.shape)
    joined = _joined(np.isfinite(r_values) & (r_values >= params.r), seed, around)
    crop = Crop.around(joined, (1, 1, 1))
    grown, start = crop.values, crop.cut(seed)
    if params.max_distance < _diagonal(grown.shape, grid):
        near = _distance(start, grid) <= params.max_distance + 1e-6
        grown = _joined(grown & near, start, around)
    room = math.inf if math.isinf(params.max_size) else math.floor(params.max_size / grid.voxel_volume + 1e-6)
    if np.count_nonzero(grown) > room:
        values = np.where(grown, crop.cut(r_values), -np.inf)
        grown = _highest(values, start, max(int(room), int(np.count_nonzero(start))), around)
    return crop.put_back(grown)


def _joined(candidates: Array, seed: Array, around: Neighbours) -> Array:
    """The seed and the candidates connected with it; bool."""
    from scipy.ndimage import label

    parts, count = label(candidates | seed, around.cube)
    wanted = np.zeros(count + 1, dtype=bool)
    wanted[parts[seed]] = True
    return np.asarray(wanted[parts])


def _diagonal(shape: tuple[int, ...], grid: Grid) -> float:
    return float(np.linalg.norm(np.array(shape) * grid.voxel_size[::-1]))


def _distance(seed: Array, grid: Grid) -> Array:
    """Millimetres from every voxel to the nearest one of the seed."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~seed, sampling=grid.voxel_size[::-1]))


def _highest(values: Array, seed: Array, size: int, around: Neighbours) -> Array:
    """The seed grown to so many voxels, of those that touch it always the one with the highest value next.

    As long as a lower level joins no more voxels to the seed than there is room for, these come before all others, in
    whatever order: they are added at once. The first level that joins too many has but few ways in, so that it starts again
    from there, with what that level joins.
    """
    crop = Crop.around(_around_the_level(values, seed, size, around), (1, 1, 1))
    values, grown = np.where(crop.values, crop.cut(values), -np.inf), crop.cut(seed)
    while True:
        before = np.count_nonzero(grown)
        grown, values = _down_to_a_level(values, grown, size, around)
        now = int(np.count_nonzero(grown))
        if size - now <= _FEW or now - before <= _FEW:
            return crop.put_back(_one_by_one(values, grown, size - now, around))
        grown = _one_by_one(values, grown, 1, around)


def _around_the_level(values: Array, seed: Array, size: int, around: Neighbours) -> Array:
    """What some level joins to the seed, a few times more voxels than there is room for; bool."""
    others = values[~seed & (values > -np.inf)]
    count = size
    while count < len(others):
        level = np.partition(others, len(others) - count)[len(others) - count]
        part = _joined(values >= level, seed, around)
        if np.count_nonzero(part) > size:
            return part
        count *= 2
    return seed | (values > -np.inf)


def _down_to_a_level(values: Array, seed: Array, size: int, around: Neighbours) -> tuple[Array, Array]:
    """What the lowest level joins to the seed that joins no more voxels than there is room for; the values it goes on with."""
    levels = np.unique(values[~seed & (values > -np.inf)])[::-1]
    fits, best, too_low = -1, seed, len(levels)
    while too_low - fits > 1:
        middle = (fits + too_low) // 2
        part = _joined(values >= levels[middle], seed, around)
        if np.count_nonzero(part) <= size:
            fits, best = middle, part
        else:
            too_low, values = middle, np.where(part, values, -np.inf)
    return best, values


def _one_by_one(values: Array, region: Array, count: int, around: Neighbours) -> Array:
    """Add so many voxels to a region, of those that touch it always the one with the highest value."""
    steps = [int(step) for step in around.steps(values.shape)[1:]]
    flat, grown = values.reshape(-1), region.copy()
    inside = grown.reshape(-1)
    seen = inside | (flat == -np.inf)
    rim = around.spread(region, np.logical_or).reshape(-1) & ~seen
    heap = [(-value, i) for value, i in zip(flat[rim].tolist(), np.flatnonzero(rim).tolist(), strict=True)]
    heapq.heapify(heap)
    seen |= rim
    for _ in range(count):
        if not heap:
            break
        _, i = heapq.heappop(heap)
        inside[i] = True
        for step in steps:
            if not seen[i + step]:
                seen[i + step] = True
                heapq.heappush(heap, (-float(flat[i + step]), i + step))
    return grown
