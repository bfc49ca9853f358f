"""The five numbers of a box plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

REACH = 1.5
"""How far whiskers reach at most, in interquartile ranges (Tukey)."""


@dataclass(frozen=True)
class Box:
    """Median, quartiles, and the outermost values that lie within 1.5 interquartile ranges of the quartiles."""

    median: float
    lower: float
    upper: float
    low: float
    high: float

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Self:
        """The box of finite values (n,), of which there is at least one; quartiles are interpolated linearly."""
        lower, median, upper = (float(q) for q in np.quantile(np.asarray(values, dtype=np.float64), (0.25, 0.5, 0.75)))
        reach = REACH * (upper - lower)
        # A quartile between two values may have no value on its outer side within reach: the whisker ends at the box then.
        low = min(float(values[values >= lower - reach].min()), lower)
        high = max(float(values[values <= upper + reach].max()), upper)
        return cls(median, lower, upper, low, high)

    def outside(self, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Which values (n,) lie beyond the whiskers."""
        return np.asarray((values < self.low) | (values > self.high))
