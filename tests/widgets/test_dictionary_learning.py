"""The whole panel in a window: learn, watch, cancel, learn again, browse."""

import gc

import nibabel as nib
import numpy as np
import pytest

from napari_connectome.analyses.networks import Networks
from napari_connectome.core.values import Maps, Volume
from napari_connectome.io.load import load_run
from napari_connectome.layers.background import MEAN
from napari_connectome.layers.map_stack import TEXT, stack_layer
from napari_connectome.layers.network_sketch import SKETCH
from napari_connectome.layers.spatial import info
from napari_connectome.widgets.dictionary_learning import BROWSE, LEARN, REGIONS
from napari_connectome.widgets.work import Job, WorkBar

WIDGET = "Dictionary-learning regions"


@pytest.fixture
def viewer(make_napari_viewer, request):
    return make_napari_viewer(show=getattr(request, "param", True))


unseen = pytest.mark.parametrize("viewer", [False], indirect=True, ids=["unseen"])
"""For tests of which layers there are and what they hold: to draw them takes half the time, and others do."""


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


@pytest.fixture
def collections():
    """How much is spared at each collection of garbage that somebody asks for, from now on."""
    spared = []

    def on_collection(phase, about):
        if phase == "start":
            spared.append(gc.get_freeze_count())

    gc.unfreeze()  # what this test counts is the product's
    gc.disable()  # none by chance
    gc.callbacks.append(on_collection)
    yield spared
    gc.callbacks.remove(on_collection)
    gc.enable()


def press_cancel(panel):
    """Click Cancel, which takes a moment to appear."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    bar = next(bar for bar in panel.learning.findChildren(WorkBar) if bar._work is panel.learning.work)
    bar.show()
    QTest.mouseClick(bar._button, Qt.MouseButton.LeftButton)


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
    assert [layer.name for layer in viewer.layers] == ["Mean of the runs", "Networks (3)", "Network overview"]
    assert panel.browser.table.model().rowCount() == 3


def means(viewer):
    return [layer for layer in viewer.layers if info(layer).get("role") == MEAN]


@pytest.fixture
def held(panel, until, monkeypatch):
    """Start a learning that waits at its passes until it is let go, and wait for its first sketch."""
    original = Job._progress

    def hold(job, fraction, doing):
        while "pass" in doing and not start.let_go and not job.stopped.wait(0.005):
            pass
        original(job, fraction, doing)

    monkeypatch.setattr(Job, "_progress", hold)
    panel.learning._look.setInterval(1)

    def start():
        panel.learning.learn_button.click()
        until(lambda: sketches(panel.viewer))

    start.let_go = False
    return start


@unseen
def test_networks_of_files_lie_over_the_mean_of_the_runs(viewer, panel, learn, network_files):
    learn()
    (mean,) = means(viewer)
    assert viewer.layers[0] is mean
    runs = [load_run(path).data for path in network_files]
    np.testing.assert_allclose(mean.data, np.mean([run.mean(axis=0) for run in runs], axis=0), rtol=1e-4)
    mean.opacity = 0.5
    learn(n_components=3)
    assert means(viewer) == [mean]
    assert mean.opacity == 0.5
    copy = viewer.add_layer(type(mean)(mean.data.copy(), name="mine", metadata=mean.metadata, scale=mean.scale))
    viewer.layers.remove(mean)
    copy.data = copy.data * 0
    learn(n_components=4)
    assert not copy.data.any()  # a duplicate is the person's


@unseen
def test_no_mean_is_added_beneath_an_image_of_the_brain(viewer, panel, learn, network_files):
    viewer.open(network_files[0], plugin="napari-connectome")
    panel.learning.preview_button.click()
    learn()
    assert means(viewer) == []


@unseen
def test_the_mask_is_previewed_over_the_mean(viewer, panel, until, learn):
    learning = panel.learning
    for _ in range(2):
        learning.preview_button.click()
        until(lambda: learning.preview.layer is not None and not learning.work.busy)
        assert len(means(viewer)) == 1
        learning.preview_button.click()
        assert list(viewer.layers) == []
    learn()
    learning.preview_button.click()
    until(lambda: learning.preview.layer is not None and not learning.work.busy)
    learning.preview_button.click()
    assert len(means(viewer)) == 1  # of the networks


@unseen
def test_the_mean_of_the_first_run_is_beneath_networks_in_a_given_mask(viewer, panel, learn, network_files, until):
    from napari_connectome.layers.samples import mask_layer

    run = load_run(network_files[0])
    data, kwargs, _ = mask_layer(Volume(run.data.mean(axis=0) > 250, run.grid), "mine")
    panel.learning.mask_choice.layer = viewer.add_labels(data, **kwargs)
    learn()
    (mean,) = means(viewer)
    assert mean.name == "Mean of sub-01_bold"
    np.testing.assert_allclose(mean.data, run.data.mean(axis=0), rtol=1e-5)


@unseen
def test_the_peak_of_the_first_network_is_looked_at_once_for_each_grid(viewer, panel, learn, until, tmp_path):
    learn()
    first = panel.networks.maps.data[0]
    peak = np.unravel_index(np.abs(first).argmax(), first.shape)
    np.testing.assert_allclose(viewer.dims.point[-3:], panel.networks.layer.translate[-3:] + 6.0 * np.array(peak))
    viewer.dims.set_point(viewer.dims.ndim - 3, 12.0)
    learn(n_components=3)
    assert viewer.dims.point[-3] == 12.0
    # Networks on another grid, in the layer of those before.
    rng = np.random.default_rng(0)
    runs = panel.learning.runs
    runs.table.selectAll()
    runs.remove_button.click()
    for name in ("a", "b"):
        data = 100 + rng.standard_normal((8, 9, 7, 40)).astype("f4")
        data[2:4, 3:6, 2:4] += 5 * rng.standard_normal(40)
        image = nib.Nifti1Image(data, np.diag([10.0, 10, 10, 1]))
        image.header.set_xyzt_units("mm", "sec")
        image.header["pixdim"][4] = 2.0
        nib.save(image, tmp_path / f"{name}.nii")
    runs.add_files([str(tmp_path / "a.nii"), str(tmp_path / "b.nii")])
    until(lambda: not runs.busy)
    panel.learning.mask_choice.layer = viewer.add_labels(np.ones((7, 9, 8), "u1"), scale=(10, 10, 10), units="mm")
    learn(n_components=2)
    first = panel.networks.maps.data[0]
    peak = np.unravel_index(np.abs(first).argmax(), first.shape)
    np.testing.assert_allclose(viewer.dims.point[-3:], 10.0 * np.array(peak))


@unseen
def test_whoever_went_elsewhere_while_it_learned_stays_there(viewer, panel, held, until):
    held()
    viewer.dims.set_point(viewer.dims.ndim - 3, 6.0)
    held.let_go = True
    until(lambda: not panel.learning.work.busy)
    assert panel.networks.layer is not None
    assert viewer.dims.point[-3] == 6.0


def test_cancel_is_seen_at_once(viewer, panel, held, until, collections):
    """When the button has been let go nothing is left, and nobody has waited for the garbage of the whole program."""
    held()
    assert len(means(viewer)) == 1
    removed = []
    viewer.layers.events.removed.connect(removed.append)
    job, before = panel.learning.work._job, list(collections)
    press_cancel(panel)
    assert list(viewer.layers) == []
    assert len(removed) == 2
    assert len(collections) - len(before) == 2, "one for each layer"
    assert min(collections[len(before) :]) > 10_000, "what was there before is spared"
    until(lambda: not panel.learning.work.busy)
    assert job.wait(2.0)
    assert panel.learning.message.text().startswith("Cancelled")
    assert (list(viewer.layers), len(removed), len(collections) - len(before)) == ([], 2, 2)
    assert gc.get_freeze_count() == 0


def test_cancel_before_there_is_anything_to_see_collects_no_garbage_and_closing_leaves_nothing(
    viewer, panel, until, collections, monkeypatch
):
    original = Job._progress

    def hold(job, fraction, doing):
        while "reducing" in doing and not job.stopped.wait(0.005):
            pass
        original(job, fraction, doing)

    def learn_until_it_reduces():
        panel.learning.learn_button.click()
        until(lambda: "reducing" in panel.learning.work._job.state[1] or panel.learning.work._job.state[0] > 0.01)

    monkeypatch.setattr(Job, "_progress", hold)
    learn_until_it_reduces()
    press_cancel(panel)
    until(lambda: not panel.learning.work.busy)
    assert collections == []
    assert list(viewer.layers) == []
    learn_until_it_reduces()
    viewer.window.remove_dock_widget(panel)
    assert not panel.learning.work.busy
    assert len(viewer.layers) == 0


@unseen
def test_a_preview_in_place_of_a_learning_takes_its_sketch_away_and_so_does_closing(viewer, panel, held, until):
    held()
    learning = panel.learning
    learning.preview_button.click()
    assert sketches(viewer) == []
    until(lambda: not learning.work.busy)
    assert learning.preview_button.isChecked()
    assert sorted(layer.name for layer in viewer.layers) == ["Mean of the runs", "Preview"]
    learning.preview_button.click()
    assert list(viewer.layers) == []
    held()
    viewer.window.remove_dock_widget(panel)
    assert list(viewer.layers) == []


def test_maps_sharpen_while_they_are_learned_and_cancel_takes_them_away(viewer, panel, learn, until, monkeypatch):
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
    assert len(viewer.layers) == 3


@unseen
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


def test_the_address_of_a_scheduler_is_a_preference_and_the_panel_fits_a_narrow_dock(panel):
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
    for tab in (LEARN, BROWSE, REGIONS):
        assert panel.tabs.widget(tab).minimumSizeHint().width() <= 276
    assert panel._scroll.widget().minimumSizeHint().width() <= 300


def test_maps_of_a_layer_are_browsed_and_taken_apart(viewer, panel, learn, until, network_files):
    grid = load_run(network_files[0]).grid
    data = np.zeros((2, *grid.shape), np.float32)
    data[0, 2:5, 2:6, 2:6] = data[0, 6:9, 8:12, 2:6] = data[1, 2:5, 8:12, 6:10] = 1
    maps = Maps(data, grid, names=["front", "back"])
    layer = viewer.add_layer(stack_layer(maps, "atlas"))
    assert not panel._choice_row.isVisible()
    panel.tabs.setCurrentIndex(BROWSE)
    assert panel.choice.layer is layer, "nothing was learned"
    assert panel.browser.networks.names == ("front", "back")
    courses = panel.browser.courses
    until(lambda: courses.courses is not None)
    assert courses.courses.about["run"] == "sub-01_bold"
    panel.browser.networks.rename(0, "parietal")
    assert info(layer)["names"] == ["parietal", "back"]
    assert "known of learned networks only" in panel.browser.about.text()
    panel.tabs.setCurrentIndex(REGIONS)
    panel.regions.form.container["method"].value = "connected_components"
    panel.regions.form.container["threshold"].value = 0.1
    panel.regions.extract_button.click()
    until(lambda: panel.regions.regions is not None and not panel.regions.work.busy)
    assert panel.regions.regions.table["network"].tolist() == ["parietal", "parietal", "back"]
    learn()
    assert panel.choice.layer is None
    assert panel.browser.table.model().rowCount() == 4
    until(lambda: not panel.regions._again.isActive() and not panel.regions.work.busy)
    assert "back" not in panel.regions.regions.table["network"].tolist()
    panel.choice.setCurrentIndex(panel.choice.findText("atlas"))
    panel.choice.activated.emit(panel.choice.currentIndex())
    assert not panel.networks.layer.visible
    assert panel.browser.networks.names == ("parietal", "back")
    viewer.layers.remove(layer)
    assert panel.browser.networks is panel.networks
    assert panel.networks.layer.visible


@unseen
def test_networks_saved_and_opened_again_are_browsed_as_before(viewer, panel, learn, until, tmp_path):
    learn()
    networks, browser = panel.networks, panel.browser
    networks.rename(1, "motor")
    networks.reorder([1, 0, 3, 2])
    networks.set_hidden(2, True)
    known = [(row.name, row.explained) for row in browser.table.model().rows if row.shown]
    assert len(known) == 3
    browser.write_maps(str(tmp_path / "networks.nii.gz"))
    until(lambda: not browser.work.busy)
    assert networks.layer.save(str(tmp_path / "layer.nii.gz"), plugin="napari-connectome")
    for name in ("networks", "layer"):
        (layer,) = viewer.open(tmp_path / f"{name}.nii.gz", plugin="napari-connectome")
        panel.choice.layer = layer
        assert [(row.name, row.explained) for row in browser.table.model().rows] == known
        assert browser.about.text().startswith("motor alone explains ")
        assert "explains" in viewer.canvas.overlays[TEXT].text
        assert browser.networks.learned_with == panel.learning.params
