"""How much of the variance of runs maps explain, from the runs' reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import Progress, named, silent
from napari_connectome.core.principal import cross_products
from napari_connectome.core.stacked import Rows

Array = npt.NDArray[Any]


def explained_variance(rows: Rows, maps: Array, total: float, progress: Progress = silent) -> tuple[Array, float]:
    """Share of the total that lies along each map alone (k,) and in the space of all of them.

    Parameters
    ----------
    rows : (m × v) array
        The stacked reductions. What the rows left out of them have along the maps is not counted: the shares are some
        thousandths too small, one or two hundredths together.
    maps : (k × v) array
        A map of zeros explains nothing.
    total : float
        Sum of squares of all runs.
    progress : Progress
    """
    if not total > 0:
        return np.zeros(len(maps)), 0.0
    along = cross_products(rows, maps, named(progress, "explained variance"))
    maps = maps.astype(np.float64)
    gram = maps @ maps.T
    sizes = np.diag(gram)
    each = np.divide((along**2).sum(axis=0), sizes, out=np.zeros(len(maps)), where=sizes > 0) / total
    scale = np.divide(1.0, np.sqrt(sizes), out=np.zeros(len(maps)), where=sizes > 0)
    values, vectors = np.linalg.eigh(gram * np.outer(scale, scale))
    kept = values > 1e-10
    within = (along * scale) @ (vectors[:, kept] / np.sqrt(values[kept]))
    return each, float((within**2).sum() / total)
