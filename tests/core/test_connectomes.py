"""Connectomes: vectors and back as nilearn's, subjects and regions chosen, Fisher z, the mean of what is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nilearn.connectome import sym_matrix_to_vec, vec_to_sym_matrix

from napari_connectome.core.connectomes import BOUNDED, KINDS, Connectome
from napari_connectome.core.errors import InputError


def example(seed=0, s=3, r=5, kind="correlation", holes=0):
    """Symmetric matrices with a diagonal of 1 where the kind has one, some regions without a series."""
    rng = np.random.default_rng(seed)
    matrices = rng.uniform(-0.9, 0.9, (s, r, r))
    matrices = (matrices + matrices.transpose(0, 2, 1)) / 2
    if kind in BOUNDED:
        matrices[:, np.arange(r), np.arange(r)] = 1
    for _ in range(holes):
        subject, region = rng.integers(s), rng.integers(r)
        matrices[subject, region] = matrices[subject, :, region] = np.nan
    return Connectome(
        matrices,
        [f"region {i}" for i in range(r)],
        kind,
        shrinkage=rng.uniform(0, 1, s),
        coordinates=rng.uniform(-60, 60, (r, 3)),
        centre=np.eye(r) if kind == "tangent" else None,
    )


CASES = {
    "seed": st.integers(0, 9999),
    "s": st.integers(1, 5),
    "r": st.integers(1, 9),
    "kind": st.sampled_from(KINDS),
    "holes": st.integers(0, 3),
}
FIELDS = ("shrinkage", "coordinates", "subjects", "centre", "fisher_z")


@given(**CASES)
def test_vectors_are_nilearn_s_and_lead_back(seed, s, r, kind, holes):
    whole = example(seed, s, r, kind, holes)
    others = {name: getattr(whole, name) for name in FIELDS}
    vectors = whole.vectors()
    np.testing.assert_array_equal(vectors, sym_matrix_to_vec(whole.matrices))
    again = Connectome.from_vectors(vectors, whole.names, kind, **others)
    np.testing.assert_allclose(again.matrices, whole.matrices, rtol=1e-15)
    np.testing.assert_array_equal(again.matrices, vec_to_sym_matrix(vectors))
    assert again.names == whole.names
    assert again.subjects == whole.subjects
    edges = whole.vectors(diagonal=False)
    np.testing.assert_array_equal(edges, sym_matrix_to_vec(whole.matrices, discard_diagonal=True))
    diagonal = np.diagonal(whole.matrices, axis1=1, axis2=2)
    back = Connectome.from_vectors(edges, whole.names, kind, diagonal=diagonal)
    np.testing.assert_array_equal(back.matrices, whole.matrices)


def test_without_a_diagonal_that_of_correlations_is_1_and_others_are_asked_for():
    whole = example()
    edges = whole.vectors(diagonal=False)
    np.testing.assert_array_equal(Connectome.from_vectors(edges, whole.names).matrices, whole.matrices)
    one = Connectome.from_vectors(edges[0], whole.names, "covariance", diagonal=np.arange(5.0))
    np.testing.assert_array_equal(np.diag(one.mean), np.arange(5))
    for said, make in {
        r"shape \(3, 9\), and those of 5 regions have 15 numbers, or 10": lambda: Connectome.from_vectors(
            edges[:, :9], whole.names
        ),
        "lack the diagonal, which is not 1 for tangent": lambda: Connectome.from_vectors(edges, whole.names, "tangent"),
        r"the diagonal has shape \(2,\) for 3 subjects and 5 regions": lambda: Connectome.from_vectors(
            edges, whole.names, diagonal=[1, 2]
        ),
        "vectors have shape": lambda: Connectome.from_vectors(whole.matrices, whole.names),
    }.items():
        with pytest.raises(InputError, match=said):
            make()


@given(**CASES, order=st.randoms(use_true_random=False))
def test_subjects_and_regions_are_taken_with_all_that_is_theirs(seed, s, r, kind, holes, order):
    whole = example(seed, s, r, kind, holes)
    which = order.sample(range(s), order.randint(1, s))
    some = whole.of_subjects(which)
    np.testing.assert_array_equal(some.matrices, whole.matrices[which])
    np.testing.assert_array_equal(some.shrinkage, whole.shrinkage[which])
    assert some.subjects == tuple(whole.subjects[i] for i in which)
    chosen = np.isin(np.arange(s), which)
    np.testing.assert_array_equal(whole.of_subjects(chosen).matrices, whole.matrices[chosen])
    rows = order.sample(range(r), r)
    moved = whole.take(rows)
    np.testing.assert_array_equal(moved.mean, whole.mean[np.ix_(rows, rows)])
    np.testing.assert_array_equal(moved.take(np.argsort(rows)).matrices, whole.matrices)
    np.testing.assert_array_equal(moved.coordinates, whole.coordinates[rows])


@given(**CASES)
def test_the_mean_is_of_those_that_are_known(seed, s, r, kind, holes):
    whole = example(seed, s, r, kind, holes)
    none = np.isnan(whole.matrices).all(axis=0)
    np.testing.assert_array_equal(np.isnan(whole.mean), none)
    np.testing.assert_allclose(whole.mean[~none], np.nanmean(whole.matrices[:, ~none], axis=0), rtol=1e-12)


def test_what_cannot_be_is_one_sentence():
    whole = example()
    with pytest.raises(InputError, match="a choice of 2 subjects was given for 3"):
        whole.of_subjects(np.array([True, False]))
    for none in ([], np.zeros(3, dtype=bool)):
        with pytest.raises(InputError, match="no subject was chosen"):
            whole.of_subjects(none)
    with pytest.raises(InputError, match="Fisher z was asked for covariance"):
        Connectome(np.eye(2), "ab", "covariance", fisher_z=True)
    with pytest.raises(InputError, match="Fisher z was asked for tangent"):
        example(kind="tangent").to_fisher_z()
    with pytest.raises(InputError, match="covariances were asked of correlation"):
        whole.to_covariance()
    with pytest.raises(InputError, match="covariances were asked of tangent without a centre"):
        Connectome(np.eye(2), "ab", "tangent").to_covariance()
    z = whole.to_fisher_z()
    assert z.to_fisher_z() is z
