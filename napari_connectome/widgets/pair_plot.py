"""One region's signal against another's: a point for each volume, and the line through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QEvent, QPointF, Signal
from qtpy.QtWidgets import QToolTip, QWidget

from napari_connectome.core.words import shortened
from napari_connectome.widgets.plot import COLORS, FRAME_COLOR, Plot

Array = npt.NDArray[Any]

NEAR = 12.0
"""Pixels from a point within which it is meant."""


BELOW, BESIDE = 26, 14
"""Letters of a name that the axes of a low plot have room for."""


class PairPlot(Plot):
    """The volumes of a run as points; those in another colour are left out of a second, dashed line.

    `volume_chosen(row)` tells which point was clicked.
    """

    volume_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        pg = self._pg
        self.file_name = "edge.tsv"
        self._names = ("", "")
        self._pair: Array = np.empty((0, 2))
        self._times: Array = np.empty(0)
        self._out: Array = np.empty(0, dtype=bool)
        self._row = -1
        about = {"pen": None, "symbol": "o", "symbolPen": None, "symbolSize": 5}
        self._kept = self._plot.plot([], [], **about, symbolBrush=COLORS[1])
        self._left = self._plot.plot([], [], **about, symbolBrush=COLORS[3])
        self._line = pg.PlotCurveItem(pen=pg.mkPen(COLORS[1], width=2))
        self._without = pg.PlotCurveItem(pen=pg.mkPen(COLORS[3], width=2, style=pg.QtCore.Qt.PenStyle.DashLine))
        self._mark = pg.ScatterPlotItem(size=11, brush=None, pen=pg.mkPen(FRAME_COLOR, width=2))
        for item in (self._line, self._without, self._mark):
            self._view.addItem(item, ignoreBounds=True)
        self._dress()

    def set_pair(self, pair: Array, names: tuple[str, str], times: Array, left_out: Array) -> None:
        """Show two series against each other.

        Parameters
        ----------
        pair : (t, 2) array
            Left to right and upwards.
        names : (str, str)
        times : (t,) array
            Seconds.
        left_out : (m,) ints
            Rows that the dashed line does not count.
        """
        self._pair, self._names, self._times = np.asarray(pair, dtype=np.float64), names, np.asarray(times)
        self._out = np.isin(np.arange(len(pair)), left_out)
        known = np.isfinite(self._pair).all(axis=1)
        self._kept.setData(*self._pair[known & ~self._out].T)
        self._left.setData(*self._pair[known & self._out].T)
        self._line.setData(*_line(self._pair[known]))
        self._without.setData(*_line(self._pair[known & ~self._out]) if self._out.any() else ([], []))
        self._below = f"{shortened(names[0], BELOW)} (z)"
        self.set_label(f"{shortened(names[1], BESIDE)} (z)")
        self._plot.setLabel("bottom", self._below)
        self.set_row(self._row)
        self._show_all()

    def clear(self) -> None:
        """Take all points away."""
        self.set_pair(np.empty((0, 2)), ("", ""), np.empty(0), np.empty(0, dtype=np.int64))

    def set_row(self, row: int) -> None:
        """Mark a volume."""
        self._row = row
        here = self._pair[row : row + 1] if row >= 0 else self._pair[:0]
        self._mark.setData(*here[np.isfinite(here).all(axis=1)].T)

    def to_frame(self) -> pd.DataFrame:
        """Return the points: time in seconds, both values, and whether a volume is left out."""
        first, second = self._names if self._names[0] != self._names[1] else (self._names[0], f"{self._names[1]} (again)")
        return pd.DataFrame({"time": self._times, first: self._pair[:, 0], second: self._pair[:, 1], "left_out": self._out})

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Take the hint away."""
        QToolTip.hideText()
        super().leaveEvent(event)

    def _choose(self, position: QPointF) -> None:
        row = self._at(position)
        if row >= 0 and row != self._row:
            self.set_row(row)
            self.volume_chosen.emit(row)

    def _hover(self, position: QPointF) -> None:
        row = self._at(position)
        if row < 0:
            QToolTip.hideText()
            return
        x, y = self._pair[row]
        port = self._plot.viewport()
        text = f"{self._times[row]:g} s: {x:.3g}, {y:.3g}\nClick to go there."
        QToolTip.showText(port.mapToGlobal(position.toPoint()), text, port)

    def _at(self, position: QPointF) -> int:
        """The row of the point that is near a place of the widget; -1 for none."""
        here = self._in_view(position)
        right, down = self._view.viewPixelSize()
        away = np.hypot((self._pair[:, 0] - here.x()) / right, (self._pair[:, 1] - here.y()) / down)
        away = np.nan_to_num(away, nan=np.inf)
        return int(away.argmin()) if len(away) and away.min() <= NEAR else -1

    def _show_all(self) -> None:
        known = self._pair[np.isfinite(self._pair).all(axis=1)]
        if not len(known):
            return
        (left, down), (right, up) = known.min(axis=0), known.max(axis=0)
        self._view.setLimits(xMin=None, xMax=None)
        self._view.setRange(xRange=(left, right), yRange=(down, up), padding=0.08)


def _line(pair: Array) -> tuple[Array, Array]:
    """Both ends of the least-squares line through points (n, 2); nothing where there is none."""
    if len(pair) < 2 or not np.ptp(pair[:, 0]) > 0:
        return np.empty(0), np.empty(0)
    x, y = pair.T
    ends = np.array([x.min(), x.max()])
    slope = ((x - x.mean()) @ (y - y.mean())) / ((x - x.mean()) ** 2).sum()
    return ends, y.mean() + slope * (ends - x.mean())
