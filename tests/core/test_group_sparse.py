"""Group-sparse precisions: the gap is one, the zeros are zeros, and nothing depends on the order of regions or subjects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nilearn.connectome import group_sparse_cov as theirs
from sklearn.covariance import graphical_lasso

from napari_connectome.core.group_sparse import group_sparse, largest_alpha, objective, score


def problem(seed, s, r, t, size=1.0):
    """Covariances (s, r, r) of series with common sources, singular where t is small, and shares (s,)."""
    rng = np.random.default_rng(seed)
    volumes = t + rng.integers(0, t, s)
    series = [rng.standard_normal((n, 3)) @ rng.standard_normal((3, r)) + rng.standard_normal((n, r)) for n in volumes]
    found = np.array([np.cov((each / each.std(axis=0) * np.sqrt(size)).T, bias=True) for each in series])
    return found.reshape(s, r, r), volumes / volumes.sum()


problems = st.builds(
    problem,
    seed=st.integers(0, 10_000),
    s=st.integers(1, 5),
    r=st.integers(2, 12),
    t=st.integers(4, 60),
    size=st.sampled_from([1.0, 1.0, 1e-4, 250.0]),
)
shares_of_largest = st.floats(0.02, 0.9)


def _with(given_problem, share):
    covariances, shares = given_problem
    return covariances, shares, share * largest_alpha(covariances, shares)


@given(problems, shares_of_largest)
def test_it_stops_at_the_gap_which_is_one(given_problem, share):
    covariances, shares, alpha = _with(given_problem, share)
    found = group_sparse(covariances, shares, alpha, gap=1e-7)
    assert -1e-10 * covariances.shape[1] <= found.gap <= 1e-7
    assert found.objective == pytest.approx(objective(found.precisions, covariances, shares, alpha), abs=1e-9)
    rough = group_sparse(covariances, shares, alpha, gap=1e-1)
    assert found.objective - 1e-9 <= rough.objective <= found.objective + rough.gap + 1e-7
    for other in (np.linalg.inv(covariances + 0.1 * np.eye(covariances.shape[1])), 1.1 * found.precisions):
        assert found.objective <= objective(other, covariances, shares, alpha) + found.gap


@given(problems, shares_of_largest)
def test_the_conditions_of_the_best_hold(given_problem, share):
    """Inverse less covariance, times the share, is alpha long and along a pair's precisions; no longer where these are 0."""
    covariances, shares, alpha = _with(given_problem, share)
    found = group_sparse(covariances, shares, alpha, gap=1e-10, most=20_000)
    precisions, scale = found.precisions, covariances[:, 0, 0].mean()
    np.testing.assert_array_equal(precisions, precisions.swapaxes(1, 2))
    assert np.linalg.eigvalsh(precisions).min() > 0
    slope = (np.linalg.inv(precisions) - covariances) * shares[:, None, None]
    size = np.sqrt((precisions**2).sum(axis=0))
    there = size > 0
    assert ((precisions != 0) == there).all()
    expected = alpha * precisions / np.where(there, size, 1)
    expected[:, np.eye(len(size), dtype=bool)] = 0
    close = 2e-3 * max(alpha, shares.max() * scale * 0.05)
    np.testing.assert_allclose(slope[:, there], expected[:, there], atol=close)
    assert np.sqrt((slope**2).sum(axis=0))[~there].max(initial=0) <= alpha + close


@given(problems)
def test_from_the_largest_alpha_on_nothing_is_connected_and_just_below_it_one_pair(given_problem):
    covariances, shares = given_problem
    largest = largest_alpha(covariances, shares)
    off = ~np.eye(covariances.shape[1], dtype=bool)
    assert not group_sparse(covariances, shares, 1.0001 * largest, gap=1e-9).precisions[:, off].any()
    assert group_sparse(covariances, shares, 0.97 * largest, gap=1e-9).precisions[:, off].any()


@given(problems, shares_of_largest, st.randoms(use_true_random=False))
def test_the_order_of_regions_and_subjects_does_not_matter(given_problem, share, random):
    covariances, shares, alpha = _with(given_problem, share)
    s, r = covariances.shape[:2]
    people, regions = random.sample(range(s), s), random.sample(range(r), r)
    found = group_sparse(covariances, shares, alpha, gap=1e-9)
    again = group_sparse(covariances[people][:, regions][:, :, regions], shares[people], alpha, gap=1e-9)
    size = np.abs(found.precisions).max()
    np.testing.assert_allclose(again.precisions, found.precisions[people][:, regions][:, :, regions], atol=1e-3 * size)
    assert again.objective == pytest.approx(found.objective, abs=1e-8)


@given(problems, shares_of_largest, shares_of_largest)
def test_where_it_begins_does_not_matter(given_problem, share, other):
    covariances, shares, alpha = _with(given_problem, share)
    cold = group_sparse(covariances, shares, alpha, gap=1e-8)
    start = group_sparse(covariances, shares, other * largest_alpha(covariances, shares), gap=1e-3)
    warm = group_sparse(covariances, shares, alpha, gap=1e-8, start=start)
    assert warm.gap <= 1e-8
    assert warm.objective == pytest.approx(cold.objective, abs=3e-8)


@given(problems, shares_of_largest)
def test_no_objective_of_nilearn_s_is_lower_and_both_count_alike(given_problem, share):
    covariances, shares, alpha = _with(given_problem, share)
    found = group_sparse(covariances, shares, alpha, gap=1e-8)
    back = covariances.transpose(1, 2, 0)
    fits, whole, gap = theirs.group_sparse_scores(found.precisions.transpose(1, 2, 0), shares, back, alpha, duality_gap=True)
    assert score(found.precisions, covariances, shares) == pytest.approx(fits, abs=1e-9)
    assert found.objective == pytest.approx(whole, abs=1e-9)
    assert gap >= -1e-9


@pytest.mark.parametrize(("s", "r", "t"), [(3, 8, 50), (5, 12, 40), (2, 5, 100)])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_the_precisions_are_nilearn_s_once_these_have_converged(s, r, t, share):
    covariances, shares, alpha = _with(problem(0, s, r, t), share)
    expected = theirs._group_sparse_covariance(covariances.transpose(1, 2, 0), shares.copy(), alpha, max_iter=2000, tol=1e-9)
    found = group_sparse(covariances, shares, alpha, gap=1e-12, most=20_000)
    np.testing.assert_allclose(found.precisions, expected.transpose(2, 0, 1), atol=2e-5)
    np.testing.assert_array_equal(found.precisions[0] != 0, expected[..., 0] != 0)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_of_one_subject_it_is_the_graphical_lasso(share):
    covariances, shares, alpha = _with(problem(1, 1, 10, 60), share)
    _, expected = graphical_lasso(covariances[0], alpha, tol=1e-12, enet_tol=1e-12, max_iter=2000)
    found = group_sparse(covariances, shares, alpha, gap=1e-12, most=20_000)
    np.testing.assert_allclose(found.precisions[0], expected, atol=2e-5)


def test_it_ends_after_the_most_steps_and_says_where_it_stands():
    covariances, shares, alpha = _with(problem(0, 3, 8, 50), 0.1)
    found = group_sparse(covariances, shares, alpha, gap=1e-12, most=6)
    assert 1e-12 < found.gap < np.inf
    assert found.steps <= 6


def test_what_watching_raises_ends_it():
    seen = []

    def watch():
        seen.append(1)
        if len(seen) == 3:
            raise KeyError

    covariances, shares, alpha = _with(problem(0, 3, 8, 50), 0.1)
    with pytest.raises(KeyError):
        group_sparse(covariances, shares, alpha, gap=1e-12, watch=watch)


@pytest.mark.parametrize("seed", range(6))
def test_hard_problems_also_come_to_an_end(seed):
    """Many regions of few volumes, two nearly the same, little sparsity: where extrapolated steps may lead nowhere."""
    rng = np.random.default_rng(seed)
    s, t, r = 4, 24, 17
    found = []
    for _ in range(s):
        series = rng.standard_normal((t, r)) @ (np.eye(r) + rng.standard_normal((r, r)))
        series[:, 1] = series[:, 0] + 1e-3 * series[:, 2]
        found.append(np.cov(series.T, bias=True))
    covariances, shares = np.array(found), np.full(s, 1 / s)
    alpha = 0.01 * largest_alpha(covariances, shares)
    assert group_sparse(covariances, shares, alpha, gap=1e-6).gap <= 1e-6
