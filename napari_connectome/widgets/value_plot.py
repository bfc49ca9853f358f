"""A number for each run or subject: a point each, which can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QEvent, QPointF, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QToolTip, QWidget

from napari_connectome.widgets.plot import COLORS, FRAME_COLOR, Plot

Array = npt.NDArray[Any]


class ValuePlot(Plot):
    """Values of runs from left to right, in the order they have, with their mean as a line.

    `run_chosen(index)` tells which run was clicked.
    """

    run_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        pg = self._pg
        self.file_name, self._below = "edge_values.tsv", "run"
        self._runs: tuple[str, ...] = ()
        self._values: Array = np.empty(0)
        self._run = -1
        self._points = self._plot.plot([], [], pen=None, symbol="o", symbolPen=None, symbolSize=7, symbolBrush=COLORS[1])
        self._zero = pg.InfiniteLine(angle=0, movable=False)
        self._mean = pg.InfiniteLine(angle=0, movable=False, pen=pg.mkPen(COLORS[1], width=1))
        self._mark = pg.ScatterPlotItem(size=13, brush=None, pen=pg.mkPen(FRAME_COLOR, width=2))
        for item in (self._zero, self._mean, self._mark):
            self._view.addItem(item, ignoreBounds=True)
        self._dress()

    def set_values(self, values: npt.ArrayLike, runs: Sequence[str], label: str) -> None:
        """Show values (s,) of these runs; NaN where there is none. The label says what they are."""
        self._values, self._runs = np.asarray(values, dtype=np.float64), tuple(runs)
        known = np.isfinite(self._values)
        self._points.setData(np.flatnonzero(known), self._values[known])
        self._mean.setVisible(bool(known.any()))
        if known.any():
            self._mean.setValue(float(self._values[known].mean()))
        self.set_label(label)
        self.set_run(self._run)
        self._show_all()

    def set_run(self, index: int) -> None:
        """Mark a run."""
        self._run = index
        here = [index] if 0 <= index < len(self._values) and np.isfinite(self._values[index]) else []
        self._mark.setData(here, self._values[here])

    def to_frame(self) -> pd.DataFrame:
        """Return the runs and their values."""
        return pd.DataFrame({"run": self._runs, self._label: self._values})

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Take the hint away."""
        QToolTip.hideText()
        super().leaveEvent(event)

    def _choose(self, position: QPointF) -> None:
        run = self._at(position)
        if run >= 0 and run != self._run:
            self.set_run(run)
            self.run_chosen.emit(run)

    def _hover(self, position: QPointF) -> None:
        run = self._at(position)
        if run < 0:
            QToolTip.hideText()
            return
        value, port = self._values[run], self._plot.viewport()
        text = f"{self._runs[run]}: {'no value' if np.isnan(value) else f'{value:.3g}'}"
        QToolTip.showText(port.mapToGlobal(position.toPoint()), text, port)

    def _at(self, position: QPointF) -> int:
        """The run whose place is under the mouse; -1 for none."""
        run = int(np.rint(self._in_view(position).x()))
        return run if 0 <= run < len(self._runs) else -1

    def _show_all(self) -> None:
        known = np.append(self._values[np.isfinite(self._values)], 0.0)
        self._show_between(-0.5, max(len(self._runs), 1) - 0.5)
        self._view.setYRange(known.min(), known.max(), padding=0.1)

    def _dress(self) -> QColor:
        ink = super()._dress()
        faint = QColor(ink)
        faint.setAlpha(110)
        self._zero.setPen(faint)
        axis = self._plot.getAxis("bottom")
        axis.setStyle(showValues=False)  # they only count
        return ink
