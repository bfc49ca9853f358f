"""What learning over many runs keeps of each: the few leading rows of its cleaned voxels."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_connectome.core import memory
from napari_connectome.core.cleaning import Cleaning, cleaning_matrix
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.pages import zeros
from napari_connectome.core.principal import inner_products, leading, sketched
from napari_connectome.core.reduction import FEWEST, TimeReduction, extent, fewest_volumes, reduce_time
from napari_connectome.core.smoothing import apply_axes, axis_matrix, kernel_radius
from napari_connectome.core.streams import RunStream
from napari_connectome.core.threads import one_thread
from napari_connectome.core.values import ROUNDING, Run, Volume

Array = npt.NDArray[Any]

BLOCK = 32
"""Volumes multiplied together by the weights of time."""
UNLIKE = 1.5
"""Times as many volumes as the shortest run has: from there on it is told."""
COLUMNS = 1024
"""Voxels multiplied together."""
UNUSUAL = 1e15
"""Values beyond this, or below its inverse, have squares beyond those of float32 sooner or later."""
SMALL, OVERSAMPLES = 500, 10
"""nilearn's: up to this many voxels and volumes it decomposes exactly; how many more directions than rows it looks in."""


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
    mean : Volume, optional
        Mean of the runs over time, where they were looked at for the mask.
    """

    mask: Volume
    subjects: tuple[SubjectReduction, ...]
    left_out: tuple[str, ...] = ()
    key: Hashable = None
    mean: Volume | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """What to know of runs that differ; a sentence each."""
        trs, volumes = ([getattr(subject, what) for subject in self.subjects] for what in ("tr", "n_volumes"))
        told = []
        if self.subjects and max(trs) - min(trs) > ROUNDING:
            told.append(f"The runs have TRs from {min(trs):g} to {max(trs):g} s: each is cleaned by its own.")
        if self.subjects and max(volumes) > UNLIKE * min(volumes):
            told.append(f"The runs have from {min(volumes)} to {max(volumes)} volumes: longer ones weigh more.")
        return tuple(told)

    def first(self, n: int) -> Self:
        """All reductions to their first n rows."""
        return replace(self, subjects=tuple(subject.first(n) for subject in self.subjects))


def reduce_subject(
    run: Run | RunStream,
    mask: Volume,
    n: int,
    fwhm: float,
    cleaning: Cleaning,
    progress: Progress = silent,
    seed: int | None = None,
) -> SubjectReduction:
    """Smooth, clean and scale a run and keep its n leading rows.

    Parameters
    ----------
    run : Run or RunStream
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
    seed : int, optional
        Where given, the rows are those of nilearn: of randomised singular value decomposition from this seed. The last of
        them are rough. They are not the first of those of a reduction to more.

    Notes
    -----
    With C·M = U·A (see `core.reduction`) the inner products of all series are those of A·X, and so are the principal
    components: A·X is added up while the volumes pass, (k × v) float32 and a few volumes are all that is ever held. NaN and
    infinities count as 0 before smoothing; a voxel that has them in some volumes only is refused.
    """
    stream = run if isinstance(run, RunStream) else RunStream.of(run, part(progress, 0.0, 0.8))
    head = stream.head
    mask.grid.require(head.grid, "the mask", head.name)
    if not mask.data.any():
        raise InputError("the mask is empty: choose one with voxels in the brain.")
    with one_thread():
        time = require_usable(head, cleaning)
    memory.require(int(mask.data.sum()) * 4 * (len(time.used) + BLOCK), f"reducing {head.name}")
    # The last bits of a product depend on how many threads there are; here the same run gives the same rows everywhere.
    # Two runs at once are more use to a second core than two threads for one product.
    with one_thread():
        rows, level = _collect(stream, mask.data, time, fwhm)
        _scale(rows, level, cleaning.standardize, len(time.basis))
        if not any(row.any() for row in rows):
            raise InputError(_why_nothing_is_left(head.name, level))
        gram = inner_products(rows, kind=np.float32)
        count = min(n, len(time.weights))
        sketch = None if seed is None else _sketch(gram, time, rows.shape[1], count, seed)
        singular, unit = leading(rows, count, part(progress, 0.8, 1.0), gram=gram, sketch=sketch, kind=np.float32)
    unit *= singular[:, None].astype(np.float32)
    whole = count == len(time.weights)
    return SubjectReduction(head.name, unit, float(np.trace(gram)), len(time.basis), head.tr, whole=whole)


def _sketch(gram: Array, time: TimeReduction, v: int, n: int, seed: int) -> Array | None:
    """Where nilearn looks for the n components of t' × v data, given their rows; None where it looks everywhere.

    nilearn draws a random series for each of n and ten more; in the rows A·X, which are the data but for the basis
    (t' × k), its transpose times these.
    """
    t = len(time.basis)
    if max(t, v) <= SMALL or not n < 0.8 * min(t, v):
        return None
    random = np.random.RandomState(seed).normal(size=(t, n + OVERSAMPLES)).astype(np.float32)
    drawn = time.basis.T @ random
    return sketched(gram, drawn if time.removed is None else time.weights.T @ drawn, 7 if n < 0.1 * min(t, v) else 4)


def require_usable(run: Run, cleaning: Cleaning) -> TimeReduction:
    """What cleaning makes of the volumes of a run; one sentence where too few of them are left. Its data are not looked at."""
    kept = run.n_volumes if run.keep is None else int(run.keep.sum())
    if kept < FEWEST:
        of, cure = (
            (f" of {run.n_volumes} that are not censored", "censor fewer")
            if kept < run.n_volumes
            else ("", "give a longer run")
        )
        raise InputError(
            f"{run.name} has {_count(kept, 'volume')}{of} and {fewest_volumes(cleaning.detrend)} at least are needed: {cure}, "
            "or learn without it."
        )
    return reduce_time(cleaning_matrix(run.n_volumes, run.tr, cleaning, confounds=run.confounds, keep=run.keep))


def _why_nothing_is_left(name: str, level: Array) -> str:
    """What to say of a run none of whose voxels, with these means (v,), has a signal."""
    size = float(np.abs(np.nan_to_num(level)).max(initial=0.0))
    if size > UNUSUAL or 0 < size < 1 / UNUSUAL:
        much = "large" if size > 1 else "small"
        return (
            f"the values of {name}, about {size:.0e}, are too {much} to be squared: multiply them so that they are near 1000."
        )
    return f"no voxel of the mask changes over time in {name}: check the file and the mask, or learn without this run."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _collect(stream: RunStream, inside: Array, time: TimeReduction, fwhm: float) -> tuple[Array, Array]:
    """A·X (k × v) float32 of the smoothed volumes, 0 where a voxel has no signal, and the mean of each voxel (v,).

    Where cleaning only takes directions out it is X without them, AᵀA·X (n × v), which has the same inner products for much
    less work. X is taken less the first volume that counts: float32 rounds the small differences much less than the values.
    """
    smooth = _Smoother(inside, fwhm, stream.head.grid.voxel_size)
    check = _Missing(stream.head, smooth.within)
    weights = time.weights.astype(np.float32)
    v, n = int(inside.sum()), len(time.used)
    block = zeros((BLOCK if time.removed is None else n, v), filled=True)
    rows = zeros((len(weights), v), filled=True) if time.removed is None else block
    first, total, squares = np.zeros((3, v), dtype=np.float64)
    reference: Array | None = None
    change = np.empty((1, *smooth.shape), dtype=np.float32)
    place = {int(t): i for i, t in enumerate(time.used)}
    waiting = 0
    for t, volume in enumerate(stream.volumes):
        if t not in place:
            continue
        box = check(t, volume[smooth.box])
        if reference is None:
            reference = box.astype(np.float64 if box.dtype.itemsize > 4 else np.float32)
            first += smooth(reference[None].astype(np.float32))[0]
        np.subtract(box, reference, out=change[0], casting="unsafe")
        smooth(change, out=block[waiting : waiting + 1])
        waiting += 1
        last = place[t] == n - 1
        if waiting == len(block) or last:
            some = block[:waiting]
            total += some.sum(axis=0, dtype=np.float64)
            squares += np.einsum("bv,bv->v", some, some)
            if rows is not block:
                part_of = weights[:, place[t] + 1 - waiting : place[t] + 1]
                for piece in _pieces(v):
                    rows[:, piece] += part_of @ some[:, piece]
            waiting = 0
    check.require_all_or_none()
    if time.removed is not None:
        _take_out(rows, time.removed.astype(np.float32))
    elif time.rise.any():
        rows += np.outer(time.rise, first).astype(np.float32)
    # Below a millionth of what went in, only rounding is left (a constant voxel, a pure drift): no signal.
    rows[:, _norm(rows) <= 1e-6 * np.sqrt(squares)] = 0
    return rows, first + total / n


def _take_out(rows: Array, directions: Array) -> None:
    """Take orthonormal directions (n × q) out of rows (n × v), in place."""
    for piece in _pieces(rows.shape[1]):
        rows[:, piece] -= directions @ (directions.T @ rows[:, piece])


def _norm(rows: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("kv,kv->v", rows, rows)))


def _scale(rows: Array, level: Array, how: str, n_volumes: int) -> None:
    """Bring reduced rows (k × v) to the scale that cleaning asks for, in place."""
    if how == "none":
        return
    size = _norm(rows) / np.sqrt(n_volumes - 1) if how == "zscore_sample" else np.abs(level) / 100
    rows *= np.divide(1.0, size, out=np.zeros(len(size)), where=size > np.finfo(np.float64).eps).astype(np.float32)


def _pieces(v: int) -> list[slice]:
    """The voxels in pieces whose products stay in the cache."""
    return [slice(start, min(start + COLUMNS, v)) for start in range(0, v, COLUMNS)]


class _Smoother:
    """Smooths boxes of volumes (b, z, y, x) and returns the voxels of a mask (b × v)."""

    def __init__(self, inside: Array, fwhm: float, voxel_size: Sequence[float]) -> None:
        spacing = tuple(reversed(tuple(voxel_size)))
        reach = [kernel_radius(fwhm, size) for size in spacing]
        give = [extent(inside, axis) for axis in range(3)]
        take = [slice(max(0, out.start - r), min(n, out.stop + r)) for out, r, n in zip(give, reach, inside.shape, strict=True)]
        self.box = tuple(take)
        self.shape = tuple(some.stop - some.start for some in take)
        self.within = inside[self.box]
        self.voxels = np.flatnonzero(inside[tuple(give)])
        self.matrices = [
            axis_matrix(n, fwhm, size)[out, into].astype(np.float32)
            for n, size, out, into in zip(inside.shape, spacing, give, take, strict=True)
        ] if any(reach) else None  # fmt: skip

    def __call__(self, boxes: Array, out: Array | None = None) -> Array:
        smoothed = boxes if self.matrices is None else apply_axes(boxes, self.matrices)
        # "clip": with its other modes NumPy takes into memory of its own first.
        return np.asarray(smoothed.reshape(len(boxes), -1).take(self.voxels, axis=1, out=out, mode="clip"))


class _Missing:
    """Counts, while volumes pass, in how many of them each voxel of the mask has no value."""

    def __init__(self, run: Run, within: Array) -> None:
        self.run, self.within = run, within
        self.times = np.zeros(int(within.sum()), dtype=np.int64)
        self.looked, self.first = 0, -1

    def __call__(self, t: int, box: Array) -> Array:
        """The box of volume t with 0 for NaN and infinities."""
        if box.dtype.kind != "f":
            return box
        self.looked += 1
        good = np.isfinite(box)
        if good.all():
            return box
        bad = ~good[self.within]
        if bad.any() and self.first < 0:
            self.first = t
        self.times += bad
        return np.nan_to_num(box, nan=0.0, posinf=0.0, neginf=0.0)

    def require_all_or_none(self) -> None:
        """Raise one sentence for voxels with a value in some volumes only; those without any lie outside the image."""
        some = int(np.count_nonzero((self.times > 0) & (self.times < self.looked)))
        if some:
            where = f"{_count(some, 'voxel')} of the mask in some of its volumes (volume {self.first} is the first, from 0)"
            raise InputError(
                f"{self.run.name} has NaN or infinity in {where}: censor those volumes, mend the file, or leave it out."
            )
