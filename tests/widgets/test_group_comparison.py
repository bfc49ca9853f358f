"""What the panel tests is what scipy finds of the means of each subject's runs, and what is to be known of it is said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import napari_connectome as nc
from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError, silent
from napari_connectome.widgets.group_choice import Groups
from napari_connectome.widgets.group_comparison import Comparison

R = 3


def runs(seed, s):
    """Correlations of s runs."""
    lower = np.tril(np.tanh(np.random.default_rng(seed).normal(0.2, 0.4, (s, R, R))), k=-1)
    return Connectome(lower + lower.transpose(0, 2, 1) + np.eye(R), "abc")


@given(
    seed=st.integers(0, 9999),
    whose=st.lists(st.tuples(st.sampled_from("pqrstu"), st.sampled_from("AB-")), min_size=4, max_size=14),
    test=st.sampled_from(["one", "equal_variance", "welch", "paired"]),
)
def test_each_subject_counts_once_in_each_group(seed, whose, test):
    connectome, subjects = runs(seed, len(whose)), tuple(subject for subject, _ in whose)
    names = ("A",) if test == "one" else ("A", "B")
    members = tuple(tuple(i for i, (_, group) in enumerate(whose) if group == name) for name in names)
    params = nc.EdgeTest(test="welch" if test == "one" else test)
    comparison = Comparison(connectome, Groups(names, members, subjects), params)
    z = np.arctanh(connectome.matrices[:, 1, 0])
    means = [{s: np.mean([z[i] for i in own if subjects[i] == s]) for s in {subjects[i] for i in own}} for own in members]
    shared = sorted(set.intersection(*map(set, means)))
    if min(map(len, means)) < 2 or (test == "paired" and len(shared) < 2):
        with pytest.raises(InputError, match=r"a test needs 2 at least|a paired test needs 2"):
            comparison.test(silent)
        return
    compared = comparison.test(silent)
    values = [np.array(list(each.values())) for each in means]
    if test == "one":
        wanted = stats.ttest_1samp(values[0], 0)
    elif test == "paired":
        wanted = stats.ttest_rel(*([each[subject] for subject in shared] for each in means))
    else:
        wanted = stats.ttest_ind(*values, equal_var=test == "equal_variance")
    assert compared.result.t[1, 0] == pytest.approx(wanted.statistic, rel=1e-6)
    assert compared.result.p[1, 0] == pytest.approx(wanted.pvalue, rel=1e-6)
    said = " ".join(compared.notes)
    assert ("averaged" in said) == any(len({subjects[i] for i in own}) < len(own) for own in members)
    assert ("in no group" in said) == (sum(map(len, members)) < len(whose))
    assert ("in both groups" in said) == (len(names) == 2 and test != "paired" and bool(shared))
    assert ("in one group only" in said) == (test == "paired" and any(len(each) > len(shared) for each in means))


def _series(seed, volumes, r=6):
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((volumes, r)) + 0.5 * rng.standard_normal((volumes, 1))
    return nc.Series(data, [f"region {i}" for i in range(r)], 2.0)


TWO = Groups(("short", "long"), ((0, 1, 2), (3, 4, 5)), tuple("pqrstu"))


@pytest.mark.parametrize(("estimator", "said"), [("ledoit_wolf", True), ("empirical", False)])
def test_groups_that_were_drawn_towards_0_differently_are_told_of(estimator, said):
    series = [_series(i, 30 if i < 3 else 300) for i in range(6)]
    found = Comparison(nc.connectome(series, nc.Connectivity(estimator=estimator)), TWO, nc.EdgeTest()).test(silent)
    assert any("Ledoit-Wolf drew values towards 0" in note for note in found.notes) == said


def test_sparse_ones_are_told_to_be_no_independent_subjects():
    sparse = nc.sparse_connectome([_series(i, 60) for i in range(6)], nc.SparseConnectivity(method="group", alpha=0.1))
    found = Comparison(sparse, TWO, nc.EdgeTest()).test(silent)
    assert any("estimated from all subjects together" in note for note in found.notes)
