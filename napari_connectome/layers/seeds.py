"""Seeds that are followed: named spheres whose centres are the points of one layer, and what happens to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Points
from napari.layers.base import ActionType
from psygnal import Signal

from napari_connectome.core.grid import Grid
from napari_connectome.core.seeds import DEFAULT_RADIUS
from napari_connectome.layers.seed_layer import SeedLayer

Array = npt.NDArray[Any]


class SeedPoints(SeedLayer):
    """The seeds of one points layer, with the one that is worked on, and signals of what is done to them.

    The layer holds the truth: whatever changes it (mouse, keys, paste, scripts) is noticed here, made good where it is
    no proper table (names are unique and never empty, radii within bounds, data float) and told on.

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
        super().__init__(layer, grid)
        self._current: int | None = None
        self._amid = False
        self._remember()
        layer.events.data.connect(self._on_data)
        layer.events.set_data.connect(self._on_set_data)
        layer.events.features.connect(self._on_features)
        layer.selected_data.events.items_changed.connect(self._on_selection)
        self._follow_selection()
        self._told: int | None = self._current

    def close(self) -> None:
        """Stop following the layer."""
        self.layer.events.data.disconnect(self._on_data)
        self.layer.events.set_data.disconnect(self._on_set_data)
        self.layer.events.features.disconnect(self._on_features)
        self.layer.selected_data.events.items_changed.disconnect(self._on_selection)

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

    def replace(self, table: pd.DataFrame) -> None:
        """Put the seeds of a table in place of all that are there."""
        super().replace(table)
        self._amid = False
        self._settle()
        self.released.emit()

    # What the layer tells. napari moves the data of a dragged point without a data event until the mouse is let go, and
    # pastes without any; but it always refreshes, so set_data is what every change has in common.

    def _on_data(self, event: Any) -> None:
        if self._writing:
            return
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
        if self._writing:
            return
        if not self._amid:
            self._settle()
        elif len(self) == len(self._mm):
            self._tell_moved()

    def _on_features(self) -> None:
        if not self._writing and not self._amid and len(self) == len(self.layer.features):
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
        dirty = self._dirty or self.names != self._names or not np.array_equal(self.radii, self._radii)
        self._remember()
        self._follow_selection()
        if dirty:
            self.changed.emit()
            self.selected_changed.emit(self.selected)
        self._tell_current()

    def _remember(self) -> None:
        self._mm, self._names, self._radii = self.mm, self.names, self.radii
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
