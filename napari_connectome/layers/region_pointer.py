"""The mouse over the regions of a labels layer: which one it is over, and which one is clicked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from psygnal import Signal


class RegionPointer:
    """Tells what is under the mouse.

    Parameters
    ----------
    viewer : ViewerModel

    Attributes
    ----------
    picking : bool
        Whether clicks are told.
    hovered : Signal(int)
        The region the mouse has come to; 0 for none. Told once a region, not at every move.
    picked : Signal(int, bool)
        The region that was clicked, 0 for none, and whether Ctrl was down. A drag is no click.
    """

    hovered = Signal(int)
    picked = Signal(int, bool)

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._layer: Labels | None = None
        self.picking = False
        self._over = 0
        viewer.mouse_move_callbacks.append(self._on_move)
        viewer.mouse_drag_callbacks.append(self._on_press)

    @property
    def layer(self) -> Labels | None:
        """The layer that is looked at."""
        return self._layer

    @layer.setter
    def layer(self, layer: Labels | None) -> None:
        self._layer = layer
        self._tell(0)

    def close(self) -> None:
        """Look no more."""
        self._layer = None
        for callbacks, own in (
            (self.viewer.mouse_move_callbacks, self._on_move),
            (self.viewer.mouse_drag_callbacks, self._on_press),
        ):
            if own in callbacks:
                callbacks.remove(own)

    def _on_move(self, viewer: Any, event: Any) -> None:
        self._tell(self._region_at(event))

    def _tell(self, region: int) -> None:
        if region != self._over:
            self._over = region
            self.hovered.emit(region)

    def _on_press(self, viewer: Any, event: Any) -> Iterator[None]:
        if not self.picking or event.button != 1:
            return
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged:
            self.picked.emit(self._region_at(event), "Control" in event.modifiers)

    def _region_at(self, event: Any) -> int:
        layer = self.layer
        if layer is None or not layer.visible:
            return 0
        if len(event.dims_displayed) == 3:
            seen = layer.get_value(
                event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
            )
            return max(int(seen or 0), 0)
        # Not get_value: it looks at the slice that is shown, which may lag behind.
        index = np.rint(layer.world_to_data(event.position)[-3:]).astype(int)
        inside = bool(np.all(index >= 0) and np.all(index < layer.data.shape))
        return max(int(layer.data[tuple(index)]), 0) if inside else 0
