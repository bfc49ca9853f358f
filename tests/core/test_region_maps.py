"""Regions that are maps of weights."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import napari_connectome as nc
from napari_connectome.core.errors import InputError
from napari_connectome.core.region_maps import default_names, dense, supports
from napari_connectome.core.resampling import resample

GRID = nc.Grid((6, 7, 8), np.array([[3.0, 0, 0, -10], [0, 2, 0, 5], [0, 0, 2.5, 0], [0, 0, 0, 1]]))


def _maps(seed=0, r=5):
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((r, *GRID.shape))
    maps[rng.random(maps.shape) < 0.7] = 0
    return maps


def test_labels_are_the_region_of_the_largest_weight_by_size():
    maps = _maps()
    regions = nc.Regions.of_maps(maps, GRID)
    largest = np.abs(maps.astype(np.float32))
    assert np.array_equal(regions.labels, np.where(largest.any(axis=0), largest.argmax(axis=0) + 1, 0))
    assert regions.maps.dtype == np.float32
    assert regions.labels.dtype == np.uint8
    np.testing.assert_array_equal(regions.maps, maps.astype(np.float32))


def test_the_table_describes_each_map_also_a_covered_and_an_empty_one():
    maps = np.zeros((3, *GRID.shape))
    maps[0, 1:3, 1:3, 1:3], maps[1, 1:3, 1, 1] = -2.0, (1.0, 0.5)
    table = nc.Regions.of_maps(maps, GRID, names=["whole", "covered", "empty"]).table
    assert table.index.tolist() == [1, 2, 3]
    assert table["name"].tolist() == ["whole", "covered", "empty"]
    assert table["size_mm3"].tolist() == [8 * 15.0, 2 * 15.0, 0.0]
    assert table["peak"].tolist()[:2] == [-2.0, 1.0]
    np.testing.assert_allclose(table.loc[1, ["x", "y", "z"]].astype(float), GRID.to_mm([1.5, 1.5, 1.5]))
    np.testing.assert_allclose(table.loc[2, ["x", "y", "z"]].astype(float), GRID.to_mm([1, 1, 1 + 1 / 3]))
    np.testing.assert_allclose(table.loc[2, ["peak_x", "peak_y", "peak_z"]].astype(float), GRID.to_mm([1, 1, 1]))
    assert table.loc[3, ["x", "y", "z", "peak", "peak_x"]].isna().all()


def test_names_and_networks():
    regions = nc.Regions.of_maps(_maps(), GRID, source_map=[0, 0, 2, 3, 3], network_names=["DMN", "x", "visual", "motor"])
    assert regions.table["name"].tolist() == ["DMN a", "DMN b", "visual", "motor a", "motor b"]
    assert regions.table["network"].tolist() == ["DMN", "DMN", "visual", "motor", "motor"]
    assert regions.source_map.tolist() == [0, 0, 2, 3, 3]
    unnamed = nc.Regions.of_maps(_maps(), GRID, source_map=[0, 0, 2, 3, 3])
    assert unnamed.table["name"].tolist()[1:3] == ["network 1 b", "network 3"]
    assert "network" not in nc.Regions.of_maps(_maps(), GRID).table
    assert nc.Regions.of_maps(_maps(), GRID).table["name"].tolist()[-1] == "region 5"
    assert default_names(np.zeros(28, dtype=int), ["n"])[-3:] == ["n z", "n aa", "n ab"]


def test_nan_and_infinities_count_as_zero_and_the_maps_given_stay_as_they_are():
    maps = _maps()
    maps[0, 0, 0, :2] = np.nan, np.inf
    before = maps.copy()
    regions = nc.Regions.of_maps(maps, GRID)
    assert np.isfinite(regions.maps).all()
    assert not regions.maps[0, 0, 0, :2].any()
    np.testing.assert_array_equal(maps, before)


def test_a_changed_table_is_kept_and_a_short_one_completed():
    regions = nc.Regions.of_maps(_maps(), GRID, source_map=[0, 0, 1, 1, 1])
    renamed = regions.table.assign(name=list("abcde"))
    assert replace(regions, table=renamed).table["name"].tolist() == list("abcde")
    short = replace(regions, table=pd.DataFrame({"name": ["first"], "note": ["n"]}, index=[1]))
    assert short.table["name"].tolist() == ["first", "region 2", "region 3", "region 4", "region 5"]
    assert short.table["note"].tolist()[0] == "n"
    pd.testing.assert_series_equal(short.table["size_mm3"], regions.table["size_mm3"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"maps": np.zeros((2, 3, 3))}, "regions that are maps needs 4-D data"),
        ({"maps": np.zeros((0, *GRID.shape))}, "need one map at least"),
        ({"names": ["a"]}, "1 names were given for 5 regions"),
        ({"source_map": [0, 1]}, "source_map must hold, for each of the 5 regions"),
        ({"source_map": [0, 1, 2, 3, -1]}, "counted from 0"),
        ({"source_map": [0, 1, 2, 3, 4], "network_names": ["a"]}, "1 names of networks were given and 5 are needed"),
    ],
)
def test_what_cannot_be_is_one_sentence(change, sentence):
    given = {"maps": _maps()} | change
    with pytest.raises(InputError, match=sentence):
        nc.Regions.of_maps(given.pop("maps"), GRID, **given)


def test_labels_beyond_the_maps_are_refused():
    with pytest.raises(InputError, match="the largest label is 7 and there are 5 maps"):
        nc.Regions(np.full(GRID.shape, 7), GRID, maps=_maps())


def test_supports_and_maps_say_the_same():
    maps = _maps(1).astype(np.float32)
    found = supports(maps)
    np.testing.assert_array_equal(dense(found, GRID.shape), maps)
    one, other = nc.Regions.of_maps(found, GRID), nc.Regions.of_maps(maps, GRID)
    pd.testing.assert_frame_equal(one.table, other.table)
    assert np.array_equal(one.labels, other.labels)


def test_covered_regions_are_seeds_too():
    rng = np.random.default_rng(0)
    run = nc.Run(rng.standard_normal((30, *GRID.shape)).astype(np.float32), GRID, 2.0)
    maps = np.zeros((2, *GRID.shape))
    maps[0, 1:4, 1:4, 1:4], maps[1, 2:3, 2:4, 2:3] = 2.0, 1.0
    regions = nc.Regions.of_maps(maps, GRID)
    params, mask = nc.SeedMap(fwhm=0.0), nc.Volume(np.ones(GRID.shape, bool), GRID)
    found = nc.seed_map(run, regions, params, mask)
    alone = nc.seed_map(run, nc.Regions((maps[1] > 0).astype(np.uint8), GRID), params, mask)
    np.testing.assert_array_equal(found.data[1], alone.data[0])


def test_networks_keep_their_names_on_another_grid():
    regions = nc.Regions.of_maps(_maps(), GRID, source_map=[0, 0, 2, 3, 3], network_names=["DMN", "x", "visual", "motor"])
    moved = resample(regions, nc.Grid((3, 3, 4), GRID.affine @ np.diag([2.0, 2, 2, 1])), "linear")
    assert moved.table[["name", "network"]].equals(regions.table[["name", "network"]])
    assert moved.source_map.tolist() == regions.source_map.tolist()
