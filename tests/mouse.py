"""The pointer of the screen, which stays where the test before left it."""

from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

CORNER = QPoint(1, 1)


def hover(widget: QWidget, pos: QPoint) -> None:
    """Move the pointer to a place of a widget, from its corner: Qt tells nothing of a pointer that is there already."""
    QTest.mouseMove(widget, CORNER)
    QTest.mouseMove(widget, pos)
