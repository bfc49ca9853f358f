"""How an image from a file is shown: as labels or as gray values, and between which limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.layers.styles import thresholded

Array = npt.NDArray[Any]
SAMPLE = 400_000
"""Voxels looked at for contrast limits."""


def limits(data: Array) -> tuple[float, float]:
    """Contrast limits for (z, y, x) or (t, z, y, x) data: robust, and (-limit, limit) for a map of both signs."""
    values = _sample(data)
    if values.size == 0 or values.min() == values.max():  # few voxels hold anything: look at all of them
        values = _sample(data, data.size) if data.ndim == 3 else values
    if values.size == 0:
        return 0.0, 1.0
    inside = values[values != 0]
    if inside.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(inside, (0.5, 99.5)))
    if data.dtype.kind == "f" and low < 0 < high and min(-low, high) > 0.1 * max(-low, high):
        top = max(-low, high)
        return -top, top
    if values.min() >= 0 and (inside.size < values.size or low < 0.5 * high):
        low = 0.0
    if low == high:  # one value everywhere
        return (0.0, high) if high > 0 else (low, 0.0)
    return low, high


def diverging(low_high: tuple[float, float]) -> Any:
    """A colormap with two ramps for symmetric limits, gray for others."""
    low, high = low_high
    return thresholded(high, 0.0) if low == -high else "gray"


def _sample(data: Array, count: int = SAMPLE) -> Array:
    """Finite values from all over the data, float64, without a copy of the whole."""
    if data.ndim == 4:
        data = data[:: max(len(data) // 4, 1)]
    stride = max(int(np.ceil((data.size / count) ** (1 / 3))), 1)
    where: tuple[Any, ...] = (..., *(slice(min(stride // 2, n // 2), None, stride) for n in data.shape[-3:]))
    thin = data[where]
    values = np.asarray(thin, dtype=np.float64).ravel()
    return values[np.isfinite(values)]


def looks_like_labels(data: Array, said: bool = False) -> bool:
    """Whether (z, y, x) data are labels.

    Whole numbers of 0 or more, and either only 0 and 1, or `said` to be labels by header or name, or most neighbours
    that are not background equal, which an image of gray values is only when it is smooth and coarse.
    """
    if data.dtype.kind not in "buif" or not _are_whole(data):
        return False
    top = data.max()
    if top == 0 or top > np.iinfo(np.int32).max:
        return False
    if said or (top == 1 and data.min() == 0):
        return True
    if data.min() == top:  # flat: an image of one value says nothing
        return False
    pairs = equal = steps = 0
    for axis in range(3):
        here, there = np.moveaxis(data, axis, 0)[:-1], np.moveaxis(data, axis, 0)[1:]
        both = (here != 0) & (there != 0)
        pairs += int(np.count_nonzero(both))
        equal += int(np.count_nonzero(both & (here == there)))
        steps += int(np.count_nonzero(both & ((here + 1 == there) | (there + 1 == here))))
    if pairs == 0 or equal <= 0.5 * pairs:
        return False
    # Coarse gray values: there are many, and where neighbours differ they do so by one.
    return steps <= 0.6 * (pairs - equal) or np.unique(data[::2, ::2, ::2]).size <= 16


def _are_whole(data: Array) -> bool:
    if data.dtype.kind in "bu":
        return True
    if data.dtype.kind == "i":
        return bool(data.min() >= 0)
    few = data[::7, ::5, ::3]  # settles it for nearly every image of gray values
    return all(
        bool(np.isfinite(part).all() and part.min() >= 0 and np.array_equal(part, np.rint(part))) for part in (few, data)
    )
