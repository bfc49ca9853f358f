"""A run reduced to what correlations need of it: cleaned in time, smoothed in space, in few rows.

Cleaning is a matrix M (t' × t), C takes the mean off. With C·M = U·A, U of orthonormal columns, the inner product of two
cleaned series x and y is (A x)·(A y): only A·X is needed, k rows instead of t. Smoothing commutes with A and so runs on
k rows too. The rows whose singular values are so small that they cannot matter are left out, and how much each voxel
lost by that is measured and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter

from napari_connectome.core import memory
from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.smoothing import apply_axes, axis_matrix, kernel_radius

Array = npt.NDArray[Any]

NEGLIGIBLE = 1e-6
"""Singular values below this share of the largest are never looked at: below what float32 rounding leaves anyway."""
TOLERANCE = 1e-6
"""The error of r that leaving rows out may cause; it decides how many rows are kept."""
ORTHONORMAL = 1e-9
"""How far a squared singular value may be from 1 for its direction to count as kept as it is."""
FEWEST = 4
"""Independent volumes below which every correlation is near 1 or -1."""
ROWS_AT_ONCE = 16
"""Rows smoothed together: 16 volumes of 2 mm fit the cache of today's processors."""


@dataclass(frozen=True, eq=False)
class TimeReduction:
    """C·M = U·A by singular values.

    Parameters
    ----------
    basis : (t' × k) float64 array
        U: cleaned and centred series are ``basis @ reduced``.
    weights : (k × n) float64 array
        A, rows in the order of falling singular values; columns of the volumes that count.
    rise : (k,) float64 array
        A applied to a constant of 1: 0 but where the cleaning makes something of a series' mean (confounds regressed
        without their own mean taken off, and no detrending).
    used : (n,) int array
        Those volumes: censored ones are never read, whatever they hold.
    effective : float
        Number of independent volumes the cleaning leaves, (Σs²)² / Σs⁴ over the singular values s: the inverse of the
        variance of r between unrelated white series. t - 1 without cleaning.
    removed : (n × q) float64 array or None
        Orthonormal N where cleaning only takes directions out of the series, q < k of them, the mean one of them, so that
        AᵀA = I - N·Nᵀ; None elsewhere: a filter keeps some directions in part.
    """

    basis: Array
    weights: Array
    rise: Array
    used: Array
    effective: float
    removed: Array | None = None


def reduce_time(matrix: Array) -> TimeReduction:
    """Factor a cleaning matrix M (t' × t), see `cleaning_matrix`, into basis and weights.

    The Gram matrix is enough: rows below `NEGLIGIBLE` = 1e-6 are dropped, and its eigenvalues are right to 1e-16 of the
    largest, that is to 1e-8 in singular values. It is several times faster than the singular value decomposition.
    """
    used = np.flatnonzero(matrix.any(axis=0))
    centred = matrix[:, used] - matrix[:, used].mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    values, vectors = values[::-1], vectors[:, ::-1]
    if not len(values) or not values[0] > 1e-20:
        raise InputError(f"the cleaning leaves nothing of the series: {_cure(matrix)}.")
    kept = values > values[0] * NEGLIGIBLE**2
    removed = vectors[:, ~kept]
    values, vectors = values[kept], vectors[:, kept]
    effective = float(values.sum() ** 2 / (values**2).sum())
    if effective < FEWEST:
        raise InputError(
            f"the cleaning leaves {effective:.1f} independent volumes of {len(matrix)}, too few to correlate: {_cure(matrix)}."
        )
    singular = np.sqrt(values)
    weights = singular[:, None] * vectors.T
    rise = weights.sum(axis=1)
    rises = bool(np.abs(rise).max() > 1e-9 * singular[0])
    only_removes = not rises and np.abs(values - 1).max() <= ORTHONORMAL and removed.shape[1] < len(values)
    return TimeReduction(
        basis=centred @ vectors / singular,
        weights=weights,
        rise=rise if rises else np.zeros_like(rise),
        used=used,
        effective=effective,
        removed=removed if only_removes else None,
    )


def fewest_volumes(detrend: bool) -> int:
    """Volumes a run needs if nothing but its mean, and the straight line where it is detrended, is taken out of it."""
    return FEWEST + 1 + detrend


def _cure(matrix: Array) -> str:
    """What to do where too little is left of the columns of a cleaning matrix (t' × t)."""
    n_volumes = matrix.shape[1]
    if n_volumes < fewest_volumes(detrend=True):
        return f"the run is too short, use one of {fewest_volumes(detrend=True)} volumes or more"
    return "use fewer confounds, a wider band or fewer censored volumes"


@dataclass(frozen=True, eq=False)
class Reduced:
    """The columns of a run's voxels, cleaned and reduced.

    Parameters
    ----------
    unit : (k × v) float32 array
        Cleaned, smoothed, of norm 1 in each column: r of two voxels is their product. 0 where a voxel has no signal.
    norm : (v,) float32 array
        What the columns were divided by.
    plain : (k × v) float32 array or None
        Cleaned, not smoothed, for averages over regions; None where nothing was smoothed and ``unit * norm`` is it.
    lost : (v,) float32 array
        At most this share of each column's norm lies in the rows left out.
    step : (k,) float64 array
        Powers of two: what a voxel adds to a sum is a whole number of steps in each row, see `exact_steps`. ``plain`` is
        rounded to them already.
    """

    unit: Array
    norm: Array
    plain: Array | None
    lost: Array
    step: Array

    def total(self, voxels: Array) -> Array:
        """Sum over voxels of the cleaned, not smoothed series (k,), float64.

        Exact: sums of voxels may be added and subtracted in any order, and what is left is, bit for bit, the sum of the
        voxels that are left.
        """
        if self.plain is not None:
            return np.asarray(self.plain[:, voxels].sum(axis=1, dtype=np.float64))
        series = self.unit[:, voxels].astype(np.float64)
        series *= self.norm[voxels]
        series /= self.step[:, None]
        return np.asarray(np.rint(series, out=series).sum(axis=1) * self.step)

    @property
    def error_bound(self) -> float:
        """No correlation between two voxels is off by more than this because of rows left out: 2·max(lost²)."""
        return float(2 * np.max(self.lost, initial=0.0) ** 2)


def reduce_run(
    data: Array, grid: Grid, mask: Array, time: TimeReduction, fwhm: float, progress: Progress = silent
) -> tuple[Reduced, int]:
    """Clean, reduce and smooth the voxels of a run.

    Parameters
    ----------
    data : (t, z, y, x) array
        Any real type; never copied as a whole. NaN and infinities count as 0 before smoothing, as in nilearn.
    grid : Grid
    mask : (z, y, x) bool array
        The v voxels wanted, in C order.
    time : TimeReduction
    fwhm : float
        mm; 0 is off.
    progress : Progress

    Returns
    -------
    Reduced
    int
        k, the number of rows kept of `time`.

    Raises
    ------
    InputError
        Where there is not memory enough, before any is taken.
    """
    spacing = grid.voxel_size[::-1]
    reach = [kernel_radius(fwhm, size) for size in spacing]
    support = maximum_filter(mask, size=[2 * r + 1 for r in reach], mode="constant") if any(reach) else mask
    k = _rows_needed(data, mask, time)
    columns = int(support.sum()) + (2 * int(mask.sum()) if any(reach) else 0)  # all at once, before what is kept is left
    memory.require(k * columns * 4, "preparing the run")
    rows, energy, tail = _reduce_support(data, support, time, k, lambda done: progress(0.7 * done, "cleaning"))
    inside = mask[support]
    if not any(reach):
        return _finish(rows, energy, tail, None, exact_steps(rows)), k
    smoother = _Smoother(support, mask, fwhm, spacing)
    smoothed = np.empty((k, int(mask.sum())), dtype=np.float32)
    for start in range(0, k, ROWS_AT_ONCE):
        smoothed[start : start + ROWS_AT_ONCE] = smoother(rows[start : start + ROWS_AT_ONCE])
        progress(0.7 + 0.25 * min(1.0, (start + ROWS_AT_ONCE) / k), "smoothing")
    # A smoothed voxel has at most the smoothed norm of its neighbours: the triangle inequality.
    energy, tail = smoother(np.stack([energy, tail]))
    plain = np.compress(inside, rows, axis=1)
    step = exact_steps(plain)
    _round(plain, step)
    return _finish(smoothed, energy, tail, plain, step), k


def exact_steps(rows: Array) -> Array:
    """For each row of (k × v) float32, the power of two to round its values to so that float64 adds them exactly.

    No sum over some of the voxels is larger than √v times the row's norm. With 2⁵² steps to that, every such sum is a
    whole number of steps below 2⁵³, which float64 holds. A step is some 10⁻¹¹ of a usual value, and float32 itself rounds
    all but the smallest values more coarsely.
    """
    squares = [np.einsum("kv,kv->k", some, some) for some in _in_turn(rows)]
    _, exponent = np.frexp(np.sqrt(rows.shape[1] * np.concatenate(squares).astype(np.float64)))
    return np.asarray(np.ldexp(1.0, np.clip(exponent - 52, -120, 60)))  # a float32, and its inverse too


def _round(rows: Array, step: Array) -> None:
    """Make the values of each row whole numbers of its step, in place."""
    for some, size in zip(_in_turn(rows), _in_turn(step.astype(np.float32)[:, None]), strict=True):
        some /= size
        np.rint(some, out=some)
        some *= size


def _in_turn(rows: Array) -> list[Array]:
    return [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]


def _finish(rows: Array, energy: Array, tail: Array, plain: Array | None, step: Array) -> Reduced:
    squares = np.zeros(rows.shape[1])
    for some in _in_turn(rows):
        squares += np.einsum("kv,kv->v", some, some)
    norm = np.sqrt(squares)
    # Below a millionth of what went in, only rounding is left (a constant voxel, a pure drift): no signal.
    norm[norm <= 1e-6 * energy] = 0
    scale = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0).astype(np.float32)
    rows *= scale
    lost = tail * scale / np.sqrt(1 + (tail * scale) ** 2)
    return Reduced(unit=rows, norm=norm.astype(np.float32), plain=plain, lost=lost.astype(np.float32), step=step)


def _rows_needed(data: Array, mask: Array, time: TimeReduction, sampled: int = 2000) -> int:
    """How many rows hold all but `TOLERANCE` of the correlations, measured on voxels spread over the mask."""
    where = np.flatnonzero(mask)
    where = where[:: max(1, len(where) // sampled)]
    z, y, x = np.unravel_index(where, mask.shape)
    changes, level = _demeaned(data[:, z, y, x][time.used])
    energy = (time.weights @ changes + np.outer(time.rise, level)) ** 2
    total = energy.sum(axis=0)
    alive = total > 0
    if not alive.any():
        return len(time.weights)
    tail = np.cumsum(energy[::-1, alive], axis=0)[::-1] / total[alive]
    worst = np.quantile(tail, 0.999, axis=1)
    return max(1, int(np.count_nonzero(worst > TOLERANCE / 2)))


def _demeaned(columns: Array) -> tuple[Array, Array]:
    """(t × n) as float32 less about each column's mean, and what was taken off (n,); NaN and infinities count as 0.

    Rounding is 8 times smaller for it.
    """
    if columns.dtype.kind == "f":
        if columns.dtype.itemsize < 4:
            columns = columns.astype(np.float32)
        if not np.isfinite(columns).all():
            columns = np.nan_to_num(columns, nan=0.0, posinf=0.0, neginf=0.0)
    if columns.dtype.itemsize > 4 or (columns.dtype.kind in "iu" and columns.dtype.itemsize > 2):
        level = columns.mean(axis=0, dtype=np.float64)
        return np.asarray((columns - level).astype(np.float32)), level
    plane = columns.astype(np.float32)
    level = np.full(len(plane), 1 / len(plane), dtype=np.float32) @ plane
    plane -= level
    return plane, level


def _reduce_support(data: Array, support: Array, time: TimeReduction, k: int, progress: Any) -> tuple[Array, Array, Array]:
    """The first k rows (k × n) at the n supporting voxels; norms (n,) of what went in and of the rows left out."""
    weights = time.weights.astype(np.float32)
    n = int(support.sum())
    rows = np.empty((k, n), dtype=np.float32)
    energy, tail = np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.float32)
    stop = 0
    for z in range(len(support)):
        start, stop = stop, stop + int(support[z].sum())
        if stop > start:
            plane, level = _demeaned(_columns(data, z, support[z], time.used))
            reduced = weights @ plane
            if time.rise.any():
                reduced += np.outer(time.rise, level).astype(np.float32)
            rows[:, start:stop] = reduced[:k]
            energy[start:stop] = np.sqrt(np.einsum("tn,tn->n", plane, plane))
            tail[start:stop] = np.sqrt(np.einsum("kn,kn->n", reduced[k:], reduced[k:]))
        progress((z + 1) / len(support))
    # Rows below NEGLIGIBLE were never computed: they hold at most that share of the largest row's gain times the input.
    tail += NEGLIGIBLE * float(np.linalg.norm(time.weights[0])) * energy
    return rows, energy, tail


def _columns(data: Array, z: int, inside: Array, used: Array) -> Array:
    plane = np.ascontiguousarray(data[:, z] if len(used) == len(data) else data[used, z])
    return np.asarray(np.compress(inside.ravel(), plane.reshape(len(plane), -1), axis=1))


class _Smoother:
    """Smooths rows given at supporting voxels and returns them at the voxels of the mask, within their bounding boxes."""

    def __init__(self, support: Array, mask: Array, fwhm: float, spacing: tuple[float, ...]) -> None:
        take = [extent(support, axis) for axis in range(3)]
        give = [extent(mask, axis) for axis in range(3)]
        self.support = support[tuple(take)]
        self.mask = mask[tuple(give)]
        self.matrices = [
            axis_matrix(n, fwhm, size)[out, into].astype(np.float32)
            for n, size, out, into in zip(mask.shape, spacing, give, take, strict=True)
        ]

    def __call__(self, rows: Array) -> Array:
        box = np.zeros((len(rows), *self.support.shape), dtype=np.float32)
        box[:, self.support] = rows
        return np.asarray(apply_axes(box, self.matrices)[:, self.mask])


def extent(inside: Array, axis: int) -> slice:
    """The part of an axis of a (z, y, x) bool array that holds anything."""
    others = tuple(a for a in range(3) if a != axis)
    filled = np.flatnonzero(inside.any(axis=others))
    return slice(int(filled[0]), int(filled[-1]) + 1)
