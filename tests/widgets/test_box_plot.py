"""Boxes by condition: the right numbers, every volume a point, clicked with a real mouse."""

import gc
import weakref

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QToolTip

from napari_connectome.core.box import Box
from napari_connectome.widgets.box_plot import BoxPlot
from tests.mouse import hover

LABELS = np.array(["", *["rest", "face", "face", "rest", "house", "house", "house"] * 12])
TIMES = np.arange(len(LABELS)) * 2.5
VALUES = np.random.default_rng(0).standard_normal(len(LABELS)) + 3 * (LABELS == "face")
VALUES[10], VALUES[30] = np.nan, 30.0  # a face that is censored, another far out
VOLUMES = {name: np.flatnonzero(name == LABELS) for name in ("face", "house")}


@pytest.fixture
def plot(qtbot):
    widget = BoxPlot()
    qtbot.addWidget(widget)
    widget.resize(300, 220)
    widget.show()
    qtbot.waitExposed(widget)
    widget.set_values(VALUES, VOLUMES, TIMES)
    qtbot.wait(20)
    return widget


def pixel_of(plot, x, y):
    return plot._plot.mapFromScene(plot._view.mapViewToScene(QPointF(x, y)))


def click(plot, x, y):
    QTest.mouseClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel_of(plot, x, y))


def test_the_boxes_are_those_of_the_finite_values(plot):
    assert plot.conditions == ("face", "house")
    for name, which in VOLUMES.items():
        assert plot.boxes[name] == Box.of(VALUES[which][np.isfinite(VALUES[which])])
    assert plot._names.names == [("face", "(23)"), ("house", "(36)")]
    drawn = [item for item in plot._items if "whiskerFunc" in vars(item)]
    for item, box in zip(drawn, plot.boxes.values(), strict=True):
        (five,) = item.opts["data"]
        assert item.whiskerFunc(five) == (box.low, box.high)
        np.testing.assert_allclose(np.percentile(five, (25, 50, 75)), (box.lower, box.median, box.upper))


def test_a_click_on_a_point_chooses_its_volume(plot):
    chosen = []
    plot.volume_chosen.connect(chosen.append)
    alone = plot._shown[plot._shown["volume"] == 30].iloc[0]
    click(plot, alone["x"], alone["value"])
    assert chosen == [30]
    assert plot._mark.getData()[1].tolist() == [30.0]
    click(plot, alone["x"], alone["value"])
    assert chosen == [30], "it is chosen already"


def test_every_point_can_be_clicked(qtbot):
    plot = BoxPlot()
    qtbot.addWidget(plot)
    plot.resize(900, 700)
    plot.show()
    qtbot.waitExposed(plot)
    plot.set_values(VALUES, VOLUMES, TIMES)
    qtbot.wait(20)
    chosen = []
    plot.volume_chosen.connect(chosen.append)
    for point in plot._shown.itertuples():
        click(plot, point.x, point.value)
    away = np.abs(np.subtract(chosen, plot._shown["volume"]))
    assert np.mean(away == 0) > 0.9, "unless two lie on each other"
    assert set(chosen) <= set(plot._shown["volume"])


def test_a_click_into_a_box_takes_its_nearest_volume_and_one_beside_takes_none(plot):
    chosen = []
    plot.volume_chosen.connect(chosen.append)
    click(plot, 1, plot.boxes["house"].median)
    assert chosen[-1] in VOLUMES["house"]
    click(plot, 0.5, 20.0)
    assert len(chosen) == 1
    QTest.mouseClick(plot._plot.viewport(), Qt.MouseButton.RightButton, pos=QPoint(60, 60))
    for menu in QApplication.topLevelWidgets():
        menu.close() if type(menu).__name__ == "QMenu" else None
    assert len(chosen) == 1


def test_the_volume_of_the_viewer_is_marked_and_not_told_back(plot):
    chosen = []
    plot.volume_chosen.connect(chosen.append)
    plot.set_volume(int(VOLUMES["house"][3]))
    assert plot._mark.getData()[1].tolist() == [VALUES[VOLUMES["house"][3]]]
    plot.set_volume(1)  # rest is not shown
    assert len(plot._mark.getData()[0]) == 0
    assert chosen == []


def test_hovering_says_what_is_there(plot, qtbot):
    point = plot._shown[plot._shown["volume"] == 30].iloc[0]
    hover(plot._plot.viewport(), pixel_of(plot, point["x"], point["value"]))
    qtbot.waitUntil(lambda: QToolTip.isVisible(), timeout=20000)
    assert QToolTip.text() == "face, volume 30 (75 s): 30\nClick to go there."
    QToolTip.hideText()


def test_a_double_click_shows_everything_again(plot, qtbot):
    plot._view.setRange(xRange=(0, 0.2), yRange=(0, 1))
    QTest.mouseDClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel_of(plot, 0.1, 0.5))
    qtbot.wait(30)
    (left, right), (_, high) = plot._view.viewRange()
    assert (left, right) == (-0.5, 1.5)
    assert high > 29


def test_the_points_lie_at_the_same_place_whatever_is_shown(plot):
    before = plot._shown
    plot.set_values(VALUES * 2, VOLUMES, TIMES)
    np.testing.assert_array_equal(before["x"], plot._shown["x"])
    for place, name in enumerate(VOLUMES):
        x = before["x"][before["condition"] == name]
        assert (np.abs(x - place) <= 0.22).all()
        assert np.ptp(x) > 0.3, "strewn"


def test_conditions_without_a_value_keep_their_place_without_a_box(plot):
    plot.set_values(np.full(len(TIMES), np.nan), VOLUMES, TIMES)
    assert plot.conditions == ()
    assert plot._names.names == [("face", "(0)"), ("house", "(0)")]
    assert plot.to_frame().empty
    click(plot, 0, 0)
    plot.set_values(VALUES, {**VOLUMES, "cat": np.array([], dtype=int)}, TIMES)
    assert plot.conditions == ("face", "house")
    plot.clear()
    assert plot.to_frame().empty
    with pytest.raises(ValueError, match="3 values"):
        plot.set_values([1, 2, 3], VOLUMES, TIMES)


def test_names_stand_upright_where_there_is_little_room(plot, qtbot):
    assert not plot._names._upright
    low = plot._names.height()
    many = {f"scrambledpix{i}": VOLUMES["face"] for i in range(8)}
    plot.set_values(VALUES, many, TIMES)
    qtbot.wait(20)
    assert plot._names._upright
    assert plot._names.height() > low
    plot.resize(1400, 220)
    qtbot.wait(20)
    assert not plot._names._upright


@pytest.mark.parametrize("which", [[3], [3, 4], [3, 4, 5, 6, 7]])
def test_a_box_without_height_is_a_line(plot, which):
    values = VALUES.copy()
    values[which] = 2.0
    if len(which) > 4:
        values[which[-1]] = 3.0  # beyond the quartiles, which are equal
    other = np.flatnonzero(LABELS == "house")
    plot.set_values(values, {"few": np.array(which), "many": other}, TIMES, "#00ff00")
    picture = plot.grab().toImage()
    x, page = plot._plot.mapFromScene(plot._view.mapViewToScene(QPointF(0.2, 0))).x(), plot._plot.backgroundBrush().color()
    height = range(plot._plot.height())
    drawn = sum(QColor(picture.pixel(x, y)).name() != page.name() for y in height)
    assert 0 < drawn < 30, "one line for the median, and the axis"


def test_zooming_out_ends_where_everything_is_seen(plot):
    everything = plot._view.viewRange()[0]
    plot._view.scaleBy((100, 1))
    assert plot._view.viewRange()[0] == everything
    plot._view.scaleBy((0.1, 1))
    assert np.ptp(plot._view.viewRange()[0]) < np.ptp(everything)
    plot.set_values(VALUES, {"face": VOLUMES["face"]}, TIMES)
    assert plot._view.viewRange()[0] == [-0.5, 0.5]
    plot.set_values(VALUES, VOLUMES, TIMES)
    assert plot._view.viewRange()[0] == everything


def test_it_is_saved_as_a_table_and_exported_as_pictures(plot, tmp_path):
    tables = pytest.importorskip("napari_connectome.io.tables")
    plot.to_tsv(tmp_path / "boxes.tsv")
    table = tables.read_table(tmp_path / "boxes.tsv")
    assert list(table.columns) == ["condition", "volume", "time", "value"]
    np.testing.assert_array_equal(table["value"], VALUES[table["volume"]])
    np.testing.assert_array_equal(table["condition"], LABELS[table["volume"]])
    assert len(list(tmp_path.iterdir())) == 1
    plot.about = {"run": "bold"}
    plot.to_tsv(tmp_path / "boxes.tsv")
    assert (tmp_path / "boxes.json").exists()
    for name in ("p.png", "p.svg"):
        plot.to_picture(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    assert "face" in (tmp_path / "p.svg").read_text()


def test_the_theme_is_followed_while_open(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    plot = BoxPlot()
    viewer.window.add_dock_widget(plot)
    plot.set_values(VALUES, VOLUMES, TIMES)
    for theme in ("light", "dark"):
        viewer.theme = theme
        qtbot.wait(30)
        page = plot._plot.backgroundBrush().color()
        for pen in (plot._names.textPen(), plot._items[0]._pen):
            assert abs(pen.color().lightness() - page.lightness()) > 100


def test_nothing_is_left_of_a_closed_plot(qtbot):
    plot = BoxPlot()
    plot.show()
    plot.set_values(VALUES, VOLUMES, TIMES)
    ref = weakref.ref(plot)
    plot.close()
    plot.deleteLater()
    del plot
    qtbot.wait(20)
    gc.collect()
    assert ref() is None


def test_importing_is_light():
    import subprocess
    import sys

    code = "import sys, napari_connectome.widgets.box_plot as s; sys.exit('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
