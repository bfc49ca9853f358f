"""Time series against time: the seed's signal, following the seed, with the run's frame marked on it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import qtpy
from qtpy.QtCore import QEvent, QObject, QPointF, Qt, Signal
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from napari_connectome.io.tables import write_table

Array = npt.NDArray[Any]

COLORS = ("#e69f00", "#56b4e9", "#2fb47c", "#cc79a7", "#e8613c", "#8c7ae6", "#b5b52f")
"""One after the other for new series; each reads on a dark and on a light page."""
FRAME_COLOR = "#e0405a"
WIDE = 1e7
"""Half the height of what marks a stretch of time, in the plot's unit: far beyond any axis."""


def import_pyqtgraph() -> Any:
    """Import pyqtgraph with the Qt binding that everything else here uses."""
    os.environ.setdefault("PYQTGRAPH_QT_LIB", qtpy.API_NAME)
    import pyqtgraph
    from pyqtgraph.exporters import SVGExporter

    _mend_svg(sys.modules[SVGExporter.__module__])
    return pyqtgraph


def _mend_svg(module: Any) -> None:
    """Let pyqtgraph 0.14 write SVG with Qt 6.11, which ends closed paths with a Z that it does not expect.

    Such a path has come back to its start already, so the letter can go (pyqtgraph issue 3495, mended after 0.14.0).
    """
    correct = module.correctCoordinates
    if correct.__module__ == __name__:
        return

    def without_z(node: Any, *more: Any) -> Any:
        for path in node.getElementsByTagName("path"):
            path.setAttribute("d", path.getAttribute("d").replace(" Z", "").replace("Z", ""))
        return correct(node, *more)

    module.correctCoordinates = without_z


class SeriesPlot(QWidget):
    """Time series over the volumes of a run.

    `frame_chosen(index)` tells which volume was clicked or dragged to with the left button. The wheel zooms, the right
    button opens the menu (export as picture, SVG or CSV; save as TSV), a double click shows everything again.
    """

    frame_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pg = pg = import_pyqtgraph()
        self._plot = pg.PlotWidget(parent=self)
        self._view = self._plot.getViewBox()
        self._curves: dict[str, Any] = {}
        self._times: Array = np.empty(0)
        self._frame = -1
        self._label = "signal"
        self._legend = self._plot.addLegend(offset=(-6, 4), labelTextSize="8pt")
        self._line = pg.InfiniteLine(angle=90, movable=False, pen=pg.mkPen(FRAME_COLOR, width=1))
        self._line.hide()
        self._censored = pg.BarGraphItem(x=[], height=2 * WIDE, y0=-WIDE, width=1.0, pen=None)
        self._view.addItem(self._censored, ignoreBounds=True)  # not the plot's own items: those are exported as data
        self._view.addItem(self._line, ignoreBounds=True)
        self._plot.hideButtons()
        self._view.menu.addAction("Save as TSV …", self._ask_and_save)
        self._plot.viewport().installEventFilter(self)
        self._plot.viewport().setCursor(Qt.CursorShape.CrossCursor)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setMinimumSize(200, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
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
        self._show_all_times()

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
        joined = np.append(np.diff(at) < 1.5 * _spacing(at), True)
        curve.setData(at, np.asarray(values, dtype=np.float64), connect="all" if joined.all() else joined)
        if not self._times.size:
            self.set_volumes(at)

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

    def set_label(self, label: str) -> None:
        """Say what is shown and in which unit, as in "cleaned signal (z)"."""
        self._label = label
        self._plot.setLabel("left", label)

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

    def to_tsv(self, path: str | Path) -> None:
        """Save the series as a table (TSV, or CSV by the file's ending)."""
        write_table(self.to_frame(), path)

    def open_export(self) -> Any:
        """Open pyqtgraph's dialog for pictures, SVG and CSV, as the right button does."""
        scene = self._plot.scene()
        scene.contextMenuItem = self._plot.getPlotItem()
        scene.showExportDialog()
        return scene.exportDialog

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Make the left button choose frames instead of moving the page."""
        if event is not None and event.type() in _MOUSE:
            return self._on_mouse(event)
        return bool(super().eventFilter(watched, event))

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow napari's theme, which comes as a new style sheet."""
        super().changeEvent(event)
        if (
            event is not None
            and event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange)
            and hasattr(self, "_line")
        ):
            self._dress()

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        """Take the export dialog, which is a window of its own, along."""
        dialog = self._plot.scene().exportDialog
        if dialog is not None:
            dialog.close()
        super().closeEvent(event)

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the time series", "seed_series.tsv", "Table (*.tsv *.csv)")
        if path:
            self.to_tsv(path)

    def _on_mouse(self, event: Any) -> bool:
        left = Qt.MouseButton.LeftButton
        if event.type() == QEvent.Type.MouseMove:
            if not event.buttons() & left:
                return False
        elif event.button() != left:
            return False
        if event.type() == QEvent.Type.MouseButtonDblClick:
            self._view.enableAutoRange(axis=self._view.YAxis)
            self._show_all_times()
        elif event.type() != QEvent.Type.MouseButtonRelease:
            self._choose(event.position())
        return True

    def _choose(self, position: QPointF) -> None:
        if not self._times.size:
            return
        scene = self._plot.mapToScene(position.toPoint())
        frame = self._nearest(self._view.mapSceneToView(scene).x())
        if frame != self._frame:
            self.set_frame(float(self._times[frame]))
            self.frame_chosen.emit(frame)

    def _nearest(self, seconds: float) -> int:
        return int(np.abs(self._times - seconds).argmin())

    def _show_all_times(self) -> None:
        if self._times.size:
            half = _spacing(self._times) / 2
            self._plot.setXRange(self._times[0] - half, self._times[-1] + half, padding=0)

    def _dress(self) -> None:
        """Take the colours of the window around."""
        palette = self.palette()
        page, ink = palette.color(QPalette.ColorRole.Window), palette.color(QPalette.ColorRole.WindowText)
        self._plot.setBackground(page)
        for side, text in (("bottom", "time (s)"), ("left", self._label)):
            axis = self._plot.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setPen(ink)
            axis.setTextPen(ink)
            axis.setLabel(text, color=ink.name())
        shade = QColor(ink)
        shade.setAlpha(45)
        self._censored.setOpts(brush=shade)
        self._legend.setLabelTextColor(ink)
        for _, label in self._legend.items:
            label.setText(label.text)  # or it keeps the old colour
        page.setAlpha(170)
        self._legend.setBrush(page)


_MOUSE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseButtonDblClick,
)


def _spacing(times: Array) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0
