"""The matrix of a connectome: a cell for each pair of regions, that can be read, zoomed and clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QEvent, QPointF, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF
from qtpy.QtWidgets import QToolTip, QWidget

from napari_connectome.layers.styles import BLUE_RED, COLD_HOT, SEED_COLOR, symmetric_limit
from napari_connectome.widgets.plot import Plot

Array = npt.NDArray[Any]

WORDS = {"correlation": "correlation (r)", "partial_correlation": "partial correlation (r)"}
"""What the colorbar says of a kind, where it is not just its name."""
UNKNOWN, BELOW, FIRST, ZERO, LAST = 0, 1, 3, 129, 255
"""Numbers of the colours: of no value, of what is below the threshold, and the ramp from -limit over 0 to limit."""
FAINT, CLEAR = 0.12, 0.42
"""How much of the ink is in the gray of what is below the threshold, and of what has no value."""
RING = 13
"""Pixels of the ring around a cell that is lit: cells may be too small to be seen."""
NOBODY = (-1, -1)
"""What stands for no pair of regions."""
NAMES = 0.22
"""Of the side of the widget that names take at most."""
ABOVE = 6
"""Pixels above the matrix: half a number of the colorbar."""
BAR, NUMBERS, UNIT = 12, 36, 18
"""Pixels that the colorbar, the numbers on it and their unit are wide."""
SMALLEST, LARGEST, PRINTED = 640, 6400, 220
"""Pixels a side of a saved picture at least and at most (a quarter of it where it is no drawing), and of a name in it."""
LOW, HIGH = 140, 520
"""Pixels that it is high at least and at most."""
HEIGHT = 0.78
"""Of its width: the cells are square, and names and colours stand beside them."""
SLACK = 24
"""Pixels of the width that may go without a new height, or a scroll bar that comes with it would take it back."""
FEWEST = 4
"""Cells that are seen at least, however far one zooms in."""


class MatrixPlot(Plot):
    """A symmetric matrix as a picture, in an order of one's choice; the first row is at the top.

    Regions are counted as in the matrix that was given, whatever the order they are shown in. `hovered(i, j)` tells the row
    and column under the mouse, (-1, -1) where it left; `picked(i, j)` those of the cell that was clicked.
    """

    hovered = Signal(int, int)
    picked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        from napari_connectome.widgets.region_axis import RegionAxis

        self._rows, self._columns = RegionAxis("left"), RegionAxis("bottom")
        super().__init__(parent, axes={"left": self._rows, "bottom": self._columns})
        pg = self._pg
        self.file_name, self._label = "connectome.tsv", ""
        self._matrix: Array = np.empty((0, 0))
        self._names: tuple[str, ...] = ()
        self._order: Array = np.empty(0, dtype=np.int64)
        self._blocks: tuple[tuple[str, int], ...] = ()
        self._numbers: Array = np.empty((0, 0), dtype=np.uint8)
        self._size: Array = np.empty((0, 0))
        self._kept: Array | None = None
        self._limit, self._threshold, self._unit = 1.0, 0.0, ""
        self._step, self._whole, self._share = 1, False, NAMES
        self._wide = 0
        self._ramp: Array = np.empty((0, 3), dtype=np.uint8)
        self._under, self._pick, self._lit = NOBODY, NOBODY, NOBODY
        self._image = pg.ImageItem(axisOrder="row-major")
        self._bar = pg.ColorBarItem(width=BAR, interactive=False, colorMapMenu=False)
        self._bar.getAxis("right").enableAutoSIPrefix(False)  # now: with a label, pyqtgraph would keep the factor it has
        self._bar.setImageItem([], insert_in=self._plot.getPlotItem())
        self._walls = pg.PlotCurveItem(connect="pairs")
        pen = pg.mkPen(SEED_COLOR, width=2)
        self._light = pg.PlotCurveItem(connect="finite", pen=pen)
        self._rings = pg.ScatterPlotItem(size=RING, brush=None, pen=pen)
        for item in (self._image, self._walls, self._light, self._rings):
            self._view.addItem(item, ignoreBounds=True)
        self._view.sigRangeChanged.connect(self._on_range)
        self._view.sigResized.connect(self._on_range)
        self._view.invertY(True)
        self._view.disableAutoRange()
        self._plot.getPlotItem().layout.setContentsMargins(1, ABOVE, 1, 1)
        self.setMinimumSize(140, 140)
        self._dress()

    @property
    def order(self) -> Array:
        """Which region of the matrix each row shows, from the top (r,)."""
        return self._order.copy()

    @property
    def threshold(self) -> float:
        """The magnitude below which cells are gray."""
        return self._threshold

    @property
    def limit(self) -> float:
        """The magnitude that has the last colour."""
        return self._limit

    def show_matrix(
        self,
        matrix: npt.ArrayLike,
        names: Sequence[str],
        kind: str = "correlation",
        order: npt.ArrayLike | None = None,
        *,
        blocks: Sequence[tuple[str, int]] = (),
        limit: float = 0.0,
        fisher_z: bool = False,
    ) -> None:
        """Show a matrix in place of what was shown; zoom and lit cell stay where the regions stay the same.

        Parameters
        ----------
        matrix : (r, r) array
            NaN where there is no value.
        names : sequence of str
            Of its rows.
        kind : str
            Of connectome, or other words for what the numbers are; the colorbar says it.
        order : (r,) ints, optional
            Which region stands in each row, as `core.orderings.order_of` finds it.
        blocks : sequence of (str, int), optional
            Name and size of the blocks that the rows in this order form.
        limit : float
            The magnitude that has the last colour; that of the strongest edge where it is 0.
        fisher_z : bool
            Whether the numbers are Fisher z of what `kind` says.
        """
        values, words = np.asarray(matrix, dtype=np.float64), tuple(str(name) for name in names)
        where = np.arange(len(words)) if order is None else np.asarray(order, dtype=np.int64)
        if values.shape != (len(words), len(words)) or not np.array_equal(np.sort(where), np.arange(len(words))):
            raise ValueError(f"a matrix of shape {values.shape} with {len(words)} names and an order of {len(where)}")
        same = words == self._names and np.array_equal(where, self._order)
        self._matrix, self._names, self._order, self._blocks = values, words, where, tuple(blocks)
        self._kept = None
        self._limit = limit or _limit_of(values)
        self._unit = WORDS.get(kind, kind) if not fisher_z else f"Fisher z of {WORDS.get(kind, kind)}"
        shown = [words[i] for i in where]
        for axis in (self._rows, self._columns):
            axis.set_names(shown, self._blocks)
        self._under = NOBODY
        self._count()
        self._draw()
        self._draw_walls()
        if not same:
            self._arrange()
            self._show_all()
            self.light(*self._lit)

    def renew(self, matrix: npt.ArrayLike, threshold: float) -> None:
        """Show what the matrix of the same regions has become: quick where few cells changed, to follow a brush.

        Parameters
        ----------
        matrix : (r, r) array
            As given to `show_matrix` before, some cells with other values.
        threshold : float
            The magnitude below which cells are gray.
        """
        values, before = np.asarray(matrix, dtype=np.float64), self._matrix
        if values.shape != before.shape:
            raise ValueError(f"a matrix of shape {values.shape} in place of one of {before.shape}")
        self._matrix, self._threshold = values, float(threshold)
        limit = _limit_of(values)
        if limit != self._limit:
            self._limit = limit
            self._count()
        else:
            changed = (values != before) & ~(np.isnan(values) & np.isnan(before))
            rows, columns = np.nonzero(changed)
            place = np.argsort(self._order)
            where = place[rows], place[columns]
            self._numbers[where], self._size[where] = self._numbered(values[rows, columns])
        self._draw()

    def clear(self) -> None:
        """Take the matrix away."""
        self.show_matrix(np.empty((0, 0)), ())

    def set_threshold(self, magnitude: float) -> None:
        """Make cells gray whose magnitude is below this; quick enough to follow a slider."""
        if magnitude != self._threshold:
            self._threshold = float(magnitude)
            self._draw()

    def set_kept(self, kept: Array) -> None:
        """Make cells gray that are not kept (r, r), whatever their magnitude, until another matrix is shown."""
        self._kept = np.asarray(kept, dtype=bool)
        self._draw()

    def light(self, i: int, j: int = -1) -> None:
        """Mark a pair of regions, in both triangles; the whole row and column of one; nothing for (-1, -1)."""
        n = len(self._names)
        self._lit = (i, j) if 0 <= i < n and -1 <= j < n else NOBODY
        i, j = self._lit
        place = np.argsort(self._order)
        row, column = (int(place[k]) if k >= 0 else -1 for k in self._lit)
        frames = [] if i < 0 else [(0, row, n, 1), (row, 0, 1, n)] if j < 0 else [(column, row, 1, 1), (row, column, 1, 1)]
        x = [value for left, _, wide, _ in frames for value in (left, left + wide, left + wide, left, left, np.nan)]
        y = [value for _, top, _, high in frames for value in (top, top, top + high, top + high, top, np.nan)]
        self._light.setData(np.array(x, dtype=np.float64), np.array(y, dtype=np.float64))
        cells = [(left + 0.5, top + 0.5) for left, top, _, _ in frames] if j >= 0 else []
        self._rings.setData(pos=np.array(cells, dtype=np.float64).reshape(-1, 2))

    @property
    def lit(self) -> tuple[int, int]:
        """What is marked: a pair of regions, one and -1, or (-1, -1)."""
        return self._lit

    def to_frame(self) -> pd.DataFrame:
        """Return the matrix in the order shown, with the names on both sides."""
        names = [self._names[i] for i in self._order]
        return pd.DataFrame(self._shown(), index=pd.Index(names, name="region"), columns=names)

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Take the hint away, and tell that the mouse is nowhere."""
        self._tell(NOBODY)
        super().leaveEvent(event)

    def fit(self, width: int) -> None:
        """Take the height that goes with so many pixels of width."""
        if abs(width - self._wide) > SLACK:
            self._wide = width
            self.setFixedHeight(min(max(int(HEIGHT * width), LOW), HIGH))

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Keep the cells square."""
        super().resizeEvent(event)
        self._arrange()

    def _shown(self) -> Array:
        return np.asarray(self._matrix[np.ix_(self._order, self._order)])

    def _count(self) -> None:
        """Give each cell the number of its colour, were there no threshold."""
        self._numbers, self._size = self._numbered(self._shown())

    def _numbered(self, values: Array) -> tuple[Array, Array]:
        """The numbers of the colours of values, and their magnitudes."""
        unknown = np.isnan(values)
        with np.errstate(over="ignore"):
            steps = np.clip(np.rint(np.where(unknown, 0.0, values) * ((LAST - ZERO) / self._limit)), FIRST - ZERO, LAST - ZERO)
        numbers = (steps + ZERO).astype(np.uint8)
        numbers[unknown] = UNKNOWN
        return numbers, np.where(unknown, np.inf, np.abs(values))  # what has no value is below no threshold

    def _draw(self) -> None:
        """Show the cells and the colorbar at the threshold."""
        if not self._numbers.size:
            self._image.clear()
            return
        numbers = np.where(self._size < self._threshold, np.uint8(BELOW), self._numbers)
        if self._kept is not None:
            numbers[~self._kept[np.ix_(self._order, self._order)] & (numbers != UNKNOWN)] = BELOW
        self._step = self._cells_a_pixel()
        seen = _strongest(numbers, self._step)
        self._image.setImage(seen, levels=(0, 255), lut=self._colors)
        self._image.setRect(0, 0, self._step * len(seen), self._step * len(seen))
        self._draw_bar()

    def _draw_bar(self) -> None:
        """Show the colours and the limit beside the matrix, where they are others than before."""
        ramp = self._colors[FIRST:].copy()
        ramp[np.abs(np.linspace(-self._limit, self._limit, len(ramp))) < self._threshold] = self._colors[BELOW]
        if not np.array_equal(ramp, self._ramp):
            self._ramp = ramp
            self._bar.setColorMap(self._pg.ColorMap(np.linspace(0, 1, len(ramp)), ramp))
        if self._bar.levels() != (-self._limit, self._limit):
            self._bar.setLevels((-self._limit, self._limit))

    def _cells_a_pixel(self) -> int:
        """How many cells lie beside each other in a pixel of the screen; 1 where each has its own, as in a saved picture."""
        pixels = self._view.width() * self.devicePixelRatioF()
        return 1 if self._whole or pixels < 1 else max(1, int(np.ptp(self._view.viewRange()[0]) / pixels + 0.5))

    def _on_range(self) -> None:
        if self._cells_a_pixel() != self._step:
            self._draw()

    def _drawn(self, kind: str) -> bytes:
        """What is seen, drawn larger than on the screen: names are there, which have no room in a dock."""
        drawn = MatrixPlot()
        drawn.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        drawn.setPalette(self.palette())
        drawn._whole = True
        try:
            side, (rows, columns) = self._printed(kind), self._view.viewRange()
            drawn._share = 1.0
            for axis in (drawn._rows, drawn._columns):
                axis.longest = PRINTED
            drawn.resize(side + BAR + NUMBERS, side)
            drawn.show()
            drawn._copy(self)
            drawn._view.setRange(xRange=rows, yRange=columns, padding=0)
            drawn.layout().activate()
            return super(MatrixPlot, drawn)._drawn(kind)
        finally:
            drawn.close()
            drawn.deleteLater()

    def _printed(self, kind: str) -> int:
        """Pixels a side of a saved picture: so many that each name has room, if that is not too many for a bitmap."""
        rows, _ = self._view.viewRange()
        names = int(np.ptp(rows)) * QFontMetricsF(self._rows.font()).height() + PRINTED
        return int(np.clip(names, *(SMALLEST, LARGEST if kind == ".svg" else LARGEST // 4)))

    def _copy(self, other: MatrixPlot) -> None:
        """Show what another shows."""
        self._unit, self._threshold = other._unit, other._threshold
        self.show_matrix(other._matrix, other._names, "", other._order, blocks=other._blocks, limit=other._limit)
        self._unit, self._kept = other._unit, other._kept
        self._arrange()
        self._draw()
        self.light(*other._lit)

    def _draw_walls(self) -> None:
        """Lines between blocks."""
        n, ends = len(self._names), np.cumsum([size for _, size in self._blocks])[:-1].astype(np.float64)
        across, along = np.repeat(ends, 2), np.tile([0.0, float(n)], len(ends))
        self._walls.setData(np.r_[across, along], np.r_[along, across])

    def _choose(self, position: QPointF) -> None:
        pair = self._at(position)
        if pair not in (NOBODY, self._pick):
            self._pick = pair
            self.light(*pair)
            self.picked.emit(*pair)

    def _on_mouse(self, event: Any) -> bool:
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
            self._pick = NOBODY  # the same cell may be clicked again; a drag tells each cell once
        return super()._on_mouse(event)

    def _hover(self, position: QPointF) -> None:
        pair = self._at(position)
        self._tell(pair)
        if pair == NOBODY:
            return
        i, j = pair
        value = self._matrix[i, j]
        number = "no value" if np.isnan(value) else f"{value:.4g}"
        gray = abs(value) < self._threshold or (self._kept is not None and not np.isnan(value) and not self._kept[i, j])
        hidden = " (below the threshold)" if gray else ""
        names = self._names[i] if i == j else f"{self._names[i]}\n{self._names[j]}"
        port = self._plot.viewport()
        QToolTip.showText(port.mapToGlobal(position.toPoint()), f"{names}\n{number}{hidden}", port)

    def _tell(self, pair: tuple[int, int]) -> None:
        if pair == NOBODY:
            QToolTip.hideText()
        if pair != self._under:
            self._under = pair
            self.hovered.emit(*pair)

    def _at(self, position: QPointF) -> tuple[int, int]:
        """The regions of the row and the column under a place of the widget."""
        if not self._view.sceneBoundingRect().contains(self._plot.mapToScene(position.toPoint())):
            return NOBODY
        here, n = self._in_view(position), len(self._names)
        row, column = int(np.floor(here.y())), int(np.floor(here.x()))
        if not (0 <= row < n and 0 <= column < n):
            return NOBODY
        return int(self._order[row]), int(self._order[column])

    def _arrange(self) -> None:
        """Leave as much free beside or below the plot as makes the picture a square."""
        most = self._share * min(self.width(), self.height())
        down = self.height() - self._columns.fit(most) - ABOVE
        axis = self._bar.getAxis("right")
        said = QFontMetricsF(axis.label.font()).horizontalAdvance(self._unit) < min(down, self.width() - NUMBERS)
        axis.setLabel(self._unit if said else "")
        axis.showLabel(said and bool(self._unit))
        axis.setWidth(NUMBERS + (UNIT if said else 0))
        across = self.width() - self._rows.fit(most) - axis.width() - BAR - 8
        side = min(across, down)
        self.layout().setContentsMargins(0, 0, max(int(across - side), 0), max(int(down - side), 0))

    def _show_all(self) -> None:
        n = max(len(self._names), 1)
        fewest = min(FEWEST, n)
        self._view.setLimits(xMin=0, xMax=n, yMin=0, yMax=n, minXRange=fewest, minYRange=fewest)
        self._view.disableAutoRange()
        self._view.setRange(xRange=(0, n), yRange=(0, n), padding=0)

    def _dress(self) -> QColor:
        ink = super()._dress()
        page = self._plot.backgroundBrush().color()
        self._colors = _colors(page, ink)
        self._walls.setPen(self._pg.mkPen(ink, width=1))
        for side in ("left", "right", "top", "bottom"):
            axis = self._bar.getAxis(side)
            axis.setPen(ink)
            axis.setTextPen(ink)
        self._draw()
        return ink


def _limit_of(values: Array) -> float:
    """The magnitude of the last colour: the largest off the diagonal, rounded up."""
    return symmetric_limit(values[~np.eye(len(values), dtype=bool)])


def _strongest(numbers: Array, step: int) -> Array:
    """Of each square of so many cells a side, the number of the strongest; or a single one would not be seen among many."""
    if step == 1:
        return numbers
    starts = np.arange(0, len(numbers), step)
    ranks = np.maximum.reduceat(_RANKS[numbers], starts, axis=0)
    ranks = np.maximum.reduceat(np.ascontiguousarray(ranks.T), starts, axis=0).T  # quicker than along the other axis
    return np.asarray(np.argsort(_RANKS).astype(np.uint8)[ranks])


def _ranks() -> Array:
    """How strong the colour of each number is (256,), uint8, each once: no value, below the threshold, then from 0 upwards."""
    numbers = np.arange(256)
    strength = np.where(numbers < FIRST, numbers - 256, 2 * np.abs(numbers - ZERO) + (numbers > ZERO))
    return np.argsort(np.argsort(strength)).astype(np.uint8)


_RANKS = _ranks()


def _colors(page: QColor, ink: QColor) -> Array:
    """The 256 colours (256 × 3), uint8: the ramps begin at the page, and end bright on a dark one, deep on a light one."""
    ramps = COLD_HOT if page.lightness() < ink.lightness() else BLUE_RED
    ends = [_rgb(page), _rgb(ink)]
    colors = np.zeros((256, 3))
    colors[UNKNOWN], colors[BELOW] = ((1 - share) * ends[0] + share * ends[1] for share in (CLEAR, FAINT))
    steps = np.linspace(0, 1, LAST - ZERO + 1)
    for sign, ramp in ((-1, ramps.negative), (1, ramps.positive)):
        stops = np.stack([ends[0], *(_rgb(QColor(color)) for color in ramp)])
        at = np.linspace(0, 1, len(stops))
        for channel in range(3):
            colors[ZERO + sign * np.arange(len(steps)), channel] = np.interp(steps, at, stops[:, channel])
    return np.rint(colors).astype(np.uint8)


def _rgb(color: QColor) -> Array:
    return np.array([color.red(), color.green(), color.blue()], dtype=np.float64)
