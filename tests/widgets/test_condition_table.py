"""The table of regions by condition: sorted by value, quick with thousands of rows, legible in a narrow dock."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_connectome.widgets.condition_table import DIFFERENCE, NAME, SAID, A, B, ConditionTable, P, T


def _table(n, warned=()):
    numbers = np.random.default_rng(0).standard_normal((4, n))
    columns = dict(zip(("face", "house", "t", "p"), numbers, strict=True))
    said = ["Circular." if i in warned else "" for i in range(n)]
    return pd.DataFrame({**columns, "warning": said}, index=[f"region {i}" for i in range(n)])


@pytest.fixture
def table(qtbot):
    widget = ConditionTable()
    qtbot.addWidget(widget)
    widget.resize(262, 200)
    widget.show()
    widget.told = []
    widget.rows_chosen.connect(lambda: widget.told.append(widget.chosen))
    return widget


def test_what_matters_is_seen_in_a_narrow_dock(table):
    table.show_conditions(_table(3), [1, 2, 3], "face", "house", {})
    header = table.horizontalHeader()
    assert header.sectionViewportPosition(P) + header.sectionSize(P) <= table.viewport().width()
    assert [header.model().headerData(i, Qt.Orientation.Horizontal) for i in (A, B, T, P)] == ["face", "house", "t", "p"]
    narrow = table.columnWidth(NAME)
    table.resize(500, 200)
    assert table.columnWidth(NAME) > narrow


def test_it_is_as_high_as_its_rows(table):
    heights = []
    for n in (1, 3, 6, 7, 1000):
        table.show_conditions(_table(n), list(range(1, n + 1)), "face", "house", {})
        heights.append(table.height())
    assert heights[0] < heights[1] < heights[2] == heights[3] == heights[4]


def test_numbers_are_those_of_the_table(table):
    of = _table(4, warned={2})
    of.loc["region 1", ["t", "p"]] = np.nan
    table.show_conditions(of, [3, 5, 7, 9], "face", "house", {})
    assert [table.regions.text(row, T) for row in range(4)] == [f"{t:.2f}" if t == t else "n/a" for t in of["t"]]
    assert float(table.regions.text(0, DIFFERENCE)) == pytest.approx(of["face"].iloc[0] - of["house"].iloc[0], rel=1e-3)
    assert [table.regions.text(row, NAME)[0] for row in range(4)] == ["r", "r", "⚠", "r"]
    assert [table.regions.text(row, SAID) for row in range(4)] == ["", "", "Circular.", ""]


def test_numbers_are_seen_whole_in_a_narrow_dock(table):
    of = _table(3)
    of["face"], of["house"], of["t"], of["p"] = (
        [849.44, 12345.6, -1.5],
        [-23.456, 99999.4, 0.01],
        [-17.73, 40.1, -8.87],
        6.2e-15,
    )
    table.show_conditions(of, [1, 2, 3], "face", "house", {})
    assert [table.regions.text(row, A) for row in range(3)] == ["849.4", "12346", "-1.5"]
    for column in (A, B, T, P):
        for row in range(3):
            assert table.fontMetrics().horizontalAdvance(table.regions.text(row, column)) + 6 <= table.columnWidth(column)


@pytest.mark.parametrize("order", [Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder])
def test_sorted_rows_keep_their_regions_and_their_selection(table, order):
    of, ids = _table(50), list(range(100, 150))
    of.iloc[[4, 20], 2] = np.nan
    table.show_conditions(of, ids, "face", "house", {})
    table.chosen = [104, 149]
    table.sortByColumn(T, order)
    shown = of["t"].to_numpy()[table.regions.ids - 100]
    steps = np.diff(shown[:48]) if order == Qt.SortOrder.AscendingOrder else -np.diff(shown[:48])
    assert (steps >= 0).all()
    assert np.isnan(shown[48:]).all(), "what is no number comes last"
    assert sorted(table.chosen) == [104, 149]
    rows = {index.row() for index in table.selectionModel().selectedRows()}
    assert {int(table.regions.ids[row]) for row in rows} == {104, 149}
    table.show_conditions(of.iloc[:10], ids[:10], "face", "house", {})
    assert table.chosen == [104]
    assert not table.told, "nobody chose anything by hand"


def test_thousands_of_rows_are_chosen_at_once(table):
    n = 20_000
    table.show_conditions(_table(n), list(range(1, n + 1)), "face", "house", {})
    table.selectAll()
    assert table.told == [list(range(1, n + 1))]
    table.show_conditions(_table(n), list(range(1, n + 1)), "house", "face", {})
    assert len(table.chosen) == n
    table.chosen = range(1, n, 2)
    assert len(table.selectionModel().selectedRows()) == n // 2
