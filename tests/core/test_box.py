"""The box of a box plot, against its definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.box import Box

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(VALUES)
def test_whiskers_end_at_the_outermost_value_within_reach(values):
    values = np.array(values)
    box = Box.of(values)
    q1, q2, q3 = np.percentile(values, (25, 50, 75))
    assert (box.lower, box.median, box.upper) == (q1, q2, q3)
    far = (values < q1 - 1.5 * (q3 - q1)) | (values > q3 + 1.5 * (q3 - q1))
    np.testing.assert_array_equal(box.outside(values), far)
    if (near := values[~far & (values <= q1)]).size:
        assert box.low == near.min()
    if (near := values[~far & (values >= q3)]).size:
        assert box.high == near.max()


@given(VALUES)
def test_it_is_in_order_and_its_ends_are_values_or_its_own(values):
    values = np.array(values)
    box = Box.of(values)
    assert box.low <= box.lower <= box.median <= box.upper <= box.high
    assert box.low in (*values, box.lower)
    assert box.high in (*values, box.upper)
    assert (values[~box.outside(values)] >= box.low).all()


def test_one_value_is_a_box_of_that_value():
    assert Box.of(np.array([3], dtype=np.int16)) == Box(3.0, 3.0, 3.0, 3.0, 3.0)
