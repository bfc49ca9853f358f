"""Spectra: the peaks are where the series' sines are, and the whole is the variance."""

import numpy as np
import pytest
from scipy.signal import welch

from napari_connectome.core.errors import InputError
from napari_connectome.core.spectrum import SEGMENT, spectrum


@pytest.mark.parametrize("tr", [0.72, 2.0, 3.0])
@pytest.mark.parametrize("frequency", [0.02, 0.05, 0.1])
def test_a_sine_has_its_peak_at_its_frequency(tr, frequency):
    time = np.arange(round(400 / tr)) * tr
    series = np.column_stack([np.sin(2 * np.pi * frequency * time), 5 + 3 * np.cos(2 * np.pi * 0.07 * time)])
    frequencies, power = spectrum(series, tr)
    assert power.shape == (len(frequencies), 2)
    assert abs(frequencies[power[:, 0].argmax()] - frequency) <= 1 / SEGMENT
    assert abs(frequencies[power[:, 1].argmax()] - 0.07) <= 1 / SEGMENT
    assert frequencies[0] == 0
    assert 0.95 * 0.5 / tr <= frequencies[-1] <= 0.5 / tr * 1.000001


@pytest.mark.parametrize("t", [64, 168, 1200])
def test_the_whole_is_the_variance(t):
    series = np.random.default_rng(0).standard_normal((t, 300))
    frequencies, power = spectrum(series, 2.0)
    np.testing.assert_allclose((power.sum(axis=0) * frequencies[1]).mean(), 1.0, rtol=0.05)


@pytest.mark.parametrize("t", [4, 5, 30, 200])
def test_one_series_alone_is_scipy_s(t):
    series = np.random.default_rng(1).standard_normal(t)
    theirs = welch(series, fs=0.5, nperseg=min(t, 64))
    for found, expected in zip(spectrum(series, 2.0), theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_series_without_values_leaves_the_others_alone():
    series = np.random.default_rng(2).standard_normal((100, 3))
    _, whole = spectrum(series, 2.0)
    series[7, 1] = np.nan
    _, power = spectrum(series, 2.0)
    assert np.isnan(power[:, 1]).all()
    np.testing.assert_array_equal(power[:, [0, 2]], whole[:, [0, 2]])
    assert np.isnan(spectrum(np.full((50, 2), np.nan), 2.0)[1]).all()
    assert not spectrum(np.full(50, 7.0), 2.0)[1].any()


def test_what_has_no_spectrum_is_one_sentence():
    for said, series, tr in (
        ("at least 4 volumes, and the series have 3", np.zeros((3, 2)), 2.0),
        ("not float64 of shape", np.zeros((9, 2, 2)), 2.0),
        ("the TR of the series is 0", np.zeros((9, 2)), 0),
    ):
        with pytest.raises(InputError, match=said):
            spectrum(series, tr)
