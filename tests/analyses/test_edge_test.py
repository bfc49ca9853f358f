"""Tests of edges equal scipy's of each edge; what subjects lack is left out; true edges are found and others are not."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_connectome import Connectivity, EdgeTest, Series, connectome, edge_test
from napari_connectome.analyses import edge_test as module
from napari_connectome.core.connectomes import KINDS, Connectome
from napari_connectome.core.errors import Cancelled, InputError


def group(seed=0, s=6, r=5, kind="correlation", holes=0, shift=0.0):
    """Symmetric matrices, some of whose entries subjects lack."""
    rng = np.random.default_rng(seed)
    matrices = np.tanh(rng.normal(shift, 0.4, (s, r, r)))
    for _ in range(holes):
        subject, region = rng.integers(s), rng.integers(r)
        matrices[subject, region] = np.nan
    lower = np.tril(matrices, k=-1)
    return Connectome(
        lower + lower.transpose(0, 2, 1) + np.eye(r), [f"region {i}" for i in range(r)], kind, centre=_centre(kind, r)
    )


def _centre(kind, r):
    return np.eye(r) if kind == "tangent" else None


def _scipy(groups, test):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        values = [np.arctanh(each.matrices) if each.kind in module.BOUNDED else each.matrices for each in groups]
        if len(groups) == 1:
            return stats.ttest_1samp(values[0], 0, axis=0, nan_policy="omit")
        if test == "paired":
            return stats.ttest_1samp(values[0] - values[1], 0, axis=0, nan_policy="omit")
        return stats.ttest_ind(*values, axis=0, nan_policy="omit", equal_var=test == "equal_variance")


def _testable(groups, test):
    """Whether any edge has two subjects in each group."""
    values = [groups[0].matrices - groups[1].matrices] if test == "paired" else [each.matrices for each in groups]
    counts = np.array([np.isfinite(each).sum(axis=0) for each in values])
    return bool(np.tril((counts >= 2).all(axis=0), k=-1).any())


@given(
    seed=st.integers(0, 9999),
    sizes=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    r=st.integers(2, 6),
    kind=st.sampled_from(KINDS),
    holes=st.integers(0, 4),
    test=st.sampled_from(["one", "equal_variance", "welch", "paired"]),
)
def test_each_edge_is_scipy_s_of_the_subjects_that_have_it(seed, sizes, r, kind, holes, test):
    first = group(seed, sizes[0], r, kind, holes)
    second = group(seed + 1, sizes[0] if test == "paired" else sizes[1], r, kind, holes, 0.3)
    groups, params = ([first], None) if test == "one" else ([first, second], EdgeTest(test=test))
    if not _testable(groups, test):
        with pytest.raises(InputError, match="no edge has a value in 2 subjects"):
            edge_test(*groups, params=params)
        return
    found = edge_test(*groups, params=params)
    theirs = _scipy(groups, test)
    enough = (found.n >= 2).all(axis=0)
    np.testing.assert_array_equal(np.isfinite(found.p), enough)
    for mine, other in ((found.t, theirs.statistic), (found.p, theirs.pvalue), (found.dof, theirs.df)):
        np.testing.assert_allclose(mine[enough], np.broadcast_to(other, mine.shape)[enough], rtol=1e-9, atol=1e-12)
        assert np.isnan(mine[~enough]).all()
    lower = np.tril(enough, k=-1)
    np.testing.assert_allclose(found.q[lower], stats.false_discovery_control(found.p[lower]), rtol=1e-12)
    np.testing.assert_array_equal(found.q, found.q.T)
    assert found.names == first.names
    assert found.quantity == ("Fisher z" if kind in module.BOUNDED else kind)
    table = found.to_frame()
    assert len(table) == lower.sum()
    assert table.p.is_monotonic_increasing
    assert {"n"} <= set(table) if len(found.n) == 1 else {"n_1", "n_2"} <= set(table)


@given(seed=st.integers(0, 9999), holes=st.integers(0, 4), test=st.sampled_from(["equal_variance", "welch", "paired"]))
def test_groups_exchanged_change_the_sign_and_subjects_exchanged_nothing(seed, holes, test):
    first, second = group(seed, 6, 5, holes=holes), group(seed + 1, 6, 5, holes=holes)
    params = EdgeTest(test=test)
    found, turned = edge_test(first, second, params), edge_test(second, first, params)
    np.testing.assert_allclose(turned.t, -found.t, rtol=1e-9)
    np.testing.assert_allclose(turned.difference, -found.difference, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(turned.q, found.q, rtol=1e-9)
    order = np.random.default_rng(seed).permutation(6)
    moved = edge_test(first.of_subjects(order), second.of_subjects(order), params)
    np.testing.assert_allclose(moved.t, found.t, rtol=1e-9)
    rows = np.random.default_rng(seed).permutation(5)
    again = edge_test(first.take(rows), second.take(rows), params)
    np.testing.assert_allclose(again.t, found.t[np.ix_(rows, rows)], rtol=1e-9)


def test_fisher_z_is_taken_once():
    first = group(3)
    np.testing.assert_array_equal(edge_test(first).t, edge_test(first.to_fisher_z()).t)


def test_edges_that_do_not_vary_have_a_t_of_0_or_without_end():
    matrices = np.full((4, 3, 3), 0.3)
    matrices[:, 1, 0] = matrices[:, 0, 1] = 0.0
    matrices[:, 2, 1] = matrices[:, 1, 2] = [0.1, 0.2, 0.3, 0.4]
    same = Connectome(matrices, "abc")
    found = edge_test(same)
    assert found.t[1, 0] == 0
    assert found.p[1, 0] == 1
    assert np.isinf(found.t[2, 0])
    assert found.p[2, 0] == 0
    assert (found.found.rows[0], found.found.columns[0]) == (2, 0)
    for test in ("equal_variance", "welch", "paired"):
        alike = edge_test(same, same, EdgeTest(test=test))
        assert (alike.t[~np.eye(3, dtype=bool)] == 0).all()
        assert (alike.p[~np.eye(3, dtype=bool)] == 1).all()
        assert not len(alike.found)
        assert alike.difference[2, 1] == 0


def _subjects(count, edges, r=12, t=120):
    """Series of subjects in which the pairs of `edges` go together."""
    for i in range(count):
        rng = np.random.default_rng(1000 + 31 * i + len(edges))
        data = rng.standard_normal((t, r))
        for a, b in edges:
            data[:, b] += 0.6 * data[:, a]
        yield Series(data, [f"region {i}" for i in range(r)], 2.0)


def test_edges_that_are_there_are_found_and_few_others():
    true = {(1, 0), (5, 3), (11, 7)}
    how = Connectivity(estimator="empirical")
    patients = connectome(_subjects(15, [(b, a) for a, b in true]), how, coordinates=np.zeros((12, 3)))
    controls = connectome(_subjects(14, []), how)
    for found in (edge_test(patients), edge_test(patients, controls)):
        pairs = set(zip(found.found.rows.tolist(), found.found.columns.tolist(), strict=True))
        assert true <= pairs
        assert len(pairs - true) <= 1
        assert (found.found.weights[:3] > 0).all()
        assert len(found.edges(1.0)) == 66
        assert found.coordinates.shape == (12, 3)
    assert len(edge_test(controls).found) <= 1


def test_pieces_of_edges_make_no_difference(monkeypatch):
    first, second = group(0, 5, 9, holes=2), group(1, 4, 9, holes=2)
    whole = edge_test(first, second)
    monkeypatch.setattr(module, "AT_ONCE", 7)
    seen = []
    pieces = edge_test(first, second, progress=lambda share, doing: seen.append(share))
    np.testing.assert_array_equal(whole.t, pieces.t)
    np.testing.assert_array_equal(whole.n, pieces.n)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def stop(share, doing):
        raise Cancelled

    with pytest.raises(Cancelled):
        edge_test(first, second, progress=stop)


def test_tangents_are_tested_between_groups_and_not_at_their_own_mean():
    series = [*_subjects(8, [(0, 1)]), *_subjects(7, [])]
    both = connectome(series, Connectivity(kind="tangent"))
    with pytest.raises(InputError, match="the tangents of one group sum to 0 at its own mean"):
        edge_test(both)
    found = edge_test(both.of_subjects(range(8)), both.of_subjects(range(8, 15)))
    assert (found.found.rows[0], found.found.columns[0]) == (1, 0)
    assert found.quantity == "tangent"
    assert edge_test(both.of_subjects(range(8))).t[1, 0] > 2


def test_what_cannot_be_tested_is_one_sentence():
    first = group()
    tangents = group(kind="tangent")
    elsewhere = Connectome(tangents.matrices, tangents.names, "tangent", centre=2 * np.eye(5))
    for said, given_ in {
        "a group is of type ndarray and must be a Connectome": (first.matrices,),
        "a group is of type list and must be": (first, [first]),
        "connectome of 1 subject was given, and a test needs 2": (group(s=1),),
        "connectome is of 1 region, and an edge is between two": (group(r=1),),
        "the matrices of the second group are of 4 regions and those of the first of 5": (first, group(r=4)),
        "region 1 is 'region 1' in the matrices of the second group and 'region 0' in the first": (
            first,
            first.take([1, 0, 2, 3, 4]),
        ),
        "the first group is of correlation and the second of covariance": (first, group(kind="covariance")),
        "the tangents of the two groups lie at different centres": (tangents, elsewhere),
        "6 and 4 were given: give the same in the same order": (first, group(s=4), EdgeTest(test="paired")),
        "no edge has a value in 2 subjects of the group": (Connectome(np.full((3, 2, 2), np.nan), "ab"),),
        "the parameters given are 5": (first, None, 5),
    }.items():
        with pytest.raises(InputError, match=said):
            edge_test(*given_)
