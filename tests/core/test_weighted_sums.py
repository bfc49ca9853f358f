"""Sums over weighted voxels are the same however they are added up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core import weighted_sums as sums
from napari_connectome.core.grid import Grid
from napari_connectome.core.threads import two_threads

GRID = Grid((5, 6, 7), np.diag([3.0, 3.0, 3.0, 1.0]))


@given(
    seed=st.integers(0, 10_000),
    r=st.integers(1, 12),
    share=st.sampled_from([0.02, 0.3, 1.0]),
    missing=st.booleans(),
    t=st.integers(1, 40),
)
def test_sums_are_those_of_each_region_by_itself(seed, r, share, missing, t):
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((t, *GRID.shape)).astype(np.float32)
    if missing:
        data[rng.integers(t), 2, 3, 3:] = np.nan
        data[rng.integers(t), 1, 1, 1] = np.inf
    weights = []
    for _ in range(r):
        voxels = np.flatnonzero(rng.random(data[0].size) < share)
        weights.append((voxels, rng.standard_normal(len(voxels)).astype(np.float32)))
    volumes = np.flatnonzero(rng.random(t) < 0.8)
    flat = data.reshape(t, -1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        wanted = np.array([[flat[v, voxels] @ values for voxels, values in weights] for v in volumes]).reshape(-1, r)
    np.testing.assert_allclose(sums.weighted_sums(data, GRID, weights, volumes), wanted, rtol=1e-9, atol=1e-9)
    with two_threads():
        np.testing.assert_allclose(sums.weighted_sums(data, GRID, weights, volumes), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("share", [0.05, 0.9])
def test_what_is_full_is_an_array_and_labels_never_are(share):
    rng = np.random.default_rng(0)
    maps = [(voxels := np.flatnonzero(rng.random(210) < share), np.ones(len(voxels))) for _ in range(8)]
    _, matrix = sums.used_columns(sums.weight_matrix(maps, GRID))
    assert (sums.filled(matrix) is not None) == (share > 0.5)
    _, labels = sums.used_columns(sums.weight_matrix([(np.arange(i, 210, 2), np.ones(105)) for i in (0, 1)], GRID))
    assert sums.filled(labels) is None
