"""The table of regions says what counting voxel by voxel says, on any grid."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_connectome import Grid, Regions
from napari_connectome.core.errors import InputError
from napari_connectome.core.region_table import one_line, region_table, region_voxels

SHAPE = (7, 8, 9)


def _grid(turn):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() @ np.diag([2.0, 3.0, 2.5])
    affine[:3, 3] = affine[:3, :3] @ [-4.0, -3.0, -3.0]
    return Grid(SHAPE, affine)


def _slowly(labels, grid, values):
    """The same, one region and one voxel at a time."""
    rows = {}
    for label in np.unique(labels[labels > 0]):
        zyx = np.argwhere(labels == label)
        mm = grid.to_mm(zyx[:, ::-1])
        left, right = (mm[:, 0] < -1e-6).sum(), (mm[:, 0] > 1e-6).sum()
        found = values[labels == label].astype(float)
        finite = np.isfinite(found)
        peak = np.argmax(np.where(finite, np.abs(found), -1))
        place = mm[peak] if finite.any() else np.full(3, np.nan)
        side = "L/R" if min(left, right) >= 0.1 * (left + right) else "L" if left > right else "R"
        rows[int(label)] = [
            f"region {label}", len(zyx), len(zyx) * grid.voxel_volume, *mm.mean(axis=0), side,
            found[peak] if finite.any() else np.nan, *place, found[finite].mean() if finite.any() else np.nan,
        ]  # fmt: skip
    columns = ["name", "voxels", "size_mm3", "x", "y", "z", "hemisphere", "peak", "peak_x", "peak_y", "peak_z", "mean"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("index")


@pytest.mark.parametrize("turn", [(0, 0, 0), (0, 0, 180), (10, -20, 30)], ids=str)
@pytest.mark.parametrize("ids", [[1, 2, 3], [5, 300, 9170], [1, 70_000, 2**31]], ids=str)
@pytest.mark.parametrize("layout", ["C", "F", "turned"])
def test_the_table_is_that_of_single_voxels(turn, ids, layout):
    rng = np.random.default_rng(0)
    labels = rng.choice([0, *ids], SHAPE).astype(np.uint32)
    values = rng.standard_normal(SHAPE).round(1).astype(np.float32)  # with values that are equal
    values.ravel()[::17] = np.nan
    values.ravel()[::23] = np.inf
    values[labels == ids[1]] = np.nan
    if layout == "F":
        labels, values = np.asfortranarray(labels), np.asfortranarray(values)
    elif layout == "turned":
        labels, values = np.ascontiguousarray(labels[:, ::-1])[:, ::-1], np.ascontiguousarray(values[..., ::-1])[..., ::-1]
    grid = _grid(turn)
    expected = _slowly(labels, grid, values)
    found = region_table(labels, grid, values)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-6)
    assert list(found.columns) == list(expected.columns)
    plain = region_table(labels, grid)
    pd.testing.assert_frame_equal(plain, found[list(plain.columns)])


def test_the_centre_of_mass_is_scipy_s():
    labels = np.random.default_rng(0).integers(0, 5, SHAPE)
    grid = _grid((5, 0, 12))
    theirs = grid.to_mm(np.array(ndimage.center_of_mass(labels > 0, labels, range(1, 5)))[:, ::-1])
    np.testing.assert_allclose(region_table(labels, grid)[["x", "y", "z"]], theirs, atol=1e-9)


def test_a_peak_keeps_its_sign():
    labels, values = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE)
    labels[2, 2, 2:6] = 1
    values[2, 2, 2:6] = 1, -4, 4, 3
    row = region_table(labels, Grid(SHAPE, np.eye(4)), values).loc[1]
    assert (row["peak"], row["peak_x"], row["peak_y"], row["peak_z"], row["mean"]) == (-4, 3, 2, 2, 1)


@pytest.mark.parametrize(
    ("columns", "side"),
    [
        ([0, 1], "L"), ([7], "R"), ([4], "L/R"), ([3, 4], "L"), ([3, 5], "L/R"), ([4, 8], "R"),
        ([0, 1, 2, 3, 5], "L/R"),
    ],
)  # fmt: skip
def test_hemispheres(columns, side):
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 0, columns] = 1
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[0, 3] = -8  # x = 0 mm at the fifth column
    assert region_table(labels, Grid(SHAPE, affine)).loc[1, "hemisphere"] == side


def test_a_few_voxels_beyond_the_midline_are_not_the_other_hemisphere():
    affine = np.eye(4)
    affine[0, 3] = -4
    for beyond, side in ((5, "L"), (6, "L/R")):  # of 50 on the left: 1/11, 3/28
        labels = np.zeros(SHAPE, np.uint8)
        labels[:, :, 3].flat[:50] = 1
        labels[:, :, 5].flat[:beyond] = 1
        assert region_table(labels, Grid(SHAPE, affine)).loc[1, "hemisphere"] == side


def test_names_are_one_line():
    labels = np.zeros(SHAPE, np.uint8)
    labels[0], labels[1], labels[2], labels[3] = 1, 2, 3, 4
    names = {1: " left\nFFA ", 2: np.nan, 3: None, 4: ""}
    table = region_table(labels, Grid(SHAPE, np.eye(4)), names=names)
    assert list(table["name"]) == ["left FFA", "region 2", "region 3", ""]
    assert one_line("a\tb\r\nc\x85d\u2028e\0f") == "a\tb c d e f"
    again = Regions(labels, Grid(SHAPE, np.eye(4)), pd.DataFrame({"name": names}))
    assert list(again.table["name"]) == list(table["name"])
    assert list(again.table.columns) == ["name", "x", "y", "z", "size_mm3"]


def test_further_columns_of_a_table_stay_and_those_that_can_be_counted_are_counted():
    labels = np.zeros(SHAPE, np.uint8)
    labels[0], labels[1] = 1, 2
    given = pd.DataFrame({"peak": [4.0, 5.0, 6.0], "name": ["a", "b", "again"], "voxels": 7, "x": 0.0}, index=[2, 9, 2])
    table = Regions(labels, Grid(SHAPE, np.eye(4)), given).table
    assert list(table.columns) == ["name", "x", "y", "z", "size_mm3", "peak"]
    assert list(table["name"]) == ["region 1", "a"]
    assert list(table["x"]) == [4.0, 4.0]
    assert np.isnan(table.loc[1, "peak"])


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
def test_no_region_is_an_empty_table(kind):
    table = region_table(np.zeros(SHAPE, kind), Grid(SHAPE, np.eye(4)), np.zeros(SHAPE))
    assert len(table) == 0
    assert "peak" in table
    assert region_voxels(np.zeros(SHAPE, kind)) == {}


def test_a_mask_is_one_region():
    mask = np.zeros(SHAPE, bool)
    mask[1, 2, 3:5] = True
    assert region_table(mask, Grid(SHAPE, np.eye(4))).loc[1, "voxels"] == 2


def test_voxels_of_each_region():
    labels = np.random.default_rng(0).choice([0, 3, 9, 4000], SHAPE)
    found = region_voxels(np.asfortranarray(labels))
    assert list(found) == [3, 9, 4000]
    for label, voxels in found.items():
        np.testing.assert_array_equal(voxels, np.flatnonzero(labels == label))


def test_shapes_must_agree():
    for labels, values in ((np.zeros((2, 2, 2), int), None), (np.zeros(SHAPE, int), np.zeros((2, 2, 2)))):
        with pytest.raises(InputError, match="must have the shape"):
            region_table(labels, Grid(SHAPE, np.eye(4)), values)
