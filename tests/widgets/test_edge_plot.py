"""What an edge rests on, seen and clicked: series, pairs of values, and runs."""

import gc
import re
import subprocess
import sys
import weakref

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QToolTip

from napari_connectome.analyses.edge_account import edge_account
from napari_connectome.core.values import Series
from napari_connectome.widgets.edge_plot import EdgePlot
from tests.mouse import hover


def account(runs=3, t=60, i=0, j=1, missing=()):
    rng = np.random.default_rng(0)
    each = []
    for run in range(runs):
        data = rng.standard_normal((t + run, 3)) * (1, 20, 300) + (0, 100, 5)
        data[:, 1] += 20 * data[:, 0]
        if run in missing:
            data[:, 1] = np.nan
        each.append(Series(data, ["left", "right", "front"], 2.0))
    places = np.array([[-30.0, 0, 0], [30, 0, 0], [0, 40, 0]])
    return edge_account(each, i, j, coordinates=places, runs=[f"sub-{k}" for k in range(runs)])


@pytest.fixture
def plot(qtbot):
    widget = EdgePlot()
    qtbot.addWidget(widget)
    widget.resize(460, 600)
    widget.show()
    qtbot.waitExposed(widget)
    widget.show_account(account(), 1)
    qtbot.wait(20)
    return widget


def pixel_of(plot, x, y):
    return plot._plot.mapFromScene(plot._view.mapViewToScene(QPointF(x, y)))


def click(plot, x, y):
    QTest.mouseClick(plot._plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel_of(plot, x, y))


def test_what_is_drawn_has_the_correlations_that_are_told(plot):
    told = account()
    for run in range(3):
        plot.show_run(run)
        pair = plot.pair.to_frame()
        first, second = pair["left"], pair["right"]
        np.testing.assert_allclose(np.corrcoef(first, second)[0, 1], told.r[run])
        kept = ~pair["left_out"].to_numpy()
        np.testing.assert_array_equal(np.flatnonzero(~kept), np.sort(told.left_out[run]))
        np.testing.assert_allclose(np.corrcoef(first[kept], second[kept])[0, 1], told.r_without[run])
        np.testing.assert_allclose((first.std(), second.std()), 1)
        series = plot.series.to_frame()
        np.testing.assert_allclose(series["right"], second)
        x, y = plot.pair._line.getData()
        np.testing.assert_allclose(np.diff(y) / np.diff(x), told.r[run], err_msg="of z values, the slope is r")
        said = re.sub("<[^>]*>", "", plot.text.text())
        pearson = f"Pearson's r = {told.r[run]:.3f}, {told.r_without[run]:.3f} without the"
        assert f"● left and ● right in sub-{run}: {pearson}" in said
        assert "60 mm apart" in plot.text.text()
    np.testing.assert_array_equal(plot.values.to_frame()["r"], told.r)


def test_a_click_on_a_point_marks_its_volume_everywhere_and_tells_it(plot):
    chosen = []
    plot.volume_chosen.connect(lambda run, row: chosen.append((run, row)))
    pair = plot.pair.to_frame()
    row = int(pair["left"].argmax())
    click(plot.pair, pair["left"][row], pair["right"][row])
    assert chosen == [(1, row)]
    assert plot.series._line.value() == 2.0 * row
    click(plot.series, 40.0, 0.0)
    assert chosen[-1] == (1, 20)
    assert plot.pair._mark.getData()[0].tolist() == [pair["left"][20]]
    plot.set_volume(5)
    assert len(chosen) == 2, "what is told from outside is not told back"


def test_a_click_on_the_value_of_a_run_shows_that_run(plot):
    chosen = []
    plot.run_chosen.connect(chosen.append)
    click(plot.values, 2, float(account().r[2]))
    assert chosen == [2]
    assert plot.run == 2
    assert len(plot.pair.to_frame()) == 62
    assert "sub-2" in plot.text.text()


def test_hovering_says_what_is_there(plot, qtbot):
    pair = plot.pair.to_frame()
    row = int(pair["left"].argmin())
    x, y = pair["left"][row], pair["right"][row]
    hover(plot.pair._plot.viewport(), pixel_of(plot.pair, x, y))
    qtbot.waitUntil(QToolTip.isVisible, timeout=20000)
    assert QToolTip.text() == f"{2 * row} s: {x:.3g}, {y:.3g}\nClick to go there."
    hover(plot.values._plot.viewport(), pixel_of(plot.values, 0, 0.2))
    qtbot.waitUntil(lambda: QToolTip.text() == f"sub-0: {account().r[0]:.3g}", timeout=20000)


def test_runs_without_a_series_and_one_run_and_a_region_with_itself(plot):
    plot.show_account(account(missing=[1]), 1)
    assert "no correlation" in plot.text.text()
    assert len(plot.values._points.getData()[0]) == 2
    plot.show_account(account(runs=1))
    assert plot.values.isHidden()
    assert " in " not in plot.text.text()
    plot.show_account(account(runs=1, i=2, j=2))
    assert plot.series.names == ("front", "front (second)")
    plot.clear()
    assert plot.series.names == ()
    assert plot.pair.to_frame().empty
    plot.set_volume(3)
    plot.show_run(0)


def test_it_has_room_in_a_narrow_dock(plot):
    assert plot.minimumSizeHint().width() <= 200


def test_everything_is_saved(plot, tmp_path):
    for part in (plot.series, plot.pair, plot.values):
        part.to_tsv(tmp_path / part.file_name)
        part.to_picture((tmp_path / part.file_name).with_suffix(".svg"))
    assert len(list(tmp_path.iterdir())) == 6


def test_the_theme_is_followed_and_numbers_stay_what_they_are(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    plot = EdgePlot()
    viewer.window.add_dock_widget(plot)
    plot.show_account(account())
    for theme in ("light", "dark"):
        viewer.theme = theme
        qtbot.wait(30)
        for part in (plot.series, plot.pair, plot.values):
            page = part._plot.backgroundBrush().color()
            for side in ("left", "bottom"):
                axis = part._plot.getAxis(side)
                assert abs(axis.textPen().color().lightness() - page.lightness()) > 100
                assert axis.autoSIPrefixScale == 1.0, "0.5 is written 0.5"


def test_nothing_is_left_of_a_closed_plot(qtbot):
    plot = EdgePlot()
    plot.show()
    plot.show_account(account())
    ref = weakref.ref(plot)
    plot.close()
    plot.deleteLater()
    del plot
    qtbot.wait(20)
    gc.collect()
    assert ref() is None


def test_importing_is_light():
    code = "import sys, napari_connectome.widgets.edge_plot as s; sys.exit('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
