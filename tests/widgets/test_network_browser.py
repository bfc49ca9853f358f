"""Browsing networks in the real window: the table and the slider, names, order, what is hidden and dropped, what runs do."""

import gc
import json
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit

from napari_connectome import Grid, RegionSeries, region_series
from napari_connectome.analyses.networks import NetworkMaps, Networks
from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.errors import InputError
from napari_connectome.core.sources import RunSource
from napari_connectome.core.values import Volume
from napari_connectome.layers.network_layers import NetworkLayers
from napari_connectome.widgets.network_browser import NetworkBrowser
from napari_connectome.widgets.network_table import NAME, SHOWN
from napari_connectome.widgets.panel import Panel

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
PARAMS = Networks(fwhm=0.0, cleaning=Cleaning(detrend=True))
AS_LEARNED = RegionSeries(fwhm=0.0, cleaning=PARAMS.cleaning)


class Host(Panel):
    """A dock widget with nothing but the browser."""

    def __init__(self, viewer):
        super().__init__(viewer)
        self.browser = NetworkBrowser(self)
        self.column.addWidget(self.browser)


@pytest.fixture(scope="module")
def maps(small_run):
    """Four networks of the small run: three places, and one that is nowhere strong."""
    grid, places = small_run.run.grid, small_run.places
    data = np.stack([grid.sphere(places[name], 14).astype("f4") for name in ("front", "left", "back")])
    data = np.concatenate([data, 0.2 * np.roll(data[:1], 3, axis=3)])
    mask = Volume(small_run.brain, grid, name="mask")
    return NetworkMaps(
        data,
        grid,
        names=[f"network {i}" for i in range(1, 5)],
        provenance={"analysis": "learn_networks", "parameters": PARAMS.to_dict()},
        explained=np.array([0.21, 0.1, 0.05, 0.0004]),
        score=0.4,
        mask=mask,
        subjects=("small",),
    )


@pytest.fixture
def window(make_napari_viewer, small_run, maps, add_run, until):
    """The networks of two runs, one of which is open, in napari's window."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(900, 700)
    run = small_run.run
    add_run(viewer, run)
    host = Host(viewer)
    dock = viewer.window.add_dock_widget(host, name="Networks", area="right")
    networks = NetworkLayers(viewer)
    host.at_end(networks.close)
    networks.show(maps)
    late = run.replace(data=run.data[20:], name="late", confounds=None)
    host.browser.set_networks(networks, [RunSource(run), RunSource(late)], PARAMS)
    browser = host.browser
    until(lambda: browser.courses.courses is not None)
    return SimpleNamespace(
        viewer=viewer,
        dock=dock,
        networks=networks,
        browser=browser,
        table=browser.table,
        courses=browser.courses,
        run=run,
        maps=maps,
    )


def click(window, row, column=NAME, modifier=NONE):
    table = window.table
    place = table.visualRect(table.networks.index(row, column))
    where = QPoint(place.left() + 10, place.center().y()) if column == SHOWN else place.center()
    QTest.mouseClick(table.viewport(), LEFT, modifier, where)
    QApplication.processEvents()


def names(window):
    model = window.table.networks
    return [model.data(model.index(i, NAME)) for i in range(model.rowCount())]


def names_are_typed_and_must_differ(window, until):
    def rename(row, name):
        place = window.table.visualRect(window.table.networks.index(row, NAME)).center()
        QTest.mouseClick(window.table.viewport(), LEFT, NONE, place)
        QTest.mouseDClick(window.table.viewport(), LEFT, NONE, place)
        editor = window.table.findChild(QLineEdit)
        editor.selectAll()
        QTest.keyClicks(editor, name)
        QTest.keyClick(editor, Qt.Key.Key_Return)
        until(lambda: window.table.findChild(QLineEdit) is None)

    rename(1, "motor <left>")
    assert names(window)[1] == window.networks.maps.names[1] == "motor <left>"
    assert window.courses.series.names == ("motor <left>",)
    assert not window.courses.work.busy, "a name needs no new series"
    rename(2, "motor <left>")
    assert names(window)[2] == "network 3"
    assert "another network named" in window.browser.message.text()


def order_by_buttons_and_by_hand(window, until):
    click(window, 2)
    before = window.courses.courses
    QTest.mouseClick(window.browser.up_button, LEFT)
    assert names(window) == ["network 1", "network 3", "network 2", "network 4"]
    assert window.table.chosen == [window.networks.current] == [1]
    port, table = window.table.verticalHeader().viewport(), window.table
    start, end = table.handle(0), table.handle(3) + QPoint(0, 6)
    QTest.mousePress(port, LEFT, NONE, start)
    for y in np.linspace(start.y(), end.y(), 10):
        QTest.mouseMove(port, QPoint(start.x(), round(y)))
    QTest.mouseRelease(port, LEFT, NONE, end)
    QApplication.processEvents()
    assert names(window) == ["network 3", "network 2", "network 4", "network 1"]
    assert tuple(names(window)) == window.networks.maps.names
    assert window.table.chosen == [window.networks.current] == [3]
    assert window.courses.courses is before, "nothing is computed anew"
    column = before.series.data[:, 0]
    np.testing.assert_array_equal(window.courses.series._curves["network 1"].yData, column)


def dropped_networks_come_back_one_by_one(window, until):
    click(window, 0)
    click(window, 2, modifier=CONTROL)
    window.viewer.window._qt_window.activateWindow()  # there may be no window manager to do so
    window.table.setFocus()
    until(window.table.hasFocus)
    QTest.keyClick(window.table, Qt.Key.Key_Delete)
    assert names(window) == ["network 2", "network 4"]
    assert window.browser.undo_button.isEnabled()
    until(lambda: window.courses.courses is not None and len(window.courses.courses.keys) == 2)
    for count in (3, 4):
        QTest.mouseClick(window.browser.undo_button, LEFT)
        assert len(names(window)) == count
    assert names(window) == ["network 1", "network 2", "network 3", "network 4"]
    assert not window.browser.undo_button.isEnabled()
    until(lambda: window.courses.courses is not None and len(window.courses.courses.keys) == 4)
    click(window, 0)
    for row in (1, 2, 3):
        click(window, row, modifier=CONTROL)
    assert not window.browser.drop_button.isEnabled(), "one must be left"
    click(window, 2)
    QTest.mouseClick(window.browser.drop_button, LEFT)
    assert names(window) == ["network 1", "network 2", "network 4"]


def a_layer_taken_out_comes_back_with_a_click_which_goes_to_the_peak(window, until):
    layer = window.networks.layer
    window.viewer.layers.remove(layer)
    assert "taken out of the viewer" in window.browser.about.text()
    click(window, 0)
    assert window.networks.layer in window.viewer.layers
    assert "network 1 alone explains" in window.browser.about.text()
    window.viewer.dims.set_point(window.viewer.dims.ndim - 3, -27.0)
    click(window, 2)
    z, y, x = window.viewer.dims.point[-3:]
    np.testing.assert_allclose(np.abs([z - 3, y + 21, x]), 0, atol=14)
    place = window.viewer.dims.point[-3:]
    window.networks.look(1)
    assert window.viewer.dims.point[-3:] == place, "the slider stays on its plane"


def what_the_sign_of_independent_components_says(window, until):
    about = window.browser.about
    for method in ("ica", "dictionary"):
        provenance = {"analysis": "learn_networks", "parameters": PARAMS.replace(method=method).to_dict()}
        window.networks.show(replace(window.maps, provenance=provenance))
        click(window, 2)
        assert "network 3 alone explains 5.0 %" in about.text()
        assert ("the peak is positive" in about.text()) == (method == "ica")
    window.networks.show(window.maps)


def rows_and_slider_follow_each_other_in_a_narrow_dock(window, until):
    window.viewer.window._qt_window.resizeDocks([window.dock], [300], Qt.Orientation.Horizontal)
    QApplication.processEvents()
    table = window.table
    assert table.horizontalHeader().length() <= table.viewport().width()
    assert window.courses.sizeHint().height() < 450, "both plots are seen at once"
    assert table.columnWidth(NAME) > 80
    click(window, 2)
    assert window.networks.current == 2 == round(window.viewer.dims.point[0])
    window.viewer.dims.set_point(0, 1)
    assert window.table.chosen == [1]
    assert "network 2 alone explains 10.0 %" in window.browser.about.text()
    assert window.courses.series.names == ("network 2",)
    click(window, 3, modifier=CONTROL)
    assert window.networks.current == 3
    assert window.courses.series.names == window.courses.spectra.names == ("network 2", "network 4")


def test_the_table(window, until):
    """In one window, with the networks as they were learned each time."""
    for part in (
        names_are_typed_and_must_differ,
        order_by_buttons_and_by_hand,
        dropped_networks_come_back_one_by_one,
        a_layer_taken_out_comes_back_with_a_click_which_goes_to_the_peak,
        what_the_sign_of_independent_components_says,
        rows_and_slider_follow_each_other_in_a_narrow_dock,
    ):
        window.networks.show(window.maps)
        until(lambda: window.courses.courses is not None and not window.courses.work.busy)
        part(window, until)


class Broken:
    """A source that cannot be read."""

    name = "broken"

    def load(self, progress=None):
        raise InputError("broken.nii.gz is cut short: copy it again.")


def test_a_browser_that_is_closed_goes_at_once(make_napari_viewer, maps, small_run, until):
    """Nothing of ours holds it in a circle."""

    def opened_and_closed():
        viewer = make_napari_viewer(show=True)
        host = Host(viewer)
        viewer.window.add_dock_widget(host, name="Networks")
        networks = NetworkLayers(viewer)
        host.at_end(networks.close)
        networks.show(maps)
        host.browser.set_networks(networks, [RunSource(small_run.run)], PARAMS)
        courses = host.browser.courses
        until(lambda: courses.courses is not None)
        viewer.window.remove_dock_widget(host)
        networks.rename(0, "afterwards")
        assert not courses.work.busy
        return weakref.ref(host), weakref.ref(host.browser)

    kept = opened_and_closed()
    QApplication.processEvents()
    gc.collect()
    assert [each() for each in kept] == [None, None]


def hidden_networks_are_left_out_of_what_is_saved(window, until, tmp_path, monkeypatch):
    click(window, 1, SHOWN)
    assert window.networks.hidden(1)
    assert names(window) == ["network 1", "network 2", "network 3", "network 4"]
    path = tmp_path / "networks.nii.gz"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    QTest.mouseClick(window.browser.save_button, LEFT)
    until(lambda: "saved" in window.browser.message.text())
    about = json.loads((tmp_path / "networks.json").read_text())
    assert about["names"] == ["network 1", "network 3", "network 4"]
    table = tmp_path / "series.tsv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(table), ""))
    QTest.mouseClick(window.courses.save_button, LEFT)
    series = pd.read_csv(table, sep="\t")
    assert list(series) == ["time", "network 1", "network 3", "network 4"]
    expected = region_series(window.run, window.networks.maps, AS_LEARNED).data
    np.testing.assert_allclose(series.to_numpy()[:, 1:], expected[:, [0, 2, 3]], atol=1e-6)
    assert json.loads((tmp_path / "series.json").read_text())["provenance"]["run"] == "small"
    for row in (0, 2, 3):
        click(window, row, SHOWN)
    QTest.mouseClick(window.browser.save_button, LEFT)
    assert "hidden" in window.browser.message.text()


def the_series_are_those_of_a_script_and_a_click_goes_to_the_volume(window):
    from scipy.signal import periodogram

    expected = region_series(window.run, window.networks.maps, AS_LEARNED)
    shown = window.courses.series.to_frame()
    np.testing.assert_allclose(shown["network 1"], expected.data[:, 0], atol=1e-9)
    assert window.courses.series._label == "signal (z)"
    found = window.courses.courses
    frequencies, power = periodogram(expected.data, fs=0.5, axis=0)
    assert found.frequencies[-1] == frequencies[-1] == 0.25
    inside = (frequencies >= 0.01) & (frequencies <= 0.1)
    share = power[inside].sum(axis=0) / power.sum(axis=0)
    assert abs(found.slow(found.keys[0]) - share[0]) < 0.1
    plot = window.courses.series
    place = plot._plot.mapFromScene(plot._view.mapViewToScene(QPointF(81.0, 0.0)))
    QTest.mouseClick(plot._plot.viewport(), LEFT, pos=place)
    assert window.viewer.dims.point[1] in (80.0, 82.0)
    assert window.networks.current == 0, "the networks' slider stays"
    window.viewer.dims.set_point(1, 120.0)
    assert plot._line.value() == 120.0


def choose_run(window, index):
    choice = window.courses.run_choice
    choice.setCurrentIndex(index)
    choice.activated.emit(index)


def test_runs_are_chosen(window, small_run, until):
    """The first one is kept; one on another grid is brought to that of the networks; a short one has no spectrum."""
    run, first = window.run, window.courses.courses
    choice = window.courses.run_choice
    assert [choice.itemText(i) for i in range(choice.count())] == ["small", "late"]
    choose_run(window, 1)
    until(lambda: window.courses.courses is not None and len(window.courses.courses.times) == 70)
    choose_run(window, 0)
    assert window.courses.courses is first
    finer = Grid((20, 28, 24), run.grid.affine @ np.diag([0.5, 0.5, 0.5, 1]))
    other = run.replace(data=run.data.repeat(2, 1).repeat(2, 2).repeat(2, 3), grid=finer, name="finer")
    short = run.replace(data=run.data[:3], name="short")
    plain = Networks(fwhm=0.0, cleaning=Cleaning(detrend=False))
    window.browser.set_networks(window.networks, [RunSource(run), RunSource(other), RunSource(short), Broken()], plain)
    assert choice.currentText() == "small", "the run chosen stays"
    choose_run(window, 1)
    until(lambda: window.courses.courses is not None and window.courses.courses.about["run"] == "finer")
    assert "another grid and was resampled" in window.courses.about.text()
    assert window.courses.courses.about["resampled"] == "run"
    choose_run(window, 2)
    until(lambda: window.courses.courses is not None and window.courses.courses.about["run"] == "short")
    assert len(window.courses.series.to_frame()) == 3
    assert not len(window.courses.spectra.to_frame())
    choose_run(window, 3)
    until(lambda: not window.courses.work.busy and bool(window.courses.message.text()))
    assert window.courses.message.text() == "broken.nii.gz is cut short: copy it again."
    assert not window.courses.series.isVisible()
    assert window.browser.save_button.isEnabled()
    choose_run(window, 1)
    assert window.courses.message.isHidden()
    assert window.courses.series.isVisible()
    window.networks.show(window.networks.maps.take([2, 0]).renamed(["a", "b"]))
    assert names(window) == ["a", "b"]
    until(lambda: window.courses.courses is not None and len(window.courses.courses.keys) == 2)
    window.browser.set_networks(None)
    assert names(window) == []
    assert "learn some" in window.browser.about.text()


def test_series_and_what_is_saved(window, until, tmp_path, monkeypatch):
    the_series_are_those_of_a_script_and_a_click_goes_to_the_volume(window)
    hidden_networks_are_left_out_of_what_is_saved(window, until, tmp_path, monkeypatch)
