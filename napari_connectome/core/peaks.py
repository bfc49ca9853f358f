"""The peaks of a map: voxels that nothing near them exceeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DISTANCE = 10
"""Voxels along each axis within which nothing is higher than a peak."""
LEAST = 0.1
"""Part of the highest peak that every peak exceeds."""


def peaks(image: Array, distance: int = DISTANCE, least: float = LEAST) -> Array:
    """Which voxels of an image are the highest in the cube of 2 · `distance` + 1 voxels around them, as bool.

    They are above 0 and above `least` times the highest; several of the same height that lie together are all peaks. None
    where all voxels have one value. The same voxels as in nilearn, whose filter looks at the whole cube of every voxel; here
    only at the cubes of those that are the highest of their 27.

    Parameters
    ----------
    image : (n, m, l) array
        Finite. What lies beyond its borders counts as 0.
    """
    found = np.zeros(image.shape, dtype=bool)
    highest, lowest = image.max(), image.min()
    if highest <= 0 or highest == lowest:
        return found
    flat = image.reshape(-1)
    candidates = np.flatnonzero((image >= _highest_of_27(image)) & (image > least * highest))
    candidates = candidates[np.argsort(-flat[candidates], kind="stable")]
    where, heights = np.stack(np.unravel_index(candidates, image.shape), axis=1), flat[candidates]
    while len(where):
        peak, height = where[0], heights[0]
        cube = tuple(slice(max(0, i - distance), i + distance + 1) for i in peak)
        found[tuple(peak)] = image[cube].max() <= height
        # Whatever is lower and has this voxel in its cube is no peak.
        left = (np.abs(where - peak).max(axis=1) > distance) | (heights == height)
        left[0] = False
        where, heights = where[left], heights[left]
    return found


def _highest_of_27(image: Array) -> Array:
    """The highest value of each voxel and its neighbours over faces, edges and corners."""
    for axis in range(3):
        inner, outer = np.moveaxis(image, axis, 0), image.copy()
        along = np.moveaxis(outer, axis, 0)
        np.maximum(along[1:], inner[:-1], out=along[1:])
        np.maximum(along[:-1], inner[1:], out=along[:-1])
        image = outer
    return image
