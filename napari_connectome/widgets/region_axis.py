"""An axis of a matrix: the names of its regions where each has room, and of the blocks they stand in where not.

Imported where it is used, since it imports pyqtgraph.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QFontMetricsF

from napari_connectome.widgets.plot import import_pyqtgraph

AxisItem: Any = import_pyqtgraph().AxisItem
GAP = 4
"""Pixels between the axis and a name."""
LONGEST = 110
"""Pixels a name may take; of a longer one the middle is left out, for names of one atlas differ at their ends."""
CLOSE = 0.9
"""Heights of the letters from one name to the next at least."""
SHORTEST = 56
"""Pixels below which nothing of a name could be read."""


class RegionAxis(AxisItem):
    """Names of the rows (side "left") or, upright, of the columns ("bottom"), in the middle of their cells.

    Attributes
    ----------
    longest : float
        Pixels a name may take.
    """

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self.longest: float = LONGEST
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
        room = min(widest, self.longest, most) + 2 * GAP if most >= SHORTEST else 1.0
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
        for along, text in self.shown(low, high, length):
            self._draw(p, bounds, along, text)

    def shown(self, low: float, high: float, length: float) -> list[tuple[float, str]]:
        """Which names have room where the cells from `low` to `high` take so many pixels: the pixel of their middle, and they.

        Names of blocks where there is none for each cell; each in the middle of what is seen of the block.
        """
        height, cell = QFontMetricsF(self.font()).height(), length / (high - low)
        spans = [(float(i), i + 1.0, name) for i, name in enumerate(self.names)]
        if self.blocks and cell < CLOSE * height:
            ends = [0, *accumulate(size for _, size in self.blocks)]
            spans = [(start, stop, name) for start, stop, (name, _) in zip(ends[:-1], ends[1:], self.blocks, strict=True)]
        found: list[tuple[float, str]] = []
        for start, stop, name in spans:
            if stop <= low or start >= high or not name:
                continue
            middle = ((max(start, low) + min(stop, high)) / 2 - low) * cell
            along = min(max(middle, height / 2), max(length - height / 2, height / 2))
            if not found or along - found[-1][0] >= CLOSE * height:
                found.append((along, name))
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
        short = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        p.drawText(QRectF(-room - LONGEST, -height / 2, room + LONGEST, height), end, short)
        p.restore()
