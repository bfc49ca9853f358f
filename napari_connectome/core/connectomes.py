"""How strongly regions go together: a matrix for each of several subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError

Array = npt.NDArray[Any]

KINDS = ("correlation", "partial_correlation", "covariance", "precision", "tangent")
"""What the numbers of a connectome may be."""
BOUNDED = ("correlation", "partial_correlation")
"""Those between -1 and 1, of which Fisher z can be taken."""


@dataclass(frozen=True, eq=False)
class Connectome:
    """How strongly regions go together, for each of several subjects.

    Parameters
    ----------
    matrices : (s, r, r) array
        Symmetric; one subject's may be (r, r). A region without a series has NaN in its row and column.
    names : sequence of str
        Of the regions, in the order of the rows.
    kind : str
        "correlation", "partial_correlation", "covariance", "precision" or "tangent".
    shrinkage : (s,) array, optional
        The share of each subject's covariance that was replaced by the same variance for all and no covariance; 0 for none. A
        correlation is smaller by just this share.
    coordinates : (r × 3) array, optional
        x, y, z of the regions in mm.
    subjects : sequence of str, optional
        Names of the subjects; "subject 1" and so on where not given.
    centre : (r × r) array, optional
        Of a tangent connectome: the covariance at which the tangents lie, which belongs to its mean.
    fisher_z : bool
        Whether the numbers off the diagonal are arctanh of what `kind` says.
    """

    matrices: Array
    names: Sequence[str]
    kind: str = "correlation"
    shrinkage: Array | None = None
    coordinates: Array | None = None
    subjects: Sequence[str] = ()
    centre: Array | None = None
    fisher_z: bool = False

    def __post_init__(self) -> None:
        matrices = np.asarray(self.matrices, dtype=np.float64)
        matrices = matrices[None] if matrices.ndim == 2 else matrices
        if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or not len(matrices):
            raise InputError(f"a connectome needs square matrices (s, r, r), and those given have shape {matrices.shape}.")
        s, r = matrices.shape[:2]
        if self.kind not in KINDS:
            raise InputError(f"the kind of a connectome is {self.kind!r} and must be one of {', '.join(KINDS)}.")
        if len(self.names) != r:
            raise InputError(f"{len(self.names)} names were given for {r} regions: give one name a row.")
        shrinkage = np.zeros(s) if self.shrinkage is None else np.asarray(self.shrinkage, dtype=np.float64).reshape(-1)
        if len(shrinkage) != s:
            raise InputError(f"{len(shrinkage)} shrinkages were given for {s} subjects: give one a subject.")
        subjects = tuple(self.subjects) or tuple(f"subject {i + 1}" for i in range(s))
        if len(subjects) != s:
            raise InputError(f"{len(subjects)} names of subjects were given for {s} matrices: give one name a subject.")
        object.__setattr__(self, "matrices", matrices)
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "shrinkage", shrinkage)
        object.__setattr__(self, "subjects", subjects)
        for what, columns in (("coordinates", 3), ("centre", r)):
            given = getattr(self, what)
            if given is not None:
                object.__setattr__(self, what, _of_regions(np.asarray(given, dtype=np.float64), what, r, columns))

    def __len__(self) -> int:
        return len(self.matrices)

    @property
    def mean(self) -> Array:
        """The mean over subjects (r × r), of each pair over those that have it; NaN where none has."""
        known = np.isfinite(self.matrices)
        count = known.sum(axis=0)
        total = np.where(known, self.matrices, 0.0).sum(axis=0)
        return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))

    def to_frame(self, subject: int | None = None) -> pd.DataFrame:
        """One subject's matrix, or the mean, as a table with the names on both sides."""
        matrix = self.mean if subject is None else self.matrices[subject]
        return pd.DataFrame(matrix, index=list(self.names), columns=list(self.names))

    def take(self, order: Sequence[int] | Array) -> Self:
        """The regions of these numbers, in this order."""
        where = np.asarray(order, dtype=np.int64)
        square = np.ix_(where, where)
        return replace(
            self,
            matrices=self.matrices[:, square[0], square[1]],
            names=[self.names[i] for i in where],
            coordinates=None if self.coordinates is None else self.coordinates[where],
            centre=None if self.centre is None else self.centre[square],
        )


def _of_regions(given: Array, what: str, r: int, columns: int) -> Array:
    if given.shape != (r, columns):
        meant = "x, y, z in mm for each" if columns == 3 else "a row and a column for each"
        raise InputError(f"the {what} {'have' if columns == 3 else 'has'} shape {given.shape} for {r} regions: give {meant}.")
    return given
