"""What a provenance says of networks, written and read again, whoever wrote it."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.network_account import NETWORKS, account, explained_in

shares = st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=6)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([NETWORKS, "name", "explained"]), inner),
    max_leaves=12,
)


@given(shares)
def test_what_is_written_is_read(explained):
    names = [f"network {i}" for i in range(len(explained))]
    about = json.loads(json.dumps({NETWORKS: account(names, np.array(explained))}))
    assert [one["name"] for one in about[NETWORKS]] == names
    np.testing.assert_array_equal(explained_in(about, len(explained)), explained)
    assert explained_in(about, len(explained) + 1) is None


@given(anything, st.integers(0, 4))
def test_whatever_a_file_says_is_numbers_or_nothing(said, k):
    found = explained_in({NETWORKS: said}, k)
    assert found is None or (found.shape == (k,) and found.dtype == np.float64)
