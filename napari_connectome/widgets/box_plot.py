"""A region's signal by condition: a box each, with every volume as a point that can be clicked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QEvent, QPointF, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QToolTip, QWidget

from napari_connectome.core.box import Box
from napari_connectome.widgets.plot import COLORS, FRAME_COLOR, Plot

Array = npt.NDArray[Any]

WIDTH = 0.62
"""Of a box, where the distance of two is 1."""
SPREAD = 0.44
"""Over which the points of a condition are strewn."""
NEAR = 12.0
"""Pixels from a point within which it is meant."""
GOLDEN = 0.6180339887498949
"""Multiples of it fill an interval evenly, wherever they begin: a volume lies at the same place in every region's box."""


class BoxPlot(Plot):
    """One box a condition: median, quartiles, whiskers of 1.5 interquartile ranges, and the volumes as points.

    `volume_chosen(index)` tells which volume was clicked; a click into a box means its volume nearest to the mouse.
    """

    volume_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        from napari_connectome.widgets.name_axis import NameAxis

        self._names = NameAxis()
        super().__init__(parent, axes={"bottom": self._names})
        self.file_name = "conditions.tsv"
        self._color = QColor(COLORS[1])
        self._shown = _no_points()
        self._boxes: dict[str, Box] = {}
        self._items: list[Any] = []
        self._volume = -1
        self._mark = self._pg.ScatterPlotItem(size=11, brush=None, pen=self._pg.mkPen(FRAME_COLOR, width=2))
        self._mark.setZValue(10)
        self._view.addItem(self._mark, ignoreBounds=True)
        self._dress()

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions shown, from left to right."""
        return tuple(self._boxes)

    @property
    def boxes(self) -> dict[str, Box]:
        """The five numbers of each condition that has a finite value."""
        return dict(self._boxes)

    def set_values(self, values: npt.ArrayLike, volumes: Mapping[str, Array], times: npt.ArrayLike, color: str = "") -> None:
        """Show a series by condition, in place of what was shown.

        Parameters
        ----------
        values : (t,) array
            One a volume; NaN where there is none (a censored volume).
        volumes : mapping of str to array of int
            Which volumes a condition has, in the order the conditions are shown.
        times : (t,) array
            Seconds, when the volumes were taken.
        color : str, optional
            Of the boxes, as "#rrggbb".
        """
        signal, at = np.asarray(values, dtype=np.float64), np.asarray(times, dtype=np.float64)
        if signal.shape != at.shape:
            raise ValueError(f"{signal.size} values for {at.size} times")
        finite = {name: np.asarray(which)[np.isfinite(signal[which])] for name, which in volumes.items()}
        self._shown = _points(signal, finite, at)
        self._boxes = {name: Box.of(signal[which]) for name, which in finite.items() if which.size}
        self._places = {name: place for place, name in enumerate(finite)}
        self._names.set_names([(name, f"({which.size})") for name, which in finite.items()])
        if color:
            self._color = QColor(color)
        self._draw()
        self._view.enableAutoRange(axis=self._view.YAxis)
        self._show_all()
        self.set_volume(self._volume)

    def clear(self) -> None:
        """Take all boxes away."""
        self.set_values([], {}, [])

    def set_volume(self, index: int) -> None:
        """Mark the volume that is on the screen, where it belongs to a condition shown."""
        self._volume = index
        here = self._shown[self._shown["volume"] == index]
        self._mark.setData(here["x"].to_numpy(), here["value"].to_numpy())

    def to_frame(self) -> pd.DataFrame:
        """Return the values shown: condition, volume (from 0), time in seconds, value."""
        return self._shown[["condition", "volume", "time", "value"]].reset_index(drop=True)

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Take the hint away."""
        QToolTip.hideText()
        super().leaveEvent(event)

    def _draw(self) -> None:
        for item in self._items:
            self._plot.removeItem(item)
        ink = self._ink
        fill, faint = QColor(self._color), QColor(ink)
        fill.setAlpha(90)
        faint.setAlpha(110)
        self._items = []
        for name, box in self._boxes.items():
            self._items += [self._whiskers(box, name, fill), self._median(box, name)]
        for name, box in self._boxes.items():
            points = self._shown[self._shown["condition"] == name]
            outside = box.outside(points["value"].to_numpy())
            brushes = [ink if out else faint for out in outside]
            sizes = np.where(outside, 6, 4)
            about = {"pen": None, "symbol": "o", "symbolPen": None, "symbolBrush": brushes, "symbolSize": sizes}
            self._items.append(self._pg.PlotDataItem(points["x"].to_numpy(), points["value"].to_numpy(), name=name, **about))
        for item in self._items:
            self._plot.addItem(item)

    def _whiskers(self, box: Box, name: str, fill: QColor) -> Any:
        """The box and its whiskers; only these where it has no height, which Qt would draw as one that fills the page."""
        if box.lower == box.upper:
            x = np.full(4, self._places[name], dtype=np.float64)
            return self._pg.PlotCurveItem(x, [box.low, box.lower, box.upper, box.high], connect="pairs", pen=self._ink)
        item = self._pg.BoxplotItem(
            loc=[self._places[name]], data=[_five(box)], width=WIDTH, outlier=False, pen=self._ink, brush=fill, medianPen=None
        )
        item.setWhiskerFunc(_ends)
        return item

    def _median(self, box: Box, name: str) -> Any:
        """The line across the box."""
        ends = self._places[name] + WIDTH / 2 * np.array([-1, 1])
        return self._pg.PlotCurveItem(ends, [box.median] * 2, pen=self._pg.mkPen(self._ink, width=2))

    def _choose(self, position: QPointF) -> None:
        row = self._at(position)
        if row is not None and int(row["volume"]) != self._volume:
            self.set_volume(int(row["volume"]))
            self.volume_chosen.emit(self._volume)

    def _hover(self, position: QPointF) -> None:
        row = self._at(position)
        port = self._plot.viewport()
        if row is None:
            QToolTip.hideText()
            return
        QToolTip.showText(port.mapToGlobal(position.toPoint()), self._said(row), port)

    def _said(self, row: Any) -> str:
        """What the mouse is told of a point."""
        return f"{row['condition']}, volume {row['volume']} ({row['time']:g} s): {row['value']:.4g}\nClick to go there."

    def _at(self, position: QPointF) -> Any:
        """The point meant by a place of the widget: one that is near, or the nearest of the box that is under it."""
        if self._shown.empty:
            return None
        here = self._in_view(position)
        right, down = self._view.viewPixelSize()
        away = np.hypot((self._shown["x"] - here.x()) / right, (self._shown["value"] - here.y()) / down)
        near = int(away.to_numpy().argmin())
        if away.iloc[near] <= NEAR:
            return self._shown.iloc[near]
        under = [name for name, place in self._places.items() if abs(here.x() - place) <= WIDTH / 2 and name in self._boxes]
        if not under or not self._boxes[under[0]].lower <= here.y() <= self._boxes[under[0]].upper:
            return None
        return self._shown.loc[away[self._shown["condition"] == under[0]].idxmin()]

    def _show_all(self) -> None:
        self._show_between(-0.5, max(len(self._names.names), 1) - 0.5)

    def _dress(self) -> QColor:
        self._ink = super()._dress()
        self._draw()
        return self._ink


def _points(signal: Array, volumes: Mapping[str, Array], times: Array) -> pd.DataFrame:
    parts = [_no_points()]
    for place, (name, which) in enumerate(volumes.items()):
        x = place + SPREAD * ((which + 1) * GOLDEN % 1 - 0.5)
        about = {"condition": name, "volume": which, "time": times[which], "value": signal[which], "x": x}
        parts.append(pd.DataFrame(about))
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def _no_points() -> pd.DataFrame:
    kinds = {"condition": "object", "volume": "int64", "time": "float64", "value": "float64", "x": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def _five(box: Box) -> Array:
    """Five values whose quartiles, as the drawing finds them, are the box's."""
    return np.array([box.low, box.lower, box.median, box.upper, box.high])


def _ends(values: Array) -> tuple[Any, Any]:
    return values[0], values[-1]
