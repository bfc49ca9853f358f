"""A click on a region of the graph tells which it is, in 2-D and in 3-D, and in the real window; a drag does not."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtCore import QPointF

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
PLACED = [0, 1, 3, 4, 5]
PLANES = pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
IN_3D = pytest.mark.parametrize("angles", [(0, 0, 90), (20, -15, 60)])


def graph_in(viewer):
    """A graph of six regions, the third without a place, over a run; what was picked is in `told`."""
    viewer.add_image(np.zeros((3, *GRID.shape), np.float32), **layer_kwargs(GRID, tr=2.0, time=True))
    set_default_convention(viewer)
    matrix = np.eye(6) + 0.5 * (1 - np.eye(6))
    matrix[UNCONNECTED] = matrix[:, UNCONNECTED] = 0
    graph = ConnectomeGraph.of(viewer)
    graph.show(Connectome(matrix, list("abcdef"), coordinates=MM), edges=Edges.of(matrix).above(0.1))
    graph.told = []
    graph.picked.connect(graph.told.append)
    show_plane(viewer, "axial")
    return graph


@pytest.fixture
def graph():
    viewer = ViewerModel()  # held: the graph does not
    graph = graph_in(viewer)
    yield graph
    graph.picked.disconnect(graph.told.append)


def event_at(viewer, kind, world, button=1):
    """What napari tells of the mouse at a place (z, y, x): in 3-D anywhere along the line of sight through it."""
    dims = viewer.dims
    position, direction = np.array([dims.point[0], *world]), None
    if dims.ndisplay == 3:
        direction = viewer.scene.camera.calculate_nd_view_direction(dims.ndim, dims.displayed)
        position = position - 37 * direction
    else:
        away = dims.not_displayed
        position[list(away)] = np.array(dims.point)[list(away)]
    event = SimpleNamespace(type=kind, button=button, position=tuple(position), view_direction=direction, modifiers=[])
    event.dims_displayed, event.is_dragging = list(dims.displayed), kind == "mouse_move"
    return event


def press(graph, first, *others, button=1):
    """Press at the first place, move over the others, let go at the last."""
    viewer = graph.viewer
    # As napari's canvas does: the callback looks at the event of the press, which becomes that of the move and of the release.
    mouse_press_callbacks(viewer, ReadOnlyWrapper(event_at(viewer, "mouse_press", first, button)))
    for place in others:
        mouse_move_callbacks(viewer, event_at(viewer, "mouse_move", place, button))
    mouse_release_callbacks(viewer, event_at(viewer, "mouse_release", [first, *others][-1], button))


@PLANES
def test_a_click_tells_the_region_in_every_plane(graph, plane):
    show_plane(graph.viewer, plane)
    for region in PLACED:
        press(graph, MM[region, ::-1])
    assert graph.told == PLACED


def test_a_click_beside_a_drag_and_another_button_tell_nothing(graph):
    place = MM[0, ::-1]
    press(graph, (0, -60, 0))
    press(graph, place, place + 2, place)
    press(graph, place, button=2)
    assert graph.told == []
    press(graph, place)
    assert graph.told == [0]


def test_regions_that_are_hidden_are_not_told_and_the_others_rightly(graph):
    graph.hide_unconnected(True)
    for region in PLACED:
        press(graph, MM[region, ::-1])
    assert graph.told == [0, 3, 4, 5]
    graph.nodes_layer.visible = False
    press(graph, MM[0, ::-1])
    graph.clear()
    press(graph, MM[0, ::-1])
    assert graph.told == [0, 3, 4, 5]


@IN_3D
def test_a_click_in_3d_tells_the_region_that_is_looked_at(graph, angles):
    show_volume(graph.viewer)
    graph.viewer.scene.camera.angles = angles
    for region in PLACED:
        press(graph, MM[region, ::-1])
    assert graph.told == PLACED


# -- in the real window: napari's own way from a pixel to the place ------------------------------------------------------


@pytest.fixture
def shown(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1100, 800)
    graph = graph_in(viewer)
    viewer.fit_to_view()
    let_work(lambda: False, 0.1)
    yield graph
    graph.picked.disconnect(graph.told.append)


def look_along(viewer, angles):
    viewer.layers[0].visible = False
    show_volume(viewer)
    viewer.fit_to_view()
    viewer.scene.camera.angles = angles


class MouseInTheMiddle(Mouse):
    """QTest's would move the pointer of the screen, too, and a move that comes late makes a drag of a click."""

    def place(self, world):
        return QPointF(self.canvas.width() // 2, self.canvas.height() // 2)


def click_in_the_middle(graph, region):
    graph.look_at(region)
    let_work(lambda: False, 0.05)
    MouseInTheMiddle(graph.viewer).click(MM[region, ::-1])


def test_clicks_and_a_drag_in_the_window(shown):
    """In a plane, whatever layer is selected, and in 3-D."""
    mouse = Mouse(shown.viewer)
    mouse.click((0, -60, 0))
    place = MM[0, ::-1]
    mouse.drag([place, place + 2, place])
    assert shown.told == []
    for layer in shown.viewer.layers:
        shown.viewer.layers.selection.active = layer
        mouse.click(MM[3, ::-1])
    assert shown.told == [3] * len(shown.viewer.layers)
    shown.told.clear()
    look_along(shown.viewer, (20, -15, 60))
    for region in (1, 4):
        click_in_the_middle(shown, region)
    assert shown.told == [1, 4]


@pytest.mark.nightly
@PLANES
def test_a_click_in_the_window_in_every_plane(shown, plane):
    show_plane(shown.viewer, plane)
    shown.viewer.fit_to_view()
    let_work(lambda: False, 0.1)
    mouse = Mouse(shown.viewer)
    for region in PLACED:
        mouse.click(MM[region, ::-1])
    assert shown.told == PLACED


@pytest.mark.nightly
@IN_3D
def test_a_click_in_the_window_in_3d(shown, angles):
    look_along(shown.viewer, angles)
    for region in PLACED:
        click_in_the_middle(shown, region)
    assert shown.told == PLACED
