"""Maps taken apart: which weights are large enough, and what they make up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from napari_connectome.core.grid import Grid
from napari_connectome.core.peaks import peaks
from napari_connectome.core.percentile import percentile
from napari_connectome.core.random_walker import random_walker
from napari_connectome.core.region_maps import Support, finite
from napari_connectome.core.smoothing import FWHM_PER_SIGMA, TRUNCATE, kernel_radius

Array = npt.NDArray[Any]
EXTRA = 1e-5
"""Added to a percentile, as nilearn does."""


@dataclass(frozen=True)
class Way:
    """How maps are taken apart.

    Parameters
    ----------
    level : float
        Weights of this size are kept.
    signed : bool
        Only positive ones.
    peaks : bool
        Around each peak by a random walker; into what is connected otherwise.
    fwhm : float
        mm of the Gaussian that smooths maps before peaks are sought.
    """

    level: float
    signed: bool
    peaks: bool
    fwhm: float


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of one map, in the order of nilearn.

    Parameters
    ----------
    voxels : (n,) int array
        Flat indices in C order of z, y, x; part after part, ascending in each.
    weights : (n,) array
    ends : (p,) int array
        Where each part ends in them.
    """

    voxels: Array
    weights: Array
    ends: Array

    @property
    def sizes(self) -> Array:
        """Voxels of each part (p,)."""
        return np.diff(self.ends, prepend=0)

    def larger_than(self, size: float) -> list[Support]:
        """The parts with more voxels than this."""
        sizes = self.sizes
        spans = [slice(self.ends[i] - sizes[i], self.ends[i]) for i in np.flatnonzero(sizes > size)]
        return [(self.voxels[span], self.weights[span]) for span in spans]


class MapParts:
    """Maps (k, z, y, x) on a grid that are taken apart in one way after another; the parts of the last way are kept."""

    def __init__(self, maps: Array, grid: Grid) -> None:
        maps = np.asarray(maps)
        exact = maps.dtype.kind == "f" and maps.dtype.itemsize >= 4
        self._maps, self.grid = finite(maps if exact else maps.astype(np.float32)), grid
        self._kept: dict[int, tuple[Way, Parts]] = {}

    def __len__(self) -> int:
        return len(self._maps)

    @cached_property
    def _sizes(self) -> Array:
        """The sizes of all weights that are not 0, ascending."""
        return np.sort(np.concatenate([np.abs(image[image != 0]) for image in self._maps]))

    @cached_property
    def _positive(self) -> Array:
        return np.sort(np.concatenate([image[image > 0] for image in self._maps]))

    @property
    def largest(self) -> float:
        """The size of the largest weight."""
        return float(self._sizes[-1]) if len(self._sizes) else 0.0

    @property
    def highest(self) -> float:
        """The largest positive weight; 0 where there is none."""
        return float(self._positive[-1]) if len(self._positive) else 0.0

    def ratio_level(self, ratio: float) -> float:
        """The level that leaves as many weights of all maps as one map has voxels, times `ratio` (above 0, up to k)."""
        return percentile(self._sizes, 100.0 - (100.0 / len(self)) * ratio, self._maps.size - len(self._sizes))

    def percentile_level(self, percent: float, signed: bool) -> float:
        """The level at a percentile of the weights of all voxels of all maps; of those not negative where `signed`."""
        if not signed:
            return percentile(self._sizes, percent, self._maps.size - len(self._sizes)) + EXTRA
        return percentile(self._positive, percent, self._maps.size - len(self._sizes)) + EXTRA

    def of_map(self, i: int, way: Way, check: Callable[[], None] = lambda: None) -> Parts:
        """The parts of a map; `check` is called now and then and may raise."""
        known = self._kept.get(i)
        if known is None or known[0] != way:
            known = self._kept[i] = way, _taken_apart(self._maps[i], self.grid, way, check)
        return known[1]


def _taken_apart(image: Array, grid: Grid, way: Way, check: Callable[[], None]) -> Parts:
    level = _least(way.level, image.dtype)
    there: Array = image >= level
    if not way.signed:
        there |= image <= -level
    if level <= 0:
        there &= image != 0
    if not there.any():
        return Parts(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32), np.empty(0, dtype=np.intp))
    margin = [kernel_radius(way.fwhm, size) if way.peaks else 0 for size in grid.voxel_size[::-1]]
    box = _box(there, margin)
    # With x slowest, in which order nilearn counts and sums up.
    part = np.where(there[box], image[box], 0).T.astype(np.float64, order="C")
    labels = _local_regions(part, image.size, grid, way.fwhm, check) if way.peaks else _connected(part)
    return _grouped(np.ascontiguousarray(labels.T), box, image)


def _connected(part: Array) -> Array:
    from scipy.ndimage import label

    return np.asarray(label(part)[0])


def _local_regions(part: Array, n: int, grid: Grid, fwhm: float, check: Callable[[], None]) -> Array:
    """The region of each voxel around the peaks of a map (x, y, z) that is 0 in the rest of its n voxels."""
    from scipy.ndimage import gaussian_filter1d, label

    smooth = part.copy()
    for axis, size in enumerate(grid.voxel_size):
        check()
        if fwhm > 0:
            gaussian_filter1d(smooth, fwhm / (FWHM_PER_SIGMA * size), axis, output=smooth, truncate=TRUNCATE)
    check()
    seeds = label(peaks(smooth))[0]
    seeds[part == 0] = -1
    values = part[part != 0]
    mean = values.sum() / n
    spread = np.sqrt((((values - mean) ** 2).sum() + (n - len(values)) * mean**2) / n)
    return random_walker(part, seeds, float(spread), check)


def _least(level: float, kind: np.dtype[Any]) -> np.floating[Any]:
    """The least number of a type that is not below the level: rounding it down would let others in."""
    least = kind.type(level)
    if float(least) < level:
        least = np.nextafter(least, kind.type(np.inf))
    return cast("np.floating[Any]", least)


def _box(there: Array, margin: list[int]) -> tuple[slice, ...]:
    """The box (z, y, x) around what is there, with a margin as far as the grid goes."""
    flat: Array = np.any(there, axis=0)
    lines = (there.any(axis=(1, 2)), flat.any(axis=1), flat.any(axis=0))
    ends = [np.flatnonzero(line)[[0, -1]] for line in lines]
    return tuple(slice(max(0, low - m), high + m + 1) for (low, high), m in zip(ends, margin, strict=True))


def _grouped(labels: Array, box: tuple[slice, ...], image: Array) -> Parts:
    """The parts from the labels (z, y, x) of a box of an image; labels may have gaps."""
    where = np.flatnonzero(labels)
    found = labels.reshape(-1)[where]
    where = where[np.argsort(found, kind="stable")]
    inside = np.unravel_index(where, labels.shape)
    voxels = np.ravel_multi_index([axis + cut.start for axis, cut in zip(inside, box, strict=True)], image.shape)
    sizes = np.bincount(found)
    return Parts(voxels, image.reshape(-1)[voxels].astype(np.float32, copy=False), np.cumsum(sizes[sizes > 0]))
