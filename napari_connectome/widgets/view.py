"""A bar of buttons for the way a brain is looked at, with the place under the mouse in mm."""

from __future__ import annotations

import weakref
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QSignalBlocker
from qtpy.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_connectome.layers.orientation import (
    CONVENTIONS,
    PLANES,
    VOLUME,
    Orientation,
    convention,
    plane,
    position_mm,
    set_convention,
    set_default_convention,
    show_plane,
    show_volume,
)
from napari_connectome.widgets.at_end import AtEnd
from napari_connectome.widgets.panel import Panel

_MEANINGS = {"neurological": "Left is left", "radiological": "Left is right"}


class ViewBar(QWidget):
    """Axial, coronal, sagittal, 3-D; neurological or radiological; x, y, z in mm.

    Several bars in one viewer show the same and share the letters at the sides of the picture. When first shown in a
    viewer whose camera nobody has set, it applies the neurological convention. In a `Panel` it lets go of the viewer when
    that does.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._shown = False
        self._stop: AtEnd | None = None
        self._buttons = QButtonGroup(self)
        self._buttons.buttonClicked.connect(self._choose_view)
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        for name in (*PLANES, VOLUME):
            buttons.addWidget(self._button(name))
        self._convention = QComboBox()
        for name in CONVENTIONS:
            self._convention.addItem(_MEANINGS[name], name)
        conventions = "; ".join(f"{_MEANINGS[name].lower()}: {name}" for name in CONVENTIONS)
        self._convention.setToolTip(f"Which side of the picture shows the left side of the brain ({conventions}).")
        self._convention.activated.connect(self._choose_convention)
        self._place = QLabel()
        self._place.setToolTip("The place under the mouse, x, y, z: right, anterior and superior are positive.")
        self._place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        below = QHBoxLayout()
        below.setSpacing(4)
        below.addWidget(self._convention)
        below.addWidget(self._place, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(buttons)
        column.addLayout(below)
        self._follow()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Put the camera right the first time, before anything is looked at."""
        super().showEvent(event)
        if self._stop is None:
            self._follow()
            self._go_with_panel()
        if not self._shown:
            self._shown = True
            set_default_convention(self._viewer)

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        """Let go of the viewer, until shown again."""
        self.release()
        super().closeEvent(event)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Notice being put into a panel."""
        if event.type() == QEvent.Type.ParentChange:
            self._go_with_panel()
        super().changeEvent(event)

    def release(self) -> None:
        """Let go of the viewer, once, until shown again; the letters go with the last bar."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def _go_with_panel(self) -> None:
        above = self.parent()
        while above is not None and not isinstance(above, Panel):
            above = above.parent()
        if above is not None:
            above.at_end(self.release)

    def _button(self, name: str) -> QPushButton:
        button = QPushButton(name if name == VOLUME else name.capitalize())
        button.setCheckable(True)
        button.setProperty("view", name)
        button.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed)
        button.setMinimumWidth(40)  # the theme's padding alone would make a narrow dock too wide
        self._buttons.addButton(button)
        return button

    def _follow(self) -> None:
        """Listen through weak references, and stop listening when Qt deletes this bar, however that comes about."""
        orientation = Orientation.of(self._viewer)
        ticket = orientation.join(_weakly(self._refresh))
        moved = _weakly(self._refresh_place)
        for signal in _places(self._viewer):
            signal.connect(moved)

        self._stop = AtEnd(_leave, orientation, ticket, moved)
        self.destroyed.connect(self._stop)
        self._refresh()

    def _choose_view(self, button: Any) -> None:
        name = button.property("view")
        if name == VOLUME:
            show_volume(self._viewer)
        else:
            show_plane(self._viewer, name)
        self._refresh()

    def _choose_convention(self, index: int) -> None:
        set_convention(self._viewer, self._convention.itemData(index))

    def _refresh(self) -> None:
        now = plane(self._viewer)
        self._buttons.setExclusive(False)  # so that none can be down in another view
        for button in self._buttons.buttons():
            button.setChecked(button.property("view") == now)
        self._buttons.setExclusive(bool(now))
        with QSignalBlocker(self._convention):
            self._convention.setCurrentIndex(self._convention.findData(convention(self._viewer)))
        self._refresh_place()

    def _refresh_place(self) -> None:
        place = position_mm(self._viewer)
        if place is None:
            self._place.setText("")
            return
        x, y, z = (f"{round(mm, 1) + 0.0:.1f}".replace("-", "−") for mm in place)
        self._place.setText(f"{x} {y} {z} mm")


def _leave(orientation: Orientation, ticket: int, moved: Any) -> None:
    orientation.leave(ticket)
    viewer = orientation.viewer
    for signal in () if viewer is None else _places(viewer):
        signal.disconnect(moved)  # nothing where it was done before


def _places(viewer: ViewerModel) -> tuple[Any, Any]:
    """What tells that the place under the mouse is another one."""
    return viewer.cursor.events.position, viewer.dims.events.point


def _weakly(method: Any) -> Any:
    """Make a function that calls a method as long as its object is there."""
    kept = weakref.WeakMethod(method)

    def call(*_: Any) -> None:
        there = kept()
        if there is not None:
            there()

    return call
