"""Colours stay on their values, whichever way limits, threshold and gamma are moved."""

import numpy as np
import pytest
from napari.layers import Image

from napari_connectome.layers.map_colors import MapColors
from napari_connectome.layers.styles import COLD_HOT, HOT, Ramp, style_map

BASES = pytest.mark.parametrize("base", [COLD_HOT, HOT], ids=["both signs", "positive"])


@pytest.fixture
def dressed():
    def dress(base, limit=8.0, threshold=3.0):
        layer = Image(np.zeros((2, 3, 4), dtype=np.float32), contrast_limits=(-1, 1))
        style_map(layer, limit, threshold, base)
        colors = MapColors(layer, base)
        colors.show(limit, threshold)
        return layer, colors

    return dress


def _seen(layer, values):
    low, high = layer.contrast_limits
    return layer.colormap.map((np.asarray(values, dtype=float) - low) / (high - low))[:, 3] > 0


@BASES
@pytest.mark.parametrize("limits", [None, (-8.0, 20.0), (-4.0, 8.0), (2.0, 6.0), (-30.0, 30.0)])
def test_the_threshold_stays_at_its_value_when_limits_are_moved(dressed, base, limits):
    layer, colors = dressed(base)
    if limits is not None:
        layer.contrast_limits_range = (-50, 50)
        layer.contrast_limits = limits
    low, high = layer.contrast_limits
    assert low == (0 if isinstance(base, Ramp) else -high)
    assert high == colors.limit
    values = [-3.1, -2.9, 0.0, 2.9, 3.0, 3.1, high]
    negative = [False, False] if isinstance(base, Ramp) else [True, False]
    assert list(_seen(layer, values)) == [*negative, False, False, True, True, True]


@BASES
def test_a_threshold_beyond_the_limit_widens_it(dressed, base):
    layer, colors = dressed(base)
    colors.show(8.0, 12.0)
    assert colors.limit > 12.0
    assert list(_seen(layer, [0.0, 8.0, 11.9])) == [False] * 3


@BASES
def test_a_gamma_is_undone_until_it_lets_go(dressed, base):
    layer, colors = dressed(base)
    layer.gamma = 0.5
    assert layer.gamma == 1
    colors.close()
    layer.gamma = 0.5
    assert layer.gamma == 0.5


def test_the_positive_ramp_ends_in_white():
    layer = Image(np.zeros((2, 3, 4), dtype=np.float32), contrast_limits=(0, 1))
    style_map(layer, 10.0, 1.3, HOT)
    np.testing.assert_allclose(layer.colormap.map(np.array([1.0]))[0], 1, atol=0.02)
    assert layer.colormap.map(np.array([0.0]))[0, 3] == 0
