"""The table of regions by condition: two means, their difference, its test, and what must be said about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QItemSelectionModel, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from napari_connectome.core.condition_table import mean_column
from napari_connectome.widgets.seed_table import WARNING

NAME, DIFFERENCE, T, P, SAID = 0, 3, 4, 5, 6
WIDTHS = (84, 50, 50, 50, 46, 62, 240)
FORMS = (".4g", ".4g", ".4g", ".2f", ".2g")
"""Of the means, their difference, t and p."""
TESTED = "Two-sided, equal variances; volumes are taken as independent and p is not corrected for the number of regions."
ROWS = 24
"""Pixels a row is high."""


class _Cell(QTableWidgetItem):
    """A number shown with a few digits and sorted by its value; what is no number comes last."""

    def __init__(self, value: Any, form: str = "") -> None:
        super().__init__(cell_text(value, form))
        self.value = value
        side = Qt.AlignmentFlag.AlignLeft if isinstance(value, str) else Qt.AlignmentFlag.AlignRight
        self.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        self.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)

    def __lt__(self, other: Any) -> bool:
        if isinstance(self.value, str):
            return bool(self.value.casefold() < other.value.casefold())
        if np.isnan(self.value) or np.isnan(other.value):
            falling = self.tableWidget().horizontalHeader().sortIndicatorOrder() == Qt.SortOrder.DescendingOrder
            return bool(
                np.isnan(self.value if falling else other.value) and not np.isnan(other.value if falling else self.value)
            )
        return bool(self.value < other.value)


class ConditionTable(QTableWidget):
    """A row a region.

    Attributes
    ----------
    rows_chosen : Signal
        A person selected other rows: see `chosen`.
    """

    rows_chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(WIDTHS), parent)
        for column, width in enumerate(WIDTHS):
            self.setColumnWidth(column, width)
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setMinimumSectionSize(28)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROWS)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSortingEnabled(True)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.itemSelectionChanged.connect(self.rows_chosen)

    @property
    def chosen(self) -> list[int]:
        """The ids of the regions selected, from top to bottom."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [int(self.item(row, NAME).data(Qt.ItemDataRole.UserRole)) for row in rows]

    @chosen.setter
    def chosen(self, ids: list[int]) -> None:
        if set(ids) == set(self.chosen):
            return
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        with QSignalBlocker(self):
            self.clearSelection()
            for row in range(self.rowCount()):
                if self.item(row, NAME).data(Qt.ItemDataRole.UserRole) in ids:
                    self.selectionModel().select(self.model().index(row, NAME), flags)
                    self.scrollTo(self.model().index(row, NAME))
        self.viewport().update()

    def show_conditions(self, table: pd.DataFrame, ids: list[int], a: str, b: str, colors: Mapping[int, QColor]) -> None:
        """Show a `condition_table`, whose rows are these regions; the selection stays."""
        before = self.chosen
        with QSignalBlocker(self):
            self.setSortingEnabled(False)
            self._title(a, b)
            self.setRowCount(len(table))
            values = [table[mean_column(condition)].to_numpy() for condition in (a, b)]
            values += [values[0] - values[1], table["t"].to_numpy(), table["p"].to_numpy()]
            for row, (region, name, said) in enumerate(zip(ids, table.index, table["warning"], strict=True)):
                numbers = [_Cell(float(column[row]), form) for column, form in zip(values, FORMS, strict=True)]
                cells = [_Cell(f"⚠ {name}" if said else str(name)), *numbers, _Cell(said)]
                cells[NAME].setData(Qt.ItemDataRole.UserRole, region)
                cells[NAME].setData(Qt.ItemDataRole.DecorationRole, colors.get(region))
                for column, cell in enumerate(cells):
                    if said:
                        cell.setToolTip(said)
                    if said and column in (NAME, SAID):
                        cell.setData(Qt.ItemDataRole.ForegroundRole, WARNING)
                    self.setItem(row, column, cell)
            self.setSortingEnabled(True)
        self.chosen = before
        self.setMinimumHeight(ROWS * (min(len(table), 6) + 2))

    def _title(self, a: str, b: str) -> None:
        tips = (
            "The region; ⚠ where testing it must be taken with care.",
            f"Mean signal in {a}.",
            f"Mean signal in {b}.",
            f"Mean in {a} less mean in {b}.",
            f"t of {a} > {b}. {TESTED}",
            f"p of t. {TESTED}",
            "Why the test must be taken with care.",
        )
        for column, (title, tip) in enumerate(zip(("Region", a, b, "A − B", "t", "p", "Warning"), tips, strict=True)):
            item = QTableWidgetItem(title)
            item.setToolTip(tip)
            self.setHorizontalHeaderItem(column, item)


def cell_text(value: Any, form: str) -> str:
    """A value as it is shown; "n/a" for what is no number."""
    if isinstance(value, str):
        return value
    return "n/a" if np.isnan(value) else f"{value:{form}}"
