"""What an edge rests on: leaving volumes out one by one, distances, and runs that lack something."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_connectome.analyses.edge_account import EdgeAccounting, edge_account
from napari_connectome.core.errors import InputError
from napari_connectome.core.values import Series

VALUES = hnp.arrays(np.float64, st.tuples(st.integers(5, 40), st.just(3)), elements=st.integers(-9, 9).map(float))


def series(data, **more):
    return Series(data, ["a", "b", "c"][: data.shape[1]], 2.0, **more)


def moves(column):
    return np.ptp(column) > 0


@given(VALUES, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.floats(0, 50))
def test_influence_is_what_leaving_out_each_volume_changes(data, scale, shift, share):
    account = edge_account(series(data * scale + shift), 0, 2, EdgeAccounting(left_out=share))
    pair = data[:, [0, 2]]
    if not all(moves(column) for column in pair.T):
        assert np.isnan(account.r[0])
        return
    r = np.corrcoef(pair.T)[0, 1]
    np.testing.assert_allclose(account.r[0], r, atol=1e-7)
    for k in range(len(pair)):
        rest = np.delete(pair, k, axis=0)
        if all(moves(column) for column in rest.T):
            np.testing.assert_allclose(account.influence[0][k], r - np.corrcoef(rest.T)[0, 1], atol=1e-6)
        else:
            assert np.isnan(account.influence[0][k])
    rows = account.left_out[0]
    assert len(set(rows)) == len(rows) <= np.ceil(share / 100 * len(pair))
    rest = np.delete(pair, rows, axis=0)
    if all(moves(column) for column in rest.T):
        np.testing.assert_allclose(account.r_without[0], np.corrcoef(rest.T)[0, 1], atol=1e-7)
    others = np.setdiff1d(np.arange(len(pair)), rows)
    if len(rows) and abs(r) > 1e-6:
        held = np.sign(r) * np.nan_to_num(account.influence[0], nan=-np.inf)
        assert held[rows].min() >= held[others].max() - 1e-9


@given(VALUES)
def test_both_ways_are_the_same_and_a_region_is_one_with_itself(data):
    there, back = (edge_account(series(data), *pair) for pair in ((0, 1), (1, 0)))
    np.testing.assert_allclose(there.r, back.r, atol=1e-12)
    np.testing.assert_allclose(there.influence[0], back.influence[0], atol=1e-9)
    itself = edge_account(series(data), 1, 1).r[0]
    assert np.isnan(itself) or itself == pytest.approx(1)


@given(VALUES, st.sets(st.integers(0, 39), max_size=8))
def test_volumes_without_a_value_are_as_if_they_were_not_there(data, missing):
    missing = sorted(k for k in missing if k < len(data))
    holes = data.copy()
    holes[missing, 0] = np.nan
    account, without = edge_account(series(holes), 0, 1), edge_account(series(np.delete(data, missing, axis=0)), 0, 1)
    np.testing.assert_array_equal(account.r, without.r)
    np.testing.assert_array_equal(np.delete(account.influence[0], missing), without.influence[0])
    assert np.isnan(account.influence[0][missing]).all()


def test_one_volume_that_makes_the_edge_is_found():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((200, 2))
    data[77] = 30
    account = edge_account(series(data), 0, 1, EdgeAccounting(left_out=0.5))
    assert account.left_out[0].tolist() == [77]
    assert account.r[0] > 0.8
    assert abs(account.r_without[0]) < 0.2
    assert edge_account(series(data), 0, 1, EdgeAccounting(left_out=0)).r_without == account.r


def test_every_run_has_its_row_and_lengths_may_differ():
    rng = np.random.default_rng(1)
    runs = [series(rng.standard_normal((t, 3))) for t in (30, 20)]
    lacking = rng.standard_normal((25, 3))
    lacking[:, 1] = np.nan
    runs.append(series(lacking, times=np.arange(25) * 2.0 + 4))
    places = np.array([[0, 0, 0], [3, 4, 0], [1.0, 1, 1]])
    account = edge_account(runs, 0, 1, coordinates=places, runs=["x", "y", "z"])
    assert account.names == ("a", "b")
    assert account.distance == 5
    table = account.to_frame()
    assert table["run"].tolist() == ["x", "y", "z"]
    assert table["volumes"].tolist() == [30, 20, 25]
    assert table["left_out"].tolist()[2] == 0
    assert np.isnan(table["r"]).tolist() == [False, False, True]
    assert account.times[2][0] == 4
    assert np.isnan(edge_account(runs[0], 0, 1).distance)


def test_what_is_not_there_is_said():
    one = series(np.random.default_rng(0).standard_normal((10, 3)))
    with pytest.raises(InputError, match="no region 3 among 3"):
        edge_account(one, 0, 3)
    with pytest.raises(InputError, match="2 names were given for 1 runs"):
        edge_account(one, 0, 1, runs=["x", "y"])
    other = Series(one.data, ["a", "x", "c"], 2.0)
    with pytest.raises(InputError, match="use the same regions"):
        edge_account([one, other], 0, 1)
