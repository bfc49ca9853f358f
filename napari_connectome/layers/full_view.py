"""Keeping the whole picture in view when the canvas has become smaller, as it does beside a new dock."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

FULL = (0.85, 1.02)
"""Share of the canvas that a picture in full view takes: napari fills 0.95, but of a canvas that changes a little later."""


class FullView:
    """Remembers whether all of the picture was in view, to bring that back where only the canvas changed since.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._was: float | None = None
        if FULL[0] < _share(viewer) < FULL[1]:
            self._was = viewer.scene.camera.zoom

    def restore(self, viewer: ViewerModel) -> None:
        """Fit the picture into the canvas again, unless somebody zoomed since."""
        if self._was is not None and np.isclose(viewer.scene.camera.zoom, self._was) and _share(viewer) > FULL[1]:
            viewer.fit_to_view()
        self._was = None


def _share(viewer: ViewerModel) -> float:
    """How much of the canvas' height or width, whichever is more, the picture takes; 0 where there is none, or in 3-D."""
    if not viewer.layers or viewer.dims.ndisplay != 2:
        return 0.0
    low, high = viewer.layers.extent.world
    size = (high - low + viewer.layers.extent.step)[list(viewer.dims.displayed)] * viewer.scene.camera.zoom
    return float((size / viewer.canvas.size).max())
