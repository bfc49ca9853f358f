"""Percentiles of values that are in order already."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def percentile(ordered: Array, percent: float, zeros: int = 0) -> float:
    """Like ``scipy.stats.scoreatpercentile``; the same number to the last bit.

    Parameters
    ----------
    ordered : (n,) array
        Ascending.
    percent : float
    zeros : int
        How many zeros come before them that need not be there.
    """
    place = percent / 100.0 * (zeros + len(ordered) - 1)
    i = int(place)
    if i == place:
        return _at(ordered, i - zeros)
    low, high = i + 1 - place, place - i
    return float(np.float64(_at(ordered, i - zeros) * low + _at(ordered, i + 1 - zeros) * high) / (low + high))


def _at(ordered: Array, place: int) -> float:
    return float(ordered[place]) if place >= 0 else 0.0
