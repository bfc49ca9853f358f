"""Framewise displacement, and the volumes it leaves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nilearn.interfaces.fmriprep.load_confounds_scrub import optimize_scrub

from napari_connectome.core.errors import InputError
from napari_connectome.core.motion import framewise_displacement, keep_still


def test_a_step_counts_once_and_rotations_on_the_sphere():
    motion = np.zeros((5, 6))
    motion[2:, 1] = 0.3
    motion[3:, 5] = -0.01
    np.testing.assert_allclose(framewise_displacement(motion), [0, 0, 0.3, 0.5, 0])
    np.testing.assert_allclose(framewise_displacement(motion, radius=80.0), [0, 0, 0.3, 0.8, 0])
    np.testing.assert_allclose(framewise_displacement(motion + 7.5), framewise_displacement(motion), atol=1e-12)


@pytest.mark.parametrize(
    ("motion", "match"), [(np.zeros((5, 5)), r"shape \(5, 5\) and needs 6"), (np.full((5, 6), np.nan), "not finite in row 1")]
)
def test_what_is_no_motion(motion, match):
    with pytest.raises(InputError, match=match):
        framewise_displacement(motion)


def test_thresholds():
    moved = np.array([np.nan, 0.1, 0.6, 0.2, 0.5, 0.1])
    np.testing.assert_array_equal(keep_still(moved, 0.5), [True, True, False, True, True, True])
    dvars = np.array([np.nan, 1, 1, 1, 1, 3])
    np.testing.assert_array_equal(
        keep_still(moved, 0.5, dvars=dvars, dvars_threshold=1.5), [True, True, False, True, True, False]
    )
    assert keep_still(np.zeros(3), 0.5, shortest=10).all()


@given(st.lists(st.booleans(), min_size=10, max_size=40), st.integers(1, 8))
def test_short_stretches_go_as_in_nilearn(moved, shortest):
    moved = np.array(moved)
    theirs = ~moved
    if moved.any():
        theirs[optimize_scrub(np.flatnonzero(moved), len(moved), shortest)] = False
    np.testing.assert_array_equal(keep_still(moved.astype(float), 0.5, shortest=shortest), theirs)
