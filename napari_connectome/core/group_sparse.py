"""Sparse inverse covariances of several subjects that have their zeros in the same places."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.threads import in_pieces

Array = npt.NDArray[Any]

OVER = 1.6
"""How far each step goes beyond where it would end: between 1 and 2 always converges, and this is fast."""
LOOK = 5
"""Steps from one look at the gap to the next: a look costs a fifth of a step."""
BALANCED = 15
"""Steps during which the penalty is adapted; then each step is extrapolated from those before it."""
SLOW, LOOKS = 3.0, 4
"""Where the gap fell by less than this factor during so many looks, nothing is extrapolated any more."""
AGAIN = 45
"""Steps during which the penalty is adapted once more then; from there on it stays, so that the steps surely converge."""
KEPT = 4
"""Steps of which an extrapolation is made, less one: each kept takes as much as two times the precisions."""
FIRST_PENALTY = 0.3
"""Of the distance between the two copies, for covariances of mean variance 1, times a subject's share."""


@dataclass(frozen=True, eq=False)
class GroupSparse:
    """Precisions of several subjects, and how far from the best they can be at most.

    Parameters
    ----------
    precisions : (s, r, r) array
        Symmetric and positive definite, the zeros of all in the same places.
    multipliers : (s, r, r) array
        The dual point: 0 on the diagonal, and of each pair of regions the root of the sum of squares over subjects is alpha at
        most.
    objective : float
        What was made small: the sum over subjects of their share times (trace(covariance · precision) - log det precision),
        and alpha times the sum, over both triangles, of the root of the sum of squares over subjects.
    gap : float
        No precisions have an objective lower than this one by more.
    steps : int
        How many were taken.
    penalty : float
        Of the distance of the two copies at the end: a good one to begin with at the next alpha.
    """

    precisions: Array
    multipliers: Array
    objective: float
    gap: float
    steps: int
    penalty: float


def largest_alpha(covariances: Array, shares: Array) -> float:
    """The alpha from which on no two regions are connected, of covariances (s, r, r) and the subjects' shares (s,)."""
    return float(_sizes(_off_diagonal(covariances) * shares[:, None, None]).max())


def group_sparse(
    covariances: Array,
    shares: Array,
    alpha: float,
    *,
    gap: float,
    start: GroupSparse | None = None,
    most: int = 2000,
    watch: Callable[[], None] | None = None,
) -> GroupSparse:
    """Find the precisions of several subjects that fit best with few pairs of regions connected.

    The alternating direction method of multipliers: one copy of the precisions fits the covariances, by one eigen-decomposition
    a subject, the other is sparse, and both are drawn together. The multipliers that draw them are a point of the dual problem,
    so that the gap between the two objectives is there at no cost, and says when to stop. Each step is extrapolated from those
    before it, as Anderson does.

    Parameters
    ----------
    covariances : (s, r, r) float64 array
        Empirical, none of the variances 0; they may be singular.
    shares : (s,) float64 array
        Of each subject in the sum; together 1.
    alpha : float
        Above 0.
    gap : float
        Where the duality gap is this or less, it stops.
    start : GroupSparse, optional
        Of the same problem with another alpha, or one much like it.
    most : int
        Steps after which it stops in any case; the gap then tells where it stands.
    watch : callable, optional
        Called before each step; what it raises ends the work.

    Returns
    -------
    GroupSparse
    """
    scale = float(np.trace(covariances, axis1=1, axis2=2).mean() / covariances.shape[1])
    problem = _Problem(covariances / scale, shares, alpha / scale)
    if start is None:
        sparse = _diagonal(1 / np.diagonal(problem.covariances, axis1=1, axis2=2))
        state = _State(sparse, np.zeros_like(sparse), FIRST_PENALTY / len(shares))
    else:
        state = _State(start.precisions * scale, _shortened(start.multipliers / scale, problem.alpha), start.penalty)
    best = problem.account(state, 0)
    ahead: _Extrapolation | None = _Extrapolation()
    adapted, gaps = BALANCED, [best.gap]
    for step in range(1, most + 1):
        if best.gap <= gap:
            break
        if watch is not None:
            watch()
        before = state.point
        far, moved = problem.step(state)
        if ahead is not None and step > BALANCED:
            problem.put(state, ahead.of(before, state.point))
        if step % LOOK == 0 or step == most:
            found = problem.account(state, step)
            best = found if found.gap < best.gap else best
            gaps.append(best.gap)
            if ahead is not None and step > BALANCED + LOOKS * LOOK and gaps[-1] * SLOW > gaps[-1 - LOOKS]:
                ahead, adapted = None, step + AGAIN
            if step <= adapted:
                state.balance(far, moved)
    shift = covariances.shape[1] * np.log(scale)
    return GroupSparse(
        best.precisions / scale, best.multipliers * scale, best.objective + shift, best.gap, best.steps, best.penalty
    )


def score(precisions: Array, covariances: Array, shares: Array) -> float:
    """How well precisions (s, r, r) fit covariances of other volumes: their log likelihood, but for a factor and a constant."""
    return float(shares @ (_log_det(precisions) - (precisions * covariances).sum(axis=(1, 2))))


def objective(precisions: Array, covariances: Array, shares: Array, alpha: float) -> float:
    """What `group_sparse` makes small."""
    return alpha * float(_sizes(_off_diagonal(precisions)).sum()) - score(precisions, covariances, shares)


@dataclass(eq=False)
class _State:
    """The sparse copy, the multipliers and the penalty between steps."""

    sparse: Array
    multipliers: Array
    penalty: float

    @property
    def point(self) -> Array:
        """What a step starts from, as one: the sparse copy and the multipliers follow from it."""
        return self.sparse + self.multipliers / self.penalty

    def balance(self, far: float, moved: float) -> None:
        """Make the penalty so that the copies come together as fast as they come to rest."""
        if far > 0 and moved > 0:
            self.penalty *= float(np.clip(np.sqrt(far / moved), 0.2, 5.0))


@dataclass(frozen=True, eq=False)
class _Problem:
    """Covariances of mean variance 1 with an alpha for these."""

    covariances: Array
    shares: Array
    alpha: float

    def step(self, state: _State) -> tuple[float, float]:
        """One step; how far the copies are from each other and how much the sparse one moved, each of its own size."""
        penalty, before = state.penalty, state.sparse
        fitted = self._fitted(state)
        self.put(state, OVER * fitted + (1 - OVER) * before + state.multipliers / penalty)
        far = _norm(fitted - state.sparse) / max(_norm(fitted), _norm(state.sparse))
        return far, penalty * _norm(state.sparse - before) / max(_norm(state.multipliers), np.finfo(float).tiny)

    def put(self, state: _State, point: Array) -> None:
        """Take the sparse copy and the multipliers apart."""
        sizes = _sizes(point)
        limit = self.alpha / state.penalty
        keep = np.divide(sizes - limit, sizes, out=np.zeros_like(sizes), where=sizes > limit)
        np.fill_diagonal(keep, 1.0)
        state.sparse = point * keep
        state.multipliers = _off_diagonal(state.penalty * (point - state.sparse))

    def _fitted(self, state: _State) -> Array:
        """The copy that fits the covariances; half of the subjects at a time where there are two threads for it."""

        def work(some: slice) -> Array:
            weight = (state.penalty / self.shares[some])[:, None]
            given = weight[:, None] * state.sparse[some] - state.multipliers[some] / self.shares[some, None, None]
            values, vectors = np.linalg.eigh(given - self.covariances[some])
            values = (values + np.sqrt(values**2 + 4 * weight)) / (2 * weight)
            fitted = (vectors * values[:, None, :]) @ vectors.swapaxes(1, 2)
            return np.asarray((fitted + fitted.swapaxes(1, 2)) / 2)

        half = (len(self.shares) + 1) // 2
        pieces = [slice(half), slice(half, None)] if len(self.shares) > 1 else [slice(None)]
        return np.concatenate([found for _, found in in_pieces(work, pieces)])

    def account(self, state: _State, steps: int) -> GroupSparse:
        """Where the state stands: the sparse copy, whose zeros are zeros, and its gap."""
        here = objective(state.sparse, self.covariances, self.shares, self.alpha)
        gap = here - _bound(self.covariances, self.shares, state.multipliers)
        return GroupSparse(state.sparse, state.multipliers, here, gap, steps, state.penalty)


class _Extrapolation:
    """Anderson's: where steps would end, of the last few of which the moves come closest to none when they are mixed."""

    def __init__(self) -> None:
        self._last: tuple[Array, Array] | None = None
        self._changes: deque[tuple[Array, Array]] = deque(maxlen=KEPT - 1)
        self._products = np.zeros((0, 0))

    def of(self, before: Array, after: Array) -> Array:
        """The point to go on from, after a step from one to the other."""
        move = after - before
        if self._last is None:
            self._last = after, move
            return after
        self._keep(after - self._last[0], move - self._last[1])
        self._last = after, move
        small = 1e-10 * np.trace(self._products) + np.finfo(float).tiny
        wanted = [float(np.vdot(change, move)) for _, change in self._changes]
        shares = np.linalg.solve(self._products + small * np.eye(len(wanted)), wanted)
        return np.asarray(after - sum(share * end for share, (end, _) in zip(shares, self._changes, strict=True)))

    def _keep(self, end: Array, change: Array) -> None:
        """Keep how end and move of a step differ from those of the step before, and the products of these."""
        self._changes.append((end, change))
        row = np.array([float(np.vdot(change, other)) for _, other in self._changes])
        products = np.zeros((len(row), len(row)))
        known = self._products[-len(row) + 1 :, -len(row) + 1 :] if len(row) > 1 else np.zeros((0, 0))
        products[:-1, :-1] = known
        products[-1], products[:, -1] = row, row
        self._products = products


def _bound(covariances: Array, shares: Array, multipliers: Array) -> float:
    """What no objective is below: the dual objective of the multipliers.

    Where they leave a matrix that is not positive definite, they are drawn away by halves; with none it is -inf, and the gap
    infinite, if a covariance is singular.
    """
    for drawn in (1.0, 0.5, 0.25, 0.0):
        fitted = covariances + drawn * multipliers / shares[:, None, None]
        found = float(shares @ _log_det(fitted) + fitted.shape[1])
        if np.isfinite(found):
            return found
    return float(-np.inf)


def _shortened(multipliers: Array, alpha: float) -> Array:
    """Multipliers (s, r, r) of which none is longer than alpha, as those of this alpha are."""
    sizes = _sizes(multipliers)
    return multipliers * np.divide(alpha, sizes, out=np.ones_like(sizes), where=sizes > alpha)


def _log_det(matrices: Array) -> Array:
    """Of each of several symmetric matrices (s, r, r); -inf for what is not positive definite."""
    try:
        roots = np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        values = np.linalg.eigvalsh(matrices)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(values).sum(axis=1)
        return np.asarray(np.where(values[:, 0] > 0, logs, -np.inf))
    return np.asarray(2 * np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1))


def _sizes(matrices: Array) -> Array:
    """Of each pair of regions the root of the sum of squares over subjects (r, r)."""
    return np.asarray(np.sqrt(np.einsum("sij,sij->ij", matrices, matrices)))


def _norm(matrices: Array) -> float:
    return float(np.linalg.norm(matrices.ravel()))


def _off_diagonal(matrices: Array) -> Array:
    found = matrices.copy()
    np.einsum("sii->si", found)[...] = 0
    return found


def _diagonal(values: Array) -> Array:
    found = np.zeros((*values.shape, values.shape[1]))
    np.einsum("sii->si", found)[...] = values
    return found
