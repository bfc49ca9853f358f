"""Regions and runs on different grids: equal to nilearn where it is right; no region is lost or shifted, and all is told."""

import warnings

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from nilearn.image import resample_to_img
from nilearn.maskers import NiftiLabelsMasker, NiftiMapsMasker

from napari_connectome import Cleaning, Grid, Maps, Regions, RegionSeries, Run, load_maps, load_regions, load_run, region_series
from napari_connectome.core.errors import InputError

GRID = Grid((8, 9, 10), np.array([[3.0, 0, 0, -15], [0, 2.5, 0, -12], [0, 0, 4, -14], [0, 0, 0, 1]]))
TO_RUN = RegionSeries(resample="run")


def _run(grid=GRID, t=12, seed=0):
    data = 800 + 10 * np.random.default_rng(seed).standard_normal((t, *grid.shape))
    return Run(data, grid, 2.0, name="bold")


def _image(data, grid):
    return nib.Nifti1Image(np.asarray(data).T, grid.affine)


@st.composite
def grids(draw, low=1.2, high=5.0):
    """Grids about where the run is, upright or turned."""
    size = [draw(st.integers(5, 12)) for _ in range(3)]
    voxel = [draw(st.floats(low, high)) for _ in range(3)]
    turn = draw(st.sampled_from([0.0, 0.0, 0.15]))
    matrix = np.diag(voxel) @ (np.eye(3) + turn * np.array([[0, -1, 0.5], [1, 0, -0.7], [-0.5, 0.7, 0]]))
    affine = np.eye(4)
    affine[:3, :3] = matrix
    centre = GRID.to_mm((np.array(GRID.shape[::-1]) - 1) / 2) + [draw(st.floats(-5, 5)) for _ in range(3)]
    affine[:3, 3] = centre - matrix @ ((np.array(size) - 1) / 2)
    return Grid(tuple(size[::-1]), affine)


def _labels(grid, seed, ids=(2, 3, 7, 300)):
    labels = np.zeros(grid.shape, np.uint16)
    rng = np.random.default_rng(seed)
    labels[:] = rng.choice([0, *ids[:-1]], grid.shape, p=[0.4, 0.3, 0.2, 0.1])
    labels[tuple(rng.integers(0, n) for n in grid.shape)] = ids[-1]  # one voxel, which may get lost
    return Regions(labels, grid)


@given(grids(), st.integers(0, 99))
def test_labels_are_taken_from_the_nearest_voxel_as_nilearn_does_and_the_lost_keep_their_column(grid, seed):
    run, regions = _run(), _labels(grid, seed)
    try:
        found = region_series(run, regions)
    except InputError:  # so small that no voxel's centre lies in a region
        reject()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        masker = NiftiLabelsMasker(_image(regions.labels.astype(np.int32), grid), resampling_target="data", standardize=None)
        theirs = masker.fit_transform(_image(run.data, GRID))
    there = list(masker.region_ids_.values())
    there = [int(i) for i in there if i not in ("background", 0)]
    assert found.table.index.tolist() == regions.ids.tolist()
    lost = ~np.isin(regions.ids, there)
    assert np.isnan(found.data[:, lost]).all()
    assert (found.table["used"].to_numpy() == 0).tolist() == lost.tolist()
    np.testing.assert_allclose(found.data[:, ~lost], theirs, rtol=1e-12)
    assert found.table["voxels"].tolist() == [(regions.labels == i).sum() for i in regions.ids]


def _on_the_edge(grid, other):
    """Whether a centre lies on the outermost centres of the other grid, where rounding decides whether it has a value."""
    places = other.to_voxel(grid.to_mm(np.argwhere(np.ones(grid.shape))[:, ::-1]))
    return bool(np.any(np.minimum(np.abs(places), np.abs(places - (np.array(other.shape[::-1]) - 1))) < 1e-9))


@given(grids(), st.integers(0, 99))
def test_maps_are_interpolated_as_nilearn_does(grid, seed):
    assume(not _on_the_edge(GRID, grid))
    rng = np.random.default_rng(seed)
    places = np.indices(grid.shape).reshape(3, -1).T
    maps = [np.exp(-((places - rng.uniform(0, grid.shape)) ** 2).sum(axis=1) / 6).reshape(grid.shape) for _ in range(3)]
    run = _run()
    found = region_series(run, Maps(np.array(maps), grid))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        masker = NiftiMapsMasker(_image(np.array(maps), grid), resampling_target="data", standardize=None)
        theirs = masker.fit_transform(_image(run.data, GRID))
    np.testing.assert_allclose(found.data, theirs, rtol=0, atol=1e-8 * np.abs(theirs).max())
    assert found.table["voxels"].tolist() == [np.count_nonzero(image) for image in maps]


@given(grids(), st.integers(0, 99))
def test_the_run_is_brought_to_the_regions_on_request_and_what_lies_beyond_it_is_left_out(grid, seed):
    """nilearn counts as 0 what lies beyond the run."""
    assume(not _on_the_edge(grid, GRID))
    run, regions = _run(), _labels(grid, seed)
    moved = resample_to_img(
        _image(run.data, GRID), _image(regions.labels.astype(np.int32), grid), force_resample=True, copy_header=True
    )
    corner = GRID.to_voxel(grid.to_mm(np.argwhere(np.ones(grid.shape))[:, ::-1])).reshape(*grid.shape, 3)
    inside = ((corner >= -1e-9) & (corner <= np.array(GRID.shape[::-1]) - 1 + 1e-9)).all(axis=-1)
    values = np.asarray(moved.dataobj).T
    found = region_series(run, regions, TO_RUN)
    for column, i in enumerate(regions.ids):
        here = inside & (regions.labels == i)
        assert found.table.loc[i, "used"] == here.sum()
        np.testing.assert_allclose(found.table.loc[i, "kept"], here.sum() / (regions.labels == i).sum())
        if here.any():
            np.testing.assert_allclose(found.data[:, column], values[:, here].mean(axis=1), rtol=1e-9)
        else:
            assert np.isnan(found.data[:, column]).all()


@pytest.mark.parametrize("what", ["labels", "maps", "regions that are maps", "spheres"])
@pytest.mark.parametrize("resample", ["regions", "run", "never"])
def test_on_one_grid_all_is_kept_but_voxels_without_a_value(what, resample):
    run, regions = _run(), _labels(GRID, 1)
    images = np.array([regions.labels == i for i in regions.ids], dtype=np.float32) * 0.25
    given_ = {"labels": regions, "maps": Maps(images, GRID), "regions that are maps": Regions.of_maps(images, GRID)}.get(
        what, [(0, 0, 0), (-9, -5, 2), (-60, 0, 0)]
    )
    params = RegionSeries(resample=resample, radius=4.0)
    whole = region_series(run, given_, params).table
    inside = whole.iloc[:2] if what == "spheres" else whole
    assert inside["kept"].tolist() == [1.0] * len(inside)
    assert (inside["used"] == inside["voxels"]).all()
    if what == "spheres":
        assert (whole.iloc[2]["used"], whole.iloc[2]["kept"]) == (0, 0.0)
        assert whole.iloc[2]["voxels"] == pytest.approx(4 / 3 * np.pi * 4**3 / GRID.voxel_volume, rel=0.35)
        return
    data = run.data.copy()
    there = np.argwhere(regions.labels == 3)
    data[(5, *there[0])] = np.nan
    data[(0, *there[1])] = np.inf
    less = region_series(run.replace(data=data), given_, params).table
    assert (whole["used"] - less["used"]).tolist() == [0, 2, 0, 0]
    assert less["kept"].iloc[1] == pytest.approx(1 - 2 / len(there))
    np.testing.assert_allclose(whole[["x", "y", "z"]], regions.table[["x", "y", "z"]])


def test_a_sphere_cut_by_the_end_of_the_run_says_so():
    corner = GRID.to_mm((0, 0, 0))
    series = region_series(_run(), [corner, GRID.to_mm((5, 4, 4))], RegionSeries(radius=5.0))
    assert series.table["voxels"].nunique() == 1
    assert series.table["kept"].iloc[0] < 0.5
    assert series.table["kept"].iloc[1] == 1


def test_a_weighted_mean_is_one_and_keeps_what_overlaps_mixed():
    rng = np.random.default_rng(3)
    maps = rng.standard_normal((3, *GRID.shape)) * (rng.random((3, *GRID.shape)) < 0.3)
    maps[1] = 0
    run, params = _run(), RegionSeries(maps="weighted_mean")
    found = region_series(run, Maps(maps, GRID), params)
    for i in (0, 2):
        expected = np.tensordot(run.data, maps[i], 3) / np.abs(maps[i]).sum()
        np.testing.assert_allclose(found.data[:, i], expected, rtol=1e-12, atol=1e-9)
    assert np.isnan(found.data[:, 1]).all()
    regions = _labels(GRID, 0)
    images = np.array([regions.labels == i for i in regions.ids], dtype=np.float32)
    for fwhm in (0.0, 6.0):  # maps that are parcels have the means of these
        of_maps = region_series(run, Maps(images, GRID), params.replace(fwhm=fwhm))
        of_labels = region_series(run, regions, RegionSeries(fwhm=fwhm))
        np.testing.assert_allclose(of_maps.data, of_labels.data, rtol=1e-10)


@given(st.sets(st.integers(1, 9), min_size=1, max_size=8))
def test_regions_a_subject_lacks_are_nan_with_their_name(missing):
    atlas = Regions(np.random.default_rng(0).integers(0, 10, GRID.shape).astype(np.uint8), GRID)
    atlas = Regions(atlas.labels, GRID, pd.DataFrame({"name": [f"area {i}" for i in range(1, 10)]}, index=range(1, 10)))
    own = Regions(np.where(np.isin(atlas.labels, list(missing)), 0, atlas.labels), GRID)
    run = _run()
    whole = region_series(run, atlas, RegionSeries(cleaning=Cleaning()))
    found = region_series(run, own, RegionSeries(cleaning=Cleaning()), expected=atlas.table)
    assert found.names == whole.names
    gone = np.isin(atlas.ids, list(missing))
    assert np.isnan(found.data[:, gone]).all()
    np.testing.assert_array_equal(found.data[:, ~gone], whole.data[:, ~gone])
    assert (found.table["voxels"].to_numpy() == 0).tolist() == gone.tolist()


def test_a_background_among_the_expected_is_no_region():
    regions = _labels(GRID, 0)
    names = pd.DataFrame({"name": ["Background", "a", "b", "c", "d", "e"]}, index=[0, 2, 3, 5, 7, 300])
    assert region_series(_run(), regions, expected=names).names == ("a", "b", "c", "d", "e")


def test_a_name_that_several_regions_have_is_followed_by_the_id():
    regions = _labels(GRID, 0)
    names = pd.DataFrame({"name": ["a", "a", "b", "a"]}, index=regions.ids)
    found = region_series(_run(), Regions(regions.labels, GRID, names))
    assert found.names == ("a (2)", "a (3)", "b", "a (300)")
    assert found.table["name"].tolist() == list(found.names)
    maps = Maps(np.ones((2, *GRID.shape)) * [[[[1.0]]], [[[0.5]]]], GRID, names=["x", "x"])
    assert region_series(_run(), maps).names == ("x (1)", "x (2)")


def test_labels_stored_as_floats_are_the_same_regions():
    regions = _labels(GRID, 0)
    found = region_series(_run(), Regions(regions.labels.astype(np.float32), GRID))
    np.testing.assert_array_equal(found.data, region_series(_run(), regions).data)
    with pytest.raises(InputError, match="labels must be whole numbers, and the values given have fractions"):
        Regions(regions.labels + 0.5, GRID)


def test_what_does_not_fit_is_one_sentence():
    run, regions = _run(), _labels(GRID, 0)
    far = Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 900.0]] + [[0.0] * 4] * 3))
    elsewhere = Regions(regions.labels, far)
    for resample in ("regions", "run"):
        with pytest.raises(
            InputError, match=r"^no voxel of bold lies in any of the regions: give regions in the space of the run\.$"
        ):
            region_series(run, elsewhere, RegionSeries(resample=resample))
        with pytest.raises(InputError, match="no voxel of bold lies in any of the regions"):
            region_series(run, Maps(np.ones((1, *far.shape)), far), RegionSeries(resample=resample))
    for seeds in ([(900, 0, 0)], pd.DataFrame({"name": ["a", "b"], "x": [900.0, 0], "y": [0.0, 900], "z": 0.0})):
        with pytest.raises(InputError, match="no voxel of bold lies in any of the regions"):
            region_series(run, seeds)
    with pytest.raises(InputError, match="the label image has the size of bold but lies elsewhere"):
        region_series(run, elsewhere, RegionSeries(resample="never"))
    names = pd.DataFrame({"name": ["a", "b"]}, index=[2, 3])
    with pytest.raises(InputError, match="the labels have a region 7 and 1 more that is not among those expected"):
        region_series(run, regions, expected=names)
    for wrong in (["a", "b"], pd.DataFrame({"region": ["a"]}), pd.DataFrame({"name": ["a", "b"]}, index=[2, 2])):
        with pytest.raises(InputError, match="must be a table of names by label id, each id once"):
            region_series(run, regions, expected=wrong)
    with pytest.raises(InputError, match="leave `expected` out"):
        region_series(run, [(0, 0, 0)], expected=names)


def test_a_real_atlas_of_labels_on_a_coarse_run_is_nilearn_s(real_data):
    run = load_run(real_data / "rest_group" / "rtswa_11G_1G11.nii.gz", tr=2.0)
    path = next((real_data / "atlas").glob("*Schaefer*100*.nii.gz"))
    atlas = load_regions(path)
    found = region_series(run, atlas, RegionSeries(cleaning=Cleaning()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        masker = NiftiLabelsMasker(
            nib.Nifti1Image(atlas.labels.T.astype(np.int32), atlas.grid.affine),
            resampling_target="data", detrend=True, standardize="zscore_sample",
        )  # fmt: skip
        theirs = masker.fit_transform(nib.Nifti1Image(run.data.T.astype(np.float64), run.grid.affine))
    usable = found.table["used"] > 0
    np.testing.assert_allclose(found.data[:, usable], theirs, atol=1e-9)
    assert found.data.shape[1] == 100
    assert (found.table["voxels"] > 0).all()


@pytest.mark.parametrize("every", [16, pytest.param(1, marks=pytest.mark.nightly)])
def test_a_real_atlas_of_maps_needs_no_resampling_by_hand(real_data, every, tmp_path):
    """Each so many of DiFuMo's 128 maps."""
    run = load_run(real_data / "rest_group" / "rtswa_11G_1G11.nii.gz", tr=2.0)
    path = real_data / "atlas" / "DiFuMo128_MNI152NLin6Asym_2mm_maps.nii.gz"
    if every > 1:
        image = nib.load(path)
        path = tmp_path / "maps.nii"
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj[..., ::every]), image.affine), path)
    atlas = load_maps(path)
    found = region_series(run, atlas)
    masker = NiftiMapsMasker(nib.Nifti1Image(atlas.data.T, atlas.grid.affine), resampling_target="data", standardize=None)
    theirs = masker.fit_transform(nib.Nifti1Image(run.data.T.astype(np.float64), run.grid.affine))
    np.testing.assert_allclose(found.data, theirs, atol=1e-5 * np.abs(theirs).max())
    assert found.table["kept"].between(0.5, 1.5).all()
