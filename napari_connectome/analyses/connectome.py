"""Which regions go together? A matrix of correlations, or of what is like them, for each subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.analyses.subject_series import called_in_sentences, several_series, usable_regions
from napari_connectome.core.connectomes import KINDS, Connectome, require_bounded
from napari_connectome.core.covariance import covariance, require_inverse, to_correlation, to_partial_correlation, to_precision
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.params import Params, param
from napari_connectome.core.tangent import geometric_mean, tangents
from napari_connectome.core.threads import one_thread, two_threads
from napari_connectome.core.values import Series

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Connectivity(Params):
    """How it is measured that regions go together."""

    kind: str = param(
        "correlation",
        "correlation; partial_correlation: of each pair, what the other regions do not explain; covariance; precision: its "
        "inverse; tangent: of several subjects, how the covariance of each differs from their geometric mean.",
        choices=KINDS,
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
    fisher_z: bool = param(
        False,
        "Fisher z instead of r off the diagonal: arctanh r, as means and tests of correlations want it.",
        title="Fisher z",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fisher_z:
            require_bounded(self.kind)


def connectome(
    series: Series | Iterable[Series],
    params: Connectivity | None = None,
    *,
    coordinates: npt.ArrayLike | None = None,
    subjects: Sequence[str] = (),
    centre: npt.ArrayLike | None = None,
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
    subjects : sequence of str, optional
        Their names, kept with the result; "subject 1" and so on where not given.
    centre : (r × r) array, optional
        For tangents: the covariance they lie at, as the `centre` of other subjects' connectome, whose vectors are then
        comparable; the geometric mean of these subjects where not given. NaN in the row of a region it lacks.
    progress : Progress

    Returns
    -------
    Connectome
        Equal to ``nilearn.connectome.ConnectivityMeasure``, and `shrinkage`: how much Ledoit-Wolf drew towards 0. A region
        without a series in a subject (NaN) has NaN in its row and column; the others are as if it were not there. Of tangents,
        which lie at a mean of all subjects, it has so in every subject; the mean is `centre`.

    Raises
    ------
    InputError
        Where the regions of the subjects differ, a series is too short or does not change, a covariance that is to be inverted
        has no inverse, or tangents are asked of one subject.
    """
    params = Connectivity.given(params)
    given = [series] if isinstance(series, Series) else several_series(series)
    called = called_in_sentences(len(given), subjects)
    known = np.array([usable_regions(each, given[0], which, params.kind) for each, which in zip(given, called, strict=True)])
    tangent = params.kind == "tangent"
    at = _centre(centre, given[0].names, params.kind)
    if tangent:
        known = _in_all(known, at)
    matrices = np.full((len(given), *2 * (len(given[0].names),)), np.nan)
    shrinkage = np.zeros(len(given))
    work = part(progress, 0.0, 0.3) if tangent else progress
    for i, (each, which) in enumerate(zip(given, called, strict=True)):
        if known[i].any():
            try:
                with one_thread():  # small products, which two threads only slow down
                    found, shrinkage[i] = _matrix(each.data[:, known[i]].astype(np.float64), params)
            except InputError as error:
                raise InputError(f"{which}: {error}" if len(given) > 1 else str(error)) from None
            matrices[i][np.ix_(known[i], known[i])] = found
        work((i + 1) / len(given), "connectomes")
    if tangent:
        matrices, at = _tangents(matrices, known[0], at, part(progress, 0.3, 1.0))
    places = None if coordinates is None else np.asarray(coordinates, dtype=np.float64)
    measured = Connectome(matrices, given[0].names, params.kind, shrinkage, places, subjects, at)
    return measured.to_fisher_z() if params.fisher_z else measured


def _matrix(series: Array, params: Connectivity) -> tuple[Array, float]:
    """The matrix of series (t × r) without NaN, and the shrinkage."""
    if params.kind == "correlation" and params.standardize:
        series = (series - series.mean(axis=0)) / series.std(axis=0, ddof=1)
    found, shrinkage = covariance(series, params.estimator)
    if params.kind == "correlation":
        return to_correlation(found), shrinkage
    if params.kind == "tangent":
        require_inverse(found)
    if params.kind in ("covariance", "tangent"):
        return found, shrinkage
    precision = to_precision(found)
    return precision if params.kind == "precision" else to_partial_correlation(precision), shrinkage


# -- tangents --------------------------------------------------------------------------------------------------------------


def _centre(centre: npt.ArrayLike | None, names: Sequence[str], kind: str) -> Array | None:
    """The given centre (r × r), checked."""
    if centre is None:
        return None
    if kind != "tangent":
        raise InputError(f"a centre was given for {kind}, and only tangents lie at one: leave it out, or take kind='tangent'.")
    at = np.asarray(centre, dtype=np.float64)
    if at.shape != (len(names), len(names)):
        raise InputError(f"the centre has shape {at.shape} for {len(names)} regions: give a covariance of the same regions.")
    has = np.isfinite(np.diag(at))
    inside = at[np.ix_(has, has)]
    if not (has.any() and np.allclose(inside, inside.T) and np.linalg.eigvalsh(inside)[0] > 0):
        raise InputError("the centre is no covariance with an inverse: give the centre of a tangent connectome.")
    return at


def _in_all(known: Array, centre: Array | None) -> Array:
    """Of the regions each subject has (s, r), those that all have, and the centre too."""
    if len(known) == 1 and centre is None:
        raise InputError(
            "tangents lie at the mean of several subjects, and the series of one were given: give those of several, the "
            "centre of others, or take another kind."
        )
    shared = known.all(axis=0) if centre is None else known.all(axis=0) & np.isfinite(np.diag(centre))
    if not shared.any():
        raise InputError("no region has a series in every subject, as tangents need: leave out subjects that lack many.")
    return np.broadcast_to(shared, known.shape)


def _tangents(covariances: Array, known: Array, centre: Array | None, progress: Progress) -> tuple[Array, Array]:
    """The tangents (s, r, r) at the centre, and this (r × r); NaN at regions that are not known (r,)."""
    inside = np.ix_(known, known)
    of_known = covariances[:, inside[0], inside[1]]
    with one_thread(), two_threads():
        at = geometric_mean(of_known, progress) if centre is None else centre[inside]
        covariances[:, inside[0], inside[1]] = tangents(of_known, at)
    whole = np.full(covariances.shape[1:], np.nan)
    whole[inside] = at
    progress(1.0, "connectomes")
    return covariances, whole
