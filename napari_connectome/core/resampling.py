"""Images on another grid."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Maps, Run, Volume

Array = npt.NDArray[Any]
Image = TypeVar("Image", Run, Volume, Maps)

ORDERS = {"cubic": 3, "linear": 1, "nearest": 0}


def resample(image: Image, grid: Grid, how: str = "cubic", progress: Progress = silent) -> Image:
    """Return an image on another grid.

    Parameters
    ----------
    image : Run, Volume or Maps
    grid : Grid
    how : "cubic", "linear" or "nearest"
        Cubic splines may overshoot at edges.
    progress : Progress

    Returns
    -------
    The same type
        Equal to ``nilearn.image.resample_img(…, clip=False)``: 0 outside the image.
    """
    if how not in ORDERS:
        raise InputError(f"how to resample is {how!r} and must be one of {', '.join(ORDERS)}.")
    if image.grid.matches(grid):
        return image
    data = image.data[None] if image.data.ndim == 3 else image.data
    kind = _kind(data.dtype, how)
    out = np.empty((len(data), *grid.shape), dtype=kind)
    for i, volume in enumerate(data):
        out[i] = _resampled(volume, image.grid, grid, ORDERS[how], kind)
        progress((i + 1) / len(data), "resampling")
    return type(image)(**{**vars(image), "data": out.reshape(*image.data.shape[:-3], *grid.shape), "grid": grid})


def _kind(dtype: np.dtype[Any], how: str) -> np.dtype[Any]:
    if how == "cubic" and dtype.kind in "biu":
        return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    return np.dtype(dtype)


def _resampled(volume: Array, source: Grid, target: Grid, order: int, kind: np.dtype[Any]) -> Array:
    from scipy.ndimage import affine_transform

    voxel = np.linalg.inv(source.affine) @ target.affine  # (x, y, z) indices of the target to those of the source
    turned, offset = voxel[:3, :3][::-1, ::-1], voxel[:3, 3][::-1]
    matrix = np.diag(turned) if np.allclose(turned, np.diag(np.diag(turned))) else turned
    return np.asarray(affine_transform(volume.astype(kind), matrix, offset, target.shape, order=order, output=kind))  # type: ignore[call-overload]
