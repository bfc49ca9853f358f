"""The table of regions by condition: two means, their test, and what must be said about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget

from napari_connectome.core.condition_table import mean_column
from napari_connectome.widgets.seed_table import WARNING

Array = npt.NDArray[Any]

NAME, A, B, T, P, DIFFERENCE, SAID = range(7)
"""Columns. What a person looks for first is to be seen in a narrow dock, too; a warning is marked beside the name."""
WIDTHS = (62, 46, 46, 48, 56, 50, 240)
WIDEST = 180
"""Pixels the names take where there is room."""
FORMS = {A: ".4g", B: ".4g", T: ".2f", P: ".2g", DIFFERENCE: ".4g"}
LARGE = 1e4, 1e6
"""Between these a mean is a whole number, which is shorter than its power of ten."""
TESTED = "Two-sided, equal variances; volumes are taken as independent and p is not corrected for the number of regions."
ROWS = 24
"""Pixels a row is high."""
MOST = 6
"""Rows seen at once."""


class ConditionModel(QAbstractTableModel):
    """A `condition_table` for Qt: only the rows on the screen are ever turned into text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ids: Array = np.empty(0, dtype=np.int64)
        self._all: tuple[Array, ...] = (self.ids,) + (np.empty(0),) * len(WIDTHS)  # ids and columns, as they came
        self._columns = self._all[1:]
        self._colors: Mapping[int, QColor] = {}
        self._titles = self._tips = ("",) * len(WIDTHS)
        self._row_of: dict[int, int] = {}
        self._sorted_by, self._descending = -1, False

    def show_conditions(self, table: pd.DataFrame, ids: list[int], a: str, b: str, colors: Mapping[int, QColor]) -> None:
        """Show other regions, or another test of them."""
        of_a, of_b = (table[mean_column(condition)].to_numpy() for condition in (a, b))
        numbers = {A: of_a, B: of_b, T: table["t"].to_numpy(), P: table["p"].to_numpy(), DIFFERENCE: of_a - of_b}
        texts = {NAME: table.index.to_numpy(dtype=object), SAID: table["warning"].to_numpy(dtype=object)}
        self.beginResetModel()
        self._all = (np.asarray(ids, dtype=np.int64), *({**texts, **numbers}[column] for column in range(len(WIDTHS))))
        self._colors, self._titles, self._tips = colors, ("Region", a, b, "t", "p", "A − B", "Warning"), _tips(a, b)
        self._arrange()
        self.endResetModel()

    def row_of(self, region: int) -> int:
        """The row of a region; -1 where it has none."""
        return self._row_of.get(region, -1)

    def text(self, row: int, column: int) -> str:
        """What a cell says; "n/a" for what is no number."""
        value = self._columns[column][row]
        if column == NAME:
            return f"⚠ {value}" if self._columns[SAID][row] else str(value)
        if column == SAID or np.isnan(value):
            return str(value) if column == SAID else "n/a"
        form = ".0f" if column in (A, B, DIFFERENCE) and LARGE[0] <= abs(value) < LARGE[1] else FORMS[column]
        return f"{value:{form}}"

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """One row a region."""
        return 0 if parent is not None and parent.isValid() else len(self.ids)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """All columns."""
        return 0 if parent is not None and parent.isValid() else len(WIDTHS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """Titles and what they mean."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        return {Qt.ItemDataRole.DisplayRole: self._titles, Qt.ItemDataRole.ToolTipRole: self._tips}.get(role, _NOTHING)[section]

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """One cell."""
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column in (NAME, SAID) else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and column == NAME:
            return self._colors.get(int(self.ids[row]))
        said = str(self._columns[SAID][row])
        if role == Qt.ItemDataRole.ForegroundRole and said and column in (NAME, SAID):
            return WARNING
        if role == Qt.ItemDataRole.ToolTipRole:
            return said or (str(self._columns[NAME][row]) if column == NAME else None)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, texts without regard to case; what is no number comes last. By -1: as they came."""
        self._sorted_by, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self.beginResetModel()
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        order = np.arange(len(self._all[0]))
        if self._sorted_by >= 0:
            values: Any = pd.Series(self._all[1 + self._sorted_by])
            if self._sorted_by in (NAME, SAID):
                values = values.astype(str).str.casefold()
            order = values.sort_values(ascending=not self._descending, kind="stable").index.to_numpy()
        self.ids, *columns = (each[order] for each in self._all)
        self._columns = tuple(columns)
        self._row_of = {int(region): row for row, region in enumerate(self.ids)}


class ConditionTable(QTableView):
    """A row a region.

    Attributes
    ----------
    rows_chosen : Signal
        A person selected other rows: see `chosen`.
    """

    rows_chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.regions = ConditionModel(self)
        self.setModel(self.regions)
        for column, width in enumerate(WIDTHS):
            self.setColumnWidth(column, width)
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setMinimumSectionSize(28)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROWS)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # regions of one test differ in the end of their names
        self.setIconSize(QSize(10, 10))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self._chosen: tuple[int, ...] = ()
        self.regions.modelReset.connect(self._on_reset)
        self.selectionModel().selectionChanged.connect(self._on_selection)

    @property
    def chosen(self) -> list[int]:
        """The ids of the regions selected, from top to bottom."""
        return list(self._chosen)

    @chosen.setter
    def chosen(self, ids: Collection[int]) -> None:
        if set(ids) != set(self._chosen):
            self._chosen = tuple(ids)
            self._select()
            if self._chosen:
                place = self.horizontalScrollBar().value()
                self.scrollTo(self.regions.index(self.regions.row_of(self._chosen[-1]), NAME))
                self.horizontalScrollBar().setValue(place)

    def show_conditions(self, table: pd.DataFrame, ids: list[int], a: str, b: str, colors: Mapping[int, QColor]) -> None:
        """Show a `condition_table`, whose rows are these regions; the selection stays."""
        self.regions.show_conditions(table, ids, a, b, colors)
        header, bar = self.horizontalHeader().sizeHint().height(), self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(header + ROWS * min(max(len(ids), 1), MOST) + bar + 2 * self.frameWidth())

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Give the names the room that there is."""
        super().resizeEvent(event)
        room = self.viewport().width() - sum(WIDTHS[A:DIFFERENCE])
        self.setColumnWidth(NAME, min(max(room, WIDTHS[NAME]), WIDEST))

    def _on_reset(self) -> None:
        """Rows have come, gone or moved: the regions chosen are chosen still."""
        self.updateGeometries()  # otherwise Qt does so later, and until then nothing scrolls
        self._select()

    def _select(self) -> None:
        """Select the rows of the regions chosen; nobody is told."""
        rows = sorted(row for row in map(self.regions.row_of, self._chosen) if row >= 0)
        self._chosen = tuple(self.regions.ids[rows].tolist())
        selection, last = QItemSelection(), len(WIDTHS) - 1
        for some in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if rows else ():  # rows that follow each other
            selection.select(self.regions.index(int(some[0]), 0), self.regions.index(int(some[-1]), last))
        with QSignalBlocker(self.selectionModel()):
            self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.viewport().update()

    def _on_selection(self, *_: Any) -> None:
        # By ranges: thousands of rows are chosen at once by Ctrl+A.
        rows = [np.arange(some.top(), some.bottom() + 1) for some in self.selectionModel().selection()]
        self._chosen = tuple(self.regions.ids[np.unique(np.concatenate(rows))].tolist()) if rows else ()
        self.rows_chosen.emit()


_NOTHING = (None,) * len(WIDTHS)


def _tips(a: str, b: str) -> tuple[str, ...]:
    return (
        "The region; ⚠ where testing it must be taken with care.",
        f"Mean signal in {a}.",
        f"Mean signal in {b}.",
        f"t of {a} > {b}. {TESTED}",
        f"p of t. {TESTED}",
        f"Mean in {a} less mean in {b}.",
        "Why the test must be taken with care.",
    )
