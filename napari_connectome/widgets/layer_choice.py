"""A drop-down of the viewer's layers that fit, kept right while layers come, go and are renamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, QTimer, Signal
from qtpy.QtWidgets import QComboBox, QWidget


class LayerChoice(QComboBox):
    """Choose one layer.

    Parameters
    ----------
    viewer : napari.Viewer
    fits : callable
        Which layers are offered.
    instead : str
        Text of a first entry that stands for no layer ("automatic"); without it the newest fitting layer is chosen.

    Notes
    -----
    The choice is a layer, not a name: it survives renaming, and `chosen` is emitted only when another layer, or none, is
    meant. A layer that is taken out of the viewer is let go of at once.

    `altered` is emitted when the layer chosen has got other data or another place in the world, once all of that has been
    written; one that fits no more is let go of instead.
    """

    chosen = Signal(object)
    altered = Signal(object)

    def __init__(self, viewer: Any, fits: Callable[[Layer], bool], instead: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._fits = fits
        self._instead = instead
        self._layer: Layer | None = None
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        events = viewer.layers.events
        self._events = (events.inserted, events.removed, events.reordered, events.renamed)
        for event in self._events:
            event.connect(self.reset)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._on_altered)
        self.activated.connect(self._on_activated)
        self.reset()

    def close_choice(self) -> None:
        """Stop following the viewer and let go of the layer."""
        for event in self._events:
            event.disconnect(self.reset)
        self._soon.stop()
        self._hold(None)
        with QSignalBlocker(self):
            self.clear()

    @property
    def layer(self) -> Layer | None:
        """The layer chosen."""
        return self._layer

    @layer.setter
    def layer(self, layer: Layer | None) -> None:
        self._choose(layer)
        self.reset()

    def reset(self, event: Any = None) -> None:
        """Read the viewer's layers anew."""
        layers = [layer for layer in reversed(self._viewer.layers) if self._fits(layer)]
        gone = self._layer is not None and self._layer not in layers
        with QSignalBlocker(self):
            self.clear()
            if self._instead:
                self.addItem(self._instead, None)
            for layer in layers:
                self.addItem(layer.name, layer)
        if gone or (self._layer is None and not self._instead):
            self._choose(layers[0] if layers and not self._instead else None)
        with QSignalBlocker(self):
            self.setCurrentIndex(layers.index(self._layer) + bool(self._instead) if self._layer is not None else 0)

    def _choose(self, layer: Layer | None) -> None:
        if layer is not self._layer:
            self._soon.stop()
            self._hold(layer)
            self.chosen.emit(layer)

    def _hold(self, layer: Layer | None) -> None:
        for event in _alterations(self._layer):
            event.disconnect(self._alter_soon)
        self._layer = layer
        for event in _alterations(layer):
            event.connect(self._alter_soon)

    def _alter_soon(self) -> None:
        self._soon.start(0)

    def _on_altered(self) -> None:
        before = self._layer
        self.reset()
        if before is not None and self._layer is before:
            self.altered.emit(before)

    def _on_activated(self, index: int) -> None:
        self._choose(self.itemData(index))


def _alterations(layer: Layer | None) -> tuple[Any, ...]:
    if layer is None:
        return ()
    return layer.events.data, layer.events.scale, layer.events.translate, layer.events.affine
