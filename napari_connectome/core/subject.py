"""What learning over many runs keeps of each: the few leading rows of its cleaned voxels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy.typing as npt

from napari_connectome.core.values import Volume

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class SubjectReduction:
    """The leading principal components of a run, cleaned, smoothed and scaled.

    Parameters
    ----------
    name : str
    rows : (n × v) float32 array
        U·S in the order of falling singular values, so that the first rows are the reduction to fewer.
    total : float
        Sum of squares of all cleaned voxels: what the rows are a part of.
    n_volumes : int
    """

    name: str
    rows: Array
    total: float
    n_volumes: int

    def first(self, n: int) -> Self:
        """The reduction to the first n rows, or to all where there are fewer."""
        return replace(self, rows=self.rows[:n])


@dataclass(frozen=True, eq=False)
class Reductions:
    """The reductions of several runs in one mask.

    Parameters
    ----------
    mask : Volume
        bool; its v voxels, in C order, are the columns of all rows.
    subjects : tuple of SubjectReduction
    left_out : tuple of str
        A sentence for each run that could not be used.
    """

    mask: Volume
    subjects: tuple[SubjectReduction, ...]
    left_out: tuple[str, ...] = ()

    def first(self, n: int) -> Self:
        """All reductions to their first n rows."""
        return replace(self, subjects=tuple(subject.first(n) for subject in self.subjects))
