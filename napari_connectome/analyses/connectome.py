"""Which regions go together? A matrix of correlations, or of what is like them, for each subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.covariance import covariance, to_correlation, to_partial_correlation, to_precision
from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.params import Params, param
from napari_connectome.core.values import Series, expect
from napari_connectome.core.words import some

Array = npt.NDArray[Any]

FEWEST = 3
"""Volumes below which every correlation is 1 or -1."""
CONSTANT = 1e-12
"""Series that change by less than this share of their largest value are constant, but for rounding."""


@dataclass(frozen=True, kw_only=True)
class Connectivity(Params):
    """How it is measured that regions go together."""

    kind: str = param(
        "correlation",
        "correlation; partial_correlation: of each pair, what the other regions do not explain; covariance; precision: its "
        "inverse.",
        choices=("correlation", "partial_correlation", "covariance", "precision"),
    )
    estimator: str = param(
        "ledoit_wolf",
        "ledoit_wolf draws all correlations towards 0 by the share that makes their expected error smallest; empirical leaves "
        "them as measured.",
        choices=("ledoit_wolf", "empirical"),
    )
    standardize: bool = param(
        True,
        "Bring each series to standard deviation 1 first, so that strong ones do not decide how much is drawn towards 0. For "
        "correlations only, as in nilearn: the other kinds take the series as they come.",
    )


def connectome(
    series: Series | Iterable[Series],
    params: Connectivity | None = None,
    *,
    coordinates: npt.ArrayLike | None = None,
    progress: Progress = silent,
) -> Connectome:
    """Measure how strongly regions go together in each subject.

    Parameters
    ----------
    series : Series or several of them
        One a subject, with the same regions in the same order; the numbers of volumes may differ.
    params : Connectivity
    coordinates : (r × 3) array, optional
        Where the regions are, mm: ``regions.table[["x", "y", "z"]]``. Only kept with the result.
    progress : Progress

    Returns
    -------
    Connectome
        Equal to ``nilearn.connectome.ConnectivityMeasure``, and `shrinkage`: how much Ledoit-Wolf drew towards 0. A region
        without a series in a subject (NaN) has NaN in its row and column; the others are as if it were not there.
    """
    params = Connectivity.given(params)
    subjects = [series] if isinstance(series, Series) else _several(series)
    names = subjects[0].names
    matrices = np.full((len(subjects), len(names), len(names)), np.nan)
    shrinkage = np.zeros(len(subjects))
    for i, subject in enumerate(subjects):
        which = "the series" if len(subjects) == 1 else f"the series of subject {i + 1}"
        _require_alike(subject, names, which)
        known = _known(subject, which, params.kind)
        if known.any():
            try:
                found, shrinkage[i] = _matrix(subject.data[:, known].astype(np.float64), params)
            except InputError as error:
                raise InputError(f"{which}: {error}" if len(subjects) > 1 else str(error)) from None
            matrices[i][np.ix_(known, known)] = found
        progress((i + 1) / len(subjects), "connectomes")
    places = None if coordinates is None else np.asarray(coordinates, dtype=np.float64)
    return Connectome(matrices, names, params.kind, shrinkage, places)


def _several(series: Any) -> list[Series]:
    try:
        subjects = list(series)
    except TypeError:
        subjects = [series]
    if not subjects:
        raise InputError("no series were given: give those of one subject at least.")
    for each in subjects:
        expect("each subject", each, Series)
    return subjects


def _require_alike(subject: Series, names: Sequence[str], which: str) -> None:
    """One sentence where a subject's regions are not those of the first."""
    if len(subject.names) != len(names):
        raise InputError(
            f"{which} are of {some(len(subject.names), 'region')} and those of the first of {len(names)}: "
            "use the same regions for all."
        )
    for position, (mine, first) in enumerate(zip(subject.names, names, strict=True)):
        if mine != first:
            raise InputError(
                f"region {position + 1} is {mine!r} in {which} and {first!r} in the first: "
                "use the same regions in the same order."
            )


def _known(subject: Series, which: str, kind: str) -> Array:
    """Which regions of a subject have a series (r,), bool; one sentence where nothing can be said of them."""
    data = subject.data
    if len(data) < FEWEST:
        raise InputError(f"{which} have {some(len(data), 'volume')}, and at least {FEWEST} are needed: take a longer run.")
    finite = np.isfinite(data)
    known = np.asarray(finite.all(axis=0))
    if finite.any() and not known.any():
        worst = int(np.argmin(finite.sum(axis=1)))
        raise InputError(
            f"no region has a value in all volumes of {which} (volume {worst} lacks most, from 0): leave such volumes out."
        )
    same = known.copy()
    same[known] = np.ptp(data[:, known], axis=0) <= CONSTANT * np.abs(data[:, known]).max(axis=0)
    if same.any() and kind != "covariance":
        first = subject.names[int(np.flatnonzero(same)[0])]
        others = f" and {some(int(same.sum()) - 1, 'other')} do" if same.sum() > 1 else " does"
        raise InputError(f"{first}{others} not change in {which}, and nothing can go together with that: leave it out.")
    return known


def _matrix(series: Array, params: Connectivity) -> tuple[Array, float]:
    """The matrix of series (t × r) without NaN, and the shrinkage."""
    if params.kind == "correlation" and params.standardize:
        series = (series - series.mean(axis=0)) / series.std(axis=0, ddof=1)
    found, shrinkage = covariance(series, params.estimator)
    if params.kind == "correlation":
        return to_correlation(found), shrinkage
    if params.kind == "covariance":
        return found, shrinkage
    precision = to_precision(found)
    return precision if params.kind == "precision" else to_partial_correlation(precision), shrinkage
