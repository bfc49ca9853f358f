"""Time series against time: the seed's signal, following the seed, with the run's frame marked on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QPointF, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

from napari_connectome.widgets.plot import COLORS, FRAME_COLOR, Plot

Array = npt.NDArray[Any]

WIDE = 1e7
"""Half the height of what marks a stretch of time, in the plot's unit: far beyond any axis."""
ONE_BELOW_THE_OTHER = 3
"""Names of series that go into one column; more take two, so that a low plot has room for them."""


class SeriesPlot(Plot):
    """Time series over the volumes of a run.

    `frame_chosen(index)` tells which volume was clicked or dragged to with the left button.
    """

    frame_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        pg = self._pg
        self.file_name, self._below = "seed_series.tsv", "time (s)"
        self._curves: dict[str, Any] = {}
        self._times: Array = np.empty(0)
        self._frame = -1
        self._legend = self._plot.addLegend(offset=(-6, 4), labelTextSize="8pt")
        self._line = pg.InfiniteLine(angle=90, movable=False, pen=pg.mkPen(FRAME_COLOR, width=1))
        self._line.hide()
        self._censored = pg.BarGraphItem(x=[], height=2 * WIDE, y0=-WIDE, width=1.0, pen=None)
        self._view.addItem(self._censored, ignoreBounds=True)  # not the plot's own items: those are exported as data
        self._view.addItem(self._line, ignoreBounds=True)
        self._dress()

    @property
    def names(self) -> tuple[str, ...]:
        """The series shown, in the order they came."""
        return tuple(self._curves)

    def set_volumes(self, times: npt.ArrayLike, keep: npt.ArrayLike | None = None) -> None:
        """Say when the run's volumes were taken and which are censored.

        Parameters
        ----------
        times : (t,) array
            Seconds, ascending.
        keep : (t,) array of bool, optional
            False for a volume that is left out of the analysis: shaded.
        """
        self._times = np.asarray(times, dtype=np.float64)
        out = np.zeros(len(self._times), dtype=bool) if keep is None else ~np.asarray(keep, dtype=bool)
        if out.shape != self._times.shape:
            raise ValueError(f"{out.size} volumes to keep or not for {self._times.size} times")
        self._censored.setOpts(x=self._times[out], width=_spacing(self._times))
        self._censored.setVisible(bool(out.any()))
        self._show_all()

    def set_series(self, times: npt.ArrayLike, values: npt.ArrayLike, name: str, color: str = "") -> None:
        """Show a series, in place of the one of that name.

        Parameters
        ----------
        times : (t',) array
            Seconds; the line is broken where volumes are missing in between.
        values : (t',) array
        name : str
            Shown in the legend.
        color : str, optional
            As "#rrggbb"; one is chosen where none is given.
        """
        at = np.asarray(times, dtype=np.float64)
        curve = self._curves.get(name)
        if curve is None:
            pen = self._pg.mkPen(color or COLORS[len(self._curves) % len(COLORS)], width=1)
            curve = self._curves[name] = self._plot.plot(name=name, pen=pen, antialias=True)
        elif color:
            curve.setPen(self._pg.mkPen(color, width=1))
        self._legend.setColumnCount(1 if len(self._curves) <= ONE_BELOW_THE_OTHER else 2)
        joined = np.append(np.diff(at) < 1.5 * _spacing(at), True)
        curve.setData(at, np.asarray(values, dtype=np.float64), connect="all" if joined.all() else joined)
        if not self._times.size:
            self.set_volumes(at)

    def show_names(self, shown: bool) -> None:
        """Show the names of the series in the plot, or only in the pictures that are saved of it."""
        self._legend.setVisible(shown)

    def remove_series(self, name: str) -> None:
        """Take a series away; nothing happens where there is none of that name."""
        curve = self._curves.pop(name, None)
        if curve is not None:
            self._plot.removeItem(curve)

    def clear(self) -> None:
        """Take all series, volumes and the frame away."""
        for name in self.names:
            self.remove_series(name)
        self._times = np.empty(0)
        self._frame = -1
        self._censored.hide()
        self._line.hide()

    def set_frame(self, seconds: float) -> None:
        """Mark the time of the frame that is on the screen."""
        self._line.setValue(seconds)
        self._line.show()
        if self._times.size:
            self._frame = self._nearest(seconds)

    def to_frame(self) -> pd.DataFrame:
        """Return the series as a table with the column time in seconds; empty where a series has no value."""
        columns = [pd.Series(curve.yData, index=curve.xData, name=name) for name, curve in self._curves.items()]
        table = pd.concat(columns, axis=1) if columns else pd.DataFrame()
        return table.sort_index().rename_axis("time").reset_index()

    def _drawn(self, kind: str) -> bytes:
        shown = self._legend.isVisible()
        self._legend.show()
        try:
            return super()._drawn(kind)
        finally:
            self._legend.setVisible(shown)

    def _choose(self, position: QPointF) -> None:
        if not self._times.size:
            return
        frame = self._nearest(self._in_view(position).x())
        if frame != self._frame:
            self.set_frame(float(self._times[frame]))
            self.frame_chosen.emit(frame)

    def _nearest(self, seconds: float) -> int:
        return int(np.abs(self._times - seconds).argmin())

    def _show_all(self) -> None:
        if self._times.size:
            half = _spacing(self._times) / 2
            self._show_between(self._times[0] - half, self._times[-1] + half)

    def _dress(self) -> QColor:
        ink = super()._dress()
        shade = QColor(ink)
        shade.setAlpha(45)
        self._censored.setOpts(brush=shade)
        self._legend.setLabelTextColor(ink)
        for _, label in self._legend.items:
            label.setText(label.text)  # or it keeps the old colour
        page = self._plot.backgroundBrush().color()
        page.setAlpha(170)
        self._legend.setBrush(page)
        return ink


def _spacing(times: Array) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0
