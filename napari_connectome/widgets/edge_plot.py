"""What an edge rests on: both series, one against the other, and its value in each run."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_connectome.analyses.edge_account import EdgeAccount
from napari_connectome.core.words import some
from napari_connectome.widgets.pair_plot import PairPlot
from napari_connectome.widgets.panel import words
from napari_connectome.widgets.plot import COLORS
from napari_connectome.widgets.series_plot import SeriesPlot
from napari_connectome.widgets.value_plot import ValuePlot

Array = npt.NDArray[Any]

NARROW = 90
"""Pixels that each plot is wide at least: two stand beside each other in a narrow dock."""


class EdgePlot(QWidget):
    """One edge, explained.

    `volume_chosen(run, row)` tells which volume was clicked in a plot; `run_chosen(run)` whose value was.
    """

    volume_chosen = Signal(int, int)
    run_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._account: EdgeAccount | None = None
        self._run = 0
        self.text = words()
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.series, self.pair, self.values = SeriesPlot(), PairPlot(), ValuePlot()
        self.series.file_name = "edge_series.tsv"
        self.series.set_label("signal (z)")
        self.series.show_names(False)  # the text above does, and has room for long ones
        self.series.frame_chosen.connect(self._on_volume)
        self.pair.volume_chosen.connect(self._on_volume)
        self.values.run_chosen.connect(self._on_run)
        below = QHBoxLayout()
        below.addWidget(self.pair, 3)
        below.addWidget(self.values, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addWidget(self.series, 2)
        layout.addLayout(below, 3)
        for plot in (self.series, self.pair, self.values):
            plot.setMinimumWidth(NARROW)
        self.clear()

    @property
    def run(self) -> int:
        """Whose series are shown."""
        return self._run

    def show_account(self, account: EdgeAccount, run: int = 0) -> None:
        """Show an edge in place of the one before.

        Parameters
        ----------
        account : EdgeAccount
        run : int
            Whose series; the others are a click on their value away.
        """
        self._account = account
        self.values.set_values(account.r, account.runs, "r")
        self.values.setVisible(len(account.runs) > 1)
        self.show_run(run)

    def show_run(self, run: int) -> None:
        """Show the series of this run."""
        account = self._account
        if account is None:
            return
        self._run = run
        rows, times = account.left_out[run], account.times[run]
        data = _standardised(account.series[run])
        names = _apart(account.names)
        self.series.clear()
        self.series.set_volumes(times, ~np.isin(np.arange(len(times)), rows))
        for name, column in zip(names, data.T, strict=True):
            self.series.set_series(times, column, name)
        self.pair.set_row(-1)
        self.pair.set_pair(data, names, times, rows)
        self.values.set_run(run)
        self.text.setText(_said(account, run))

    def set_volume(self, row: int) -> None:
        """Mark a volume of the run, in all plots."""
        if self._account is not None and 0 <= row < len(self._account.times[self._run]):
            self.series.set_frame(float(self._account.times[self._run][row]))
            self.pair.set_row(row)

    def clear(self) -> None:
        """Show no edge."""
        self._account = None
        self.series.clear()
        self.pair.clear()
        self.values.set_values([], (), "r")
        self.text.setText("Click a cell of the matrix to see what it rests on.")

    def _on_volume(self, row: int) -> None:
        self.set_volume(row)
        self.volume_chosen.emit(self._run, row)

    def _on_run(self, run: int) -> None:
        self.show_run(run)
        self.run_chosen.emit(run)


def _standardised(series: Array) -> Array:
    """Series (t, 2) with mean 0 and standard deviation 1 over the volumes that both have."""
    known = series[np.isfinite(series).all(axis=1)]
    if len(known) < 2:
        return series
    spread = known.std(axis=0, ddof=1)
    return np.asarray((series - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _apart(names: tuple[str, str]) -> tuple[str, str]:
    """Two names that differ."""
    return names if names[0] != names[1] else (names[0], f"{names[1]} (second)")


def _said(account: EdgeAccount, run: int) -> str:
    """In words: r, what it is without the volumes that hold it up, and how far apart the regions are."""
    first, second = (_colored(name, color) for name, color in zip(account.names, COLORS, strict=False))
    r, without, rows = account.r[run], account.r_without[run], account.left_out[run]
    of = f" in {escape(account.runs[run])}" if len(account.runs) > 1 else ""
    parts = [f"{first} and {second}{of}: "]
    if np.isnan(r):
        parts.append("no correlation, since a region has no series that changes")
    else:
        parts.append(f"Pearson's r = {r:.3f}")
        if len(rows):
            parts.append(f", {without:.3f} without the {some(len(rows), 'volume')} that hold it up most (shaded)")
    if not np.isnan(account.distance):
        parts.append(f"; {account.distance:.0f} mm apart")
    return "".join(parts) + "."


def _colored(name: str, color: str) -> str:
    """A name, and the colour its series has."""
    return f'<span style="color:{color}">●</span> {escape(name).replace("_", "_&#8203;")}'
