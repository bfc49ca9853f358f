"""Series of regions equal nilearn's maskers on float64 images, and what SPM extracts; where nilearn is wrong, it is said."""

import tracemalloc

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker

from napari_connectome import Cleaning, Grid, Maps, Regions, RegionSeries, Run, Volume, clean, region_series
from napari_connectome.core import summaries, weighted_sums
from napari_connectome.core.errors import Cancelled, InputError

AFFINE = np.array([[3.0, 0, 0, -15], [0, 2.5, 0, -12], [0, 0, 4, -14], [0, 0, 0, 1]])
SHAPE = (8, 9, 10)
GRID = Grid(SHAPE, AFFINE)


def _run(kind="f8", t=60, layout="C"):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((t, 3)) @ rng.standard_normal((3, np.prod(SHAPE))) * 8
    data = (data + 10 * rng.standard_normal(data.shape) + 800).reshape(t, *SHAPE).astype(kind)
    if layout == "F":
        data = np.asfortranarray(data)
    elif layout == "turned":  # as from a file that is stored from right to left
        data = np.ascontiguousarray(data[..., ::-1])[..., ::-1]
    elif layout == "part":
        data = np.repeat(data, 2, axis=3)[:, :, :, ::2]
    return Run(data, GRID, 2.0, name="bold")


def _regions(ids=(2, 3, 40, 9170), seed=1):
    """Regions of several shapes: blocks, scattered voxels, one voxel."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[1:4, 2:6, 1:7] = ids[0]
    labels[5:, 4:, :] = ids[1]
    labels.ravel()[np.random.default_rng(seed).choice(labels.size, 90, replace=False)] = ids[2]
    labels[0, 0, 0] = ids[3]
    return Regions(labels, GRID)


def _image(run):
    return nib.Nifti1Image(np.asarray(run.data.T, dtype=np.float64), AFFINE)


def _nilearn(run, regions, confounds=None, sample_mask=None, **how):
    labels = nib.Nifti1Image(regions.labels.T.astype(np.int32), AFFINE)
    masker = NiftiLabelsMasker(labels, resampling_target=None, **{"standardize": None, **how})
    return masker.fit_transform(_image(run), confounds=confounds, sample_mask=sample_mask)


@pytest.mark.parametrize("summary", ["mean", "median"])
@pytest.mark.parametrize("layout", ["C", "F", "turned", "part"])
@pytest.mark.parametrize("kind", ["i2", ">i2", "u1", "f4", "f8"])
def test_means_and_medians_are_nilearn_s(summary, layout, kind):
    run, regions = _run(kind, 9, layout), _regions()
    series = region_series(run, regions, RegionSeries(summary=summary))
    theirs = _nilearn(run, regions, strategy=summary)
    np.testing.assert_allclose(series.data, theirs, rtol=1e-12)
    assert series.names == ("region 2", "region 3", "region 40", "region 9170")
    assert series.data.dtype == np.float64
    assert series.tr == 2.0
    assert series.times is None


@pytest.mark.parametrize(
    "cleaning",
    [
        Cleaning(),
        Cleaning(detrend=False),
        Cleaning(standardize="psc", detrend=False),
        Cleaning(standardize="none"),
        Cleaning(high_pass=0.01, low_pass=0.1, standardize="none"),
        Cleaning(high_pass=0.02, filter="cosine", detrend=False, standardize="none"),
    ],
    ids=str,
)
@pytest.mark.parametrize("censored", [False, True])
def test_series_are_cleaned_like_nilearn_s(cleaning, censored):
    run, regions = _run(), _regions()
    confounds = np.random.default_rng(5).standard_normal((60, 4)).cumsum(axis=0)
    keep = np.ones(60, dtype=bool)
    keep[[7, 20, 21, 50]] = not censored
    how = {
        "detrend": cleaning.detrend, "standardize": None if cleaning.standardize == "none" else cleaning.standardize,
        "high_pass": cleaning.high_pass or None, "low_pass": cleaning.low_pass if cleaning.low_pass < 1 else None, "t_r": 2.0,
        "clean_args": {"filter": cleaning.filter} if cleaning.high_pass else {},
    }  # fmt: skip
    mask = np.flatnonzero(keep) if censored else None
    theirs = _nilearn(run, regions, confounds, mask, **how)
    given = run.replace(confounds=pd.DataFrame(confounds), keep=keep if censored else None)
    series = region_series(given, regions, RegionSeries(cleaning=cleaning))
    np.testing.assert_allclose(series.data, theirs, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(series.to_frame().index, np.flatnonzero(keep) * 2.0)


@pytest.mark.parametrize("way", [0, 10**9], ids=["smoothed data", "smoothed weights"])
@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
@pytest.mark.parametrize("layout", ["C", "turned"])
def test_smoothing_is_nilearn_s_whichever_way_is_cheaper(way, kind, layout, monkeypatch):
    monkeypatch.setattr(weighted_sums, "SMOOTH_VOLUME", way)
    run, regions = _run(kind, 9, layout), _regions()
    series = region_series(run, regions, RegionSeries(fwhm=6.0))
    np.testing.assert_allclose(series.data, _nilearn(run, regions, smoothing_fwhm=6), rtol=1e-6)


def test_the_median_of_smoothed_data_is_nilearn_s():
    run, regions = _run("f8", 9), _regions()
    series = region_series(run, regions, RegionSeries(fwhm=6.0, summary="median"))
    np.testing.assert_allclose(series.data, _nilearn(run, regions, smoothing_fwhm=6, strategy="median"), rtol=1e-12)


@pytest.mark.parametrize("kind", ["i2", "f8"])
@pytest.mark.parametrize("radius", [0.0, 4.0, 7.0])
def test_spheres_are_nilearn_s_on_float64(kind, radius):
    """On an image of integers nilearn cuts the means of spheres to integers."""
    run = _run(kind)
    centres = [(0.2, 1.3, 2.1), (-9.3, -6.1, 5.2), (1.1, 2.2, -8.3)]
    masker = NiftiSpheresMasker(centres, radius=radius or None, allow_overlap=True, standardize=None)
    theirs = masker.fit_transform(_image(run))
    series = region_series(run, centres, RegionSeries(radius=radius))
    np.testing.assert_allclose(series.data, theirs, rtol=1e-12)
    table = pd.DataFrame(centres, columns=list("xyz")).assign(name=["a", "b", "c"], radius=radius)
    named = region_series(run, table, RegionSeries(radius=3.0))
    np.testing.assert_array_equal(named.data, series.data)
    assert named.names == ("a", "b", "c")
    assert series.names[0] == "(0.2, 1.3, 2.1)"


@pytest.mark.parametrize("summary", ["mean", "median", "eigenvariate"])
@pytest.mark.parametrize("fwhm", [0.0, 6.0])
def test_voxels_without_a_value_are_left_out_of_their_region(summary, fwhm):
    """nilearn takes them for 0 and counts them: the mean of a region at the edge of the image falls with each of them."""
    run, regions = _run("f4"), _regions()
    data = run.data.copy()
    data[3, 1, 2, 1], data[:, 5, 4:, 0], data[:, 7, 8, 9] = np.nan, np.inf, -np.inf
    without = regions.labels.copy()
    without[~np.isfinite(data).all(axis=0)] = 0
    params = RegionSeries(summary=summary, fwhm=fwhm)
    found = region_series(run.replace(data=data), regions, params)
    # The smoothing takes them for 0, as everywhere.
    filled = data if fwhm == 0 else np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0)
    expected = region_series(run.replace(data=filled), Regions(without, GRID), params)
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-5, atol=1e-4)
    if summary == "mean" and fwhm == 0:
        with pytest.warns(UserWarning, match="replaced with zeros"):
            theirs = _nilearn(run.replace(data=data), regions)
        share = (without == 3).sum() / (regions.labels == 3).sum()
        np.testing.assert_allclose(theirs[:, 1], share * found.data[:, 1], rtol=1e-6)
        np.testing.assert_allclose(theirs[:, 3], found.data[:, 3], rtol=1e-6)


@pytest.mark.parametrize("summary", ["mean", "median", "eigenvariate"])
@pytest.mark.parametrize("cleaning", [RegionSeries().cleaning, Cleaning(), Cleaning(standardize="psc", detrend=False)], ids=str)
def test_a_region_without_a_usable_voxel_is_nan_and_nothing_shifts(summary, cleaning):
    run, regions = _run(), _regions(ids=(2, 3, 40, 1))
    data = run.data.copy()
    data[:, 0, 0, 0] = np.nan
    params = RegionSeries(summary=summary, cleaning=cleaning)
    whole, found = (region_series(run.replace(data=each), regions, params) for each in (run.data, data))
    assert found.names == ("region 1", "region 2", "region 3", "region 40")
    assert np.isnan(found.data[:, 0]).all()
    np.testing.assert_allclose(found.data[:, 1:], whole.data[:, 1:], rtol=1e-6)
    points = region_series(run, [(0, 0, 0), (500, 0, 0), (3, 0, 0)], params)
    assert np.isnan(points.data).any(axis=0).tolist() == [False, True, False]
    assert points.names[1] == "(500, 0, 0)"


@pytest.mark.parametrize("what", ["labels", "label", "spheres", "voxel", "maps", "regions that are maps"])
@pytest.mark.parametrize("summary", ["mean", "median", "eigenvariate"])
@pytest.mark.parametrize("fwhm", [0.0, 6.0])
@pytest.mark.parametrize("outside", [False, True])
def test_a_volume_without_values_is_named(what, summary, fwhm, outside):
    """All would be NaN; where a region has no voxel, or lies outside the image, it alone is."""
    run, regions = _run("f4"), _regions()
    image = (regions.labels > 0).astype("f4")[None]
    given, radius = {
        "labels": (regions, 8.0),
        "label": (Regions(regions.labels == 3, GRID), 8.0),
        "spheres": ([(0, 0, 0), (3, 6, 9), (500, 0, 0)], 8.0),
        "voxel": ([(3, 6, 9)], 0.0),
        "maps": (Maps(image, GRID), 8.0),
        "regions that are maps": (Regions.of_maps(image, GRID), 8.0),
    }[what]
    if "maps" in what:
        summary = "mean"
    data = run.data.copy()
    if outside:
        data[:, :2] = np.nan
    data[7, 0, 0, 0] = np.inf  # something else lacks before
    params = RegionSeries(summary=summary, fwhm=fwhm, radius=radius, cleaning=Cleaning())
    region_series(run.replace(data=data), given, params)
    data[9] = np.nan
    said = r"^no voxel of the regions has a value in all volumes of bold \(volume 9 lacks most, from 0\): censor such volumes"
    with pytest.raises(InputError, match=said):
        region_series(run.replace(data=data), given, params)
    data[11:13] = -np.inf
    with pytest.raises(InputError, match=r"\(volume 9 and 2 others lack most, from 0\)"):
        region_series(run.replace(data=data), given, params)
    keep = np.ones(60, dtype=bool)
    keep[[9, 11, 12]] = False
    found = region_series(run.replace(data=data, keep=keep), given, params)
    assert np.isfinite(found.data).any()
    nowhere = region_series(run.replace(data=np.full_like(data, np.nan)), given, params)
    assert np.isnan(nowhere.data).all()


def test_what_censored_volumes_hold_does_not_matter():
    run, regions = _run(), _regions()
    keep = np.ones(60, dtype=bool)
    keep[[3, 30]] = False
    data = run.data.copy()
    data[~keep] = np.nan
    for summary in ("mean", "median", "eigenvariate"):
        params = RegionSeries(summary=summary, cleaning=Cleaning())
        clean_, dirty = (region_series(run.replace(data=d, keep=keep), regions, params).data for d in (run.data, data))
        np.testing.assert_array_equal(clean_, dirty)
    with pytest.raises(InputError, match="no volume of bold is kept"):
        region_series(run.replace(keep=np.zeros(60, dtype=bool)), regions)


def _spm(voxels):
    """spm_regions.m, line by line; y (scans × voxels) is adjusted, filtered and about its mean."""
    y = voxels - voxels.mean(axis=0)
    m, n = y.shape
    if m > n:
        _, s, v = np.linalg.svd(y.T @ y)
        v = v[0]
        u = y @ v / np.sqrt(s[0])
    else:
        _, s, u = np.linalg.svd(y @ y.T)
        u = u[0]
        v = y.T @ u / np.sqrt(s[0])
    d = np.sign(v.sum())
    return u * d * np.sqrt(s[0] / n)


@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
@pytest.mark.parametrize("cleaned", [False, True])
@pytest.mark.parametrize("pieces", ["whole", "small"])
def test_the_first_eigenvariate_is_spm_s(kind, cleaned, pieces, monkeypatch):
    if pieces == "small":
        monkeypatch.setattr(summaries, "GATHERED", 40_000)
        monkeypatch.setattr(summaries, "AT_ONCE", 60 * 7)
    run, regions = _run(kind), _regions()
    run = run.replace(confounds=np.random.default_rng(2).standard_normal((60, 3)).cumsum(axis=0)) if cleaned else run
    cleaning = Cleaning(detrend=cleaned, high_pass=0.02 * cleaned, standardize="none")
    series = region_series(run, regions, RegionSeries(summary="eigenvariate", cleaning=cleaning))
    for i, label in enumerate(regions.ids):
        voxels = run.data[:, regions.labels == label].astype(np.float64)
        if cleaned:
            voxels = clean(voxels, 2.0, cleaning, run.confounds)
        np.testing.assert_allclose(series.data[:, i], _spm(voxels), rtol=1e-7, atol=1e-8)


def test_an_eigenvariate_goes_with_the_mean_and_comes_in_the_wanted_scale():
    run, regions = _run(), _regions()
    first = RegionSeries(summary="eigenvariate")
    mean = region_series(run, regions)
    plain = region_series(run, regions, first)
    for i in range(3):
        assert np.corrcoef(plain.data[:, i], mean.data[:, i])[0, 1] > 0
    np.testing.assert_allclose(plain.data[:, 3], mean.data[:, 3] - mean.data[:, 3].mean(), atol=1e-9)  # one voxel
    scaled = region_series(run, regions, first.replace(cleaning=Cleaning(detrend=False))).data
    np.testing.assert_allclose(scaled, plain.data / plain.data.std(axis=0, ddof=1))
    percent = region_series(run, regions, first.replace(cleaning=Cleaning(detrend=False, standardize="psc"))).data
    np.testing.assert_allclose(percent, 100 * plain.data / mean.data.mean(axis=0))


def test_constant_regions_have_series_without_noise():
    run = _run("f4").replace(data=np.full((60, *SHAPE), 1000.1, dtype=np.float32))
    for summary in ("mean", "median", "eigenvariate"):
        for standardize in ("zscore_sample", "psc"):
            series = region_series(run, _regions(), RegionSeries(summary=summary, cleaning=Cleaning(standardize=standardize)))
            assert not series.data.any()


def test_few_volumes_are_averaged_as_they_are():
    run = _run(t=1)
    np.testing.assert_allclose(region_series(run, _regions()).data, _nilearn(_run(t=1), _regions()).reshape(1, -1))


def test_what_was_given_is_not_changed():
    run, regions = _run("f4"), _regions()
    data, labels = run.data.copy(), regions.labels.copy()
    for summary in ("mean", "median", "eigenvariate"):
        region_series(run, regions, RegionSeries(summary=summary, fwhm=4.0, cleaning=Cleaning()))
    np.testing.assert_array_equal(run.data, data)
    np.testing.assert_array_equal(regions.labels, labels)


@pytest.mark.parametrize("params", [RegionSeries(), RegionSeries(fwhm=6.0), RegionSeries(summary="median")], ids=str)
@pytest.mark.parametrize("layout", ["C", "turned"])
def test_the_run_is_never_copied(params, layout):
    data = np.broadcast_to(np.ones((40, 50, 40), np.int16), (300, 40, 50, 40))
    run = Run(data, Grid((40, 50, 40), AFFINE), 2.0)
    if layout == "turned":
        run = run.replace(data=run.data[:, ::-1, :, ::-1])
    labels = np.zeros(run.grid.shape, np.uint8)
    labels[5:35, 5:45, 5:35] = np.arange(1, 31)
    region_series(run, Regions(labels, run.grid), params)  # imports
    tracemalloc.start()
    try:
        region_series(run, Regions(labels, run.grid), params)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * run.data.size / 4  # a quarter of the run as float64


def test_it_can_be_cancelled_and_says_how_far_it_is():
    for params in (
        RegionSeries(),
        RegionSeries(fwhm=6.0),
        RegionSeries(summary="median"),
        RegionSeries(summary="eigenvariate"),
    ):
        told = []
        region_series(_run("f4"), _regions(), params, progress=lambda fraction, doing, told=told: told.append(fraction))
        assert told == sorted(told)
        assert told[-1] == pytest.approx(1.0)

        def stop(fraction, doing):
            raise Cancelled

        with pytest.raises(Cancelled):
            region_series(_run("f4"), _regions(), params, progress=stop)


def test_what_cannot_be_averaged_is_one_sentence():
    run, regions = _run(), _regions()
    other = Grid((8, 9, 11), AFFINE)
    moved = AFFINE.copy()
    moved[0, 3] += 1
    wrong = {
        "the label image is on a 11×9×8 grid and bold on 10×9×8: resample": Regions(np.ones(other.shape, np.uint8), other),
        "the label image has the size of bold but lies elsewhere": Regions(regions.labels, Grid(SHAPE, moved)),
        "no weight in the maps": Maps(np.zeros((1, *SHAPE)), GRID),
        "vt is a Volume and regions are needed": Volume(np.ones(SHAPE), GRID, name="vt"),
        "must be centres in mm": "PCC",
        "no column z": pd.DataFrame({"x": [1.0], "y": [2.0]}),
    }
    wrong["there is no region in the label image"] = Regions(np.zeros(SHAPE, np.uint8), GRID)
    for said, given in wrong.items():
        with pytest.raises(InputError, match=said):
            region_series(run, given, RegionSeries(resample="never"))
