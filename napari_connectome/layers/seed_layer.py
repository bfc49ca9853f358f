"""The points layer that holds seeds: how it is made or taken over, and its points as a table in true millimetres."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Layer, Points

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.seeds import (
    COLUMNS,
    DEFAULT_RADIUS,
    check_mm,
    check_radius,
    check_seeds,
    find_seeds,
    unique_names,
)
from napari_connectome.layers import results
from napari_connectome.layers.spatial import KEY, info, layer_kwargs, placement, to_mm, to_world
from napari_connectome.layers.styles import SEED_COLOR

Array = npt.NDArray[Any]

BESIDE = 8.0
"""Distance in mm of a name from its point, along y and along x."""
MARKER = 6.0
"""Diameter of a point in mm: small, since the sphere itself is drawn as voxels."""


class SeedLayer:
    """The seeds of one points layer as a table, read from the layer whenever asked, and written into it.

    Parameters
    ----------
    layer : Points
        Three-dimensional (z, y, x). It gets the features name and radius if it lacks them.
    grid : Grid
        Reference whose true mm the table is in.
    """

    def __init__(self, layer: Points, grid: Grid) -> None:
        require_points(layer)
        known = info(layer).get("grid", grid)
        self.layer = layer
        self._grid: Grid = known
        self._writing = False
        self._given: pd.DataFrame | None = None
        layer.metadata = {**layer.metadata, KEY: {**info(layer), "role": "seeds", "grid": known}}
        self._repair()
        if not known.matches(grid):
            self.grid = grid

    @classmethod
    def create(cls, viewer: ViewerModel, grid: Grid, table: pd.DataFrame | None = None, *, name: str = "Seeds") -> Self:
        """Add a layer for seeds to the viewer, with those of a table (name, x, y, z, radius) already there."""
        seeds = cls(_new_points(grid, name), grid)
        if table is not None:
            seeds.replace(table)
        results.add(viewer, seeds.layer)
        return seeds

    @classmethod
    def adopt(cls, viewer: ViewerModel, layer: Layer, grid: Grid) -> Self:
        """Take a points layer somebody made. One with a time axis is copied and hidden, for it shows at one time only."""
        if isinstance(layer, Points) and layer.ndim > 3:
            mm = to_mm(grid, _world(layer)[:, -3:])
            table = pd.DataFrame(mm, columns=["x", "y", "z"])
            for column in {"name", "radius"} & set(layer.features.columns):
                table[column] = layer.features[column].to_numpy()
            seeds = cls.create(viewer, grid, table, name=f"{layer.name} (seeds)")
            layer.visible = False
            return seeds
        require_points(layer)
        return cls(layer, grid)

    def __len__(self) -> int:
        return len(self.layer.data)

    @property
    def grid(self) -> Grid:
        """The reference grid. With another one the seeds keep their true mm and move in the viewer's world if they must."""
        return self._grid

    @grid.setter
    def grid(self, grid: Grid) -> None:
        mm = self.mm
        ours = np.allclose(np.r_[self.layer.scale, self.layer.translate], np.concatenate(placement(self._grid)))
        self._grid = grid
        self.layer.metadata = {**self.layer.metadata, KEY: {**info(self.layer), "grid": grid}}
        with self._quietly():  # between one step and the next the seeds are nowhere
            if ours:
                self.layer.scale, self.layer.translate = placement(grid)
                self.layer.size = MARKER / float(np.mean(grid.voxel_size))
            data = self._to_data(mm)
            if not np.allclose(data, self.layer.data, equal_nan=True):
                self.layer.data = data

    @property
    def mm(self) -> Array:
        """Centres in true mm, (n × 3) x, y, z."""
        return np.asarray(np.round(to_mm(self._grid, _world(self.layer)), 6) + 0.0)  # a nanometre; no -0

    @property
    def names(self) -> list[str]:
        """The names, a row each."""
        return [str(name) for name in self.layer.features["name"]]

    @property
    def radii(self) -> Array:
        """The radii in mm, (n,); a copy."""
        return np.array(self.layer.features["radius"], dtype=np.float64)

    @property
    def table(self) -> pd.DataFrame:
        """Name, x, y, z and radius in mm, one row a seed; a copy."""
        mm = self.mm
        names = np.array(self.names, dtype=object)
        columns = dict(zip(COLUMNS, (names, *mm.T, self.radii), strict=True))
        return pd.DataFrame(columns, columns=list(COLUMNS))

    def add(self, name: str | None = None, mm: npt.ArrayLike = (0.0, 0.0, 0.0), radius: float | None = None) -> int:
        """Add one seed and return its row; the name is numbered and the radius the default where not given."""
        x, y, z = np.asarray(mm, dtype=np.float64)
        self.extend(pd.DataFrame({"name": [name], "x": [x], "y": [y], "z": [z], "radius": [radius]}))
        return len(self) - 1

    def extend(self, table: pd.DataFrame) -> None:
        """Add the seeds of a table after those that are there."""
        table = check_seeds(table)
        if not len(table):
            return
        self._given = table
        try:
            self.layer.add(self._to_data(table[["x", "y", "z"]].to_numpy()))
            self._repair()
        finally:
            self._given = None

    def include(self, table: pd.DataFrame) -> list[int]:
        """Add those seeds of a table that are not there yet, and return the row of each: see `find_seeds`."""
        table = check_seeds(table)
        rows = find_seeds(table, self.table)
        new = [i for i, row in enumerate(rows) if row < 0]
        first = len(self)
        self.extend(table.iloc[new])
        for row, i in enumerate(new, start=first):
            rows[i] = row
        return rows

    def replace(self, table: pd.DataFrame) -> None:
        """Put the seeds of a table in place of all that are there."""
        table = check_seeds(table)
        with self._quietly():
            self.layer.selected_data = set()
            self.layer.data = self._to_data(table[["x", "y", "z"]].to_numpy())
            self.layer.features = {"name": table["name"].to_numpy(dtype=object), "radius": table["radius"].to_numpy()}
        self._repair()

    def set(self, row: int, *, name: str | None = None, mm: npt.ArrayLike | None = None, radius: float | None = None) -> None:
        """Change one seed; what is not given stays."""
        row = self._row(row)
        features = self.layer.features.copy()
        if name is not None:
            features.loc[row, "name"] = _own_name(name, features["name"].drop(index=row))
        if radius is not None:
            features.loc[row, "radius"] = check_radius(radius)
        data = None if mm is None else self._to_data(check_mm(mm)[None])
        if name is not None or radius is not None:
            self.layer.features = features
        if data is not None:
            changed = self.layer.data.copy()
            changed[row] = data[0]
            self.layer.data = changed

    def remove(self, rows: Iterable[int]) -> None:
        """Take seeds out."""
        self.layer.remove(sorted({self._row(row) for row in rows}))

    def _row(self, row: int) -> int:
        if not 0 <= row < len(self):
            raise InputError(f"there is no seed {row + 1}: the layer {self.layer.name} holds {len(self)}.")
        return int(row)

    def _to_data(self, mm: Array) -> Array:
        steps, origin = _transform(self.layer)
        return np.asarray(np.linalg.solve(steps.T, (to_world(self._grid, mm).reshape(-1, 3) - origin).T).T)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Mark what is written meanwhile as this object's own, no news to it; others hear it."""
        before, self._writing = self._writing, True
        try:
            yield
        finally:
            self._writing = before

    def _repair(self) -> None:
        """Give every seed a name of its own and a radius, those just added by `extend` what was given for them."""
        if self.layer.data.dtype.kind != "f":  # whole numbers would make a drag jump from voxel to voxel
            with self._quietly():
                self.layer.data = self.layer.data.astype(np.float64)
        features = self.layer.features
        names: list[Any] = list(features["name"]) if "name" in features else [None] * len(self)
        radii: list[Any] = list(features["radius"]) if "radius" in features else [None] * len(self)
        given, self._given = self._given, None
        if given is not None:
            names[-len(given) :], radii[-len(given) :] = given["name"], given["radius"]
        good_names, good_radii = unique_names(names), [_radius_or_default(r) for r in radii]
        proper = {"name", "radius"} <= set(features.columns) and good_names == list(features["name"])
        if proper and np.array_equal(good_radii, pd.to_numeric(features["radius"], errors="coerce")):
            return
        features = features.copy()
        features["name"] = np.array(good_names, dtype=object)
        features["radius"] = np.array(good_radii, dtype=np.float64)
        with self._quietly():
            self.layer.features = features


def _new_points(grid: Grid, name: str) -> Points:
    """An empty layer for seeds."""
    # Scale and translate are the grid's, not 1 and 0: napari shows a point in the plane within half a *data* unit of it
    # and steps the slider by the smallest scale, so points in plain mm would be hidden between the planes of a 4 mm run
    # and cut its slider into 1 mm steps.
    beside = np.array([0.0, BESIDE, BESIDE]) / grid.voxel_size[::-1]  # beside the sphere in each of the three planes
    return Points(
        np.empty((0, 3)),
        ndim=3,
        name=name,
        features={"name": np.empty(0, dtype=object), "radius": np.empty(0)},
        text={"string": "{name}", "size": 11, "color": SEED_COLOR, "anchor": "center", "translation": beside},
        blending="translucent_no_depth",  # else a point is hidden in its sphere in 3-D
        size=MARKER / float(np.mean(grid.voxel_size)),
        canvas_size_limits=(8, 24),
        face_color=SEED_COLOR,
        border_color="black",
        border_width=0.1,
        **layer_kwargs(grid, role="seeds"),
    )


def require_points(layer: Layer) -> None:
    """Raise one sentence unless the layer can hold seeds."""
    if not isinstance(layer, Points):
        raise InputError(f"{layer.name} is no points layer: choose one, or make a new layer for the seeds.")
    if layer.ndim != 3:
        raise InputError(f"{layer.name} holds {layer.ndim}-D points and seeds need z, y and x: make a new layer for the seeds.")


def is_seeds(layer: Layer) -> bool:
    """Whether the layer was made for seeds or taken as such."""
    return isinstance(layer, Points) and info(layer).get("role") == "seeds"


def _own_name(name: str, others: Iterable[str]) -> str:
    """A typed name, or one sentence when it is empty or another seed's."""
    name = str(name).strip()
    if not name:
        raise InputError("a seed needs a name: type at least one character.")
    if name in set(others):
        raise InputError(f"there is another seed named {name}: give each its own name.")
    return name


def _radius_or_default(radius: Any) -> float:
    try:
        return check_radius(radius)
    except InputError:
        return DEFAULT_RADIUS


def _transform(layer: Layer) -> tuple[Array, Array]:
    """How the layer's data go to the world: ``data @ steps + origin``, from its scale, translate and affine together."""
    points = np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim)])
    world = np.array([layer.data_to_world(p) for p in points])
    return world[1:] - world[0], world[0]


def _world(layer: Points) -> Array:
    steps, origin = _transform(layer)
    return np.asarray(layer.data @ steps + origin)
