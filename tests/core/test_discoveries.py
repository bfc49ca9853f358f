"""False discoveries: q as scipy's, and what is found at a rate is what has no larger q."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import false_discovery_control

from napari_connectome.core.discoveries import discoveries, q_values

P = arrays(np.float64, st.integers(0, 60), elements=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.02, 1.0])))


@given(P, st.integers(0, 3), st.randoms(use_true_random=False))
def test_q_is_scipy_s_and_what_is_no_test_changes_none(p, holes, order):
    expected = false_discovery_control(p) if len(p) else p
    np.testing.assert_allclose(q_values(p), expected, rtol=1e-13)
    places = sorted(order.choices(range(len(p) + 1), k=holes))
    holed = np.insert(p, places, np.nan)
    np.testing.assert_array_equal(q_values(holed)[~np.isnan(holed)], q_values(p))
    assert np.isnan(q_values(holed)[np.isnan(holed)]).all()


@given(P, st.floats(0, 0.5))
def test_what_is_found_has_no_larger_q(p, alpha):
    ordered = np.sort(p)
    q = q_values(ordered)
    count = discoveries(ordered, alpha)
    assert (q[:count] <= alpha * (1 + 1e-12)).all()
    assert (q[count:] >= alpha * (1 - 1e-12)).all()
