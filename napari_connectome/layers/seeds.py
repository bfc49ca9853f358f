"""Seeds: named spheres whose centres are the points of one layer, in true millimetres whatever the layer's own axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Layer, Points
from napari.layers.base import ActionType
from psygnal import Signal

from napari_connectome.analyses.seed_map import SeedMap
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.layers import results
from napari_connectome.layers.spatial import KEY, info, layer_kwargs, placement, to_mm, to_world
from napari_connectome.layers.styles import SEED_COLOR

Array = npt.NDArray[Any]

COLUMNS = ("name", "x", "y", "z", "radius")
RADIUS = next(field for field in dataclasses.fields(SeedMap) if field.name == "radius")
"""Default, bounds and unit of a radius, as the analysis declares them."""
DEFAULT_RADIUS = SeedMap().radius

BESIDE = 8.0
"""Distance in mm of a name from its point, along y and along x."""
MARKER = 6.0
"""Diameter of a point in mm: small, since the sphere itself is drawn as voxels."""


class SeedPoints:
    """The seeds of one points layer.

    The layer holds the truth: whatever changes it (mouse, keys, paste, scripts) is noticed here, made good where it is
    no proper table (names are unique and never empty, radii within bounds, data float, since whole numbers would make
    a drag jump from voxel to voxel) and told on.

    Parameters
    ----------
    layer : Points
        Three-dimensional (z, y, x). It gets the features name and radius if it lacks them.
    grid : Grid
        Reference whose true mm the table is in.

    Attributes
    ----------
    changed : Signal
        The table is another: seeds added, removed, moved (at the end of a drag), renamed, resized.
    moved : Signal(int, array)
        A seed's row and new mm (x, y, z); also at every step of a drag.
    released : Signal
        A movement has ended.
    selected_changed : Signal(list of int)
        Other rows are selected.
    current_changed : Signal(int | None)
        Another row is the current one.
    """

    changed = Signal()
    moved = Signal(int, object)
    released = Signal()
    selected_changed = Signal(object)
    current_changed = Signal(object)

    def __init__(self, layer: Points, grid: Grid) -> None:
        require_points(layer)
        known = info(layer).get("grid", grid)
        self.layer = layer
        self._grid = grid
        self._current: int | None = None
        self._told: int | None = None
        self._amid = False
        self._given: pd.DataFrame | None = None
        if layer.data.dtype.kind != "f":
            layer.data = layer.data.astype(np.float64)
        layer.metadata = {**layer.metadata, KEY: {**info(layer), "role": "seeds", "grid": known}}
        self._repair()
        self._remember()
        if not known.matches(grid):
            self._grid = known
            self.grid = grid
        layer.events.data.connect(self._on_data)
        layer.events.set_data.connect(self._on_set_data)
        layer.events.features.connect(self._on_features)
        layer.selected_data.events.items_changed.connect(self._on_selection)
        self._follow_selection()
        self._told = self._current

    @classmethod
    def create(cls, viewer: ViewerModel, grid: Grid, table: pd.DataFrame | None = None, *, name: str = "Seeds") -> SeedPoints:
        """Add a layer for seeds to the viewer, with those of a table (name, x, y, z, radius) already there."""
        # Scale and translate are the grid's, not 1 and 0: napari shows a point in the plane within half a *data* unit of
        # it and steps the slider by the smallest scale, so points in plain mm would be hidden between the planes of a
        # 4 mm run and cut its slider into 1 mm steps.
        layer = Points(
            np.empty((0, 3)),
            ndim=3,
            name=name,
            features={"name": np.empty(0, dtype=object), "radius": np.empty(0)},
            text={"string": "{name}", "size": 11, "color": SEED_COLOR, "anchor": "center", "translation": _beside(grid)},
            blending="translucent_no_depth",  # else a point is hidden in its sphere in 3-D
            size=MARKER / float(np.mean(grid.voxel_size)),
            canvas_size_limits=(8, 24),
            face_color=SEED_COLOR,
            border_color="black",
            border_width=0.1,
            **layer_kwargs(grid, role="seeds"),
        )
        seeds = cls(layer, grid)
        if table is not None:
            seeds.replace(table)
        results.add(viewer, layer)
        return seeds

    @classmethod
    def adopt(cls, viewer: ViewerModel, layer: Layer, grid: Grid) -> SeedPoints:
        """Take a points layer somebody made. One with a time axis is copied and hidden, for it shows at one time only."""
        if isinstance(layer, Points) and layer.ndim == 4:
            world = _world(layer)[:, -3:]
            mm = to_mm(grid, world)
            table = pd.DataFrame({"x": mm[:, 0], "y": mm[:, 1], "z": mm[:, 2]})
            for column in {"name", "radius"} & set(layer.features.columns):
                table[column] = layer.features[column].to_numpy()
            seeds = cls.create(viewer, grid, table, name=f"{layer.name} (seeds)")
            layer.visible = False
            return seeds
        require_points(layer)
        return cls(layer, grid)

    def close(self) -> None:
        """Stop following the layer."""
        self.layer.events.data.disconnect(self._on_data)
        self.layer.events.set_data.disconnect(self._on_set_data)
        self.layer.events.features.disconnect(self._on_features)
        self.layer.selected_data.events.items_changed.disconnect(self._on_selection)

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
    def table(self) -> pd.DataFrame:
        """Name, x, y, z and radius in mm, one row a seed; a copy."""
        mm = self.mm
        features = self.layer.features
        return pd.DataFrame(
            {
                "name": features["name"].astype(str).to_numpy(dtype=object),
                "x": mm[:, 0],
                "y": mm[:, 1],
                "z": mm[:, 2],
                "radius": features["radius"].to_numpy(dtype=np.float64),
            },
            columns=list(COLUMNS),
        )

    @property
    def current(self) -> int | None:
        """Row of the seed that is worked on: the selected one, or the last that was; None when there are no seeds."""
        return self._current

    @current.setter
    def current(self, row: int | None) -> None:
        self.layer.selected_data = set() if row is None else {self._row(row)}

    @property
    def selected(self) -> list[int]:
        """Rows selected in the layer, ascending."""
        return sorted(int(row) for row in self.layer.selected_data if 0 <= row < len(self))

    @selected.setter
    def selected(self, rows: Iterable[int]) -> None:
        self.layer.selected_data = {self._row(row) for row in rows}

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
        finally:
            self._given = None

    def replace(self, table: pd.DataFrame) -> None:
        """Put the seeds of a table in place of all that are there."""
        table = check_seeds(table)
        with self._deaf():
            self.layer.selected_data = set()
            self.layer.data = self._to_data(table[["x", "y", "z"]].to_numpy())
            self.layer.features = {
                "name": table["name"].to_numpy(dtype=object),
                "radius": table["radius"].to_numpy(dtype=np.float64),
            }
        self._amid = False
        self._settle()
        self.released.emit()

    def set(self, row: int, *, name: str | None = None, mm: npt.ArrayLike | None = None, radius: float | None = None) -> None:
        """Change one seed; what is not given stays."""
        row = self._row(row)
        features = self.layer.features.copy()
        if name is not None:
            name = str(name).strip()
            if not name:
                raise InputError("a seed needs a name: type at least one character.")
            if name in set(features["name"].drop(index=row)):
                raise InputError(f"there is another seed named {name}: give each its own name.")
            features.loc[row, "name"] = name
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

    def _deaf(self) -> Any:
        return _Deaf(self)

    # What the layer tells. napari moves the data of a dragged point without a data event until the mouse is let go, and
    # pastes without any; but it always refreshes, so set_data is what every change has in common.

    def _on_data(self, event: Any) -> None:
        if event.action in (ActionType.ADDING, ActionType.CHANGING, ActionType.REMOVING):
            self._amid = True
            self._blank_defaults()
            return
        self._amid = False
        if event.action == ActionType.REMOVED and self._current is not None:
            self._current -= sum(int(i) < self._current for i in event.data_indices)
        self._settle()
        if event.action == ActionType.CHANGED:
            self.released.emit()

    def _on_set_data(self) -> None:
        if not self._amid:
            self._settle()
        elif len(self) == len(self._mm):
            self._tell_moved()

    def _on_features(self) -> None:
        if not self._amid and len(self) == len(self.layer.features):
            self._settle()

    def _on_selection(self) -> None:
        if len(self) == len(self._mm):
            self._follow_selection()
            self.selected_changed.emit(self.selected)
            self._tell_current()

    def _settle(self) -> None:
        """Make the layer a proper table again, then tell what is other than before."""
        self._repair()
        if len(self) == len(self._mm):
            self._tell_moved()
        else:
            self._dirty = True
        features = self.layer.features
        names, radii = tuple(features["name"]), features["radius"].to_numpy(dtype=np.float64)
        dirty = self._dirty or names != self._names or not np.array_equal(radii, self._radii)
        self._remember()
        self._follow_selection()
        if dirty:
            self.changed.emit()
            self.selected_changed.emit(self.selected)
        self._tell_current()

    def _remember(self) -> None:
        features = self.layer.features
        self._mm = self.mm
        self._names = tuple(features["name"])
        self._radii = features["radius"].to_numpy(dtype=np.float64).copy()
        self._dirty = False

    def _tell_moved(self) -> None:
        mm = self.mm
        rows = np.flatnonzero(~np.all(np.isclose(mm, self._mm, rtol=0, atol=1e-9, equal_nan=True), axis=1))
        self._mm = mm
        for row in rows:
            self._dirty = True
            self.moved.emit(int(row), mm[row])

    def _follow_selection(self) -> None:
        chosen = self.selected
        row = self._current or 0
        if chosen and row not in chosen:
            row = chosen[0]
        self._current = min(row, len(self) - 1) if len(self) else None

    def _tell_current(self) -> None:
        if self._current != self._told:
            self._told = self._current
            self.current_changed.emit(self._current)

    def _blank_defaults(self) -> None:
        """See that new points come without a name: napari gives them the name and radius of the one selected last."""
        defaults = self.layer.feature_defaults.iloc[0].to_dict()
        self.layer.feature_defaults = {**defaults, "name": "", "radius": DEFAULT_RADIUS}

    def _repair(self) -> None:
        """Give every seed a name of its own and a radius, those just added by `extend` what was given for them."""
        if self.layer.data.dtype.kind != "f":
            with self._deaf():
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
        with self._deaf():
            self.layer.features = features


class _Deaf:
    """While this is entered, a `SeedPoints` does not hear its layer (others do)."""

    def __init__(self, seeds: SeedPoints) -> None:
        events = seeds.layer.events
        self._blockers = [
            events.data.blocker(seeds._on_data),
            events.set_data.blocker(seeds._on_set_data),
            events.features.blocker(seeds._on_features),
        ]

    def __enter__(self) -> None:
        for blocker in self._blockers:
            blocker.__enter__()

    def __exit__(self, *error: object) -> None:
        for blocker in self._blockers:
            blocker.__exit__(*error)


def _beside(grid: Grid) -> Array:
    """Where the name stands relative to the point, in voxels: beside the sphere in each of the three planes."""
    return np.asarray(np.array([0.0, BESIDE, BESIDE]) / grid.voxel_size[::-1])


def require_points(layer: Layer) -> None:
    """Raise one sentence unless the layer can hold seeds."""
    if not isinstance(layer, Points):
        raise InputError(f"{layer.name} is no points layer: choose one, or make a new layer for the seeds.")
    if layer.ndim != 3:
        raise InputError(f"{layer.name} holds {layer.ndim}-D points and seeds need z, y and x: make a new layer for the seeds.")


def is_seeds(layer: Layer) -> bool:
    """Whether the layer was made for seeds or taken as such."""
    return isinstance(layer, Points) and info(layer).get("role") == "seeds"


def check_radius(radius: Any) -> float:
    """The radius in mm as a number within its bounds, or one sentence."""
    low, high = RADIUS.metadata["low"], RADIUS.metadata["high"]
    try:
        value = float(radius)
    except (TypeError, ValueError):
        value = float("nan")
    if not low <= value <= high:
        raise InputError(f"the radius of a seed is {radius} and must be a number between {low:g} and {high:g} mm.")
    return value


def check_mm(mm: Any) -> Array:
    """A centre as three finite numbers in mm, or one sentence."""
    try:
        centre = np.asarray(mm, dtype=np.float64)
    except (TypeError, ValueError):
        centre = np.empty(0)
    if centre.shape != (3,) or not np.isfinite(centre).all():
        raise InputError(f"the centre of a seed is {mm} and must be three numbers in mm: x, y, z.")
    return centre


def check_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """A table as seeds: the columns of `COLUMNS`, unique names, default radii where missing; or one sentence."""
    missing = [c for c in ("x", "y", "z") if c not in table.columns]
    if missing:
        raise InputError(f"the table of seeds has no column {', '.join(missing)}: it needs x, y and z in mm.")
    if not len(table):
        return pd.DataFrame({c: np.empty(0, dtype=object if c == "name" else float) for c in COLUMNS})
    names = list(table["name"]) if "name" in table else [None] * len(table)
    radii = list(table["radius"]) if "radius" in table else [None] * len(table)
    mm = np.array([check_mm(row) for row in table[["x", "y", "z"]].to_numpy(dtype=object)])
    return pd.DataFrame(
        {
            "name": [_plain(name) or None for name in names],
            "x": mm[:, 0],
            "y": mm[:, 1],
            "z": mm[:, 2],
            "radius": [DEFAULT_RADIUS if pd.isna(r) else check_radius(r) for r in radii],
        }
    )


def unique_names(names: Sequence[Any]) -> list[str]:
    """Names with the empty ones numbered ("seed 2") and the later of two equal ones told apart ("PCC (2)")."""
    taken = {_plain(name) for name in names}
    used: set[str] = set()
    unique = []
    for row, name in enumerate(names):
        text, n = _plain(name), 2
        if not text:
            n = row + 1
            while (text := f"seed {n}") in used | taken:
                n += 1
        elif text in used:
            while (text := f"{_plain(name)} ({n})") in used | taken:
                n += 1
        used.add(text)
        unique.append(text)
    return unique


def _plain(name: Any) -> str:
    missing = bool(pd.isna(name))
    return "" if missing else str(name).strip()


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
