"""Regions of networks in the real window: live parameters, the table, one network alone, names, atlases."""

import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_connectome import load_regions
from napari_connectome.analyses.networks import NetworkMaps
from napari_connectome.analyses.region_extraction import RegionExtraction, extract_regions
from napari_connectome.core.values import Volume
from napari_connectome.layers.map_stack import TEXT
from napari_connectome.layers.network_layers import NetworkLayers
from napari_connectome.layers.spatial import to_mm
from napari_connectome.widgets.network_regions import NetworkRegions
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.region_table import COLUMNS, NAME

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
KEYS = [column.key for column in COLUMNS]
PARAMS = RegionExtraction(threshold=0.3, min_size=500.0, method="connected_components")


class Host(Panel):
    """A dock widget with nothing but the regions."""

    def __init__(self, viewer):
        super().__init__(viewer)
        self.regions = NetworkRegions(self)
        self.column.addWidget(self.regions)


@pytest.fixture(scope="module")
def maps(small_run):
    """Two networks: the front and the back together; the left."""
    grid, places = small_run.run.grid, small_run.places
    rng = np.random.default_rng(0)
    data = np.zeros((2, *grid.shape), "f4")
    for network, name, weight in ((0, "front", 1.0), (0, "back", 0.8), (1, "left", 0.9)):
        sphere = grid.sphere(places[name], 14)
        data[network][sphere] = weight + 0.1 * rng.random(int(sphere.sum()))
    mask = Volume(small_run.brain, grid, name="mask")
    explained = np.array([0.3, 0.1])
    return NetworkMaps(data, grid, names=["poles", "left"], provenance={"analysis": "x"}, explained=explained, mask=mask)


@pytest.fixture
def window(make_napari_viewer, maps, until):
    """Networks in napari's window, and the widget to take them apart."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(900, 700)
    host = Host(viewer)
    dock = viewer.window.add_dock_widget(host, name="Regions", area="right")
    networks = NetworkLayers(viewer)
    host.at_end(networks.close)
    networks.show(maps)
    widget = host.regions
    widget.set_networks(networks)
    widget.form.value = PARAMS

    def settle():
        until(lambda: not widget._again.isActive() and not widget.work.busy)

    def extract():
        QTest.mouseClick(widget.extract_button, LEFT)
        settle()

    return SimpleNamespace(
        viewer=viewer,
        dock=dock,
        networks=networks,
        widget=widget,
        table=widget.table,
        settle=settle,
        extract=extract,
        maps=maps,
    )


def column(window, key):
    model = window.table.regions
    return [model.data(model.index(i, KEYS.index(key))) for i in range(model.rowCount())]


def regions_follow_the_parameters(window):
    window.extract()
    layer = window.widget.layers.layer
    window.widget.form.container["min_size"].value = 1e5
    window.settle()
    assert "minimum size" in window.widget.message.text()
    assert "The regions shown are those from before." in window.widget.message.text()
    window.widget.form.container["min_size"].value = 0.0
    window.widget.form.container["threshold"].value = 0.05
    window.settle()
    assert window.widget.message.isHidden()
    assert window.widget.layers.layer is layer, "in place"
    expected = extract_regions(window.maps, PARAMS.replace(min_size=0.0, threshold=0.05))
    np.testing.assert_array_equal(layer.data, expected.labels)


def another_strategy_starts_where_the_last_one_was(window):
    widget = window.widget
    widget.form.value = PARAMS.replace(threshold=0.1)
    window.extract()
    before = int((widget.layers.layer.data > 0).sum())
    for strategy in ("percentile", "img_value"):
        widget.form.container["strategy"].value = strategy
        window.settle()
        assert abs(int((widget.layers.layer.data > 0).sum()) - before) <= 0.1 * before
        assert widget.form.widget("two_sided").isEnabled()
    widget.form.container["strategy"].value = "ratio_n_voxels"
    assert abs(widget.form.container["threshold"].value - 0.1) < 0.02
    assert not widget.form.widget("two_sided").isEnabled()


def what_to_do_where_no_network_is_split(window):
    window.widget.form.value = PARAMS.replace(method="local_regions", threshold=0.1)
    window.extract()
    about = window.widget.about.text()
    assert "2 regions of 2 networks" in about
    assert "10 voxels (60 mm) apart. Method connected components" in about


def networks_without_a_region_are_named(window):
    shape = window.maps.data.shape[1:]
    for empty in (1, 3, 5):
        names = [*window.maps.names, *(f"faint {i}" for i in range(empty))]
        faint = np.zeros((empty, *shape), "f4")
        faint[:, 5, 7, 6] = 1  # one voxel each, too small for a region
        data = np.concatenate([window.maps.data, faint])
        explained = np.r_[window.maps.explained, np.full(empty, 0.01)]
        window.networks.show(replace(window.maps, data=data, names=names, explained=explained))
        window.extract()
        about = window.widget.about
        assert about.text().startswith(f"3 regions of 2 of {2 + empty} networks, ")
        named = {1: "faint 0.", 3: "faint 0, faint 1, faint 2.", 5: "faint 0, faint 1, faint 2 and 2 more."}[empty]
        assert f" None of {named}" in about.text()
        assert about.toolTip().split(", ") == names[2:]
    window.networks.show(window.maps)
    window.settle()
    assert window.widget.about.text().startswith("3 regions of 2 networks, ")
    assert "None of" not in window.widget.about.text()
    assert window.widget.about.toolTip() == ""


def one_network_alone_follows_the_slider(window):
    window.extract()
    widget = window.widget
    QTest.mouseClick(widget.only, LEFT, NONE, QPoint(8, widget.only.height() // 2))
    assert set(np.unique(widget.layers.one_layer.data)) == {0, 1, 2}
    assert not window.networks.layer.visible
    assert window.viewer.canvas.overlays[TEXT].text.startswith("poles"), "its name is to be read all the same"
    assert column(window, "network") == ["poles", "poles"]
    window.networks.look(1)
    assert window.viewer.canvas.overlays[TEXT].text.startswith("left")
    assert set(np.unique(widget.layers.one_layer.data)) == {0, 3}
    assert column(window, "network") == ["left"]
    widget.form.container["min_size"].value = 0.0
    window.settle()
    assert set(np.unique(widget.layers.one_layer.data)) == {0, 3}
    widget.only.click()
    assert widget.layers.one_layer is None
    assert window.networks.layer.visible
    assert len(column(window, "network")) == 3
    widget.only.click()
    window.networks.show(window.maps)
    window.settle()
    assert not window.networks.layer.visible, "learned anew, it is in the way again"
    window.viewer.layers.remove(widget.layers.one_layer)
    assert not widget.only.isChecked()
    assert window.networks.layer.visible


def hidden_and_renamed_networks(window):
    window.extract()
    window.networks.rename(1, "motor")
    window.settle()
    assert column(window, "network") == ["poles", "poles", "motor"]
    window.networks.set_hidden(0, True)
    window.settle()
    assert column(window, "network") == ["motor"]
    window.widget.only.click()
    window.networks.look(0)
    assert column(window, "network") == []
    assert "no region" in window.widget.about.text()
    window.networks.look(1)
    assert column(window, "network") == ["motor"]
    window.networks.set_hidden(1, True)
    window.settle()
    assert "hidden" in window.widget.message.text()


@pytest.mark.parametrize(
    "parts",
    [
        (regions_follow_the_parameters, another_strategy_starts_where_the_last_one_was, what_to_do_where_no_network_is_split),
        (networks_without_a_region_are_named, one_network_alone_follows_the_slider, hidden_and_renamed_networks),
    ],
    ids=["parameters", "networks"],
)
def test_in_one_window(window, parts):
    """With networks and parameters as they were at first each time."""
    for part in parts:
        window.networks.show(window.maps)
        window.widget.form.value = PARAMS
        window.settle()
        part(window)


def test_a_widget_that_is_closed_goes_at_once(make_napari_viewer, maps):
    def opened_and_closed():
        viewer = make_napari_viewer(show=True)
        host = Host(viewer)
        viewer.window.add_dock_widget(host, name="Regions")
        callbacks = len(viewer.mouse_move_callbacks)
        networks = NetworkLayers(viewer)
        host.at_end(networks.close)
        networks.show(maps)
        host.regions.set_networks(networks)
        host.regions.extract()
        viewer.window.remove_dock_widget(host)
        assert not host.regions.work.busy
        assert len(viewer.mouse_move_callbacks) == callbacks - 1
        return weakref.ref(host), weakref.ref(host.regions)

    kept = opened_and_closed()
    QApplication.processEvents()
    gc.collect()
    assert [each() for each in kept] == [None, None]


def test_networks_become_regions_with_a_table(window, hand, until):
    widget = window.widget
    assert widget.extract_button.isVisible()
    assert not widget.table.isVisible()
    window.extract()
    expected = extract_regions(window.maps, PARAMS)
    np.testing.assert_array_equal(widget.layers.layer.data, expected.labels)
    assert column(window, "network") == ["poles", "poles", "left"]
    assert [float(size.replace(",", "")) for size in column(window, "size_mm3")] == expected.table["size_mm3"].round().tolist()
    assert not window.table.isColumnHidden(KEYS.index("peak"))
    assert widget.about.text().startswith("3 regions of 2 networks")
    x, y, z = expected.table.loc[1, ["peak_x", "peak_y", "peak_z"]].round().astype(int)
    assert column(window, "peak_at")[0] == f"{x} {y} {z}"
    assert widget.layers.layer.opacity == 1.0
    place = window.table.visualRect(window.table.regions.index(2, NAME)).center()
    QTest.mouseClick(window.table.viewport(), LEFT, NONE, place)
    regions = window.widget.regions
    mm = to_mm(regions.grid, np.array(window.viewer.dims.point)[-3:])
    np.testing.assert_allclose(mm, regions.table.loc[3, ["peak_x", "peak_y", "peak_z"]].astype(float), atol=3.01)
    voxel = np.argwhere(regions.labels == 1)[0]
    world = window.widget.layers.layer.data_to_world(voxel)
    window.viewer.dims.set_point(range(window.viewer.dims.ndim - 3, window.viewer.dims.ndim), world)
    mouse = hand(window.viewer)
    until(lambda: mouse.click(world) or window.table.regions.lit == 1)


@pytest.mark.parametrize("width", [320, 343])
@pytest.mark.parametrize("called", ["network {}", "lateral {}"])
def test_names_sizes_and_peaks_are_read_whole_in_a_dock_as_it_is_at_first(window, qtbot, called, width):
    window.networks.rename(0, called.format(18))
    window.networks.rename(1, called.format(19))
    window.extract()
    window.viewer.window.resize(1200, 700)
    window.viewer.window._qt_window.resizeDocks([window.dock], [width], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: window.dock.width() == width, timeout=20000)
    table, across = window.table, window.table.horizontalHeader()
    qtbot.waitUntil(lambda: table.viewport().width() > width - 60, timeout=20000)
    for key in ("index", "name", "size_mm3", "peak_at"):
        i = KEYS.index(key)
        end = table.columnViewportPosition(i) + table.columnWidth(i)
        assert end <= table.viewport().width(), f"{key} is out of sight"
        title = across.fontMetrics().horizontalAdvance(COLUMNS[i].header) + 8
        assert max(table.sizeHintForColumn(i), title) <= table.columnWidth(i), f"{key} is cut"
    network = KEYS.index("network")
    assert table.isColumnHidden(network), "the names say it"
    table.renamed.emit(1, "frontal pole")
    assert not table.isColumnHidden(network)
    table.renamed.emit(1, f"{called.format(18)} z")
    assert table.isColumnHidden(network)
    model = table.regions
    assert model.data(model.index(1, NAME), Qt.ItemDataRole.ToolTipRole) == column(window, "name")[1]


def test_names_atlases_and_weights(window, tmp_path, monkeypatch, until):
    window.extract()
    window.table.regions.setData(window.table.regions.index(0, NAME), "frontal pole", Qt.ItemDataRole.EditRole)
    assert column(window, "name")[0] == "frontal pole"
    labels, weights = tmp_path / "atlas.nii.gz", tmp_path / "maps.nii.gz"
    for path, button in ((labels, window.widget.save_button), (weights, window.widget.save_maps_button)):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, path=path: (str(path), ""))
        QTest.mouseClick(button, LEFT)
        until(lambda path=path: path.name in window.widget.message.text())
    for path in (labels, weights):
        back = load_regions(path)
        assert back.table["name"].tolist()[0] == "frontal pole"
        beside = pd.read_csv(str(path).replace(".nii.gz", ".tsv"), sep="\t")
        assert list(beside["network"]) == ["poles", "poles", "left"]
        np.testing.assert_array_equal(back.labels, window.widget.layers.layer.data)
    assert len(back.maps) == 3
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "missing" / "maps.nii.gz"), ""))
    QTest.mouseClick(window.widget.save_maps_button, LEFT)
    until(lambda: window.widget.message.text().startswith("Not saved: "))
    QTest.mouseClick(window.widget.maps_button, LEFT)
    layer = window.widget.layers.maps_layer
    assert len(layer.data) == 3
    assert layer.metadata["connectome"]["names"][0] == "frontal pole"


def test_a_layer_that_was_painted_stays_and_one_taken_out_takes_the_table_with_it(window):
    window.extract()
    painted = window.widget.layers.layer
    painted.data_setitem((np.array([0]), np.array([0]), np.array([0])), 2)
    window.widget.form.container["min_size"].value = 0.0
    window.settle()
    assert painted in window.viewer.layers
    assert painted.data[0, 0, 0] == 2
    assert window.widget.layers.layer is not painted
    assert "changed by hand and stays" in window.widget.message.text()
    window.extract()
    window.viewer.layers.remove(window.widget.layers.layer)
    assert window.widget.regions is None
    assert not window.widget.table.isVisible()
    window.extract()
    assert len(column(window, "name")) == 3
