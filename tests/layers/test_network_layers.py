"""Networks as layers: they sharpen in place, a person's names and order hold, and what was theirs is never overwritten."""

import gc

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_connectome import Grid, Volume
from napari_connectome.analyses.networks import NetworkMaps, Sketch
from napari_connectome.core.errors import InputError
from napari_connectome.layers.map_stack import TEXT, maps_of, stack_data
from napari_connectome.layers.network_layers import NetworkLayers
from napari_connectome.layers.spatial import info, layer_kwargs

GRID = Grid((5, 7, 6), np.array([[4.0, 0, 0, -12], [0, 3, 0, -16], [0, 0, 5, -9], [0, 0, 0, 1]]))
MASK = np.zeros(GRID.shape, bool)
MASK[1:-1, 1:-1, 1:-1] = True


def _learned(k=5, seed=0, sparse=True):
    rng = np.random.default_rng(seed)
    data = np.zeros((k, *GRID.shape), "f4")
    data[:, MASK] = rng.standard_normal((k, MASK.sum())) * (rng.random((k, MASK.sum())) < (0.4 if sparse else 1))
    names = [f"network {i + 1}" for i in range(k)]
    explained = np.linspace(0.2, 0.1, k)
    return NetworkMaps(data, GRID, names, {"seed": seed}, explained=explained, score=0.6, mask=Volume(MASK, GRID))


def _sketch(k=5, seed=9):
    maps = np.random.default_rng(seed).standard_normal((k, MASK.sum())).astype("f4")
    return Sketch(maps, Volume(MASK, GRID), "pass 1")


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def networks(viewer):
    made = NetworkLayers(viewer)
    yield made
    made.close()


def _add_run(viewer):
    return viewer.add_image(
        np.ones((9, *GRID.shape), "f4"),
        name="run",
        contrast_limits=(0, 1),
        **layer_kwargs(GRID, tr=2.0, time=True, role="run"),
    )


def _strongest(maps, kept):
    size = np.abs(maps.data)
    size[[i for i in range(len(maps)) if i not in kept]] = 0
    return np.where(size.max(axis=0) > 0, size.argmax(axis=0) + 1, 0)


def _state(viewer):
    """Everything a person sees and has set."""
    return (
        [(layer, layer.name, layer.visible, layer.data.shape, layer.data.sum()) for layer in viewer.layers],
        set(viewer.layers.selection),
        viewer.layers.selection.active,
        viewer.dims.point,
        viewer.dims.order,
        viewer.dims.axis_labels,
        TEXT in viewer.canvas.overlays and viewer.canvas.overlays[TEXT].text,
    )


@pytest.mark.parametrize("beside", ["nothing", "a run", "networks", "a run and networks"])
def test_after_cancel_all_is_as_before(viewer, networks, beside):
    viewer.add_image(np.ones(GRID.shape, "f4"), name="anatomy", **layer_kwargs(GRID))
    if "run" in beside:
        _add_run(viewer)
    if "networks" in beside:
        networks.show(_learned())
        networks.overview.visible = True
        networks.look(3)
    before = _state(viewer)
    networks.drop_sketch()
    assert _state(viewer) == before
    for k, seed in ((5, 0), (5, 1), (7, 2)):
        networks.sketch(_sketch(k, seed))
        assert len([layer for layer in viewer.layers if layer.visible and info(layer).get("names")]) == 1
    assert _state(viewer) != before
    assert gc.get_freeze_count() > 0
    networks.drop_sketch()
    assert _state(viewer) == before
    assert gc.get_freeze_count() == 0


def test_sketches_sharpen_in_place(viewer, networks):
    networks.sketch(_sketch(seed=0))
    (layer,) = viewer.layers
    networks.looked.connect(lambda i: pytest.fail("a sketch is not looked at"))
    viewer.dims.set_point(0, 3)
    for seed in (1, 2):
        networks.sketch(_sketch(seed=seed))
        assert list(viewer.layers) == [layer]
        for i in (3, 0, 4, 1, 2, 3):
            viewer.dims.set_point(0, i)
            np.testing.assert_array_equal(stack_data(layer)[i][MASK], _sketch(seed=seed).maps[i])
        assert not stack_data(layer)[:, ~MASK].any()
        low, high = layer.contrast_limits
        assert low == -high
        assert viewer.dims.point[0] == 3


def test_learning_ends_at_the_network_that_was_looked_at(viewer, networks):
    networks.sketch(_sketch())
    viewer.dims.set_point(0, 3)
    networks.show(_learned())
    assert networks.current == 3
    assert [type(layer) for layer in viewer.layers] == [Image, Labels]
    assert "learning" not in networks.layer.name


@pytest.mark.parametrize("beside_run", [False, True])
def test_what_is_shown(viewer, networks, beside_run):
    if beside_run:
        _add_run(viewer)
    learned = _learned()
    networks.show(learned)
    np.testing.assert_array_equal(stack_data(networks.layer), learned.data)
    np.testing.assert_array_equal(networks.overview.data, _strongest(learned, range(5)))
    assert networks.layer.data.shape == ((5, 1) if beside_run else (5,)) + GRID.shape
    assert viewer.dims.axis_labels[0] == "network"
    assert viewer.canvas.overlays[TEXT].text == "network 1\n1 of 5\nexplains 20.0 %"
    low, high = networks.layer.contrast_limits
    assert low == -high
    assert networks.layer.colormap.map(np.array([0.5]))[0, 3] == 0  # no weight, no colour
    assert networks.maps.score == 0.6


def test_slider_and_rows_follow_each_other(viewer, networks):
    networks.show(_learned())
    seen = []
    networks.looked.connect(seen.append)
    networks.look(3)
    viewer.dims.set_point(0, 1)
    run = _add_run(viewer)
    viewer.dims.set_point(0, 4)
    viewer.dims.set_point(1, 8.0)
    viewer.layers.remove(run)
    assert seen == [3, 1, 4]
    assert networks.current == 4


def test_renaming(viewer, networks):
    networks.show(_learned())
    heard = []
    networks.changed.connect(lambda: heard.append(networks.maps.names))
    networks.rename(0, "  default\nmode ")
    assert heard == [("default mode", "network 2", "network 3", "network 4", "network 5")]
    assert viewer.canvas.overlays[TEXT].text.startswith("default mode\n1 of 5")
    assert list(networks.overview.features["name"])[:3] == ["none", "default mode", "network 2"]
    for name in ("", " ", "network 2"):
        with pytest.raises(InputError, match="name"):
            networks.rename(0, name)
    networks.rename(0, "default mode")  # its own
    networks.drop(1)
    with pytest.raises(InputError, match="another network named network 2"):
        networks.rename(0, "network 2")  # it may come back


def test_learning_from_files_alone_can_be_cancelled(viewer, networks):
    before = _state(viewer)
    networks.sketch(_sketch())
    networks.drop_sketch()
    assert _state(viewer) == before


def test_a_copy_of_the_layer_is_the_person_s(viewer, networks):
    networks.show(_learned())
    copy = Image(networks.layer.data.copy(), contrast_limits=(-1, 1), metadata=dict(networks.layer.metadata), name="copy")
    viewer.add_layer(copy)
    networks.rename(0, "visual")
    networks.reorder([4, 3, 2, 1, 0])
    assert maps_of(copy).names[0] == "network 1"
    np.testing.assert_array_equal(stack_data(copy), _learned().data)


def test_colours_stay_with_their_network(viewer, networks):
    learned = _learned()
    networks.show(learned)
    colors = {name: tuple(networks.color(i)) for i, name in enumerate(networks.maps.names)}
    painted = [networks.overview.get_color(i + 1)[:3] for i in range(5)]
    np.testing.assert_allclose([networks.color(i)[:3] for i in range(5)], painted, atol=0.01)
    assert len(set(colors.values())) == 5
    networks.reorder([4, 2, 0, 1, 3])
    networks.drop(1)
    assert {name: tuple(networks.color(i)) for i, name in enumerate(networks.maps.names)}.items() <= colors.items()
    # Where the dropped one was strongest others are now, and all else keeps its number.
    np.testing.assert_array_equal(networks.overview.data, _strongest(learned, [0, 1, 3, 4]))


def test_a_long_way_of_changes_is_the_same_as_the_last_state(viewer, networks):
    """Against a plain list of (name, map) on which the same is done."""
    rng = np.random.default_rng(0)
    learned = _learned(6)
    networks.show(learned)
    model = [(f"network {i + 1}", i) for i in range(6)]
    hidden, dropped, run = set(), [], None
    for step in range(80):
        what, i = rng.choice(["rename", "reorder", "hide", "drop", "restore", "run", "look"]), int(rng.integers(len(model)))
        if what == "rename":
            networks.rename(i, f"name {step}")
            model[i] = (f"name {step}", model[i][1])
        elif what == "reorder":
            order = rng.permutation(len(model)).tolist()
            looked = model[networks.current]
            networks.reorder(order)
            model = [model[j] for j in order]
            assert model[networks.current] == looked
        elif what == "hide":
            away = bool(rng.integers(2))
            networks.set_hidden(i, away)
            (hidden.add if away else hidden.discard)(model[i][1])
        elif what == "drop" and len(model) > 1:
            networks.drop(i)
            dropped.append((i, model.pop(i)))
        elif what == "restore":
            assert networks.restore() == bool(dropped)
            if dropped:
                place, back = dropped.pop()
                model.insert(min(place, len(model)), back)
        elif what == "run":
            if run is None:
                run = _add_run(viewer)
            else:
                viewer.layers.remove(run)
                run = None
        else:
            networks.look(i)
            assert networks.current == i
        which = [j for _, j in model]
        kept = [j for j in which if j not in hidden]
        assert networks.maps.names == tuple(name for name, _ in model)
        np.testing.assert_array_equal(networks.maps.data, learned.data[which])
        np.testing.assert_array_equal(networks.maps.explained, learned.explained[which])
        np.testing.assert_array_equal(stack_data(networks.layer), learned.data[which])
        np.testing.assert_array_equal(networks.overview.data, _strongest(learned, kept))
        assert [networks.hidden(j) for j in range(len(model))] == [j in hidden for j in which]
        if kept:
            names = [name for name, j in model if j in kept]
            assert list(networks.exported.names) == list(maps_of(networks.layer).names) == names
        else:
            with pytest.raises(InputError, match="hidden"):
                _ = networks.exported


def test_the_last_network_is_not_dropped(networks):
    networks.show(_learned(2))
    networks.drop(0)
    with pytest.raises(InputError, match="last network"):
        networks.drop(0)
    with pytest.raises(InputError, match="once"):
        networks.reorder([0, 0])


def test_learning_again_renews_the_layers(viewer, networks):
    networks.show(_learned(5))
    layer, overview = networks.layer, networks.overview
    overview.visible, layer.name = True, "mine"
    networks.look(4)
    networks.show(_learned(3, seed=4))
    assert list(viewer.layers) == [layer, overview]
    assert (layer.name, overview.visible) == ("mine", True)
    assert networks.current == 0
    np.testing.assert_array_equal(stack_data(layer), _learned(3, seed=4).data)
    NetworkLayers(viewer).show(_learned(4))  # another panel of the same kind
    assert list(viewer.layers) == [layer, overview]


@pytest.mark.parametrize("edit", ["rename", "reorder", "hide", "drop"])
def test_networks_somebody_worked_on_are_theirs(viewer, networks, edit):
    networks.show(_learned(5))
    layer, overview = networks.layer, networks.overview
    {
        "rename": lambda: networks.rename(1, "visual"),
        "reorder": lambda: networks.reorder([1, 0, 2, 3, 4]),
        "hide": lambda: networks.set_hidden(1, True),
        "drop": lambda: networks.drop(1),
    }[edit]()
    kept, names = layer.data.copy(), list(maps_of(layer).names)
    networks.sketch(_sketch(3))
    networks.show(_learned(3, seed=4))
    assert len(viewer.layers) == 4
    assert networks.layer is not layer
    np.testing.assert_array_equal(layer.data, kept)
    assert list(maps_of(layer).names) == names
    assert not layer.visible
    assert not overview.visible
    networks.rename(1, "auditory")
    mine = networks.layer
    NetworkLayers(viewer).show(_learned(2))  # another panel of the same kind
    np.testing.assert_array_equal(layer.data, kept)
    assert list(maps_of(mine).names) == ["network 1", "auditory", "network 3"]


def test_a_painted_overview_is_its_painter_s(viewer, networks):
    networks.show(_learned())
    mine = networks.overview
    mine.data[0, 0, 0] = 7
    kept = mine.data.copy()
    networks.set_hidden(0, True)
    np.testing.assert_array_equal(mine.data, kept)
    assert networks.overview is not mine
    np.testing.assert_array_equal(networks.overview.data, _strongest(_learned(), range(1, 5)))


def test_one_network_of_the_overview(viewer, networks):
    networks.show(_learned())
    networks.reorder([3, 0, 1, 2, 4])
    networks.highlight(0)
    assert (networks.overview.selected_label, networks.overview.show_selected_label) == (4, True)
    networks.highlight(None)
    assert not networks.overview.show_selected_label


def test_without_its_layers_nothing_breaks(viewer, networks):
    networks.highlight(0)
    networks.look(2)
    assert networks.layer is networks.overview is None
    with pytest.raises(InputError, match="no networks yet"):
        _ = networks.maps
    networks.show(_learned())
    viewer.layers.clear()
    assert networks.layer is networks.overview is None
    networks.rename(0, "still known")
    networks.drop(1)
    networks.look(1)
    assert networks.maps.names[0] == "still known"
    networks.show(_learned(4))
    assert len(viewer.layers) == 2


def test_dense_maps_are_coloured_where_they_are_strong(viewer, networks):
    learned = _learned(sparse=False)
    networks.show(learned)
    inside = np.abs(learned.data[:, MASK])
    low, high = networks.layer.contrast_limits
    colored = networks.layer.colormap.map((learned.data[:, MASK].ravel() - low) / (high - low))[:, 3] > 0
    assert 0.08 < colored.mean() < 0.12
    assert inside.ravel()[colored].min() > inside.ravel()[~colored].max() - 0.05


def test_limits_moved_by_hand_stay_alike(viewer, networks):
    networks.show(_learned())
    networks.layer.contrast_limits = (-1.0, 5.0)
    assert tuple(networks.layer.contrast_limits) == (-5.0, 5.0)
    networks.close()
