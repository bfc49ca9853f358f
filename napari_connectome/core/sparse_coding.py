"""The Lasso for all voxels at once: few weights for each voxel that rebuild it from the atoms of a dictionary.

Minimised for each voxel x is 0.5 ‖x - w D‖² + alpha ‖w‖₁, which needs of D and x only D·Dᵀ and D·x. Coordinate descent finds
which weights are not 0; where it has found them, their values solve a small linear system, so that the result is exact and
does not depend on when the descent was stopped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import Progress, part, silent
from napari_connectome.core.threads import in_pieces

Array = npt.NDArray[Any]

AT_ONCE = 1 << 16
"""Weights descended together: with their products they fit the cache."""
DOING = "sparse coding"
SWEEPS = 4
"""Sweeps over all atoms before it is looked whether the weights that are not 0 have been found."""
MOST_SWEEPS = 1000
SLACK = 1e-9
"""Share of the largest product by which the conditions of the optimum may be missed: rounding."""


def sparse_code(
    gram: Array,
    products: Array,
    alpha: float,
    start: Array | None = None,
    tol: float = 1e-8,
    progress: Progress = silent,
) -> Array:
    """Return the weights (k × v) that minimise 0.5 ‖x - w D‖² + alpha ‖w‖₁ for each voxel x.

    Parameters
    ----------
    gram : (k × k) float64 array
        D·Dᵀ of the atoms D (k × m).
    products : (k × v) float64 array
        D·x, a column for each voxel.
    alpha : float
        0 or more.
    start : (k × v) array, optional
        Weights to begin with, such as those of a dictionary that was much the same; 0 otherwise.
    tol : float
        Where the atoms do not determine the weights, the descent ends when a sweep changes no weight by more than this share
        of the largest.
    progress : Progress
    """
    weights = np.zeros(products.shape) if start is None else np.array(start, dtype=np.float64)
    k, count = products.shape
    stride = max(256, AT_ONCE // max(1, k))
    pieces = [slice(first, min(first + stride, count)) for first in range(0, count, stride)]

    def coded(piece: slice) -> Array:
        step = part(progress, piece.start / count, piece.stop / count)
        return _code(gram, np.ascontiguousarray(products[:, piece]), alpha, weights[:, piece], tol, step)

    for piece, code in in_pieces(coded, pieces):
        weights[:, piece] = code
        progress(piece.stop / count, DOING)
    return weights


def _code(gram: Array, products: Array, alpha: float, start: Array, tol: float, progress: Progress) -> Array:
    """The weights of one piece of voxels; those that are done leave the descent."""
    done = np.empty_like(products)
    left, weights = np.arange(products.shape[1]), np.ascontiguousarray(start)
    for _ in range(MOST_SWEEPS // SWEEPS):
        change = _descend(gram, products, alpha, weights)
        exact, solved = _solve(gram, products, alpha, weights)
        still = change <= tol * np.abs(weights).max(axis=0)
        done[:, left] = np.where(exact, solved, weights)
        going = ~(exact | still)
        if not going.any():
            break
        progress(1 - going.sum() / len(done[0]), DOING)
        weights = _towards(weights[:, going], solved[:, going])
        left, products = left[going], products[:, going]
    return done


def _towards(weights: Array, solved: Array) -> Array:
    """Go from weights towards what solves for them, until the first of a voxel's would change its sign: that one is 0 then.

    The objective falls all the way, and much faster than by the descent where atoms are alike.
    """
    crossing = (weights != 0) & (np.sign(solved) != np.sign(weights))
    ways = np.divide(weights, weights - solved, out=np.ones_like(weights), where=crossing)
    step = ways.min(axis=0)
    there = weights + step * (solved - weights)
    there[crossing & (ways <= step)] = 0
    return np.where(np.isfinite(there).all(axis=0), there, weights)


def _descend(gram: Array, products: Array, alpha: float, weights: Array) -> Array:
    """`SWEEPS` sweeps over the atoms, in place; the largest change of each voxel's weights (v,) in the last."""
    sizes = np.diag(gram)
    atoms = np.flatnonzero(sizes > 0)
    scale = np.divide(1.0, sizes, out=np.zeros(len(sizes)), where=sizes > 0)
    wanted, others, most = products * scale[:, None], gram * scale[:, None], alpha * scale
    np.fill_diagonal(others, 0.0)
    pull, cut = np.empty((2, weights.shape[1]))
    before = weights
    for sweep in range(SWEEPS):
        if sweep == SWEEPS - 1:
            before = weights.copy()
        for k in atoms:  # few voxels make this a matter of microseconds: nothing is allocated
            np.dot(others[k], weights, out=pull)
            np.subtract(wanted[k], pull, out=pull)
            np.maximum(pull, -most[k], out=cut)
            np.minimum(cut, most[k], out=cut)
            np.subtract(pull, cut, out=weights[k])
    return np.asarray(np.abs(weights - before).max(axis=0, initial=0.0))


def _solve(gram: Array, products: Array, alpha: float, weights: Array) -> tuple[Array, Array]:
    """Solve for the weights that are not 0, (k × v), and tell for which voxels (v,) that is the optimum."""
    solved = np.zeros_like(weights)
    signs = np.sign(weights)
    counts = np.count_nonzero(signs, axis=0)
    for count in np.unique(counts[counts > 0]):
        voxels = np.flatnonzero(counts == count)
        atoms = np.nonzero(signs[:, voxels].T)[1].reshape(-1, count)
        columns = voxels[:, None]
        system = gram[atoms[:, :, None], atoms[:, None, :]]
        # A trace of a ridge: equal atoms make no error, and what it changes is checked below.
        system[:, np.arange(count), np.arange(count)] *= 1 + 1e-14
        wanted = products[atoms, columns] - alpha * signs[atoms, columns]
        try:
            solved[atoms, columns] = np.linalg.solve(system, wanted[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            solved[atoms, columns] = np.nan
    pull = products - gram @ solved
    slack = SLACK * max(alpha, float(np.abs(products).max(initial=0.0)))
    same = np.all(np.sign(solved) == signs, axis=0)
    with np.errstate(invalid="ignore"):
        optimal = np.all(np.abs(pull - alpha * signs) <= np.where(signs == 0, alpha, 0.0) + slack, axis=0)
    return same & optimal, solved
