"""The surface of a brain as triangles, from a mask, a parcellation or whatever else says where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid

Array = npt.NDArray[Any]

STEP = 4.0
"""Mm between the points that the surface is laid through: finer ones would be slow to draw, and to look through."""
CLOSING = 12.0
"""Mm: gaps up to twice as wide are closed, such as the white matter that a parcellation of the cortex leaves out."""
SMOOTHING = 4.0
"""Standard deviation in mm of the Gaussian that takes the edges of the voxels off."""


def brain_mesh(inside: npt.ArrayLike, grid: Grid) -> tuple[Array, Array]:
    """Lay a smooth surface around a brain.

    Parameters
    ----------
    inside : (z, y, x) array
        Nonzero within the brain, or within its regions: what lies between them is taken as brain, too.
    grid : Grid

    Returns
    -------
    vertices : (n × 3) float64 array
        x, y, z in mm.
    faces : (m × 3) int64 array
        Numbers of the vertices of each triangle.

    Raises
    ------
    InputError
        Where nothing is inside.
    """
    there: Array = np.nan_to_num(np.asarray(inside)) != 0
    if not there.any():
        raise InputError("nothing is inside the brain: give a mask or regions with at least one voxel that is not 0.")
    coarse, stride = _coarse(there, grid)
    share = min(0.25, 0.5 * float(coarse.max()))  # a single voxel is to be seen, too
    size: Array = np.array(grid.voxel_size[::-1]) * stride
    pad: Array = np.ceil((CLOSING + 4 * SMOOTHING) / size).astype(int)
    filled = _closed(np.pad(coarse > share, [(int(each), int(each)) for each in pad]), size)
    smooth = ndimage.gaussian_filter(filled.astype(np.float32), SMOOTHING / size)
    from skimage.measure import marching_cubes  # here, since it takes a while to import

    # Something small is smoothed to less than half everywhere.
    level = min(0.5, 0.5 * float(smooth.max()))
    vertices, faces, _, _ = marching_cubes(smooth, level)  # type: ignore[no-untyped-call]
    voxels = (vertices - pad) * stride + (stride - 1) / 2
    return grid.to_mm(voxels[:, ::-1].astype(np.float64)), np.asarray(faces, dtype=np.int64)


def _coarse(inside: Array, grid: Grid) -> tuple[Array, Array]:
    """The share of blocks of voxels that is inside, and the voxels a block has along z, y, x."""
    stride = np.maximum(1, np.floor(STEP / np.array(grid.voxel_size[::-1]) + 0.01)).astype(int)
    stride = np.minimum(stride, inside.shape)
    ends = [(0, int(-n % k)) for n, k in zip(inside.shape, stride, strict=True)]
    whole = np.pad(inside, ends).astype(np.float32)
    (z, y, x), (a, b, c) = whole.shape, stride
    return np.asarray(whole.reshape(z // a, a, y // b, b, x // c, c).mean(axis=(1, 3, 5))), stride


def _closed(inside: Array, size: Array) -> Array:
    """Grown by the width of the gaps, filled, and shrunk by as much."""
    grown = ndimage.distance_transform_edt(~inside, sampling=size) <= CLOSING
    filled = ndimage.binary_fill_holes(grown)
    shrunk: Array = ndimage.distance_transform_edt(filled, sampling=size) > CLOSING
    return shrunk | inside
