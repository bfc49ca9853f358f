"""What learning over many runs keeps of each: the few leading rows of its cleaned voxels."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_connectome.core.cleaning import Cleaning, cleaning_matrix
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.principal import leading
from napari_connectome.core.reduction import FEWEST, Reduced, TimeReduction, reduce_run, reduce_time
from napari_connectome.core.smoothing import smooth_array
from napari_connectome.core.values import Run, Volume

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
        Volumes t' that counted.
    tr : float
        Seconds.
    whole : bool
        Whether the rows are all there are: asking for more would give no more.
    key : hashable, optional
        What it was made from and how; equal keys mean that it need not be made again.
    """

    name: str
    rows: Array
    total: float
    n_volumes: int
    tr: float = float("nan")
    whole: bool = False
    key: Hashable = None

    def first(self, n: int) -> Self:
        """The reduction to the first n rows, or to all where there are fewer."""
        return replace(self, rows=self.rows[:n], whole=self.whole and n >= len(self.rows))


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
    key : hashable, optional
        What the mask was made from and how.
    """

    mask: Volume
    subjects: tuple[SubjectReduction, ...]
    left_out: tuple[str, ...] = ()
    key: Hashable = None

    def first(self, n: int) -> Self:
        """All reductions to their first n rows."""
        return replace(self, subjects=tuple(subject.first(n) for subject in self.subjects))


def reduce_subject(
    run: Run, mask: Volume, n: int, fwhm: float, cleaning: Cleaning, progress: Progress = silent
) -> SubjectReduction:
    """Clean, smooth and scale a run and keep its n leading rows.

    Parameters
    ----------
    run : Run
        Its `confounds` are regressed out, its `keep` leaves volumes out.
    mask : Volume
        bool, on the run's grid; its v voxels are the columns.
    n : int
        Rows wanted; a run of fewer independent volumes gives as many as it has.
    fwhm : float
        mm; 0 is off.
    cleaning : Cleaning
        With every `standardize`, each voxel's mean over time is taken off: what is kept is its change.
    progress : Progress
    """
    mask.grid.require(run.grid, "the mask", run.name)
    if not mask.data.any():
        raise InputError("the mask is empty: choose one with voxels in the brain.")
    kept = _kept(run)
    time = require_usable(run, cleaning)
    _require_finite(run, mask.data, kept)
    reduced, _ = reduce_run(run.data, run.grid, mask.data, time, fwhm, part(progress, 0.0, 0.8))
    if not reduced.norm.any():
        raise InputError(f"no voxel of the mask changes over time in {run.name}, which may hold zeros only: leave it out.")
    scaled = _scale(reduced, run, mask, kept, fwhm, cleaning)
    total = sum(float(np.vdot(row, row)) for row in scaled)
    count = min(n, len(scaled))
    singular, unit = leading(scaled, count, part(progress, 0.8, 1.0))
    rows = (singular[:, None] * unit).astype(np.float32)
    return SubjectReduction(run.name, rows, total, len(kept), run.tr, whole=count == len(scaled))


def require_usable(run: Run, cleaning: Cleaning) -> TimeReduction:
    """What cleaning makes of the volumes of a run; one sentence where too few of them are left."""
    kept = len(_kept(run))
    if kept < FEWEST:
        raise InputError(f"{run.name} has {_volumes(kept)} and {FEWEST} at least are needed: leave it out.")
    return reduce_time(cleaning_matrix(run.n_volumes, run.tr, cleaning, confounds=run.confounds, keep=run.keep))


def _kept(run: Run) -> Array:
    return np.arange(run.n_volumes) if run.keep is None else np.flatnonzero(run.keep)


def _volumes(count: int) -> str:
    return "1 volume" if count == 1 else f"{count} volumes"


def _require_finite(run: Run, inside: Array, kept: Array) -> None:
    """Raise one sentence for voxels of the mask that have no value in some volumes; without any they are outside the image."""
    if run.data.dtype.kind != "f":
        return
    missing = np.zeros(int(inside.sum()), dtype=np.int64)
    first = -1
    for t in kept:
        bad = ~np.isfinite(run.data[t][inside])
        if bad.any():
            missing += bad
            first = int(t) if first < 0 else first
    some = int(np.count_nonzero((missing > 0) & (missing < len(kept))))
    if some:
        raise InputError(
            f"{run.name} has NaN or infinity in {some} voxels of the mask, in some volumes only (the first is volume {first}, "
            "from 0): censor those volumes, mend the file, or leave it out."
        )


def _scale(reduced: Reduced, run: Run, mask: Volume, kept: Array, fwhm: float, cleaning: Cleaning) -> Array:
    """The reduced rows (k × v) in the scale that `cleaning` asks for, in place."""
    rows = reduced.unit
    if cleaning.standardize == "zscore_sample":
        rows *= np.float32(np.sqrt(len(kept) - 1))
        return rows
    rows *= reduced.norm
    if cleaning.standardize == "psc":
        mean = sum((run.data[t].astype(np.float64) for t in kept), np.zeros(run.grid.shape)) / len(kept)
        level = np.abs(smooth_array(mean, fwhm, run.grid.voxel_size)[mask.data]) / 100
        rows *= np.divide(1.0, level, out=np.zeros_like(level), where=level > np.finfo(np.float64).eps).astype(np.float32)
    return rows
