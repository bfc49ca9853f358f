"""A slider with its number in a box beside it: drag it, or type."""

from __future__ import annotations

import math

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QSlider, QWidget

from napari_connectome.widgets.form import NumberBox

STEPS = 400
"""Places the slider has: about one a pixel."""


class NumberSlider(QWidget):
    """One number, by slider or by typing.

    Attributes
    ----------
    moved : Signal(float)
        The person changed the number; not when it was set.
    """

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low, self._high, self._step, self._log = 0.0, 1.0, 0.01, False
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setPageStep(STEPS // 20)
        self.box = NumberBox(0.0, 1.0, 0.01)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.slider, 1)
        line.addWidget(self.box)
        self.slider.valueChanged.connect(self._on_slider)
        self.box.valueChanged.connect(self._on_box)

    @property
    def number(self) -> float:
        """The number shown."""
        return self.box.number

    def set(self, number: float, low: float, high: float, step: float, log: bool = False) -> None:
        """Show a number and the range it may be moved in; `log` spaces the slider by ratios, and needs a `low` above 0."""
        self._low, self._high, self._step, self._log = low, high, step, log
        with QSignalBlocker(self.box):
            self.box.setRange(low, high)
            self.box.setSingleStep(step)
            self.box.number = number
        self._put_slider(self.box.number)

    def setToolTip(self, text: str | None) -> None:  # noqa: N802
        """Explain both parts."""
        super().setToolTip(text)
        self.slider.setToolTip(text)
        self.box.setToolTip(text)

    def _on_slider(self, place: int) -> None:
        share = place / STEPS
        if self._log:
            number = float(f"{self._low * (self._high / self._low) ** share:.2g}")
        else:
            digits = max(0, 1 - math.floor(math.log10(self._step)))
            number = round(self._low + share * (self._high - self._low), digits)
        with QSignalBlocker(self.box):
            self.box.number = min(max(number, self._low), self._high)
        self.moved.emit(self.box.number)

    def _on_box(self, *_: float) -> None:
        self._put_slider(self.box.number)
        self.moved.emit(self.box.number)

    def _put_slider(self, number: float) -> None:
        if self._log:
            share = math.log(number / self._low) / math.log(self._high / self._low)
        else:
            share = (number - self._low) / (self._high - self._low)
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(share * STEPS))
