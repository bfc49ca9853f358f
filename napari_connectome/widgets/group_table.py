"""The runs of a connectome as rows: whose each is, and which group it is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QTableWidgetItem, QWidget

from napari_connectome.widgets.rows_of_runs import RowsOfRuns

RUN, SUBJECT, GROUP = range(3)
"""Columns."""
COLUMNS = (
    ("Run", "The runs whose connectomes were computed."),
    ("Subject", "Whose a run is; type another. Runs of one subject in a group are averaged."),
    ("Group", "Type the group a run is in, or select runs and set it below; a run without one is left out."),
)
SHARES = (0.46, 0.27, 0.27)
"""Of the width."""
MOST = 8
"""Rows shown before it scrolls."""


class GroupTable(RowsOfRuns):
    """A row a run.

    Attributes
    ----------
    typed : Signal(int)
        A person typed into a cell of this column.
    """

    typed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(COLUMNS, MOST, parent)
        self.itemChanged.connect(self._on_changed)
        self.delete_pressed.connect(self._clear_chosen)

    def texts(self, column: int) -> list[str]:
        """What a column says, without space around it."""
        return [self.item(row, column).text().strip() for row in range(self.rowCount())]

    def show_runs(self, runs: Sequence[str], subjects: Sequence[str], groups: Sequence[str]) -> None:
        """Show other runs."""
        with QSignalBlocker(self):
            self.setRowCount(len(runs))
            for row, texts in enumerate(zip(runs, subjects, groups, strict=True)):
                for column, text in enumerate(texts):
                    item = QTableWidgetItem(text)
                    item.setToolTip(text)
                    if column == RUN:
                        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                    self.setItem(row, column, item)
        self.fit_height()

    def put(self, rows: Iterable[int], column: int, texts: Iterable[str]) -> None:
        """Write into cells of a column; nobody is told."""
        with QSignalBlocker(self):
            for row, text in zip(rows, texts, strict=True):
                self.item(row, column).setText(text)
                self.item(row, column).setToolTip(text)
        self.viewport().update()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """The names of runs take most of the room."""
        super().resizeEvent(event)
        for column, share in enumerate(SHARES):
            self.setColumnWidth(column, int(share * self.viewport().width()))

    def _clear_chosen(self) -> None:
        self.put(self.chosen, GROUP, [""] * len(self.chosen))
        self.typed.emit(GROUP)

    def _on_changed(self, item: QTableWidgetItem) -> None:
        item.setToolTip(item.text())
        self.typed.emit(item.column())
