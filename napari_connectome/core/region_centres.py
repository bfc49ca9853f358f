"""Where regions are: one place in mm for each, whatever they are given as."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from napari_connectome.core.grid import Grid
from napari_connectome.core.seeds import as_spheres
from napari_connectome.core.values import Maps, Regions

Array = npt.NDArray[Any]

CORE = 0.5
"""Share of a map's largest weight from which on a voxel belongs to its core."""


def region_centres(regions: Regions | Maps | npt.ArrayLike | pd.DataFrame) -> Array:
    """Return a place for each region.

    Parameters
    ----------
    regions : Regions, Maps, (n × 3) array in mm or DataFrame
        As `region_series` takes them.

    Returns
    -------
    (r × 3) float64 array
        x, y, z in mm: of labels the centre of mass, of spheres their centre. Of maps the centre of mass of what is connected
        with their peak and at least half as strong, so that a map of both hemispheres does not lie between them. NaN for a
        map without weights.
    """
    maps = regions.data if isinstance(regions, Maps) else regions.maps if isinstance(regions, Regions) else None
    if maps is not None:
        assert isinstance(regions, Maps | Regions)
        return np.array([_core(image, regions.grid) for image in maps]).reshape(-1, 3)
    if isinstance(regions, Regions):
        return regions.table[["x", "y", "z"]].to_numpy(dtype=np.float64)
    return np.array([centre for _, centre, _ in as_spheres(regions, 0.0, "Regions or Maps")]).reshape(-1, 3)


def _core(image: Array, grid: Grid) -> Array:
    size = np.abs(np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0))
    top = int(size.argmax())
    highest = size.flat[top]
    if not highest > 0:
        return np.full(3, np.nan)
    parts, _ = ndimage.label(size >= CORE * highest)
    voxels = np.flatnonzero(parts == parts.flat[top])
    weights = size.reshape(-1)[voxels].astype(np.float64)
    ijk = np.column_stack(np.unravel_index(voxels, grid.shape)[::-1])
    return np.asarray(grid.to_mm(weights @ ijk / weights.sum()))
