"""The colours of a map kept on their values, whoever moves its limits."""

from __future__ import annotations

from napari.layers import Image

from napari_connectome.layers.styles import COLD_HOT, Diverging, Ramp, set_threshold


class MapColors:
    """Limit, threshold and colours of one map layer, kept together.

    Limits moved by hand stay alike on both sides (from 0, for a `Ramp`), and the threshold stays where it is in the map's
    unit. A gamma is undone: bent, the colours would no longer be those of the colorbar, and 0 no longer transparent.

    Parameters
    ----------
    layer : Image
    base : Diverging or Ramp
        The colours.

    Attributes
    ----------
    limit : float
        Value of the last colour, as shown now.
    threshold : float
        Values nearer to 0 than this are transparent.
    """

    def __init__(self, layer: Image, base: Diverging | Ramp = COLD_HOT) -> None:
        self.layer = layer
        self.base = base
        self.limit = 0.0
        self.threshold = 0.0
        layer.events.contrast_limits.connect(self._on_limits)
        layer.events.gamma.connect(self._on_gamma)

    def close(self) -> None:
        """Stop following the layer."""
        self.layer.events.contrast_limits.disconnect(self._on_limits)
        self.layer.events.gamma.disconnect(self._on_gamma)

    def show(self, limit: float, threshold: float) -> None:
        """Put the colours on values up to a limit, transparent below a threshold; quick enough to follow a slider."""
        self.limit, self.threshold = float(limit), float(threshold)
        set_threshold(self.layer, self.limit, self.threshold, self.base)
        self.limit = float(self.layer.contrast_limits[1])  # wider where the threshold did not fit in

    def _on_limits(self) -> None:
        low, high = (float(end) for end in self.layer.contrast_limits)
        ends = [high] if isinstance(self.base, Ramp) else [abs(low), abs(high)]
        moved = max(ends, key=self._away)
        if self._away(moved) > 1e-9:
            self.show(moved, self.threshold)
        elif low != (0.0 if isinstance(self.base, Ramp) else -high):
            self.show(self.limit, self.threshold)

    def _away(self, end: float) -> float:
        return abs(end - self.limit)

    def _on_gamma(self) -> None:
        if self.layer.gamma != 1:
            self.layer.gamma = 1
