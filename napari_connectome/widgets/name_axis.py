"""A horizontal axis of names, which stand upright where they would not fit beside each other.

Imported where it is used, since it imports pyqtgraph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QFontMetricsF

from napari_connectome.widgets.plot import import_pyqtgraph

AxisItem: Any = import_pyqtgraph().AxisItem
GAP = 4
"""Pixels between the axis and a name, and between names."""
LONGEST = 76
"""Pixels an upright name may take; a longer one ends in an ellipsis."""


class NameAxis(AxisItem):
    """Names at 0, 1, 2, …, with a second line below each (or behind it where they stand upright)."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.names: list[tuple[str, str]] = []
        self._upright = False
        self.setStyle(showValues=False, tickLength=0)

    def set_names(self, names: Sequence[tuple[str, str]]) -> None:
        """Show these names, each with its second line."""
        self.names = list(names)
        self.setTicks([[(i, "") for i in range(len(self.names))]])
        self._arrange()

    def resizeEvent(self, event: Any = None) -> None:  # noqa: N802
        """Put the names upright, or across, as they fit now."""
        super().resizeEvent(event)
        if hasattr(self, "names"):
            self._arrange()

    def _arrange(self) -> None:
        metrics = QFontMetricsF(self.font())
        widest = max((metrics.horizontalAdvance(text) for lines in self.names for text in lines), default=0.0)
        room = self.size().width() / max(len(self.names), 1)
        self._upright = widest > max(room - GAP, 0.0)
        text = 2 * metrics.height()
        if self._upright:
            text = GAP + max(metrics.horizontalAdvance(_in_a_line(lines, metrics)) for lines in self.names)
        label = 0.8 * self.label.boundingRect().height() if self.label.isVisible() else 0.0
        if self.fixedHeight != text + GAP + label:
            self.setHeight(text + GAP + label)
        self.picture = None
        self.update()

    def drawPicture(self, p: Any, axisSpec: Any, tickSpecs: Any, textSpecs: Any) -> None:  # noqa: N802
        """Draw the line, and the names instead of numbers."""
        super().drawPicture(p, axisSpec, tickSpecs, textSpecs)
        p.setFont(self.font())
        p.setPen(self.textPen())
        bounds = self.mapRectFromParent(self.geometry())
        low, high = self.range
        if high <= low:
            return
        for i, lines in enumerate(self.names):
            if low <= i <= high:
                self._draw(p, bounds.left() + (i - low) / (high - low) * bounds.width(), bounds.top() + GAP, lines)

    def _draw(self, p: Any, x: float, top: float, lines: tuple[str, str]) -> None:
        metrics = QFontMetricsF(self.font())
        height = metrics.height()
        if not self._upright:
            for row, text in enumerate(lines):
                p.drawText(QRectF(x - 200, top + row * height, 400, height), Qt.AlignmentFlag.AlignCenter, text)
            return
        p.save()
        p.translate(x, top)
        p.rotate(-90)
        end = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        p.drawText(QRectF(-3 * LONGEST, -height / 2, 3 * LONGEST, height), end, _in_a_line(lines, metrics))
        p.restore()


def _in_a_line(lines: tuple[str, str], metrics: QFontMetricsF) -> str:
    name = metrics.elidedText(lines[0], Qt.TextElideMode.ElideRight, LONGEST)
    return " ".join(filter(None, (name, lines[1])))
