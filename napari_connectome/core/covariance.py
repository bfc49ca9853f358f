"""The covariance of several series, and what is made of it: correlation, precision, partial correlation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError

Array = npt.NDArray[Any]

SINGULAR = 1e-12
"""Eigenvalues of a correlation matrix below this share of the largest are 0: the matrix has no inverse."""


def covariance(series: Array, estimator: str) -> tuple[Array, float]:
    """Estimate the covariance of series (t × r).

    Parameters
    ----------
    series : (t × r) float64 array
    estimator : str
        "empirical": the mean of the products about the means, over t. "ledoit_wolf": this, drawn towards the mean variance on
        the diagonal and 0 elsewhere, by the share that makes the expected error smallest.

    Returns
    -------
    (r × r) float64 array
    float
        That share, the shrinkage; 0 for "empirical".
    """
    centred = series - series.mean(axis=0)
    matrix = centred.T @ centred / len(centred)
    if estimator == "empirical":
        return np.asarray(matrix), 0.0
    shrinkage = ledoit_wolf_shrinkage(centred, matrix)
    shrunk = (1 - shrinkage) * matrix
    shrunk.flat[:: len(matrix) + 1] += shrinkage * np.trace(matrix) / len(matrix)
    return np.asarray(shrunk), shrinkage


def ledoit_wolf_shrinkage(centred: Array, matrix: Array) -> float:
    """How much the covariance (r × r) of series about their means (t × r) is to be drawn towards its mean variance.

    As scikit-learn's, which takes two further products of the size of the covariance. The sum over all pairs of series of
    their squares' products is that over the volumes of the squared sums of squares.

    References
    ----------
    Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices, J. Multivar. Anal. 88.
    """
    t, r = centred.shape
    if r == 1:
        return 0.0
    squares = np.einsum("ij,ij->i", centred, centred)
    size = float(np.vdot(matrix, matrix))
    noise = (float(squares @ squares) / t - size) / (r * t)
    spread = (size - float(np.trace(matrix)) ** 2 / r) / r
    noise = min(noise, spread)
    return 0.0 if noise == 0 else noise / spread


def to_correlation(matrix: Array) -> Array:
    """A covariance (r × r) brought to variances of 1."""
    scale = 1 / np.sqrt(np.diag(matrix))
    found = matrix * np.outer(scale, scale)  # symmetric to the last bit
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def require_inverse(matrix: Array) -> None:
    """One sentence unless a covariance (r × r) has an inverse."""
    values = np.linalg.eigvalsh(to_correlation(matrix))
    if not values[0] > SINGULAR * values[-1]:
        raise InputError(
            f"the covariance of {len(matrix)} series has no inverse: they depend on each other, or have too few volumes; "
            "use the estimator ledoit_wolf, fewer regions or a longer run."
        )


def to_precision(matrix: Array) -> Array:
    """The inverse of a covariance (r × r); one sentence where there is none."""
    from scipy.linalg import inv

    require_inverse(matrix)
    inverse = np.asarray(inv(matrix))
    return (inverse + inverse.T) / 2


def to_partial_correlation(precision: Array) -> Array:
    """The correlation of each pair of series that the others do not explain, from the precision (r × r)."""
    found = -to_correlation(precision)
    np.fill_diagonal(found, 1.0)
    return found
