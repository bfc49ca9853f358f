"""The runs of a list as rows: which are ticked, how long they are, what is regressed out, and how each stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableWidgetItem, QWidget

from napari_connectome.widgets.region_table import WARNING
from napari_connectome.widgets.rows_of_runs import RowsOfRuns
from napari_connectome.widgets.run_entry import RunEntry, State

COLUMNS = (
    ("Run", "Layers and files; untick those that are to be left out.", 0),
    ("State", "Whether the run can be used; hover over a word for what is the matter.", 60),
    ("Vol.", "Number of volumes.", 36),
    ("TR s", "Repetition time: seconds from one volume to the next.", 36),
    ("Confounds", "The table that came with the layer, or lies beside the file by its BIDS name.", 72),
)
NARROWEST = 120
"""Pixels below which the names get no narrower; then the table scrolls sideways."""
MOST = 10
"""Rows shown before it scrolls."""


class RunTable(RowsOfRuns):
    """A row a run.

    Attributes
    ----------
    ticked : Signal(int, bool)
        A row was ticked or unticked by a person.
    """

    ticked = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__([(header, tip) for header, tip, _ in COLUMNS], MOST, parent)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.itemChanged.connect(self._on_changed)

    def show_runs(self, entries: Sequence[RunEntry], states: Sequence[State]) -> None:
        """Show other runs, or how they stand now; the rows selected stay selected."""
        with QSignalBlocker(self):
            self.setRowCount(len(entries))
            for row, (entry, state) in enumerate(zip(entries, states, strict=True)):
                self._fill(row, entry, state)
        self.fit_height()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """The names take what room the numbers leave."""
        super().resizeEvent(event)
        self._fit_width()

    def _fill(self, row: int, entry: RunEntry, state: State) -> None:
        known = entry.grid is not None
        tr = "?" if entry.tr is None else f"{entry.tr:g}"
        confounds = entry.confounds_name if known else ""
        texts = (entry.name, state.word, str(entry.n_volumes) if known else "", tr if known else "", confounds)
        whole = state.sentence or (entry.path or f"layer {entry.name}")
        for column, text in enumerate(texts):
            item = self.item(row, column)
            if item is None:
                item = QTableWidgetItem()
                self.setItem(row, column, item)
            item.setText(text)
            item.setToolTip(confounds if column == 4 else whole)
            item.setData(Qt.ItemDataRole.ForegroundRole, WARNING if state.sentence else None)
        first = self.item(row, 0)
        first.setFlags(first.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        first.setCheckState(Qt.CheckState.Checked if entry.used else Qt.CheckState.Unchecked)

    def _fit_width(self) -> None:
        fixed = sum(width for _, _, width in COLUMNS)
        for i, (_, _, width) in enumerate(COLUMNS):
            self.setColumnWidth(i, width or max(NARROWEST, self.viewport().width() - fixed))

    def _on_changed(self, item: QTableWidgetItem) -> None:
        if item.column() == 0:
            self.ticked.emit(item.row(), item.checkState() == Qt.CheckState.Checked)
