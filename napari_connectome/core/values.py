"""What is handed from one step to the next: arrays with the grid they live on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origin, Origins
from napari_connectome.core.region_maps import COLUMNS, Support, default_names, dense, finite, map_table, strongest, supports
from napari_connectome.core.region_table import region_table

Array = npt.NDArray[Any]


SHORTEST, LONGEST = 0.01, 100.0
"""TR in seconds: what is outside was meant in another unit."""
ROUNDING = 1e-6
"""Seconds by which a time may miss a volume: 10 × 0.72 is less than 7.2 in a computer."""


def expect(what: str, given: Any, *kinds: type) -> None:
    """Raise one sentence unless what was given for `what` is of one of these kinds: `Run`, `Volume` or `Regions`."""
    if not isinstance(given, kinds):
        ways = " or ".join(f"a {kind.__name__} ({_MADE[kind]})" for kind in kinds)
        raise InputError(f"{what} is of type {type(given).__name__} and must be {ways}.")


def checked_tr(tr: Any, what: str) -> float:
    """A TR in seconds; one sentence where it can be none."""
    if isinstance(tr, bool) or not isinstance(tr, int | float | np.number) or not SHORTEST <= tr <= LONGEST:
        raise InputError(f"{what} is {tr!r} and must be a positive number of seconds, {SHORTEST:g} to {LONGEST:g}: give tr=….")
    return float(tr)


def _on_grid(what: str, data: Array, grid: Grid, ndim: int, letters: str) -> None:
    if data.ndim != ndim:
        raise InputError(
            f"{what} needs {ndim}-D data ({letters}), and the data given are {data.ndim}-D with shape {data.shape}."
        )
    if data.shape[-3:] != grid.shape:
        raise InputError(f"the data of {what} are {data.shape[-3:]} (z, y, x) and its grid {grid.shape}: they must agree.")
    if data.dtype.kind not in "biuf":
        raise InputError(f"{what} needs real numbers, and the data given are {data.dtype}.")


@dataclass(frozen=True, eq=False)
class Run:
    """A BOLD run.

    Parameters
    ----------
    data : (t, z, y, x) array
        Any real type; integers stay as they are and are converted piece by piece where they are used.
    grid : Grid
    tr : float
        Repetition time in seconds.
    confounds : (t × c) DataFrame or array, optional
    keep : (t,) bool array, optional
        False marks censored volumes.
    name : str
        Used in messages and in the provenance of results.
    """

    data: Array
    grid: Grid
    tr: float
    confounds: pd.DataFrame | None = None
    keep: Array | None = None
    name: str = "run"

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", np.asanyarray(self.data))
        _on_grid("a run", self.data, self.grid, 4, "t, z, y, x")
        object.__setattr__(self, "tr", checked_tr(self.tr, f"the TR of {self.name}"))
        if self.confounds is not None:
            table = self.confounds if isinstance(self.confounds, pd.DataFrame) else _as_table(self.confounds)
            if len(table) != self.n_volumes:
                raise InputError(
                    f"the confounds have {len(table)} rows and {self.name} has {self.n_volumes} volumes: "
                    "give the table of this run, one row a volume."
                )
            object.__setattr__(self, "confounds", table)
        if self.keep is not None:
            keep = np.asarray(self.keep)
            if keep.dtype != bool or keep.shape != (self.n_volumes,):
                raise InputError(f"keep must hold one True or False for each of the {self.n_volumes} volumes of {self.name}.")
            object.__setattr__(self, "keep", keep)

    @property
    def n_volumes(self) -> int:
        """Number of volumes t."""
        return int(self.data.shape[0])

    def replace(self, **changes: Any) -> Self:
        """Return the run with some fields changed; the data are shared, not copied."""
        return replace(self, **changes)


def _as_table(values: Any) -> pd.DataFrame:
    try:
        columns = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("the confounds must be a table of numbers: read a file with load_run(…, confounds=path).") from None
    if columns.ndim == 1:
        columns = columns[:, None]
    if columns.ndim != 2:
        raise InputError(f"confounds must be a table (volumes × columns), not an array of shape {columns.shape}.")
    return pd.DataFrame(columns, columns=[f"confound_{i + 1}" for i in range(columns.shape[1])])


@dataclass(frozen=True, eq=False)
class Volume:
    """One image: a mask, a map or an anatomical image, (z, y, x) on a grid.

    Parameters
    ----------
    data : (z, y, x) array
    grid : Grid
    name : str
        Used in messages and for what is made from it.
    origins : tuple of Origin, optional
        The test it is a map of, which the regions made from it remember; see `core.origins`.
    """

    data: Array
    grid: Grid
    name: str = "volume"
    origins: tuple[Origin, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", np.asanyarray(self.data))
        _on_grid("a volume", self.data, self.grid, 3, "z, y, x")
        object.__setattr__(self, "origins", tuple(self.origins))


@dataclass(frozen=True, eq=False)
class Maps:
    """Several named images (k, z, y, x) on one grid, with the parameters and inputs that made them."""

    data: Array
    grid: Grid
    names: Sequence[str] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", np.asanyarray(self.data))
        _on_grid("maps", self.data, self.grid, 4, "k, z, y, x")
        names = tuple(self.names) or tuple(f"map {i + 1}" for i in range(len(self.data)))
        if len(names) != len(self.data):
            raise InputError(f"{len(names)} names were given for {len(self.data)} maps: give one name a map.")
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, which: int | str) -> Volume:
        """Return one map by its position or its name."""
        index = list(self.names).index(which) if isinstance(which, str) else which
        return Volume(self.data[index], self.grid, name=self.names[index])


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of a brain, as labels; or as maps of weights, which may overlap (see `of_maps`).

    Parameters
    ----------
    labels : (z, y, x) array of unsigned integers
        0 is background. Of regions that are maps: the one with the largest weight in each voxel.
    grid : Grid
    table : DataFrame, optional
        Indexed by label id, with the columns name, x, y, z (centre of mass in mm) and size_mm3. Made from the labels
        where it is not given; a table that gives only names is completed. Of regions that are maps it has a row for each
        map, also where others are stronger everywhere, with its peak besides and, where it was made from networks, the
        name of its network.
    origins : mapping of int to tuple of Origin, optional
        The run and contrast each region was made from, by label id; see `core.origins`. Ids that are not in the labels are
        left out.
    maps : (r, z, y, x) float32 array, optional
        The weights of each region; map i is that of the label id i + 1.
    source_map : (r,) int array, optional
        Which map each region was taken from, counted from 0.
    provenance : mapping, optional
        The parameters and inputs that made them.
    """

    labels: Array
    grid: Grid
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    origins: Origins = field(default_factory=dict)
    maps: Array | None = None
    source_map: Array | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = np.asanyarray(self.labels)
        _on_grid("regions", labels, self.grid, 3, "z, y, x")
        object.__setattr__(self, "labels", as_label_type(labels))
        if not isinstance(self.table, pd.DataFrame):
            raise InputError("the table of regions must be a DataFrame, with the label ids as its index and a column name.")
        if self.maps is None:
            table = _table_of(self.labels, self.grid, self.table)
        else:
            maps = _weights(self.maps, self.grid)
            object.__setattr__(self, "maps", maps)
            table = _table_of_maps(maps, self.labels, self.grid, self.table)
        object.__setattr__(self, "table", table)
        if self.source_map is not None:
            object.__setattr__(self, "source_map", _one_a_region(self.source_map, len(table)))
        here = set(self.table.index.tolist())
        object.__setattr__(self, "origins", {i: found for i, found in _origins(self.origins).items() if i in here})

    @classmethod
    def of_maps(
        cls,
        maps: Array | Sequence[Support],
        grid: Grid,
        *,
        names: Sequence[str] = (),
        source_map: npt.ArrayLike | None = None,
        network_names: Sequence[str] = (),
        provenance: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make regions of maps of weights, which may overlap.

        Parameters
        ----------
        maps : (r, z, y, x) array
            NaN and infinities count as 0. Or a list of the voxels (flat, ascending) and weights of each region.
        grid : Grid
        names : sequence of str, optional
            One a map. After their networks where not given, or "region 1", ….
        source_map : (r,) ints, optional
            Which network each region was taken from, counted from 0.
        network_names : sequence of str, optional
            Of all networks; "network 1", … where not given.
        provenance : mapping, optional
            The parameters and inputs that made them.
        """
        if not isinstance(maps, list):
            maps = finite(_weights(maps, grid))
        regions = maps if isinstance(maps, list) else supports(maps)
        if len(names) not in (0, len(regions)):
            raise InputError(f"{len(names)} names were given for {len(regions)} regions: give one name a region.")
        networks = None
        if source_map is not None:
            source_map = _one_a_region(source_map, len(regions))
            networks = _networks(source_map, network_names)
            names = names or default_names(source_map, networks)
        table = map_table(regions, grid, names)
        if networks is not None and source_map is not None:
            table.insert(1, "network", [networks[i] for i in np.asarray(source_map)])
        images = dense(maps, grid.shape) if isinstance(maps, list) else maps
        return cls(
            strongest(regions, grid.shape), grid, table, maps=images, source_map=source_map, provenance=provenance or {}
        )  # fmt: skip

    @property
    def ids(self) -> Array:
        """The label ids, ascending, one for each row of the table."""
        return np.asarray(self.table.index.to_numpy())


def as_label_type(labels: Array) -> Array:
    """Return labels as the smallest unsigned integer type that holds them; refuse what are no labels."""
    if labels.dtype == bool:
        return labels.astype(np.uint8)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise InputError("labels must be whole numbers, and some of those given are NaN or infinite: set these to 0 first.")
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
        raise InputError(
            "labels must be whole numbers, and the values given have fractions: threshold or round the image first."
        )
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if low < 0:
        raise InputError(f"the labels must not be negative, and the smallest given is {low}: renumber them first.")
    if high > np.iinfo(np.uint32).max:
        raise InputError(f"labels must be whole numbers below 2^32, and the largest given is {high:.6g}: renumber them first.")
    kind = np.min_scalar_type(high)
    return labels if labels.dtype == kind else labels.astype(kind)


def _origins(given: Any) -> dict[int, tuple[Origin, ...]]:
    """The origins of a `Regions`, each region's as a tuple; regions without one left out."""
    try:
        origins = {int(i): tuple(found) for i, found in given.items() if found}
    except (AttributeError, TypeError, ValueError):
        origins = {0: (None,)}
    if not all(isinstance(each, Origin) for found in origins.values() for each in found):
        raise InputError("origins must be a dict of label ids and, for each, the Origins of the region: {1: (test.origin,)}.")
    return origins


def _table_of(labels: Array, grid: Grid, given: pd.DataFrame) -> pd.DataFrame:
    """The table of a `Regions`, with the names and the further columns of the table that was given."""
    given = given[~given.index.duplicated()]
    whole = region_table(labels, grid, names=dict(zip(given.index, given["name"], strict=True)) if "name" in given else None)
    table = whole[["name", "x", "y", "z", "size_mm3"]]
    more = given[[column for column in given.columns if column not in whole.columns]]
    return table if more.empty else table.join(more)


def _weights(maps: Any, grid: Grid) -> Array:
    """The maps of regions as float32, without NaN."""
    images: Array = np.asanyarray(maps)
    _on_grid("regions that are maps", images, grid, 4, "r, z, y, x")
    if not len(images):
        raise InputError("regions that are maps need one map at least, and none was given.")
    return images.astype(np.float32, copy=False)


def _table_of_maps(maps: Array, labels: Array, grid: Grid, given: pd.DataFrame) -> pd.DataFrame:
    """The table of regions that are maps: as it was given where it is whole, otherwise completed from the maps."""
    highest = int(labels.max()) if labels.size else 0
    if highest > len(maps):
        raise InputError(f"the largest label is {highest} and there are {len(maps)} maps: map i belongs to the label i + 1.")
    ids = np.arange(1, len(maps) + 1)
    if set(COLUMNS) <= set(given.columns) and np.array_equal(given.index, ids):
        return given
    given = given[~given.index.duplicated()]
    known = dict(zip(given.index, given["name"], strict=True)) if "name" in given else {}
    table = map_table(supports(maps), grid, [known.get(i) for i in ids.tolist()])  # type: ignore[misc]
    more = given[[column for column in given.columns if column not in table.columns]]
    return table if more.empty else table.join(more)


def _one_a_region(source_map: Any, n: int) -> Array:
    numbers = np.asarray(source_map)
    if numbers.shape != (n,) or numbers.dtype.kind not in "iu" or (n and numbers.min() < 0):
        raise InputError(f"source_map must hold, for each of the {n} regions, the number of its map, counted from 0.")
    return np.asarray(numbers, dtype=np.int64)


def _networks(source_map: Array, names: Sequence[str]) -> list[str]:
    """The names of the networks that regions were taken from."""
    needed = int(source_map.max()) + 1 if len(source_map) else 0
    if not len(names):
        return [f"network {i + 1}" for i in range(needed)]
    if len(names) < needed:
        raise InputError(f"{len(names)} names of networks were given and {needed} are needed: give one name a network.")
    return list(names)


@dataclass(frozen=True, eq=False)
class Series:
    """Time series (t × r) with a name for each column.

    Parameters
    ----------
    data : (t, r) array
    names : sequence of str
        A column is known by its place: several may have one name. `region_series` gives each its own.
    tr : float
        Seconds.
    times : (t,) array, optional
        Seconds; where volumes were left out, those of the kept ones. One TR apart from 0 otherwise.
    table : DataFrame, optional
        What is known of the regions, a row for each column of the data; see `region_series`.
    """

    data: Array
    names: Sequence[str]
    tr: float
    times: Array | None = None
    table: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        data = np.atleast_2d(np.asarray(self.data))
        if len(self.names) != data.shape[1]:
            raise InputError(f"{len(self.names)} names were given for {data.shape[1]} series: give one name a column.")
        if self.table is not None and len(self.table) != data.shape[1]:
            raise InputError(f"the table has {len(self.table)} rows for {data.shape[1]} series: give one row a column.")
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "tr", checked_tr(self.tr, "the TR of the series"))

    @property
    def volumes(self) -> Array:
        """Which volumes of the run the rows are (t,), int."""
        if self.times is None:
            return np.arange(len(self.data))
        return np.rint(np.asarray(self.times) / self.tr).astype(np.int64)

    def to_frame(self) -> pd.DataFrame:
        """The series as a table, indexed by time in seconds."""
        times = np.arange(len(self.data)) * self.tr if self.times is None else self.times
        return pd.DataFrame(self.data, columns=list(self.names), index=pd.Index(times, name="time"))


_MADE = {
    Run: "load_run(path) or Run(data, grid, tr)",
    Volume: "load_volume(path) or Volume(data, grid)",
    Maps: "load_maps(path) or Maps(data, grid)",
    Regions: "load_regions(path) or Regions(labels, grid)",
    Series: "region_series(run, regions) or Series(data, names, tr)",
}
"""How values are made, for people who gave something else."""
