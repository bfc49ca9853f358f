"""A hand on the mouse: real events on the canvas of a napari window, at places of the viewer's world, and on sliders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QSlider, QStyle, QStyleOptionSlider, QWidget


class Mouse:
    """The left button over the canvas of a two-dimensional view.

    Parameters
    ----------
    viewer : napari.Viewer
        Its window must be shown.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.canvas = viewer.window._qt_viewer.canvas.native

    def press(self, world: Sequence[float]) -> None:
        """Go to a place (z, y, x) and press the button there."""
        self._send(QEvent.Type.MouseMove, world, held=False)
        self._send(QEvent.Type.MouseButtonPress, world, held=True)

    def move(self, world: Sequence[float]) -> None:
        """Move with the button held; what follows from it happens when the application processes events."""
        self._send(QEvent.Type.MouseMove, world, held=True)

    def release(self, world: Sequence[float]) -> None:
        """Let go."""
        self._send(QEvent.Type.MouseButtonRelease, world, held=False)

    def click(self, world: Sequence[float]) -> None:
        """Press and let go at a place."""
        self.press(world)
        self.release(world)
        QApplication.processEvents()

    def drag(self, places: Iterable[Sequence[float]], seconds: float = 1 / 60) -> None:
        """Press at the first place, pass over the others at the pace of a mouse, let go at the last."""
        first, *others = places
        self.press(first)
        for place in others:
            self.move(place)
            let_work(lambda: False, seconds)
        self.release(others[-1])

    def place(self, world: Sequence[float]) -> QPointF:
        """Where a place of the world is on the canvas, in pixels."""
        dims, camera = self.viewer.dims, self.viewer.scene.camera
        shown = [axis - dims.ndim + 3 for axis in dims.displayed]
        away = np.asarray(world, dtype=float)[shown] - np.asarray(camera.center)[-2:]
        y, x = away * [1 if side in ("down", "right") else -1 for side in camera.orientation2d] * camera.zoom
        ratio = self.canvas.devicePixelRatioF()
        return QPointF(self.canvas.width() / 2 + x / ratio, self.canvas.height() / 2 + y / ratio)

    def _send(self, kind: QEvent.Type, world: Sequence[float], held: bool) -> None:
        place = self.place(world)
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        which = none if kind == QEvent.Type.MouseMove else left
        over = QPointF(self.canvas.mapToGlobal(place.toPoint()))
        buttons = left if held else none
        QApplication.sendEvent(self.canvas, QMouseEvent(kind, place, over, which, buttons, Qt.KeyboardModifier.NoModifier))


def drag_handle(slider: QSlider, values: Iterable[int]) -> Iterator[None]:
    """Press on the handle of a slider and move it over these values; yields before each move, and lets go at the end."""
    place = _handle(slider, slider.value())
    _send_to(slider, QEvent.Type.MouseButtonPress, place)
    for value in values:
        yield
        place = _handle(slider, value)
        _send_to(slider, QEvent.Type.MouseMove, place)
    _send_to(slider, QEvent.Type.MouseButtonRelease, place)


def _handle(slider: QSlider, value: int) -> QPoint:
    """Where the middle of the handle is when the slider stands at a value."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    style, control = slider.style(), QStyle.ComplexControl.CC_Slider
    handle = style.subControlRect(control, option, QStyle.SubControl.SC_SliderHandle, slider)
    groove = style.subControlRect(control, option, QStyle.SubControl.SC_SliderGroove, slider)
    span = groove.width() - handle.width()
    at = QStyle.sliderPositionFromValue(slider.minimum(), slider.maximum(), value, span)
    return QPoint(groove.x() + at + handle.width() // 2, handle.center().y())


def _send_to(widget: QWidget, kind: QEvent.Type, place: QPoint) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    which = none if kind == QEvent.Type.MouseMove else left
    held = none if kind == QEvent.Type.MouseButtonRelease else left
    over = QPointF(widget.mapToGlobal(place))
    QApplication.sendEvent(widget, QMouseEvent(kind, QPointF(place), over, which, held, Qt.KeyboardModifier.NoModifier))


def let_work(until: Callable[[], bool], seconds: float) -> bool:
    """Let the application work until something holds, but no longer than that; return whether it holds."""
    end = time.perf_counter() + seconds
    while not until():
        if time.perf_counter() >= end:
            return False
        QApplication.processEvents()
        time.sleep(0.0005)
    return True
