"""Covariances as points of a curved space: their geometric mean, and what each is as seen from there.

The covariances that can be are no flat space: the mean of two may vary more than both. With the distance that does not change
when the series are mixed, the mean of several is the matrix whose directions to all of them sum to 0, and these directions are
symmetric matrices like any other (Fletcher & Joshi 2007, *Signal Processing* 87:250; Varoquaux et al. 2010, MICCAI).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.threads import in_pieces

Array = npt.NDArray[Any]

NEAR = 1e-7
"""The mean is found where the directions sum to less than this, as a norm divided by the number of entries: nilearn's limit."""
MOST_STEPS = 100
"""Steps to it at most. nilearn takes 30 and goes on with what it has then."""
AT_ONCE = 20_000
"""Entries of matrices taken together: enough that calls cost nothing beside the work, few enough for the cache."""


def geometric_mean(covariances: Array, progress: Progress = silent) -> Array:
    """The mean of covariances that does not depend on how the series are mixed.

    Parameters
    ----------
    covariances : (s, r, r) float64 array
        Symmetric and positive definite.
    progress : Progress

    Returns
    -------
    (r × r) float64 array
        Step by step that of ``nilearn.connectome``, whose steps begin at the arithmetic mean and end near the geometric one.

    Raises
    ------
    InputError
        Where the covariances are so near to having no inverse that no mean is found.
    """
    centre = np.asarray(covariances.mean(axis=0))
    step, smallest, first = 1.0, np.inf, 0.0
    for _ in range(MOST_STEPS):
        values, vectors = np.linalg.eigh(centre)
        root, whitening = _rebuilt(np.sqrt(values), vectors), _rebuilt(1 / np.sqrt(values), vectors)
        direction = sum(logs.sum(axis=0) for logs in _logarithms(covariances, whitening)) / len(covariances)
        size = float(np.linalg.norm(direction))
        if not np.isfinite(size):
            break
        centre = _symmetric(root @ _of_eigenvalues(np.exp, step * direction) @ root)
        if size > smallest:
            step /= 2
        smallest, first = min(smallest, size), first or size
        progress(_share(first, size, NEAR * centre.size), "mean of the covariances")
        if size < NEAR * centre.size:
            return centre
    raise InputError(
        f"the geometric mean of {len(covariances)} covariances was not found, since some are close to having no inverse: "
        "use the estimator ledoit_wolf, fewer regions or longer runs."
    )


def tangents(covariances: Array, centre: Array) -> Array:
    """What covariances (s, r, r) are as seen from another (r × r): 0 for the same, symmetric (s, r, r)."""
    whitening = _of_eigenvalues(lambda values: 1 / np.sqrt(values), centre)
    return _symmetric(np.concatenate(list(_logarithms(covariances, whitening))))


def covariances_of(seen: Array, centre: Array) -> Array:
    """The covariances (s, r, r) that are seen so from another (r × r): `tangents` undone."""
    root = _of_eigenvalues(np.sqrt, centre)
    return _symmetric(root @ _of_eigenvalues(np.exp, seen) @ root)


def _logarithms(covariances: Array, whitening: Array) -> Any:
    """The logarithms of the covariances brought to the identity by `whitening`, some (n, r, r) at a time."""
    size = max(1, AT_ONCE // whitening.size)
    pieces = [slice(start, start + size) for start in range(0, len(covariances), size)]
    with np.errstate(invalid="ignore", divide="ignore"):
        for _, logs in in_pieces(lambda piece: _of_eigenvalues(np.log, whitening @ covariances[piece] @ whitening), pieces):
            yield logs


def _of_eigenvalues(function: Callable[[Array], Array], matrices: Array) -> Array:
    """Symmetric matrices (…, r, r) with another value for each of their eigenvalues."""
    values, vectors = np.linalg.eigh(matrices)
    return _rebuilt(function(values), vectors)


def _rebuilt(values: Array, vectors: Array) -> Array:
    return np.asarray((vectors * values[..., None, :]) @ vectors.swapaxes(-1, -2))


def _symmetric(matrices: Array) -> Array:
    """To the last bit, where rounding makes it not so."""
    return np.asarray((matrices + matrices.swapaxes(-1, -2)) / 2)


def _share(first: float, size: float, near: float) -> float:
    """How far the way from the first size to `near` is gone, 0 to 1: each step divides the size by about the same."""
    return float(np.clip(np.log(first / size) / np.log(first / near), 0.0, 1.0)) if size > near else 1.0
