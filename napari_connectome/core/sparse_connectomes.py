"""Connectomes most of whose pairs are 0, and how these were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_connectome.core.connectomes import Connectome

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class SparseConnectome(Connectome):
    """A connectome most of whose pairs are 0, and how it was found.

    Parameters
    ----------
    matrices, names, kind, shrinkage, coordinates, subjects, centre, fisher_z
        As those of `Connectome`.
    alpha : float
        Given or chosen.
    path : ((n,) array, (n,) array)
        All values of alpha that were tried, falling, and the score of each: the mean over folds of the log likelihood of the
        volumes that were left out (but for a factor and a constant). Empty where alpha was given.
    precisions, covariances : (s, r, r) arrays
        The sparse inverses, and the empirical covariances that they fit.
    gap : float
        The duality gap: no precisions have an objective lower by more.
    """

    alpha: float = np.nan
    path: tuple[Array, Array] = (np.empty(0), np.empty(0))
    precisions: Array | None = None
    covariances: Array | None = None
    gap: float = np.nan

    def take(self, order: Sequence[int] | Array) -> Self:
        """The regions of these numbers, in this order."""
        where = np.asarray(order, dtype=np.int64)
        return self._each(super().take(order), lambda matrices: matrices[:, where[:, None], where])

    def of_subjects(self, which: Sequence[int] | Array) -> Self:
        """The subjects of these numbers, in this order."""
        return self._each(super().of_subjects(which), lambda matrices: matrices[np.asarray(which)])

    def _each(self, chosen: Self, choose: Any) -> Self:
        if self.precisions is None or self.covariances is None:
            return chosen
        return replace(chosen, precisions=choose(self.precisions), covariances=choose(self.covariances))
