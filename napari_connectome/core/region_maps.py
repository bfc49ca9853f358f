"""Regions as maps of weights: which voxels each has, which region is the strongest where, and what can be said of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.grid import Grid
from napari_connectome.core.pages import zeros
from napari_connectome.core.region_table import region_names

Array = npt.NDArray[Any]
Support = tuple[Array, Array]
"""The voxels of one map (flat indices in C order of z, y, x, ascending) and its weights there, none of them 0."""

COLUMNS = ("name", "x", "y", "z", "size_mm3", "peak", "peak_x", "peak_y", "peak_z")
"""What a table says of each region that is a map."""


def finite(images: Array) -> Array:
    """Maps with 0 for NaN and infinities; the same array where there are none."""
    # A sum is finite where all are, and takes no room as a mask of all voxels would.
    if all(np.isfinite(image.sum(dtype=np.float64)) for image in images):
        return images
    return np.nan_to_num(images, nan=0.0, posinf=0.0, neginf=0.0)


def supports(maps: Array) -> list[Support]:
    """The voxels of each map (r, z, y, x) that are neither 0 nor NaN or infinite, and the weights there."""
    return [_support(image.reshape(-1)) for image in maps]


def _support(flat: Array) -> Support:
    voxels = np.flatnonzero(flat != 0)  # of truth values it is several times faster
    weights = flat[voxels]
    finite = np.isfinite(weights)
    return (voxels, weights) if finite.all() else (voxels[finite], weights[finite])


def dense(regions: Sequence[Support], shape: Sequence[int]) -> Array:
    """The maps (r, z, y, x) float32 with these supports."""
    maps = zeros((len(regions), *shape))
    for image, (voxels, weights) in zip(maps, regions, strict=True):
        image.reshape(-1)[voxels] = weights
    return maps


def strongest(regions: Sequence[Support], shape: Sequence[int]) -> Array:
    """The labels (z, y, x) of the region with the largest weight, by size, in each voxel; the first of equal ones.

    Region i of the sequence has the label i + 1; 0 where there is none.
    """
    labels = np.zeros(tuple(shape), dtype=np.min_scalar_type(len(regions)))
    flat, largest = labels.reshape(-1), np.zeros(labels.size, dtype=np.float32)
    for label, (voxels, weights) in enumerate(regions, start=1):
        size = np.abs(weights)
        wins = size > largest[voxels]
        where = voxels[wins]
        largest[where] = size[wins]
        flat[where] = label
    return labels


def map_table(regions: Sequence[Support], grid: Grid, names: Sequence[str] = ()) -> pd.DataFrame:
    """Describe regions that are maps.

    Parameters
    ----------
    regions : sequence of (voxels, weights)
    grid : Grid
    names : sequence of str, optional
        One a region; "region 7" where there are none.

    Returns
    -------
    DataFrame
        Indexed from 1: name; x, y, z (centre of mass of the weights by size, mm); size_mm3 (all voxels of the map, also
        those where another one is stronger); peak (the weight of the largest size, with its sign), peak_x, peak_y, peak_z
        (mm). NaN and 0 mm³ for a map without weights.
    """
    rows = np.full((len(regions), len(COLUMNS) - 1), np.nan)
    for row, (voxels, weights) in zip(rows, regions, strict=True):
        row[3] = round(len(voxels) * grid.voxel_volume, 6)  # without the rounding of the determinant
        if len(voxels):
            size = np.abs(weights).astype(np.float64)
            ijk = np.column_stack(np.unravel_index(voxels, grid.shape)[::-1])
            top = int(size.argmax())
            row[:3] = grid.to_mm(size @ ijk / size.sum())
            row[4], row[5:] = weights[top], grid.to_mm(ijk[top])
    index = pd.Index(np.arange(1, len(regions) + 1), name="index", dtype=np.int64)
    table = pd.DataFrame(rows, columns=list(COLUMNS[1:]), index=index)
    table.insert(0, "name", region_names(index.to_numpy(), dict(enumerate(names, start=1))))
    return table


def default_names(source_map: Array, networks: Sequence[str]) -> list[str]:
    """Names of regions after the networks they came from: "network 3 a", "network 3 b", just "network 3" for an only one."""
    found = np.bincount(source_map, minlength=len(networks)) if len(source_map) else np.zeros(len(networks), dtype=int)
    so_far = [0] * len(found)
    names = []
    for number in source_map.tolist():
        so_far[number] += 1
        names.append(f"{networks[number]} {_letters(so_far[number])}" if found[number] > 1 else networks[number])
    return names


def _letters(number: int) -> str:
    """1 is a, 26 z, 27 aa, as columns of a spreadsheet are called."""
    word = ""
    while number:
        number, last = divmod(number - 1, 26)
        word = chr(ord("a") + last) + word
    return word
