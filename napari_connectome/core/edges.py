"""The edges of a matrix: its pairs of regions, strongest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Edges:
    """Pairs of regions and how strongly they go together, of falling magnitude.

    Parameters
    ----------
    rows, columns : (e,) int arrays
        The numbers of the two regions of each edge, rows > columns.
    weights : (e,) float64 array
        Of falling magnitude; among equals in the order of the lower triangle. No NaN.
    """

    rows: Array
    columns: Array
    weights: Array

    @classmethod
    def of(cls, matrix: Array) -> Self:
        """All edges of a symmetric matrix (r × r) but those that are NaN: sorted once, so that a threshold is a cut."""
        rows, columns = np.tril_indices(len(matrix), k=-1)
        weights = np.asarray(matrix, dtype=np.float64)[rows, columns]
        known = np.flatnonzero(np.isfinite(weights))
        order = known[np.argsort(-np.abs(weights[known]), kind="stable")]
        return cls(rows[order], columns[order], weights[order])

    def __len__(self) -> int:
        return len(self.weights)

    def first(self, count: int) -> Self:
        """The strongest so many."""
        return type(self)(self.rows[:count], self.columns[:count], self.weights[:count])

    def and_then(self, others: Self) -> Self:
        """These and after them others, which must be weaker or are not to be sorted among them."""
        return type(self)(*(np.r_[getattr(self, f), getattr(others, f)] for f in ("rows", "columns", "weights")))

    def above(self, value: float) -> Self:
        """Those of this magnitude and more, zeros left out."""
        size = -np.abs(self.weights)
        count = min(int(np.searchsorted(size, -value, side="right")), int(np.searchsorted(size, 0.0, side="left")))
        return self.first(count)

    def strongest(self, percent: float) -> Self:
        """The strongest percent of all edges: what ``nilearn.plotting.plot_connectome`` keeps at ``f"{100 - percent:g}%"``."""
        return self.above(self.limit(percent))

    def limit(self, percent: float) -> float:
        """The magnitude from which on edges belong to the strongest percent: that percentile of all magnitudes, as nilearn's.

        nilearn adds 1e-5 to it, so that the edge that lies on it is left out. A pair that is NaN is no edge here and counts for
        nothing; nilearn counts it as a 0.
        """
        _require_percent(percent)
        if not len(self):
            return 0.0
        place = (len(self) - 1) * ((100 - percent) / 100)
        low = int(place)
        a, b = (abs(float(self.weights[-1 - min(k, len(self) - 1)])) for k in (low, low + 1))  # they are in order already
        t = place - low
        return (b - (b - a) * (1 - t) if t >= 0.5 else a + (b - a) * t) + (1e-5 if percent < 100 else 0.0)  # as numpy does


def strongest_edges(matrix: Array, percent: float) -> tuple[Edges, float, int]:
    """What ``Edges.of(matrix).strongest(percent)`` is, without sorting the others: for a matrix that is seen only once.

    Parameters
    ----------
    matrix : (r × r) array
        Symmetric.
    percent : float
        Of all edges, as for `Edges.strongest`.

    Returns
    -------
    edges : Edges
    limit : float
        The magnitude from which on they are shown, ``Edges.of(matrix).limit(percent)``.
    count : int
        How many edges there are in all.
    """
    weights = np.asarray(matrix, dtype=np.float64)[np.tri(len(matrix), k=-1, dtype=bool)]
    sizes = np.abs(weights)
    known = np.isfinite(sizes)
    limit = _limit(sizes if known.all() else sizes[known], percent)
    strong = np.flatnonzero(known & (sizes >= limit) & (sizes > 0))
    places = strong[np.argsort(-sizes[strong], kind="stable")]
    rows = ((1 + np.sqrt(1 + 8 * places)) / 2).astype(np.int64)  # row by row, the triangle has r (r - 1) / 2 before row r
    return Edges(rows, places - rows * (rows - 1) // 2, weights[places]), limit, int(np.count_nonzero(known))


def _limit(sizes: Array, percent: float) -> float:
    """See `Edges.limit`; of magnitudes in any order."""
    _require_percent(percent)
    if not len(sizes):
        return 0.0
    return float(np.percentile(sizes, 100 - percent)) + (1e-5 if percent < 100 else 0.0)


def _require_percent(percent: float) -> None:
    if not 0 <= percent <= 100:
        raise InputError(f"the share of edges to keep is {percent} % and must be between 0 and 100.")
