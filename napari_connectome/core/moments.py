"""Mean and spread of groups of a run's volumes, smoothed in space, without ever holding the smoothed run.

Smoothing is linear, so the smoothed mean is the mean smoothed once. What is squared is smoothed after the group's own raw
mean was taken off: constant voxels give exact zeros, and rounding is in proportion to the changes, not to the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import Progress, silent
from napari_connectome.core.smoothing import apply_axes, axis_matrices, float_like, smooth_array
from napari_connectome.core.values import Run

Array = npt.NDArray[Any]

AT_ONCE = 1 << 20
"""Voxels smoothed together: as many volumes as fit, and one at least."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and spread of a group of volumes.

    Parameters
    ----------
    n : int or array of them
        Number of volumes; of subjects, where it differs from element to element.
    mean : (z, y, x) float64 array
        Of the smoothed volumes, less the smoothed reference.
    squares : (z, y, x) float64 array
        Sum of the squared differences from the mean.
    """

    n: Any
    mean: Array
    squares: Array


def raw_mean(data: Array, volumes: Array, progress: Progress = silent) -> Array:
    """The mean (z, y, x) float64 of some volumes of `data` (t, z, y, x); NaN and infinities count as 0.

    A voxel that is constant over the volumes has exactly that value.
    """
    total = np.zeros(data.shape[1:])
    if not len(volumes):
        return total
    exact = data.dtype.kind in "biu" and data.dtype.itemsize <= 4  # sums of such integers are right to the last bit
    reference = np.zeros(data.shape[1:]) if exact else _finite(data[volumes[0]]).astype(np.float64)
    change = np.empty_like(total)
    for done, i in enumerate(volumes, 1):
        total += data[i] if exact else np.subtract(_finite(data[i]), reference, out=change)
        progress(done / len(volumes), "averaging")
    total /= len(volumes)
    total += reference
    return total


def smoothed_moments(
    run: Run, volumes: Array, mean: Array, reference: Array, fwhm: float, progress: Progress = silent
) -> Moments:
    """Mean and spread of some volumes of a run after smoothing.

    Parameters
    ----------
    run : Run
        NaN and infinities count as 0 before smoothing.
    volumes : (n,) int array
    mean : (z, y, x) float64 array
        `raw_mean` of these volumes.
    reference : (z, y, x) float64 array
        An image near to it, not smoothed; what `Moments.mean` is less.
    fwhm : float
        mm; 0 is off.
    progress : Progress
    """
    kind, size = float_like(run.data.dtype), run.grid.voxel_size
    level = mean.astype(kind)
    squares = np.zeros(run.grid.shape)
    step = max(1, min(len(volumes), AT_ONCE // squares.size))
    changes = np.empty((step, *run.grid.shape), dtype=kind)
    matrices = axis_matrices(run.grid.shape, fwhm, size, kind) if fwhm else []
    for start in range(0, len(volumes), step):
        some = volumes[start : start + step]
        for change, i in zip(changes, some, strict=False):
            np.subtract(_finite(run.data[i]), level, out=change, casting="same_kind")
        block = changes[: len(some)]
        for change in apply_axes(block, matrices) if matrices else block:
            squares += np.square(change, dtype=np.float64)
        progress(min(0.9, (start + step) / len(volumes)), "smoothing")
    # What rounding the level left in every volume, which is no spread.
    squares -= len(volumes) * np.square(smooth_array((mean - level).astype(kind), fwhm, size), dtype=np.float64)
    np.maximum(squares, 0, out=squares)
    progress(0.95, "smoothing")
    smoothed = smooth_array(mean - reference, fwhm, size)
    progress(1.0, "smoothing")
    return Moments(len(volumes), smoothed, squares)


def _finite(volume: Array) -> Array:
    if volume.dtype.kind != "f" or np.isfinite(volume).all():
        return volume
    return np.asarray(np.nan_to_num(volume, nan=0.0, posinf=0.0, neginf=0.0))
