"""An axis of a matrix: the names of its regions where each has room, and of the blocks they stand in where not.

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
"""Pixels between the axis and a name."""
LONGEST = 110
"""Pixels a name may take; a longer one ends in an ellipsis."""
SHORTEST = 56
"""Pixels below which nothing of a name could be read."""


class RegionAxis(AxisItem):
    """Names of the rows (side "left") or, upright, of the columns ("bottom"), in the middle of their cells."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self.names: list[str] = []
        self.blocks: list[tuple[str, int]] = []
        self.setStyle(showValues=False, tickLength=0)
        self.setTicks([])

    def set_names(self, names: Sequence[str], blocks: Sequence[tuple[str, int]] = ()) -> None:
        """Show these names, one a cell, and those of blocks of cells."""
        self.names, self.blocks = list(names), list(blocks)
        self.picture = None
        self.update()

    def fit(self, most: float) -> float:
        """Take the room that the names need, but no more than so many pixels, and none where that is too little; return it."""
        metrics = QFontMetricsF(self.font())
        texts = [*self.names, *(name for name, _ in self.blocks)]
        widest = max((metrics.horizontalAdvance(text) for text in texts), default=0.0)
        room = min(widest, LONGEST, most) + 2 * GAP if most >= SHORTEST else 1.0
        taken = self.fixedWidth if self.orientation == "left" else self.fixedHeight
        if taken != room:
            (self.setWidth if self.orientation == "left" else self.setHeight)(room)
        return float(room)

    def drawPicture(self, p: Any, axisSpec: Any, tickSpecs: Any, textSpecs: Any) -> None:  # noqa: N802
        """Draw the line, and the names instead of numbers."""
        super().drawPicture(p, axisSpec, tickSpecs, textSpecs)
        p.setFont(self.font())
        p.setPen(self.textPen())
        bounds = self.mapRectFromParent(self.geometry())
        low, high = sorted(self.range)  # upside down where the first row is at the top
        length = bounds.height() if self.orientation == "left" else bounds.width()
        room = bounds.width() if self.orientation == "left" else bounds.height()
        if high <= low or not self.names or room <= 2 * GAP:
            return
        cell, half = length / (high - low), QFontMetricsF(self.font()).height() / 2
        for middle, text in self.shown(cell):
            if low <= middle <= high:
                self._draw(p, bounds, min(max((middle - low) * cell, half), length - half), text)

    def shown(self, cell: float) -> list[tuple[float, str]]:
        """Middle and text of the names that have room where a cell is so many pixels wide."""
        height = QFontMetricsF(self.font()).height()
        if cell >= 0.8 * height:
            return [(i + 0.5, name) for i, name in enumerate(self.names)]
        if not self.blocks:
            step = max(1, int(-(-height // max(cell, 1e-9))))
            return [(i + 0.5, self.names[i]) for i in range(0, len(self.names), step)]
        found, start, free = [], 0, 0.0
        for name, size in self.blocks:
            middle, start = start + size / 2, start + size
            if middle * cell - height / 2 >= free:  # a block too small for its name goes without
                found.append((middle, name))
                free = middle * cell + height / 2
        return found

    def _draw(self, p: Any, bounds: Any, along: float, text: str) -> None:
        metrics = QFontMetricsF(self.font())
        height, end = metrics.height(), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        left = self.orientation == "left"
        room = (bounds.width() if left else bounds.height()) - 2 * GAP
        p.save()
        p.translate(bounds.right() - GAP, bounds.top() + along) if left else p.translate(
            bounds.left() + along, bounds.top() + GAP
        )
        p.rotate(0 if left else -90)
        short = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        p.drawText(QRectF(-2 * LONGEST, -height / 2, 2 * LONGEST, height), end, short)
        p.restore()
