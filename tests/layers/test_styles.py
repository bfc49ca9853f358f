"""Colours: nothing below the threshold, both signs above it, and zero never."""

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.colormaps import AVAILABLE_COLORMAPS

from napari_connectome.core.errors import InputError
from napari_connectome.layers.styles import (
    BLUE_RED,
    COLD_HOT,
    MASK_COLOR,
    distinct_colors,
    set_threshold,
    style_map,
    style_outline,
    symmetric_limit,
    thresholded,
)

CASES = [(limit, share * limit) for limit in (0.05, 0.8, 1.0, 2.7, 40.0) for share in (0.01, 0.1, 0.333, 0.5, 0.9)]


def colors_of(colormap, values, limit):
    return colormap.map((np.asarray(values, dtype=np.float64) + limit) / (2 * limit))


@pytest.mark.parametrize(("limit", "threshold"), CASES)
@pytest.mark.parametrize("base", [COLD_HOT, BLUE_RED])
def test_the_threshold_is_exact_on_both_sides(limit, threshold, base):
    colormap = thresholded(limit, threshold, base)
    step = 1e-5 * limit
    under = colors_of(colormap, [-threshold + step, 0.0, threshold - step], limit)
    assert (under[:, 3] == 0).all()
    over = colors_of(colormap, [-limit, -threshold - step, -threshold, threshold, threshold + step, limit], limit)
    assert (over[:, 3] == 1).all()
    assert (over[:3, 2] > over[:3, 0]).all(), "negative is blue"
    assert (over[3:, 0] > over[3:, 2]).all(), "positive is red"


@pytest.mark.parametrize("limit", [1e-6, 1.0, 1e6])
def test_zero_and_nan_are_never_seen(limit):
    for threshold in (0.0, 1e-9 * limit, 0.5 * limit, limit, 2 * limit):
        seen = colors_of(thresholded(limit, threshold), [0.0, np.nan], limit)[:, 3]
        assert (seen == 0).all()


def test_threshold_zero_hides_next_to_nothing():
    seen = colors_of(thresholded(1.0, 0.0), [-0.01, 0.01], 1.0)[:, 3]
    assert (seen == 1).all()


def test_zero_is_hidden_in_the_table_the_graphics_card_uses():
    """It has 1024 entries: the two next to the middle must both be transparent."""
    from napari.utils.colormaps.colormap_utils import _napari_cmap_to_vispy

    for threshold in (0.0, 0.2):
        table = _napari_cmap_to_vispy(thresholded(1.0, threshold)).texture_map_data[:, 0]
        assert (table[511:513, 3] == 0).all()
        hidden = np.flatnonzero(table[:, 3] == 0)
        assert hidden[0] + hidden[-1] == 1023, "both signs alike"


def test_a_colour_means_the_same_value_at_every_threshold():
    low, high = (colors_of(thresholded(1.0, t), [-0.7, 0.4, 0.95], 1.0) for t in (0.0, 0.35))
    np.testing.assert_allclose(low, high, atol=0.02)


def test_stronger_is_lighter():
    values = np.linspace(0.05, 1, 50)
    for sign in (-1, 1):
        rgb = colors_of(thresholded(1.0, 0.05), sign * values, 1.0)[:, :3]
        light = rgb @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(light) > -1e-6).all()
        assert light[-1] - light[0] > 0.5


def test_a_limit_must_be_one():
    for limit in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InputError):
            thresholded(limit, 0.1)


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ([0.0, 0.0], 1.0),
        ([], 1.0),
        ([np.nan], 1.0),
        ([-0.731, 0.2], 0.74),
        ([0.5, np.inf, 0], 0.5),
        ([123.4], 130.0),
        ([1.0], 1.0),
    ],
)
def test_symmetric_limit(values, limit):
    assert symmetric_limit(np.array(values)) == limit


def test_symmetric_limit_without_the_largest():
    values = np.r_[np.zeros(5000), np.linspace(-0.4, 0.4, 1001), 1.0]
    assert symmetric_limit(values, 0.98) == 0.4
    assert symmetric_limit(values) == 1.0


def test_a_slider_leaves_one_colormap_behind():
    layer = Image(np.zeros((4, 5, 6), np.float32))
    style_map(layer, 0.8, 0.0)
    before = len(AVAILABLE_COLORMAPS)
    for threshold in np.linspace(0, 0.8, 50):
        set_threshold(layer, 0.8, threshold)
        value = threshold + 0.01
        assert colors_of(layer.colormap, [value], 0.8)[0, 3] == 1
        assert colors_of(layer.colormap, [max(threshold - 0.01, 0)], 0.8)[0, 3] == 0
    assert len(AVAILABLE_COLORMAPS) == before
    assert tuple(layer.contrast_limits) == (-0.8, 0.8)
    assert layer.colorbar.visible
    assert layer.rendering == "translucent"


def test_two_layers_keep_their_own_thresholds():
    layers = [Image(np.zeros((4, 5, 6), np.float32)) for _ in range(2)]
    for layer, threshold in zip(layers, (0.2, 0.6), strict=True):
        style_map(layer, 1.0, threshold)
    shown = [colors_of(layer.colormap, [0.4], 1.0)[0, 3] for layer in layers]
    assert shown == [1, 0]


def test_outline():
    labels = Labels(np.ones((3, 4, 5), np.uint8))
    style_outline(labels)
    assert labels.contour == 1
    assert labels.colormap.map(np.array([0, 1, 7], np.uint8))[0, 3] == 0
    assert MASK_COLOR.startswith("#")


def test_on_the_screen(make_napari_viewer):
    """What the window shows on a gray brain: nothing where |v| is below, blue and red above."""
    from qtpy.QtWidgets import QApplication

    viewer = make_napari_viewer(show=True)
    QApplication.processEvents()
    values = np.array([-0.9, -0.31, -0.29, 0.0, 0.29, 0.31, 0.9], np.float32)
    viewer.add_image(np.full((7, 7), 100.0, np.float32), contrast_limits=(0, 200))
    layer = viewer.add_image(np.repeat(values[None], 7, axis=0))
    style_map(layer, 1.0, 0.3)
    layer.colorbar.visible = False
    viewer.reset_view()
    QApplication.processEvents()
    picture = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    row = picture[picture.shape[0] // 2]
    inside = np.flatnonzero((row[:, :3] != row[0, :3]).any(axis=1))
    left, right = inside[0], inside[-1] + 1
    colors = [row[int(left + (i + 0.5) * (right - left) / 7)] for i in range(7)]
    for i in (2, 3, 4):
        assert np.ptp(colors[i][:3]) <= 2, "gray shows through"
    for i in (0, 1):
        assert colors[i][2] > colors[i][0] + 30
    for i in (5, 6):
        assert colors[i][0] > colors[i][2] + 30


def test_labels_have_bright_colours_of_their_own():
    colors = distinct_colors(40)
    assert np.array_equal(colors[:9], distinct_colors(8))  # the same however many there are
    assert not colors[0].any()
    assert np.all(colors[1:, 3] == 1)
    assert len({tuple(color) for color in colors}) == 41
    assert colors[1:, :3].max(axis=1).min() >= 0.75
    assert np.abs(np.diff(colors[1:, :3], axis=0)).sum(axis=1).min() > 0.4
