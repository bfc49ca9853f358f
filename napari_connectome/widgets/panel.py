"""What the dock widgets have in common: a column that scrolls, and letting go of the viewer exactly once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_connectome.widgets.at_end import AtEnd
from napari_connectome.widgets.form import NumberBox

SETTLE = 20
"""Milliseconds until everything around a part that has appeared has the size that it needs then."""
SQUEEZED = 60
"""Pixels a drop-down beside its title may be squeezed to in a narrow dock, where the theme's own hints would not fit."""


class Panel(QWidget):
    """A dock widget.

    napari takes a docked widget out by unparenting it, and deletes it with its window without a close event: either way
    everything that was connected by `follow`, `timer` and `at_end` is undone, once.

    Parameters
    ----------
    viewer : napari.Viewer

    Attributes
    ----------
    column : QVBoxLayout
        Where the parts go, from top to bottom; it scrolls when the dock is low.
    correction : QLabel
        Below them, always in sight: what became of a number that was typed and cannot be.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self._docked = False
        self._placed = False
        self._undo: list[tuple[Any, ...]] = []  # calls and what they are given
        self.destroyed.connect(AtEnd(_run_all, self._undo))
        inside = QWidget()
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(6, 6, 6, 6)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.correction = words()
        self.correction.setContentsMargins(6, 0, 6, 4)
        self.correction.hide()
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(scroll)
        outside.addWidget(self.correction)
        self._scroll = scroll
        self._brought: QWidget | None = None
        self._bring_soon = self.timer(SETTLE, self._bring)
        self._delete_soon = QTimer(self)  # not of `timer`: it starts when the widget has let go
        self._delete_soon.setSingleShot(True)
        self._delete_soon.timeout.connect(self._delete_undocked)

    def bring(self, widget: QWidget) -> None:
        """Scroll so that a part that has just appeared is seen."""
        self._brought = widget
        self._bring_soon.start()  # it gets its place first

    def _bring(self) -> None:
        if self._brought is not None:
            self._scroll.ensureWidgetVisible(self._brought, 0, 6)

    def follow(self, event: Any, slot: Callable[..., Any]) -> None:
        """Connect to an event of the viewer or a layer until the widget goes."""
        event.connect(slot)
        self._undo.append((event.disconnect, slot))

    def timer(self, milliseconds: int, slot: Callable[[], Any]) -> QTimer:
        """A timer that fires once when started, and never after the widget has gone."""
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        self._undo.append((timer.stop,))
        return timer

    def at_end(self, call: Callable[[], Any]) -> None:
        """Have something called when the widget goes."""
        self._undo.append((call,))

    def release(self) -> None:
        """Let go of the viewer; further calls do nothing."""
        _run_all(self._undo)

    def _heed_numbers(self) -> None:
        """Say it when a number cannot be what was typed, and take what is typed before a button is pressed."""
        for box in self.findChildren(NumberBox):
            box.corrected.connect(self._on_corrected)
        for each in self.findChildren(QAbstractButton):
            each.pressed.connect(self._take_numbers)

    def _take_numbers(self) -> None:
        # Pressing a button takes the focus from the box, which does it, but not on every system.
        for box in self.findChildren(QAbstractSpinBox):
            box.interpretText()

    def _on_corrected(self, sentence: str) -> None:
        self.correction.setText(sentence)
        self.correction.setVisible(bool(sentence))

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Notice being taken out of a dock."""
        # Not in event(): Qt calls that while Python takes the widget apart.
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.release()
                self._delete_soon.start()
        super().changeEvent(event)

    def _delete_undocked(self) -> None:
        # napari does not. Garbage collection would take it apart in any order: with PySide6, parts after the whole they are
        # in, which crashes, and signals of parts would not find its slots any more.
        if self.parent() is None:  # a script may have docked it again
            self.deleteLater()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Share one place with the other panels of this plugin: side by side each would be too low to use."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            self._heed_numbers()
            _name_tab(self)
            _share_place(self)

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        """Let go of the viewer."""
        self.release()
        super().closeEvent(event)


def row(title: str, *widgets: QWidget) -> QHBoxLayout:
    """A title and widgets beside each other; the first takes what room there is, drop-downs are squeezed in a narrow dock."""
    line = QHBoxLayout()
    label = QLabel(title)
    label.setToolTip(widgets[0].toolTip())
    label.setBuddy(widgets[0])
    widgets[0].setAccessibleName(title)
    line.addWidget(label)
    for i, widget in enumerate(widgets):
        line.addWidget(widget, 1 if i == 0 else 0)
        if isinstance(widget, QComboBox):
            widget.setMinimumWidth(SQUEEZED)
    return line


def form(rows: dict[str, QWidget]) -> QFormLayout:
    """Titles and widgets below each other, the widgets in line."""
    lines = QFormLayout()
    lines.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for title, widget in rows.items():
        lines.addRow(title, widget)
        lines.labelForField(widget).setToolTip(widget.toolTip())
        widget.setAccessibleName(title)
    return lines


def button(text: str, tip: str, pressed: Callable[[], Any]) -> QPushButton:
    """A button, what it does, and what is called when it is pressed."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.clicked.connect(pressed)
    return made


def words() -> QLabel:
    """A place for sentences, as wide as the dock, to be copied from; names in them are shown as they are, also "<b>"."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setMinimumWidth(40)  # or the long name of a file makes the whole dock wider than it is
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def few(names: Sequence[str], most: int = 3) -> str:
    """The first of many names, and how many more there are, for a sentence."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def _name_tab(panel: Panel) -> None:
    """Have an & of the dock's title read as one in its tab too, where a single one marks the letter of a shortcut."""
    dock = panel.parent()
    if isinstance(dock, QDockWidget):
        dock.setWindowTitle(dock.windowTitle().replace("&&", "&").replace("&", "&&"))


def _share_place(panel: Panel) -> None:
    dock, window = panel.parent(), panel.window()
    if not isinstance(dock, QDockWidget) or not isinstance(window, QMainWindow):
        return
    others = [d for d in window.findChildren(QDockWidget) if d is not dock and isinstance(d.widget(), Panel)]
    beside = [d for d in others if window.dockWidgetArea(d) == window.dockWidgetArea(dock) and not d.isFloating()]
    if beside and not dock.isFloating():
        window.tabifyDockWidget(beside[-1], dock)
        dock.raise_()


def _run_all(calls: list[tuple[Any, ...]]) -> None:
    while calls:
        call, *given = calls.pop()
        with suppress(RuntimeError):  # a Qt object that is deleted already needs no undoing
            call(*given)
