"""Images on another grid."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.region_maps import Support
from napari_connectome.core.smoothing import apply_axes
from napari_connectome.core.values import Maps, Regions, Run, Volume

Array = npt.NDArray[Any]
Image = TypeVar("Image", Run, Volume, Maps, Regions)

ORDERS = {"cubic": 3, "linear": 1, "nearest": 0}


def resample(image: Image, grid: Grid, how: str = "cubic", progress: Progress = silent) -> Image:
    """Return an image on another grid.

    Parameters
    ----------
    image : Run, Volume, Maps or Regions
        Labels are always taken from the nearest voxel; of regions that are maps, the maps are resampled.
    grid : Grid
    how : "cubic", "linear" or "nearest"
        Cubic splines may go a little beyond the values of the image, at edges.
    progress : Progress

    Returns
    -------
    The same type
        0 outside the image. Equal to ``nilearn.image.resample_img(…, clip=False)``, volume by volume: integers become floats
        where splines are used, and keep their type otherwise; around NaN and infinities the values are first continued
        by two voxels, and what was nearest to one is NaN.
    """
    if how not in ORDERS:
        raise InputError(f"how to resample is {how!r} and must be one of {', '.join(ORDERS)}.")
    if image.grid.matches(grid):
        return image
    if isinstance(image, Regions):
        return _regions(image, grid, how, progress)  # type: ignore[return-value]
    data = image.data[None] if image.data.ndim == 3 else image.data
    moved = _stack(data, image.grid, grid, how, progress)
    return type(image)(**{**vars(image), "data": moved if image.data.ndim == 4 else moved[0], "grid": grid})


def _regions(regions: Regions, grid: Grid, how: str, progress: Progress) -> Regions:
    names = regions.table["name"]
    if regions.maps is not None:
        moved = _stack(regions.maps, regions.grid, grid, how, progress)
        there = Regions.of_maps(
            moved, grid, names=[str(name) for name in names], source_map=regions.source_map, provenance=regions.provenance
        )
        if "network" not in regions.table:
            return there
        return replace(there, table=there.table.assign(network=regions.table["network"].to_numpy()))
    labels = brought(regions.labels, regions.grid, grid, "nearest")
    here = np.isin(regions.ids, labels)
    if not here.any():
        raise InputError("no region lies inside the grid the regions are to be resampled to: choose another one.")
    return Regions(labels, grid, regions.table.loc[here, ["name"]], regions.origins)


def _stack(data: Array, source: Grid, target: Grid, how: str, progress: Progress) -> Array:
    out = np.empty((len(data), *target.shape), dtype=_kind(data.dtype, how))
    for i, volume in enumerate(data):
        progress(i / len(data), "resampling")
        out[i] = brought(volume, source, target, how)
    return out


def _kind(stored: np.dtype[Any], how: str) -> np.dtype[Any]:
    """The type of the resampled values."""
    if how == "cubic" and stored.kind in "biu":
        return np.dtype(np.float64 if stored.itemsize == 8 else np.float32)
    return np.dtype(np.float32) if stored == np.float16 else stored.newbyteorder("=")


def brought(volume: Array, source: Grid, target: Grid, how: str) -> Array:
    """One volume (z, y, x) on the target grid, as `resample` does it."""
    matrix, offset = _between(source, target)
    kind = _kind(volume.dtype, how)
    missing = ~np.isfinite(volume) if volume.dtype.kind == "f" else np.zeros(0, dtype=bool)
    given = _continued(volume, ~missing) if missing.any() else volume
    working = np.dtype(np.uint8) if kind.kind == "b" else kind
    out = _transformed(given.astype(working), matrix, offset, target.shape, ORDERS[how])
    if missing.any():
        out[_transformed(missing.astype(np.uint8), matrix, offset, target.shape, 0) > 0] = np.nan
    return out.astype(kind, copy=False)


def interpolated_support(weights: Support, source: Grid, target: Grid) -> Support:
    """Weights of some voxels brought to another grid by linear interpolation, which only looks where they are.

    The voxels (flat, C order of z, y, x, ascending) of the target that have a weight, and the weights.
    """
    voxels, values = weights
    nothing = np.empty(0, dtype=np.int64), values[:0]
    if not len(voxels):
        return nothing
    zyx = np.unravel_index(voxels, source.shape)
    ends = [(int(axis.min()) - 1, int(axis.max()) + 1) for axis in reversed(zyx)]
    corners = target.to_voxel(source.to_mm(list(product(*ends))))[:, ::-1]
    low = np.clip(np.floor(corners.min(axis=0)), 0, target.shape).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, target.shape).astype(int)
    if np.any(high <= low):
        return nothing
    matrix, offset = _between(source, target)
    kind = _kind(values.dtype, "linear")
    if _is_separable(matrix):
        start = [axis.min() for axis in zyx]
        image = np.zeros([axis.max() + 1 - first for axis, first in zip(zyx, start, strict=True)])
        image[tuple(axis - first for axis, first in zip(zyx, start, strict=True))] = values
        axes = zip(np.diag(matrix), offset, low, high, source.shape, start, image.shape, strict=True)
        along = [
            _linear(scale * np.arange(a, b) + shift, n)[:, first : first + size] for scale, shift, a, b, n, first, size in axes
        ]
        box = apply_axes(image, along).astype(kind)
    else:
        image = np.zeros(source.shape, dtype=kind)
        image.reshape(-1)[voxels] = values
        box = _transformed(image, matrix, offset + matrix @ low, tuple(high - low), ORDERS["linear"])
    there = np.nonzero(box != 0)  # of truth values it is several times faster
    flat = np.ravel_multi_index([axis + start for axis, start in zip(there, low, strict=True)], target.shape)
    return np.asarray(flat, dtype=np.int64), box[there]


def covered(source: Grid, target: Grid) -> Array:
    """Which voxels of the target (z, y, x) lie between the centres of the source's, so that they have a value; bool."""
    matrix, offset = _between(source, target)
    return _transformed(np.ones(source.shape, dtype=np.uint8), matrix, offset, target.shape, 0) > 0


def _between(source: Grid, target: Grid) -> tuple[Array, Array]:
    """Matrix and offset from (z, y, x) indices in the target to those in the source."""
    voxel = np.linalg.inv(source.affine) @ target.affine
    return voxel[:3, :3][::-1, ::-1], voxel[:3, 3][::-1]


def _is_separable(matrix: Array) -> bool:
    """Whether each axis goes along one of the other grid."""
    return np.array_equal(matrix, np.diag(np.diag(matrix)))


def _linear(at: Array, n: int) -> Array:
    """The weights (m × n) with which n samples, one apart from 0, make values at m places; 0 beyond the samples."""
    low = np.clip(np.floor(at), 0, max(n - 2, 0)).astype(int)
    inside = (at >= 0) & (at <= n - 1)
    weights, rows = np.zeros((len(at), n)), np.arange(len(at))
    weights[rows, low] = np.where(inside, 1 - (at - low), 0)
    if n > 1:
        weights[rows, low + 1] = np.where(inside, at - low, 0)
    return weights


def _transformed(volume: Array, matrix: Array, offset: Array, shape: tuple[int, ...], order: int) -> Array:
    from scipy.ndimage import affine_transform

    out = np.empty(shape, dtype=volume.dtype)
    steps = np.diag(matrix) if _is_separable(matrix) else matrix  # several times faster, the same numbers
    affine_transform(volume, steps, offset, shape, output=out, order=order)  # type: ignore[call-overload]
    return out


def _continued(volume: Array, known: Array, steps: int = 2) -> Array:
    """A volume whose unknown voxels within some steps of known ones have the mean of their neighbours, the others 0."""
    from scipy.ndimage import binary_dilation

    values = np.where(known, volume, 0.0).astype(np.float64)
    for _ in range(steps):
        total, count = _neighbours(values * known), _neighbours(known.astype(np.float64))
        shell = binary_dilation(known) & ~known
        values[shell] = total[shell] / count[shell]
        known = known | shell
    return values


def _neighbours(volume: Array) -> Array:
    """Sum over the six voxels that share a face with each."""
    total = np.zeros_like(volume)
    for axis in range(3):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        total[tuple(ahead)] += volume[tuple(behind)]
        total[tuple(behind)] += volume[tuple(ahead)]
    return total
