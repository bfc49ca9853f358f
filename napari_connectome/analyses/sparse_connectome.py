"""Which few pairs of regions go together, given all others? Sparse inverse covariances of one or several subjects."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_connectome.analyses.subject_series import CONSTANT, called_in_sentences, several_series, usable_regions
from napari_connectome.core.covariance import covariance, to_partial_correlation
from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.group_sparse import GroupSparse, group_sparse, largest_alpha, score
from napari_connectome.core.params import Params, param
from napari_connectome.core.sparse_connectomes import SparseConnectome
from napari_connectome.core.threads import in_pieces, one_thread, two_threads
from napari_connectome.core.values import Series
from napari_connectome.core.words import some

Array = npt.NDArray[Any]

LEAST = 0.01
"""Of the largest alpha: the smallest of the first grid; and of the smallest tried, how far below one more grid goes."""
VOLUMES_A_FOLD = 3
"""Fewer have no correlation to test on."""


@dataclass(frozen=True, kw_only=True)
class SparseConnectivity(Params):
    """How a sparse connectome is found."""

    method: str = param(
        "group",
        "group: each subject's own precisions, with zeros in the same places; single: one precision of all subjects' series, "
        "one after the other.",
        choices=("group", "single"),
    )
    alpha: float = param(
        0.0,
        "How sparse: from a largest value on, which depends on the series, no two regions are connected. 0 chooses it by "
        "cross-validation.",
        low=0.0,
        high=1e6,
        step=0.01,
        title="alpha (0: chosen)",
    )
    alphas: int = param(4, "Values of alpha tried at a time, from each of which the next begins.", low=2, high=100)
    refinements: int = param(4, "How many times they are tried, each time between the best one's neighbours.", low=1, high=20)
    folds: int = param(
        5, "Parts that the volumes are cut into; each in turn tests what was found in the others.", low=2, high=100
    )
    gap: float = param(
        1e-6,
        "The work ends where no precisions can have an objective lower than its by more than this.",
        low=1e-10,
        high=1.0,
        step=1e-6,
    )
    gap_cv: float = param(
        1e-5, "The same while alpha is chosen.", low=1e-10, high=1.0, step=1e-5, title="gap in cross-validation"
    )
    kind: str = param(
        "precision",
        "precision: the inverse covariance; partial_correlation: of each pair, what the other regions do not explain.",
        choices=("precision", "partial_correlation"),
    )
    standardize: bool = param(
        True, "Bring each series to standard deviation 1 first: one alpha for all pairs asks for series of the same size."
    )


def sparse_connectome(
    series: Series | Iterable[Series],
    params: SparseConnectivity | None = None,
    *,
    coordinates: npt.ArrayLike | None = None,
    subjects: Sequence[str] = (),
    progress: Progress = silent,
) -> SparseConnectome:
    """Find which regions go together given all others, with few pairs connected.

    Parameters
    ----------
    series : Series or several of them
        One a subject, with the same regions in the same order; the numbers of volumes may differ.
    params : SparseConnectivity
    coordinates : (r × 3) array, optional
        Where the regions are, mm. Only kept with the result.
    subjects : sequence of str, optional
        Their names, kept with the result; "subject 1" and so on where not given.
    progress : Progress
        Told of each alpha and fold, from two threads, and heard before each step; while scikit-learn chooses alpha for the
        single method it is not.

    Returns
    -------
    SparseConnectome
        Of the group method, one precision a subject: that of ``nilearn.connectome.GroupSparseCovarianceCV``, with a duality
        gap as the rule to stop by. Of the single one, one of all: the graphical lasso of the series one after the other, at
        the alpha of scikit-learn's ``GraphicalLassoCV``. A region that a subject lacks (NaN) is left out in all, and has NaN
        in its row and column.

    Raises
    ------
    InputError
        Where the regions of the subjects differ, a series is too short or does not change, one subject is given to the group
        method, or alpha is so large that no two regions are connected.

    Notes
    -----
    nilearn by default stops each fit of the cross-validation as soon as the volumes left out fit less well, before it has the
    precisions of that alpha, and so scores small values of alpha as if they were larger. Here every fit is made to the gap, and
    the scores are those of nilearn with ``early_stopping=False`` and a small ``tol_cv``.
    """
    params = SparseConnectivity.given(params)
    given = [series] if isinstance(series, Series) else several_series(series)
    called = called_in_sentences(len(given), subjects)
    if params.method == "group" and len(given) == 1:
        raise InputError(
            "the group method finds what several subjects share, and the series of one were given: give those of several, or "
            "take method='single'."
        )
    known = np.array([usable_regions(each, given[0], which, "precision") for each, which in zip(given, called, strict=True)])
    shared: Array = np.all(known, axis=0)
    if shared.sum() < 2:
        raise InputError(
            f"{some(int(shared.sum()), 'region')} with a series in every subject, and at least 2 are needed: leave out "
            "subjects that lack many."
        )
    data = [_scaled(each.data[:, shared].astype(np.float64), params.standardize, 1) for each in given]
    if not params.alpha:
        names = [name for name, has in zip(given[0].names, shared, strict=True) if has]
        for each, which in zip(data, called, strict=True):
            _require_folds(each, params.folds, which, names)
    if params.method == "single" and len(data) > 1:
        data, subjects = [np.concatenate(data)], ("all subjects",)
    with one_thread(), two_threads():
        found = (_grouped if params.method == "group" else _single)(data, params, progress)
    progress(1.0, "sparse connectome")
    return _connectome(found, shared, given[0].names, params.kind, coordinates, subjects)


@dataclass(frozen=True, eq=False)
class _Found:
    """What a method makes of series without NaN."""

    precisions: Array
    covariances: Array
    alpha: float
    path: tuple[Array, Array]
    gap: float


def _scaled(series: Array, standardize: bool, ddof: int) -> Array:
    centred = series - series.mean(axis=0)
    return np.asarray(centred / centred.std(axis=0, ddof=ddof)) if standardize else centred


def _require_folds(series: Array, folds: int, which: str, names: Sequence[str]) -> None:
    """One sentence where a fold of a subject has too few volumes, or a series that does not change."""
    if len(series) < VOLUMES_A_FOLD * folds:
        raise InputError(
            f"{which} have {some(len(series), 'volume')}, and {folds} folds need at least {VOLUMES_A_FOLD * folds}: take fewer "
            "folds, or give alpha."
        )
    for number in range(folds):
        for part in _parted(series, number, folds):
            same = np.ptp(part, axis=0) <= CONSTANT * np.abs(part).max(axis=0)
            if same.any():
                raise InputError(
                    f"{names[int(np.flatnonzero(same)[0])]} does not change in {some(len(part), 'volume')} of {which}, those "
                    f"{'outside' if len(part) > len(series) / 2 else 'of'} fold {number + 1} of {folds}: take fewer folds, "
                    "leave the region out, or give alpha."
                )


def _connectome(
    found: _Found, shared: Array, names: Sequence[str], kind: str, coordinates: npt.ArrayLike | None, subjects: Sequence[str]
) -> SparseConnectome:
    def whole(matrices: Array) -> Array:
        among = np.full((len(matrices), len(names), len(names)), np.nan)
        where = np.flatnonzero(shared)
        among[:, where[:, None], where] = matrices
        return among

    matrices = found.precisions
    if kind == "partial_correlation":
        matrices = np.array([to_partial_correlation(each) for each in matrices])
    return SparseConnectome(
        whole(matrices),
        names,
        kind,
        coordinates=None if coordinates is None else np.asarray(coordinates, dtype=np.float64),
        subjects=subjects,
        alpha=found.alpha,
        path=found.path,
        precisions=whole(found.precisions),
        covariances=whole(found.covariances),
        gap=found.gap,
    )


def _require_below(alpha: float, largest: float, covariances: Array) -> None:
    if not largest > CONSTANT * np.diagonal(covariances, axis1=1, axis2=2).mean():
        raise InputError("no two of these regions go together at all, and there is nothing to choose alpha by.")
    if alpha >= largest:
        raise InputError(
            f"alpha is {alpha:g}, and from {largest:.3g} on no two of these regions are connected: give a smaller one, or 0 to "
            "have it chosen."
        )


# -- several subjects ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Fold:
    """Covariances of the volumes that are fitted and of those that test (s, r, r each), and the subjects' shares (s,)."""

    train: Array
    test: Array
    shares: Array

    @classmethod
    def of(cls, data: Sequence[Array], number: int, params: SparseConnectivity) -> Self:
        """That of a number, from 0; correlations where series are standardised, as nilearn's always are."""
        parts = [_parted(series, number, params.folds) for series in data]
        train, test = ([_scaled(part, params.standardize, 0) for part in side] for side in zip(*parts, strict=True))
        return cls(_covariances(train), _covariances(test), _shares(train))


def _parted(series: Array, number: int, folds: int) -> tuple[Array, Array]:
    """The volumes outside a fold and those of it, which lie side by side."""
    test = np.array_split(np.arange(len(series)), folds)[number]
    return np.delete(series, test, axis=0), series[test]


def _covariances(data: Sequence[Array]) -> Array:
    return np.array([covariance(series, "empirical")[0] for series in data])


def _shares(data: Sequence[Array]) -> Array:
    volumes = np.array([len(series) for series in data], dtype=np.float64)
    return np.asarray(volumes / volumes.sum())


class _Watch:
    """Progress of fits that are made two at a time, told and heard before each of their steps."""

    def __init__(self, progress: Progress, alphas: int, folds: int) -> None:
        self._progress, self._alphas, self._folds, self._done = progress, alphas, folds, 0
        self._lock = Lock()
        self._stopped: BaseException | None = None

    def __call__(self) -> None:
        with self._lock:
            if self._stopped is not None:
                raise self._stopped  # what stopped one thread stops the other
            alpha, fold = divmod(self._done, self._folds)
            doing = f"alpha {alpha + 1} of {self._alphas}, fold {fold + 1} of {self._folds}"
            fits = self._alphas * self._folds
            try:
                self._progress(self._done / (fits + 1), doing if self._done < fits else "precisions")
            except BaseException as stopped:
                self._stopped = stopped
                raise

    def done(self) -> None:
        """One fit more is at its end."""
        with self._lock:
            self._done += 1
        self()


def _grouped(data: Sequence[Array], params: SparseConnectivity, progress: Progress) -> _Found:
    covariances, shares = _covariances(data), _shares(data)
    largest = largest_alpha(covariances, shares)
    alpha, path = params.alpha, (np.empty(0), np.empty(0))
    watch = _Watch(progress, 0 if alpha else params.refinements * params.alphas, params.folds)
    _require_below(alpha, largest, covariances)
    if not alpha:
        alpha, path = _chosen([_Fold.of(data, i, params) for i in range(params.folds)], largest, params, watch)
    found = group_sparse(covariances, shares, alpha, gap=params.gap, watch=watch)
    return _Found(found.precisions, covariances, alpha, path, found.gap)


def _chosen(
    folds: Sequence[_Fold], largest: float, params: SparseConnectivity, watch: _Watch
) -> tuple[float, tuple[Array, Array]]:
    """The alpha whose precisions fit best what they were not made from, and all that were tried with their scores."""
    tried: list[tuple[float, float]] = []
    last: Sequence[GroupSparse | None] = [None] * len(folds)
    grid = np.geomspace(largest, LEAST * largest, params.alphas)
    for _ in range(params.refinements):
        for alpha in map(float, grid):
            last = _fitted(folds, last, alpha, params.gap_cv, watch)
            fits = [score(found.precisions, fold.test, fold.shares) for found, fold in zip(last, folds, strict=True)]
            tried.append((alpha, float(np.mean(fits))))
        tried.sort(reverse=True)
        best = _best([fits for _, fits in tried])
        grid = _between([alpha for alpha, _ in tried], best, params.alphas)
    alphas, scores = np.array(tried).T
    return tried[best][0], (alphas, scores)


def _fitted(
    folds: Sequence[_Fold], last: Sequence[GroupSparse | None], alpha: float, gap: float, watch: _Watch
) -> list[GroupSparse]:
    """The precisions of each fold at this alpha, begun from those of the last."""

    def work(number: int) -> GroupSparse:
        fold = folds[number]
        found = group_sparse(fold.train, fold.shares, alpha, gap=gap, start=last[number], watch=watch)
        watch.done()
        return found

    return [found for _, found in in_pieces(work, range(len(folds)))]


def _best(scores: Sequence[float]) -> int:
    """Where the largest score is; among equals, at the smallest alpha."""
    known = np.where(np.isfinite(scores), scores, -np.inf)
    return len(known) - 1 - int(np.argmax(known[::-1]))


def _between(alphas: Sequence[float], best: int, count: int) -> Array:
    """So many values of alpha between the neighbours of the best, falling; beyond it where it is the smallest."""
    high = alphas[max(best - 1, 0)] if best < len(alphas) - 1 else alphas[best]
    low = alphas[best + 1] if best < len(alphas) - 1 else LEAST * alphas[best]
    return np.asarray(np.geomspace(high, low, count + 2)[1:-1])


# -- all series as one -----------------------------------------------------------------------------------------------------


def _single(data: Sequence[Array], params: SparseConnectivity, progress: Progress) -> _Found:
    """The graphical lasso: alpha chosen by scikit-learn, the precision made to the gap."""
    covariances, shares = _covariances(data), np.ones(1)
    alpha, path = params.alpha, (np.empty(0), np.empty(0))
    _require_below(alpha, largest_alpha(covariances, shares), covariances)
    watch = _Watch(progress, 0, params.folds)
    watch()
    if not alpha:
        alpha, path = _chosen_by_sklearn(data[0], params)
    found = group_sparse(covariances, shares, alpha, gap=params.gap, watch=watch)
    return _Found(found.precisions, covariances, alpha, path, found.gap)


def _chosen_by_sklearn(series: Array, params: SparseConnectivity) -> tuple[float, tuple[Array, Array]]:
    """What GraphicalLassoCV chooses, and all it tried but 0, which it scores and never takes."""
    from sklearn.covariance import GraphicalLassoCV

    model = GraphicalLassoCV(alphas=params.alphas, n_refinements=params.refinements, cv=params.folds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that fits of small alphas came to no end, which have no score then
            model.fit(series)
    except FloatingPointError:
        raise InputError(
            "scikit-learn's graphical lasso came to no end, for some of these series depend on each other: leave out regions "
            "that are nearly the same, or give alpha."
        ) from None
    alphas, scores = (np.asarray(model.cv_results_[what]) for what in ("alphas", "mean_test_score"))
    return float(model.alpha_), (alphas[alphas > 0], scores[alphas > 0])
