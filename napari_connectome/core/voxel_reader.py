"""The values of some voxels, volume by volume: the run is looked into where it lies and never copied as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.smoothing import apply_axes, axis_matrices, float_like, kernel_radius
from napari_connectome.core.words import some

Array = npt.NDArray[Any]
Box = tuple[slice, slice, slice]
Reach = tuple[int, int, int]

FEW = 8
"""Voxels of a volume that are added up in the time one is looked up (measured)."""


class VoxelReader:
    """Reads the same voxels out of each volume of a run.

    Parameters
    ----------
    data : (t, z, y, x) array
        Any real type.
    voxels : (n,) int array
        Flat indices (C order of z, y, x), in any order, each as often as wanted.
    """

    def __init__(self, data: Array, voxels: Array) -> None:
        shape, strides = data.shape[1:], data.strides[1:]
        # A file read from left-handed storage is a view with its axis turned: read in the order of the memory, no volume is
        # copied only to be looked into.
        order = sorted(range(3), key=lambda axis: -abs(strides[axis]))
        turned = [strides[axis] < 0 for axis in order]
        ijk = np.unravel_index(voxels, shape)
        places = [shape[a] - 1 - ijk[a] if turn else ijk[a] for a, turn in zip(order, turned, strict=True)]
        self._index = np.ravel_multi_index(places, [shape[axis] for axis in order])
        self._order = order
        self._turn = tuple(slice(None, None, -1) if turn else slice(None) for turn in turned)
        self._data = data

    def __call__(self, t: int) -> Array:
        """The values (n,) in volume t, in the data's own type."""
        return np.asarray(self.whole(t).take(self._index))

    def whole(self, t: int) -> Array:
        """All values of volume t, in the order of the memory."""
        return np.asarray(self._data[t].transpose(self._order)[self._turn].reshape(-1))


class SmoothReader:
    """Reads voxels out of smoothed volumes; only the box around them is smoothed.

    Parameters
    ----------
    data, voxels
        As for `VoxelReader`; NaN and infinities count as 0 for their neighbours.
    grid : Grid
    fwhm : float
        mm, more than 0.
    """

    def __init__(self, data: Array, voxels: Array, grid: Grid, fwhm: float) -> None:
        zyx = np.unravel_index(voxels, grid.shape)
        give = box_of(zyx)
        self._take = reached(grid.shape, give, reach_of(grid, fwhm))
        self._kind = float_like(data.dtype)
        axes = axis_matrices(grid.shape, fwhm, grid.voxel_size, self._kind)
        self._matrices = [axis[to, source] for axis, to, source in zip(axes, give, self._take, strict=True)]
        size = [side.stop - side.start for side in give]
        self._index = np.ravel_multi_index([axis - side.start for axis, side in zip(zyx, give, strict=True)], size)
        self._data = data

    def __call__(self, t: int) -> Array:
        """The smoothed values (n,) in volume t: float64 for data of 64 bits, float32 for all others."""
        box = self._data[t][self._take].astype(self._kind)
        if not np.isfinite(box).all():
            np.nan_to_num(box, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return np.asarray(apply_axes(box, self._matrices).reshape(-1).take(self._index))


def box_of(zyx: tuple[Array, ...]) -> Box:
    """The smallest box that holds voxels, at least one, given by their indices along z, y and x."""
    z, y, x = (slice(int(axis.min()), int(axis.max()) + 1) for axis in zyx)
    return z, y, x


def reach_of(grid: Grid, fwhm: float) -> Reach:
    """How many voxels smoothing reaches along z, y and x."""
    x, y, z = (kernel_radius(fwhm, spacing) for spacing in grid.voxel_size)
    return z, y, x


def reached(shape: tuple[int, int, int], box: Box, reach: Reach) -> Box:
    """The larger box that smoothing spreads a box to, and takes its values from."""
    z, y, x = (slice(max(0, side.start - far), min(n, side.stop + far)) for n, side, far in zip(shape, box, reach, strict=True))
    return z, y, x


def finite_voxels(data: Array, volumes: Array, voxels: Array, name: str | None, progress: Progress = silent) -> Array:
    """Which voxels (n,) are finite in all of some volumes, bool.

    One sentence, with the `name` of the run if it is given, where none is although they do have values in other volumes.
    Voxels that have none in any volume lie outside the image.
    """
    good = np.ones(len(voxels), dtype=bool)
    if data.dtype.kind != "f" or not len(voxels):
        return good
    read = VoxelReader(data, voxels)
    few = FEW * len(voxels) < data[0].size  # otherwise it is quicker to add up all than to look at these, and mostly enough
    ever, lacking = np.zeros(len(voxels), dtype=bool), np.zeros(len(volumes), dtype=np.int64)
    for row, t in enumerate(volumes):
        with np.errstate(over="ignore", invalid="ignore"):
            suspect = not np.isfinite((read(t) if few else read.whole(t)).sum())
        if suspect:
            finite = np.isfinite(read(t))
            good &= finite
            ever |= finite
            lacking[row] = np.count_nonzero(~finite)
        else:
            ever[:] = True
        progress((row + 1) / len(volumes), "looking for missing values")
    if name is not None and ever.any() and not good.any():
        raise InputError(
            f"no voxel of the regions has a value in all volumes of {name} ({_worst(volumes, lacking)}, from 0): "
            "censor such volumes, mend the file, or leave it out."
        )
    return good


def _worst(volumes: Array, lacking: Array) -> str:
    """The volumes in which the most voxels have no value, in words."""
    first, *others = volumes[lacking == lacking.max()]
    return f"volume {first} and {some(len(others), 'other')} lack most" if others else f"volume {first} lacks most"
