"""One series for each of several maps that may overlap: the least squares fit of the maps to each volume, or weighted means.

With the maps as rows of W (r × v), the series of a volume x is the s for which Wᵀs comes closest to x: G·s = W·x, G = W·Wᵀ.
Voxels where all maps are 0 do not matter, so that only the maps' own voxels are read, and W·x is summed volume by volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.weighted_sums import Weights, filled, used_columns, weight_matrix, weighted_sums

Array = npt.NDArray[Any]

TOGETHER = 16
"""Maps whose inner products with all others are found at once."""
COLLINEAR = 1e-12
"""Eigenvalues of the maps' correlations below this are 0: of maps that add up to another, but for the rounding of float32."""


def map_series(
    data: Array,
    grid: Grid,
    weights: Sequence[Weights],
    volumes: Array,
    fwhm: float = 0.0,
    progress: Progress = silent,
) -> Array:
    """Fit maps to each of some volumes.

    Parameters
    ----------
    data : (t, z, y, x) array
        Any real type, finite in these volumes wherever a map has a weight.
    grid : Grid
    weights : r pairs
        Flat indices (C order of z, y, x) and weights of any sign.
    volumes : (n,) int array
        Which volumes.
    fwhm : float
        Smooths the data first, mm; 0 is off.
    progress : Progress

    Returns
    -------
    (n × r) float64 array
        The solution of the smallest norm where maps depend on each other: of two that are the same, each has half. NaN for a
        map without a weight.
    """
    _, matrix = used_columns(weight_matrix(weights, grid))
    inverse = _inverse(_products(matrix))
    return weighted_sums(data, grid, weights, volumes, fwhm, progress, "fitting the maps") @ inverse


def map_means(
    data: Array,
    grid: Grid,
    weights: Sequence[Weights],
    volumes: Array,
    fwhm: float = 0.0,
    progress: Progress = silent,
) -> Array:
    """Mean of each of some volumes weighted by each map, (n × r) float64; see `map_series`.

    The weighted sum over the sum of the weights' magnitudes, so that maps of both signs have one, too.
    """
    total = np.array([np.abs(values).sum(dtype=np.float64) for _, values in weights])
    sums = weighted_sums(data, grid, weights, volumes, fwhm, progress, "averaging over the maps")
    return np.asarray(np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0))


def _products(matrix: Any) -> Array:
    """The inner products (r × r) of the rows of a sparse matrix, most of whose values may be there."""
    full = filled(matrix)
    if full is not None:
        return np.asarray(full @ full.T)
    some = [matrix[row : row + TOGETHER].toarray() for row in range(0, matrix.shape[0], TOGETHER)]
    return np.hstack([np.asarray(matrix @ rows.T) for rows in some])


def _inverse(products: Array) -> Array:
    """What takes the sums (n × r) to the series (n × r); NaN in the columns of maps without a weight.

    Maps are brought to norm 1 first, so that neither their scale nor its differences matter. Then what the maps cannot tell
    apart, the null space N, is chosen such that the series are shortest: it is projected out of them in their own scale.
    """
    norm = np.sqrt(np.diag(products))
    alive = norm > 0
    scale = norm[alive]
    values, vectors = np.linalg.eigh(products[np.ix_(alive, alive)] / np.outer(scale, scale))
    known = values > COLLINEAR * max(1, len(values))
    inverse = (vectors[:, known] / values[known]) @ vectors[:, known].T / np.outer(scale, scale)
    if not known.all():
        null, _ = np.linalg.qr(vectors[:, ~known] / scale[:, None])
        inverse -= (inverse @ null) @ null.T
    whole = np.zeros(products.shape)
    whole[:, ~alive] = np.nan
    whole[np.ix_(alive, alive)] = inverse
    return whole
