"""Growing, shrinking and smoothing regions: every region for itself, none at the cost of another.

On labels (z, y, x) of unsigned integers, 0 for background. To a single region all of it does what ``scipy.ndimage``'s
binary operations do with border value 0, with three things decided for a person who looks at a brain:

* Along an axis of one voxel nothing has a neighbour: in a grid one slice thick regions grow, shrink and have holes in the
  plane. (To scipy's cubes a slice has no inside, so that eroding leaves nothing and no hole is ever enclosed.)
* Closing goes on beyond the edge of the grid, as scipy's does with zeros put around the image: it never takes a voxel away.
* A region never grows into another. Where several would take a voxel of the background, the nearest has it; of those
  equally near the one with the lowest id.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.census import census, relabelled
from napari_connectome.core.crop import Crop
from napari_connectome.core.neighbours import Neighbours, connected

Array = npt.NDArray[Any]


def dilate(labels: Array, around: Neighbours, iterations: int = 1) -> tuple[Array, Array]:
    """Grow every region into the background, over its neighbours, so many times.

    Returns
    -------
    labels : (z, y, x) array
    cut : (n,) array
        Ids of the regions that would have grown beyond the edge of the grid, ascending.
    """
    crop = Crop.around(labels, _margin(around, iterations))
    beyond = np.ones(crop.values.shape, dtype=bool)
    beyond[crop.inside] = False
    cut = _grow(crop.values, around, iterations, beyond)
    return crop.put_back(crop.values), cut


def erode(labels: Array, around: Neighbours, iterations: int = 1) -> Array:
    """Take off every region what has a neighbour outside of it, so many times; beyond the grid is outside."""
    crop = Crop.around(labels, _margin(around))
    return crop.put_back(crop.values * _core(crop.values, around, iterations))


def open_up(labels: Array, around: Neighbours, iterations: int = 1) -> Array:
    """Erode and dilate: drop from every region what is too thin to hold a voxel and its neighbours."""
    crop = Crop.around(labels, _margin(around, iterations))
    core = _core(crop.values, around, iterations)
    # What is left of a region never grows beyond that region, so all of them can be dilated as one.
    for _ in range(iterations):
        core = around.spread(core, np.logical_or)
    return crop.put_back(crop.values * core)


def close_up(labels: Array, around: Neighbours, iterations: int = 1) -> Array:
    """Dilate and erode: add to every region the clefts too narrow for a voxel and its neighbours where no other region is."""
    crop = Crop.around(labels, _margin(around, iterations))
    grown = crop.values.copy()
    _grow(grown, around, iterations)
    grown *= _core(grown, around, iterations)
    return crop.put_back(np.where(crop.values, crop.values, grown))


def fill_holes(labels: Array, connectivity: int = 6) -> Array:
    """Add to every region the background it encloses; of regions enclosed in each other, the one closest around it has it.

    Parameters
    ----------
    labels : (z, y, x) array
    connectivity : 6, 18 or 26
        Neighbours over which the background outside reaches in.
    """
    around = connected(connectivity, labels.shape)
    crop = Crop.around(labels, _margin(around))
    pockets, owners = _pockets(crop.values, around)
    return crop.put_back(np.where(crop.values, crop.values, owners[pockets]))


def _margin(around: Neighbours, iterations: int = 0) -> tuple[int, ...]:
    """Voxels needed around regions that grow, and around these the voxels their neighbours are looked up in."""
    return tuple(n * (iterations + 1) for n in around.reach)


def _alone(labels: Array, there: Array) -> bool:
    """Whether there is but one region (or none)."""
    return not np.any((labels != labels.max()) & there)


def _grow(labels: Array, around: Neighbours, iterations: int, beyond: Array | None = None) -> Array:
    """Dilate in place; return the ids that were kept from growing where it is `beyond` (bool, z, y, x)."""
    flat, there, cut = labels.reshape(-1), labels != 0, []
    alone = _alone(labels, there)
    for _ in range(iterations):
        wider = around.spread(there, np.logical_or)
        new = np.flatnonzero(wider & ~there)
        flat[new] = flat.max() if alone else _nearest(flat, new, around, labels.shape)
        if beyond is not None:
            outside = new[beyond.reshape(-1)[new]]
            cut.append(np.unique(flat[outside]))
            flat[outside] = 0
            wider.reshape(-1)[outside] = False
        there = wider
    return np.unique(np.concatenate(cut)) if cut else np.empty(0, dtype=labels.dtype)


def _nearest(flat: Array, voxels: Array, around: Neighbours, shape: tuple[int, ...]) -> Array:
    """The label nearest to each of the voxels among its neighbours, which hold one; the lowest of those equally near."""
    steps, distances = around.steps(shape)[1:], around.distances[1:]
    ids = np.zeros(len(voxels), dtype=flat.dtype)
    none = np.iinfo(flat.dtype).max
    left = np.arange(len(voxels))
    for ring in np.split(steps, np.flatnonzero(np.diff(distances)) + 1):
        lowest = np.full(len(left), none, dtype=flat.dtype)
        for step in ring:
            # Less one, background is the highest number there is.
            np.minimum(lowest, flat[voxels + step] - flat.dtype.type(1), out=lowest)
        found = lowest != none
        ids[left[found]] = lowest[found] + flat.dtype.type(1)
        left, voxels = left[~found], voxels[~found]
        if not len(left):
            break
    return ids


def _core(labels: Array, around: Neighbours, iterations: int) -> Array:
    """Which voxels are left of the regions after eroding them; bool."""
    core: Array = labels != 0
    if not _alone(labels, core):
        core &= around.spread(labels, np.minimum) == around.spread(labels, np.maximum)
        iterations -= 1
    # From here on all neighbours of what is left are of the same region.
    for _ in range(iterations):
        core = around.spread(core, np.logical_and)
    return core


def _pockets(labels: Array, around: Neighbours) -> tuple[Array, Array]:
    """The connected parts of the background (z, y, x), numbered, and for each number the id it is to get, 0 for none."""
    from scipy.ndimage import label

    pockets, count = label(labels == 0, around.cube)
    owners = np.zeros(count + 1, dtype=labels.dtype)
    # What is open to the margin; a line has two.
    outside = pockets.reshape(-1)[[0, -1]]
    inner = np.flatnonzero((pockets > 0) & (pockets != outside[0]) & (pockets != outside[1]))
    if not len(inner):
        return pockets, owners
    lowest, highest = np.full(count + 1, np.iinfo(labels.dtype).max, dtype=labels.dtype), owners.copy()
    flat, pocket = labels.reshape(-1), pockets.reshape(-1)[inner]
    for step in around.steps(labels.shape)[1:]:
        beside = flat[inner + step]
        wall = beside != 0
        np.minimum.at(lowest, pocket[wall], beside[wall])
        np.maximum.at(highest, pocket[wall], beside[wall])
    walled_by_one = lowest == highest
    owners[walled_by_one] = lowest[walled_by_one]
    _enclosed(labels, pockets, np.flatnonzero(lowest < highest), around, owners)
    return pockets, owners


def _enclosed(labels: Array, pockets: Array, several: Array, around: Neighbours, owners: Array) -> None:
    """Find for pockets that are walled by several regions the one that encloses them most closely, if any does; in place."""
    from scipy.ndimage import find_objects, label

    if not len(several):
        return
    axes = [axis for axis in range(3) if around.reach[axis]]
    boxes = find_objects(pockets)
    lows, highs = (
        np.array([[getattr(boxes[p - 1][axis], end) for axis in axes] for p in several]) for end in ("start", "stop")
    )
    ids = census(labels)[0].tolist()
    ranks = relabelled(labels, {region: rank + 1 for rank, region in enumerate(ids)})
    closest: dict[int, tuple[float, int]] = {}
    for region, wall in zip(ids, find_objects(ranks, len(ids)), strict=True):
        low, high = [wall[axis].start for axis in axes], [wall[axis].stop for axis in axes]
        within = several[np.all((lows > low) & (highs < high), axis=1)].tolist()
        if not within:
            continue
        box = tuple(slice(side.start - r, side.stop + r) for side, r in zip(wall, around.reach, strict=True))
        parts, _ = label(labels[box] != region, around.cube)
        sizes, outside = np.bincount(parts.ravel()), (parts[0, 0, 0], parts[-1, -1, -1])
        for pocket in within:
            part = parts[pockets[box] == pocket][0]
            if part not in outside:
                closest[pocket] = min(closest.get(pocket, (np.inf, 0)), (int(sizes[part]), region))
    for pocket, (_, region) in closest.items():
        owners[pocket] = region
