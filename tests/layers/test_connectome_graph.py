"""A connectome in the viewer is where its regions are and shows the edges it is given, and nothing of it stays."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Points, Vectors

from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.edges import Edges
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Maps, Regions, Volume
from napari_connectome.layers.connectome_graph import STRONGEST, ConnectomeGraph
from napari_connectome.layers.graph_edges import edge_colors
from napari_connectome.layers.graph_nodes import FEW
from napari_connectome.layers.spatial import layer_kwargs, to_world

GRID = Grid((20, 24, 22), [[4, 0, 0, -42], [0, 4, 0, -60], [0, 0, 4, -30], [0, 0, 0, 1]])
_TILT = np.array([[0.98, -0.17, 0.1], [0.17, 0.98, 0.05], [-0.1, -0.05, 0.99]]) @ np.diag([3.0, 3.0, 4.0])
OBLIQUE = Grid((18, 24, 22), np.vstack([np.column_stack([_TILT, [-30, -40, -30]]), [0, 0, 0, 1]]))


def made(r=12, s=1, seed=0, lost=(), unknown=()):
    """A connectome of r regions, some without a place and some without a series."""
    rng = np.random.default_rng(seed)
    matrices = rng.uniform(-0.9, 0.9, size=(s, r, r))
    matrices = (matrices + matrices.transpose(0, 2, 1)) / 2
    matrices[:, range(r), range(r)] = 1
    for i in unknown:
        matrices[:, i] = matrices[:, :, i] = np.nan
    mm = rng.uniform(-29, 29, size=(r, 3))  # within GRID
    mm[list(lost)] = np.nan
    return Connectome(matrices, [f"region {i}" for i in range(r)], coordinates=mm)


@st.composite
def connectomes(draw):
    r, s = draw(st.integers(1, 30)), draw(st.integers(1, 3))
    some_of = st.sets(st.integers(0, r - 1), max_size=3)
    return made(r, s, draw(st.integers(0, 10_000)), draw(some_of), draw(some_of))


def with_run(grid=GRID):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, *grid.shape), np.float32), **layer_kwargs(grid, tr=2.0, time=True))
    return viewer


def world(layer, points):
    return np.array([layer.data_to_world(point) for point in points]).reshape(-1, 3)


def ends(graph):
    """Where the edges begin and end in the world, and the names of what is there."""
    layer = graph.edges_layer
    return (
        world(layer, layer.data[:, 0]),
        world(layer, layer.data.sum(axis=1)),
        list(layer.features["second"]),
        list(layer.features["first"]),
    )


def state(viewer):
    return (
        list(viewer.layers),
        viewer.dims.model_dump(),
        viewer.scene.camera.model_dump(),
        list(viewer.mouse_drag_callbacks),
        set(viewer.layers.selection),
        viewer.layers.selection.active,
    )


@given(connectomes(), st.sampled_from([GRID, OBLIQUE]), st.floats(0, 100), st.booleans(), st.data())
def test_regions_and_edges_are_where_the_connectome_says(connectome, grid, percent, hide, data):
    subject = data.draw(st.none() | st.integers(0, len(connectome) - 1))
    matrix = connectome.mean if subject is None else connectome.matrices[subject]
    edges = Edges.of(matrix).strongest(percent)
    viewer = with_run(grid)
    graph = ConnectomeGraph.of(viewer)
    graph.hide_unconnected(hide)
    graph.show(connectome, subject, edges)
    place = dict(zip(connectome.names, to_world(grid, connectome.coordinates), strict=True))
    lost = {name for name, there in place.items() if np.isnan(there).any()}

    starts, stops, first, second = ends(graph)
    np.testing.assert_allclose(starts, np.array([place[name] for name in first]).reshape(-1, 3), atol=1e-9)
    np.testing.assert_allclose(stops, np.array([place[name] for name in second]).reshape(-1, 3), atol=1e-9)
    wanted = {
        (connectome.names[i], connectome.names[j], weight)
        for i, j, weight in zip(edges.rows, edges.columns, edges.weights, strict=True)
    }
    shown = set(zip(first, second, graph.edges_layer.features["weight"], strict=True))
    assert shown == {edge for edge in wanted if not lost & set(edge[:2])}

    nodes = graph.nodes_layer
    names = list(nodes.features["name"])
    assert set(names) == (set(first + second) if hide else set(connectome.names) - lost)
    np.testing.assert_allclose(world(nodes, nodes.data), np.array([place[n] for n in names]).reshape(-1, 3), atol=1e-9)
    mm = dict(zip(connectome.names, connectome.coordinates, strict=True))
    np.testing.assert_allclose(nodes.features[["x", "y", "z"]], np.array([mm[n] for n in names]).reshape(-1, 3))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2)])
def test_all_of_it_is_seen_in_every_plane_and_sliders_and_images_stay_as_they_were(order):
    viewer = with_run()
    before = viewer.dims.range
    graph = ConnectomeGraph.of(viewer)
    graph.show(made())
    assert viewer.dims.range == before
    assert not np.any(viewer.dims.margin_left), "images would show a mean over the depth of the slice"
    viewer.dims.order = order
    axis = order[1]
    for step in range(viewer.dims.nsteps[axis]):
        viewer.dims.set_current_step(axis, step)
        assert len(graph.nodes_layer._view_data) == 12
        assert len(graph.edges_layer._view_data) == len(graph.edges_layer.data) > 0


def test_slices_that_somebody_made_thick_show_what_is_within():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    connectome = made(40)
    graph.show(connectome)
    viewer.dims.set_point(1, 2.0)
    viewer.dims.margin_left = viewer.dims.margin_right = (0, 10.0, 0, 0)
    z = connectome.coordinates[:, 2]
    assert len(graph.nodes_layer._view_data) == np.sum(np.abs(z - viewer.dims.point[1]) <= 10)


@given(
    st.lists(
        st.sampled_from(["show", "other", "edges", "none", "hide", "unhide", "light", "region", "dark", "look", "3d", "names"]),
        max_size=12,
    ),
    st.booleans(),
)
def test_clearing_leaves_nothing_whatever_was_done(steps, run):
    viewer = with_run() if run else ViewerModel()
    graph = ConnectomeGraph.of(viewer)
    connectome, other = made(lost=[3], unknown=[5]), made(7, 2, 1)
    graph.show(connectome)
    now = connectome
    for step in steps:
        if step in ("show", "other"):
            now = connectome if step == "show" else other
            graph.show(now)
        elif step in ("edges", "none"):
            graph.edges(Edges.of(now.mean).strongest(30 if step == "edges" else 0))
        elif step in ("hide", "unhide"):
            graph.hide_unconnected(step == "hide")
        elif step in ("light", "region", "dark"):
            graph.light(*{"light": (3, 5), "region": (1,), "dark": (None,)}[step])
        elif step == "look":
            graph.look_at(2)
        elif step == "names":
            graph.names(True)
        else:
            viewer.dims.ndisplay = 3
    graph.clear()
    assert len(viewer.layers) == int(run)
    assert graph._on_press not in viewer.mouse_drag_callbacks
    assert graph.nodes_layer is None
    assert graph.edges_layer is None
    graph.clear()  # once more does no harm
    graph.show(other)
    assert len(graph.edges_layer.data) == len(Edges.of(other.mean).strongest(STRONGEST))


def test_showing_and_clearing_leaves_the_viewer_as_it_was():
    viewer = with_run()
    viewer.layers.selection.active = viewer.layers[0]
    before = state(viewer)
    graph = ConnectomeGraph.of(viewer)
    graph.show(made())
    graph.light(0, 1, go=False)
    graph.clear()
    assert state(viewer) == before


def test_the_layers_stay_and_keep_the_look_somebody_gave_them():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    first, second = made(seed=1), made(seed=2)
    graph.show(first)
    nodes, lines = graph.nodes_layer, graph.edges_layer
    nodes.opacity, nodes.name, nodes.face_color, lines.edge_width, lines.opacity = 0.4, "mine", "red", 0.01, 0.3
    graph.show(second)
    assert (graph.nodes_layer, graph.edges_layer) == (nodes, lines)
    assert (nodes.opacity, nodes.name, lines.edge_width, lines.opacity) == (0.4, "mine", 0.01, 0.3)
    np.testing.assert_allclose(nodes.face_color, np.tile([1, 0, 0, 1], (12, 1)))
    np.testing.assert_allclose(world(nodes, nodes.data), second.coordinates[:, ::-1], atol=1e-9)


def test_what_somebody_adds_or_copies_is_theirs():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    graph.show(made())
    theirs = graph.nodes_layer
    theirs.add(np.zeros((1, 3)))
    copy = Vectors.create(*graph.edges_layer.as_layer_data_tuple())
    viewer.add_layer(copy)
    own = viewer.add_points(np.zeros((1, 3)), name="Regions of the connectome")
    graph.show(made(seed=3))
    assert len(theirs.data) == 13
    graph.clear()
    assert list(viewer.layers[1:]) == [theirs, copy, own]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.floats(0.1, 3))
def test_a_color_means_a_weight_and_its_sign(weights, limit):
    weights = np.array(weights)
    colors = edge_colors(weights, limit)
    assert np.all(colors[:, 3] == 1)
    np.testing.assert_allclose(colors, np.vstack([edge_colors(np.array([w]), limit) for w in weights]), atol=1e-6)
    red, blue = colors[:, 0], colors[:, 2]
    assert np.all(red[weights > 0.05 * limit] > blue[weights > 0.05 * limit])
    assert np.all(blue[weights < -0.05 * limit] > red[weights < -0.05 * limit])


def test_colors_stay_on_their_weights_when_the_threshold_moves():
    viewer = ViewerModel()  # held: the graph does not
    graph = ConnectomeGraph.of(viewer)
    connectome = made(20)
    graph.show(connectome)
    for percent in (50, 3, 0, 80, 100):
        graph.edges(Edges.of(connectome.mean).strongest(percent))
        layer = graph.edges_layer
        np.testing.assert_allclose(layer.edge_color, edge_colors(layer.features["weight"].to_numpy(), graph.limit), atol=1e-6)
        assert np.all(np.diff(np.abs(layer.features["weight"])) >= 0), "strong edges are drawn over weak ones"


def test_the_strongest_edges_are_shown_where_nobody_says_which():
    viewer = ViewerModel()  # held: the graph does not
    graph = ConnectomeGraph.of(viewer)
    connectome = made(30)
    graph.show(connectome)
    assert len(graph.edges_layer.data) == len(Edges.of(connectome.mean).strongest(STRONGEST)) > 0


def lit(viewer, kind):
    return next((layer for layer in viewer.layers if layer.name.endswith("in light") and isinstance(layer, kind)), None)


def test_the_light_on_an_edge_shows_it_even_below_the_threshold_and_the_view_goes_there():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    connectome = made()
    graph.show(connectome, edges=Edges.of(connectome.mean).strongest(0))
    graph.light(7, 2)
    assert list(lit(viewer, Points).features["name"]) == ["region 2", "region 7"]
    assert lit(viewer, Points).text.visible
    line = lit(viewer, Vectors)
    assert line.features["weight"].tolist() == [connectome.mean[7, 2]]
    middle = connectome.coordinates[[2, 7]].mean(axis=0)[::-1]
    np.testing.assert_allclose(viewer.dims.point[1:], middle, atol=2.01)  # a step is 4 mm
    viewer.dims.ndisplay = 3
    graph.light(3)
    np.testing.assert_allclose(viewer.scene.camera.center, connectome.coordinates[3][::-1], atol=2.01)
    assert len(lit(viewer, Vectors).data) == 0
    graph.edges(Edges.of(connectome.mean))
    assert len(lit(viewer, Vectors).data) == 11, "all edges of the region that are shown"
    graph.light(None)
    assert lit(viewer, Points) is None
    assert lit(viewer, Vectors) is None


def test_a_pair_that_has_no_weight_or_no_place_can_be_asked_for():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    graph.show(made(lost=[1], unknown=[4]))
    graph.light(4, 6)
    assert len(lit(viewer, Vectors).data) == 1
    point = viewer.dims.point
    graph.light(1, 6)
    assert len(lit(viewer, Vectors).data) == 0
    assert list(lit(viewer, Points).features["name"]) == ["region 6"]
    assert viewer.dims.point == point


def test_the_light_stays_on_while_the_same_regions_change_and_goes_with_others():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    graph.show(made(seed=1))
    graph.light(7, 2)
    graph.show(made(seed=2))
    assert lit(viewer, Vectors).features["weight"].tolist() == [made(seed=2).mean[7, 2]]
    graph.show(made(9))
    assert lit(viewer, Vectors) is None


def test_a_layer_that_was_taken_away_comes_back_with_the_next_edges():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    connectome = made()
    graph.show(connectome)
    viewer.layers.remove(graph.edges_layer)
    viewer.layers.remove(graph.nodes_layer)
    graph.names(True)
    graph.edges(Edges.of(connectome.mean))
    assert len(graph.edges_layer.data) == 66
    assert len(graph.nodes_layer.data) == 12


def test_names_are_beside_few_regions_and_asked_for_with_many():
    viewer = ViewerModel()  # held: the graph does not
    graph = ConnectomeGraph.of(viewer)
    graph.show(made(FEW + 1))
    assert not graph.nodes_layer.text.visible
    graph.names(True)
    assert graph.nodes_layer.text.visible
    assert list(graph.nodes_layer.text.values) == list(made(FEW + 1).names)
    graph.hide_unconnected(True)
    assert list(graph.nodes_layer.text.values) == list(graph.nodes_layer.features["name"])
    another = ViewerModel()
    other = ConnectomeGraph.of(another)
    other.show(made(FEW))
    assert other.nodes_layer.text.visible


def test_one_sentence_where_it_cannot_be_shown():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    nowhere = Connectome(np.eye(3), ["a", "b", "c"])
    for wrong, sentence in (
        (lambda: graph.show(nowhere), "where its regions are"),
        (lambda: graph.show(made(s=2), 2), "no subject 2"),
        (lambda: graph.edges(Edges.of(np.eye(3))), "no connectome is shown"),
        (lambda: graph.light(0), "no connectome is shown"),
        (lambda: graph.look_at(0), "no connectome is shown"),
    ):
        with pytest.raises(InputError, match=sentence):
            wrong()
        assert len(viewer.layers) == 1
    graph.show(made())
    for wrong, sentence in (
        (lambda: graph.light(12), "no region 12"),
        (lambda: graph.light(0, -1), "no region -1"),
        (lambda: graph.edges(Edges.of(np.ones((13, 13)))), "not among the 12"),
    ):
        before = len(graph.edges_layer.data)
        with pytest.raises(InputError, match=sentence):
            wrong()
        assert len(graph.edges_layer.data) == before
        assert len(viewer.layers) == 3


def test_a_graph_goes_with_its_viewer():
    viewer = with_run()
    graph = weakref.ref(ConnectomeGraph.of(viewer))
    assert ConnectomeGraph.of(viewer) is graph()
    graph().show(made())
    del viewer
    gc.collect()
    assert graph() is None


def ball(kind):
    """A ball of 28 mm about a place of GRID, as a mask, two regions or two maps."""
    z, y, x = np.indices(GRID.shape)
    mm = GRID.to_mm(np.stack([x, y, z], axis=-1))
    inside = np.linalg.norm(mm - BALL, axis=-1) < 28
    halves = np.stack([inside & (mm[..., 0] < 0), inside & (mm[..., 0] >= 0)]).astype(np.float32)
    return {
        "mask": lambda: Volume(inside, GRID),
        "regions": lambda: Regions(halves[0] + 2 * halves[1], GRID),
        "maps": lambda: Maps(0.001 * halves - 1e-6, GRID),
    }[kind]()


BALL = np.array([0.0, -14, 8])


@pytest.mark.parametrize("kind", ["mask", "regions", "maps"])
def test_the_brain_is_around_the_regions_and_beneath_them_in_place_of_the_one_before(kind):
    viewer = with_run()
    before = viewer.dims.range
    graph = ConnectomeGraph.of(viewer)
    graph.brain(ball(kind))
    graph.show(made())
    graph.brain(ball(kind))
    brain = graph.brain_layer
    assert list(viewer.layers[1:]) == [brain, graph.edges_layer, graph.nodes_layer]
    far = np.linalg.norm(world(brain, brain.data[0]) - BALL[::-1], axis=1)
    np.testing.assert_allclose(far, 28, atol=4.5)
    assert viewer.dims.range == before
    brain.opacity = 0.5
    graph.brain(ball("mask"))
    assert (graph.brain_layer, brain.opacity) == (brain, 0.5)
    graph.brain(None)
    assert graph.brain_layer is None
    graph.brain(ball(kind))
    graph.clear()
    assert len(viewer.layers) == 1


def test_a_brain_of_nothing_is_one_sentence_and_leaves_the_one_before():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    graph.brain(ball("mask"))
    for wrong, sentence in ((Volume(np.zeros(GRID.shape, bool), GRID), "nothing is inside"), (np.ones(3), "the brain")):
        with pytest.raises(InputError, match=sentence):
            graph.brain(wrong)
    assert graph.brain_layer in viewer.layers


def test_names_can_be_read_on_a_light_canvas_too_and_a_colour_somebody_chose_stays():
    viewer = ViewerModel()
    graph = ConnectomeGraph.of(viewer)
    graph.show(made())
    graph.light(2, 5)
    lit = next(layer for layer in viewer.layers if layer.name == "Regions in light")

    def shade():
        return [float(np.mean(layer.text.color.constant[:3])) for layer in (graph.nodes_layer, lit)]

    assert min(shade()) > 0.5
    viewer.theme = "light"
    graph.dress()
    assert max(shade()) < 0.5
    graph.light(None)
    graph.light(1, 2)
    lit = next(layer for layer in viewer.layers if layer.name == "Regions in light")
    assert max(shade()) < 0.5
    lit.text.color = "cyan"
    viewer.theme = "dark"
    graph.dress()
    np.testing.assert_allclose(lit.text.color.constant[:3], [0, 1, 1])
    assert shade()[0] > 0.5


@pytest.mark.parametrize("active", [True, False])
def test_who_paints_goes_on_painting(active):
    viewer = ViewerModel()
    labels = viewer.add_labels(np.zeros(GRID.shape, np.uint8), **layer_kwargs(GRID))
    viewer.layers.selection = {labels} if active else set()
    graph = ConnectomeGraph.of(viewer)
    graph.show(made())
    graph.light(3, 1)
    graph.brain(Volume(np.ones(GRID.shape, bool), GRID))
    graph.hint(4, 2)
    assert viewer.layers.selection.active is (labels if active else None)
    assert viewer.layers.selection == ({labels} if active else set())


def test_names_are_read_through_what_lies_before_them():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    graph.show(made())
    graph.light(1, 2)
    named = [layer for layer in viewer.layers if isinstance(layer, Points)]
    assert [layer.text.blending for layer in named] == ["translucent_no_depth"] * 2
    graph.clear()


def test_the_graph_is_seen_within_a_map_that_comes_in_three_dimensions():
    viewer = with_run()
    graph = ConnectomeGraph.of(viewer)
    graph.show(made())
    viewer.dims.ndisplay = 3
    parts = graph.nodes_layer, graph.edges_layer
    assert {layer.blending for layer in parts} == {"translucent"}
    seed_map = viewer.add_image(np.ones(GRID.shape, np.float32), blending="translucent", **layer_kwargs(GRID))
    assert {layer.blending for layer in parts} == {"translucent_no_depth"}
    viewer.layers.remove(seed_map)
    assert {layer.blending for layer in parts} == {"translucent"}
    viewer.add_image(np.ones(GRID.shape, np.float32), blending="additive", **layer_kwargs(GRID))
    assert {layer.blending for layer in parts} == {"translucent"}, "it hides nothing"
    graph.clear()


def test_the_graph_is_seen_within_an_atlas_in_three_dimensions():
    viewer = with_run()
    labels = viewer.add_labels(np.ones(GRID.shape, np.uint8), **layer_kwargs(GRID))
    graph = ConnectomeGraph.of(viewer)
    graph.show(made())
    parts = graph.nodes_layer, graph.edges_layer
    assert {layer.blending for layer in parts} == {"translucent"}
    viewer.dims.ndisplay = 3
    assert {layer.blending for layer in parts} == {"translucent_no_depth"}
    graph.edges_layer.blending = "additive"  # as somebody likes it
    viewer.dims.ndisplay = 2
    assert [layer.blending for layer in parts] == ["translucent", "additive"]
    labels.visible = False
    viewer.dims.ndisplay = 3
    assert graph.nodes_layer.blending == "translucent", "without an atlas what lies in front hides what is behind"
    graph.clear()
    viewer.dims.ndisplay = 2
