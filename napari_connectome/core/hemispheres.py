"""Left and right: on which side of x = 0 mm voxels lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.grid import Grid

Array = npt.NDArray[Any]

MIDLINE = 1e-3
"""mm from x = 0 within which a voxel lies on it: what rounding to 32 bits makes of the affine in a file."""


def sides(ijk: Sequence[Array], grid: Grid) -> Array:
    """Which side voxels lie on, by the true affine: -1 left (x < 0 mm), 0 on the midline, 1 right.

    Parameters
    ----------
    ijk : three (n,) int arrays
        Indices along x, y and z.
    grid : Grid

    Returns
    -------
    (n,) int8 array
    """
    x = np.full(len(ijk[0]), grid.affine[0, 3])
    for index, step, size in zip(ijk, grid.affine[0, :3], grid.shape[::-1], strict=True):
        x += (np.arange(size) * step)[index]
    return (x > MIDLINE).astype(np.int8) - (x < -MIDLINE)
