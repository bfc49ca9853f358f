"""What can be said of each region: its name, size and place, and what a map holds in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.census import ranked
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.hemispheres import sides
from napari_connectome.core.words import one_line as one_line

Array = npt.NDArray[Any]

BOTH = 0.1
"""Share of a region on the other side of x = 0 mm from which it belongs to both hemispheres."""


def region_table(
    labels: Array, grid: Grid, values: Array | None = None, names: Mapping[int, str] | None = None
) -> pd.DataFrame:
    """Describe the regions of a label image.

    Parameters
    ----------
    labels : (z, y, x) array of integers
        0 is background.
    grid : Grid
    values : (z, y, x) array, optional
        A map on the same grid, for peak and mean; NaN and infinities are left out.
    names : mapping of int to str, optional
        By label id; "region 7" where there is none.

    Returns
    -------
    DataFrame
        Indexed by label id, ascending: name, voxels, size_mm3; x, y, z (centre of mass, mm); hemisphere: "L" (x < 0), "R"
        (x > 0), or "L/R" where each side has at least a tenth of the voxels that are not on x = 0. With values also peak
        (the value of the largest magnitude, with its sign; the first voxel of equal ones), peak_x, peak_y, peak_z (mm) and
        mean; NaN where no value is finite.
    """
    if labels.shape != grid.shape or (values is not None and values.shape != grid.shape):
        raise InputError(f"labels and values must have the shape {grid.shape} (z, y, x) of their grid.")
    where = np.flatnonzero(labels)
    ids, ranks = ranked(labels.ravel()[where])
    counts = np.bincount(ranks, minlength=len(ids))
    ijk = np.unravel_index(where, grid.shape)[::-1]
    centres = np.column_stack([np.bincount(ranks, weights=axis, minlength=len(ids)) / counts for axis in ijk])
    mm = grid.to_mm(centres) if len(ids) else np.empty((0, 3))
    columns = {
        "name": region_names(ids, names or {}),
        "voxels": counts,
        "size_mm3": np.round(counts * grid.voxel_volume, 6),  # without the rounding of the determinant
        **dict(zip("xyz", mm.T, strict=True)),
        "hemisphere": _hemispheres(ranks, len(ids), sides(ijk, grid)),
    }
    if values is not None:
        columns |= _values(values.ravel()[where], where, ranks, counts, grid)
    return pd.DataFrame(columns, index=pd.Index(ids, name="index", dtype=np.int64))


def region_voxels(labels: Array) -> dict[int, Array]:
    """The voxels of each region of a label image (z, y, x): flat indices in C order, ascending, by label id."""
    where = np.flatnonzero(labels)
    ids, ranks = ranked(labels.ravel()[where])
    ends = np.cumsum(np.bincount(ranks, minlength=len(ids)))
    voxels = np.split(where[np.argsort(ranks, kind="stable")], ends[:-1])
    return dict(zip(ids.tolist(), voxels, strict=False))


def region_names(ids: Array, names: Mapping[int, str]) -> list[str]:
    """A name for each id; "region 7" where there is none."""
    return [default_name(i) if _is_missing(names.get(int(i))) else one_line(names[int(i)]) for i in ids]


def told_apart(names: Sequence[str], ids: Sequence[int]) -> list[str]:
    """The names, all different: a name that several regions have is followed by the id."""
    apart = list(names)
    while len(count := Counter(apart)) < len(apart):  # again where somebody's name is one made so
        apart = [name if count[name] == 1 else f"{name} ({i})" for i, name in zip(ids, apart, strict=True)]
    return apart


def default_name(region: int) -> str:
    """What a region without a name is called."""
    return f"region {region}"


def _is_missing(name: Any) -> bool:
    return name is None or (isinstance(name, float) and np.isnan(name)) or name is pd.NA


def _hemispheres(ranks: Array, n: int, side: Array) -> list[str]:
    left, right = np.bincount(ranks[side < 0], minlength=n), np.bincount(ranks[side > 0], minlength=n)
    both = np.minimum(left, right) >= BOTH * (left + right)
    return [str(name) for name in np.where(both, "L/R", np.where(left > right, "L", "R"))]


def _values(found: Array, where: Array, ranks: Array, counts: Array, grid: Grid) -> dict[str, Array]:
    """Peak, its place, and mean of the values of each region."""
    n = len(counts)
    found = found.astype(np.float64)
    finite = np.isfinite(found)
    known = np.bincount(ranks[finite], minlength=n)
    total = np.bincount(ranks[finite], weights=found[finite], minlength=n)
    order = np.argsort(ranks, kind="stable")
    size = np.where(finite, np.abs(found), -1.0)[order]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if n else np.empty(0, dtype=np.int64)
    largest = np.maximum.reduceat(size, starts) if n else np.empty(0)
    candidates = np.flatnonzero(size == np.repeat(largest, counts))
    peak = order[candidates[np.searchsorted(candidates, starts)]]
    ijk = np.column_stack(np.unravel_index(where[peak], grid.shape)[::-1])
    nothing = known == 0
    mm = np.where(nothing[:, None], np.nan, grid.to_mm(ijk)) if n else np.empty((0, 3))
    return {
        "peak": np.where(nothing, np.nan, found[peak]),
        **{f"peak_{axis}": column for axis, column in zip("xyz", mm.T, strict=True)},
        "mean": np.where(nothing, np.nan, total / np.maximum(known, 1)),
    }
