"""The dock of seeds: a table of named spheres in mm, tied both ways to the points one drags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Layer
from napari.utils.notifications import show_warning
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QFileDialog, QGridLayout, QLabel, QPushButton

from napari_connectome.core.errors import InputError
from napari_connectome.core.seeds import COLUMNS, RADIUS
from napari_connectome.io.seed_table import read_seeds, write_seeds
from napari_connectome.layers.orientation import look_at, middle_of_view
from napari_connectome.layers.seed_spheres import SeedSpheres
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.spatial import to_world
from napari_connectome.widgets.form import NumberBox
from napari_connectome.widgets.panel import Panel, button, form
from napari_connectome.widgets.seed_layers import SeedLayers
from napari_connectome.widgets.seed_presets import SeedPresets
from napari_connectome.widgets.seed_table import SeedTable, cell_text, edit_of
from napari_connectome.widgets.view import ViewBar
from napari_connectome.widgets.work import told

Array = npt.NDArray[Any]

FILES = "Tables (*.tsv *.csv *.txt);;All files (*)"
FRAME = 16
"""Milliseconds between two looks at a seed that is dragged."""


class SphereSeeds(Panel):
    """Dock widget for seeds.

    Parameters
    ----------
    napari_viewer : napari.Viewer

    Attributes
    ----------
    seeds : SeedPoints or None
        The seeds at work; None until there is a layer for them.
    spheres : SeedSpheres or None
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.seeds: SeedPoints | None = None
        self.spheres: SeedSpheres | None = None
        self._dragged: set[int] = set()
        self._look = self.timer(FRAME, self._show_dragged)
        self._build()
        self.at_end(self._let_go)
        self._connect()
        self._on_layers()

    def _build(self) -> None:
        self.layers = SeedLayers(self)
        self.table = SeedTable()
        self.radius = NumberBox(RADIUS["low"], RADIUS["high"], RADIUS["step"], RADIUS["unit"])
        self.radius.setToolTip("Radius of the selected seeds in mm; 0 takes the voxel the seed lies in.")
        self.go = QCheckBox("Go to the selected seed")
        self.go.setChecked(True)
        self.go.setToolTip("Selecting a row moves the sliders to that seed; in 3-D, the middle of the picture.")
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.column.addWidget(ViewBar(self.viewer))
        self.column.addWidget(self.layers)
        self.column.addLayout(self._buttons())
        self.column.addWidget(self.table, 1)
        self.column.addLayout(form({"Radius": self.radius}))
        self.column.addWidget(self.go)
        self.column.addWidget(self.message)

    def _buttons(self) -> QGridLayout:
        self.add_button = button("Add", "Add a seed in the middle of what is shown; then drag it or type its mm.", self.add)
        self.click_button = QPushButton("Click")
        self.click_button.setCheckable(True)
        self.click_button.setToolTip("While this is on, a click in the image adds a seed there.")
        self.click_button.toggled.connect(self._on_click_toggled)
        self.delete_button = button("Delete", "Delete the selected seeds.", self.delete)
        self.presets = QPushButton("Presets")
        self.presets.setToolTip("Well-known seeds in MNI mm: for images in MNI space.")
        self.presets.setMenu(SeedPresets(self))
        self.import_button = button(
            "Import…", "Add the seeds of a table: columns name, x, y, z and radius, in mm.", self._ask_import
        )
        self.export_button = button("Export…", "Write all seeds to a table (TSV or CSV), in mm.", self._ask_export)
        first = (self.add_button, self.click_button, self.delete_button)
        buttons = QGridLayout()
        for i, each in enumerate((*first, self.presets, self.import_button, self.export_button)):
            buttons.addWidget(each, i // 3, i % 3)
            buttons.setColumnStretch(i % 3, 1)
        return buttons

    def _connect(self) -> None:
        self.layers.changed.connect(self._on_layers)
        self.layers.points_chosen.connect(self._on_points)
        self.table.typed.connect(self._on_typed)
        self.table.rows_chosen.connect(self._on_rows)
        self.table.delete_pressed.connect(self.delete)
        self.radius.valueChanged.connect(self._on_radius)
        self.presets.menu().seeds_chosen.connect(self.add_seeds)

    # What the user does here

    def add(self) -> None:
        """Add a seed in the middle of what is shown."""
        with told(show_warning):
            seeds = self._needed()
            seeds.add(mm=middle_of_view(self.viewer, seeds.grid))

    def add_seeds(self, table: pd.DataFrame) -> None:
        """Add the seeds of a table, except those that are there, and go to the first."""
        with told(show_warning):
            seeds = self._needed()
            rows = seeds.include(table)
            if rows:
                seeds.current = rows[0]
                self._go_to(rows[0])

    def delete(self) -> None:
        """Delete the selected seeds."""
        if self.seeds is not None:
            self.seeds.remove(self.seeds.selected)

    def import_file(self, path: str | Path) -> None:
        """Add the seeds of a file."""
        with told(show_warning):
            self.add_seeds(read_seeds(path))

    def export_file(self, path: str | Path) -> None:
        """Write all seeds to a file."""
        with told(show_warning):
            if self.seeds is None or not len(self.seeds):
                raise InputError("there are no seeds to export: add one first.")
            write_seeds(self.seeds.table, path)

    def _ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import seeds", "", FILES)
        if path:
            self.import_file(path)

    def _ask_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export seeds", "seeds.tsv", FILES)
        if path:
            self.export_file(path if Path(path).suffix else f"{path}.tsv")

    def _on_typed(self, row: int, column: str, text: str) -> None:
        if self.seeds is None:
            return
        before = self.seeds.table.iloc[row]
        if text != cell_text(before[column]):
            with told(show_warning):
                self.seeds.set(row, **edit_of(before, column, text))
        self._refresh()  # also puts the old value back
        if column in "xyz":
            self._go_to(row)

    def _on_radius(self) -> None:
        if self.seeds is None:
            return
        with told(show_warning):
            rows = self.seeds.selected or ([] if self.seeds.current is None else [self.seeds.current])
            for each in rows:
                self.seeds.set(each, radius=self.radius.number)

    def _on_rows(self) -> None:
        if self.seeds is None:
            return
        rows = self.table.chosen
        if rows and rows != self.seeds.selected:
            self.seeds.selected = rows
            self.viewer.layers.selection.active = self.seeds.layer
            self._go_to(self.seeds.current)
        self._show_current()

    def _on_click_toggled(self, on: bool) -> None:
        with told(show_warning):
            if on:
                self._needed().layer.mode = "add"
            elif self.seeds is not None and self.seeds.layer.mode == "add":
                self.seeds.layer.mode = "select"
        self._on_mode()

    def _go_to(self, row: int | None) -> None:
        if self.seeds is None or row is None or not self.go.isChecked() or row >= len(self.seeds):
            return
        mm = self.seeds.mm[row]
        if np.isfinite(mm).all():
            look_at(self.viewer, to_world(self.seeds.grid, mm))

    # Layers come and go

    def _needed(self) -> SeedPoints:
        """The seeds to add to, in a new layer if there is none yet."""
        if self.seeds is None:
            grid = self.layers.grid
            if grid is None:
                raise InputError("there is no image to place seeds in: open a run or an anatomical image first.")
            made = SeedPoints.create(self.viewer, grid)
            made.close()
            self.layers.points.layer = made.layer  # and so is taken
        assert self.seeds is not None
        self.viewer.layers.selection.active = self.seeds.layer  # only an active layer's points can be dragged
        return self.seeds

    def _on_layers(self) -> None:
        """Another image or brain."""
        grid = self.layers.grid
        if self.seeds is None:
            self._on_points(self.layers.points.layer)
        elif self.spheres is not None:
            if grid is not None:
                self.seeds.grid = grid
            self.spheres.mask = self.layers.mask
            self._refresh()
        self.add_button.setEnabled(grid is not None)

    def _on_points(self, layer: Layer | None) -> None:
        """Another layer for the seeds, or none."""
        self._drop()
        grid = self.layers.grid
        if layer is not None and grid is not None:
            with told(show_warning):
                self._take(SeedPoints.adopt(self.viewer, layer, grid))
        self._refresh()

    def _take(self, seeds: SeedPoints) -> None:
        self.seeds = seeds
        self.spheres = SeedSpheres(self.viewer, seeds, self.layers.mask)
        seeds.changed.connect(self._refresh)
        seeds.moved.connect(self._on_moved)
        seeds.released.connect(self._on_released)
        seeds.selected_changed.connect(self._on_selection)
        seeds.layer.events.mode.connect(self._on_mode)
        self.layers.show_points(seeds.layer)
        self.viewer.layers.selection.active = seeds.layer
        seeds.layer.mode = "select"

    def _let_go(self) -> None:
        """Stop following the seeds; their layers stay."""
        seeds, spheres = self.seeds, self.spheres
        self.seeds = self.spheres = None
        self._dragged.clear()
        if seeds is not None and spheres is not None:
            seeds.layer.events.mode.disconnect(self._on_mode)
            seeds.close()
            spheres.close()

    def _drop(self) -> None:
        """Let go of the seeds; their spheres belong to them and go."""
        spheres = self.spheres
        self._let_go()
        if spheres is not None and spheres.layer is not None and spheres.layer in self.viewer.layers:
            self.viewer.layers.remove(spheres.layer)

    # What happens to the seeds

    def _on_moved(self, row: int, _: Array) -> None:
        self._dragged.add(row)
        if not self._look.isActive():  # running already: it will see this move too
            self._look.start()

    def _show_dragged(self) -> None:
        """Let the row and the sphere of a dragged seed follow, and nothing else: this runs at every step."""
        rows, self._dragged = self._dragged, set()
        if self.seeds is None or self.spheres is None or not rows or max(rows) >= self.table.rowCount():
            return
        mm = self.seeds.mm
        for row in rows:
            self.spheres.follow(row)
            self.table.show_centre(row, mm[row])
        self._show_places()
        self._show_message()

    def _on_released(self) -> None:
        self._show_dragged()
        if self.spheres is not None:
            self.spheres.finish()

    def _on_selection(self, *_: Any) -> None:
        self.table.chosen = [] if self.seeds is None else self.seeds.selected
        self._show_current()

    def _on_mode(self) -> None:
        with QSignalBlocker(self.click_button):
            self.click_button.setChecked(self.seeds is not None and self.seeds.layer.mode == "add")

    # What is shown

    def _refresh(self) -> None:
        if self.spheres is not None:
            self.spheres.update()
        self._dragged.clear()
        self.table.show_seeds(pd.DataFrame(columns=list(COLUMNS)) if self.seeds is None else self.seeds.table)
        self._show_places()
        self._on_selection()

    def _show_places(self) -> None:
        if self.seeds is not None and self.spheres is not None:
            drawn = self.spheres.spheres
            self.table.show_places(drawn.counts[:, 1].tolist(), drawn.troubles(), drawn.shared(self.seeds.names))

    def _show_current(self) -> None:
        row = None if self.seeds is None else self.seeds.current
        some = row is not None and row < self.table.rowCount()
        for widget in (self.delete_button, self.export_button, self.radius):
            widget.setEnabled(some)
        if self.seeds is None or row is None or not some:
            there = self.layers.grid is not None
            hint = "Add a seed, or take one from the presets." if there else "Open an image, then add seeds to it."
            self.message.setText(hint)
            return
        with QSignalBlocker(self.radius):
            self.radius.number = float(self.seeds.radii[row])
        self._show_message()

    def _show_message(self) -> None:
        row = None if self.seeds is None else self.seeds.current
        if row is not None and row < self.table.rowCount():
            self.message.setText(self.table.in_words(row))
