"""Gaussian smoothing as one small matrix an axis.

The separable Gaussian with reflected boundary is linear in each axis, so it is three matrices (symmetric, rows and
columns summing to 1). It commutes with everything done along time: cleaning first leaves fewer volumes to smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.params import number
from napari_connectome.core.values import Maps, Run, Volume

Array = npt.NDArray[Any]
Image = TypeVar("Image", Run, Volume, Maps)

FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
WIDEST = 1000.0
"""mm; several heads."""
TRUNCATE = 4.0
"""Standard deviations after which the kernel ends, as in scipy and nilearn."""


def kernel_radius(fwhm: float, spacing: float) -> int:
    """Voxels the kernel reaches to each side; `fwhm` and `spacing` in mm."""
    return int(TRUNCATE * fwhm / (FWHM_PER_SIGMA * spacing) + 0.5)


def axis_matrix(n: int, fwhm: float, spacing: float) -> Array:
    """The (n × n) float64 matrix that smooths one axis of `n` voxels, `fwhm` and `spacing` in mm.

    Equal to ``scipy.ndimage.gaussian_filter1d(..., mode="reflect", truncate=4)``, and so to ``nilearn.image.smooth_img``.
    """
    radius = kernel_radius(fwhm, spacing)
    if radius == 0:
        return np.eye(n)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets * spacing * FWHM_PER_SIGMA / fwhm) ** 2)
    weights /= weights.sum()
    rows = np.repeat(np.arange(n), len(offsets))
    columns = (rows + np.tile(offsets, n)) % (2 * n)
    columns = np.where(columns >= n, 2 * n - 1 - columns, columns)
    matrix = np.zeros((n, n))
    np.add.at(matrix, (rows, columns), np.tile(weights, n))
    return matrix


def apply_axes(data: Array, matrices: Sequence[Array]) -> Array:
    """Apply one matrix to each of the last three axes (z, y, x) of `data` (…, z, y, x); (m × n) matrices change n to m."""
    along_z, along_y, along_x = matrices
    lines = data.reshape(-1, data.shape[-1]) @ along_x.T  # one product instead of one a slice
    data = along_y @ lines.reshape(*data.shape[:-1], len(along_x))
    flat = data.reshape(*data.shape[:-2], -1)
    return np.asarray((along_z @ flat).reshape(*data.shape[:-3], len(along_z), *data.shape[-2:]))


def require_fwhm(fwhm: float) -> float:
    """Return `fwhm` in mm or raise one sentence."""
    return float(number("the smoothing width", fwhm, low=0.0, high=WIDEST, unit="mm", off=0.0))


def smooth_array(data: Array, fwhm: float, voxel_size: Sequence[float]) -> Array:
    """Smooth the last three axes (z, y, x) of `data`; NaN and infinities count as 0, as in nilearn.

    Parameters
    ----------
    data : (…, z, y, x) array
    fwhm : float
        Full width at half maximum in mm; 0 leaves the data as they are.
    voxel_size : 3 floats
        mm along x, y, z.

    Returns
    -------
    (…, z, y, x) array
        float64 for float64 and 64-bit integers, float32 for everything else.
    """
    kind = float_like(data.dtype)
    image = np.array(data, dtype=kind)
    np.nan_to_num(image, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    if require_fwhm(fwhm) == 0:
        return image
    return apply_axes(image, axis_matrices(image.shape[-3:], fwhm, voxel_size, kind))


def axis_matrices(shape: Sequence[int], fwhm: float, voxel_size: Sequence[float], kind: npt.DTypeLike) -> list[Array]:
    """The `axis_matrix` of each axis, for `apply_axes`: `shape` as (z, y, x), `voxel_size` as x, y, z in mm."""
    sizes = zip(shape, reversed(tuple(voxel_size)), strict=True)
    return [axis_matrix(n, fwhm, spacing).astype(kind) for n, spacing in sizes]


def float_like(kind: np.dtype[Any]) -> type[np.floating[Any]]:
    """What data of a type are smoothed in: float64 for float64 and 64-bit integers, float32 for everything else."""
    """The type an image of this type is smoothed in: float64 for float64 and 64-bit integers, float32 for everything else."""
    return np.float64 if kind.kind in "iuf" and kind.itemsize == 8 else np.float32


def smooth(image: Image, fwhm: float, progress: Progress = silent) -> Image:
    """Smooth a `Run`, `Volume` or `Maps` with a Gaussian of `fwhm` mm; return the same type.

    Equal to ``nilearn.image.smooth_img`` to 1e-15 (float64) or 3e-7 (float32) of the largest value.
    """
    if not isinstance(image, Run | Volume | Maps):
        raise InputError(
            f"only a Run, Volume or Maps can be smoothed, not {type(image).__name__}: put the array on a grid first."
        )
    size = image.grid.voxel_size
    if image.data.ndim == 3:
        return type(image)(**{**vars(image), "data": smooth_array(image.data, fwhm, size)})
    smoothed = np.empty(image.data.shape, dtype=float_like(image.data.dtype))
    for i, volume in enumerate(image.data):
        smoothed[i] = smooth_array(volume, fwhm, size)
        progress((i + 1) / len(image.data), "smoothing")
    return type(image)(**{**vars(image), "data": smoothed})
