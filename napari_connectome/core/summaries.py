"""One series for several voxels: their mean, their median, or what they have most in common.

Sets of voxels (r of them) are flat indices (C order of z, y, x); they may overlap, and an empty one gets NaN. Everything is
accumulated in float64, whatever the type of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core import memory
from napari_connectome.core.errors import Progress, part, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.smoothing import float_like
from napari_connectome.core.threads import one_thread
from napari_connectome.core.weighted_sums import reader, weighted_sums

Array = npt.NDArray[Any]
Sets = Sequence[Array]

AT_ONCE = 2**22
"""Values looked at together: some tens of MB, whatever the run's size."""
GATHERED = 2**28
"""Bytes of voxel series that are held together for first eigenvariates."""


def means(data: Array, grid: Grid, sets: Sets, volumes: Array, fwhm: float = 0.0, progress: Progress = silent) -> Array:
    """Mean of each set in each of some volumes.

    Parameters
    ----------
    data : (t, z, y, x) array
    grid : Grid
    sets : r int arrays
    volumes : (n,) int array
        Which volumes.
    fwhm : float
        mm; 0 is off.
    progress : Progress

    Returns
    -------
    (n × r) float64 array
    """
    counts = np.array([len(voxels) for voxels in sets])
    out = weighted_sums(data, grid, [(voxels, np.ones(len(voxels))) for voxels in sets], volumes, fwhm, progress)
    return np.asarray(np.divide(out, counts, out=np.full_like(out, np.nan), where=counts > 0))


def medians(data: Array, grid: Grid, sets: Sets, volumes: Array, fwhm: float = 0.0, progress: Progress = silent) -> Array:
    """Median of each set in each of some volumes, (n × r) float64; see `means`.

    Of an even number of voxels it is the mean of the middle two.
    """
    read = reader(data, grid, np.concatenate([*sets, np.empty(0, dtype=np.int64)]).astype(np.int64), fwhm)
    out = np.full((len(volumes), len(sets)), np.nan)
    start = np.cumsum([0, *map(len, sets)])
    step = max(1, AT_ONCE // max(1, start[-1]))
    for row in range(0, len(volumes), step):
        block = np.stack([read(t) for t in volumes[row : row + step]])
        for i, (low, high) in enumerate(pairwise(start)):
            n = high - low
            if n:
                middle = [(n - 1) // 2, n // 2]
                ordered = np.partition(block[:, low:high], middle, axis=1)
                out[row : row + step, i] = ordered[:, middle].astype(np.float64).mean(axis=1)
        progress(min(1.0, (row + step) / len(volumes)), "medians over regions")
    return out


def eigenvariates(
    data: Array,
    grid: Grid,
    sets: Sets,
    volumes: Array,
    fwhm: float = 0.0,
    matrix: Array | None = None,
    progress: Progress = silent,
) -> Array:
    """First eigenvariate of each set, as SPM extracts it from a region.

    The cleaned series of the voxels, each with its mean taken off, are decomposed by singular values; the first left singular
    vector times its singular value over the square root of the number of voxels is the result. Its sign is that of its
    product with the mean series.

    Parameters
    ----------
    data, grid, sets, volumes, fwhm, progress
        See `means`.
    matrix : (t' × n) array, optional
        Cleans series of these volumes.

    Returns
    -------
    (t' × r) float64 array
        0 where the voxels do not change.
    """
    rows = len(volumes) if matrix is None else len(matrix)
    out = np.full((rows, len(sets)), np.nan)
    done, total = 0, max(1, sum(map(len, sets)))
    kind = np.dtype(float_like(data.dtype)) if fwhm > 0 else data.dtype
    for group in _groups(sets, len(volumes) * kind.itemsize):
        size = sum(len(sets[i]) for i in group)
        memory.require(size * len(volumes) * kind.itemsize, "the first eigenvariate of regions")
        read = reader(data, grid, np.concatenate([sets[i] for i in group]), fwhm)
        block = np.empty((len(volumes), size), dtype=kind)
        share = size / total
        for row, t in enumerate(volumes):
            block[row] = read(t)
            progress(done / total + 0.5 * share * (row + 1) / len(volumes), "reading voxels")
        low = 0
        for i in group:
            high = low + len(sets[i])
            before, after = (done / total + share * (0.5 + 0.5 * end / size) for end in (low, high))
            with one_thread():  # hundreds of small products, which two threads only slow down
                out[:, i] = _eigenvariate(block[:, low:high], matrix, part(progress, before, after))
            low = high
        done += size
    return out


def _eigenvariate(series: Array, matrix: Array | None, progress: Progress) -> Array:
    from scipy.linalg import eigh

    n, few = series.shape[1], max(1, AT_ONCE // len(series))
    rows = len(series) if matrix is None else len(matrix)
    wide = n > rows
    gram, mean, level = np.zeros((rows, rows)) if wide else np.empty(0), np.zeros(rows), 0.0
    for start in range(0, n, few) if wide else (0,):
        progress(start / n, "first eigenvariates")
        some = series[:, start : start + few] if wide else series
        columns, levels = _cleaned(some.astype(np.float64), matrix)
        mean += columns.sum(axis=1)
        level = max(level, float(levels.max()))
        gram = gram + columns @ columns.T if wide else columns.T @ columns
    last = len(gram) - 1
    (value,), vectors = eigh(gram, subset_by_index=(last, last), overwrite_a=True)
    size = float(np.sqrt(max(value, 0.0)))
    if size <= 1e-12 * level * np.sqrt(n * rows):  # only rounding is left of constant voxels
        return np.zeros(rows)
    first = vectors[:, 0] if wide else columns @ vectors[:, 0] / size
    return np.asarray(np.where(first @ mean < 0, -1.0, 1.0) * first * size / np.sqrt(n))


def _cleaned(columns: Array, matrix: Array | None) -> tuple[Array, Array]:
    """Columns cleaned, with their means taken off, and the magnitudes (n,) of what they were."""
    level = columns.mean(axis=0)
    columns -= level
    if matrix is not None:
        tilt = matrix.sum(axis=1)
        columns = matrix @ columns + np.outer(tilt - tilt.mean(), level)
        columns -= columns.mean(axis=0)
    return columns, np.abs(level)


def _groups(sets: Sets, bytes_a_voxel: int) -> Iterator[list[int]]:
    """Sets that are not empty, in order, in groups whose series together take no more than `GATHERED` bytes, or one alone."""
    group: list[int] = []
    size = 0
    for i, voxels in enumerate(sets):
        if not len(voxels):
            continue
        if group and (size + len(voxels)) * bytes_a_voxel > GATHERED:
            yield group
            group, size = [], 0
        group.append(i)
        size += len(voxels)
    if group:
        yield group
