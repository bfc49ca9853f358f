"""How strongly regions go together: a matrix for each of several subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.core.fisher import fisher_z
from napari_connectome.core.tangent import covariances_of
from napari_connectome.core.words import some

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
        Of the regions, in the order of the rows. A region is known by its place: several may have one name.
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
        if self.fisher_z:
            require_bounded(self.kind)
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

    def to_fisher_z(self) -> Self:
        """The same with Fisher z off the diagonal; itself where that is so already."""
        if self.fisher_z:
            return self
        require_bounded(self.kind)
        own = np.eye(len(self.names), dtype=bool)
        return replace(self, matrices=np.where(own, self.matrices, fisher_z(self.matrices)), fisher_z=True)

    def to_covariance(self) -> Self:
        """The covariances that these tangents are of: ``ConnectivityMeasure.inverse_transform``; covariances themselves."""
        if self.kind == "covariance":
            return self
        if self.kind != "tangent" or self.centre is None:
            lacking = " without a centre" if self.kind == "tangent" else ""
            raise InputError(
                f"covariances were asked of {self.kind}{lacking}, and only tangents with a centre lead back to them."
            )
        inside = np.isfinite(np.diag(self.centre))
        square = np.ix_(inside, inside)
        matrices = np.full(self.matrices.shape, np.nan)
        matrices[:, square[0], square[1]] = covariances_of(self.matrices[:, square[0], square[1]], self.centre[square])
        return replace(self, matrices=matrices, kind="covariance", centre=None)

    def vectors(self, *, diagonal: bool = True) -> Array:
        """The numbers of each subject in a row, as samples for a classifier: ``nilearn.connectome.sym_matrix_to_vec``.

        Parameters
        ----------
        diagonal : bool
            With the diagonal, divided by √2: so the distance of two vectors is that of the matrices, divided by √2.

        Returns
        -------
        (s × r(r+1)/2) or, without the diagonal, (s × r(r-1)/2) float64 array
            The lower triangle, row by row.
        """
        rows, columns = np.tril_indices(len(self.names), k=0 if diagonal else -1)
        found = self.matrices[:, rows, columns]
        return found / np.where(rows == columns, np.sqrt(2.0), 1.0)

    @classmethod
    def from_vectors(
        cls, vectors: Array, names: Sequence[str], kind: str = "correlation", *, diagonal: Array | None = None, **others: Any
    ) -> Self:
        """Make matrices of what `vectors` gave.

        Parameters
        ----------
        vectors : (s × r(r+1)/2) or (s × r(r-1)/2) array
            With the diagonal or without; one subject's may be 1-D.
        names, kind
            As of the connectome.
        diagonal : (r,) or (s × r) array, optional
            What stands on the diagonal, where the vectors lack it; 1 for correlations.
        **others
            The other fields of a connectome: shrinkage, coordinates, subjects, centre, fisher_z.

        Raises
        ------
        InputError
            Where the length of the vectors does not fit the names, or the diagonal is lacking.
        """
        vectors, r = np.atleast_2d(np.asarray(vectors, dtype=np.float64)), len(names)
        within = vectors.shape[1] == r * (r + 1) // 2
        if vectors.ndim != 2 or not (within or vectors.shape[1] == r * (r - 1) // 2):
            raise InputError(
                f"the vectors have shape {vectors.shape}, and those of {r} regions have {r * (r + 1) // 2} numbers, or "
                f"{r * (r - 1) // 2} without the diagonal: give the names of the regions they are of."
            )
        rows, columns = np.tril_indices(r, k=0 if within else -1)
        matrices = np.zeros((len(vectors), r, r))
        matrices[:, rows, columns] = matrices[:, columns, rows] = vectors * np.where(rows == columns, np.sqrt(2.0), 1.0)
        if not within:
            own = np.arange(r)
            matrices[:, own, own] = _diagonal(diagonal, kind, (len(vectors), r))
        return cls(matrices, names, kind, **others)

    def of_subjects(self, which: Sequence[int] | Array) -> Self:
        """The subjects of these numbers, in this order; or those where `which` (s,) is True."""
        given = np.asarray(which)
        if given.dtype.kind == "b" and given.shape != (len(self),):
            raise InputError(f"a choice of {len(given)} subjects was given for {len(self)}: give True or False for each.")
        where = np.flatnonzero(given) if given.dtype.kind == "b" else given.astype(np.int64)
        if not len(where):
            raise InputError("no subject was chosen: choose one at least.")
        assert self.shrinkage is not None
        return replace(
            self,
            matrices=self.matrices[where],
            shrinkage=self.shrinkage[where],
            subjects=[self.subjects[i] for i in where],
        )

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


def require_same_regions(names: Sequence[str], first: Sequence[str], which: str, others: str = "the first") -> None:
    """One sentence unless the regions of `which` are those of the first, in their order."""
    if len(names) != len(first):
        raise InputError(
            f"{which} are of {some(len(names), 'region')} and those of {others} of {len(first)}: use the same regions for all."
        )
    for position, (mine, theirs) in enumerate(zip(names, first, strict=True)):
        if mine != theirs:
            raise InputError(
                f"region {position + 1} is {mine!r} in {which} and {theirs!r} in {others}: "
                "use the same regions in the same order."
            )


def require_bounded(kind: str) -> None:
    """One sentence unless numbers of this kind have a Fisher z."""
    if kind not in BOUNDED:
        raise InputError(
            f"Fisher z was asked for {kind}, and it is of numbers between -1 and 1: take {' or '.join(BOUNDED)}, or leave "
            "Fisher z out."
        )


def _diagonal(given: Array | None, kind: str, shape: tuple[int, int]) -> Array:
    """What stands on the diagonals (s × r) of vectors that lack them."""
    if given is None and kind not in BOUNDED:
        raise InputError(f"the vectors lack the diagonal, which is not 1 for {kind}: give it, or vectors with it.")
    given = np.ones(shape[1]) if given is None else np.asarray(given, dtype=np.float64)
    if given.shape not in (shape, shape[1:]):
        raise InputError(
            f"the diagonal has shape {given.shape} for {some(shape[0], 'subject')} and {some(shape[1], 'region')}: "
            "give a number a region, the same for all subjects or for each."
        )
    return given


def _of_regions(given: Array, what: str, r: int, columns: int) -> Array:
    if given.shape != (r, columns):
        meant = "x, y, z in mm for each" if columns == 3 else "a row and a column for each"
        raise InputError(f"the {what} {'have' if columns == 3 else 'has'} shape {given.shape} for {r} regions: give {meant}.")
    return given
