"""The table of regions shows what it is given, and tells what a person does."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit

from napari_connectome.core.grid import Grid
from napari_connectome.core.region_table import region_table
from napari_connectome.widgets.region_table import COLUMNS, LIT, NAME, ORIGIN, WARNING, RegionTable

KEYS = [column.key for column in COLUMNS]


def _color(region):
    return (1.0, 0.0, 0.0, 1.0) if region == 3 else (0.0, 0.0, 1.0, 1.0)


def _some(n=3, values=False):
    """Region 3 i has i + 1 voxels, from the left to the right."""
    labels = np.zeros((2, n, n), np.uint16)
    for i in range(n):
        labels[0, : i + 1, i] = 3 * (i + 1)
    grid = Grid(labels.shape, np.diag([2.0, 2, 2, 1]))
    names = {3: "beta", 6: "Alpha"}
    return region_table(labels, grid, np.arange(labels.size).reshape(labels.shape) if values else None, names)


@pytest.fixture
def table(qtbot):
    """A table of three regions, one of which a test has made."""
    made = RegionTable()
    qtbot.addWidget(made)
    made.resize(700, 300)
    made.show_table(_some(), {3: "Made from a test."}, _color)
    with qtbot.waitExposed(made):
        made.show()
    return made


def _cell(table, row, key, role=Qt.ItemDataRole.DisplayRole):
    return table.regions.data(table.regions.index(row, KEYS.index(key)), role)


def test_what_a_row_says(table):
    """Colour, name, size and place; where the region comes from in orange, and only where there is such a region."""
    assert [_cell(table, 0, key) for key in ("index", "name", "voxels", "size_mm3", "x", "hemisphere")] == [
        "3",
        "⚠ beta",
        "1",
        "8",
        "0.0",
        "L/R",
    ]
    assert _cell(table, 2, "name") == "region 9"
    assert _cell(table, 0, "index", Qt.ItemDataRole.DecorationRole) == QColor(255, 0, 0)
    assert _cell(table, 0, "name", Qt.ItemDataRole.ForegroundRole) == WARNING
    assert _cell(table, 1, "name", Qt.ItemDataRole.ForegroundRole) is None
    assert _cell(table, 0, "voxels", Qt.ItemDataRole.ToolTipRole) == "Made from a test."
    assert not table.isColumnHidden(ORIGIN)
    assert table.isColumnHidden(KEYS.index("peak"))
    table.show_table(_some(values=True), {}, _color)
    assert table.isColumnHidden(ORIGIN)
    assert not table.isColumnHidden(KEYS.index("peak"))
    assert _cell(table, 2, "peak") == "8"
    assert table.regions.place(9) == pytest.approx([4, 4, 0])
    assert table.regions.place(4) is None
    assert table.regions.in_words(3) == "beta: 1 voxel, 8 mm³, at 0.0 0.0 0.0 mm, peak 0 at 0.0 0.0 0.0 mm, mean 0."
    assert _cell(table, 0, "name", Qt.ItemDataRole.EditRole) == "beta"
    assert table.regions.rowCount(QModelIndex()) == 3


def test_sorting_keeps_what_is_chosen(table, qtbot):
    """By names without regard to case, and by numbers; the same regions stay selected, and nobody is told."""
    heard = []
    table.chosen = [6]
    table.rows_chosen.connect(lambda: heard.append(table.chosen))
    for column, order, expected in (
        (NAME, Qt.SortOrder.AscendingOrder, [6, 3, 9]),
        (KEYS.index("voxels"), Qt.SortOrder.DescendingOrder, [9, 6, 3]),
        (0, Qt.SortOrder.AscendingOrder, [3, 6, 9]),
    ):
        table.sortByColumn(column, order)
        assert list(table.regions.ids) == expected
        assert table.chosen == [6]
        rows = [index.row() for index in table.selectionModel().selectedRows()]
        assert rows == [expected.index(6)]
    assert not heard
    table.sortByColumn(KEYS.index("voxels"), Qt.SortOrder.DescendingOrder)
    table.show_table(_some(5), {}, _color)
    assert list(table.regions.ids) == [15, 12, 9, 6, 3]
    assert table.chosen == [6]
    table.show_table(_some(1), {}, _color)
    assert table.chosen == []
    assert not heard


def test_clicks_are_told(table):
    """A click selects, Ctrl adds, a click on a selected row is told again: one wants to go there."""
    heard = []
    table.rows_chosen.connect(lambda: heard.append((table.chosen, table.current)))

    def click(row, modifier=Qt.KeyboardModifier.NoModifier):
        place = table.visualRect(table.regions.index(row, NAME)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifier, place)

    click(1)
    assert heard[-1] == ([6], 6)
    heard.clear()
    click(1)
    assert heard == [([6], 6)]
    click(0, Qt.KeyboardModifier.ControlModifier)
    assert heard[-1] == ([3, 6], 3)


def test_names_are_typed(table, qtbot):
    """What is typed is told, and shown when it comes back."""
    heard = []
    table.renamed.connect(lambda *said: heard.append(said))
    table.edit(table.regions.index(1, NAME))
    editor = table.findChild(QLineEdit)
    editor.selectAll()
    QTest.keyClicks(editor, "gamma")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: heard == [(6, "gamma")])
    assert _cell(table, 1, "name") == "Alpha"
    assert not table.regions.setData(table.regions.index(1, 2), "7", Qt.ItemDataRole.EditRole)


def test_one_row_is_lit(table):
    """The row of the region under the mouse, brought into view."""
    table.light(6)
    assert [_cell(table, row, "name", Qt.ItemDataRole.BackgroundRole) for row in range(3)] == [None, LIT, None]
    table.light(0)
    assert _cell(table, 1, "name", Qt.ItemDataRole.BackgroundRole) is None
    many = _some(1).loc[np.repeat(3, 3000)]
    many.index = pd.Index(np.arange(1, 3001), name="index")
    table.show_table(many, {}, _color)
    table.light(2990)
    assert table.viewport().rect().intersects(table.visualRect(table.regions.index(2989, 0)))
    table.chosen = range(1, 3001)
    assert len(table.chosen) == 3000


@pytest.mark.parametrize(
    ("value", "text"), [(0.123456, "0.123"), (927.4, "927"), (1108.4, "1,108"), (-23456.7, "-23,457"), (3e9, "3e+09")]
)
def test_values_are_written_as_signals_are(table, value, text):
    """A mean signal of 1108 is not 1.11e+03."""
    some = _some(values=True)
    some["mean"] = value
    table.show_table(some, {}, _color)
    assert _cell(table, 0, "mean") == text
