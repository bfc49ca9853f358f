"""Edges of a matrix: the ones nilearn's plot_connectome draws, in an order that every threshold cuts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from nilearn._utils.param_validation import check_threshold
from scipy.stats import scoreatpercentile

from napari_connectome.core.edges import Edges, strongest_edges
from napari_connectome.core.errors import InputError

VALUES = st.one_of(st.floats(-1, 1), st.sampled_from([0.0, -0.0, 0.25, -0.25, 0.5, -0.5]))


@st.composite
def matrices(draw, holes=True):
    """Symmetric matrices with ties, zeros and, with `holes`, NaN and infinities."""
    r = draw(st.integers(1, 9))
    values = st.one_of(VALUES, st.sampled_from([np.nan, np.inf, -np.inf])) if holes else VALUES
    lower = np.tril(draw(arrays(np.float64, (r, r), elements=values)), k=-1)
    lower[np.triu_indices(r)] = 0
    return lower + lower.T + np.eye(r)


def pairs(edges):
    return set(zip(edges.rows.tolist(), edges.columns.tolist(), strict=True))


@given(matrices())
def test_every_pair_with_a_number_is_there_once_strongest_first(matrix):
    edges = Edges.of(matrix)
    lower = np.tril(np.isfinite(matrix), k=-1)
    assert pairs(edges) == set(zip(*map(np.ndarray.tolist, lower.nonzero()), strict=True))
    assert len(edges) == lower.sum()
    assert (np.diff(np.abs(edges.weights)) <= 0).all()
    np.testing.assert_array_equal(matrix[edges.rows, edges.columns], edges.weights)
    assert (edges.rows > edges.columns).all()
    for value in np.unique(np.abs(edges.weights)):  # among equals, as in the triangle
        tied = np.abs(edges.weights) == value
        assert (np.diff(edges.rows[tied] * len(matrix) + edges.columns[tied]) > 0).all()


@given(matrices(), st.floats(0, 1.2))
def test_above_keeps_what_is_as_large_and_no_zeros(matrix, value):
    edges = Edges.of(matrix)
    kept = edges.above(value)
    assert pairs(kept) == pairs(edges.first(len(kept)))
    assert len(kept) == ((np.abs(edges.weights) >= value) & (edges.weights != 0)).sum()


@given(matrices(), st.floats(0, 100), st.floats(0, 100))
def test_more_percent_keep_all_that_fewer_kept(matrix, a, b):
    edges = Edges.of(matrix)
    fewer, more = sorted((a, b))
    assert pairs(edges.strongest(fewer)) <= pairs(edges.strongest(more))
    assert not len(edges.strongest(0))
    assert len(edges.strongest(100)) == (edges.weights != 0).sum()


def drawn(matrix, threshold):
    """The weights of the edges nilearn's ``add_graph`` draws, which needs matplotlib but for its threshold."""
    lower = np.abs(matrix[np.tril_indices_from(matrix, k=-1)])
    limit = check_threshold(threshold, lower, scoreatpercentile, "edge_threshold")
    kept = np.tril(np.where(np.abs(matrix) < limit, 0, matrix), k=-1)
    return sorted(kept[kept.nonzero()].tolist())


@given(matrices(holes=False), st.sampled_from([0.5, 5.0, 20.0, 50.0, 75.0, 99.0]), st.floats(0, 0.6))
def test_they_are_those_plot_connectome_draws(matrix, percent, value):
    edges = Edges.of(matrix)
    if not len(edges):
        return
    assert sorted(edges.strongest(percent).weights.tolist()) == drawn(matrix, f"{100 - percent:g}%")
    largest = np.abs(edges.weights).max()
    assert sorted(edges.above(min(value, largest)).weights.tolist()) == drawn(matrix, float(min(value, largest)))


def test_a_pair_without_a_number_is_no_edge_while_nilearn_counts_it_as_0():
    matrix = np.full((5, 5), 0.5)
    matrix[1:, 0] = matrix[0, 1:] = np.nan
    assert len(Edges.of(matrix)) == 6
    matrix[2, 1] = matrix[1, 2] = 0.9
    np.testing.assert_array_equal(Edges.of(matrix).strongest(10).weights, [0.9])


@pytest.mark.parametrize("percent", [-1, 100.5, np.nan])
def test_a_share_is_a_share(percent):
    with pytest.raises(InputError, match="must be between 0 and 100"):
        Edges.of(np.eye(3)).limit(percent)
    assert Edges.of(np.eye(1)).limit(20) == 0


@given(matrices(), st.floats(0, 100) | st.sampled_from([0.0, 5.0, 50.0, 100.0]))
def test_the_strongest_are_the_same_without_sorting_the_others(matrix, percent):
    every = Edges.of(matrix)
    wanted = every.strongest(percent)
    edges, limit, count = strongest_edges(matrix, percent)
    assert (limit, count) == (every.limit(percent), len(every))
    for field in ("rows", "columns", "weights"):
        np.testing.assert_array_equal(getattr(edges, field), getattr(wanted, field))


def test_the_strongest_of_many_regions_lead_to_the_right_ones():
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((1500, 1500))
    matrix = matrix + matrix.T
    edges, _, count = strongest_edges(matrix, 100.0)
    assert count == len(edges) == 1500 * 1499 // 2
    np.testing.assert_array_equal(matrix[edges.rows, edges.columns], edges.weights)
    assert (edges.rows > edges.columns).all()
    assert np.unique(edges.rows * 1500 + edges.columns).size == count
