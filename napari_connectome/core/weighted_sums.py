"""Sums over weighted voxels of a run, volume by volume; smoothing the run is smoothing the weights, whichever is cheaper.

The weights of a region are a pair: flat indices (C order of z, y, x) of n voxels, and a weight for each. Regions may overlap,
and a voxel given twice counts twice. Everything is summed in float64, whatever the type of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import Progress, part, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.smoothing import apply_axes, axis_matrices
from napari_connectome.core.threads import in_pieces
from napari_connectome.core.voxel_reader import Box, SmoothReader, VoxelReader, box_of, reach_of, reached

Array = npt.NDArray[Any]
Weights = tuple[Array, Array]

AT_ONCE = 2**20
"""Values summed together, some MB."""
VOLUMES = 16
"""Volumes summed together: a sparse matrix is several times quicker with some columns than with one, not with more."""
OVERLAP, FEW = 10, 2**13
"""Weights a voxel has, on average, from which this is worth putting the volumes together; and voxels up to which it always is,
since each product costs more than its sums (measured)."""
FULL = 0.2
"""Share of all maps that a voxel is in, on average, from which sums without leaving zeros out are quicker (measured)."""
SMOOTH_VOLUME = 40
"""Smoothing one voxel of a volume costs as much as this many weights in a sum (measured)."""


def weighted_sums(
    data: Array,
    grid: Grid,
    weights: Sequence[Weights],
    volumes: Array,
    fwhm: float = 0.0,
    progress: Progress = silent,
    doing: str = "averaging over regions",
) -> Array:
    """Sum of the weighted voxels of each region in each of some volumes.

    Parameters
    ----------
    data : (t, z, y, x) array
        Any real type.
    grid : Grid
    weights : r pairs
        Flat indices and weights.
    volumes : (n,) int array
        Which volumes.
    fwhm : float
        mm; 0 is off. NaN and infinities count as 0 where smoothing is on. The smoothing is symmetric, so that sums of
        smoothed data are sums with smoothed weights: whichever is cheaper is done.
    progress : Progress
    doing : str
        What `progress` is told.

    Returns
    -------
    (n × r) float64 array
    """
    start = 0.0
    smooth_data = fwhm > 0
    if fwhm > 0 and _weights_are_cheaper(grid, weights, fwhm, len(volumes)):
        start, smooth_data = 0.3, False
        weights = _smoothed(grid, weights, fwhm, part(progress, 0.0, start))
    where, matrix = used_columns(weight_matrix(weights, grid))
    read = reader(data, grid, where, fwhm if smooth_data else 0.0)
    progress = part(progress, start, 1.0)
    out = np.empty((len(volumes), len(weights)))
    full = filled(matrix)
    together = full is not None or matrix.nnz > OVERLAP * len(where) or len(where) <= FEW
    step = min(VOLUMES, max(1, AT_ONCE // max(1, len(where)))) if together else 1

    def add_up(rows: slice) -> None:
        for row in range(rows.start, rows.stop, step):
            some = volumes[row : min(row + step, rows.stop)]
            block = np.empty((len(some), len(where)), order="F" if full is None else "C")
            for values, t in zip(block, some, strict=True):
                values[:] = read(t)
            if fwhm > 0 and not np.isfinite(block).all():
                np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
            out[row : row + len(some)] = _products(block, matrix, full)

    for rows, _ in in_pieces(add_up, [slice(i, min(i + VOLUMES, len(volumes))) for i in range(0, len(volumes), VOLUMES)]):
        progress(rows.stop / len(volumes), doing)
    return out


def filled(matrix: Any) -> Array | None:
    """A sparse matrix (r × n) of maps that overlap, most of whose values are there, as an array; None of any other."""
    r, n = matrix.shape
    return matrix.toarray() if matrix.nnz > max(FULL * r, 1.5) * n else None


def _products(block: Array, matrix: Any, full: Array | None) -> Array:
    """The sums (m × r) of a block of volumes (m × n), by the matrix (r × n) as it is stored or, if there is one, the whole."""
    if full is not None:
        with np.errstate(invalid="ignore", over="ignore"):
            sums = block @ full.T
        if np.isfinite(sums).all():
            return np.asarray(sums)
    return np.asarray((matrix @ block.T).T)  # here NaN in a voxel is no matter of regions that have no weight there


def reader(data: Array, grid: Grid, voxels: Array, fwhm: float) -> VoxelReader | SmoothReader:
    """Reads voxels out of the volumes of a run, smoothed with `fwhm` mm or as they are."""
    return SmoothReader(data, voxels, grid, fwhm) if fwhm > 0 and len(voxels) else VoxelReader(data, voxels)


def weight_matrix(weights: Sequence[Weights], grid: Grid) -> Any:
    """The weights of r regions as a sparse matrix (r × all voxels of the grid)."""
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *(len(voxels) for voxels, _ in weights)])
    columns = np.concatenate([*(voxels for voxels, _ in weights), np.empty(0, dtype=np.int64)]).astype(np.int64, copy=False)
    values = np.concatenate([*(values for _, values in weights), np.empty(0)])  # of float64
    return csr_matrix((values, columns, ends), shape=(len(weights), int(np.prod(grid.shape))))


def used_columns(matrix: Any) -> tuple[Array, Any]:
    """The columns of a sparse matrix that are used, ascending, and the matrix of these."""
    from scipy.sparse import csr_matrix

    there = np.zeros(matrix.shape[1], dtype=bool)
    there[matrix.indices] = True
    where = np.flatnonzero(there)
    place = np.empty(there.size, dtype=np.int32)
    place[where] = np.arange(len(where), dtype=np.int32)
    return where, csr_matrix((matrix.data, place[matrix.indices], matrix.indptr), shape=(matrix.shape[0], len(where)))


def _weights_are_cheaper(grid: Grid, weights: Sequence[Weights], fwhm: float, n_volumes: int) -> bool:
    """Whether the weights are smoothed, each once, and not the volumes; their sums are then longer."""
    reach = reach_of(grid, fwhm)
    boxes = [_size(reached(grid.shape, _box(voxels, grid), reach)) for voxels, _ in weights if len(voxels)]
    if not boxes:
        return True
    whole = _box(np.concatenate([voxels for voxels, _ in weights]), grid)
    volume = _size(reached(grid.shape, whole, reach)) * SMOOTH_VOLUME
    return sum(boxes) * (SMOOTH_VOLUME + n_volumes) <= volume * n_volumes


def _smoothed(grid: Grid, weights: Sequence[Weights], fwhm: float, progress: Progress) -> list[Weights]:
    """The smoothed weights, with the voxels they spread to."""
    found: list[Weights] = []
    axes, reach = axis_matrices(grid.shape, fwhm, grid.voxel_size, np.float64), reach_of(grid, fwhm)
    for i, (voxels, values) in enumerate(weights):
        progress(i / len(weights), f"smoothing the weights of region {i + 1} of {len(weights)}")
        if not len(voxels):
            found.append((voxels, values))
            continue
        zyx = np.unravel_index(voxels, grid.shape)
        box = box_of(zyx)
        around = reached(grid.shape, box, reach)
        inside = np.zeros([side.stop - side.start for side in box])
        np.add.at(inside, tuple(axis - side.start for axis, side in zip(zyx, box, strict=True)), values)
        spread = apply_axes(inside, [axis[to, side] for axis, to, side in zip(axes, around, box, strict=True)])
        there = np.nonzero(spread)
        flat = np.ravel_multi_index([axis + side.start for axis, side in zip(there, around, strict=True)], grid.shape)
        found.append((flat, spread[there]))
    return found


def _box(voxels: Array, grid: Grid) -> Box:
    return box_of(np.unravel_index(voxels, grid.shape))


def _size(box: Box) -> int:
    return int(np.prod([side.stop - side.start for side in box]))
