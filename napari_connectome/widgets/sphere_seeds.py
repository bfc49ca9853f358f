"""The dock of seeds: a table of named spheres in mm, tied both ways to the points one drags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Labels, Layer, Points
from napari.utils.notifications import show_warning
from qtpy.QtCore import QItemSelectionModel, QSignalBlocker, Qt
from qtpy.QtGui import QColor, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QShortcut,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.networks import network_seeds
from napari_connectome.core.seeds import COLUMNS, RADIUS
from napari_connectome.io.seed_table import read_seeds, write_seeds
from napari_connectome.layers.seed_layer import is_seeds
from napari_connectome.layers.seed_spheres import SeedSpheres, is_spheres
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.spatial import grid_of, info, is_run, is_volume, to_mm, to_world
from napari_connectome.widgets.form import NumberBox
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.work import sentence_of

Array = npt.NDArray[Any]

HEADERS = (*COLUMNS, "voxels", "status")
NAME, VOXELS, STATUS = 0, 5, 6
TIPS = (
    "Name of the seed; each has its own. Double click to edit.",
    "Right of the origin, in mm (negative is left). Double click to type.",
    "In front of the origin, in mm (negative is behind). Double click to type.",
    "Above the origin, in mm (negative is below). Double click to type.",
    "Radius of the sphere in mm. Double click to type.",
    "Voxels whose centre lies in the sphere, in the brain where a brain mask is chosen.",
    "What to know about the place of the seed.",
)
WIDTHS = (70, 38, 38, 38, 46, 46)
WARNING = QColor("#d97b00")
"""Reads on the dark theme and on the light one."""
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
        for choice in (self.reference, self.points, self.brain):
            self.at_end(choice.close_choice)
        self.follow(napari_viewer.layers.events.inserted, self._on_inserted)
        self.follow(napari_viewer.layers.events.removed, self._on_removed)
        self._image_is_guess = True
        self._guess_image()
        self._reference_chosen()
        self._take_newest()

    # What is shown

    def _build(self) -> None:
        self.reference = LayerChoice(self.viewer, _is_reference)
        self.reference.setToolTip("The image the seeds are for: its voxels make the spheres, its header the millimetres.")
        self.points = LayerChoice(self.viewer, _may_hold_seeds, instead="new layer")
        self.points.setToolTip("The points layer that holds the seeds. One of your own can be taken: it gets names and radii.")
        self.brain = LayerChoice(self.viewer, self._may_be_brain, instead="none")
        self.brain.setToolTip("A mask or labels layer on the voxels of the image: the status says which seeds lie outside it.")
        self.reference.chosen.connect(self._reference_chosen)
        self.reference.activated.connect(self._image_picked)
        self.points.chosen.connect(self._points_chosen)
        self.brain.chosen.connect(self._brain_chosen)

        self.table = _table(self)
        self.table.itemChanged.connect(self._typed)
        self.table.itemSelectionChanged.connect(self._rows_selected)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.delete)

        about = RADIUS
        self.radius = NumberBox(about["low"], about["high"], about["step"], about["unit"])
        self.radius.setToolTip("Radius of the selected seeds in mm; 0 takes the voxel the seed lies in.")
        self.radius.valueChanged.connect(self._radius_typed)
        self.go = QCheckBox("Go to the selected seed")
        self.go.setChecked(True)
        self.go.setToolTip("Selecting a row moves the sliders to that seed.")
        self.message = QLabel()
        self.message.setWordWrap(True)

        self.column.addLayout(_form({"Image": self.reference, "Seeds": self.points, "Brain": self.brain}))
        self.column.addLayout(self._buttons())
        self.column.addWidget(self.table, 1)
        self.column.addLayout(_form({"Radius": self.radius}))
        self.column.addWidget(self.go)
        self.column.addWidget(self.message)

    def _buttons(self) -> QGridLayout:
        self.add_button = _button("Add", "Add a seed in the middle of what is shown; then drag it or type its mm.", self.add)
        self.click_button = QPushButton("Click")
        self.click_button.setCheckable(True)
        self.click_button.setToolTip("While this is on, a click in the image adds a seed there.")
        self.click_button.toggled.connect(self._click_toggled)
        self.delete_button = _button("Delete", "Delete the selected seeds.", self.delete)
        self.presets = QPushButton("Presets")
        self.presets.setToolTip("Well-known seeds in MNI mm: for images in MNI space.")
        self.presets.setMenu(self._presets_menu())
        self.import_button = _button(
            "Import…", "Add the seeds of a table: columns name, x, y, z and radius, in mm.", self._ask_import
        )
        self.export_button = _button("Export…", "Write all seeds to a table (TSV or CSV), in mm.", self._ask_export)
        buttons = QGridLayout()
        for i, button in enumerate(
            (self.add_button, self.click_button, self.delete_button, self.presets, self.import_button, self.export_button)
        ):
            buttons.addWidget(button, i // 3, i % 3)
            buttons.setColumnStretch(i % 3, 1)
        return buttons

    def _presets_menu(self) -> QMenu:
        menu = QMenu(self)
        for network, seeds in network_seeds().groupby("network", sort=False):
            part = menu.addMenu(str(network))
            part.addAction(f"all {len(seeds)} seeds").setData(seeds)
            part.addSeparator()
            for row in range(len(seeds)):
                seed = seeds.iloc[row]
                part.addAction(f"{seed['name']}  ({seed.x:g}, {seed.y:g}, {seed.z:g})").setData(seeds.iloc[[row]])
        menu.triggered.connect(self._preset)
        return menu

    # Layers chosen

    @property
    def grid(self) -> Grid | None:
        """Grid of the image chosen, None while there is none."""
        return None if self.reference.layer is None else grid_of(self.reference.layer)

    def _may_be_brain(self, layer: Layer) -> bool:
        grid = self.grid
        return isinstance(layer, Labels) and not is_spheres(layer) and is_volume(layer) and grid == grid_of(layer)

    def _guess_image(self) -> None:
        """Take a run rather than an anatomical image rather than labels, until somebody chooses."""
        layers = [layer for layer in reversed(self.viewer.layers) if _is_reference(layer)]
        if self._image_is_guess and layers:
            self.reference.layer = min(layers, key=lambda layer: 0 if is_run(layer) else 2 if isinstance(layer, Labels) else 1)

    def _image_picked(self, *_: Any) -> None:
        self._image_is_guess = False

    def _reference_chosen(self, *_: Any) -> None:
        self.brain.reset()
        if self.seeds is not None and self.grid is not None:
            self.seeds.grid = self.grid
        if self.brain.layer is None:
            self._take_mask()
        self._brain_chosen()
        self.add_button.setEnabled(self.grid is not None)

    def _take_mask(self) -> None:
        masks = [layer for layer in self.viewer.layers if info(layer).get("role") == "mask" and self._may_be_brain(layer)]
        if masks:
            self.brain.layer = masks[-1]

    def _brain_chosen(self, *_: Any) -> None:
        if self.spheres is not None:
            self.spheres.mask = None if self.brain.layer is None else np.asarray(self.brain.layer.data) != 0
        self._refresh()

    def _points_chosen(self, layer: Layer | None) -> None:
        self._drop_seeds()
        if layer is not None and self.grid is not None:
            with _told():
                self._take(SeedPoints.adopt(self.viewer, layer, self.grid))
        self._refresh()

    def _take_newest(self) -> None:
        if self.points.layer is None and self.grid is not None:
            ours = [layer for layer in self.viewer.layers if is_seeds(layer)]
            if ours:
                self.points.layer = ours[-1]

    def _take(self, seeds: SeedPoints) -> None:
        self.seeds = seeds
        self.spheres = SeedSpheres(
            self.viewer, seeds, None if self.brain.layer is None else np.asarray(self.brain.layer.data) != 0
        )
        seeds.changed.connect(self._refresh)
        seeds.moved.connect(self._moved)
        seeds.released.connect(self._released)
        seeds.selected_changed.connect(self._points_selected)
        seeds.layer.events.mode.connect(self._mode_changed)
        if self.points.layer is not seeds.layer:
            self.points.chosen.disconnect(self._points_chosen)
            self.points.layer = seeds.layer
            self.points.chosen.connect(self._points_chosen)
        self.viewer.layers.selection.active = seeds.layer
        seeds.layer.mode = "select"

    def _let_go(self) -> None:
        """Stop following the seeds; their layers stay."""
        seeds, spheres = self.seeds, self.spheres
        self.seeds = self.spheres = None
        self._dragged.clear()
        if seeds is not None and spheres is not None:
            seeds.layer.events.mode.disconnect(self._mode_changed)
            seeds.close()
            spheres.close()

    def _drop_seeds(self) -> None:
        spheres = self.spheres
        self._let_go()
        if spheres is not None and spheres.layer is not None and spheres.layer in self.viewer.layers:
            self.viewer.layers.remove(spheres.layer)

    def _on_inserted(self, event: Any) -> None:
        self._guess_image()
        if self.seeds is None and is_seeds(event.value):
            self._take_newest()
        if self.brain.layer is None and info(event.value).get("role") == "mask":
            self._take_mask()

    def _on_removed(self, event: Any) -> None:
        if self.seeds is not None and event.value is self.seeds.layer:
            self._points_chosen(None)

    def _needed(self) -> SeedPoints:
        """The seeds to add to, in a new layer if there is none yet."""
        if self.seeds is None:
            grid = self.grid
            if grid is None:
                raise InputError("there is no image to place seeds in: open a run or an anatomical image first.")
            made = SeedPoints.create(self.viewer, grid)
            made.close()
            self.points.layer = made.layer  # and so is taken
        assert self.seeds is not None
        self.viewer.layers.selection.active = self.seeds.layer  # only an active layer's points can be dragged
        return self.seeds

    # What the user does here

    def add(self) -> None:
        """Add a seed in the middle of what is shown."""
        with _told():
            seeds = self._needed()
            seeds.add(mm=_middle_of_view(self.viewer, seeds.grid))

    def add_seeds(self, table: pd.DataFrame) -> None:
        """Add the seeds of a table and go to the first."""
        with _told():
            seeds = self._needed()
            first = len(seeds)
            seeds.extend(table)
            seeds.current = first
            self._go_to(first)

    def delete(self) -> None:
        """Delete the selected seeds."""
        if self.seeds is not None:
            self.seeds.remove(self.seeds.selected)

    def import_file(self, path: str | Path) -> None:
        """Add the seeds of a file."""
        with _told():
            self.add_seeds(read_seeds(path))

    def export_file(self, path: str | Path) -> None:
        """Write all seeds to a file."""
        with _told():
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

    def _preset(self, action: Any) -> None:
        seeds: pd.DataFrame = action.data()
        self.add_seeds(seeds[["name", "x", "y", "z"]])

    def _typed(self, item: QTableWidgetItem) -> None:
        if self.seeds is None:
            return
        row, what = item.row(), HEADERS[item.column()]
        before = self.seeds.table.iloc[row]
        if item.text() != _text(before[what]):
            with _told():
                self.seeds.set(row, **_edit(before, what, item.text()))
        self._refresh()  # also puts the old value back
        if what in "xyz":
            self._go_to(row)

    def _radius_typed(self, _: float) -> None:
        if self.seeds is None:
            return
        with _told():
            rows = self.seeds.selected or ([] if self.seeds.current is None else [self.seeds.current])
            for each in rows:
                self.seeds.set(each, radius=self.radius.number)

    def _rows_selected(self) -> None:
        if self.seeds is None:
            return
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        if rows and rows != self.seeds.selected:
            self.seeds.selected = rows
            self.viewer.layers.selection.active = self.seeds.layer
            self._go_to(self.seeds.current)
        self._show_current()

    def _click_toggled(self, on: bool) -> None:
        with _told():
            if on:
                layer = self._needed().layer
                self.viewer.layers.selection.active = layer
                layer.mode = "add"
            elif self.seeds is not None and self.seeds.layer.mode == "add":
                self.seeds.layer.mode = "select"
        self._mode_changed()

    def _go_to(self, row: int | None) -> None:
        if self.seeds is None or row is None or not self.go.isChecked() or row >= len(self.seeds):
            return
        mm = self.seeds.mm[row]
        if np.isfinite(mm).all():
            dims = self.viewer.dims
            dims.set_point(range(dims.ndim - 3, dims.ndim), to_world(self.seeds.grid, mm))

    # What happens to the seeds

    def _moved(self, row: int, _: Array) -> None:
        self._dragged.add(row)
        if not self._look.isActive():  # running already: it will see this move too
            self._look.start()

    def _show_dragged(self) -> None:
        """Let the row and the sphere of a dragged seed follow, and nothing else: this runs at every step."""
        rows, self._dragged = self._dragged, set()
        if self.seeds is None or self.spheres is None or not rows or max(rows) >= self.table.rowCount():
            return
        for row in rows:
            self.spheres.follow(row)
        mm = self.seeds.mm
        with QSignalBlocker(self.table):
            for row in rows:
                for axis in range(3):
                    _write(self.table, row, 1 + axis, _text(mm[row, axis]))
            self._fill_places()
        self._show_message()

    def _released(self) -> None:
        self._show_dragged()
        if self.spheres is not None:
            self.spheres.finish()

    def _refresh(self) -> None:
        if self.spheres is not None:
            self.spheres.update()
        self._dragged.clear()
        self._fill()

    def _fill(self) -> None:
        """Write the table from the seeds; a cell that is right is not touched, so that typing goes on."""
        table = pd.DataFrame(columns=list(COLUMNS)) if self.seeds is None else self.seeds.table
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(table))
            for row, seed in enumerate(table.itertuples(index=False)):
                for column, value in enumerate(seed):
                    _write(self.table, row, column, _text(value))
            self._fill_places()
        self._points_selected()

    def _fill_places(self) -> None:
        """Write how many voxels each seed has and what is wrong with its place."""
        if self.spheres is None:
            return
        counts = self.spheres.spheres.counts[:, 1]
        for row, status in enumerate(self.spheres.spheres.troubles()):
            _write(self.table, row, VOXELS, str(counts[row]))
            if _write(self.table, row, STATUS, status):
                self.table.item(row, STATUS).setToolTip(status)
                for column in (NAME, VOXELS, STATUS):
                    self.table.item(row, column).setData(Qt.ItemDataRole.ForegroundRole, WARNING if status else None)

    def _points_selected(self, *_: Any) -> None:
        rows = [] if self.seeds is None else self.seeds.selected
        if rows != sorted({index.row() for index in self.table.selectedIndexes()}):
            with QSignalBlocker(self.table):
                self.table.clearSelection()
                for row in rows:
                    if row < self.table.rowCount():
                        self.table.selectionModel().select(self.table.model().index(row, 0), _SELECT_ROW)
        self._show_current()

    def _show_current(self) -> None:
        row = None if self.seeds is None else self.seeds.current
        some = row is not None and row < self.table.rowCount()
        for widget in (self.delete_button, self.export_button, self.radius):
            widget.setEnabled(some)
        if not some or self.seeds is None or row is None:
            hint = "Open an image, then add seeds to it." if self.grid is None else "Add a seed, or take one from the presets."
            self.message.setText(hint)
            return
        with QSignalBlocker(self.radius):
            self.radius.number = float(self.seeds.layer.features["radius"].iloc[row])
        self._show_message()

    def _show_message(self) -> None:
        row = None if self.seeds is None else self.seeds.current
        if row is not None and row < self.table.rowCount():
            name, voxels, status = (self.table.item(row, column).text() for column in (NAME, VOXELS, STATUS))
            self.message.setText(f"{name}: {status or f'{voxels} voxels'}")

    def _mode_changed(self, *_: Any) -> None:
        with QSignalBlocker(self.click_button):
            self.click_button.setChecked(self.seeds is not None and self.seeds.layer.mode == "add")


_SELECT_ROW = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows


def _form(rows: dict[str, QWidget]) -> QFormLayout:
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for title, widget in rows.items():
        form.addRow(title, widget)
        form.labelForField(widget).setToolTip(widget.toolTip())
    return form


def _table(parent: QWidget) -> QTableWidget:
    table = QTableWidget(0, len(HEADERS), parent)
    for column, (header, tip) in enumerate(zip(HEADERS, TIPS, strict=True)):
        item = QTableWidgetItem(header)
        item.setToolTip(tip)
        table.setHorizontalHeaderItem(column, item)
    header = table.horizontalHeader()
    header.setMinimumSectionSize(28)
    for column, width in enumerate(WIDTHS):
        table.setColumnWidth(column, width)
    header.setSectionResizeMode(len(WIDTHS), QHeaderView.ResizeMode.ResizeToContents)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(24)
    table.setWordWrap(False)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    table.setMinimumHeight(120)
    return table


def _write(table: QTableWidget, row: int, column: int, text: str) -> bool:
    """Put a text into a cell; return whether it is another than before."""
    item = table.item(row, column)
    if item is None:
        item = QTableWidgetItem()
        side = Qt.AlignmentFlag.AlignLeft if column in (NAME, STATUS) else Qt.AlignmentFlag.AlignRight
        item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        if column >= len(COLUMNS):
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
        table.setItem(row, column, item)
    elif item.text() == text:
        return False
    item.setText(text)
    return True


def _text(value: Any) -> str:
    """A cell as it is shown: tenths of a mm, whole numbers without them."""
    if isinstance(value, str):
        return value
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0") if np.isfinite(value) else ""


def _edit(before: pd.Series, what: str, text: str) -> dict[str, Any]:
    """What a typed cell changes, as arguments of `SeedPoints.set`; raises one sentence when it is no number."""
    if what == "name":
        return {"name": text}
    try:
        value = float(text.strip().removesuffix("mm").replace(",", ".").replace("−", "-"))
    except ValueError:
        raise InputError(
            f"{what} of {before['name']} must be a number in mm, and {text!r} is none: the old value is back."
        ) from None
    if what == "radius":
        return {"radius": value}
    mm = before[["x", "y", "z"]].to_numpy(dtype=np.float64)
    mm["xyz".index(what)] = value
    return {"mm": mm}


def _button(text: str, tip: str, pressed: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(pressed)
    return button


def _is_reference(layer: Layer) -> bool:
    return (is_run(layer) or is_volume(layer)) and not is_spheres(layer)


def _may_hold_seeds(layer: Layer) -> bool:
    return isinstance(layer, Points) and layer.ndim in (3, 4)


def _middle_of_view(viewer: Any, grid: Grid) -> Array:
    """The true mm in the middle of the canvas, on the plane shown; the grid's middle when that is outside the grid."""
    dims = viewer.dims
    world = np.array(dims.point, dtype=np.float64)
    shown = list(dims.displayed)
    world[shown] = np.asarray(viewer.scene.camera.center)[-len(shown) :]
    mm = to_mm(grid, world[-3:])
    return mm if grid.contains(mm) else grid.to_mm((np.array(grid.shape[::-1]) - 1) // 2)


@contextmanager
def _told() -> Iterator[None]:
    """Show what stands in the user's way as one notification."""
    try:
        yield
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        show_warning(sentence)
