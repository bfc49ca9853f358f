"""Connectomes equal nilearn's ConnectivityMeasure; regions without a series leave the others alone."""

import warnings

import numpy as np
import pytest
from nilearn.connectome import ConnectivityMeasure
from sklearn.covariance import EmpiricalCovariance, LedoitWolf

from napari_connectome import Cleaning, RegionSeries, Series, load_regions, load_run, region_series
from napari_connectome.analyses.connectome import Connectivity, connectome
from napari_connectome.core.connectomes import BOUNDED, Connectome
from napari_connectome.core.errors import Cancelled, InputError

KINDS = ("correlation", "partial_correlation", "covariance", "precision")


def _series(t=80, r=7, seed=0, names=None):
    """Series that go together, of very different sizes and levels."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((t, 3)) @ rng.standard_normal((3, r)) + rng.standard_normal((t, r))
    return Series(data * rng.uniform(0.1, 40, r) + rng.uniform(-500, 500, r), names or [f"region {i}" for i in range(r)], 2.0)


def _nilearn(subjects, params):
    estimator = LedoitWolf(store_precision=False) if params.estimator == "ledoit_wolf" else EmpiricalCovariance()
    measure = ConnectivityMeasure(estimator, kind=params.kind.replace("_", " "), standardize=params.standardize)
    return measure.fit_transform([each.data for each in subjects]), measure.mean_


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("estimator", ["ledoit_wolf", "empirical"])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(("t", "r"), [(80, 7), (30, 20), (12, 30), (200, 2), (50, 1)])
def test_it_is_nilearn_s(kind, estimator, standardize, t, r):
    params = Connectivity(kind=kind, estimator=estimator, standardize=standardize)
    subjects = [_series(t + 3 * i, r, i) for i in range(3)]
    if estimator == "empirical" and t <= r and kind in ("precision", "partial_correlation"):
        with pytest.raises(InputError, match="the series of subject 1: the covariance of 30 series has no inverse"):
            connectome(subjects, params)
        return
    found = connectome(subjects, params)
    theirs, mean = _nilearn(subjects, params)
    size = np.abs(theirs).max()
    np.testing.assert_allclose(found.matrices, theirs, rtol=1e-9, atol=1e-12 * size)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-9, atol=1e-12 * size)
    np.testing.assert_array_equal(found.matrices, found.matrices.transpose(0, 2, 1))
    assert found.kind == kind
    assert found.names == subjects[0].names
    assert found.matrices.dtype == np.float64


def test_a_correlation_is_pearson_s_times_what_was_not_drawn_to_0():
    series = _series(40, 12)
    pearson = np.corrcoef(series.data.T)
    found = connectome(series)
    (shrinkage,) = found.shrinkage
    assert 0.01 < shrinkage < 0.9
    np.testing.assert_allclose(found.matrices[0], np.where(np.eye(12), 1, (1 - shrinkage) * pearson), atol=1e-14)
    plain = connectome(series, Connectivity(estimator="empirical"))
    np.testing.assert_allclose(plain.mean, pearson, atol=1e-14)
    assert plain.shrinkage.tolist() == [0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_without_a_series_leaves_the_others_alone(kind):
    subjects = [_series(60, 6, i) for i in range(3)]
    holed = [Series(each.data.copy(), each.names, each.tr) for each in subjects]
    holed[1].data[:, 2], holed[1].data[5, 4] = np.nan, np.inf
    params = Connectivity(kind=kind)
    found = connectome(holed, params)
    gone = np.zeros((6, 6), dtype=bool)
    gone[[2, 4]] = gone[:, [2, 4]] = True
    np.testing.assert_array_equal(np.isnan(found.matrices), np.array([np.zeros((6, 6), bool), gone, np.zeros((6, 6), bool)]))
    rest = [0, 1, 3, 5]
    alone = connectome(Series(subjects[1].data[:, rest], [subjects[1].names[i] for i in rest], 2.0), params)
    np.testing.assert_array_equal(found.matrices[1][np.ix_(rest, rest)], alone.mean)
    np.testing.assert_allclose(found.mean[2], found.matrices[[0, 2], 2].mean(axis=0), rtol=1e-12)
    nothing = connectome(Series(np.full((30, 2), np.nan), "ab", 2.0), params)
    assert np.isnan(nothing.matrices).all()
    assert np.isnan(nothing.mean).all()
    holed[1].data[4, 1], holed[1].data[8, [0, 1, 3, 5]] = np.nan, np.inf
    said = r"no region has a value in all volumes of the series of subject 2 \(volume 8 lacks most, from 0\): leave such"
    with pytest.raises(InputError, match=said):
        connectome(holed, params)


def test_one_subject_several_or_a_generator_and_where_the_regions_are():
    subjects = [_series(seed=i) for i in range(4)]
    several = connectome(subjects)
    places = np.arange(21.0).reshape(7, 3)
    lazy = connectome((each for each in subjects), coordinates=places)
    np.testing.assert_array_equal(several.matrices, lazy.matrices)
    np.testing.assert_array_equal(lazy.coordinates, places)
    assert several.coordinates is None
    one = connectome(subjects[2])
    np.testing.assert_array_equal(one.matrices[0], several.matrices[2])
    np.testing.assert_array_equal(one.mean, one.matrices[0])
    assert one.to_frame().loc["region 1", "region 3"] == one.mean[1, 3]
    assert several.to_frame(1).loc["region 0", "region 5"] == several.matrices[1, 0, 5]
    integers = Series(np.round(subjects[0].data).astype(int), subjects[0].names, 2.0)
    np.testing.assert_array_equal(
        connectome(integers).mean, connectome(Series(integers.data.astype(float), integers.names, 2.0)).mean
    )


def test_a_constant_series_has_a_covariance_and_no_correlation():
    series = _series()
    data = series.data.copy()
    data[:, 3] = 700.1
    params = Connectivity(kind="covariance", estimator="empirical")
    assert not connectome(Series(data, series.names, 2.0), params).mean[3].round(12).any()
    for kind in ("correlation", "partial_correlation", "precision"):
        with pytest.raises(InputError, match="region 3 does not change in the series of subject 2"):
            connectome([series, Series(data, series.names, 2.0)], Connectivity(kind=kind))
    data[:, 5] = 0
    with pytest.raises(InputError, match="region 3 and 1 other do not change in the series, and"):
        connectome(Series(data, series.names, 2.0))


def test_series_that_depend_on_each_other_have_no_precision():
    series = _series()
    twice = Series(np.hstack([series.data, series.data[:, :1]]), [*series.names, "again"], 2.0)
    for kind in ("precision", "partial_correlation"):
        with pytest.raises(InputError, match="the covariance of 8 series has no inverse: they depend on each other"):
            connectome(twice, Connectivity(kind=kind, estimator="empirical"))
        assert np.isfinite(connectome(twice, Connectivity(kind=kind)).mean).all()
    assert connectome(twice).mean[0, 7] == pytest.approx(1 - connectome(twice).shrinkage[0])


def test_what_cannot_be_taken_together_is_one_sentence():
    series = _series()
    for said, given in {
        "series of subject 2 are of 6 regions and those of the first of 7": [series, _series(r=6)],
        "region 3 is 'c' in the series of subject 2 and 'region 2' in the first": [
            series,
            _series(names=["region 0", "region 1", *"cdefg"]),
        ],
        "the series of subject 3 have 2 volumes, and at least 3": [series, series, _series(t=2)],
        "no series were given": [],
        "each subject is of type ndarray and must be a Series": series.data,
        "each subject is of type int": 7,
    }.items():
        with pytest.raises(InputError, match=said):
            connectome(given)
    with pytest.raises(InputError, match=r"coordinates have shape \(3, 3\) for 7 regions"):
        connectome(series, coordinates=np.zeros((3, 3)))
    with pytest.raises(InputError, match="must be one of correlation, partial_correlation"):
        Connectivity(kind="coherence")
    for said, make in {
        r"square matrices \(s, r, r\)": lambda: Connectome(np.zeros((2, 3)), "abc"),
        "2 names were given for 3 regions": lambda: Connectome(np.eye(3), "ab"),
        "2 shrinkages were given for 1 subject": lambda: Connectome(np.eye(3), "abc", shrinkage=[0.1, 0.2]),
    }.items():
        with pytest.raises(InputError, match=said):
            make()


@pytest.mark.parametrize("estimator", ["ledoit_wolf", "empirical"])
@pytest.mark.parametrize(("t", "r", "s"), [(80, 7, 3), (60, 20, 12), (200, 2, 2), (50, 1, 4), (90, 60, 25)])
def test_tangents_are_nilearn_s(estimator, t, r, s):
    params = Connectivity(kind="tangent", estimator=estimator)
    subjects = [_series(t + 3 * i, r, i) for i in range(s)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        theirs, mean = _nilearn(subjects, params)
    reached = not any("Maximum number of iterations" in str(each.message) for each in said)
    found = connectome(subjects, params)
    np.testing.assert_array_equal(found.matrices, found.matrices.transpose(0, 2, 1))
    if reached:  # it takes 30 steps at most, and says so
        np.testing.assert_allclose(found.matrices, theirs, rtol=1e-10, atol=1e-10 * np.abs(theirs).max())
        np.testing.assert_allclose(found.centre, mean, rtol=1e-10, atol=1e-10 * np.abs(mean).max())
    assert np.linalg.norm(found.mean) < 1e-7 * r**2 + 1e-9
    size = np.abs(found.centre).max()
    covariances = connectome(subjects, params.replace(kind="covariance"))
    np.testing.assert_allclose(found.to_covariance().matrices, covariances.matrices, rtol=1e-8, atol=1e-9 * size)
    assert covariances.to_covariance() is covariances


def test_a_region_that_a_subject_lacks_has_no_tangent_in_any():
    subjects = [_series(60, 6, i) for i in range(4)]
    holed = [Series(each.data.copy(), each.names, each.tr) for each in subjects]
    holed[1].data[:, 2] = np.nan
    found = connectome(holed, Connectivity(kind="tangent"))
    rest = [0, 1, 3, 4, 5]
    alone = connectome(
        [Series(each.data[:, rest], [each.names[i] for i in rest], 2.0) for each in subjects], Connectivity(kind="tangent")
    )
    assert np.isnan(found.matrices[:, 2]).all()
    np.testing.assert_allclose(found.to_covariance().take(rest).matrices, alone.to_covariance().matrices, rtol=1e-12)
    np.testing.assert_array_equal(found.take(rest).matrices, alone.matrices)
    np.testing.assert_array_equal(found.take(rest).centre, alone.centre)
    again = connectome(subjects[0], Connectivity(kind="tangent"), centre=found.centre)
    np.testing.assert_allclose(again.take(rest).mean, alone.matrices[0], atol=1e-12)
    assert np.isnan(again.mean[2]).all()
    for i in range(4):
        holed[i].data[:, i : i + 3] = np.nan
    with pytest.raises(InputError, match="no region has a series in every subject"):
        connectome(holed, Connectivity(kind="tangent"))


def test_what_has_no_tangent_is_one_sentence():
    series, tangent = [_series(seed=i) for i in range(3)], Connectivity(kind="tangent")
    with pytest.raises(InputError, match="the series of one were given"):
        connectome(series[0], tangent)
    with pytest.raises(InputError, match="a centre was given for correlation"):
        connectome(series, centre=np.eye(7))
    with pytest.raises(InputError, match=r"the centre has shape \(3, 3\) for 7 regions"):
        connectome(series, tangent, centre=np.eye(3))
    for wrong in (-np.eye(7), np.full((7, 7), np.nan), np.triu(np.ones((7, 7)))):
        with pytest.raises(InputError, match="the centre is no covariance with an inverse"):
            connectome(series, tangent, centre=wrong)
    short = [_series(t=6, seed=i) for i in range(3)]
    with pytest.raises(InputError, match="the series of Ann: the covariance of 7 series has no inverse"):
        connectome(short, tangent.replace(estimator="empirical"), subjects=["Ann", "Bo", "Cy"])
    with pytest.raises(InputError, match="2 names of subjects were given for the series of 3"):
        connectome(series, subjects=["Ann", "Bo"])


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.nightly)])
def test_tangents_of_real_runs_are_nilearn_s(real_data, every):
    """Of each so many of Schaefer's regions, and of those that have no voxel in a run."""
    regions = load_regions(real_data / "atlas" / "Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg.nii.gz")
    runs = [load_run(path, tr=2.0) for path in sorted((real_data / "rest_group").glob("*.nii.gz"))]
    how = RegionSeries(cleaning=Cleaning(high_pass=0.01, low_pass=0.1))
    series = [region_series(run, regions, how) for run in runs]
    missing = np.any([np.isnan(each.data).any(axis=0) for each in series], axis=0)
    assert 0 < missing.sum() < 10
    columns = np.flatnonzero(missing | (np.arange(len(missing)) % every == 0))
    series = [Series(each.data[:, columns], [each.names[i] for i in columns], 2.0) for each in series]
    found = connectome(series, Connectivity(kind="tangent"))
    known = np.flatnonzero(np.isfinite(np.diag(found.centre)))
    assert len(known) == len(columns) - missing.sum()
    taken = [Series(each.data[:, known].astype(np.float64), [each.names[i] for i in known], 2.0) for each in series]
    theirs, _ = _nilearn(taken, Connectivity(kind="tangent"))
    np.testing.assert_allclose(found.take(known).matrices, theirs, atol=1e-10 * np.abs(theirs).max())


@pytest.mark.parametrize("kind", BOUNDED)
def test_fisher_z_is_arctanh_off_the_diagonal(kind):
    subjects = [_series(seed=i) for i in range(3)]
    r = connectome(subjects, Connectivity(kind=kind), subjects=["Ann", "Bo", "Cy"])
    z = connectome(subjects, Connectivity(kind=kind, fisher_z=True))
    own = np.eye(7, dtype=bool)
    np.testing.assert_allclose(z.matrices[:, ~own], np.arctanh(r.matrices[:, ~own]), rtol=1e-14)
    assert (z.matrices[:, own] == 1).all()
    assert z.fisher_z
    assert not r.fisher_z
    assert r.subjects == ("Ann", "Bo", "Cy")
    twice = Series(np.hstack([subjects[0].data, subjects[0].data[:, :1]]), [*subjects[0].names, "again"], 2.0)
    alike = connectome(twice, Connectivity(estimator="empirical", fisher_z=True))
    assert 7 < alike.mean[0, 7] < 8


@pytest.mark.parametrize("kind", ["covariance", "precision", "tangent"])
def test_what_is_not_between_1_and_minus_1_has_no_fisher_z(kind):
    with pytest.raises(InputError, match=f"Fisher z was asked for {kind}"):
        Connectivity(kind=kind, fisher_z=True)


@pytest.mark.parametrize("kind", ["correlation", "tangent"])
def test_it_can_be_cancelled(kind):
    def stop(done, doing):
        raise Cancelled

    with pytest.raises(Cancelled):
        connectome([_series(), _series(seed=1)], Connectivity(kind=kind), progress=stop)
