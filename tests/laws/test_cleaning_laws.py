"""Laws of cleaning, over drawn options: it is linear in the data, so order with averaging does not matter."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.cleaning import Cleaning, clean, cleaning_matrix

N, TR = 60, 2.0

cleanings = st.builds(
    Cleaning,
    detrend=st.booleans(),
    high_pass=st.sampled_from([0.0, 0.01, 0.03]),
    low_pass=st.sampled_from([math.inf, 0.1, 0.2]),
    standardize_confounds=st.booleans(),
    standardize=st.just("none"),
) | st.builds(
    Cleaning,
    detrend=st.booleans(),
    high_pass=st.sampled_from([0.0, 0.01, 0.03]),
    filter=st.just("cosine"),
    standardize=st.just("none"),
)
cases = st.tuples(cleanings, st.integers(0, 5), st.integers(0, 12), st.integers(0, 2**31))


def drawn(case):
    """Cleaning, its confounds and kept volumes, and a generator for data."""
    cleaning, n_confounds, n_censored, seed = case
    rng = np.random.default_rng(seed)
    keep = np.ones(N, dtype=bool)
    keep[rng.integers(5, N - 5, size=n_censored)] = False
    keep[: n_censored % 3] = False
    confounds = rng.standard_normal((N, n_confounds)) * 100 + 50 if n_confounds else None
    return cleaning, {"confounds": confounds, "keep": keep}, rng


def close(a, b, scale=1.0):
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-11 * scale)


@given(cases)
def test_linear_and_equal_to_its_matrix(case):
    cleaning, rest, rng = drawn(case)
    x, y = rng.standard_normal((2, N, 7))
    cleaned = clean(2.5 * x - 4 * y, TR, cleaning, **rest)
    close(cleaned, 2.5 * clean(x, TR, cleaning, **rest) - 4 * clean(y, TR, cleaning, **rest), 10)
    matrix = cleaning_matrix(N, TR, cleaning, **rest)
    assert matrix.shape == (rest["keep"].sum(), N)
    assert matrix.dtype == np.float64
    close(cleaned, matrix @ (2.5 * x - 4 * y), 10)


@given(cases)
def test_averaging_and_cleaning_commute(case):
    cleaning, rest, rng = drawn(case)
    series = rng.standard_normal((N, 30)) + 100
    weights = rng.random((30, 4))
    close(clean(series @ weights, TR, cleaning, **rest), clean(series, TR, cleaning, **rest) @ weights, 1e4)


@given(cases)
def test_columns_are_cleaned_each_by_itself(case):
    cleaning, rest, rng = drawn(case)
    level = clean(np.ones((N, 1)), TR, cleaning, **rest)
    cleaning = cleaning.replace(standardize="zscore_sample")
    series = rng.standard_normal((N, 12)) + 1000
    together = clean(series, TR, cleaning, **rest)
    order = rng.permutation(12)
    close(clean(series[:, order], TR, cleaning, **rest), together[:, order])
    close(clean(series * 3, TR, cleaning, **rest), together, 100)
    if np.ptp(level) < 1e-9:  # Confounds with means of their own, not standardized, explain a part of the level.
        close(clean(series * 3 + 7, TR, cleaning, **rest), together, 100)


@given(cases)
def test_what_is_left_is_orthogonal_to_the_cleaned_confounds(case):
    cleaning, rest, rng = drawn(case)
    if rest["confounds"] is None:
        return
    cleaning = cleaning.replace(standardize_confounds=True)
    cleaned = clean(rng.standard_normal((N, 5)), TR, cleaning, **rest)
    confounds = clean(rest["confounds"], TR, cleaning, None, rest["keep"])
    confounds = confounds - confounds.mean(axis=0)
    if cleaning.filter == "butterworth":  # The cosines join the confounds only beside them.
        close(confounds.T @ cleaned, 0, 1e4)
