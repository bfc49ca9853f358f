"""The table of regions: what each is called, how large it is, where it lies, what a map holds in it, what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QShortcut, QTableView, QWidget

Array = npt.NDArray[Any]
Color = Callable[[int], Any]

WARNING = QColor("#d97b00")
"""Reads on the dark theme and on the light one."""
LIT = QColor(255, 176, 0, 80)
"""Behind the row of the region under the mouse."""
ROWS = 24
"""Height of a row in pixels."""


@dataclass(frozen=True)
class _Column:
    key: str
    header: str
    tip: str
    width: int
    text: Callable[[Any], str]
    values: bool = False


def _mm(value: float) -> str:
    return f"{round(value, 1) + 0.0:.1f}" if np.isfinite(value) else ""


def _number(value: float) -> str:
    if not np.isfinite(value):
        return ""
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.3g}"  # signals are in the thousands: not 1.15e+03


def _place(mm: tuple[float, float, float]) -> str:
    return " ".join(f"{round(each)}" for each in mm) if np.isfinite(mm).all() else ""


COLUMNS = (
    _Column("index", "Label", "The number of the region in the layer, and its colour.", 54, str),
    _Column("name", "Name", "Double click to rename.", 96, str),
    _Column("network", "Network", "The network the region is a part of.", 90, str, True),
    _Column("voxels", "Voxels", "Number of voxels.", 52, lambda n: f"{n:,}"),
    _Column("size_mm3", "mm³", "Volume in mm³.", 56, lambda n: f"{n:,.0f}"),
    _Column("x", "x mm", "Centre of mass, mm: right of the origin (negative is left).", 46, _mm),
    _Column("y", "y mm", "Centre of mass, mm: in front of the origin (negative is behind).", 46, _mm),
    _Column("z", "z mm", "Centre of mass, mm: above the origin (negative is below).", 46, _mm),
    _Column("hemisphere", "Side", "L: left of x = 0 mm; R: right; L/R: on both sides.", 40, str),
    _Column("peak", "Peak", "The value farthest from 0, in the layer the values are from.", 50, _number, True),
    _Column("peak_x", "Peak x mm", "Where the peak is, mm.", 76, _mm, True),
    _Column("peak_y", "Peak y mm", "Where the peak is, mm.", 76, _mm, True),
    _Column("peak_z", "Peak z mm", "Where the peak is, mm.", 76, _mm, True),
    _Column("peak_at", "Peak mm", "Where the peak is: x, y, z in mm; right, front and above are positive.", 80, _place, True),
    _Column("mean", "Mean", "Mean of the values in the region.", 50, _number, True),
    _Column("origin", "Made from", "The test the region was made by. Testing the same run inside it is circular.", 160, str),
)
_BY_KEY = {column.key: column for column in COLUMNS}
NAME = list(_BY_KEY).index("name")
ORIGIN = len(COLUMNS) - 1


class RegionModel(QAbstractTableModel):
    """A region table for Qt: only the rows on the screen are ever turned into text.

    Attributes
    ----------
    renamed : Signal(int, str)
        The region and the name typed for it; shown only when it comes back with `show_table`.
    """

    renamed = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ids: Array = np.empty(0, dtype=np.int64)
        self.lit = 0
        self._color: Color = lambda region: None
        self._table = pd.DataFrame({"index": self.ids})
        self._columns: dict[str, Array] = {}
        self._row_of: dict[int, int] = {}
        self._sorted_by, self._descending = 0, False

    def show_table(self, table: pd.DataFrame, origins: Mapping[int, str], color: Color) -> bool:
        """Show other regions; return whether rows have come, gone or moved.

        Parameters
        ----------
        table : DataFrame
            As `region_table` makes it.
        origins : mapping of int to str
            What a region was made from, for those that were made from something.
        color : callable
            From an id to RGBA (0 to 1), or None.
        """
        self._table = table.reset_index().assign(origin=[origins.get(int(i), "") for i in table.index])
        self._color = color
        order = self._order()
        if np.array_equal(self._table["index"].to_numpy()[order], self.ids):
            self._take(order)
            if len(self.ids):
                self.dataChanged.emit(self.index(0, 0), self.index(len(self.ids) - 1, len(COLUMNS) - 1))
            return False
        self.beginResetModel()
        self._take(order)
        self.endResetModel()
        return True

    def row_of(self, region: int) -> int:
        """The row of a region; -1 where it has none."""
        return self._row_of.get(region, -1)

    def light(self, region: int) -> None:
        """Light up the row of a region, and no other."""
        before, self.lit = self.lit, region
        for row in {self.row_of(before), self.row_of(region)} - {-1}:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1), [Qt.ItemDataRole.BackgroundRole])

    def place(self, region: int) -> Array | None:
        """The mm (x, y, z) to look at: the peak where there are values, else the centre; None for a region not listed."""
        row = self.row_of(region)
        if row < 0:
            return None
        for keys in (("peak_x", "peak_y", "peak_z"), ("x", "y", "z")):
            mm = np.array([self._columns[key][row] if key in self._columns else np.nan for key in keys], dtype=np.float64)
            if np.isfinite(mm).all():
                return mm
        return None

    def in_words(self, region: int) -> str:
        """What is known of a region, in a line."""
        row = self.row_of(region)
        if row < 0:
            return ""
        name, voxels, size, origin = (self._text(row, key) for key in ("name", "voxels", "size_mm3", "origin"))
        parts = [f"{voxels} voxel{'s' * (voxels != '1')}", f"{size} mm³", f"at {self._mm(row, '')}"]
        if self._text(row, "peak"):
            parts += [f"peak {self._text(row, 'peak')} at {self._mm(row, 'peak_')}", f"mean {self._text(row, 'mean')}"]
        return f"{name}: {', '.join(parts)}.{f' ⚠ {origin}' if origin else ''}"

    def _mm(self, row: int, which: str) -> str:
        return f"{' '.join(self._text(row, which + axis) for axis in 'xyz')} mm"

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """One row a region."""
        return 0 if parent is not None and parent.isValid() else len(self.ids)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """All columns, also those without values."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """Titles and what they mean."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].header
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].tip
        return None

    def flags(self, index: QModelIndex) -> Any:
        """Names can be typed."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == NAME else flags

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """One cell."""
        row, key = index.row(), COLUMNS[index.column()].key
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            warned = role == Qt.ItemDataRole.DisplayRole and key == "name" and self._columns["origin"][row]
            return f"⚠ {self._text(row, key)}" if warned else self._text(row, key)
        if role == Qt.ItemDataRole.BackgroundRole:
            return LIT if int(self.ids[row]) == self.lit else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            left = Qt.AlignmentFlag.AlignLeft if key in ("index", "name", "network", "origin") else Qt.AlignmentFlag.AlignRight
            return left | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and key == "index":
            return _qcolor(self._color(int(self.ids[row])))
        if role == Qt.ItemDataRole.ForegroundRole and key in ("name", "origin") and self._columns["origin"][row]:
            return WARNING
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._columns["origin"][row] or (self._text(row, "name") if key == "name" else None)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = 2) -> bool:  # noqa: N802
        """Tell of a typed name."""
        if role != Qt.ItemDataRole.EditRole or index.column() != NAME:
            return False
        if str(value) != self._text(index.row(), "name"):
            self.renamed.emit(int(self.ids[index.row()]), str(value))
        return True

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what has no value comes last."""
        self._sorted_by, self._descending = max(column, 0), order == Qt.SortOrder.DescendingOrder
        self.beginResetModel()
        self._take(self._order())
        self.endResetModel()

    def _text(self, row: int, key: str) -> str:
        values = self._columns.get(key)
        return "" if values is None else _BY_KEY[key].text(values[row])

    def _order(self) -> Array:
        key = COLUMNS[self._sorted_by].key
        if key not in self._table:
            return np.arange(len(self._table))
        values = self._table[key]
        values = values.str.casefold() if pd.api.types.is_string_dtype(values) else values
        return values.reset_index(drop=True).sort_values(ascending=not self._descending, kind="stable").index.to_numpy()

    def _take(self, order: Array) -> None:
        self._columns = {str(key): self._table[key].to_numpy()[order] for key in self._table}
        self.ids = self._columns["index"]
        self._row_of = {int(region): row for row, region in enumerate(self.ids)}


class RegionTable(QTableView):
    """A row a region. What it shows is given to it; what a person does in it is told, and changes nothing by itself.

    Parameters
    ----------
    without : collection of str
        Keys of columns that are never shown.

    Attributes
    ----------
    renamed : Signal(int, str)
        A region and the name typed for it.
    rows_chosen : Signal
        A person selected other rows: see `chosen`.
    delete_pressed : Signal
    """

    renamed = Signal(int, str)
    rows_chosen = Signal()
    delete_pressed = Signal()

    def __init__(self, parent: QWidget | None = None, without: Collection[str] = ()) -> None:
        super().__init__(parent)
        self._without = frozenset(without)
        self.regions = RegionModel(self)
        self.setModel(self.regions)
        for i, column in enumerate(COLUMNS):
            self.setColumnWidth(i, column.width)
            self.setColumnHidden(i, column.values or column.key in self._without)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROWS)
        self.horizontalHeader().setMinimumSectionSize(28)
        self.horizontalHeader().setStretchLastSection(True)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(6 * ROWS)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.regions.modelReset.connect(self._on_reset)
        self.regions.renamed.connect(self.renamed)
        self.selectionModel().selectionChanged.connect(self._on_selection)
        self._chosen: tuple[int, ...] = ()
        self.clicked.connect(self._on_clicked)  # also one that is selected: to go there again
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.delete_pressed)

    @property
    def chosen(self) -> list[int]:
        """The ids of the regions selected, ascending."""
        return list(self._chosen)

    @chosen.setter
    def chosen(self, ids: Collection[int]) -> None:
        wanted = tuple(sorted(i for i in {int(i) for i in ids} if self.regions.row_of(i) >= 0))
        if wanted != self._chosen:
            self._chosen = wanted
            self._select()
            if wanted:
                self._bring(wanted[-1])

    @property
    def current(self) -> int:
        """The region a person chose last; 0 where none is chosen."""
        row = self.currentIndex().row()
        region = int(self.regions.ids[row]) if 0 <= row < len(self.regions.ids) else 0
        return region if region in self._chosen else (self._chosen[-1] if self._chosen else 0)

    def show_table(self, table: pd.DataFrame, origins: Mapping[int, str], color: Color) -> None:
        """Show other regions; those chosen that are still there stay chosen."""
        for i, column in enumerate(COLUMNS):
            missing = (column.values and column.key not in table) or (i == ORIGIN and not origins)
            hidden = missing or column.key in self._without
            if hidden != self.isColumnHidden(i):
                self.setColumnHidden(i, hidden)
        place = self.verticalScrollBar().value()
        if self.regions.show_table(table, origins, color):
            self.verticalScrollBar().setValue(place)
        self._chosen = tuple(i for i in self._chosen if self.regions.row_of(i) >= 0)

    def light(self, region: int) -> None:
        """Light up the row of the region under the mouse, and bring it into view; 0 for none."""
        self.regions.light(region)
        if region:
            self._bring(region)

    def _bring(self, region: int) -> None:
        row = self.regions.row_of(region)
        if row >= 0:
            place = self.horizontalScrollBar().value()
            self.scrollTo(self.regions.index(row, 0))
            self.horizontalScrollBar().setValue(place)

    def _select(self) -> None:
        """Select the rows of the regions chosen; nobody is told."""
        selection, last = QItemSelection(), len(COLUMNS) - 1
        rows = [self.regions.row_of(i) for i in self._chosen]
        for row in rows:
            if row >= 0:
                selection.select(self.regions.index(row, 0), self.regions.index(row, last))
        with QSignalBlocker(self.selectionModel()):
            self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if rows and rows[-1] >= 0:
                flag = QItemSelectionModel.SelectionFlag.NoUpdate
                self.selectionModel().setCurrentIndex(self.regions.index(rows[-1], NAME), flag)
        self.viewport().update()

    def _on_clicked(self, *_: Any) -> None:
        self.rows_chosen.emit()

    def _on_reset(self) -> None:
        """Rows have come, gone or moved: the regions chosen are chosen still."""
        self.updateGeometries()  # otherwise Qt does so later, and until then nothing scrolls
        self._select()

    def _on_selection(self, *_: Any) -> None:
        # By ranges: thousands of rows are chosen at once by Ctrl+A.
        rows = [np.arange(some.top(), some.bottom() + 1) for some in self.selectionModel().selection()]
        self._chosen = tuple(np.unique(self.regions.ids[np.concatenate(rows)]).tolist()) if rows else ()
        self.rows_chosen.emit()


def _qcolor(rgba: Any) -> QColor | None:
    return None if rgba is None else QColor.fromRgbF(*(float(min(max(part, 0.0), 1.0)) for part in np.ravel(rgba)[:4]))
