"""What tables of runs have in common: a row a run, several of which may be selected, and no higher than some rows."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QShortcut, QTableWidget, QWidget

from napari_connectome.widgets.region_table import ROWS

FEWEST = 4
"""Rows shown at least."""
BAR = 16
"""Pixels that a bar to scroll sideways takes."""


class RowsOfRuns(QTableWidget):
    """A table with a row a run.

    Parameters
    ----------
    columns : pairs of str
        The header and the tip of each.
    most : int
        Rows shown before it scrolls.

    Attributes
    ----------
    delete_pressed : Signal
    """

    delete_pressed = Signal()

    def __init__(self, columns: Sequence[tuple[str, str]], most: int, parent: QWidget | None = None) -> None:
        super().__init__(0, len(columns), parent)
        self._most = most
        self.setHorizontalHeaderLabels([header for header, _ in columns])
        for i, (_, tip) in enumerate(columns):
            self.horizontalHeaderItem(i).setToolTip(tip)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROWS)
        self.horizontalHeader().setMinimumSectionSize(28)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.delete_pressed)
        self.fit_height()

    @property
    def chosen(self) -> list[int]:
        """The rows selected, from the first."""
        return sorted({index.row() for index in self.selectionModel().selectedRows()})

    def fit_height(self) -> None:
        """Take the height of the rows there are."""
        rows = min(max(self.rowCount(), FEWEST), self._most)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows * ROWS + BAR)
