"""Cleaning of time series: detrending, filtering, confound regression and censoring as one matrix on the left of the data.

Everything but the final standardising is linear, so it is found once, by cleaning the identity, and holds for any number of
voxels. Equal to ``nilearn.signal.clean`` except where that is wrong; each difference is named at the function it belongs to.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.core.params import Params, param
from napari_connectome.core.words import some

Array = npt.NDArray[Any]

ORDER = 5
"""Order of the Butterworth filter; run forwards and backwards, so each cut-off lies at -6 dB."""

# Below this fraction of what it was before, a confound is rounding noise: constant, a straight line, or a copy of others.
_NOISE = 1e-10


@dataclass(frozen=True, kw_only=True)
class Cleaning(Params):
    """How time series are cleaned before anything is correlated."""

    detrend: bool = param(True, "Remove the mean and the straight line through each series.")
    high_pass: float = param(0.0, "Remove what is slower than this; 0 is off.", unit="Hz", low=0.0, step=0.001, off=0.0)
    low_pass: float = param(
        math.inf, "Remove what is faster than this; infinity is off.", unit="Hz", low=0.0, step=0.001, off=math.inf
    )
    filter: str = param(
        "butterworth",
        "Butterworth of order 5 forwards and backwards, or regression on slow cosines (high-pass only).",
        choices=("butterworth", "cosine"),
    )
    standardize: str = param(
        "zscore_sample",
        "Scale of the cleaned series: standard deviation 1, percent signal change, or as it is.",
        choices=("zscore_sample", "psc", "none"),
    )
    standardize_confounds: bool = param(True, "Bring the confounds to mean 0 and standard deviation 1 before regression.")

    @property
    def in_words(self) -> str:
        """What is taken out of the series, in a few words."""
        parts = ["detrended"] if self.detrend else []
        if self.high_pass or math.isfinite(self.low_pass):
            high = f"{self.low_pass:g}" if math.isfinite(self.low_pass) else "∞"
            parts.append(f"{self.high_pass:g}–{high} Hz")
        return ", ".join(parts) or "none"


DEFAULT = Cleaning()


def cleaning_matrix(
    n_volumes: int,
    tr: float | None,
    cleaning: Cleaning,
    confounds: pd.DataFrame | Array | None = None,
    keep: npt.ArrayLike | None = None,
) -> Array:
    """Return the matrix that cleans any series of a run: ``cleaned (t' × v) = matrix @ series (t × v)``.

    In this order: the drifts of the cosine filter join the confounds; censored volumes are filled by a cubic spline through
    the kept ones (Butterworth) or dropped (otherwise); series and confounds are detrended and filtered alike; censored rows
    are dropped; the confounds are regressed out. Nothing depends on the data, and `cleaning.standardize` is not part of it.

    Parameters
    ----------
    n_volumes : int
        Number of volumes t.
    tr : float or None
        Repetition time in seconds. Only a filter needs it.
    cleaning : Cleaning
    confounds : (t × c) DataFrame or array, optional
    keep : (t,) bool array, optional
        False marks censored volumes; t' of them are True.

    Returns
    -------
    (t' × t) float64 array
        Its columns of censored volumes are exactly 0. Neither symmetric nor idempotent when Butterworth is on.

    Notes
    -----
    Different from nilearn on purpose: censored volumes are all interpolated and the rows stay in place (nilearn takes the
    complement of an index array and leaves spikes in); constant and collinear confounds are dropped relative to their size
    (nilearn blows their rounding noise up to full regressors); the cosine drifts are always added (nilearn leaves all out
    if one confound resembles one of them: a double column does no harm, a missing filter does); a cut-off above Nyquist is
    refused and not moved.
    """
    kept = _kept(n_volumes, keep)
    band = _band(cleaning, tr)
    even = band is not None and cleaning.filter == "butterworth"
    nuisance = _confound_columns(confounds, n_volumes)
    if band and not even:
        nuisance = np.hstack([nuisance, cosine_drifts(n_volumes, band.high_pass, band.tr)])
    # The identity and the confounds go through the same steps; only what the identity becomes is the operator.
    columns, rows = _even_rows(np.hstack([np.eye(n_volumes), nuisance]), kept, fill=even)
    if cleaning.detrend:
        columns = _detrend(columns)
    if band and even:
        columns = _butterworth(columns, band)
    columns = columns[rows]
    matrix, nuisance_left = columns[:, :n_volumes], columns[:, n_volumes:]
    size = _size(matrix)
    if nuisance.shape[1]:
        largest = np.abs(nuisance[kept]).max(axis=0)
        basis = _orthonormal(nuisance_left, largest, cleaning.standardize_confounds)
        matrix = matrix - basis @ (basis.T @ matrix)
    if not _size(matrix) > 1e-6 * size:
        raise InputError(_nothing_left(len(kept), nuisance.shape[1], filtered=band is not None))
    return np.ascontiguousarray(matrix)


def _nothing_left(n_volumes: int, n_confounds: int, *, filtered: bool) -> str:
    """What to say where cleaning took all there was."""
    by = [f"cleaning with {some(n_confounds, 'confound column')}"] * bool(n_confounds) + ["filtering"] * filtered
    cures = ["fewer confounds"] * bool(n_confounds) + ["a wider band"] * filtered + ["a longer run"]
    return f"nothing is left of the {n_volumes} volumes after {' and '.join(by) or 'detrending'}: take {' or '.join(cures)}."


def clean(
    series: npt.ArrayLike,
    tr: float | None,
    cleaning: Cleaning = DEFAULT,
    confounds: pd.DataFrame | Array | None = None,
    keep: npt.ArrayLike | None = None,
    matrix: Array | None = None,
) -> Array:
    """Return cleaned and standardised time series.

    Parameters
    ----------
    series : (t × v) or (t,) array
        A column with NaN or infinity in a kept volume comes back as NaN and leaves the others alone.
    tr, cleaning, confounds, keep
        See `cleaning_matrix`.
    matrix : (t' × t) array, optional
        What `cleaning_matrix` gave for these, where series of one run are cleaned again and again.

    Returns
    -------
    (t' × v) or (t',) array
        float32 from float32 and from integers of up to 32 bits, float64 from the rest. A column of which nothing but
        rounding noise is left (a constant one, or one the confounds explain) is 0.

    Notes
    -----
    "psc" is 100 × the change relative to the mean of the cleaned series; where cleaning took the mean away (less than a
    tenth of it is left, on average over all columns), relative to the mean before cleaning.
    """
    given = np.asanyarray(series)
    if given.ndim not in (1, 2) or given.dtype.kind not in "biuf":
        raise InputError(f"series must be real numbers (volumes × columns), not {given.dtype} of shape {given.shape}.")
    data = given[:, None] if given.ndim == 1 else given
    if matrix is None:
        matrix = cleaning_matrix(len(data), tr, cleaning, confounds, keep)
    kept = _kept(len(data), keep)
    single = data.dtype.itemsize == 4 or (data.dtype.kind != "f" and data.dtype.itemsize < 4)
    kind = np.float32 if single else np.float64
    cleaned = np.empty((len(matrix), data.shape[1]), dtype=kind)
    mean, spread, before = np.empty((3, data.shape[1]))
    operator = matrix[:, kept]
    # A constant 1 becomes `rise + tilt`; kept apart so that float32 never holds small changes on a large mean.
    response = operator.sum(axis=1)
    rise = float(response.mean())
    tilt = (response - rise)[:, None]
    filled = cleaning.filter == "butterworth" and _band(cleaning, tr) is not None
    average = _even_rows(np.eye(len(data)), kept, fill=filled)[0].mean(axis=0)[kept]
    small = operator.astype(kind)
    step = max(1, 2**20 // len(data))
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, data.shape[1], step):
            part = slice(start, start + step)
            raw = data[kept, part]
            level = raw.mean(axis=0, dtype=np.float64)
            centred = raw - level
            change = small @ centred.astype(kind) + tilt * level
            own = change.mean(axis=0, dtype=np.float64)
            cleaned[:, part] = change - own
            mean[part] = own + rise * level
            spread[part] = _spread(cleaned[:, part], centred, level)
            before[part] = level + average @ centred
        _standardize(cleaned, cleaning.standardize, mean, spread, before)
    return cleaned[:, 0] if given.ndim == 1 else cleaned


def _spread(cleaned: Array, centred: Array, level: Array) -> Array:
    """Sample standard deviation of the columns, 0 where it is not more than the rounding errors of the arithmetic."""
    spread = np.sqrt(np.einsum("ij,ij->j", cleaned, cleaned, dtype=np.float64) / max(len(cleaned) - 1, 1))
    size = np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(centred))
    noise = 64 * np.finfo(cleaned.dtype).eps * size + 1e-13 * np.abs(level)
    return np.asarray(np.where(spread <= noise, 0.0, spread))


def _standardize(cleaned: Array, how: str, mean: Array, spread: Array, before: Array) -> None:
    """Bring cleaned columns of mean 0 to their final scale, in place."""
    cleaned[:, spread == 0] = 0
    if how == "none":
        cleaned += mean.astype(cleaned.dtype)
        return
    if how == "psc":
        known = np.isfinite(mean) & np.isfinite(before)
        if np.abs(mean[known]).sum() < 0.1 * np.abs(before[known]).sum():
            mean = mean + before
        scale = np.abs(mean) / 100
    else:
        scale = spread
    gone = scale < np.finfo(np.float64).eps
    cleaned[:, gone] = 0
    cleaned /= np.where(gone, 1.0, scale).astype(cleaned.dtype)


def _kept(n_volumes: int, keep: npt.ArrayLike | None) -> Array:
    """Indices of the kept volumes, ascending."""
    if keep is None:
        kept = np.arange(n_volumes)
    else:
        flags = np.asarray(keep)
        if flags.dtype != bool or flags.shape != (n_volumes,):
            raise InputError(
                f"keep has shape {flags.shape} and type {flags.dtype} for {n_volumes} volumes: give one True or False a volume."
            )
        kept = np.flatnonzero(flags)
    if len(kept) < 3:
        left = "censor fewer volumes" if len(kept) < n_volumes else "take a longer run"
        raise InputError(f"{len(kept)} of {n_volumes} volumes are kept, and cleaning needs at least 3: {left}.")
    return kept


class _Band(NamedTuple):
    """What a filter lets through, in Hz, and the sampling period in seconds."""

    high_pass: float
    low_pass: float
    tr: float


def _band(cleaning: Cleaning, tr: float | None) -> _Band | None:
    """The band, or None when no filter is on; refuse what no filter can do."""
    high_pass, low_pass = cleaning.high_pass, cleaning.low_pass
    low = low_pass < math.inf
    if not low and high_pass <= 0:
        return None
    real = isinstance(tr, int | float | np.number) and not isinstance(tr, bool)
    if tr is None or not (real and math.isfinite(tr) and tr > 0):
        given = "missing" if tr is None else f"{tr:g} s" if real else repr(tr)
        raise InputError(f"the TR is {given}, and filtering needs it: give the TR in seconds.")
    if high_pass >= low_pass:
        raise InputError(
            f"the high-pass cut-off is {high_pass:g} Hz and the low-pass {low_pass:g} Hz: the high-pass must be the lower one."
        )
    nyquist = 0.5 / tr
    highest = low_pass if low else high_pass
    if highest >= nyquist:
        raise InputError(
            f"the {'low' if low else 'high'}-pass cut-off is {highest:g} Hz, and at a TR of {tr:g} s nothing above "
            f"{nyquist:g} Hz (Nyquist) is measured: choose a lower cut-off or turn it off."
        )
    if low and cleaning.filter == "cosine":
        raise InputError(
            f"the cosine filter has no low-pass (given {low_pass:g} Hz): take Butterworth or turn the low-pass off."
        )
    return _Band(high_pass, low_pass, tr)


def _confound_columns(confounds: pd.DataFrame | Array | None, n_volumes: int) -> Array:
    """The confounds as finite float64 (t × c); refuse what cannot be regressed out."""
    if confounds is None:
        return np.empty((n_volumes, 0))
    table = confounds if isinstance(confounds, pd.DataFrame) else np.asarray(confounds)
    if isinstance(table, np.ndarray):
        if table.ndim not in (1, 2):
            raise InputError(f"confounds must be a table (volumes × columns), not an array of shape {table.shape}.")
        table = pd.DataFrame(table)
        table.columns = pd.Index([f"{i + 1}" for i in range(table.shape[1])])
    if len(table) != n_volumes:
        raise InputError(
            f"the confounds have {len(table)} rows for {n_volumes} volumes: give the table of this run, one row a volume."
        )
    text = [str(name) for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if text:
        raise InputError(f"the confound column {', '.join(text)} holds text, not numbers: leave it out.")
    values = table.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(values)
    if bad.any():
        column = int(np.flatnonzero(bad.any(axis=0))[0])
        row = int(np.flatnonzero(bad[:, column])[0])
        raise InputError(
            f"the confound column {table.columns[column]} is {values[row, column]:g} in row {row + 1} "
            f"({int(bad.sum())} such values in {int(bad.any(axis=0).sum())} columns): fill them or leave these columns out."
        )
    return values


def cosine_drifts(n_volumes: int, high_pass: float, tr: float) -> Array:
    """Discrete cosines slower than a cut-off in Hz (t × k), without the constant; none where the run is too short for one."""
    # The period comes from the last frame's time, as in nilearn: its rounding decides whether a cosine at the cut-off counts.
    period = (n_volumes - 1) * tr / (n_volumes - 1)
    count = min(n_volumes - 1, math.floor(2 * n_volumes * high_pass * period))
    k = np.arange(1, count + 1)
    drifts = np.sqrt(2.0 / n_volumes) * np.cos(np.pi / n_volumes * (np.arange(n_volumes)[:, None] + 0.5) * k)
    return np.asarray(drifts)


def _even_rows(columns: Array, kept: Array, *, fill: bool) -> tuple[Array, Array]:
    """Rows for the filter, and which of them stay afterwards.

    With `fill` the rows from the first to the last kept volume, censored ones replaced by a cubic spline (not-a-knot)
    through the kept ones, so that the filter sees evenly spaced samples; otherwise just the kept rows.
    """
    if not fill:
        return columns[kept], np.arange(len(kept))
    first, last = kept[0], kept[-1]
    censored = np.setdiff1d(np.arange(first, last), kept)
    if censored.size:
        from scipy.interpolate import CubicSpline

        columns = columns.copy()
        columns[censored] = CubicSpline(kept, columns[kept])(censored)
    return columns[first : last + 1], kept - first


def _detrend(columns: Array) -> Array:
    """Remove mean and least-squares line from each column."""
    centred = columns - columns.mean(axis=0)
    line = np.arange(len(columns)) - (len(columns) - 1) / 2
    line /= np.linalg.norm(line)
    return np.asarray(centred - np.outer(line, line @ centred))


def _butterworth(columns: Array, band: _Band) -> Array:
    """Filter each column forwards and backwards, with odd padding at both ends."""
    from scipy.signal import butter, sosfiltfilt

    # scipy pads each end with this many mirrored samples and needs more than that.
    if band.low_pass == math.inf:
        kind, padding, design = "high-pass", 18, functools.partial(butter, Wn=band.high_pass, btype="high")
    elif band.high_pass <= 0:
        kind, padding, design = "low-pass", 18, functools.partial(butter, Wn=band.low_pass, btype="low")
    else:
        kind, padding, design = "band-pass", 33, functools.partial(butter, Wn=band[:2], btype="band")
    if len(columns) <= padding:
        raise InputError(
            f"the {kind} filter needs at least {padding + 1} volumes, and there are {len(columns)} from the first to "
            "the last one kept: use a longer run, the cosine filter, or no filter."
        )
    sections = design(N=ORDER, output="sos", fs=1.0 / band.tr)
    # Along contiguous rows, the filter is several times faster.
    return np.asarray(sosfiltfilt(sections, np.ascontiguousarray(columns.T), axis=1).T)


def _orthonormal(confounds: Array, largest: Array, standardize: bool) -> Array:
    """Orthonormal basis (t' × rank) of detrended and filtered confounds; `largest` is their magnitude before that."""
    from scipy.linalg import qr

    if standardize:
        confounds = confounds - confounds.mean(axis=0)
        size = confounds.std(axis=0, ddof=1)
    else:
        size = np.abs(confounds).max(axis=0)
    alive = size > _NOISE * largest
    if not alive.any():
        return np.empty((len(confounds), 0))
    basis, triangle, _ = qr(confounds[:, alive] / size[alive], mode="economic", pivoting=True)
    pivots = np.abs(np.diag(triangle))
    return np.asarray(basis[:, pivots > _NOISE * pivots[0]])


def _size(matrix: Array) -> float:
    """Frobenius norm without the mean over the rows, which carries no correlation."""
    return float(np.linalg.norm(matrix - matrix.mean(axis=0)))
