"""What every plot here has: pyqtgraph with the right binding, the window's colours, one mouse, one way to export."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import qtpy
from napari.utils.notifications import show_warning
from qtpy.QtCore import QBuffer, QEvent, QObject, QPointF, Qt
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_connectome.core.errors import InputError
from napari_connectome.io.atomic import replacing
from napari_connectome.io.measures import write_measures
from napari_connectome.widgets.save_as import PICTURES, TABLES, ask_path
from napari_connectome.widgets.work import told

COLORS = ("#e69f00", "#56b4e9", "#2fb47c", "#cc79a7", "#e8613c", "#8c7ae6", "#b5b52f")
"""One after the other for new things; each reads on a dark and on a light page."""
FRAME_COLOR = "#e0405a"
"""Of what marks the volume that is on the screen."""
KINDS = (".png", ".svg", ".jpg", ".jpeg")
"""Endings of pictures."""
FINE = 3
"""Pixels of a saved picture for each one on the screen, so that it can be printed."""


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


class Plot(QWidget):
    """A page with two axes that looks like the window around it.

    The left button is the plot's own: `_choose` is told where it is pressed or dragged to. The wheel zooms, the right
    button opens the menu (save as picture or table), a double click shows everything again.

    Parameters
    ----------
    axes : dict, optional
        pyqtgraph axis items in place of its own, by their side.

    Attributes
    ----------
    about : mapping
        How what is shown came about; where there is something, it is written as a .json beside the saved table.
    file_name : str
        What a saved table is called if nobody says otherwise.
    """

    _dressed = False

    def __init__(self, parent: QWidget | None = None, axes: dict[str, Any] | None = None) -> None:
        super().__init__(parent)
        self._pg = pg = import_pyqtgraph()
        self._plot = pg.PlotWidget(parent=self, axisItems=axes)
        self._view = self._plot.getViewBox()
        self._label, self._below = "signal", ""
        self.about: Mapping[str, Any] = {}
        self.file_name = "plot.tsv"
        self._plot.hideButtons()
        for side in ("bottom", "left"):
            # While there is no label yet: told so later, pyqtgraph keeps the factor it has just found, and writes 0.5 as 500.
            self._plot.getAxis(side).enableAutoSIPrefix(False)
        # Not pyqtgraph's own: its export fails without a word, or with a traceback, and its transforms (spectrum,
        # logarithm) would leave the axes saying something else than what is shown.
        self._plot.getPlotItem().setMenuEnabled(False, True)
        self._plot.scene().contextMenu = []
        self._view.menu.addAction("Save picture…", self._on_save_picture)
        self._view.menu.addAction("Save values…", self._on_save_values)
        self._plot.viewport().installEventFilter(self)
        self._plot.viewport().setCursor(Qt.CursorShape.CrossCursor)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setMinimumSize(200, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)

    def set_label(self, label: str) -> None:
        """Say what is shown and in which unit, as in "cleaned signal (z)"."""
        self._label = label
        self._plot.setLabel("left", label)

    def to_frame(self) -> pd.DataFrame:
        """Return what is shown as a table."""
        raise NotImplementedError

    def to_tsv(self, path: str | Path) -> None:
        """Save what is shown as a table (TSV, or CSV by the file's ending), with a .json beside it if `about` says more."""
        write_measures(self.to_frame(), path, self.about)

    def to_picture(self, path: str | Path) -> None:
        """Save what is seen as a picture: .png or .jpg, or .svg to be changed in a drawing program."""
        kind = Path(path).suffix.lower()
        if kind not in KINDS:
            raise InputError(f"{Path(path).name} would be no picture: end its name in {', '.join(KINDS[:-1])}.")
        with replacing(path) as stream:
            stream.write(self._drawn(kind))

    def ask_and_save_picture(self) -> str:
        """Ask for the name of a picture and save it; return the name, "" for none."""
        path = ask_path(self, "Save picture", str(Path(self.file_name).with_suffix(".png")), PICTURES)
        if path:
            self.to_picture(path)
        return path

    def _drawn(self, kind: str) -> bytes:
        """The picture as the bytes of a file."""
        from pyqtgraph.exporters import ImageExporter, SVGExporter

        item = self._plot.getPlotItem()
        if kind == ".svg":
            return bytes(SVGExporter(item).export(toBytes=True))
        exporter = ImageExporter(item)
        exporter.parameters()["width"] = FINE * exporter.parameters()["width"]  # the height goes with it
        buffer = QBuffer()
        buffer.open(QBuffer.OpenModeFlag.WriteOnly)
        exporter.export(toBytes=True).save(buffer, kind[1:])
        return bytes(buffer.data().data())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Make the left button choose instead of moving the page."""
        if event is not None and event.type() in _MOUSE:
            return self._on_mouse(event)
        return bool(super().eventFilter(watched, event))

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow napari's theme, which comes as a new style sheet."""
        super().changeEvent(event)
        if self._dressed and event is not None and event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._dress()

    def _on_save_picture(self) -> None:
        with told(show_warning):
            self.ask_and_save_picture()

    def _on_save_values(self) -> None:
        with told(show_warning):
            if path := ask_path(self, "Save the values shown", self.file_name, TABLES):
                self.to_tsv(path)

    def _on_mouse(self, event: Any) -> bool:
        left = Qt.MouseButton.LeftButton
        if event.type() == QEvent.Type.MouseMove:
            if not event.buttons() & left:
                self._hover(event.position())
                return False
        elif event.button() != left:
            return False
        if event.type() == QEvent.Type.MouseButtonDblClick:
            self._view.enableAutoRange(axis=self._view.YAxis)
            self._show_all()
        elif event.type() != QEvent.Type.MouseButtonRelease:
            self._choose(event.position())
        return True

    def _in_view(self, position: QPointF) -> QPointF:
        """A place on the widget in the unit of the axes."""
        return self._view.mapSceneToView(self._plot.mapToScene(position.toPoint()))

    def _choose(self, position: QPointF) -> None:
        """The left button is down at this place of the widget."""

    def _hover(self, position: QPointF) -> None:
        """The mouse passes this place of the widget, no button down."""

    def _show_all(self) -> None:
        """Show the whole of the horizontal axis."""

    def _show_between(self, low: float, high: float) -> None:
        """Show this much of the horizontal axis; nobody can zoom out farther."""
        self._view.setLimits(xMin=low, xMax=high)
        self._plot.setXRange(low, high, padding=0)

    def _dress(self) -> QColor:
        """Take the colours of the window around; return that of its text."""
        self._dressed = True
        palette, active = self.palette(), QPalette.ColorGroup.Active  # not those of a tab that cannot be opened yet
        page, ink = palette.color(active, QPalette.ColorRole.Window), palette.color(active, QPalette.ColorRole.WindowText)
        self._plot.setBackground(page)
        for side, text in (("bottom", self._below), ("left", self._label)):
            axis = self._plot.getAxis(side)
            axis.setPen(ink)
            axis.setTextPen(ink)
            axis.setLabel(text, color=ink.name())
        return ink


_MOUSE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseButtonDblClick,
)
