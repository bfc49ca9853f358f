import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.seeds import COLUMNS, DEFAULT_RADIUS
from napari_connectome.layers import results
from napari_connectome.layers.seed_layer import is_seeds
from napari_connectome.layers.seed_spheres import ROLE, SeedSpheres
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.spatial import KEY, info, layer_kwargs, to_mm, to_world

STRAIGHT = Grid((20, 24, 22), [[4, 0, 0, -42], [0, 4, 0, -60], [0, 0, 4, -30], [0, 0, 0, 1]])
_TILT = np.array([[0.98, -0.17, 0.1], [0.17, 0.98, 0.05], [-0.1, -0.05, 0.99]]) @ np.diag([3.0, 3.0, 4.0])
OBLIQUE = Grid((18, 24, 22), np.vstack([np.column_stack([_TILT, [-30, -40, -30]]), [0, 0, 0, 1]]))
GRIDS = pytest.mark.parametrize("grid", [STRAIGHT, OBLIQUE], ids=["straight", "oblique"])


def three():
    return pd.DataFrame(
        {"name": ["PCC", "mPFC", "SMA"], "x": [0.0, 1, -3], "y": [-52.0, 50, 2], "z": [18.0, -5, 53], "radius": [8.0, 6, 4]}
    )


def true_table(layer, grid):
    """The table as it must be, from nothing but napari's own layer."""
    world = np.array([layer.data_to_world(p) for p in layer.data]).reshape(-1, 3)
    mm = to_mm(grid, world)
    return pd.DataFrame(
        {
            "name": list(layer.features["name"]),
            "x": mm[:, 0],
            "y": mm[:, 1],
            "z": mm[:, 2],
            "radius": list(layer.features["radius"]),
        },
        columns=list(COLUMNS),
    ).astype({"name": object, "radius": float})


class Listener:
    def __init__(self, seeds):
        self.told = []
        seeds.changed.connect(lambda: self.told.append("changed"))
        seeds.moved.connect(lambda row, mm: self.told.append(("moved", row, tuple(np.round(mm, 3)))))
        seeds.released.connect(lambda: self.told.append("released"))
        seeds.current_changed.connect(lambda row: self.told.append(("current", row)))

    def take(self):
        told, self.told = self.told, []
        return told


@GRIDS
def test_what_is_typed_in_mm_comes_back_in_mm(grid):
    viewer = ViewerModel()
    seeds = SeedPoints.create(viewer, grid, three())
    pd.testing.assert_frame_equal(seeds.table, three())
    assert seeds.layer in viewer.layers
    world = np.array([seeds.layer.data_to_world(p) for p in seeds.layer.data])
    np.testing.assert_allclose(world, to_world(grid, three()[["x", "y", "z"]].to_numpy()), atol=1e-9)
    assert seeds.layer.data.dtype == np.float64
    assert is_seeds(seeds.layer)


def test_a_seed_is_seen_in_the_plane_nearest_to_it_and_leaves_the_sliders_alone():
    viewer = ViewerModel()
    viewer.add_image(np.zeros(STRAIGHT.shape, np.float32), **layer_kwargs(STRAIGHT))
    before = viewer.dims.range
    seeds = SeedPoints.create(viewer, STRAIGHT)
    seeds.add("between planes", (3.1, -7.3, 11.7), 8)
    assert viewer.dims.range == before
    seen = 0
    for k in range(STRAIGHT.shape[0]):
        viewer.dims.set_current_step(0, k)
        seen += len(seeds.layer._view_indices)
    assert seen == 1


def test_add_set_remove_replace():
    seeds = SeedPoints.create(ViewerModel(), STRAIGHT)
    heard = Listener(seeds)
    assert seeds.current is None
    assert seeds.add("PCC", (0, -52, 18)) == 0
    assert heard.take() == ["changed", ("current", 0)]
    seeds.add(mm=(1, 2, 3), radius=5)
    assert list(seeds.table["name"]) == ["PCC", "seed 2"]
    assert list(seeds.table["radius"]) == [DEFAULT_RADIUS, 5]
    assert (seeds.current, seeds.selected) == (1, [1])
    heard.take()
    seeds.set(0, mm=(4, 5, 6))
    assert heard.take() == [("moved", 0, (4, 5, 6)), "changed", "released"]
    seeds.set(0, name="ACC", radius=3)
    assert heard.take() == ["changed"]
    seeds.set(0, name="ACC", radius=3)
    assert heard.take() == []
    seeds.remove([0])
    assert heard.take() == ["changed", ("current", 0)]
    seeds.replace(three())
    assert list(seeds.table["name"]) == ["PCC", "mPFC", "SMA"]
    assert "changed" in heard.take()
    seeds.extend(three())
    assert list(seeds.table["name"]) == ["PCC", "mPFC", "SMA", "PCC (2)", "mPFC (2)", "SMA (2)"]
    seeds.remove(range(6))
    assert seeds.current is None
    assert len(seeds.table) == 0
    seeds.add()
    assert list(seeds.table["name"]) == ["seed 1"]


def test_seeds_that_cannot_be_are_refused_and_nothing_changes():
    seeds = SeedPoints.create(ViewerModel(), STRAIGHT, three())
    heard = Listener(seeds)
    wrong = [
        lambda: seeds.set(0, name="mPFC"),
        lambda: seeds.set(0, name=" "),
        lambda: seeds.set(0, radius=-1, name="new"),
        lambda: seeds.set(0, radius=50.1),
        lambda: seeds.set(0, radius="wide"),
        lambda: seeds.set(0, radius=float("nan")),
        lambda: seeds.set(0, mm=(1, 2)),
        lambda: seeds.set(0, mm=(1, 2, float("inf")), radius=3),
        lambda: seeds.set(3, radius=3),
        lambda: seeds.remove([7]),
        lambda: seeds.add("far", (np.nan, 0, 0)),
        lambda: seeds.extend(pd.DataFrame({"x": [1.0], "y": [2.0]})),
        lambda: seeds.replace(three().assign(radius=99)),
    ]
    for attempt in wrong:
        with pytest.raises(InputError) as error:
            attempt()
        assert str(error.value).endswith(".")
    pd.testing.assert_frame_equal(seeds.table, three())
    assert heard.take() == []


def test_a_click_in_add_mode_gives_a_name_and_the_default_radius():
    seeds = SeedPoints.create(ViewerModel(), STRAIGHT, three())
    seeds.current = 1  # napari would copy the name and the radius of this one
    seeds.layer.add([5.0, 6, 7])
    assert list(seeds.table["name"]) == ["PCC", "mPFC", "SMA", "seed 4"]
    assert seeds.table["radius"].iloc[3] == DEFAULT_RADIUS
    seeds.remove([3])
    seeds.layer.add([[5.0, 6, 7], [1, 2, 3]])
    assert list(seeds.table["name"])[3:] == ["seed 4", "seed 5"]
    assert list(seeds.layer.text.values) == list(seeds.table["name"])


def test_two_views_of_one_layer_agree():
    """The map and the table each follow the layer; neither undoes what the other wrote."""
    first = SeedPoints.create(ViewerModel(), STRAIGHT, three())
    second = SeedPoints(first.layer, STRAIGHT)
    for one in (first, second):
        one.add(f"by {one is first}", (1, 2, 3), 5)
        one.layer.add([1.0, 2, 3])
        one.set(0, radius=3)
        pd.testing.assert_frame_equal(first.table, second.table)
    assert list(first.table["name"]) == ["PCC", "mPFC", "SMA", "by True", "seed 5", "by False", "seed 7"]
    assert list(first.table["radius"]) == [3, 6, 4, 5, DEFAULT_RADIUS, 5, DEFAULT_RADIUS]
    second.close()
    heard = Listener(second)
    first.add()
    assert heard.take() == []


def test_copy_and_paste_keep_the_radius_and_tell_the_names_apart():
    viewer = ViewerModel(ndisplay=3)  # napari 0.9.2 cannot paste n-D points while a plane is shown
    seeds = SeedPoints.create(viewer, STRAIGHT, three())
    heard = Listener(seeds)
    seeds.selected = [1, 2]
    heard.take()
    seeds.layer._copy_data()
    seeds.layer._paste_data()
    assert list(seeds.table["name"]) == ["PCC", "mPFC", "SMA", "mPFC (2)", "SMA (2)"]
    assert list(seeds.table["radius"]) == [8, 6, 4, 6, 4]
    assert heard.take().count("changed") == 1


def test_every_step_of_a_drag_is_told_and_its_end():
    viewer = ViewerModel()
    viewer.add_image(np.zeros(STRAIGHT.shape, np.float32), **layer_kwargs(STRAIGHT))
    seeds = SeedPoints.create(viewer, STRAIGHT, three())
    layer = seeds.layer
    layer.selected_data = {0}
    heard = Listener(seeds)
    # What napari's select mode does: one event, silent moves, the last one told.
    layer.events.data(value=layer.data, action="changing", data_indices=(0,), vertex_indices=((),))
    start = layer.data[0].copy()
    told = []
    with layer.events.data.blocker():
        for step in range(5):
            layer._move({0}, start + np.array([0, step, 0]))
            told.append(heard.take())
    assert told == [[], *([("moved", 0, (0, -52 + 4 * step, 18))] for step in range(1, 5))]
    layer._move({0}, start + np.array([0, 4, 0]))
    told = heard.take()
    assert told == ["changed", "released"]
    layer._drag_start = None


def test_names_and_radii_are_made_good_whatever_is_written_into_the_layer():
    seeds = SeedPoints.create(ViewerModel(), STRAIGHT, three())
    heard = Listener(seeds)
    seeds.layer.features = {"name": ["a", "a", None], "radius": [np.nan, -4, 60]}
    assert list(seeds.table["name"]) == ["a", "a (2)", "seed 3"]
    assert list(seeds.table["radius"]) == [DEFAULT_RADIUS] * 3
    assert heard.take() == ["changed"]
    seeds.layer.features = {"other": [1, 2, 3]}
    assert list(seeds.table["name"]) == ["seed 1", "seed 2", "seed 3"]
    assert list(seeds.layer.features["other"]) == [1, 2, 3]
    seeds.layer.data = np.array([[1, 2, 3], [4, 5, 6]])
    assert seeds.layer.data.dtype == np.float64
    assert list(seeds.table["name"]) == ["seed 1", "seed 2"]


def test_a_layer_somebody_made_is_taken_over_with_what_it_has():
    viewer = ViewerModel()
    layer = viewer.add_points(
        np.array([[1, 2, 3], [4, 5, 6]]), scale=(4, 4, 4), translate=(-30, -60, -42), features={"weight": [1, 2]}
    )
    seeds = SeedPoints.adopt(viewer, layer, STRAIGHT)
    np.testing.assert_allclose(seeds.mm, STRAIGHT.to_mm([[3, 2, 1], [6, 5, 4]]))
    assert list(seeds.layer.features.columns) == ["weight", "name", "radius"]
    assert seeds.layer.data.dtype == np.float64


def test_points_in_time_are_copied_and_hidden():
    viewer = ViewerModel()
    layer = viewer.add_points(np.array([[0.0, 1, 2, 3], [7, 4, 5, 6]]), scale=(2, 4, 4, 4), translate=(0, -30, -60, -42))
    seeds = SeedPoints.adopt(viewer, layer, STRAIGHT)
    assert seeds.layer is not layer
    assert not layer.visible
    np.testing.assert_allclose(seeds.mm, STRAIGHT.to_mm([[3, 2, 1], [6, 5, 4]]))


@pytest.mark.parametrize("layer", [Image(np.zeros((3, 3, 3))), Points(np.zeros((1, 2)), name="flat")])
def test_other_layers_are_refused(layer):
    with pytest.raises(InputError):
        SeedPoints(layer, STRAIGHT)
    assert KEY not in layer.metadata


def test_another_reference_keeps_the_true_millimetres():
    seeds = SeedPoints.create(ViewerModel(), STRAIGHT, three())
    seeds.grid = OBLIQUE
    pd.testing.assert_frame_equal(seeds.table, three())
    np.testing.assert_allclose(seeds.layer.scale, OBLIQUE.voxel_size[::-1])
    again = SeedPoints(seeds.layer, STRAIGHT)
    pd.testing.assert_frame_equal(again.table, three())
    assert info(again.layer)["grid"] == STRAIGHT


def test_the_current_seed_stays_while_others_go():
    seeds = SeedPoints.create(ViewerModel(), STRAIGHT, three())
    seeds.current = 2
    seeds.layer.selected_data = set()
    assert seeds.current == 2
    seeds.remove([0])
    assert seeds.table["name"].iloc[seeds.current] == "SMA"
    seeds.remove([1])
    assert seeds.table["name"].iloc[seeds.current] == "mPFC"
    seeds.current = None
    assert seeds.current == 0


@GRIDS
@given(data=st.data())
def test_after_anything_the_table_and_the_spheres_are_those_of_the_layer(grid, data):
    actions = data.draw(st.lists(st.tuples(st.sampled_from(sorted(_ACTS)), st.integers(0, 10**6)), min_size=1, max_size=25))
    viewer = ViewerModel(ndisplay=3)
    viewer.add_image(np.zeros(grid.shape, np.float32), **layer_kwargs(grid))
    seeds = SeedPoints.create(viewer, grid)
    spheres = SeedSpheres(viewer, seeds)
    copies = {"mm": seeds.mm, "table": seeds.table}

    def follow(row, mm):
        copies["mm"][row] = mm

    def renew():
        copies.update(mm=seeds.mm, table=seeds.table)
        spheres.update()

    seeds.moved.connect(lambda row, mm: row < len(copies["mm"]) and follow(row, mm))
    seeds.moved.connect(lambda row, mm: spheres.follow(row))
    seeds.changed.connect(renew)
    for action, number in actions:
        act(seeds, action, np.random.default_rng(number))
        expected = true_table(seeds.layer, grid)
        for table in (seeds.table, copies["table"].assign(x=copies["mm"][:, 0], y=copies["mm"][:, 1], z=copies["mm"][:, 2])):
            pd.testing.assert_frame_equal(table, expected, atol=1e-5, check_dtype=False)
        assert expected["name"].is_unique
        assert (expected["name"].str.len() > 0).all()
        assert expected["radius"].between(0, 50).all()
        assert (seeds.current is None) == (len(seeds) == 0)
        assert seeds.current is None or 0 <= seeds.current < len(seeds)
        for row in range(len(seeds)):
            np.testing.assert_array_equal(
                spheres.spheres.voxels[row], grid.sphere_voxels(seeds.mm[row], expected["radius"][row])
            )


def act(seeds, action, rng):
    if len(seeds) or action in ("add", "click", "replace", "data"):
        _ACTS[action](seeds, seeds.layer, int(rng.integers(max(1, len(seeds)))), rng)


def _name(seeds, layer, row, rng):
    name = f"n{rng.integers(10**9)}"
    taken = name in set(seeds.table["name"].drop(index=row))
    with pytest.raises(InputError, match="another seed named") if taken else nullcontext():
        seeds.set(row, name=name)


def _remove(seeds, layer, row, rng):
    layer.selected_data = {row, 0}
    layer.remove_selected()


def _drag(seeds, layer, row, rng):
    layer.events.data(value=layer.data, action="changing", data_indices=(row,), vertex_indices=((),))
    with layer.events.data.blocker():
        layer._move({row}, layer.data[row])
        layer._move({row}, layer.data[row] + rng.uniform(-3, 3, 3))
    layer._move({row}, layer.data[row] + rng.uniform(-3, 3, 3))
    layer._drag_start = None


def _paste(seeds, layer, row, rng):
    layer.selected_data = {row}
    layer._copy_data()
    layer._paste_data()


_ACTS = {
    "add": lambda seeds, layer, row, rng: seeds.add(
        str(rng.choice(["", "PCC", "a b", "seed 1"])), rng.uniform(-60, 60, 3), float(rng.uniform(0, 12))
    ),
    "click": lambda seeds, layer, row, rng: layer.add(rng.uniform(0, 20, 3)),
    "replace": lambda seeds, layer, row, rng: seeds.replace(three().iloc[: rng.integers(4)]),
    "data": lambda seeds, layer, row, rng: setattr(layer, "data", rng.uniform(0, 20, (int(rng.integers(1, 5)), 3))),
    "move": lambda seeds, layer, row, rng: seeds.set(row, mm=rng.uniform(-60, 60, 3)),
    "name": _name,
    "radius": lambda seeds, layer, row, rng: seeds.set(row, radius=float(rng.uniform(0, 12))),
    "select": lambda seeds, layer, row, rng: setattr(layer, "selected_data", {row}),
    "remove": _remove,
    "drag": _drag,
    "paste": _paste,
}


def test_spheres_are_outlines_beneath_the_points_and_ours_to_renew():
    viewer = ViewerModel()
    seeds = SeedPoints.create(viewer, STRAIGHT)
    spheres = SeedSpheres(viewer, seeds)
    seeds.changed.connect(spheres.update)
    assert results.find(viewer, ROLE) is None
    seeds.extend(three())
    layer = results.find(viewer, ROLE)
    assert isinstance(layer, Labels)
    assert layer is spheres.layer
    assert viewer.layers.index(layer) < viewer.layers.index(seeds.layer)
    assert list(layer.features["name"]) == ["", "PCC", "mPFC", "SMA"]
    np.testing.assert_array_equal(layer.data == 1, STRAIGHT.sphere((0, -52, 18), 8))
    seeds.remove([0])
    assert [each for each in viewer.layers if info(each).get("role") == ROLE] == [layer]
    np.testing.assert_array_equal(layer.data == 1, STRAIGHT.sphere((1, 50, -5), 6))
    viewer.layers.remove(layer)
    seeds.add()
    assert spheres.layer is None  # taken away by hand: not forced back
    spheres.shown = True
    assert spheres.layer in viewer.layers


def test_seeds_are_seen_above_whatever_results_come_later():
    viewer = ViewerModel()
    spheres = SeedSpheres(viewer, SeedPoints.create(viewer, STRAIGHT, three()))
    viewer.layers.selection.active = spheres.seeds.layer
    maps = [results.show(viewer, Image(np.zeros(STRAIGHT.shape)), f"map {i}") for i in range(2)]
    assert list(viewer.layers) == [*maps, spheres.layer, spheres.seeds.layer]
    assert viewer.layers.selection.active is spheres.seeds.layer
    spheres.close()


def test_moving_a_sphere_redraws_without_a_new_layer():
    viewer = ViewerModel()
    seeds = SeedPoints.create(viewer, STRAIGHT, three())
    spheres = SeedSpheres(viewer, seeds, np.ones(STRAIGHT.shape, bool))
    data = spheres.layer.data
    seeds.moved.connect(lambda row, mm: spheres.follow(row))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seeds.set(0, mm=(10, -40, 10))
    assert spheres.layer.data is data
    np.testing.assert_array_equal(data == 1, STRAIGHT.sphere((10, -40, 10), 8))


def test_switching_to_3d_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # napari shows them to the user
        viewer = ViewerModel()
        viewer.add_image(np.zeros(STRAIGHT.shape, np.float32), **layer_kwargs(STRAIGHT))
        spheres = SeedSpheres(viewer, SeedPoints.create(viewer, STRAIGHT, three()))
        assert spheres.layer.contour == 1
        viewer.dims.ndisplay = 3
        spheres.seeds.set(0, mm=(0, 0, 0))
        spheres.update()
    spheres.close()
    viewer.layers.remove(spheres.layer)
