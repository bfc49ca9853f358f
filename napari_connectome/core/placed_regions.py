"""Which voxels of a run regions have, whatever they came as: labels, maps or spheres, on the run's grid or on another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.grid import Grid
from napari_connectome.core.region_maps import Support, supports
from napari_connectome.core.region_table import region_voxels, told_apart
from napari_connectome.core.resampling import brought, interpolated_support
from napari_connectome.core.seeds import as_spheres
from napari_connectome.core.threads import in_pieces
from napari_connectome.core.values import Maps, Regions, Volume

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class PlacedRegions:
    """The voxels of a run that each of some regions has.

    Parameters
    ----------
    table : DataFrame
        A row a region, by label id (or counted from 1): name, all different; x, y, z (centre, mm); voxels (in the image it
        came in).
    voxels : r int arrays
        Flat indices, C order of z, y, x.
    weights : r arrays, optional
        Of regions that are maps: the weight of each voxel, none of them 0.
    size : (r,) array
        mm³ of each region in the image it came in; of maps, their weights, by magnitude, times mm³.
    voxel_volume : float
        Of the run, mm³.
    """

    table: pd.DataFrame
    voxels: Sequence[Array]
    weights: Sequence[Array] | None
    size: Array
    voxel_volume: float

    def only(self, usable: Array) -> Self:
        """The same regions, in the voxels for which `usable` (flat, bool) is True."""
        there = [usable[voxels] for voxels in self.voxels]
        weights = None
        if self.weights is not None:
            weights = [values[fine] for values, fine in zip(self.weights, there, strict=True)]
        return replace(self, voxels=[each[fine] for each, fine in zip(self.voxels, there, strict=True)], weights=weights)

    def account(self) -> pd.DataFrame:
        """The table with `used`, the voxels of the run each region has, and `kept`, the share of the region these are."""
        used = np.array([len(voxels) for voxels in self.voxels], dtype=np.int64)
        amount = used.astype(np.float64)
        if self.weights is not None:
            amount = np.array([np.abs(values).astype(np.float64).sum() for values in self.weights])
        whole = self.size > 0
        kept = np.divide(amount * self.voxel_volume, self.size, out=np.zeros(len(used)), where=whole)
        return self.table.assign(used=used, kept=kept)


class PlacedOnce:
    """The places of the same regions in many runs, found once for all that follow each other on one grid.

    Threads may share it; a copy in another process begins anew.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: tuple[Grid, PlacedRegions] | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

    def on(self, grid: Grid, find: Callable[[], PlacedRegions]) -> PlacedRegions:
        """What was found on this very grid; what `find` finds, where that is another than the last."""
        with self._lock:
            if self._last is None or not _same(self._last[0], grid):
                self._last = grid, find()
            return self._last[1]


def _same(a: Grid, b: Grid) -> bool:
    return a.shape == b.shape and np.array_equal(a.affine, b.affine)


def placed(
    regions: Any,
    grid: Grid,
    run: str,
    radius: float,
    progress: Progress,
    *,
    resampled: bool = True,
    expected: pd.DataFrame | None = None,
    required: bool = True,
) -> PlacedRegions:
    """Find the voxels of regions.

    Parameters
    ----------
    regions : Regions, Maps, (n × 3) array in mm or DataFrame
        As `region_series` takes them.
    grid : Grid
        Of the run.
    run : str
        The run's name, for messages.
    radius : float
        Of spheres that have none, mm.
    progress : Progress
    resampled : bool
        Whether regions on another grid come to the run's: labels from the nearest voxel, maps by linear interpolation.
        One sentence for these otherwise.
    expected : DataFrame, optional
        All regions there should be, by label id, with a column name; those not in the labels have no voxel.
    required : bool
        Whether one of them at least must have a voxel of the run.
    """
    if isinstance(regions, Volume):
        raise InputError(f"{regions.name} is a Volume and regions are needed: give Regions(image.data > 0, image.grid).")
    if isinstance(regions, Regions | Maps):
        what = "the label image" if isinstance(regions, Regions) and regions.maps is None else "the image of the maps"
        if not resampled:
            grid.require(regions.grid, run, what)
        if isinstance(regions, Regions) and regions.maps is None:
            found = _of_labels(regions, grid, expected)
        else:
            _refuse(expected)
            found = _of_maps(regions, grid, progress)
    else:
        _refuse(expected)
        found = _of_spheres(as_spheres(regions, radius, "Regions or Maps"), grid)
    if required and not any(len(voxels) for voxels in found.voxels):
        raise InputError(f"no voxel of {run} lies in any of the regions: give regions in the space of the run.")
    return found


def require_labels(regions: Regions) -> None:
    """One sentence for labels among which there is no region."""
    if not len(regions.ids):
        raise InputError("there is no region in the label image: give one with regions, or make some first.")


def _refuse(expected: pd.DataFrame | None) -> None:
    if expected is not None:
        raise InputError("expected regions are those of a label image, and these are none: leave `expected` out.")


def _of_labels(regions: Regions, grid: Grid, expected: pd.DataFrame | None) -> PlacedRegions:
    require_labels(regions)
    table = regions.table
    if expected is not None:
        table = _all_expected(table, expected)
    matching = regions.grid.matches(grid)
    voxels = region_voxels(regions.labels if matching else brought(regions.labels, regions.grid, grid, "nearest"))
    nothing = np.empty(0, dtype=np.int64)
    count = np.rint(table["size_mm3"].fillna(0.0).to_numpy(dtype=np.float64) / regions.grid.voxel_volume)
    return PlacedRegions(
        _described(table, count),
        [voxels.get(i, nothing) for i in table.index.tolist()],
        None,
        count * regions.grid.voxel_volume,
        grid.voxel_volume,
    )


def _all_expected(table: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """The table of the regions there are, with a row for each there should be."""
    if not isinstance(expected, pd.DataFrame) or "name" not in expected or not expected.index.is_unique:
        raise InputError("the expected regions must be a table of names by label id, each id once: give atlas.table.")
    unknown = table.index.difference(expected.index)
    if len(unknown):
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise InputError(f"the labels have a region {unknown[0]}{more} that is not among those expected: give the whole table.")
    names = expected.loc[expected.index != 0, "name"]
    return table.reindex(names.index).assign(name=names)


def _of_maps(regions: Regions | Maps, grid: Grid, progress: Progress) -> PlacedRegions:
    if isinstance(regions, Regions):
        images, names = regions.maps, list(regions.table["name"])
        assert images is not None
    else:
        images, names = regions.data, list(regions.names)
    voxels, weights, rows = [], [], []
    matching = regions.grid.matches(grid)

    def place(image: Array) -> tuple[tuple[float, ...], Support]:
        (there,) = supports(image[None])
        about = _centre_and_size(there, regions.grid)
        return about, there if matching else interpolated_support(there, regions.grid, grid)

    for _, (about_it, there) in in_pieces(place, list(images)):
        rows.append(about_it)
        voxels.append(there[0])
        weights.append(there[1])
        progress(len(rows) / len(images), "reading the maps")
    if not any(row[-1] for row in rows):
        raise InputError("there is no weight in the maps: give maps with values that are not 0.")
    about = np.array(rows)
    index = pd.Index(np.arange(1, len(rows) + 1), name="index", dtype=np.int64)
    table = pd.DataFrame(about[:, :3], columns=list("xyz"), index=index)
    table.insert(0, "name", [str(name) for name in names])
    return PlacedRegions(_described(table, about[:, 4]), voxels, weights, about[:, 3], grid.voxel_volume)


def _centre_and_size(weights: Support, grid: Grid) -> tuple[float, ...]:
    """x, y, z (centre of mass of the weights by magnitude, mm), weights times mm³, and voxels of a map."""
    voxels, values = weights
    amount = np.abs(values).astype(np.float64)
    total = float(amount.sum())
    if total == 0:
        return (np.nan, np.nan, np.nan, 0.0, 0)
    lines, i = np.divmod(voxels, grid.shape[2])
    k, j = np.divmod(lines, grid.shape[1])
    x, y, z = grid.to_mm([float(amount @ axis.astype(np.float64)) / total for axis in (i, j, k)]).tolist()
    return (x, y, z, total * grid.voxel_volume, len(voxels))


def _of_spheres(spheres: Sequence[tuple[str, Array, float]], grid: Grid) -> PlacedRegions:
    voxels = [grid.sphere_voxels(centre, radius) for _, centre, radius in spheres]
    whole = np.array([_whole_sphere(grid, centre, radius) for _, centre, radius in spheres])
    index = pd.Index(np.arange(1, len(spheres) + 1), name="index", dtype=np.int64)
    table = pd.DataFrame(np.array([centre for _, centre, _ in spheres]).reshape(-1, 3), columns=list("xyz"), index=index)
    table.insert(0, "name", [name for name, _, _ in spheres])
    return PlacedRegions(_described(table, whole), voxels, None, whole * grid.voxel_volume, grid.voxel_volume)


def _whole_sphere(grid: Grid, centre: Array, radius: float) -> int:
    """How many voxels a sphere would have if the grid had no end."""
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(grid.affine[:3, :3]), axis=1)).astype(int) + 2
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(np.rint(grid.to_voxel(centre)) - reach)
    return len(Grid(tuple(2 * reach[::-1] + 1), affine).sphere_voxels(centre, radius))


def _described(table: pd.DataFrame, voxels: Array) -> pd.DataFrame:
    """What a series says of its regions, with names that are all different."""
    ids = table.index.tolist()
    columns: dict[str, Any] = {"name": told_apart([str(name) for name in table["name"]], ids)}
    columns |= {axis: table[axis].to_numpy(dtype=np.float64) for axis in "xyz"}
    return pd.DataFrame({**columns, "voxels": voxels.astype(np.int64)}, index=table.index)
