"""The geometric mean of covariances: what it must not depend on, and that tangents lead back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.errors import InputError
from napari_connectome.core.tangent import NEAR, covariances_of, geometric_mean, tangents
from napari_connectome.core.threads import one_thread, two_threads


def covariances(seed, s, r, spread=1.0):
    """Symmetric positive definite matrices (s, r, r)."""
    rng = np.random.default_rng(seed)
    factors = np.eye(r) + spread * rng.standard_normal((s, r, r)) / np.sqrt(r)
    return factors @ factors.transpose(0, 2, 1) + 0.05 * np.eye(r)


CASES = {"seed": st.integers(0, 9999), "s": st.integers(1, 9), "r": st.integers(1, 12)}


@given(**CASES)
def test_the_directions_to_all_sum_to_0_at_it(seed, s, r):
    given_ = covariances(seed, s, r, 0.6)
    centre = geometric_mean(given_)
    np.testing.assert_array_equal(centre, centre.T)
    assert np.linalg.eigvalsh(centre)[0] > 0
    assert np.linalg.norm(tangents(given_, centre).mean(axis=0)) < NEAR * r * r + 1e-9


@given(**CASES)
def test_tangents_lead_back(seed, s, r):
    given_, centre = covariances(seed, s, r), covariances(seed + 1, 1, r)[0]
    seen = tangents(given_, centre)
    np.testing.assert_allclose(covariances_of(seen, centre), given_, rtol=1e-9, atol=1e-9 * np.abs(given_).max())
    assert np.abs(tangents(centre[None], centre)).max() < 1e-8


@given(**CASES, scale=st.floats(1e-6, 1e6))
def test_it_follows_what_mixes_scales_and_inverts(seed, s, r, scale):
    """To the limit at which steps end."""
    given_ = covariances(seed, s, r, 0.5)
    centre, near = geometric_mean(given_), 20 * NEAR * r * r + 1e-9
    mixing = covariances(seed + 2, 1, r, 0.3)[0]
    for moved, expected in (
        (mixing @ given_ @ mixing.T, mixing @ centre @ mixing.T),
        (scale * given_, scale * centre),
        (np.linalg.inv(given_), np.linalg.inv(centre)),
        (given_[::-1], centre),
    ):
        found = geometric_mean((moved + moved.transpose(0, 2, 1)) / 2)
        assert np.abs(tangents(found[None], (expected + expected.T) / 2)).max() < near


def test_of_numbers_it_is_the_usual_one():
    numbers = np.array([0.5, 2.0, 7.0, 31.0])
    assert geometric_mean(numbers[:, None, None]).item() == pytest.approx(np.exp(np.log(numbers).mean()), rel=1e-7)
    two = covariances(3, 2, 5)
    whole = geometric_mean(np.repeat(two[:1], 4, axis=0))
    np.testing.assert_allclose(whole, two[0], rtol=1e-12)


def test_it_does_not_depend_on_the_threads():
    given_ = covariances(0, 20, 100)
    with one_thread():
        alone = geometric_mean(given_)
        with two_threads():
            np.testing.assert_array_equal(geometric_mean(given_), alone)


def test_progress_never_goes_back_and_ends_at_the_end():
    shares = []
    geometric_mean(covariances(0, 8, 20), lambda share, doing: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_covariances_without_an_inverse_have_no_mean():
    singular = np.array([np.diag([1.0, 0.0]), np.eye(2), np.diag([0.0, 1.0])])
    with pytest.raises(InputError, match="the geometric mean of 3 covariances was not found"):
        geometric_mean(singular)
