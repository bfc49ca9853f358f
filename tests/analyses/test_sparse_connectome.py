"""Sparse connectomes equal nilearn's and scikit-learn's; the best alpha is theirs; bad input ends in a sentence."""

import contextlib
import json
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nilearn.connectome import GroupSparseCovariance, GroupSparseCovarianceCV, group_sparse_cov
from sklearn.covariance import GraphicalLassoCV

from napari_connectome import Cleaning, Regions, RegionSeries, RunFile, Series, load_regions
from napari_connectome.analyses.sparse_connectome import SparseConnectivity, sparse_connectome
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.sparse_connectomes import SparseConnectome
from napari_connectome.studies.connectome_of_runs import series_of_runs


def people(s=4, t=60, r=8, seed=0, size=1.0):
    """Series with the same sparse links in every subject, of unequal length."""
    rng = np.random.default_rng(seed)
    links = np.tril((rng.random((r, r)) < 0.3) * rng.uniform(0.2, 0.5, (r, r)), -1)
    found = []
    for i in range(s):
        mixed = np.linalg.inv(np.eye(r) - links * rng.uniform(0.7, 1.3, (r, r)))
        found.append(size * rng.standard_normal((t + 5 * i, r)) @ mixed.T + 100.0)
    return [Series(each, [f"region {i}" for i in range(r)], 2.0) for each in found]


def scaled(series, ddof=1):
    return [(each.data - each.data.mean(axis=0)) / each.data.std(axis=0, ddof=ddof) for each in series]


def quietly(estimator, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(data)


@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize("size", [1.0, 300.0])
def test_precisions_at_an_alpha_are_nilearn_s(alpha, size):
    given_series = people(size=size)
    found = sparse_connectome(given_series, SparseConnectivity(alpha=alpha, gap=1e-10))
    theirs = quietly(GroupSparseCovariance(alpha, tol=1e-9, max_iter=2000), scaled(given_series))
    np.testing.assert_allclose(found.precisions, theirs.precisions_.transpose(2, 0, 1), atol=1e-4)
    np.testing.assert_allclose(found.covariances, theirs.covariances_.transpose(2, 0, 1), atol=1e-12)
    np.testing.assert_array_equal(found.matrices, found.precisions)
    assert found.kind == "precision"
    assert found.alpha == alpha
    assert not len(found.path[0])
    assert -1e-10 <= found.gap <= 1e-10


def path_in_nilearn(seed):
    """`early_stopping=False` and a small `tol_cv`: by default it ends fits early, and scores small alphas too well."""
    settled = GroupSparseCovarianceCV(early_stopping=False, tol_cv=1e-7, max_iter_cv=1000, tol=1e-8, max_iter=1000)
    theirs = quietly(settled, scaled(people(seed=seed, s=3, r=6)))
    return {
        "alphas": np.array(theirs.cv_alphas_),
        "scores": np.array(theirs.cv_scores_),
        "alpha": theirs.alpha_,
        "precisions": theirs.precisions_.transpose(2, 0, 1),
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_path_is_nilearn_s_once_its_fits_have_converged(seed, answer):
    theirs = answer(f"group_sparse_path_{seed}")
    found = sparse_connectome(people(seed=seed, s=3, r=6), SparseConnectivity(gap_cv=1e-10, gap=1e-9))
    alphas, scores = found.path
    np.testing.assert_allclose(alphas, theirs["alphas"], rtol=1e-9)
    np.testing.assert_allclose(scores, theirs["scores"], atol=2e-5)
    assert found.alpha == pytest.approx(float(theirs["alpha"]), rel=1e-9)
    np.testing.assert_allclose(found.precisions, theirs["precisions"], atol=5e-4)


def test_the_objective_is_not_above_that_of_nilearn_s_defaults_and_the_first_step_of_the_grid_is_the_same():
    given_series = people(s=5, t=100, r=10)
    found = sparse_connectome(given_series)
    theirs = quietly(GroupSparseCovarianceCV(), scaled(given_series))
    shares = np.array([len(each.data) for each in given_series], dtype=float)
    shares /= shares.sum()

    def objective(precisions):
        return group_sparse_cov.group_sparse_scores(precisions, shares, theirs.covariances_, theirs.alpha_)[1]

    same = sparse_connectome(given_series, SparseConnectivity(alpha=theirs.alpha_))
    assert objective(same.precisions.transpose(1, 2, 0)) <= objective(theirs.precisions_) + 1e-6
    grid = (0.01) ** (1 / 3)  # from one alpha of the first grid to the next
    assert grid <= found.alpha / theirs.alpha_ <= 1 / grid


def test_single_is_the_graphical_lasso_of_all_series_one_after_the_other():
    given_series = people(s=2, t=120, r=6)
    found = sparse_connectome(given_series, SparseConnectivity(method="single", gap=1e-9))
    theirs = GraphicalLassoCV(tol=1e-7, enet_tol=1e-7).fit(np.concatenate(scaled(given_series)))
    assert found.alpha == pytest.approx(theirs.alpha_, rel=0.02)
    again = sparse_connectome(given_series, SparseConnectivity(method="single", alpha=found.alpha, gap=1e-9))
    np.testing.assert_array_equal(again.matrices, found.matrices)
    assert found.subjects == ("all subjects",)
    assert (found.path[0] > 0).all()
    if found.alpha == theirs.alpha_:
        np.testing.assert_allclose(found.matrices[0], theirs.precision_, atol=1e-3)
    alone = sparse_connectome(given_series[0], SparseConnectivity(method="single"), subjects=["Ann"])
    assert alone.subjects == ("Ann",)
    assert alone.matrices.shape == (1, 6, 6)


@pytest.mark.parametrize(("seed", "r", "t"), [(0, 6, 60), (1, 12, 30), (2, 5, 200), (3, 9, 16)])
def test_the_path_of_the_single_method_is_that_of_scikit_learn(seed, r, t):
    given_series = people(seed=seed, s=2, t=t, r=r)
    found = sparse_connectome(given_series, SparseConnectivity(method="single"))
    theirs = quietly(GraphicalLassoCV(), np.concatenate(scaled(given_series)))
    alphas, scores = (theirs.cv_results_[what][:-1] for what in ("alphas", "mean_test_score"))  # the last is of alpha 0
    np.testing.assert_allclose(found.path[0], alphas, rtol=1e-9)
    np.testing.assert_allclose(found.path[1], scores, rtol=1e-9)
    assert found.alpha == pytest.approx(theirs.alpha_, rel=1e-9)


def dependent():
    """Series of which one is nearly the sum of two others: scikit-learn's fits of small alphas come to no end."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((60, 6)) @ rng.standard_normal((6, 6))
    return Series(np.column_stack([data, data[:, 0] + data[:, 1] + 1e-9 * data[:, 2]]), list("abcdefg"), 2.0)


def test_of_series_that_depend_on_each_other_the_path_is_scikit_learn_s_too():
    found = sparse_connectome(dependent(), SparseConnectivity(method="single"))
    model = GraphicalLassoCV()
    with contextlib.suppress(FloatingPointError):  # its last fit may fail, ours does not
        quietly(model, np.concatenate(scaled([dependent()])))
    alphas, scores = (model.cv_results_[what][:-1] for what in ("alphas", "mean_test_score"))
    assert not np.isfinite(scores).all()
    np.testing.assert_allclose(found.path[0], alphas, rtol=1e-9)
    np.testing.assert_allclose(found.path[1], scores, rtol=1e-6)
    assert found.gap <= SparseConnectivity().gap


@pytest.mark.parametrize("method", ["group", "single"])
def test_of_alphas_that_are_given_the_best_is_taken_as_nilearn_and_scikit_learn_do(method):
    given_series = people(s=3, r=6)
    alphas = (0.02, 0.3, 0.1, 0.004, 0.1)
    params = SparseConnectivity(method=method, alpha_list=alphas, gap_cv=1e-10)
    told = []
    found = sparse_connectome(given_series, params, progress=lambda *now: told.append(now))
    if method == "group":
        theirs = GroupSparseCovarianceCV(alphas=[0.3, 0.1, 0.02, 0.004], early_stopping=False, tol_cv=1e-7, max_iter_cv=1000)
        quietly(theirs, scaled(given_series))
        scores = theirs.cv_scores_
    else:
        theirs = quietly(GraphicalLassoCV(alphas=[0.3, 0.1, 0.02, 0.004]), np.concatenate(scaled(given_series)))
        scores = theirs.cv_results_["mean_test_score"][:-1]
    assert found.alpha == theirs.alpha_
    np.testing.assert_array_equal(found.path[0], [0.3, 0.1, 0.02, 0.004])
    np.testing.assert_allclose(found.path[1], scores, atol=2e-5)
    assert {f"alpha {i} of 4, fold 5 of 5" for i in range(1, 5)} <= {doing for _, doing in told}


@given(st.integers(0, 1000), st.randoms(use_true_random=False), st.sampled_from(["group", "single"]))
def test_the_order_of_regions_and_subjects_does_not_matter(seed, random, method):
    given_series = people(seed=seed, s=3, r=5)
    regions, subjects = random.sample(range(5), 5), random.sample(range(3), 3)
    shuffled = [Series(given_series[i].data[:, regions], [given_series[i].names[j] for j in regions], 2.0) for i in subjects]
    params = SparseConnectivity(method=method, alpha=0.02, gap=1e-9)
    found, again = sparse_connectome(given_series, params), sparse_connectome(shuffled, params)
    if method == "group":
        found = found.of_subjects(subjects)
    found = found.take(regions)
    assert isinstance(found, SparseConnectome)
    assert again.names == found.names
    for what in ("matrices", "precisions", "covariances"):
        np.testing.assert_allclose(getattr(again, what), getattr(found, what), atol=1e-3)


def test_a_region_that_a_subject_lacks_is_left_out_in_all_and_keeps_its_place():
    given_series = people(r=6)
    lacking = given_series[1].data.copy()
    lacking[:, 2] = np.nan
    with_gap = [given_series[0], Series(lacking, given_series[1].names, 2.0), *given_series[2:]]
    found = sparse_connectome(with_gap, SparseConnectivity(alpha=0.02), coordinates=np.zeros((6, 3)))
    others = [0, 1, 3, 4, 5]
    fewer = [Series(each.data[:, others], [each.names[i] for i in others], 2.0) for each in given_series]
    assert np.isnan(found.matrices[:, 2]).all()
    assert np.isnan(found.matrices[:, :, 2]).all()
    np.testing.assert_array_equal(
        found.take(others).matrices, sparse_connectome(fewer, SparseConnectivity(alpha=0.02)).matrices
    )
    assert found.names == given_series[0].names


def test_partial_correlations_have_the_zeros_of_the_precisions():
    given_series = people()
    params = SparseConnectivity(alpha=0.05)
    precision = sparse_connectome(given_series, params)
    partial = sparse_connectome(given_series, params.replace(kind="partial_correlation"))
    np.testing.assert_array_equal(partial.matrices != 0, precision.matrices != 0)
    assert np.abs(partial.matrices).max() == 1
    np.testing.assert_array_equal(partial.precisions, precision.precisions)
    assert partial.to_fisher_z().alpha == 0.05


def test_fewer_volumes_than_regions_and_the_same_region_twice_are_no_trouble():
    given_series = people(t=20, r=30)
    twice = [Series(np.column_stack([each.data, each.data[:, 0]]), [*each.names, "again"], 2.0) for each in given_series]
    found = sparse_connectome(twice, SparseConnectivity(folds=3))
    assert np.isfinite(found.matrices).all()
    assert found.gap <= SparseConnectivity().gap


def test_progress_names_alpha_and_fold_and_never_falls():
    told = []
    sparse_connectome(people(r=4), SparseConnectivity(alphas=3, refinements=2, folds=2), progress=lambda *now: told.append(now))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    said = {doing for _, doing in told}
    assert {f"alpha {i} of 6, fold {j} of 2" for i in range(1, 7) for j in (1, 2)} <= said
    assert "precisions" in said


@pytest.mark.parametrize("method", ["group", "single"])
@pytest.mark.parametrize(
    ("alpha", "after"), [(0.02, 0), (0.02, 1), (0.02, 7), (0.0, 0), (0.0, 1), (0.0, 7), (0.0, 31), (0.0, 90)]
)
def test_it_is_cancelled_between_steps_and_leaves_no_thread(method, alpha, after):
    calls = []

    def progress(fraction, doing):
        calls.append(fraction)
        if len(calls) > after:
            raise Cancelled

    before = threading.active_count()
    with pytest.raises(Cancelled):
        sparse_connectome(people(s=2, t=120, r=5), SparseConnectivity(method=method, alpha=alpha, gap=1e-10), progress=progress)
    assert threading.active_count() == before
    assert len(calls) == after + 1


def _changed(which, change):
    series = people(s=3, t=40, r=4)
    data = series[which].data.copy()
    change(data)
    series[which] = Series(data, series[which].names, 2.0)
    return series


def _constant(data):
    data[:, 1] = 5.0


def _still_at_first(data):
    data[:12, 1] = 5.0


def _only_one(data):
    data[0, 1:] = np.nan


BAD = {
    "one subject": (lambda: people(s=1), {}, "the group method finds what several subjects share, and the series of one"),
    "alpha too large": (people, {"alpha": 5.0}, "alpha is 5, and from 0.* on no two of these regions are connected"),
    "alpha too large, single": (people, {"alpha": 5.0, "method": "single"}, "alpha is 5, and from 0.* on no two"),
    "constant": (lambda: _changed(1, _constant), {}, "region 1 does not change in the series of subject 2"),
    "constant in a fold": (
        lambda: _changed(0, _still_at_first),
        {},
        "region 1 does not change in 8 volumes of the series of subject 1, those of fold 1 of 5",
    ),
    "all alphas too large": (people, {"alpha_list": (3.0, 2.0)}, "the smallest alpha given is 2, and from 0.* on no two"),
    "one region": (lambda: people(r=1), {}, "1 region with a series in every subject, and at least 2 are needed"),
    "one region left": (lambda: _changed(2, _only_one), {}, "1 region with a series in every subject"),
    "too few volumes": (lambda: people(t=12), {}, "the series of subject 1 have 12 volumes, and 5 folds need at least 15"),
    "no series": (list, {}, "no series were given"),
    "other regions": (lambda: [people()[0], people(r=7)[1]], {}, "the series of subject 2 are of 7 regions"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_used_ends_in_one_sentence(what):
    make, params, sentence = BAD[what]
    with pytest.raises(InputError, match=sentence) as error:
        sparse_connectome(make(), SparseConnectivity(**params))
    assert str(error.value).endswith(".")


def test_regions_that_have_nothing_in_common_are_said_to():
    series = [Series(np.column_stack([[1.0, -1.0] * 30, [1.0, 1.0, -1.0, -1.0] * 15]), ["a", "b"], 2.0)] * 2
    with pytest.raises(InputError, match="no two of these regions go together at all"):
        sparse_connectome(series)


@pytest.mark.parametrize("wrong", [-0.1, np.nan, "x", None])
def test_an_alpha_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match=r"SparseConnectivity\.alpha is"):
        SparseConnectivity(alpha=wrong)


@pytest.mark.parametrize(
    "wrong", [0.1, (0.1, 0.0), (np.nan,), ("x",), [[0.1]], ([0.1], 0.1), np.array(0.1), np.ones((1, 1)), None]
)
def test_a_list_of_alphas_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match=r"SparseConnectivity\.alpha_list is"):
        SparseConnectivity(alpha_list=wrong)


def test_a_list_of_alphas_goes_to_json_and_back():
    params = SparseConnectivity(alpha_list=np.array([0.3, 0.1]))
    assert params.alpha_list == (0.3, 0.1)
    assert SparseConnectivity.from_dict(json.loads(json.dumps(params.to_dict()))) == params


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.nightly)])
def test_of_real_series_alpha_and_path_are_scikit_learn_s(real_data, every):
    """Each so many of 31 regions of one subject at rest, 250 volumes."""
    table = pd.read_csv(real_data / "series" / "nitime_fmri_timeseries.csv").iloc[:, ::every]
    series = Series(table.to_numpy(dtype=np.float64), list(table.columns), 1.89)
    found = sparse_connectome(series, SparseConnectivity(method="single"))
    theirs = quietly(GraphicalLassoCV(), scaled([series])[0])
    np.testing.assert_allclose(found.path[0], theirs.cv_results_["alphas"][:-1], rtol=1e-9)
    np.testing.assert_allclose(found.path[1], theirs.cv_results_["mean_test_score"][:-1], rtol=1e-6)
    assert found.alpha == pytest.approx(theirs.alpha_, rel=1e-9)
    np.testing.assert_allclose(found.precisions[0], theirs.precision_, atol=0.01 * np.abs(theirs.precision_).max())


def test_real_subjects_share_the_zeros_that_nilearn_finds(real_data):
    """The seven networks of Schaefer's regions, left and right, in six subjects at rest."""
    atlas = next((real_data / "atlas").glob("Schaefer*.nii.gz"))
    regions = load_regions(atlas, names=real_data / "atlas" / "schaefer100x7NodeNames.txt")
    networks = ["_".join(name.split("_")[:2]) for name in regions.table["name"]]
    number = np.zeros(int(regions.ids.max()) + 1, dtype=np.uint8)
    number[regions.ids] = [list(dict.fromkeys(networks)).index(name) + 1 for name in networks]
    paths = sorted((real_data / "rest_group").glob("*.nii.gz"))
    runs = [RunFile(path, tr=2.0) for path in paths]
    params = RegionSeries(cleaning=Cleaning(high_pass=0.01))
    given_series = series_of_runs(runs, Regions(number[regions.labels], regions.grid), params).series
    found = sparse_connectome(given_series, SparseConnectivity(alpha=0.05, gap=1e-8)).precisions
    theirs = quietly(GroupSparseCovariance(0.05, tol=1e-4, max_iter=200), scaled(given_series)).precisions_.transpose(2, 0, 1)
    assert found.shape == (6, 14, 14)
    np.testing.assert_allclose(found, theirs, atol=1e-3 * np.abs(theirs).max())
    share = ((np.abs(found) > 0) == (theirs != 0)).mean()
    assert share > 0.98, share
    assert 0.1 < (found == 0).mean() < 0.9
