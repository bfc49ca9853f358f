"""The picture of a matrix: every cell has the colour of its value, and is read and clicked with a real mouse."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QToolTip

from napari_connectome.widgets.matrix_plot import BELOW, FIRST, LAST, UNKNOWN, ZERO, MatrixPlot, _strongest
from tests.mouse import hover

R = 8
NAMES = [f"LH_Vis_{i}" for i in range(R)]
MATRIX = np.corrcoef(np.random.default_rng(0).standard_normal((R, 20)))
ORDER = np.array([3, 1, 0, 2, 7, 6, 5, 4])


@pytest.fixture
def plot(qtbot):
    widget = MatrixPlot()
    qtbot.addWidget(widget)
    widget.resize(420, 380)
    widget.show()
    qtbot.waitExposed(widget)
    widget.show_matrix(MATRIX, NAMES, order=ORDER)
    qtbot.wait(20)
    return widget


def pixel_of(plot, row, column):
    return plot._plot.mapFromScene(plot._view.mapViewToScene(QPointF(column + 0.5, row + 0.5)))


def click(plot, row, column):
    QTest.mouseClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel_of(plot, row, column))


def test_every_cell_is_clicked_as_the_regions_it_shows(plot):
    told = []
    plot.picked.connect(lambda i, j: told.append((i, j)))
    for row in range(R):
        for column in range(R):
            click(plot, row, column)
            assert told[-1] == plot.lit == (ORDER[row], ORDER[column])
    assert len(told) == R * R
    click(plot, R - 1, R - 1)
    assert len(told) == R * R + 1, "the same cell again"


def test_hovering_says_both_names_and_the_value_and_leaving_says_so(plot, qtbot):
    told = []
    plot.hovered.connect(lambda i, j: told.append((i, j)))
    hover(plot._plot.viewport(), pixel_of(plot, 4, 1))
    qtbot.waitUntil(QToolTip.isVisible, timeout=20000)
    assert QToolTip.text() == f"LH_Vis_7\nLH_Vis_1\n{MATRIX[7, 1]:.4g}"
    assert told == [(7, 1)]
    plot.set_threshold(0.99)
    QTest.mouseMove(plot._plot.viewport(), pixel_of(plot, 4, 2))
    qtbot.waitUntil(lambda: "(below the threshold)" in QToolTip.text(), timeout=20000)
    QTest.mouseMove(plot._plot.viewport(), QPoint(3, 3))
    qtbot.waitUntil(lambda: told[-1] == (-1, -1), timeout=20000)
    assert told == [(7, 1), (7, 0), (-1, -1)]


@given(seed=st.integers(0, 10_000), r=st.integers(1, 12), threshold=st.floats(0, 2), missing=st.integers(0, 3))
def test_colours_rise_with_values_are_alike_on_both_sides_and_gray_below_the_threshold(plot, seed, r, threshold, missing):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((r, r))
    matrix = matrix + matrix.T
    matrix[:missing] = matrix[:, :missing] = np.nan
    order = rng.permutation(r)
    plot.show_matrix(matrix, [str(i) for i in range(r)], "covariance", order)
    plot.set_threshold(threshold)
    values, numbers = matrix[np.ix_(order, order)], plot._image.image.astype(int)
    hidden = np.abs(values) < threshold
    np.testing.assert_array_equal(numbers == UNKNOWN, np.isnan(values))
    np.testing.assert_array_equal(numbers == BELOW, hidden)
    shown = ~hidden & ~np.isnan(values)
    expected = ZERO + np.clip(np.rint(values[shown] / plot.limit * (LAST - ZERO)), FIRST - ZERO, LAST - ZERO)
    np.testing.assert_array_equal(numbers[shown], expected)
    off = np.abs(matrix[~np.eye(r, dtype=bool)])
    assert plot.limit >= np.nanmax(off, initial=0) > 0 or plot.limit == 1.0
    plot.show_matrix(-matrix, [str(i) for i in range(r)], "covariance", order)
    np.testing.assert_array_equal(plot._image.image[shown], 2 * ZERO - expected)


@given(seed=st.integers(0, 10_000), r=st.integers(3, 12), threshold=st.floats(0, 2), missing=st.booleans())
def test_a_matrix_renewed_in_some_cells_is_drawn_as_a_new_one(plot, seed, r, threshold, missing):
    """In any order of rows, whether or not the last colour stays that of the same magnitude."""
    rng = np.random.default_rng(seed)
    matrix = rng.uniform(-1, 1, (r, r))
    matrix = matrix + matrix.T
    order, names, painted = rng.permutation(r), [str(i) for i in range(r)], int(rng.integers(r))
    plot.show_matrix(matrix, names, order=order)
    row = np.where(rng.random(r) < 0.5, matrix[painted], rng.uniform(-2, 2, r))
    row[int(rng.integers(r))] = np.nan if missing else 0.0
    matrix = matrix.copy()
    matrix[painted] = matrix[:, painted] = row
    plot.renew(matrix, threshold)
    drawn, limit = plot._image.image.copy(), plot.limit
    plot.show_matrix(matrix, names, order=order)
    np.testing.assert_array_equal(drawn, plot._image.image)
    assert limit == plot.limit


@given(
    hnp.arrays(
        np.uint8, st.integers(1, 17).map(lambda n: (n, n)), elements=st.sampled_from([UNKNOWN, BELOW, 3, 100, 129, 130, 255])
    ),
    st.integers(1, 6),
)
def test_where_cells_share_a_pixel_the_strongest_is_seen(numbers, step):
    found = _strongest(numbers, step)
    for row in range(len(found)):
        for column in range(len(found)):
            cells = numbers[row * step : (row + 1) * step, column * step : (column + 1) * step]
            shown = cells[cells >= FIRST].astype(int)
            if shown.size:
                assert found[row, column] in shown
                assert abs(int(found[row, column]) - ZERO) == np.abs(shown - ZERO).max()
            else:
                assert found[row, column] == cells.max()


def test_one_edge_among_hundreds_of_regions_is_seen_and_saved_whole(plot, qtbot, monkeypatch):
    n = 700
    matrix = np.zeros((n, n))
    matrix[123, 457] = matrix[457, 123] = 0.9
    plot.show_matrix(matrix, [f"region {i}" for i in range(n)])
    plot.set_threshold(0.5)
    assert len(plot._image.image) < n
    assert (plot._image.image > BELOW).sum() == 2
    step = plot._step
    assert plot._image.image[123 // step, 457 // step] > ZERO
    plot._view.setRange(xRange=(440, 480), yRange=(100, 140), padding=0)
    assert plot._image.image.shape == (n, n), "each has its pixels now"
    told = []
    plot.picked.connect(lambda i, j: told.append((i, j)))
    click(plot, 123, 457)
    assert told == [(123, 457)]
    plot._show_all()
    sizes = []
    draw = type(plot._image).setImage
    seen = lambda item, image, **how: (sizes.append((item, len(image))), draw(item, image, **how))  # noqa: E731
    monkeypatch.setattr(type(plot._image), "setImage", seen)
    plot._drawn(".png")
    assert sizes
    assert {size for _, size in sizes} == {n}
    assert plot._image not in [item for item, _ in sizes]  # what is on the screen stays as it is
    assert len(plot._image.image) < n


def test_what_is_lit_stays_with_its_regions_in_every_order(plot):
    def framed():
        x, y = plot._light.getData()
        return {(int(np.nanmin(y[k : k + 5])), int(np.nanmin(x[k : k + 5]))) for k in range(0, len(x), 6)}

    plot.light(2, 7)
    assert framed() == {(3, 4), (4, 3)}
    assert len(plot._rings.data) == 2
    plot.show_matrix(MATRIX, NAMES)
    assert framed() == {(2, 7), (7, 2)}
    plot.light(5)
    assert plot.lit == (5, -1)
    assert framed() == {(5, 0), (0, 5)}
    assert len(plot._rings.data) == 0
    plot.show_matrix(MATRIX[:3, :3], NAMES[:3])
    assert plot.lit == (-1, -1)
    assert not len(plot._light.getData()[0])
    plot.light(1, 9)
    assert plot.lit == (-1, -1)


def test_the_picture_is_square_and_zooms_within_its_edges(plot, qtbot):
    for size in ((420, 380), (240, 700), (900, 300), (200, 200)):
        plot.resize(*size)
        qtbot.wait(20)
        box = plot._view.sceneBoundingRect()
        assert abs(box.width() - box.height()) <= 3, size
        assert box.width() > 0.5 * min(size), size
    plot._view.scaleBy((100, 100))
    assert plot._view.viewRange() == [[0, R], [0, R]]
    plot._view.scaleBy((0.01, 0.01))
    np.testing.assert_allclose(np.ptp(plot._view.viewRange(), axis=1), 4)
    plot.show_matrix(MATRIX, NAMES, order=ORDER)
    np.testing.assert_allclose(np.ptp(plot._view.viewRange(), axis=1), 4, err_msg="new values do not move the view")
    QTest.mouseDClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(150, 100))
    assert plot._view.viewRange() == [[0, R], [0, R]]


@given(
    sizes=st.lists(st.integers(1, 60), max_size=8),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    length=st.floats(30, 800),
)
def test_names_never_lie_on_each_other_and_are_those_of_what_is_seen(qapp, sizes, ends, length):
    from qtpy.QtGui import QFontMetricsF

    from napari_connectome.widgets.region_axis import CLOSE, RegionAxis

    n = sum(sizes) or 50
    low, high = sorted(end * n for end in ends)
    high = max(high, low + 0.01)
    axis = RegionAxis("left")
    axis.set_names([f"cell {i}" for i in range(n)], [(f"block {i}", size) for i, size in enumerate(sizes)])
    shown = axis.shown(low, high, length)
    height = QFontMetricsF(axis.font()).height()
    assert (np.diff([at for at, _ in shown]) >= CLOSE * height - 1e-9).all()
    assert all(height / 2 <= at <= length - height / 2 + 1e-9 for at, _ in shown)
    assert shown or low >= n, "something is always said of what is seen"
    cell = length / (high - low)
    if cell >= CLOSE * height:
        seen = {f"cell {i}" for i in range(n) if i < high and i + 1 > low}
        clamped = 2  # at each end one may be pushed out by its neighbour
        assert len(seen) - clamped <= len(shown)
        assert {name for _, name in shown} <= seen
    elif sizes:
        assert {name.split()[0] for _, name in shown} <= {"block"}


def test_it_is_saved_in_the_order_shown(plot, tmp_path):
    from napari_connectome.io.tables import read_table

    plot.to_tsv(tmp_path / "m.tsv")
    table = read_table(tmp_path / "m.tsv")
    assert list(table.columns) == ["region", *(NAMES[i] for i in ORDER)]
    np.testing.assert_array_equal(table.iloc[:, 1:], MATRIX[np.ix_(ORDER, ORDER)])
    for name in ("p.png", "p.svg"):
        plot.to_picture(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000


def test_it_is_empty_before_and_after(plot):
    plot.clear()
    plot.light(0, 1)
    told = []
    plot.picked.connect(lambda i, j: told.append((i, j)))
    click(plot, 0, 0)
    plot.set_threshold(0.5)
    assert plot.to_frame().empty
    assert told == []
    with pytest.raises(ValueError, match="2 names"):
        plot.show_matrix(MATRIX, ["a", "b"])
    with pytest.raises(ValueError, match="an order of 2"):
        plot.show_matrix(MATRIX[:2, :2], ["a", "b"], order=[0, 0])


def test_the_theme_is_followed_while_open(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    plot = MatrixPlot()
    viewer.window.add_dock_widget(plot)
    plot.show_matrix(MATRIX, NAMES, "precision")
    for theme in ("light", "dark", "light"):
        viewer.theme = theme
        qtbot.wait(30)
        page, bar = plot._plot.backgroundBrush().color(), plot._bar.getAxis("right")
        for axis in (plot._rows, plot._columns, bar):
            assert abs(axis.textPen().color().lightness() - page.lightness()) > 100
        np.testing.assert_array_equal(plot._colors[ZERO], page.getRgb()[:3])
        assert bar.autoSIPrefixScale == 1.0, "its numbers are those of the matrix"
        strengths = np.abs(plot._colors[ZERO:].astype(int) - plot._colors[ZERO]).sum(axis=1)
        assert (strengths[1:] > 0).all()


def test_nothing_is_left_of_a_closed_plot(qtbot):
    plot = MatrixPlot()
    plot.show()
    plot.show_matrix(MATRIX, NAMES)
    ref = weakref.ref(plot)
    plot.close()
    plot.deleteLater()
    del plot
    qtbot.wait(20)
    gc.collect()
    assert ref() is None


def test_importing_is_light():
    code = "import sys, napari_connectome.widgets.matrix_plot as s; sys.exit('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_cells_that_are_not_kept_are_gray_whatever_their_magnitude(qtbot):
    plot = MatrixPlot()
    qtbot.addWidget(plot)
    matrix = np.array([[np.nan, 5.0, -1.0], [5.0, np.nan, 0.5], [-1.0, 0.5, np.nan]])
    plot.show_matrix(matrix, "abc", "t", [2, 0, 1])
    kept = np.array([[False, False, True], [False, False, False], [True, False, False]])
    plot.set_kept(kept)
    numbers, order = plot._image.image, plot.order
    gray = numbers == BELOW
    np.testing.assert_array_equal(gray, (~kept & ~np.isnan(matrix))[np.ix_(order, order)])
    plot.show_matrix(matrix, "abc", "t", [2, 0, 1])
    assert not (plot._image.image == BELOW).any()
