"""Images on another grid, equal to nilearn's."""

import warnings

import numpy as np
import pytest

from napari_connectome import Grid, Maps, Regions, Run, Volume
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.resampling import resample

SOURCE = Grid((9, 10, 8), np.array([[3.0, 0, 0, -10], [0, 3.5, 0, 4], [0, 0, 4, -8], [0, 0, 0, 1]]))
TURN = np.array([[0.97, -0.2, 0.1], [0.22, 0.95, -0.1], [-0.08, 0.12, 0.98]])
TARGETS = {
    "finer": Grid((17, 18, 15), np.array([[1.6, 0, 0, -9], [0, 2, 0, 5], [0, 0, 2.1, -7], [0, 0, 0, 1]])),
    "coarser": Grid((4, 5, 4), np.array([[6.0, 0, 0, -12], [0, 7, 0, 2], [0, 0, 8, -9], [0, 0, 0, 1]])),
    "beyond": Grid((14, 12, 12), np.array([[3.0, 0, 0, -22], [0, 3.5, 0, -6], [0, 0, 4, -16], [0, 0, 0, 1]])),
    "turned": Grid((8, 9, 7), np.vstack([np.hstack([TURN * 3.3, [[-9.013], [5.021], [-6.037]]]), [0, 0, 0, 1]])),
}


def _theirs(data, target, how):
    nib = pytest.importorskip("nibabel")
    image = pytest.importorskip("nilearn.image")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        moved = image.resample_img(
            nib.Nifti1Image(data.T, SOURCE.affine), target.affine, target.shape[::-1],
            interpolation={"cubic": "continuous"}.get(how, how), clip=False, force_resample=True, copy_header=True,
        )  # fmt: skip
    return np.asanyarray(moved.dataobj).T


@pytest.mark.parametrize("kind", ["f8", "f4", "i2", "u1"])
@pytest.mark.parametrize("how", ["cubic", "linear", "nearest"])
@pytest.mark.parametrize("target", TARGETS)
def test_equal_to_nilearn(target, how, kind):
    data = (200 * np.random.default_rng(0).random((3, *SOURCE.shape))).astype(kind)
    wide = data.astype("i2") if kind == "u1" and how == "cubic" else data  # nilearn's splines wrap below 0 in unsigned
    theirs = _theirs(wide, TARGETS[target], how)
    ours = resample(Run(data, SOURCE, 2.0, name="rest"), TARGETS[target], how)
    assert (ours.tr, ours.name, ours.grid) == (2.0, "rest", TARGETS[target])
    assert ours.data.dtype == theirs.dtype
    half = how == "linear" and kind in ("i2", "u1")  # between two whole numbers the last bit decides
    np.testing.assert_allclose(ours.data.astype("f8"), theirs, rtol=1e-5, atol=1 if half else 1e-4)
    one = resample(Volume(data[1], SOURCE), TARGETS[target], how)
    np.testing.assert_array_equal(one.data, ours.data[1])


@pytest.mark.parametrize("how", ["cubic", "linear", "nearest"])
def test_holes_equal_nilearn(how):
    rng = np.random.default_rng(1)
    data = rng.random(SOURCE.shape)
    data[rng.random(SOURCE.shape) < 0.1] = np.nan
    data[:, :3] = np.inf
    theirs = _theirs(data, TARGETS["finer"], how)
    ours = resample(Volume(data, SOURCE), TARGETS["finer"], how)
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-9, atol=1e-12)
    assert np.isnan(ours.data).any()


def test_a_straight_slope_stays_one():
    k, j, i = np.indices(SOURCE.shape)
    mm = SOURCE.to_mm(np.stack([i, j, k], axis=-1))
    slope = mm @ [1.0, -2.0, 0.5]
    target = Grid((4, 4, 4), np.vstack([np.hstack([TURN, [[-1], [15], [5]]]), [0, 0, 0, 1]]))
    k, j, i = np.indices(target.shape)
    wanted = target.to_mm(np.stack([i, j, k], axis=-1)) @ [1.0, -2.0, 0.5]
    np.testing.assert_allclose(resample(Volume(slope, SOURCE), target, "linear").data, wanted, atol=1e-9)


def test_labels_keep_their_ids_and_names():
    labels = np.zeros(SOURCE.shape, "u1")
    labels[1:5, 2:6, 2:6], labels[6:8, 2:6, 2:6], labels[0, 0, 0] = 3, 7, 9
    named = Regions(labels, SOURCE)
    named = Regions(labels, SOURCE, named.table.assign(name=["left", "right", "corner"])[["name"]])
    moved = resample(named, TARGETS["finer"])
    assert moved.ids.tolist() == [3, 7, 9]
    assert moved.table["name"].tolist() == ["left", "right", "corner"]
    np.testing.assert_array_equal(moved.labels, resample(Volume(labels, SOURCE), TARGETS["finer"], "nearest").data)
    inner = Grid((7, 7, 7), SOURCE.affine + np.pad([[3.0], [3.5], [4.0]], ((0, 1), (3, 0))))
    assert resample(named, inner).table["name"].tolist() == ["left", "right"]
    with pytest.raises(InputError, match="no region lies inside"):
        resample(named, Grid((3, 3, 3), np.diag([1.0, 1, 1, 1]) + np.pad([[900.0]], ((0, 3), (3, 0)))))


def test_maps_and_regions_of_maps_keep_their_names():
    data = np.random.default_rng(0).random((2, *SOURCE.shape)).astype("f4")
    maps = resample(Maps(data, SOURCE, ["one", "two"]), TARGETS["coarser"], "linear")
    assert maps.names == ("one", "two")
    regions = resample(Regions.of_maps(data, SOURCE, names=["a", "b"], source_map=[0, 0]), TARGETS["coarser"], "linear")
    assert regions.table["name"].tolist() == ["a", "b"]
    np.testing.assert_array_equal(regions.maps, maps.data)


def test_masks_stay_masks():
    mask = np.zeros(SOURCE.shape, bool)
    mask[2:6, 3:7, 2:6] = True
    moved = resample(Volume(mask, SOURCE), TARGETS["finer"], "nearest")
    assert moved.data.dtype == bool
    assert moved.data.any()


def test_the_same_grid_is_the_same_image_and_nothing_is_changed():
    run = Run(np.random.default_rng(0).random((3, *SOURCE.shape)), SOURCE, 2.0)
    before = run.data.copy()
    assert resample(run, Grid(SOURCE.shape, SOURCE.affine)) is run
    resample(run, TARGETS["turned"])
    np.testing.assert_array_equal(run.data, before)


def test_can_be_stopped_and_refuses_other_ways():
    run = Run(np.zeros((5, *SOURCE.shape)), SOURCE, 2.0)

    def stop(fraction, doing):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        resample(run, TARGETS["finer"], progress=stop)
    with pytest.raises(InputError, match="must be one of cubic, linear, nearest"):
        resample(run, TARGETS["finer"], "spline")
