"""Which few pairs of regions go together, given all others? Sparse inverse covariances of one or several subjects."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol, Self

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
ABSURD = 0.1 / np.finfo(np.float64).eps
"""Scores from here on come of precisions that are none, and scikit-learn counts them for nothing."""
SWEEPS = 10
"""After which scikit-learn's graphical lasso ends while alpha is chosen."""
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
    alpha_list: tuple[float, ...] = param(
        (), "Values of alpha to choose from, instead of those; they are tried once.", low=1e-12, high=1e6
    )
    refinements: int = param(4, "How many times they are tried, each time between the best one's neighbours.", low=1, high=20)
    folds: int = param(
        5, "Parts that the volumes are cut into; each in turn tests what was found in the others.", low=2, high=100
    )
    gap: float = param(
        1e-8,
        "The work ends where no precisions can have an objective lower than its by more than this.",
        low=1e-10,
        high=1.0,
        step=1e-8,
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
        Told of each alpha and fold, from two threads, and heard before each step of a fit; where scikit-learn makes the fits
        by which alpha is chosen for the single method, before each of these.

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
        method, alpha is so large that no two regions are connected, or no fit comes to an end.

    Notes
    -----
    nilearn by default stops each fit of the cross-validation as soon as the volumes left out fit less well, before it has the
    precisions of that alpha, and so scores small values of alpha as if they were larger. Here every fit is made to the gap, and
    the scores are those of nilearn with ``early_stopping=False`` and a small ``tol_cv``.

    Most of the time goes to eigen-decompositions, and grows with subjects · regions³: with defaults some seconds for 39 regions
    of ten subjects, half an hour of processor time, shared by two threads, for 400 regions of twenty. Fewer `refinements`, an
    `alpha_list` or an alpha take as much less.
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


# -- how alpha is chosen ---------------------------------------------------------------------------------------------------


class _Fold(Protocol):
    """Volumes to be fitted, and others that test."""

    def begin(self) -> None:
        """Values of alpha follow, falling."""

    def score(self, alpha: float, watch: Callable[[], None]) -> float:
        """How well what is found at this alpha fits the volumes that test; -inf where nothing is."""


def _parted(series: Array, number: int, folds: int) -> tuple[Array, Array]:
    """The volumes outside a fold and those of it, which lie side by side."""
    test = np.array_split(np.arange(len(series)), folds)[number]
    return np.delete(series, test, axis=0), series[test]


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


def _chosen(
    folds: Sequence[_Fold], largest: float, params: SparseConnectivity, watch: _Watch
) -> tuple[float, tuple[Array, Array]]:
    """The alpha whose precisions fit best what they were not made from, and all that were tried with their scores."""
    tried: list[tuple[float, float]] = []
    grid = _first_grid(largest, params)
    while True:
        for fold in folds:
            fold.begin()
        tried = sorted([*tried, *((alpha, _score(folds, alpha, watch)) for alpha in map(float, grid))], reverse=True)
        alphas, scores = np.array(tried).T
        best = _best(scores)
        if len(tried) == _count(params):
            return float(alphas[best]), (alphas, scores)
        grid = _between(alphas, scores, best, params.alphas)


def _count(params: SparseConnectivity) -> int:
    """How many values of alpha are tried."""
    if params.alpha:
        return 0
    return len(set(params.alpha_list)) or params.refinements * params.alphas


def _first_grid(largest: float, params: SparseConnectivity) -> Array:
    if not params.alpha_list:
        return np.asarray(np.geomspace(largest, LEAST * largest, params.alphas))
    if min(params.alpha_list) >= largest:
        raise InputError(
            f"the smallest alpha given is {min(params.alpha_list):g}, and from {largest:.3g} on no two of these regions are "
            "connected: give smaller ones, or none to have them chosen."
        )
    return np.array(sorted(set(params.alpha_list), reverse=True))


def _score(folds: Sequence[_Fold], alpha: float, watch: _Watch) -> float:
    """The mean over the folds."""

    def work(number: int) -> float:
        found = folds[number].score(alpha, watch)
        watch.done()
        return found

    return float(np.mean([found for _, found in in_pieces(work, range(len(folds)))]))


def _best(scores: Array) -> int:
    """Where the largest score is; among equals, at the smallest alpha."""
    known = np.where(_are_known(scores), scores, -np.inf)
    if np.isneginf(known).all():
        raise InputError(
            "at no alpha that was tried did scikit-learn's graphical lasso come to an end, for some of these series depend on "
            "each other: leave out regions that are nearly the same, or give alpha."
        )
    return len(known) - 1 - int(np.argmax(known[::-1]))


def _are_known(scores: Array) -> Array:
    return np.asarray(np.isfinite(scores) & (scores < ABSURD))


def _between(alphas: Array, scores: Array, best: int, count: int) -> Array:
    """So many values of alpha between the neighbours of the best, falling.

    Below it where it is the smallest; and between it and the next where it is the largest, or the next has no score.
    """
    if best == len(alphas) - 1:
        high, low = alphas[best], LEAST * alphas[best]
    elif best == np.flatnonzero(_are_known(scores))[-1]:
        high, low = alphas[best], alphas[best + 1]
    else:
        high, low = alphas[max(best - 1, 0)], alphas[best + 1]
    return np.asarray(np.geomspace(high, low, count + 2)[1:-1])


# -- several subjects ------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _GroupFold:
    """Covariances of the volumes that are fitted and of those that test (s, r, r each), and the subjects' shares (s,)."""

    train: Array
    test: Array
    shares: Array
    gap: float
    last: GroupSparse | None = None

    @classmethod
    def of(cls, data: Sequence[Array], number: int, params: SparseConnectivity) -> Self:
        """That of a number, from 0; correlations where series are standardised, as nilearn's always are."""
        parts = [_parted(series, number, params.folds) for series in data]
        train, test = ([_scaled(part, params.standardize, 0) for part in side] for side in zip(*parts, strict=True))
        return cls(_covariances(train), _covariances(test), _shares(train), params.gap_cv)

    def begin(self) -> None:
        """The precisions found last are a good start at any alpha."""

    def score(self, alpha: float, watch: Callable[[], None]) -> float:
        """The log likelihood of the volumes that test, but for a factor and a constant."""
        self.last = group_sparse(self.train, self.shares, alpha, gap=self.gap, start=self.last, watch=watch)
        return score(self.last.precisions, self.test, self.shares)


def _covariances(data: Sequence[Array]) -> Array:
    return np.array([covariance(series, "empirical")[0] for series in data])


def _shares(data: Sequence[Array]) -> Array:
    volumes = np.array([len(series) for series in data], dtype=np.float64)
    return np.asarray(volumes / volumes.sum())


def _grouped(data: Sequence[Array], params: SparseConnectivity, progress: Progress) -> _Found:
    folds = () if params.alpha else [_GroupFold.of(data, i, params) for i in range(params.folds)]
    return _at_alpha(_covariances(data), _shares(data), folds, params, progress)


def _at_alpha(
    covariances: Array, shares: Array, folds: Sequence[_Fold], params: SparseConnectivity, progress: Progress
) -> _Found:
    """The precisions at the alpha given, or at the one that the folds choose."""
    largest = largest_alpha(covariances, shares)
    alpha, path = params.alpha, (np.empty(0), np.empty(0))
    _require_below(alpha, largest, covariances)
    watch = _Watch(progress, _count(params), params.folds)
    if not alpha:
        alpha, path = _chosen(folds, largest, params, watch)
    found = group_sparse(covariances, shares, alpha, gap=params.gap, watch=watch)
    return _Found(found.precisions, covariances, alpha, path, found.gap)


# -- all series as one -----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _LassoFold:
    """Series (t × r) that are fitted and those that test, as scikit-learn's ``GraphicalLassoCV`` goes about them."""

    train: Array
    test: Array
    last: Array | None = None

    def begin(self) -> None:
        """Each grid of alphas starts from the empirical covariance, there."""
        self.last = None

    def score(self, alpha: float, watch: Callable[[], None]) -> float:
        """The log likelihood of the volumes that test."""
        from sklearn.covariance._graph_lasso import (
            graphical_lasso_path,
        )  # documented, and so called since 0.22, but not exported

        watch()
        # Alpha by alpha, each from the covariance before: the same as the whole path at once, but heard in between.
        (found,), _, (likelihood,) = graphical_lasso_path(
            self.train, [alpha], cov_init=self.last, X_test=self.test, max_iter=SWEEPS
        )
        self.last = self.last if np.ndim(found) == 0 else found  # NaN where it came to no end
        return float(likelihood)


def _single(data: Sequence[Array], params: SparseConnectivity, progress: Progress) -> _Found:
    """The graphical lasso: alpha chosen by scikit-learn's fits, the precision made to the gap."""
    folds = [] if params.alpha else [_LassoFold(*_parted(data[0], i, params.folds)) for i in range(params.folds)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that fits have not converged, which those of small alphas need not
        return _at_alpha(_covariances(data), np.ones(1), folds, params, progress)
