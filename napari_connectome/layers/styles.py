"""How results look: diverging maps that are transparent below a threshold, and outlines of masks.

The threshold is part of the colormap, so moving it touches no data, and what is not seen is still there to be read and
saved. A colour means the same value at every threshold.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels
from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap, CyclicLabelColormap, DirectLabelColormap, label_colormap
from napari.utils.colormaps.standardize_color import transform_color

from napari_connectome.core.errors import InputError

Array = npt.NDArray[Any]

BINS = 128
"""Colours on each side."""
FINEST = 2 / 1024
"""Smallest hidden part of the limit: the graphics card looks colours up in 1024 steps, and zero must be in a hidden one."""
MASK_COLOR = "#f2c14e"
SEED_COLOR = "#3ddc84"
REGION_COLOR = "#ff4fd8"
"""Of the first label of a mask that lies over a map: a colour that no map has."""
NAME = "connectome"
GOLDEN = 0.618034
"""Of the circle of hues: multiples of it never come near each other soon."""


@dataclass(frozen=True)
class Diverging:
    """Two ramps of colours, each from the weakest to the strongest value; lightness rises along both."""

    negative: Sequence[str]
    positive: Sequence[str]


@dataclass(frozen=True)
class Ramp:
    """One ramp of colours, from the weakest to the strongest value, for maps that have no negative ones."""

    colors: Sequence[str]


COLD_HOT = Diverging(
    negative=("#123f96", "#2b78e0", "#4cc3ea", "#d3fbff"),
    positive=("#9d1020", "#e23a1f", "#fb9421", "#fff08a"),
)
"""Blue to cyan and red to yellow: reads on a gray brain, and for every kind of colour vision."""
BLUE_RED = Diverging(
    negative=("#9ecae1", "#5aa2cf", "#2a74b8", "#0b4a94"),
    positive=("#fcbba1", "#f7795a", "#dc322a", "#a00f18"),
)
"""Pale to deep, for a white page."""
HOT = Ramp((*COLD_HOT.positive, "#ffffff"))
"""Red to yellow to white: p values and F."""


def thresholded(limit: float, threshold: float, base: Diverging | Ramp = COLD_HOT) -> Colormap:
    """Make a colormap for contrast limits (-limit, limit) that is transparent where a magnitude is below the threshold.

    For a `Ramp` the limits are (0, limit).

    Zero is transparent at every threshold, also 0, so that what lies outside the mask is not seen.

    Parameters
    ----------
    limit : float
        Value of the last colour.
    threshold : float
        Smallest magnitude shown, in the unit of the map; at most `limit`.
    base : Diverging or Ramp
        The colours.
    """
    if not 0 < limit < np.inf:
        raise InputError(f"the colour limit is {limit:g} and must be a positive number: raise it.")
    hidden = float(np.clip(threshold / limit, FINEST, 1 - 1e-4))
    edges = np.linspace(hidden, 1, BINS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    if isinstance(base, Ramp):
        edges[0] -= 1e-6
        edges[-1] = 1
        colors = np.vstack([np.zeros((1, 4)), _ramp(base.colors, middles)])
        return Colormap(colors, name=NAME, controls=np.r_[0, edges], interpolation="zero")
    colors = np.vstack([_ramp(base.negative, middles)[::-1], np.zeros((1, 4)), _ramp(base.positive, middles)])
    edges[0] -= 1e-6  # the threshold itself is shown, on both sides alike
    controls = np.r_[(1 - edges[::-1]) / 2, (1 + edges) / 2]
    controls[0], controls[-1] = 0, 1
    return Colormap(colors, name=NAME, controls=controls, interpolation="zero")


def _ramp(colors: Sequence[str], where: Array) -> Array:
    rgba = transform_color(list(colors))
    at = np.linspace(0, 1, len(rgba))
    return np.stack([np.interp(where, at, channel) for channel in rgba.T], axis=1)


def symmetric_limit(data: npt.ArrayLike, quantile: float = 1.0) -> float:
    """Return a limit for a map: the magnitude that `quantile` of its nonzero values do not pass, rounded up to two digits.

    1 for a map that is zero everywhere.
    """
    magnitudes = np.abs(np.asarray(data))
    magnitudes = magnitudes[np.isfinite(magnitudes) & (magnitudes > 0)]
    if not magnitudes.size:
        return 1.0
    top = float(magnitudes.max() if quantile >= 1 else np.quantile(magnitudes, quantile))
    unit = 10.0 ** (np.floor(np.log10(top)) - 1)
    return float(f"{np.ceil(top / unit - 1e-6) * unit:.2g}")


def set_threshold(layer: Image, limit: float, threshold: float, base: Diverging | Ramp = COLD_HOT) -> None:
    """Give a map its limits and threshold; quick enough to follow a slider.

    Limits the threshold does not fit into are widened: what lies beyond them would be shown whatever its value.
    """
    limit = limit if threshold <= limit else 1.001 * threshold
    colormap = thresholded(limit, threshold, base)
    AVAILABLE_COLORMAPS.pop(NAME, None)  # napari would keep, and list, one for each place the slider has been
    low = 0.0 if isinstance(base, Ramp) else -1.0
    if tuple(layer.contrast_limits) != (low * limit, limit):
        widest = max(limit, *map(abs, layer.contrast_limits_range))
        layer.contrast_limits_range = (low * widest, widest)
        layer.contrast_limits = (low * limit, limit)
    layer.colormap = colormap


def style_map(layer: Image, limit: float, threshold: float, base: Diverging | Ramp = COLD_HOT) -> None:
    """Make an image layer look like a map: honest voxels, both signs in 3-D too, a colorbar."""
    set_threshold(layer, limit, threshold, base)
    layer.blending = "translucent"
    layer.interpolation2d = "nearest"
    layer.rendering = "translucent"  # a maximum projection would hide what is negative
    layer.colorbar.visible = True


def style_outline(layer: Labels, color: str = MASK_COLOR) -> None:
    """Show all labels of a layer as thin lines of one colour."""
    layer.colormap = DirectLabelColormap(color_dict={None: color, 0: "transparent"})
    draw_lines(layer)
    layer.opacity = 0.9


def style_regions(layer: Labels) -> None:
    """Show labels as lines that stand out from a map, the first in a colour of its own, all others as napari does."""
    colors = np.array(label_colormap(49).colors)
    colors[1] = transform_color(REGION_COLOR)[0]
    layer.colormap = CyclicLabelColormap(colors=colors)
    draw_lines(layer)
    layer.opacity = 1.0


def distinct_colors(n: int) -> Array:
    """Colours (n + 1, 4) for labels 0 to n, bright enough for a gray brain; that of 0 is transparent.

    The first are the same however many there are, and neighbours in number are far apart in hue.
    """
    colors = np.zeros((n + 1, 4))
    for i in range(n):
        hue, row = (0.58 + i * GOLDEN) % 1, i // 8 % 3
        colors[i + 1] = (*hsv_to_rgb(hue, (0.75, 0.45, 1.0)[row], (0.95, 1.0, 0.75)[row]), 1.0)
    return colors


def draw_lines(layer: Labels) -> None:
    """Show labels as their outlines, so that what is beneath is seen within them."""
    # In 3-D the labels are whole, as they should be, and napari would say so in a pop-up.
    warnings.filterwarnings("ignore", "Contours are not displayed during 3D rendering", UserWarning)
    layer.contour = 1
