"""Voxels given to the seed that a random walker, who dislikes steps between unlike values, reaches first.

Grady, Random walks for image segmentation, IEEE Transactions on Pattern Analysis and Machine Intelligence 28, 2006. With the
weights and the precision of nilearn, and so its labels; but only voxels that count are ever looked at, each connected part by
itself, and all seeds of a part are solved for at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BETA = 130.0
"""How much a walker dislikes a step: a step between values that differ by d has the weight exp(-BETA / 10 · d² / spread)."""
LEAST = 1e-10
"""Added to every weight, so that no step is impossible."""
TOLERANCE = 1e-3
"""Residual, as part of the right side, at which the chances are known well enough.

nilearn's, and it is coarse: voxels about as far from two seeds may fall to either, now and then a thousandth of all, and only
the same steps towards the solution give them to the same one. (Solved exactly, small parts would take a quarter of the time.)
"""


def random_walker(image: Array, seeds: Array, spread: float, check: Callable[[], None] = lambda: None) -> Array:
    """Give each voxel of unknown region to the region whose seed a walker from there most likely meets first.

    Parameters
    ----------
    image : (n, m, l) float64 array
    seeds : (n, m, l) array of integers
        1 and more: seeds of regions; 0: voxels to be given to one; below 0: voxels no walker enters. Neighbours share a face.
    spread : float
        Standard deviation of the whole image that this is a part of. (nilearn divides by it, not by its square, so what
        comes out depends on the scale of the image.)
    check : callable
        Called now and then; may raise.

    Returns
    -------
    (n, m, l) int32 array
        The region of each voxel, 0 where there is none: no seed lies in its connected part. A seed without an unknown voxel
        in its part is lost as it is in nilearn, unless no part has both.
    """
    from scipy.ndimage import label

    parts, n = label(seeds >= 0)
    unknown = np.bincount(parts[seeds == 0], minlength=n + 1) > 0
    seeded = np.bincount(parts[seeds > 0], minlength=n + 1) > 0
    active = unknown & seeded
    active[0] = False
    if not active.any():
        return np.maximum(seeds, 0).astype(np.int32)
    nodes = np.flatnonzero(active[parts])
    part, regions = parts.reshape(-1)[nodes], seeds.reshape(-1)[nodes].astype(np.int32)
    several = _fill_parts_of_one_seed(part, regions, n)
    if several.any():
        ours = several[part]
        regions[ours] = _solved(image, nodes[ours], part[ours], regions[ours], BETA / (10 * spread), check)
    out = np.zeros(image.shape, dtype=np.int32)
    out.reshape(-1)[nodes] = regions
    return out


def _fill_parts_of_one_seed(part: Array, regions: Array, n: int) -> Array:
    """Give the voxels of parts with one region to it, in place; return which parts have several, by their number."""
    lowest, highest = np.full(n + 1, np.iinfo(np.int32).max, dtype=np.int32), np.zeros(n + 1, dtype=np.int32)
    known = regions > 0
    np.minimum.at(lowest, part[known], regions[known])
    np.maximum.at(highest, part[known], regions[known])
    alone = (lowest == highest)[part]
    regions[alone] = lowest[part[alone]]
    return np.asarray(lowest < highest)


def _solved(image: Array, nodes: Array, part: Array, regions: Array, beta: float, check: Callable[[], None]) -> Array:
    """The regions of nodes (flat indices, ascending) in parts with several seeds."""
    one, other = _steps(nodes, image.shape)
    values = image.reshape(-1)[nodes]
    weights = np.exp(-beta * (values[one] - values[other]) ** 2) + LEAST
    regions = regions.copy()
    for number in np.unique(part):
        check()
        inside, between = np.flatnonzero(part == number), part[one] == number
        place = np.zeros(len(nodes), dtype=np.int32)
        place[inside] = np.arange(len(inside), dtype=np.int32)
        regions[inside] = _walk(regions[inside], place[one[between]], place[other[between]], weights[between], check)
    return regions


def _steps(nodes: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Pairs of nodes that share a face, by their place among the nodes."""
    place = np.full(shape, -1, dtype=np.int32)
    place.reshape(-1)[nodes] = np.arange(len(nodes), dtype=np.int32)
    pairs = []
    for axis in (2, 1, 0):
        along = np.moveaxis(place, axis, 0)
        both = (along[:-1] >= 0) & (along[1:] >= 0)
        pairs.append((along[:-1][both], along[1:][both]))
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def _walk(regions: Array, one: Array, other: Array, weights: Array, check: Callable[[], None]) -> Array:
    """The regions of a connected part: those of its seeds kept, the others by the chances to meet each seed first."""
    from scipy.sparse import coo_array, diags_array

    n, seeded = len(regions), np.flatnonzero(regions)
    unknown = np.flatnonzero(regions == 0)
    numbers, column = np.unique(regions[seeded], return_inverse=True)
    graph = coo_array((weights, (one, other)), shape=(n, n)).tocsr()
    graph = (graph + graph.T).tocsr()
    rows = graph[unknown]
    marks = coo_array((np.ones(len(seeded)), (seeded, column)), shape=(n, len(numbers))).tocsr()
    right = (rows @ marks).toarray()
    laplacian = (diags_array(rows.sum(axis=1)) - rows[:, unknown]).tocsr()
    chances = _conjugate_gradients(laplacian, right, check)
    regions = regions.copy()
    regions[unknown] = numbers[chances.argmax(axis=1)]
    return regions


def _conjugate_gradients(matrix: Any, right: Array, check: Callable[[], None]) -> Array:
    """Solve matrix · X = right from zero, each column until its residual is small enough.

    Parameters
    ----------
    matrix : (n × n) sparse array
        Symmetric and positive.
    right : (n × l) array
    check : callable
    """
    solution = np.zeros_like(right)
    columns = np.arange(right.shape[1])
    residual, step = right.copy(), np.zeros_like(right)
    x = np.zeros_like(right)
    enough = TOLERANCE**2 * _squares(right)
    before = np.ones(len(columns))
    for i in range(10 * len(right)):
        size = _squares(residual)
        going = size >= enough
        going &= size > 0
        if not going.all():
            solution[:, columns[~going]] = x[:, ~going]
            columns, size, before, enough = columns[going], size[going], before[going], enough[going]
            if not len(columns):
                return solution
            x, residual, step = (np.ascontiguousarray(each[:, going]) for each in (x, residual, step))
        step *= size / before if i else 0.0
        step += residual
        image = matrix @ step
        length = size / np.einsum("ij,ij->j", step, image)
        image *= length
        residual -= image
        x += np.multiply(step, length, out=image)
        before = size
        check()
    solution[:, columns] = x
    return solution


def _squares(columns: Array) -> Array:
    return np.asarray(np.einsum("ij,ij->j", columns, columns))
