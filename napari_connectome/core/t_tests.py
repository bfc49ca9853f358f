"""Student's and Welch's t of one group or two, of which only mean and spread are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.moments import Moments

Array = npt.NDArray[Any]


def one_sample(a: Moments) -> tuple[Array, Array]:
    """T of a mean against 0 and its degrees of freedom; t is NaN where nothing varies and the mean is 0."""
    error = np.sqrt(a.squares / ((a.n - 1.0) * a.n))
    return _ratio(a.mean, error), np.full(error.shape, a.n - 1.0)


def student(a: Moments, b: Moments) -> tuple[Array, Array]:
    """T and its degrees of freedom, with one variance for both groups; t is NaN where nothing varies."""
    dof = a.n + b.n - 2.0
    error = np.sqrt((a.squares + b.squares) / dof * (1 / a.n + 1 / b.n))
    return _ratio(a.mean - b.mean, error), np.full(error.shape, dof)


def welch(a: Moments, b: Moments) -> tuple[Array, Array]:
    """T and its degrees of freedom, with a variance for each group; both are NaN where nothing varies."""
    of_a, of_b = a.squares / ((a.n - 1) * a.n), b.squares / ((b.n - 1) * b.n)
    dof = _ratio((of_a + of_b) ** 2, of_a**2 / (a.n - 1) + of_b**2 / (b.n - 1))
    return _ratio(a.mean - b.mean, np.sqrt(of_a + of_b)), dof


def two_sided(t: Array, dof: Array) -> Array:
    """The probability of a t so far from 0, on either side, without any difference."""
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(dof, -np.abs(t)))


def _ratio(numerator: Array, denominator: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.divide(numerator, denominator))
