"""A region is a seed that follows whatever happens to its layer."""

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels

from napari_connectome import Grid
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.region_seed import RegionSeed, shared_voxels
from napari_connectome.layers.spatial import layer_kwargs
from napari_connectome.layers.undoable import write

SHAPE = (9, 10, 11)
GRID = Grid(SHAPE, np.array([[4.0, 0, 0, -20], [0, 4, 0, -30], [0, 0, 4, -10], [0, 0, 0, 1]]))


class Told:
    """Adds up what a region tells, from what it was at first."""

    def __init__(self, region):
        self.region, self.count = region, 0
        self.voxels = set(region.voxels.tolist())
        region.changed.connect(self.hear)

    def hear(self, added, removed):
        self.count += 1
        assert not self.voxels & set(added.tolist())
        assert self.voxels >= set(removed.tolist())
        self.voxels = (self.voxels | set(added.tolist())) - set(removed.tolist())

    def check(self):
        assert self.voxels == set(self.region.voxels.tolist())


def _layer(grid=GRID, kind="u2", **more):
    return Labels(np.zeros(grid.shape, kind), **{**layer_kwargs(grid), **more})


@pytest.fixture
def painted():
    layer = _layer(name="mine")
    region = RegionSeed(layer, 2, GRID)
    told = Told(region)
    yield layer, region, told
    region.close()


def _box(data, label=2):
    out = data.copy()
    out[2:5, 3:6, 4:8] = label
    return out


EDITS = {
    "paint": lambda layer: layer.paint((4, 5, 6), 2),
    "erase": lambda layer: (layer.paint((4, 5, 6), 2), layer.paint((4, 4, 6), 0)),
    "paint over": lambda layer: (layer.paint((4, 5, 6), 2), layer.paint((4, 4, 6), 3)),
    "fill": lambda layer: layer.fill((4, 5, 6), 2),
    "data_setitem": lambda layer: layer.data_setitem((np.array([1, 2]), np.array([3, 3]), np.array([4, 4])), 2),
    "undo": lambda layer: (layer.paint((4, 5, 6), 2), layer.undo()),
    "redo": lambda layer: (layer.paint((4, 5, 6), 2), layer.undo(), layer.redo()),
    "other data": lambda layer: setattr(layer, "data", _box(layer.data)),
    "in place": lambda layer: (layer.data.__setitem__((slice(2, 5), 3, 4), 2), layer.refresh()),
    "write": lambda layer: write(layer, _box(layer.data)),
    "relabel": lambda layer: (layer.paint((4, 5, 6), 3), write(layer, np.where(layer.data == 3, 2, 0))),
}


@pytest.mark.parametrize("edit", list(EDITS))
def test_every_edit_is_followed(painted, edit):
    layer, region, told = painted
    layer.n_edit_dimensions, layer.brush_size = 3, 3
    EDITS[edit](layer)
    np.testing.assert_array_equal(region.voxels, np.flatnonzero(layer.data == 2))
    assert told.count > 0
    assert region.size == (layer.data == 2).sum()
    told.check()


def test_each_move_of_a_brush_is_told_before_the_stroke_ends(painted):
    layer, region, told = painted
    layer.mode, layer.brush_size = "paint", 1
    with layer.block_history():
        for x in range(2, 8):
            layer._draw(2, (4, 5, x), (4, 5, x))
            assert told.count == x - 1
            np.testing.assert_array_equal(region.voxels, np.flatnonzero(layer.data == 2))
    assert told.count == 6
    told.check()


def test_what_changes_nothing_is_not_told(painted):
    layer, region, told = painted
    layer.paint((4, 5, 6), 5)
    layer.refresh()
    layer.selected_label = 7
    layer.opacity = 0.3
    region.look()
    assert told.count == 0


def test_another_label_is_another_region(painted):
    layer, region, told = painted
    layer.data = np.random.default_rng(0).integers(0, 5, SHAPE).astype("u2")
    for label in (3, 4, 300, 1, 2):
        region.label = label
        np.testing.assert_array_equal(region.voxels, np.flatnonzero(layer.data == label))
        told.check()


def test_names_come_from_the_features(painted):
    layer, region, told = painted
    assert region.name == "region 2"
    layer.features = pd.DataFrame({"index": [1, 2], "name": ["left", "right"]})
    assert region.name == "right"
    assert told.count == 1
    RegionLayer.of(layer).rename(2, "hippocampus")
    assert region.name == "hippocampus"
    region.label = 9
    assert region.name == "region 9"
    layer.features = pd.DataFrame({"index": [9, 9], "name": ["a", "b"]})
    assert region.name == "region 9"


@pytest.mark.parametrize("kind", ["u1", "i4", "i8", bool])
def test_labels_of_any_type(kind):
    layer = _layer(kind=kind)
    region = RegionSeed(layer, 1, GRID)
    layer.paint((4, 5, 6), 1)
    np.testing.assert_array_equal(region.voxels, np.flatnonzero(layer.data == 1))
    region.label = 300
    assert region.size == 0
    region.close()


def _part(start, shape):
    affine = GRID.affine.copy()
    affine[:3, 3] = GRID.to_mm(start[::-1])
    return Grid(shape, affine)


@pytest.mark.parametrize(("start", "shape"), [((2, 3, 1), (4, 4, 6)), ((-2, -1, -3), (14, 13, 20)), ((-3, 4, 2), (7, 9, 3))])
def test_a_layer_with_another_extent_is_followed_and_what_lies_off_the_grid_counted(start, shape):
    grid = _part(start, shape)
    layer = _layer(grid)
    region = RegionSeed(layer, 1, GRID)
    told = Told(region)
    rng = np.random.default_rng(2)
    for _ in range(20):
        zyx = tuple(rng.integers(0, n, 12) for n in shape)
        layer.data_setitem(zyx, int(rng.integers(0, 3)))
        ours = np.argwhere(layer.data == 1) + start
        inside = ours[((ours >= 0) & (ours < SHAPE)).all(axis=1)]
        np.testing.assert_array_equal(region.voxels, np.sort(np.ravel_multi_index(tuple(inside.T), SHAPE)))
        assert region.off_grid == len(ours) - len(inside)
        told.check()
    region.close()


def test_a_layer_that_moves_is_followed(painted):
    layer, region, told = painted
    layer.data = _box(layer.data)
    before = region.voxels
    layer.translate = np.add(layer.translate, (4, 0, 0))
    np.testing.assert_array_equal(region.voxels, before + 110)
    layer.scale = [3, 4, 4]
    assert "between" in region.trouble or "elsewhere" in region.trouble
    assert not region.size
    layer.scale = [4, 4, 4]
    assert not region.trouble
    layer.translate = np.add(layer.translate, (400, 0, 0))
    assert "off the run's grid" in region.trouble
    told.check()


def test_layers_that_cannot_hold_a_region_of_the_run_are_refused_in_a_sentence():
    finer = Grid((18, 20, 22), np.diag([2.0, 2, 2, 1]))
    flat = Labels(np.zeros((10, 11), int), name="flat")
    movie = Labels(np.zeros((5, *SHAPE), int), name="movie")
    coarse = Labels([np.zeros(SHAPE, int), np.zeros((4, 5, 5), int)], name="pyramid", multiscale=True)
    cases = {"2-D": flat, "4-D": movie, "multiscale": coarse, "22×20×18 grid": _layer(finer, name="fine")}
    for words, layer in cases.items():
        region = RegionSeed(layer, 1, GRID)
        assert words in region.trouble
        assert region.trouble.endswith(".")
        assert region.size == 0
        region.close()


def test_other_data_of_another_shape_are_told_in_a_sentence_and_taken_back(painted):
    layer, region, told = painted
    layer.data = _box(layer.data)
    good = layer.data
    layer.data = np.zeros((5, *SHAPE), "u2")
    assert "4-D" in region.trouble
    assert not region.size
    layer.data = good
    assert not region.trouble
    assert region.size == (good == 2).sum()
    told.check()


def test_an_oblique_run_and_labels_napari_made_over_it():
    turn = np.deg2rad(9.0)
    affine = GRID.affine.copy()
    affine[:3, :3] = affine[:3, :3] @ [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    grid = Grid(SHAPE, affine)
    kwargs = layer_kwargs(grid)
    layer = Labels(_box(np.zeros(SHAPE, int)), scale=kwargs["scale"], translate=kwargs["translate"])
    region = RegionSeed(layer, 2, grid)
    np.testing.assert_array_equal(region.voxels, np.flatnonzero(layer.data == 2))
    assert shared_voxels(layer, grid).first == tuple(slice(0, n) for n in SHAPE)
    region.close()


def test_after_closing_the_layer_is_free(painted):
    layer, region, told = painted
    region.close()
    layer.paint((4, 5, 6), 2)
    layer.translate = [0, 0, 0]
    assert told.count == 0
    region.look()  # so that closing twice, as the fixture does, is the only thing left
