"""What a seed grows to goes into a labels layer as one step, and over nobody else's voxels."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_connectome import Cleaning, Grid, Run, SeedMap, SeedMapper, Volume
from napari_connectome.analyses.growth import Growth
from napari_connectome.core.errors import InputError
from napari_connectome.core.origins import Origin
from napari_connectome.layers.region_growth import RegionGrowth
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.spatial import layer_kwargs

SHAPE = (9, 10, 11)
GRID = Grid(SHAPE, np.array([[4.0, 0, 0, -20], [0, 4, 0, -30], [0, 0, 4, -10], [0, 0, 0, 1]]))
ORIGIN = Origin("run", "print", "correlation with seed", "r ≥ 0.3")


@pytest.fixture(scope="module")
def mapper():
    rng = np.random.default_rng(0)
    data = 2 * rng.standard_normal((80, 1)) + 3 * rng.standard_normal((80, np.prod(SHAPE)))
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1:8, 1:9, 1:10] = True
    run = Run((100 + data).reshape(80, *SHAPE).astype("f4"), GRID, 2.0)
    return SeedMapper(run, SeedMap(fwhm=6.0, statistic="z_score", cleaning=Cleaning()), Volume(mask, GRID))


def _layer(seed, grid=GRID, kind="u1"):
    labels = np.random.default_rng(seed).choice([0, 0, 0, 1, 2, 7], grid.shape).astype(kind)
    return Labels(labels, **layer_kwargs(grid))


@pytest.mark.parametrize("seed", range(4))
def test_a_region_grows_around_the_others_and_is_taken_back(mapper, seed):
    layer = _layer(seed)
    before, region = layer.data.copy(), np.flatnonzero(layer.data == 2)
    mapper.select(mapper.positions(region))
    growth = RegionGrowth(mapper, region, layer, 2)
    added = growth.added(Growth(r=0.3))
    assert added.sum() > 20
    assert (before[added] == 0).all()
    assert (mapper.correlation()[added] >= 0.3).all()
    np.testing.assert_array_equal(np.nan_to_num(growth.r[before == 0]), np.nan_to_num(mapper.correlation()[before == 0]))
    assert growth.write(layer, added, "grown", ORIGIN) == 2
    np.testing.assert_array_equal(layer.data, np.where(added, 2, before))
    assert RegionLayer.of(layer).origins == {2: (ORIGIN,)}
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert RegionLayer.of(layer).origins == {}


@pytest.mark.parametrize("seed", range(4))
def test_a_sphere_becomes_a_region_of_what_is_free(mapper, seed):
    layer = _layer(seed)
    before = layer.data.copy()
    RegionLayer.of(layer).rename(7, "seed")
    mapper.select(mapper.sphere((0, -10, 6), 9.0))
    growth = RegionGrowth(mapper, mapper.seed_voxels, layer)
    added = growth.added(Growth(r=0.3))
    label = growth.write(layer, added, "seed", ORIGIN)
    assert label == 8
    np.testing.assert_array_equal(layer.data, np.where((added | growth.seed) & (before == 0), 8, before))
    assert RegionLayer.of(layer).names == {7: "seed", 8: "seed (2)"}
    assert set(RegionLayer.of(layer).origins) == {8}
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_layer_with_another_extent_is_grown_in_as_far_as_it_goes(mapper):
    affine = GRID.affine.copy()
    affine[:3, 3] = GRID.to_mm((3, -2, 2))
    layer = Labels(np.zeros((5, 9, 30), "u1"), **layer_kwargs(Grid((5, 9, 30), affine)))
    mapper.select(mapper.sphere((0, -10, 6), 9.0))
    growth = RegionGrowth(mapper, mapper.seed_voxels, layer)
    added = growth.added(Growth(r=0.3))
    growth.write(layer, added, "seed", ORIGIN)
    expected = np.zeros((5, 9, 30), "u1")
    expected[:, 2:, :8] = (added | growth.seed)[2:7, :7, 3:]
    np.testing.assert_array_equal(layer.data, expected)
    assert not added[0:2].any()


def test_a_layer_without_room_for_another_label_is_left_as_it_is(mapper):
    layer = _layer(0)
    layer.data[0, 0, 0] = 255
    before = layer.data.copy()
    mapper.select(mapper.sphere((0, -10, 6), 9.0))
    growth = RegionGrowth(mapper, mapper.seed_voxels, layer)
    with pytest.raises(InputError, match="holds 0 to 255"):
        growth.write(layer, growth.added(Growth()), "seed", ORIGIN)
    np.testing.assert_array_equal(layer.data, before)


def test_a_layer_elsewhere_is_refused(mapper):
    mapper.select(mapper.sphere((0, -10, 6), 9.0))
    layer = Labels(np.zeros((20, 20, 20), "u1"), name="fine", **layer_kwargs(Grid((20, 20, 20), np.diag([2.0, 2, 2, 1]))))
    with pytest.raises(InputError, match="resample fine"):
        RegionGrowth(mapper, mapper.seed_voxels, layer)
