"""The table of networks shows what it is given, and tells what a person does: types, ticks, drags, selects."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_connectome.widgets.network_table import EXPLAINED, NAME, SHOWN, NetworkRow, NetworkTable, percent

ROWS = [NetworkRow(f"network {i}", 0.1 / i, QColor(20 * i, 0, 0)) for i in range(1, 7)]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def table(qtbot):
    made = NetworkTable()
    qtbot.addWidget(made)
    made.resize(290, 260)
    made.show_rows(ROWS)
    with qtbot.waitExposed(made):
        made.show()
    return made


def click(table, row, column, modifier=Qt.KeyboardModifier.NoModifier):
    place = table.visualRect(table.networks.index(row, column)).center()
    QTest.mouseClick(table.viewport(), LEFT, modifier, place)


def drag(table, row, onto):
    """Drag a row by its number."""
    port = table.verticalHeader().viewport()
    start, end = table.handle(row), table.handle(onto)
    end += QPoint(0, 6 if onto > row else -6)  # past the middle of the other
    QTest.mousePress(port, LEFT, Qt.KeyboardModifier.NoModifier, start)
    for part in np.linspace(0, 1, 12)[1:]:
        QTest.mouseMove(port, QPoint(start.x(), round(start.y() + part * (end.y() - start.y()))))
        QApplication.processEvents()
    QTest.mouseRelease(port, LEFT, Qt.KeyboardModifier.NoModifier, end)
    QApplication.processEvents()


def test_a_row_says_name_colour_and_share(table):
    data = table.networks.data
    assert data(table.networks.index(1, NAME)) == "network 2"
    assert data(table.networks.index(1, NAME), Qt.ItemDataRole.DecorationRole) == QColor(40, 0, 0)
    assert data(table.networks.index(1, EXPLAINED)) == "5.0 %"
    assert data(table.networks.index(1, SHOWN), Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked


@pytest.mark.parametrize(
    ("share", "text"), [(0.1234, "12.3 %"), (0.00081, "0.081 %"), (0.0, "0.0 %"), (float("nan"), ""), (1.0, "100.0 %")]
)
def test_shares_are_read_at_a_glance(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(("row", "onto"), [(0, 3), (4, 1), (2, 3), (5, 0)])
def test_a_row_is_dragged_by_its_number_and_moved_only_when_it_comes_back(table, row, onto):
    moves = []
    table.moved.connect(lambda *places: moves.append(places))
    drag(table, row, onto)
    assert moves == [(row, onto)]
    header = table.verticalHeader()
    assert [header.visualIndex(i) for i in range(6)] == list(range(6))
    assert table.networks.data(table.networks.index(0, NAME)) == "network 1"


def test_a_name_is_typed(table, qtbot):
    names = []
    table.renamed.connect(lambda *given: names.append(given))
    place = table.visualRect(table.networks.index(2, NAME)).center()
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    QTest.mouseDClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    editor = table.findChild(QLineEdit)
    editor.selectAll()
    QTest.keyClicks(editor, "default mode")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: names == [(2, "default mode")])
    assert table.networks.data(table.networks.index(2, NAME)) == "network 3"


def test_a_tick_is_told(table):
    ticks = []
    table.ticked.connect(lambda *given: ticks.append(given))
    box = table.visualRect(table.networks.index(3, SHOWN))
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, QPoint(box.left() + 10, box.center().y()))
    assert ticks == [(3, False)]


def test_rows_are_selected_and_stay_so(table):
    told = []
    table.rows_chosen.connect(lambda: told.append((table.chosen, table.current)))
    click(table, 1, NAME)
    click(table, 4, EXPLAINED, Qt.KeyboardModifier.ControlModifier)
    assert told == [([1], 1), ([1, 4], 4)]
    table.show_rows(ROWS[:5])
    assert table.chosen == [1, 4]
    table.choose([2], 2)
    assert (table.chosen, table.current) == ([2], 2)
    assert len(told) == 2, "who says it is not told"
    table.show_rows([])
    assert (table.chosen, table.current) == ([], -1)
