"""The table of networks: which are shown, what each is called, how much of the variance it explains, and their order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QSignalBlocker,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QShortcut, QTableView, QWidget

from napari_connectome.core.words import percent

SHOWN, NAME, EXPLAINED = range(3)
_HEADERS = (
    ("Show", "Networks without the tick are left out of the overview, of the regions and of what is saved."),
    ("Name", "Double click to rename."),
    ("Variance", "Share of the variance of all runs that this network alone explains."),
)
ROWS = 24
"""Height of a row in pixels."""
HANDLE = 26
"""Width of the numbers on the left, by which rows are dragged."""


@dataclass(frozen=True)
class NetworkRow:
    """What is said of one network.

    Parameters
    ----------
    name : str
    explained : float
        Share of the variance, 0 to 1; NaN where it is not known.
    color : QColor
    shown : bool
    """

    name: str
    explained: float
    color: QColor
    shown: bool = True


class NetworkModel(QAbstractTableModel):
    """The networks for Qt; what is typed or ticked is told, and shown only when it comes back.

    Attributes
    ----------
    renamed : Signal(int, str)
        The row and the name typed for it.
    ticked : Signal(int, bool)
        The row and whether it shall be shown.
    """

    renamed = Signal(int, str)
    ticked = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[NetworkRow, ...] = ()

    def show_rows(self, rows: Sequence[NetworkRow]) -> bool:
        """Show other networks; return whether there are more or fewer than before."""
        if len(rows) == len(self.rows):
            self.rows = tuple(rows)
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, EXPLAINED))
            return False
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()
        return True

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """One row a network."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Shown, name, explained variance."""
        return 0 if parent is not None and parent.isValid() else len(_HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """Titles and what they mean; the rows' numbers are their places."""
        if orientation == Qt.Orientation.Vertical:
            if role == Qt.ItemDataRole.DisplayRole:
                return str(section + 1)
            return "Drag to move the network up or down." if role == Qt.ItemDataRole.ToolTipRole else None
        if role == Qt.ItemDataRole.DisplayRole:
            return _HEADERS[section][0]
        return _HEADERS[section][1] if role == Qt.ItemDataRole.ToolTipRole else None

    def flags(self, index: QModelIndex) -> Any:
        """Names can be typed, ticks set."""
        flags = super().flags(index)
        if index.column() == NAME:
            return flags | Qt.ItemFlag.ItemIsEditable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == SHOWN else flags

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """One cell."""
        row, column = self.rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return ("", row.name, percent(row.explained))[column]
        if role == Qt.ItemDataRole.CheckStateRole and column == SHOWN:
            return Qt.CheckState.Checked if row.shown else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole and column == NAME:
            return row.color
        if role == Qt.ItemDataRole.TextAlignmentRole and column == EXPLAINED:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole and not row.shown:
            return QColor(128, 128, 128)
        return row.name if role == Qt.ItemDataRole.ToolTipRole and column == NAME else None

    def setData(self, index: QModelIndex, value: Any, role: int = 2) -> bool:  # noqa: N802
        """Tell of a typed name or a tick."""
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == SHOWN:
            self.ticked.emit(index.row(), not row.shown)
            return True
        if role != Qt.ItemDataRole.EditRole or index.column() != NAME:
            return False
        if str(value) != row.name:
            self.renamed.emit(index.row(), str(value))
        return True


class NetworkTable(QTableView):
    """A row a network. What it shows is given to it; what a person does in it is told, and changes nothing by itself.

    Attributes
    ----------
    renamed : Signal(int, str)
    ticked : Signal(int, bool)
    moved : Signal(int, int)
        A row was dragged by its number, from one place to another.
    rows_chosen : Signal
        A person selected other rows: see `chosen` and `current`.
    delete_pressed : Signal
    """

    renamed = Signal(int, str)
    ticked = Signal(int, bool)
    moved = Signal(int, int)
    rows_chosen = Signal()
    delete_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = NetworkModel(self)
        self.setModel(self.networks)
        self._dress_headers()
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setMinimumHeight(7 * ROWS)
        self.networks.renamed.connect(self.renamed)
        self.networks.ticked.connect(self.ticked)
        self.selectionModel().selectionChanged.connect(self._on_selection)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.delete_pressed)

    @property
    def chosen(self) -> list[int]:
        """The rows selected, ascending."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    @property
    def current(self) -> int:
        """The row chosen last; -1 where there is none."""
        return int(self.currentIndex().row())

    def show_rows(self, rows: Sequence[NetworkRow]) -> None:
        """Show other networks; the same rows stay selected as far as there are any."""
        chosen, current = self.chosen, self.current
        if self.networks.show_rows(rows):
            self.choose([i for i in chosen if i < len(rows)], min(current, len(rows) - 1))

    def choose(self, rows: Collection[int], current: int) -> None:
        """Select these rows; nobody is told."""
        selection = QItemSelection()
        for row in rows:
            selection.select(self.networks.index(row, 0), self.networks.index(row, EXPLAINED))
        with QSignalBlocker(self.selectionModel()):
            self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if current >= 0:
                index = self.networks.index(current, NAME)
                self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        if current >= 0:
            self.scrollTo(self.networks.index(current, NAME))
        self.viewport().update()

    def handle(self, row: int) -> QPoint:
        """The middle of a row's number, in pixels of the vertical header."""
        header = self.verticalHeader()
        return QPoint(header.width() // 2, header.sectionViewportPosition(row) + header.sectionSize(row) // 2)

    def _dress_headers(self) -> None:
        across, down = self.horizontalHeader(), self.verticalHeader()
        across.setMinimumSectionSize(28)
        across.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        across.setHighlightSections(False)
        self.setColumnWidth(SHOWN, 44)
        self.setColumnWidth(EXPLAINED, 68)
        down.setDefaultSectionSize(ROWS)
        down.setFixedWidth(HANDLE)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultAlignment(Qt.AlignmentFlag.AlignCenter)
        down.setSectionsMovable(True)
        down.sectionMoved.connect(self._on_dragged)

    def _on_dragged(self, row: int, before: int, after: int) -> None:
        """Tell of a row that was dragged, and put the header back: the order is the networks' own."""
        with QSignalBlocker(self.verticalHeader()):
            self.verticalHeader().moveSection(after, before)
        self.viewport().update()
        self.moved.emit(before, after)

    def _on_selection(self, *_: Any) -> None:
        self.rows_chosen.emit()
