"""Following the brush: while regions are painted, their connectome is kept equal to that of the labels as they are."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_connectome.core import memory
from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError, Progress, part
from napari_connectome.core.grid import Grid
from napari_connectome.core.region_table import region_names
from napari_connectome.core.sources import Source
from napari_connectome.core.values import Regions, Run
from napari_connectome.core.words import as_sentence, some
from napari_connectome.layers.label_events import edits_of, moves_of
from napari_connectome.layers.spatial import grid_of, names_in, regions_of
from napari_connectome.studies.connectome_of_runs import RunSeries, connectome_of_series
from napari_connectome.studies.followed_series import FollowedSeries
from napari_connectome.studies.sources import as_sources
from napari_connectome.widgets.connecting import Connecting
from napari_connectome.widgets.panel import Panel, words
from napari_connectome.widgets.work import Work, WorkBar

Array = npt.NDArray[Any]

AT_REST = 400
"""Milliseconds without a stroke after which what need not follow each of them is done."""
AT_ONCE = 0.06
"""Seconds a connectome may take to be computed within a stroke; one that takes longer comes when it is there."""
READING = 0.8
"""Share of the work that is reading the runs."""
MOVED = "The regions' layer was moved or has other data: press Compute to take it as it is now."
GONE = "The regions' layer is gone: the connectome stays as it was."


@dataclass(frozen=True, eq=False)
class Followed:
    """What has come of a stroke: the connectome of the regions as they are, and the series it was made of."""

    connectome: Connectome
    read: RunSeries


class BrushFollowing(QWidget):
    """Keeps a connectome equal to that of a labels layer somebody paints in.

    The runs are read into memory at the first stroke, those of layers are there. After that a stroke reads the regions it
    touched and computes the connectome of all.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    followed : Signal(Followed)
        The connectome after a stroke.
    rested : Signal(Regions)
        The regions, a moment after the last stroke.
    box : QCheckBox
    account : QLabel
        What stands in the way.
    """

    followed = Signal(object)
    rested = Signal(object)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.layer: Labels | None = None
        self._connecting: Connecting | None = None
        self._series: FollowedSeries | None = None
        self._grid: Grid | None = None
        self._among: list[Grid] = []  # as for `grid_of`
        self._shown: _Painted | None = None  # what the connectome is of
        self._tried: _Painted | None = None  # what was read last, whether or not a connectome came of it
        self._seconds = math.inf
        self._behind = False
        self.work = Work(self)
        self.box = QCheckBox("Follow the brush")
        self.box.setToolTip("While regions are painted or erased, keep matrix and graph equal to them.")
        self.box.setChecked(True)
        self.account = words()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for each in (self.box, WorkBar(self.work), self.account):
            column.addWidget(each)
        self._say("")
        self._soon = panel.timer(0, self._follow)  # a brush tells of more moves than can be shown
        self._rest = panel.timer(AT_REST, self._on_rest)
        panel.follow(self.viewer.layers.events.removed, self._on_removed)
        panel.at_end(self.work.close)
        panel.at_end(self.drop)
        self.box.toggled.connect(self._on_box)
        self.work.failed.connect(self._on_failed)
        self.work.cancelled.connect(self._on_cancelled)
        self.hide()

    # -- whom to follow -----------------------------------------------------------------------------------------------

    def begin(self, connecting: Connecting, layer: Labels) -> None:
        """Follow this layer from now on, whose connectome was computed so."""
        self.drop()
        self._among = [entry.grid for entry in connecting.entries if entry.grid is not None][:1]
        self.layer, self._connecting, self._grid = layer, connecting, grid_of(layer, self._among)
        if isinstance(connecting.regions, Regions):
            table = connecting.regions.table
            self._shown = _Painted(connecting.regions.labels, dict(zip(table.index, table["name"], strict=True)))
        for event in (*edits_of(layer), layer.events.features):
            event.connect(self._on_edit)
        for event in moves_of(layer):
            event.connect(self._on_moved)
        self.show()
        self._on_edit()  # something may have been painted since it was computed

    def drop(self) -> None:
        """Follow nothing any more."""
        layer, self.layer = self.layer, None
        self._connecting = self._shown = None
        self._seconds = math.inf
        self._let_go()
        self._soon.stop()
        self._rest.stop()
        self._say("")
        self.hide()
        if layer is not None:
            for event in (*edits_of(layer), layer.events.features):
                event.disconnect(self._on_edit)
            for event in moves_of(layer):
                event.disconnect(self._on_moved)

    @property
    def busy(self) -> bool:
        """Whether what is shown is behind what was painted."""
        return self._soon.isActive() or self._behind or self.work.busy

    # -- strokes ------------------------------------------------------------------------------------------------------

    def _on_edit(self, event: Any = None) -> None:
        if not self.box.isChecked():
            return
        drawn = event is not None and event.type == "labels_update"
        if drawn and self._series is not None and self._seconds <= AT_ONCE and not self.work.busy:
            self._follow()  # at once, so that the viewer draws the stroke and the edges in one go
        else:
            self._soon.start()

    def _on_box(self, checked: bool) -> None:
        if self.layer is None:
            return
        if checked:
            self._on_edit()
        else:
            self._let_go()

    def _let_go(self) -> None:
        """Stop what is under way, and keep no runs in memory."""
        self.work.close()
        self._behind = False
        self._series = self._tried = None

    def _follow(self) -> None:
        """Bring the connectome to the labels as they are now."""
        layer, connecting = self.layer, self._connecting
        if layer is None or connecting is None or not self.box.isChecked():
            return
        labels, names = np.asarray(layer.data), names_in(layer.features)
        if self._tried is not None and self._tried.are(labels, names):
            self._behind = False
            if self._tried is self._shown:
                self._say("")  # whatever was in the way was undone
            return  # otherwise it is on its way, or was refused
        if self.work.busy:
            self._behind = True
            return
        self._behind = False
        if self._shown is not None and self._shown.are(labels, names):
            self._tried = self._shown
            self._say("")
        elif self._series is None:
            self._read(labels.copy(), names, connecting)
        else:
            self._take(self._series, labels, names, connecting)

    def _take(self, series: FollowedSeries, labels: Array, names: dict[int, str], connecting: Connecting) -> None:
        """Read what was painted again."""
        try:
            read = series.follow(labels, names)
        except InputError as error:
            self._say(str(error))
            return
        self._tried = _Painted.of(series, read, names)
        self._connect(read, connecting)

    def _read(self, labels: Array, names: dict[int, str], connecting: Connecting) -> None:
        """Read the runs, and the series of all regions."""
        sources = [source for source in as_sources(connecting.sources) if source.name in _used(connecting)]
        grid = self._grid
        assert grid is not None

        def read(progress: Progress) -> tuple[FollowedSeries, RunSeries, dict[int, str]]:
            runs = _loaded(sources, part(progress, 0.0, READING))
            series = FollowedSeries(runs, grid, connecting.series)
            return series, series.follow(labels, names, part(progress, READING, 1.0)), names

        self.work.run(read, then=self._on_read)

    def _on_read(self, found: tuple[FollowedSeries, RunSeries, dict[int, str]]) -> None:
        self._series, read, names = found
        self._tried = _Painted.of(self._series, read, names)
        if self._connecting is not None:
            self._connect(read, self._connecting)

    def _connect(self, read: RunSeries, connecting: Connecting) -> None:
        """Compute the connectome of series; beside the window where the last took long."""
        if self._seconds > AT_ONCE:
            self.work.run(_Connect(read, connecting), then=self._on_connected)
            return
        try:
            self._on_connected(_Connect(read, connecting)())
        except InputError as error:
            self._say(str(error))

    def _on_connected(self, found: tuple[Followed, float]) -> None:
        followed, self._seconds = found
        self._shown = self._tried
        self._say("")
        self.followed.emit(followed)
        self._rest.start()
        if self._behind:
            self._soon.start()

    def _on_rest(self) -> None:
        if self.busy:  # a stroke that takes long is no rest
            self._rest.start()
        elif self.layer is not None:
            self.rested.emit(regions_of(self.layer, self._among))

    # -- what stands in the way ---------------------------------------------------------------------------------------

    def _say(self, sentence: str) -> None:
        self.account.setText(as_sentence(sentence))
        self.account.setVisible(bool(sentence))

    def _on_failed(self, sentence: str) -> None:
        self._say(sentence)
        if self._behind:  # it may be another matter with what was painted since
            self._soon.start()

    def _on_cancelled(self) -> None:
        self.box.setChecked(False)

    def _on_moved(self, event: Any = None) -> None:
        layer = self.layer
        if layer is None or self._grid is None:
            return
        try:
            still = grid_of(layer, self._among).matches(self._grid)
        except InputError:
            still = False
        if still:
            self._on_edit()
            return
        self.drop()
        self._tell(MOVED)

    def _on_removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            self.drop()
            self._tell(GONE)

    def _tell(self, sentence: str) -> None:
        """Say why nothing is followed any more."""
        self.show()
        self._say(sentence)


@dataclass(frozen=True, eq=False)
class _Painted:
    """Labels as they were, and by their ids what the regions were called."""

    labels: Array
    called: dict[int, str]

    @classmethod
    def of(cls, series: FollowedSeries, read: RunSeries, names: dict[int, str]) -> _Painted:
        """What was followed last, and the series it has."""
        table = read.series[0].table
        assert series.labels is not None
        assert table is not None
        return cls(series.labels, dict(zip(table.index, region_names(table.index.to_numpy(), names), strict=True)))

    def are(self, labels: Array, names: dict[int, str]) -> bool:
        """Whether a layer's labels and names are these."""
        known = np.fromiter(self.called, dtype=np.int64)
        return region_names(known, names) == list(self.called.values()) and np.array_equal(labels, self.labels)


@dataclass(frozen=True, eq=False)
class _Connect:
    """The connectome of series, and the seconds it took."""

    read: RunSeries
    connecting: Connecting

    def __call__(self, progress: Progress = lambda fraction, doing: None) -> tuple[Followed, float]:
        began = time.perf_counter()
        found = connectome_of_series(self.read, self.connecting.connectivity, progress=progress)
        return Followed(found, self.read), time.perf_counter() - began


def _used(connecting: Connecting) -> tuple[str, ...]:
    return () if connecting.kept is None else connecting.kept.read.runs


def _loaded(sources: list[Source], progress: Progress) -> list[Run]:
    """The runs, all in memory at once; one sentence where there is too little of it."""
    runs: list[Run] = []
    for i, source in enumerate(sources):
        if runs:
            left = (len(sources) - i) * runs[-1].data.nbytes
            memory.require(left, f"following the brush in {some(len(sources), 'run')}")
        run = source.load(part(progress, i / len(sources), (i + 1) / len(sources)))
        runs.append(run.replace(name=source.name))
    return runs
