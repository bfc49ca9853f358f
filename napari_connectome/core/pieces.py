"""The connected parts of regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.crop import Crop
from napari_connectome.core.neighbours import connected

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Connected parts of the regions of a label image, in the order of their first voxels (C order of z, y, x).

    Parameters
    ----------
    ids : (p,) array
        The label of each piece.
    sizes : (p,) int array
        Voxels.
    """

    ids: Array
    sizes: Array
    _crop: Crop
    _voxels: Array
    _piece: Array

    def paint(self, values: Array) -> Array:
        """An image (z, y, x) that holds the value of its piece in each voxel, 0 elsewhere."""
        image = np.zeros(self._crop.values.shape, dtype=values.dtype)
        image.reshape(-1)[self._voxels] = values[self._piece]
        return self._crop.put_back(image)


def pieces(labels: Array, connectivity: int = 6) -> Pieces:
    """Find the connected parts of every region.

    Voxels that follow each other along x are taken together as runs; runs that touch are joined. All regions at once: the
    time depends on how many runs there are, not on how many regions.

    Parameters
    ----------
    labels : (z, y, x) array of integers
    connectivity : 6, 18 or 26
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # With a margin no step leads from the end of a line of voxels into another line.
    crop = Crop.around(labels, (1, 1, 1))
    flat = crop.values.reshape(-1)
    voxels = np.flatnonzero(flat)
    starts = np.zeros(len(flat), dtype=bool)
    np.not_equal(flat[1:], flat[:-1], out=starts[1:])
    starts &= flat != 0
    run = np.cumsum(starts, dtype=np.int32) - 1
    first = np.flatnonzero(starts)
    pairs = [_touching(flat, starts, run, step) for step in _half(connectivity, crop.values.shape)]
    one, other = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(len(first), len(first)))
    count, piece = connected_components(graph, directed=False)
    _, leader = np.unique(piece, return_index=True)  # The first run of each piece.
    order = np.argsort(leader)
    rank = np.empty(count, dtype=np.int32)
    rank[order] = np.arange(count, dtype=np.int32)
    of_voxel = rank[piece][run[voxels]]
    return Pieces(flat[first[leader[order]]], np.bincount(of_voxel, minlength=count), crop, voxels, of_voxel)


def _half(connectivity: int, shape: tuple[int, ...]) -> list[int]:
    """Steps to the neighbours that come later in the image, without the next voxel along x."""
    steps = connected(connectivity, shape).steps(shape)
    return [int(step) for step in steps if step > 1]


def _touching(flat: Array, starts: Array, run: Array, step: int) -> Array:
    """Pairs (2 × n) of runs of one label that lie a step from each other, few of them twice."""
    # Two runs touch along an interval, which begins where one of them does.
    begins = starts[:-step] | starts[step:]
    begins &= flat[:-step] == flat[step:]
    begins &= flat[step:] != 0
    here = np.flatnonzero(begins)
    return np.stack([run[here], run[here + step]])
