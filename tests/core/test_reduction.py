"""A reduced run has the correlations of the cleaned, smoothed run, and says how well."""

import numpy as np
import pytest

from napari_connectome import Cleaning, Grid, clean
from napari_connectome.core import memory, reduction
from napari_connectome.core.cleaning import cleaning_matrix
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.reduction import reduce_run, reduce_time
from napari_connectome.core.smoothing import smooth_array

GRID = Grid((7, 8, 6), np.diag([3.0, 3.5, 4.0, 1.0]))
T = 120


def _run(kind="f4", drift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((T, 3)) @ rng.standard_normal((3, 7 * 8 * 6))
    data = 1000 + 10 * shared + 10 * rng.standard_normal(shared.shape)
    data += drift * np.linspace(-1, 1, T)[:, None] ** 2
    return data.reshape(T, 7, 8, 6).astype(kind)


def _mask():
    mask = np.zeros((7, 8, 6), dtype=bool)
    mask[1:6, 1:7, 1:5] = True
    mask[3, 3, 3] = False
    return mask


def _expected(data, mask, cleaning, fwhm, **more):
    smoothed = smooth_array(data.astype("f8"), fwhm, GRID.voxel_size)
    return np.corrcoef(clean(smoothed[:, mask], 2.0, cleaning, **more).T)


BAND = Cleaning(high_pass=0.01, low_pass=0.1)


@pytest.mark.parametrize("kind", ["i2", "f4", "f8", ">i2"])
@pytest.mark.parametrize("fwhm", [0.0, 6.0])
@pytest.mark.parametrize("cleaning", [Cleaning(), BAND, Cleaning(detrend=False), Cleaning(high_pass=0.01, filter="cosine")])
def test_products_of_columns_are_correlations(kind, fwhm, cleaning):
    data, mask = _run(kind), _mask()
    time = reduce_time(cleaning_matrix(T, 2.0, cleaning))
    reduced, k = reduce_run(data, GRID, mask, time, fwhm)
    assert reduced.unit.shape == (k, mask.sum())
    np.testing.assert_allclose(reduced.unit.T @ reduced.unit, _expected(data, mask, cleaning, fwhm), atol=3e-6)


def test_the_bound_holds_and_is_small_with_strong_drifts():
    """A drift a hundred times the noise needs more rows: the bound is measured on the data, not assumed."""
    for drift in (0.0, 100.0, 3000.0):
        data, mask = _run("f8", drift), _mask()
        reduced, _ = reduce_run(data, GRID, mask, reduce_time(cleaning_matrix(T, 2.0, BAND)), 6.0)
        error = np.abs(reduced.unit.T @ reduced.unit - _expected(data, mask, BAND, 6.0)).max()
        assert reduced.error_bound < 2e-5
        assert error <= reduced.error_bound + 3e-6


def test_basis_times_reduced_is_the_cleaned_series():
    data, mask = _run(), _mask()
    confounds = np.random.default_rng(3).standard_normal((T, 4))
    time = reduce_time(cleaning_matrix(T, 2.0, BAND, confounds))
    reduced, k = reduce_run(data, GRID, mask, time, 0.0)
    series = time.basis[:, :k] @ (reduced.unit * reduced.norm)
    expected = clean(data[:, mask].astype("f8"), 2.0, BAND.replace(standardize="none"), confounds)
    expected -= expected.mean(axis=0)
    assert np.max(np.linalg.norm(series - expected, axis=0) / np.linalg.norm(expected, axis=0)) < 2e-3
    np.testing.assert_allclose(time.basis.T @ time.basis, np.eye(len(time.weights)), atol=1e-4)


@pytest.mark.parametrize("fwhm", [0.0, 6.0])
@pytest.mark.parametrize("drift", [0.0, 3000.0])
def test_sums_over_voxels_are_exact_in_any_order(fwhm, drift):
    data, mask = _run("f8", drift), _mask()
    reduced, _ = reduce_run(data, GRID, mask, reduce_time(cleaning_matrix(T, 2.0, BAND)), fwhm)
    rng = np.random.default_rng(6)
    each = [reduced.total(np.array([voxel])) for voxel in range(int(mask.sum()))]
    whole = reduced.total(np.arange(len(each)))
    for _ in range(20):
        order, total = rng.permutation(len(each)), np.zeros(len(whole))
        for voxel in order:
            total += each[voxel]
        np.testing.assert_array_equal(total, whole)
        some = rng.permutation(order[: rng.integers(len(order))])
        np.testing.assert_array_equal(total - reduced.total(some), reduced.total(np.setdiff1d(order, some)))


def test_rounding_to_steps_moves_sums_by_less_than_a_billionth():
    data, mask = _run("f8"), _mask()
    time = reduce_time(cleaning_matrix(T, 2.0, BAND))
    reduced, k = reduce_run(data, GRID, mask, time, 0.0)
    plain = reduced.unit.astype("f8") * reduced.norm
    for voxels in (np.array([3]), np.arange(20), np.arange(mask.sum())):
        expected = plain[:, voxels].sum(axis=1)
        assert np.linalg.norm(reduced.total(voxels) - expected) < 1e-9 * np.linalg.norm(expected)
    assert np.all(np.abs(plain).sum(axis=1) < 2.0**53 * reduced.step)
    smoothed, _ = reduce_run(data, GRID, mask, time, 6.0)
    np.testing.assert_allclose(smoothed.plain[:k], plain[: len(smoothed.plain)], rtol=1e-5, atol=1e-5)


def test_effective_volumes():
    """t - 1 without cleaning; one less for each confound; for a band-pass about what the scatter of r shows."""
    assert reduce_time(np.eye(T)).effective == pytest.approx(T - 1)
    confounds = np.random.default_rng(4).standard_normal((T, 5))
    assert reduce_time(cleaning_matrix(T, 2.0, Cleaning(), confounds)).effective == pytest.approx(T - 2 - 5)
    time = reduce_time(cleaning_matrix(168, 2.0, BAND))
    noise = clean(np.random.default_rng(5).standard_normal((168, 600)), 2.0, BAND)
    r = np.corrcoef(noise.T)[np.triu_indices(600, 1)]
    assert 1 / r.var() == pytest.approx(time.effective, rel=0.15)


def test_constant_and_broken_voxels_have_no_signal_and_spoil_no_other():
    data, mask = _run(), _mask()
    clean_one, _ = reduce_run(data, GRID, mask, reduce_time(cleaning_matrix(T, 2.0, BAND)), 0.0)
    data[:, 2, 2, 2] = 1234.5
    data[:, 2, 2, 3] = np.nan
    data[5, 2, 2, 4] = np.inf
    reduced, _ = reduce_run(data, GRID, mask, reduce_time(cleaning_matrix(T, 2.0, BAND)), 0.0)
    position = np.cumsum(mask).reshape(mask.shape) - 1
    dead = [position[2, 2, 2], position[2, 2, 3]]
    assert not reduced.unit[:, dead].any()
    assert np.isfinite(reduced.unit).all()
    others = np.setdiff1d(np.arange(mask.sum()), [*dead, position[2, 2, 4]])
    k = min(len(reduced.unit), len(clean_one.unit))
    np.testing.assert_allclose(reduced.unit[:k, others], clean_one.unit[:k, others], atol=1e-3)


def test_input_is_left_alone_and_work_can_be_cancelled():
    data, mask = _run(), _mask()
    before = data.copy()
    time = reduce_time(cleaning_matrix(T, 2.0, BAND))

    def stop(fraction, doing):
        raise Cancelled

    with pytest.raises(Cancelled):
        reduce_run(data, GRID, mask, time, 6.0, stop)
    seen = []
    reduce_run(data, GRID, mask, time, 6.0, lambda fraction, doing: seen.append(fraction))
    assert seen == sorted(seen)
    np.testing.assert_array_equal(data, before)


def test_cleaning_that_leaves_nothing_is_refused():
    with pytest.raises(InputError, match="leaves nothing"):
        reduce_time(np.zeros((T, T)))


def test_what_censored_volumes_hold_never_matters():
    data, mask = _run(), _mask()
    keep = np.ones(T, dtype=bool)
    keep[[0, 1, 30, 31, 32, 60, 118, 119]] = False
    time = reduce_time(cleaning_matrix(T, 2.0, BAND, keep=keep))
    one, _ = reduce_run(data, GRID, mask, time, 6.0)
    data[~keep] = np.nan
    data[30] = 1e9
    two, _ = reduce_run(data, GRID, mask, time, 6.0)
    np.testing.assert_array_equal(one.unit, two.unit)


@pytest.mark.parametrize("fwhm", [0.0, 6.0])
def test_too_little_memory_is_told_before_any_is_taken(fwhm, monkeypatch):
    data, mask = _run(), _mask()
    time = reduce_time(cleaning_matrix(T, 2.0, BAND))
    reduced, _ = reduce_run(data, GRID, mask, time, fwhm)
    held = reduced.unit.nbytes + (0 if reduced.plain is None else reduced.plain.nbytes)
    monkeypatch.setattr(memory, "available", lambda: held - 1)
    monkeypatch.setattr(reduction, "_reduce_support", None)
    with pytest.raises(InputError, match=r"preparing the run needs [\d.]+ kB of memory and [\d.]+ kB are free"):
        reduce_run(data, GRID, mask, time, fwhm)


def test_memory_enough_is_enough(monkeypatch):
    data, mask = _run(), _mask()
    time = reduce_time(cleaning_matrix(T, 2.0, BAND))
    _, k = reduce_run(data, GRID, mask, time, 0.0)
    monkeypatch.setattr(memory, "available", lambda: k * int(mask.sum()) * 4)
    reduced, _ = reduce_run(data, GRID, mask, time, 0.0)
    assert reduced.unit.shape == (k, mask.sum())


@pytest.mark.parametrize(
    ("cleaning", "confounds", "only_removes"),
    [
        (Cleaning(), 0, True),
        (Cleaning(), 12, True),
        (Cleaning(detrend=False), 3, True),
        (Cleaning(high_pass=0.01, filter="cosine"), 3, True),
        (BAND, 3, False),
        (Cleaning(high_pass=0.01), 0, False),
        (Cleaning(), 70, False),  # more than is left: the rows that are left are the fewer
    ],
)
def test_what_cleaning_takes_out_is_told_where_it_does_no_more(cleaning, confounds, only_removes):
    rng = np.random.default_rng(8)
    keep = rng.random(T) < 0.97
    time = reduce_time(cleaning_matrix(T, 2.0, cleaning, rng.standard_normal((T, confounds)) if confounds else None, keep))
    assert (time.removed is not None) == only_removes
    if time.removed is not None:
        n = time.weights.shape[1]
        np.testing.assert_allclose(time.removed.T @ time.removed, np.eye(time.removed.shape[1]), atol=1e-9)
        np.testing.assert_allclose(time.weights.T @ time.weights, np.eye(n) - time.removed @ time.removed.T, atol=1e-9)
