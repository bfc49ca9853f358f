"""A click on a region of the graph tells which it is, in the real window, in 2-D and in 3-D; a drag does not."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.edges import Edges
from napari_connectome.core.grid import Grid
from napari_connectome.layers.connectome_graph import ConnectomeGraph
from napari_connectome.layers.orientation import set_default_convention, show_plane, show_volume
from napari_connectome.layers.spatial import layer_kwargs
from tools.mouse import Mouse, let_work

GRID = Grid((20, 24, 22), [[4, 0, 0, -42], [0, 4, 0, -60], [0, 0, 4, -30], [0, 0, 0, 1]])
MM = np.array([[-30.0, -40, 0], [30, -40, 10], [np.nan, 0, 0], [-30, 20, 20], [30, 20, -20], [0, -10, 5]])
UNCONNECTED = 1


@pytest.fixture
def graph(make_napari_viewer):
    """A graph of six regions, the third without a place, over a run; what was picked is in `told`."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1100, 800)
    viewer.add_image(np.zeros((3, *GRID.shape), np.float32), **layer_kwargs(GRID, tr=2.0, time=True))
    set_default_convention(viewer)
    matrix = np.eye(6) + 0.5 * (1 - np.eye(6))
    matrix[UNCONNECTED] = matrix[:, UNCONNECTED] = 0
    graph = ConnectomeGraph.of(viewer)
    graph.show(Connectome(matrix, list("abcdef"), coordinates=MM), edges=Edges.of(matrix).above(0.1))
    graph.told = []
    graph.picked.connect(graph.told.append)
    show_plane(viewer, "axial")
    viewer.fit_to_view()
    let_work(lambda: False, 0.1)
    yield graph
    graph.picked.disconnect(graph.told.append)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_click_tells_the_region_in_every_plane(graph, plane):
    show_plane(graph.viewer, plane)
    graph.viewer.fit_to_view()
    let_work(lambda: False, 0.1)
    mouse = Mouse(graph.viewer)
    for region in (0, 1, 3, 4, 5):
        mouse.click(MM[region, ::-1])
    assert graph.told == [0, 1, 3, 4, 5]


def test_a_click_beside_and_a_drag_tell_nothing_whatever_layer_is_selected(graph):
    mouse = Mouse(graph.viewer)
    mouse.click((0, -60, 0))
    place = MM[0, ::-1]
    mouse.drag([place, place + 2, place])
    assert graph.told == []
    for layer in graph.viewer.layers:
        graph.viewer.layers.selection.active = layer
        mouse.click(MM[3, ::-1])
    assert graph.told == [3] * len(graph.viewer.layers)


def test_regions_that_are_hidden_are_not_told_and_the_others_rightly(graph):
    graph.hide_unconnected(True)
    mouse = Mouse(graph.viewer)
    for region in (0, 1, 3, 4, 5):
        mouse.click(MM[region, ::-1])
    assert graph.told == [0, 3, 4, 5]
    graph.nodes_layer.visible = False
    mouse.click(MM[0, ::-1])
    graph.clear()
    mouse.click(MM[0, ::-1])
    assert graph.told == [0, 3, 4, 5]


@pytest.mark.parametrize("angles", [(0, 0, 90), (20, -15, 60)])
def test_a_click_in_3d_tells_the_region_that_is_looked_at(graph, angles):
    viewer = graph.viewer
    viewer.layers[0].visible = False
    show_volume(viewer)
    viewer.fit_to_view()
    viewer.scene.camera.angles = angles
    canvas = viewer.window._qt_viewer.canvas.native
    for region in (0, 1, 3, 4, 5):
        graph.look_at(region)
        let_work(lambda: False, 0.05)
        middle = QPoint(canvas.width() // 2, canvas.height() // 2)
        QTest.mouseMove(canvas, middle)
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
        QApplication.processEvents()
    assert graph.told == [0, 1, 3, 4, 5]
