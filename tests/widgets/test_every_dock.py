"""Every dock of the manifest: opened from the Plugins menu, driven by mouse and keys, closed, with whichever Qt binding runs.

What each does is tested thoroughly elsewhere, with one binding. Here each shows a result that a script finds again.
"""

import os
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from npe2 import PluginManifest
from scipy import ndimage

import napari_connectome as nc
from napari_connectome.layers.correlation import ROLE as MAP
from napari_connectome.layers.results import find
from napari_connectome.layers.spatial import layer_kwargs, run_of, to_world

pytestmark = pytest.mark.bindings

PLUGIN = "napari-connectome"
DOCKS = {each.command: each.display_name for each in PluginManifest.from_distribution(PLUGIN).contributions.widgets}
CONDITIONS = np.repeat(np.tile(["rest", "face", "house"], 6), 5)


@pytest.fixture
def viewer(make_napari_viewer, small_run, add_run):
    """A window with the small run, whose volumes have conditions, and with two regions."""
    made = make_napari_viewer(show=True)
    made.window._qt_window.resize(1400, 950)
    run = small_run.run
    data = run.data.copy()
    data[CONDITIONS == "face"] += 30 * run.grid.sphere(small_run.places["front"], 9)
    add_run(made, run.replace(data=data), labels_table=pd.DataFrame({"labels": CONDITIONS, "chunks": 0}))
    labels = np.zeros(run.grid.shape, np.uint8)
    for i, place in enumerate(("front", "back", "left"), start=1):
        labels[run.grid.sphere(small_run.places[place], 9)] = i
    made.add_labels(labels, name="atlas", **layer_kwargs(run.grid, role="labels"))
    return made


@pytest.fixture
def dock(viewer, until):
    """Press the entry of a dock in the Plugins menu; return what is docked then."""

    def press(command):
        menu = next(each.menu() for each in viewer.window.plugins_menu.actions() if each.text() == "Connectome")
        menu.aboutToShow.emit()
        next(each for each in menu.actions() if each.objectName() == command).trigger()
        return viewer.window._wrapped_dock_widgets[f"{DOCKS[command]} (Connectome)"]

    return press


@pytest.fixture
def at(viewer, small_run, network_files, until):
    """What the ways below have at hand."""
    from tools.mouse import Mouse

    return SimpleNamespace(
        viewer=viewer, run=viewer.layers["run"], atlas=viewer.layers["atlas"], grid=small_run.run.grid, mouse=Mouse(viewer),
        places=small_run.places, files=network_files, until=until,
    )  # fmt: skip


def _go_to(at, mm):
    at.viewer.dims.set_point(range(at.viewer.dims.ndim - 3, at.viewer.dims.ndim), to_world(at.grid, mm))
    at.viewer.reset_view()


def _drag_seed(at, seeds, start, end):
    """Drag the seed at one place to another."""
    at.viewer.layers.selection.active, seeds.layer.mode = seeds.layer, "select"
    at.mouse.drag(np.linspace(to_world(at.grid, start), to_world(at.grid, end), 20))


# -- a way through each dock ----------------------------------------------------------------------------------------------


def correlation_map(at, panel):
    """Prepare, drag the seed: the map is that of where it ends."""
    from tools.hands import press

    panel.cleaning.value = nc.Cleaning()
    press(panel.prepare_button)
    at.until(lambda: not panel.work.busy)
    front, back = at.places["front"], at.places["back"]
    panel.live.seeds.set(0, mm=front)
    _go_to(at, front)
    _drag_seed(at, panel.live.seeds, front, back)
    at.until(lambda: panel.live.shown.live.finished)
    panel.live.finish()
    end = panel.live.seeds.mm[0]
    assert np.linalg.norm(end - back) < 3
    run = panel.live._run
    expected = nc.seed_map(run, end, nc.SeedMap(), nc.brain_mask(run, "auto")).data[0]
    np.testing.assert_allclose(find(at.viewer, MAP, "correlation map").data, expected, atol=1e-6)
    assert panel.live.plot.names


def sphere_seeds(at, panel):
    """Add a seed, type where it is, drag it: table, point and sphere agree."""
    from qtpy.QtWidgets import QLineEdit

    from tools.hands import press, type_into

    front, back = at.places["front"], at.places["back"]
    press(panel.add_button)
    for column, mm in enumerate(front, start=1):
        panel.table.setCurrentCell(0, column)
        panel.table.editItem(panel.table.item(0, column))
        type_into(next(each for each in panel.table.findChildren(QLineEdit) if each.isVisible()), f"{mm:g}")
    np.testing.assert_allclose(panel.seeds.mm[0], front)
    _go_to(at, front)
    _drag_seed(at, panel.seeds, front, back)
    at.until(lambda: not panel._look.isActive())
    end = panel.seeds.mm[0]
    assert np.linalg.norm(end - back) < 3
    np.testing.assert_allclose([float(panel.table.item(0, i).text()) for i in (1, 2, 3)], end, atol=0.0501)
    sphere = at.grid.sphere(end, panel.seeds.table["radius"][0])
    assert panel.table.item(0, 5).text() == str(sphere.sum())
    np.testing.assert_array_equal(panel.spheres.layer.data > 0, sphere)


def roi_t_test(at, panel):
    """Test, drag the threshold: maps and mask are those of the script."""
    from tools.hands import drag, press

    press(panel.test_button)
    at.until(lambda: not panel.work.busy and panel.threshold.shown is not None)
    shown, slider = panel.threshold.shown, panel.threshold.number.slider
    result = nc.condition_test(run_of(at.run), CONDITIONS, nc.ConditionTest(a="face", b="house"))
    np.testing.assert_array_equal(shown.statistic_layer.data, result.t.data)
    drag(slider, slider.value() + 100)
    assert panel.threshold.number.number > 5
    np.testing.assert_array_equal(shown.mask_layer.data, result.log_p.data >= panel.threshold.number.number)
    assert 0 < shown.mask_layer.data.sum() < (result.log_p.data >= 5).sum()


def dilation_labeling(at, panel):
    """Dilate the regions, paint a stroke beside them, take both back."""
    from tools.hands import choose, press

    before = at.atlas.data.copy()
    panel.layer_choice.layer = at.atlas
    choose(panel.edit.step_choice, "Dilate")
    at.until(lambda: panel.edit.preview.layer is not None)
    press(panel.edit.apply_button)
    np.testing.assert_array_equal(at.atlas.data > 0, ndimage.binary_dilation(before > 0))
    dilated = at.atlas.data.copy()
    at.until(lambda: panel.edit.preview.layer is None)
    at.viewer.layers.selection.active = at.atlas
    at.atlas.mode, at.atlas.brush_size, at.atlas.selected_label = "paint", 1, 3
    _go_to(at, (3, 3, 3))
    at.mouse.drag([to_world(at.grid, (x, 3, 3)) for x in (3, 3, 9, 9)], seconds=0.05)
    assert (at.atlas.data != dilated).sum() == 2
    for left in (dilated, before):
        press(panel.undo_button)
        np.testing.assert_array_equal(at.atlas.data, left)
    at.until(lambda: [int(i) for i in panel.table.regions.ids] == [1, 2, 3])


def dictionary_learning_regions(at, panel):
    """Learn networks from files, take them apart: they are those of the script."""
    from tools.hands import press, press_tab, type_into
    from tools.learning import REGIONS

    learning = panel.learning
    learning.runs.add_files(at.files[:3])
    at.until(lambda: not learning.runs.busy)
    for entry in learning.runs.entries:
        entry.used = entry.name != "run"
    learning.form.value = nc.Networks(mask="background", fwhm=0.0, alpha=1.0)
    type_into(learning.form.widget("n_components").lineEdit(), "4")
    press(learning.learn_button)
    at.until(lambda: not learning.work.busy and len(panel.networks) > 0)
    assert panel.browser.table.model().rowCount() == 4
    script = nc.learn_networks([nc.load_run(path) for path in at.files[:3]], learning.parameters())
    assert learning.parameters().n_components == 4
    np.testing.assert_array_equal(panel.networks.maps.data, script.data)
    press_tab(panel.tabs, REGIONS)
    press(panel.regions.extract_button)
    at.until(lambda: panel.regions.regions is not None and not panel.regions.work.busy)
    np.testing.assert_array_equal(panel.regions.regions.labels, nc.extract_regions(script, nc.RegionExtraction()).labels)


def connectome(at, panel):
    """Compute the connectome of the run and the regions, click a cell: matrix and edges are those of the script."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    from tools.connecting import place_of_cell
    from tools.hands import press, show

    computing, look = panel.computing, panel.look
    press(computing.compute_button)
    at.until(lambda: not computing.work.busy)
    assert look.connectome is not None, computing.message.text()
    labels = nc.Regions(at.atlas.data, at.grid)
    script = nc.connectome([nc.region_series(run_of(at.run), labels, computing.series_parameters())])
    np.testing.assert_allclose(look.connectome.matrices, script.matrices, atol=1e-9)
    assert len(look.graph.nodes_layer.data) == 3
    at.until(lambda: not panel._bring_soon.isActive())
    show(look.matrix)
    QTest.mouseClick(look.matrix._plot.viewport(), Qt.MouseButton.LeftButton, pos=place_of_cell(look.matrix, 1, 0))
    at.until(lambda: look.matrix.lit == (1, 0))
    at.until(lambda: not look._soon.isActive())


WAYS = {
    f"{PLUGIN}.{way.__name__}": way
    for way in (correlation_map, sphere_seeds, roi_t_test, dilation_labeling, dictionary_learning_regions, connectome)
}


# -- the tests ------------------------------------------------------------------------------------------------------------


def test_the_binding_is_the_one_that_was_asked_for(qapp):
    from qtpy import QtWidgets

    from napari_connectome.widgets.plot import import_pyqtgraph

    asked = os.environ.get("QT_API", "pyqt6").lower()
    found = {type(qapp), QtWidgets.QApplication, import_pyqtgraph().QtWidgets.QApplication}
    assert {kind.__module__.split(".")[0].lower() for kind in found} == {asked}


@pytest.mark.parametrize("command", DOCKS)
def test_a_dock_opens_works_and_closes(command, dock, at):
    from qtpy.QtCore import QEvent, Qt
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication

    assert command in WAYS, "this dock is new: say above what a person does first in it, and what must come of it"
    shown = dock(command)
    at.until(shown.isVisible)
    WAYS[command](at, shown.widget())
    for visible in (False, True):
        assert dock(command) is shown
        assert shown.isVisible() == visible
    gone = []
    shown.widget().destroyed.connect(lambda: gone.append(command))
    QTest.mouseClick(shown.title.close_button, Qt.MouseButton.LeftButton)
    assert not at.viewer.window.dock_widgets
    end = time.monotonic() + 5
    while not gone and time.monotonic() < end:
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert gone == [command], "it waits for the garbage collection, which takes it apart in any order"


def test_all_docks_close_with_their_window(dock, viewer):
    for command in DOCKS:
        dock(command)
    assert len(viewer.window.dock_widgets) == len(DOCKS)
    viewer.close()
