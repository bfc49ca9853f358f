"""Peaks of a map are nilearn's."""

import numpy as np
import pytest
from nilearn._utils.ndimage import peak_local_max
from scipy.ndimage import gaussian_filter

from napari_connectome.core.peaks import peaks


@pytest.mark.parametrize("seed", range(12))
def test_peaks_are_those_of_nilearn(seed):
    rng = np.random.default_rng(seed)
    image = gaussian_filter(rng.standard_normal(rng.integers(1, 40, 3)), rng.uniform(0.3, 4))
    if seed % 3 == 0:  # plateaus
        image = np.round(image / image.std(), 1)
    if seed % 3 == 1:
        image[image < image.std()] = 0
    assert np.array_equal(peaks(image), peak_local_max(image))
    distance, least = int(rng.integers(1, 6)), float(rng.uniform(0, 0.9))
    assert np.array_equal(peaks(image, distance, least), peak_local_max(image, distance, threshold_rel=least))


def test_images_without_a_peak():
    ramp = np.arange(27.0).reshape(3, 3, 3)
    assert not peaks(np.zeros((4, 5, 6))).any()
    assert not peaks(np.full((4, 5, 6), 2.0)).any()  # a constant, whatever its height
    assert not peaks(-1 - ramp).any()
    assert np.argwhere(peaks(ramp)).tolist() == [[2, 2, 2]]
