"""Series of maps equal nilearn's maps masker on float64 images, however the maps overlap; where they differ, it is said."""

import tracemalloc

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiMapsMasker
from nilearn.regions import RegionExtractor

from napari_connectome import Cleaning, Grid, Maps, Regions, RegionSeries, Run, load_maps, load_run, region_series
from napari_connectome.core import weighted_sums
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.resampling import resample

AFFINE = np.array([[3.0, 0, 0, -15], [0, 2.5, 0, -12], [0, 0, 4, -14], [0, 0, 0, 1]])
SHAPE = (8, 9, 10)
GRID = Grid(SHAPE, AFFINE)


def _blobs(r, seed=0, width=2.0, cut=0.2):
    """Overlapping blobs in float32, some of them negative in places."""
    rng = np.random.default_rng(seed)
    places = np.indices(SHAPE).reshape(3, -1).T
    maps = []
    for centre in rng.uniform(1, 7, (r, 3)):
        weight = np.exp(-((places - centre) ** 2).sum(axis=1) / (2 * width**2)).reshape(SHAPE)
        maps.append(np.where(weight > cut, weight * rng.choice([1, 1, 1, -0.5], SHAPE), 0) * rng.uniform(0.01, 30))
    return np.array(maps, dtype=np.float32)


def _run(maps, kind="f8", t=60, layout="C"):
    """Networks with series of their own on a baseline, drift and noise."""
    rng = np.random.default_rng(1)
    series = rng.standard_normal((t, len(maps))).cumsum(axis=0)
    size = np.linalg.norm(maps.reshape(len(maps), -1), axis=1)
    data = 900 + np.tensordot(series * 30 / np.where(size > 0, size, 1), maps, axes=1) + 5 * rng.standard_normal((t, *SHAPE))
    data = data.astype(kind)
    if layout == "turned":
        data = np.ascontiguousarray(data[..., ::-1])[..., ::-1]
    return Run(data, GRID, 2.0, name="bold")


def _image(data):
    return nib.Nifti1Image(np.asarray(data, dtype=np.float64).T, AFFINE)


def _nilearn(run, maps, confounds=None, sample_mask=None, **how):
    masker = NiftiMapsMasker(_image(maps), resampling_target=None, **{"standardize": None, **how})
    return masker.fit_transform(_image(run.data), confounds=confounds, sample_mask=sample_mask)


def _close(found, theirs, tolerance=1e-10):
    np.testing.assert_allclose(found, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("r", "width"), [(1, 2.0), (3, 1.0), (6, 3.0), (12, 2.0)])
def test_overlapping_maps_are_fitted_as_nilearn_fits_them(seed, r, width):
    maps = _blobs(r, seed, width)
    run = _run(maps)
    found = region_series(run, Maps(maps, GRID, names=[f"network {i}" for i in range(r)]))
    scale = np.linalg.norm(maps.reshape(r, -1), axis=1)  # maps of very different weights have series of very different size
    _close(found.data * scale, _nilearn(run, maps) * scale)
    assert found.names == tuple(f"network {i}" for i in range(r))
    assert found.data.dtype == np.float64
    assert found.times is None


@pytest.mark.parametrize("kind", ["i2", ">i2", "u1", "f4", "f8"])
@pytest.mark.parametrize("layout", ["C", "turned"])
@pytest.mark.parametrize("fwhm", [0.0, 6.0])
@pytest.mark.parametrize("way", [0, 10**9], ids=["smoothed data", "smoothed weights"])
@pytest.mark.parametrize("overlap", [0, 10**9], ids=["volumes together", "one by one"])
def test_every_kind_of_run_whichever_way_it_is_smoothed(kind, layout, fwhm, way, overlap, monkeypatch):
    monkeypatch.setattr(weighted_sums, "SMOOTH_VOLUME", way)
    monkeypatch.setattr(weighted_sums, "OVERLAP", overlap)
    monkeypatch.setattr(weighted_sums, "VOLUMES", 7)
    maps = _blobs(5)
    run = _run(maps, kind, 20, layout)
    found = region_series(run, Maps(maps, GRID), RegionSeries(fwhm=fwhm))
    # Smoothing in single precision is nilearn's too, where the run is not of float64.
    _close(found.data, _nilearn(run, maps, smoothing_fwhm=fwhm or None), 1e-10 if kind == "f8" or fwhm == 0 else 1e-5)


@pytest.mark.parametrize("fwhm", [0.0, 5.0])
@pytest.mark.parametrize("censored", [False, True])
@pytest.mark.parametrize(
    "cleaning",
    [
        Cleaning(),
        Cleaning(detrend=False),
        Cleaning(standardize="psc", detrend=False),
        Cleaning(high_pass=0.01, low_pass=0.1),
        Cleaning(high_pass=0.02, filter="cosine", detrend=False, standardize="none"),
    ],
    ids=str,
)
def test_they_are_cleaned_afterwards(cleaning, censored, fwhm):
    maps = _blobs(5)
    run = _run(maps)
    confounds = np.random.default_rng(5).standard_normal((60, 4)).cumsum(axis=0)
    keep = np.ones(60, dtype=bool)
    keep[[7, 20, 21, 50]] = not censored
    theirs = _nilearn(
        run, maps, confounds, np.flatnonzero(keep) if censored else None, smoothing_fwhm=fwhm or None,
        detrend=cleaning.detrend, standardize=None if cleaning.standardize == "none" else cleaning.standardize,
        high_pass=cleaning.high_pass or None, low_pass=cleaning.low_pass if cleaning.low_pass < 1 else None, t_r=2.0,
        clean_args={"filter": cleaning.filter} if cleaning.high_pass else {},
    )  # fmt: skip
    given = run.replace(confounds=pd.DataFrame(confounds), keep=keep if censored else None)
    found = region_series(given, Maps(maps, GRID), RegionSeries(fwhm=fwhm, cleaning=cleaning))
    _close(found.data, theirs, 1e-8)
    np.testing.assert_allclose(found.to_frame().index, np.flatnonzero(keep) * 2.0)


def test_maps_that_are_the_same_share_their_series():
    first, second, third = _blobs(3)
    for maps in (
        np.array([first, second, first]),
        np.array([first, first, first, second]),
        np.array([first, second, 2 * first]),
        np.array([first, second, third, 4 * first - 2 * second]),
        np.array([first, -first]),
    ):
        run = _run(maps)
        _close(region_series(run, Maps(maps, GRID)).data, _nilearn(run, maps))
    halves = region_series(run, Maps(np.array([second, second]), GRID)).data
    np.testing.assert_allclose(halves, region_series(run, Maps(second[None], GRID)).data / 2 @ np.ones((1, 2)))


def test_what_the_rounding_of_float32_tells_apart_is_the_same():
    """A map and a third of it differ by rounding only; taken for two maps, their series would be far too large."""
    first, second, _ = _blobs(3)
    maps = np.array([first, second, first * np.float32(1 / 3)])
    run = _run(maps)
    exact = np.array([first, second, first.astype(np.float64) / 3])
    _close(region_series(run, Maps(maps, GRID)).data, _nilearn(run, exact), 1e-5)
    assert np.abs(_nilearn(run, maps)).max() > 100 * np.abs(_nilearn(run, exact)).max()


def test_a_map_without_a_weight_is_nan_and_nothing_shifts():
    """nilearn gives it 0, which a correlation takes for a constant series."""
    maps = np.insert(_blobs(3), 1, 0, axis=0)
    run = _run(maps)
    found, theirs = region_series(run, Maps(maps, GRID)), _nilearn(run, maps)
    assert np.isnan(found.data[:, 1]).all()
    assert not theirs[:, 1].any()
    _close(np.delete(found.data, 1, axis=1), np.delete(theirs, 1, axis=1))
    cleaned = region_series(run, Maps(maps, GRID), RegionSeries(fwhm=4.0, cleaning=Cleaning()))
    assert np.isnan(cleaned.data).all(axis=0).tolist() == [False, True, False, False]


@pytest.mark.parametrize("fwhm", [0.0, 6.0])
def test_voxels_without_a_value_are_left_out_of_the_fit(fwhm):
    """nilearn takes them for 0, as if nothing of the maps were there: the series of a map that reaches into them fall."""
    maps = _blobs(4)
    run = _run(maps, "f4")
    data = run.data.copy()
    where = np.unravel_index(np.flatnonzero(maps[2])[::3], SHAPE)
    data[(5, *where)] = np.nan
    data[:, 0, 0, 0] = np.inf
    without = maps.copy()
    without[:, ~np.isfinite(data).all(axis=0)] = 0
    params = RegionSeries(fwhm=fwhm)
    found = region_series(run.replace(data=data), Maps(maps, GRID), params)
    filled = data if fwhm == 0 else np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0)
    _close(found.data, region_series(run.replace(data=filled), Maps(without, GRID), params).data, 1e-5)
    if fwhm == 0:
        with pytest.warns(UserWarning, match="replaced with zeros"):
            theirs = _nilearn(run.replace(data=data), maps)
        whole = region_series(run, Maps(maps, GRID)).data
        assert np.abs(theirs - whole)[5, 2] > 10 * np.abs(found.data - whole)[5, 2]
    weightless = region_series(run.replace(data=np.where(maps[2] != 0, np.nan, run.data)), Maps(maps, GRID), params)
    assert np.isnan(weightless.data).all(axis=0).tolist() == [False, False, True, False]


def test_weights_that_are_no_numbers_count_as_0():
    maps = _blobs(3)
    odd = maps.copy()
    odd[0, 3, 3, 3], odd[1, 4, 4, 4] = np.nan, np.inf
    maps[~np.isfinite(odd)] = 0
    run = _run(maps)
    _close(region_series(run, Maps(odd, GRID)).data, _nilearn(run, maps))


def test_what_censored_volumes_hold_does_not_matter():
    maps = _blobs(3)
    run = _run(maps)
    keep = np.ones(60, dtype=bool)
    keep[[3, 30]] = False
    data = run.data.copy()
    data[~keep] = np.nan
    for cleaning in (Cleaning(), RegionSeries().cleaning):
        params = RegionSeries(cleaning=cleaning)
        whole, dirty = (region_series(run.replace(data=d, keep=keep), Maps(maps, GRID), params).data for d in (run.data, data))
        np.testing.assert_array_equal(whole, dirty)


@pytest.mark.parametrize("extractor", ["connected_components", "local_regions"])
def test_regions_out_of_maps_have_the_series_of_nilearn_s_extractor(extractor):
    """nilearn's extractor smooths the run by default with what it smooths the maps by; here that is asked for."""
    maps = np.abs(_blobs(3, width=1.5)).astype(np.float64)
    run = _run(maps)
    theirs = RegionExtractor(
        _image(maps), threshold=1.0, min_region_size=100, extractor=extractor, smoothing_fwhm=6, standardize="zscore_sample"
    )
    confounds = np.random.default_rng(5).standard_normal((60, 2)).cumsum(axis=0)
    expected = theirs.fit().transform(_image(run.data), confounds=confounds)
    weights = theirs.regions_img_.get_fdata().T
    regions = Regions.of_maps(weights, GRID, names=[f"region of network {i + 1}" for i in theirs.index_])
    params = RegionSeries(fwhm=6.0, cleaning=Cleaning(detrend=False))
    found = region_series(run.replace(confounds=confounds), regions, params)
    _close(found.data, expected, 1e-5)  # the weights of regions are float32
    assert found.names == tuple(regions.table["name"])
    assert found.data.shape == (60, len(weights))
    exact = region_series(run.replace(confounds=confounds), Maps(weights, GRID), params)
    _close(exact.data, expected, 1e-8)


def test_few_volumes_are_fitted_as_they_are():
    maps = _blobs(3)
    run = _run(maps, t=2)
    _close(region_series(run, Maps(maps, GRID)).data, _nilearn(run, maps))
    one = run.replace(data=run.data[:1])
    _close(region_series(one, Maps(maps, GRID)).data, _nilearn(one, maps).reshape(1, -1))


def test_what_was_given_is_not_changed_and_the_run_never_copied():
    shape = (40, 50, 40)
    data = np.broadcast_to(np.ones(shape, np.int16), (300, *shape))
    run = Run(data, Grid(shape, AFFINE), 2.0)
    maps = np.zeros((8, *shape), np.float32)
    for i, image in enumerate(maps):
        image[4 * i : 4 * i + 6, 5:45, 5:35] = np.random.default_rng(i).random((6, 40, 30))
    before = maps.copy()
    for params in (RegionSeries(), RegionSeries(fwhm=6.0)):
        region_series(run, Maps(maps, run.grid), params)  # imports
        tracemalloc.start()
        try:
            region_series(run, Maps(maps, run.grid), params)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8 * run.data.size / 6  # a sixth of the run as float64
    np.testing.assert_array_equal(maps, before)


def test_it_can_be_cancelled_and_says_how_far_it_is():
    maps = _blobs(4)
    for params in (RegionSeries(), RegionSeries(fwhm=6.0)):
        told = []
        region_series(_run(maps, "f4"), Maps(maps, GRID), params, progress=lambda done, doing, told=told: told.append(done))
        assert told == sorted(told)
        assert told[-1] == 1.0

        def stop(done, doing):
            raise Cancelled

        with pytest.raises(Cancelled):
            region_series(_run(maps, "f4"), Maps(maps, GRID), params, progress=stop)


def test_what_cannot_be_fitted_is_one_sentence():
    maps = _blobs(2)
    run = _run(maps)
    other = Grid((8, 9, 11), AFFINE)
    wrong = {
        "the image of the maps is on a 11×9×8 grid and bold on 10×9×8: resample": Maps(np.ones((1, 8, 9, 11)), other),
        "no weight in the maps": Maps(np.zeros((2, *SHAPE)), GRID),
    }
    for said, given in wrong.items():
        with pytest.raises(InputError, match=said):
            region_series(run, given, RegionSeries(resample="never"))
    for summary in ("median", "eigenvariate"):
        with pytest.raises(InputError, match=f"have no {summary}: leave the summary at mean"):
            region_series(run, Maps(maps, GRID), RegionSeries(summary=summary))
    with pytest.raises(InputError, match="no volume of bold is kept"):
        region_series(run.replace(keep=np.zeros(60, dtype=bool)), Maps(maps, GRID))


def test_a_real_run_and_a_real_atlas_are_nilearn_s(real_data):
    run = load_run(real_data / "rest_group" / "rtswa_11G_1G11.nii.gz", tr=2.0)
    atlas = load_maps(real_data / "atlas" / "DiFuMo128_MNI152NLin6Asym_2mm_maps.nii.gz")
    maps = resample(atlas, run.grid, how="linear")
    found = region_series(run, maps, RegionSeries(fwhm=6.0, cleaning=Cleaning()))
    images = [nib.Nifti1Image(each.data.T.astype(np.float64), run.grid.affine) for each in (maps, run)]
    masker = NiftiMapsMasker(images[0], resampling_target=None, smoothing_fwhm=6, detrend=True, standardize="zscore_sample")
    _close(found.data, masker.fit_transform(images[1]), 1e-9)
    assert len(set(found.names)) == 128
