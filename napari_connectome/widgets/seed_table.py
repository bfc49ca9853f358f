"""The table of seeds: names, places and radii to type, voxels and what is wrong to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QItemSelectionModel, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QShortcut, QTableWidget, QTableWidgetItem, QWidget

from napari_connectome.core.errors import InputError
from napari_connectome.core.seeds import COLUMNS

HEADERS = (*COLUMNS, "voxels", "status")
NAME, VOXELS, STATUS = 0, 5, 6
TIPS = (
    "Name of the seed; each has its own. Double click to edit.",
    "Right of the origin, in mm (negative is left). Double click to type.",
    "In front of the origin, in mm (negative is behind). Double click to type.",
    "Above the origin, in mm (negative is below). Double click to type.",
    "Radius of the sphere in mm. Double click to type.",
    "Voxels whose centre lies in the sphere, in the brain where a brain mask is chosen.",
    "What to know about the place of the seed; in orange, what is wrong with it.",
)
WIDTHS = (70, 38, 38, 38, 46, 46)
WARNING = QColor("#d97b00")
"""Reads on the dark theme and on the light one."""


class SeedTable(QTableWidget):
    """A row a seed. What it shows is given to it; what a person does in it is told, and changes nothing by itself.

    Attributes
    ----------
    typed : Signal(int, str, str)
        A row, the column's name and the text typed there.
    rows_chosen : Signal
        Other rows are selected: see `chosen`.
    delete_pressed : Signal
    """

    typed = Signal(int, str, str)
    rows_chosen = Signal()
    delete_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(HEADERS), parent)
        for column, (header, tip) in enumerate(zip(HEADERS, TIPS, strict=True)):
            item = QTableWidgetItem(header)
            item.setToolTip(tip)
            self.setHorizontalHeaderItem(column, item)
        self.horizontalHeader().setMinimumSectionSize(28)
        for column, width in enumerate(WIDTHS):
            self.setColumnWidth(column, width)
        self.horizontalHeader().setSectionResizeMode(STATUS, QHeaderView.ResizeMode.ResizeToContents)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setMinimumHeight(120)
        self.itemChanged.connect(self._on_item)
        self.itemSelectionChanged.connect(self.rows_chosen)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.delete_pressed)

    @property
    def chosen(self) -> list[int]:
        """The rows selected, ascending."""
        return sorted({index.row() for index in self.selectedIndexes()})

    @chosen.setter
    def chosen(self, rows: Sequence[int]) -> None:
        if list(rows) == self.chosen:
            return
        select = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        with QSignalBlocker(self):
            self.clearSelection()
            for row in rows:
                if row < self.rowCount():
                    self.selectionModel().select(self.model().index(row, NAME), select)

    def show_seeds(self, table: pd.DataFrame) -> None:
        """Show name, centre and radius; a cell that is right is not touched, so that typing goes on."""
        with QSignalBlocker(self):
            self.setRowCount(len(table))
            for row, seed in enumerate(table.itertuples(index=False)):
                for column, value in enumerate(seed):
                    self._write(row, column, cell_text(value))

    def show_centre(self, row: int, mm: npt.ArrayLike) -> None:
        """Show where one seed is now."""
        with QSignalBlocker(self):
            for column, value in enumerate(np.asarray(mm, dtype=np.float64), start=NAME + 1):
                self._write(row, column, cell_text(value))

    def show_places(self, voxels: Sequence[int], troubles: Sequence[str], remarks: Sequence[str]) -> None:
        """Show for each seed how many voxels it has, what is wrong with its place, and what else there is to know."""
        with QSignalBlocker(self):
            for row, (count, trouble, remark) in enumerate(zip(voxels, troubles, remarks, strict=True)):
                self._write(row, VOXELS, str(count))
                status = "; ".join(filter(None, (trouble, remark)))
                self._write(row, STATUS, status)
                for item in (self.item(row, column) for column in (NAME, VOXELS, STATUS)):
                    if item.toolTip() != status:
                        item.setToolTip(status)
                        item.setData(Qt.ItemDataRole.ForegroundRole, WARNING if trouble else None)

    def in_words(self, row: int) -> str:
        """What is known of one seed's place, in a line."""
        name, voxels, status = (self.item(row, column).text() for column in (NAME, VOXELS, STATUS))
        return f"{name}: {status or f'{voxels} voxels'}"

    def _on_item(self, item: QTableWidgetItem) -> None:
        self.typed.emit(item.row(), HEADERS[item.column()], item.text())

    def _write(self, row: int, column: int, text: str) -> bool:
        """Put a text into a cell; return whether it is another than before."""
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            side = Qt.AlignmentFlag.AlignLeft if column in (NAME, STATUS) else Qt.AlignmentFlag.AlignRight
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            if column >= len(COLUMNS):
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
            self.setItem(row, column, item)
        elif item.text() == text:
            return False
        item.setText(text)
        return True


def cell_text(value: Any) -> str:
    """A cell as it is shown: tenths of a mm, whole numbers without them."""
    if isinstance(value, str):
        return value
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0") if np.isfinite(value) else ""


def edit_of(before: pd.Series, column: str, text: str) -> dict[str, Any]:
    """What a typed cell changes, as arguments of `SeedPoints.set`; raises one sentence when it is no number."""
    if column == "name":
        return {"name": text}
    try:
        value = float(text.strip().removesuffix("mm").replace(",", ".").replace("−", "-"))
    except ValueError:
        raise InputError(
            f"{column} of {before['name']} must be a number in mm, and {text!r} is none: the old value is back."
        ) from None
    if column == "radius":
        return {"radius": value}
    mm = before[["x", "y", "z"]].to_numpy(dtype=np.float64)
    mm["xyz".index(column)] = value
    return {"mm": mm}
