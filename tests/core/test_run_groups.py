"""Runs of one subject count once: groups are what a test of the means of its runs would be given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.analyses.edge_test import edge_test
from napari_connectome.core.connectomes import BOUNDED, KINDS, Connectome
from napari_connectome.core.errors import InputError
from napari_connectome.core.run_groups import in_both, of_group


def runs(seed, s, r=4, kind="correlation", holes=0):
    """Matrices of s runs, some of which lack a region."""
    rng = np.random.default_rng(seed)
    matrices = np.tanh(rng.normal(0, 0.4, (s, r, r)))
    for _ in range(holes):
        matrices[rng.integers(s), rng.integers(r)] = np.nan
    lower = np.tril(matrices, k=-1)
    names = [f"region {i}" for i in range(r)]
    return Connectome(lower + lower.transpose(0, 2, 1) + np.eye(r), names, kind, rng.random(s), rng.random((r, 3)))


@given(
    seed=st.integers(0, 9999),
    whose=st.lists(st.sampled_from("abc"), min_size=1, max_size=8),
    kind=st.sampled_from(KINDS),
    holes=st.integers(0, 4),
    data=st.data(),
)
def test_each_subject_has_the_mean_of_its_runs_that_know_it(seed, whose, kind, holes, data):
    given_ = runs(seed, len(whose), kind=kind, holes=holes)
    which = data.draw(st.lists(st.integers(0, len(whose) - 1), min_size=1, unique=True))
    group = of_group(given_, which, whose)
    assert group.subjects == tuple(dict.fromkeys(whose[i] for i in which))
    assert group.fisher_z == (kind in BOUNDED)
    off = ~np.eye(4, dtype=bool)
    for subject, matrix, shrinkage in zip(group.subjects, group.matrices, group.shrinkage, strict=True):
        own = [i for i in which if whose[i] == subject]
        values = given_.matrices[own]
        values = np.arctanh(np.where(off, values, 0)) if kind in BOUNDED else values
        known = np.isfinite(values)
        count = known.sum(axis=0)
        wanted = np.where(count, np.where(known, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
        np.testing.assert_allclose(matrix[off], wanted[off], atol=1e-12)
        assert shrinkage == pytest.approx(given_.shrinkage[own].mean())
    np.testing.assert_array_equal(group.coordinates, given_.coordinates)


@given(seed=st.integers(0, 9999), holes=st.integers(0, 3))
def test_subjects_of_one_run_each_are_tested_as_they_are(seed, holes):
    given_ = runs(seed, 7, holes=holes)
    plain = edge_test(given_.of_subjects(range(4)), given_.of_subjects(range(4, 7)))
    grouped = edge_test(of_group(given_, range(4)), of_group(given_, range(4, 7)))
    np.testing.assert_allclose(grouped.t, plain.t, rtol=1e-9)
    np.testing.assert_allclose(grouped.q, plain.q, rtol=1e-9)


def test_a_run_given_twice_over_changes_nothing():
    once = runs(3, 5)
    twice = Connectome(np.repeat(once.matrices, 2, axis=0), once.names)
    whose = [f"subject {i // 2}" for i in range(10)]
    np.testing.assert_allclose(edge_test(of_group(twice, range(10), whose)).t, edge_test(once).t, rtol=1e-9)


def test_pairs_are_of_the_subjects_in_both_whatever_their_order():
    whose = ["a", "b", "c", "d", "c", "e", "a"]
    given_ = runs(1, 7)
    first, second = in_both(of_group(given_, range(4), whose), of_group(given_, range(4, 7), whose))
    assert first.subjects == second.subjects == ("a", "c")
    np.testing.assert_array_equal(first.matrices, given_.to_fisher_z().matrices[[0, 2]])
    np.testing.assert_array_equal(second.matrices, given_.to_fisher_z().matrices[[6, 4]])


def test_what_makes_no_group_is_one_sentence():
    given_ = runs(0, 3)
    with pytest.raises(InputError, match="2 subjects were given for 3 runs"):
        of_group(given_, [0], ["a", "b"])
    with pytest.raises(InputError, match="no subject was chosen"):
        of_group(given_, [])
    with pytest.raises(InputError, match="1 subject in common, and a paired test needs 2"):
        in_both(of_group(given_, [0, 1], ["a", "b", "a"]), of_group(given_, [2], ["a", "b", "a"]))
