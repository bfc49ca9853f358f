"""Hands on the widgets of a window: what is pressed, chosen and dragged is scrolled to first, as a person would."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QScrollArea, QStyle, QStyleOptionSlider, QWidget

from tools.mouse import let_work


def show(widget: QWidget) -> None:
    """Scroll to a widget, as a person would before pressing it."""
    above = widget.parent()
    while above is not None and not isinstance(above, QScrollArea):
        above = above.parent()
    if above is not None:
        above.ensureWidgetVisible(widget)
        let_work(lambda: False, 0.05)


def press(widget: QWidget) -> None:
    """Click a button in its middle."""
    show(widget)
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
    let_work(lambda: False, 0.05)


def press_tab(tabs: Any, index: int) -> None:
    """Click a tab."""
    show(tabs)
    QTest.mouseClick(tabs.tabBar(), Qt.MouseButton.LeftButton, pos=tabs.tabBar().tabRect(index).center())
    let_work(lambda: False, 0.2)


def choose(box: QComboBox, text: str) -> None:
    """Go to an entry of a drop-down with the arrow keys."""
    show(box)
    goal = box.findText(text)
    if goal < 0:
        raise SystemExit(f"{text} is not offered, only {[box.itemText(i) for i in range(box.count())]}")
    while box.currentIndex() != goal:
        QTest.keyClick(box, Qt.Key.Key_Down if box.currentIndex() < goal else Qt.Key.Key_Up)
        let_work(lambda: False, 0.01)
    let_work(lambda: False, 0.1)


def type_into(line: QWidget, text: str) -> None:
    """Replace what a line of text holds, and press Return."""
    line.setFocus()
    QTest.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)
    QApplication.processEvents()


def drag(slider: Any, value: int) -> None:
    """Drag the handle of a slider to a value, in ten moves."""
    show(slider)
    value = min(max(value, slider.minimum()), slider.maximum())
    start, goal = handle(slider, slider.value()), handle(slider, value)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=start)
    for i in range(1, 11):
        QTest.mouseMove(slider, start + (goal - start) * (i / 10))
        let_work(lambda: False, 0.02)
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=goal)
    let_work(lambda: False, 0.1)


def handle(slider: Any, value: int) -> QPoint:
    """Where the handle of a slider is when it stands at a value."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    control, style = QStyle.ComplexControl.CC_Slider, slider.style()
    knob = style.subControlRect(control, option, QStyle.SubControl.SC_SliderHandle, slider)
    groove = style.subControlRect(control, option, QStyle.SubControl.SC_SliderGroove, slider)
    at = QStyle.sliderPositionFromValue(slider.minimum(), slider.maximum(), value, groove.width() - knob.width())
    return QPoint(groove.x() + at + knob.width() // 2, knob.center().y())


def click_row(table: Any, region: int) -> None:
    """Click the row of a region."""
    model = table.model()
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        if str(model.data(index)) == str(region):
            table.scrollTo(index)
            QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(index).center())
            return
    raise SystemExit(f"there is no row of region {region}")
