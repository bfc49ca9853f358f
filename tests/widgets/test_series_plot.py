"""The plot of a seed's signal: quick, honest about gaps, and clicked with a real mouse."""

import gc
import time
import weakref

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_connectome.widgets.series_plot import SeriesPlot

TIMES = np.arange(100) * 2.0


@pytest.fixture
def plot(qtbot):
    widget = SeriesPlot()
    qtbot.addWidget(widget)
    widget.resize(300, 160)
    widget.show()
    qtbot.waitExposed(widget)
    widget.set_volumes(TIMES)
    widget.set_series(TIMES, np.sin(TIMES / 9), "PCC")
    qtbot.wait(20)
    return widget


def pixel_of(plot, seconds):
    scene = plot._view.mapViewToScene(QPointF(seconds, 0.0))
    return plot._plot.mapFromScene(scene)


def test_a_click_chooses_the_volume_under_it(plot, qtbot):
    chosen = []
    plot.frame_chosen.connect(chosen.append)
    for frame in (10, 73, 0, 99):
        QTest.mouseClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel_of(plot, TIMES[frame] + 0.3))
        assert plot._line.value() == TIMES[frame]
    assert chosen == [10, 73, 0, 99]


def test_a_drag_goes_through_the_volumes_and_moves_nothing_else(plot, qtbot):
    chosen = []
    plot.frame_chosen.connect(chosen.append)
    before = plot._view.viewRange()
    port = plot._plot.viewport()
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=pixel_of(plot, 20))
    for seconds in np.linspace(20, 150, 40):
        QTest.mouseMove(port, pixel_of(plot, seconds))
        QApplication.processEvents()
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=pixel_of(plot, 150))
    QTest.mouseMove(port, pixel_of(plot, 30))
    assert chosen[0] == 10
    assert chosen == sorted(set(chosen)), "each volume once"
    assert abs(chosen[-1] - 75) <= 1
    np.testing.assert_allclose(plot._view.viewRange()[0], before[0])


def test_a_click_outside_the_times_takes_the_nearest(plot):
    chosen = []
    plot.frame_chosen.connect(chosen.append)
    QTest.mouseClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(2, 40))
    assert chosen == [0]


def test_the_frame_of_the_viewer_is_marked_and_not_told_back(plot):
    chosen = []
    plot.frame_chosen.connect(chosen.append)
    plot.set_frame(42.0)
    assert plot._line.isVisible()
    assert plot._line.value() == 42.0
    assert chosen == []


def test_without_series_a_click_is_nothing(qtbot):
    plot = SeriesPlot()
    qtbot.addWidget(plot)
    plot.show()
    plot.frame_chosen.connect(lambda frame: pytest.fail("no volume to choose"))
    QTest.mouseClick(plot._plot.viewport(), Qt.MouseButton.LeftButton)
    assert plot.to_frame().empty


def test_a_double_click_shows_everything_again(plot, qtbot):
    plot._view.setRange(xRange=(20, 40), yRange=(0, 0.1))
    QTest.mouseDClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel_of(plot, 30))
    qtbot.wait(30)
    (left, right), (low, high) = plot._view.viewRange()
    assert left <= 0
    assert right >= 198
    assert low < -0.9
    assert high > 0.9


def test_series_come_change_and_go(plot):
    plot.set_series(TIMES, np.cos(TIMES), "mPFC", "#00ff00")
    assert plot.names == ("PCC", "mPFC")
    plot.set_series(TIMES, np.zeros(100), "PCC")
    assert plot.names == ("PCC", "mPFC")
    table = plot.to_frame()
    assert list(table.columns) == ["time", "PCC", "mPFC"]
    np.testing.assert_array_equal(table["PCC"], 0)
    plot.remove_series("PCC")
    plot.remove_series("nobody")
    assert [label.text for _, label in plot._legend.items] == ["mPFC"]
    plot.clear()
    assert plot.names == ()
    assert not plot._line.isVisible()


def test_censored_volumes_are_shaded_and_break_the_line(plot):
    keep = np.ones(100, bool)
    keep[[30, 31, 32, 60]] = False
    plot.set_volumes(TIMES, keep)
    plot.set_series(TIMES[keep], np.ones(96), "PCC")
    assert plot._censored.isVisible()
    np.testing.assert_array_equal(plot._censored.opts["x"], TIMES[~keep])
    joined = plot._curves["PCC"].opts["connect"]
    np.testing.assert_array_equal(np.flatnonzero(~joined), [29, 56])
    plot.set_volumes(TIMES)
    assert not plot._censored.isVisible()
    with pytest.raises(ValueError, match="96 volumes"):
        plot.set_volumes(TIMES, np.ones(96, bool))


def test_the_table_lines_up_series_with_different_gaps(plot, tmp_path):
    keep = np.ones(100, bool)
    keep[5] = False
    plot.set_series(TIMES[keep], np.ones(99), "scrubbed")
    table = plot.to_frame()
    np.testing.assert_array_equal(table["time"], TIMES)
    assert table["scrubbed"].isna().sum() == 1
    tables = pytest.importorskip("napari_connectome.io.tables")
    plot.to_tsv(tmp_path / "seed.tsv")
    again = tables.read_table(tmp_path / "seed.tsv")
    np.testing.assert_allclose(again["PCC"], np.sin(TIMES / 9))


def test_axes_say_what_and_in_which_unit(plot):
    plot.set_label("cleaned signal (z)")
    assert plot._plot.getAxis("bottom").labelText == "time (s)"
    assert plot._plot.getAxis("left").labelText == "cleaned signal (z)"
    plot._dress()
    assert plot._plot.getAxis("left").labelText == "cleaned signal (z)"


def test_a_live_update_costs_next_to_nothing(plot):
    """Not a benchmark: a hundred times what was measured (0.2 ms) would still be felt."""
    values = np.random.default_rng(0).standard_normal(100)
    start = time.perf_counter()
    for _ in range(50):
        plot.set_series(TIMES, values, "PCC")
    assert (time.perf_counter() - start) / 50 < 0.02


def test_it_is_saved_as_a_picture(plot, tmp_path):
    from qtpy.QtGui import QImage

    for name in ("p.png", "p.jpg", "P.PNG"):
        plot.to_picture(tmp_path / name)
        picture = QImage(str(tmp_path / name))
        assert picture.width() >= 3 * plot._plot.width() - 9
        assert picture.width() / picture.height() == pytest.approx(plot._plot.width() / plot._plot.height(), rel=0.05)
        colors = {picture.pixel(x, y) for x in range(0, picture.width(), 5) for y in range(0, picture.height(), 5)}
        assert len(colors) > 2
    plot.to_picture(tmp_path / "p.svg")
    assert "time (s)" in (tmp_path / "p.svg").read_text()


def test_what_cannot_be_saved_is_told(plot, tmp_path, monkeypatch):
    from napari.utils.notifications import notification_manager
    from qtpy.QtWidgets import QFileDialog

    from napari_connectome.core.errors import InputError

    with pytest.raises(InputError, match=r"would be no picture: end its name in \.png, \.svg, \.jpg\."):
        plot.to_picture(tmp_path / "p.docx")
    with pytest.raises(InputError, match="there is no folder"):
        plot.to_picture(tmp_path / "missing" / "p.png")
    told = []
    monkeypatch.setattr(notification_manager, "dispatch", lambda notification: told.append(notification.message))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "missing" / "p"), ""))
    actions = {action.text(): action for action in plot._view.menu.actions()}
    for text in ("Save picture…", "Save values…"):
        actions[text].trigger()
        assert "here is no folder" in told[-1]
    assert not list(tmp_path.iterdir())


def test_the_menu_offers_what_works(plot):
    plot_item = plot._plot.getPlotItem()
    assert plot_item.getContextMenus(None) is None
    assert plot._plot.scene().contextMenu == []
    assert [action.text() for action in plot._view.menu.actions()][-2:] == ["Save picture…", "Save values…"]


def test_the_theme_is_followed_while_open(make_napari_viewer, qtbot):
    from napari.utils.theme import get_theme
    from qtpy.QtGui import QColor

    viewer = make_napari_viewer()
    plot = SeriesPlot()
    viewer.window.add_dock_widget(plot)
    plot.set_series(TIMES, TIMES, "PCC")
    for theme in ("light", "dark"):
        viewer.theme = theme
        qtbot.wait(30)
        page = plot._plot.backgroundBrush().color()
        assert page.getRgb()[:3] == QColor(str(get_theme(theme).background.as_hex())).getRgb()[:3]
        ink = plot._plot.getAxis("left").textPen().color()
        assert abs(ink.lightness() - page.lightness()) > 100
        assert ink.name() in plot._legend.items[0][1].item.toHtml()


def test_nothing_is_left_of_a_closed_plot(qtbot):
    plot = SeriesPlot()
    plot.show()
    plot.set_series(TIMES, TIMES, "PCC")
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

    code = "import sys, napari_connectome.widgets.series_plot as s; sys.exit('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_names_may_be_left_to_the_pictures(plot, tmp_path):
    plot.show_names(False)
    assert not plot._legend.isVisible()
    plot.to_picture(tmp_path / "named.svg")
    assert "PCC" in (tmp_path / "named.svg").read_text()
    assert not plot._legend.isVisible()
