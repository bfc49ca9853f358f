"""Power against frequency, of one or several series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QEvent, QPointF
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QToolTip, QWidget

from napari_connectome.widgets.plot import COLORS, Plot

Array = npt.NDArray[Any]

BAND = (0.01, 0.1)
"""Hz; where the slow changes lie that networks share at rest. What has its power elsewhere is rarely one."""


class SpectrumPlot(Plot):
    """Spectra of series over the frequencies a run can hold; 0.01 to 0.1 Hz is shaded."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.file_name, self._below = "spectrum.tsv", "frequency (Hz)"
        self._curves: dict[str, Any] = {}
        self._frequencies: Array = np.empty(0)
        self._band = self._pg.LinearRegionItem(BAND, movable=False, pen=self._pg.mkPen(None))
        self._band.setZValue(-10)
        self._view.addItem(self._band, ignoreBounds=True)
        self.set_label("power (sd²/Hz)")
        self._dress()

    @property
    def names(self) -> tuple[str, ...]:
        """The series shown."""
        return tuple(self._curves)

    def set_spectra(self, frequencies: npt.ArrayLike, powers: Mapping[str, Array], colors: Mapping[str, str]) -> None:
        """Show spectra in place of those shown before.

        Parameters
        ----------
        frequencies : (f,) array
            Hz, ascending.
        powers : mapping of str to (f,) array
            By name.
        colors : mapping of str to str
            As "#rrggbb", by name; one is chosen where there is none.
        """
        for curve in self._curves.values():
            self._plot.removeItem(curve)
        self._frequencies = np.asarray(frequencies, dtype=np.float64)
        self._curves = {}
        for place, (name, power) in enumerate(powers.items()):
            pen = self._pg.mkPen(colors.get(name) or COLORS[place % len(COLORS)], width=1)
            self._curves[name] = self._plot.plot(self._frequencies, power, name=name, pen=pen, antialias=True)
        self._view.enableAutoRange(axis=self._view.YAxis)
        self._show_all()

    def clear(self) -> None:
        """Take all spectra away."""
        self.set_spectra([], {}, {})

    def to_frame(self) -> pd.DataFrame:
        """Return the spectra as a table with the column frequency in Hz."""
        powers = {name: curve.yData for name, curve in self._curves.items()}
        return pd.DataFrame({"frequency": self._frequencies, **powers})

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Take the hint away."""
        QToolTip.hideText()
        super().leaveEvent(event)

    def _hover(self, position: QPointF) -> None:
        hertz = self._in_view(position).x()
        port = self._plot.viewport()
        if not self._curves or not 0 < hertz <= self._frequencies[-1]:
            QToolTip.hideText()
            return
        QToolTip.showText(port.mapToGlobal(position.toPoint()), f"{hertz:.3f} Hz: a period of {1 / hertz:.3g} s", port)

    def _show_all(self) -> None:
        if len(self._frequencies):
            self._show_between(0.0, float(self._frequencies[-1]))

    def _dress(self) -> QColor:
        ink = super()._dress()
        shade = QColor(ink)
        shade.setAlpha(28)
        self._band.setBrush(shade)
        return ink
