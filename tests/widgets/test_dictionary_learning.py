"""The whole panel in a window: learn, watch, cancel, learn again, browse."""

import numpy as np
import pytest

from napari_connectome.analyses.networks import Networks
from napari_connectome.layers.network_sketch import SKETCH
from napari_connectome.layers.spatial import info
from napari_connectome.widgets.dictionary_learning import BROWSE, LEARN, REGIONS

WIDGET = "Dictionary-learning regions"


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def panel(viewer, network_files, until):
    """The panel as the menu opens it, with four runs in files."""
    from qtpy.QtWidgets import QApplication

    _, made = viewer.window.add_plugin_dock_widget("napari-connectome", WIDGET)
    made.learning.runs.add_files(network_files)
    until(lambda: not made.learning.runs.busy)
    made.learning.form.value = Networks(n_components=4, mask="background", fwhm=0.0, alpha=1.0)
    QApplication.processEvents()
    return made


@pytest.fixture
def learn(panel, until):
    def press(**changes):
        panel.learning.form.value = panel.learning.form.value.replace(**changes)
        panel.learning.learn_button.click()
        until(lambda: not panel.learning.work.busy)

    return press


def sketches(viewer):
    return [layer for layer in viewer.layers if info(layer).get("role") == SKETCH]


def test_networks_are_learned_and_can_be_browsed(viewer, panel, learn):
    assert [panel.tabs.isTabEnabled(tab) for tab in (LEARN, BROWSE, REGIONS)] == [True, False, False]
    learn()
    assert [panel.tabs.isTabEnabled(tab) for tab in (LEARN, BROWSE, REGIONS)] == [True, True, True]
    assert panel.networks.layer in viewer.layers
    assert panel.networks.overview in viewer.layers
    assert panel.browser.table.model().rowCount() == 4
    assert sketches(viewer) == []
    first = panel.networks.layer
    learn(n_components=3)
    assert panel.networks.layer is first  # renewed, not added
    assert len(viewer.layers) == 2
    assert panel.browser.table.model().rowCount() == 3


def test_maps_sharpen_while_they_are_learned_and_cancel_takes_them_away(viewer, panel, learn, until, monkeypatch):
    from napari_connectome.widgets.work import Job

    learn()
    before = [(layer, layer.name, layer.visible) for layer in viewer.layers]
    place, data = viewer.dims.point, panel.networks.layer.data.copy()
    panel.learning._look.setInterval(1)
    original, held = Job._progress, []

    def hold(job, fraction, doing):
        """Have the learning wait for the window at its passes, so that it can be watched on any machine."""
        while "pass" in doing and not job.stopped.wait(0.005):
            held.append(doing)
        original(job, fraction, doing)

    monkeypatch.setattr(Job, "_progress", hold)
    panel.learning.form.value = panel.learning.form.value.replace(search="full", alpha=0.5)
    panel.learning.learn_button.click()
    until(lambda: held and sketches(viewer))
    (sketch,) = sketches(viewer)
    assert np.any(sketch.data)
    panel.learning.work.cancel()
    until(lambda: not panel.learning.work.busy)
    assert [(layer, layer.name, layer.visible) for layer in viewer.layers] == before
    assert viewer.dims.point == place
    assert np.array_equal(panel.networks.layer.data, data)
    monkeypatch.undo()
    learn(search="early")
    assert len(viewer.layers) == 2


def test_layers_of_the_viewer_are_learned_from_with_files(viewer, panel, learn, network_files, until):
    viewer.open(network_files[0], plugin="napari-connectome")
    runs = panel.learning.runs
    runs.table.selectRow(0)
    runs.remove_button.click()
    runs.layers_button.click()
    learn()
    maps = panel.networks.maps
    assert sorted(maps.subjects) == ["sub-01_bold", "sub-02_bold", "sub-03_bold", "sub-04_bold"]
    assert viewer.dims.ndim == 5  # time and networks have a slider each
    viewer.layers.remove("sub-01_bold")
    assert "sub-01_bold was removed" in runs.account.text()
    assert len(runs.entries) == 3


def test_closing_the_panel_while_it_learns_leaves_nothing_behind(viewer, panel, monkeypatch, until, qtbot):
    from napari_connectome.widgets.work import Job

    original = Job._progress

    def hold(job, fraction, doing):
        while "reducing" in doing and not job.stopped.wait(0.005):
            pass
        original(job, fraction, doing)

    monkeypatch.setattr(Job, "_progress", hold)
    panel.learning.learn_button.click()
    until(lambda: "reducing" in panel.learning.work._job.state[1] or panel.learning.work._job.state[0] > 0.01)
    viewer.window.remove_dock_widget(panel)
    qtbot.addWidget(panel)  # this test still holds it
    assert not panel.learning.work.busy
    assert len(viewer.layers) == 0


def test_the_address_of_a_scheduler_is_a_preference(panel):
    from napari.settings import get_plugin_settings

    from napari_connectome.widgets.preferences import scheduler

    assert scheduler() == ""
    assert not panel.learning.place.isVisible()
    settings = get_plugin_settings("napari-connectome")
    settings.cluster.scheduler = " tcp://192.168.0.1:8786 "
    try:
        assert scheduler() == "tcp://192.168.0.1:8786"
        assert "cluster of tcp://192.168.0.1:8786" in panel.learning.place.text()
        assert panel.learning.place.isVisible()
    finally:
        settings.cluster.scheduler = ""
    assert not panel.learning.place.isVisible()


def test_the_panel_fits_a_narrow_dock(panel):
    for tab in (LEARN, BROWSE, REGIONS):
        assert panel.tabs.widget(tab).minimumSizeHint().width() <= 276
    assert panel._scroll.widget().minimumSizeHint().width() <= 300
