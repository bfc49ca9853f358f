"""The live half of the *Correlation map*: the map of a seed, what of it is hidden, and the seed's series."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_connectome.analyses.seed_map import SeedMapper
from napari_connectome.core.errors import InputError
from napari_connectome.core.origins import Origin, fingerprint
from napari_connectome.core.values import Run
from napari_connectome.core.words import as_sentence
from napari_connectome.io.tables import write_table
from napari_connectome.layers.correlation import CorrelationLayers
from napari_connectome.layers.seeds import SeedPoints
from napari_connectome.layers.time_axis import set_time, time_of
from napari_connectome.widgets.form import ChoiceBox
from napari_connectome.widgets.grow import Grow
from napari_connectome.widgets.panel import Panel, row
from napari_connectome.widgets.point_source import PointSource
from napari_connectome.widgets.region_source import RegionSource
from napari_connectome.widgets.series_plot import SeriesPlot

AT_REST = 120
"""Milliseconds a seed must stay as it is before the planes that are not on the screen are computed."""
TOLD = 120
"""Milliseconds after which the series follows a seed: the eye is on the map, and each repaint of the dock delays it."""
GONE = "The map's layer was removed or taken over: press Prepare to show it again."


class LiveSeed(QWidget):
    """Shows the map of the current seed and keeps up with it.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    said : Signal(str)
        A sentence for the user.
    shown : CorrelationLayers or None
        The map in the viewer; None while no run is prepared.
    points, region : PointSource, RegionSource
        Where the seed comes from; `source` is the one chosen.
    """

    said = Signal(str)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.shown: CorrelationLayers | None = None
        self._run: Run | None = None
        self._trouble = ""
        self.points = PointSource(panel)
        self.region = RegionSource(panel)
        self.grow = Grow(panel)
        self._build()
        self._follow_soon = panel.timer(0, self._follow)
        self._rest = panel.timer(AT_REST, self._step)
        self._tell_soon = panel.timer(TOLD, self._tell)
        self._grow_soon = panel.timer(AT_REST, self._renew_growth)
        panel.follow(self.viewer.dims.events.current_step, self._on_dims)
        panel.follow(self.viewer.layers.events.removed, self._on_layer_removed)
        panel.at_end(self.drop)
        self._connect()
        self._show_source()

    def _build(self) -> None:
        self.seed_from = ChoiceBox(("points", "region"))
        self.seed_from.setToolTip("Points: spheres about the points of a layer. Region: what is painted in a labels layer.")
        self.account = QLabel()
        self.account.setWordWrap(True)
        self.threshold_unit = QLabel()
        self.threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold.setDecimals(2)
        self.threshold.setToolTip("Voxels nearer to 0 than this are transparent, on both sides.")
        self.plot = SeriesPlot()
        self.plot.set_label("signal (sd)")
        self.plot.setMinimumHeight(150)
        self.pin = QPushButton("Keep this map")
        self.pin.setToolTip("Add a copy of the map as a layer that no longer follows the seed.")
        self.save_series = QPushButton("Save series…")
        self.save_series.setToolTip("Write the seed's cleaned time series as TSV or CSV.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Seed from", self.seed_from))
        column.addWidget(self.points)
        column.addWidget(self.region)
        column.addWidget(self.account)
        column.addLayout(row("Threshold", self.threshold, self.threshold_unit))
        column.addWidget(self.plot)
        buttons = QHBoxLayout()
        buttons.addWidget(self.pin)
        buttons.addWidget(self.save_series)
        column.addLayout(buttons)
        column.addWidget(self.grow)
        self.setEnabled(False)

    def _connect(self) -> None:
        self.seed_from.currentIndexChanged.connect(self._on_seed_from)
        self.points.moved.connect(self._on_point_moved)
        self.region.moved.connect(self._on_region_moved)
        for source in (self.points, self.region):
            source.changed.connect(self._on_changed)
        self.region.said.connect(self.said)
        self.grow.wanted.connect(self._renew_growth)
        self.grow.apply_wanted.connect(self._on_grow)
        self.threshold.valueChanged.connect(self._on_threshold)
        self.pin.clicked.connect(self._on_pin)
        self.save_series.clicked.connect(self._on_save_series)
        self.plot.frame_chosen.connect(self._on_frame_chosen)

    @property
    def source(self) -> PointSource | RegionSource:
        """Where the seed comes from."""
        return self.region if self.seed_from.currentData() == "region" else self.points

    @property
    def seeds(self) -> SeedPoints | None:
        """The seeds that are points, chosen or not."""
        return self.points.seeds

    # -- the map ------------------------------------------------------------------------------------------------------

    def show_map(self, run: Run, mapper: SeedMapper) -> None:
        """Show the maps of a prepared run, of the seed and with the threshold there were before."""
        threshold, first = None, self.shown is None
        if self.shown is not None and self.shown.mapper.params.statistic == mapper.params.statistic:
            threshold = self.shown.threshold
        self.drop()
        self._run = run
        self.shown = CorrelationLayers(self.viewer, mapper, threshold)
        self.plot.clear()
        self.plot.set_volumes(np.arange(run.n_volumes) * run.tr, run.keep)
        self._on_dims()
        self._show_scale(self.shown)
        self.setEnabled(True)
        self.source.prepare(mapper)
        self._follow()
        self._tell()
        if first:
            self.said.emit(self.source.hand_over())

    def drop(self) -> None:
        """Stop following; the layers stay with the user."""
        if self.shown is not None:
            self.shown.close()
        self.shown, self._run, self._trouble = None, None, ""
        self.account.setText("")
        self.grow.clear()
        self.setEnabled(False)

    def use(self, statistic: str) -> None:
        """Show another statistic of the same seed."""
        if self.shown is not None:
            self.shown.use(statistic)
            self._show_scale(self.shown)

    def finish(self) -> None:
        """Bring map and plot to the last position at once."""
        self.region.look()
        if self._follow_soon.isActive():
            self._follow_soon.stop()
            self._follow()
        if self.shown is not None:
            self.shown.finish()
            self._tell_soon.stop()
            self._tell()

    def _follow(self) -> None:
        """Show the map of the current seed as it is now."""
        if self.shown is None:
            return
        if not self.shown.alive:
            self.drop()
            self.said.emit(GONE)
            return
        self._trouble = self.source.show_seed(self.shown)
        if "label" in self.shown.seed:
            self.points.hide_points()
        else:
            self.points.show_points()
        if not self._tell_soon.isActive():
            self._tell_soon.start()
        self._rest.start(AT_REST)
        self._grow_soon.start()

    def _step(self) -> None:
        """Compute a piece of what is not on the screen; come back until all is done."""
        if self.shown is not None and not self.shown.step():
            self._rest.start(0)

    def _tell(self) -> None:
        """Bring series and sentence up to date."""
        for button in (self.pin, self.save_series):
            button.setEnabled(not self._trouble)
        if self._trouble:
            before = self.shown.seed.get("name") if self.shown is not None else None
            still = f" The map is still that of {before} as it was." if before else ""
            self.account.setText(_sentence(self._trouble) + still)
        elif self.shown is not None:
            self.account.setText(_account(self.shown.mapper, self.source.left_out(self.shown.mapper)))
            self._show_series(self.shown)

    def _show_series(self, shown: CorrelationLayers) -> None:
        series = shown.mapper.series()
        name = shown.seed.get("name")
        if name is None:
            return
        for other in set(self.plot.names) - {name}:
            self.plot.remove_series(other)
        self.plot.set_series(shown.mapper.volumes * shown.mapper.tr, series / (series.std(ddof=1) or 1.0), name)

    def _show_scale(self, shown: CorrelationLayers) -> None:
        with QSignalBlocker(self.threshold):
            self.threshold.setRange(0.0, shown.limit)
            self.threshold.setSingleStep(shown.limit / 100)
            self.threshold.setValue(shown.threshold)
        self.threshold_unit.setText({"r": "r", "fisher_z": "Fisher z", "z_score": "z"}[shown.mapper.params.statistic])

    def _on_layer_removed(self, event: Any) -> None:
        if self.shown is not None and event.value is self.shown.layer:
            self.drop()
            self.said.emit(GONE)

    # -- the seed -----------------------------------------------------------------------------------------------------

    def _on_seed_from(self) -> None:
        self._show_source()
        if self.shown is not None:
            self.source.prepare(self.shown.mapper)
            self._on_changed()
            self.said.emit(self.source.hand_over())

    def _show_source(self) -> None:
        for source in (self.points, self.region):
            source.setVisible(source is self.source)

    def _on_point_moved(self) -> None:
        if self.source is self.points:
            self._follow()

    def _on_region_moved(self) -> None:
        if self.source is self.region:
            self._follow()

    def _on_changed(self) -> None:
        self._follow_soon.start()

    # -- growing ------------------------------------------------------------------------------------------------------

    def _renew_growth(self) -> None:
        """Show what the seed as it is now grows to, while somebody looks."""
        if self.shown is None or not self.grow.isExpanded():
            return
        try:
            if self._trouble:
                raise InputError(self._trouble)
            self.grow.grow(self.source.growth(self.shown.mapper, self.grow.into_choice.layer))
        except InputError as error:
            self.grow.grow(None, _sentence(str(error)))

    def _on_grow(self) -> None:
        self.finish()
        self._renew_growth()
        if self.shown is None or self._run is None:
            return
        name, threshold = str(self.shown.seed.get("name", "seed")), f"r ≥ {self.grow.params.r:g}"
        try:
            self.grow.apply(name, Origin(self._run.name, fingerprint(self._run), f"correlation with {name}", threshold))
        except InputError as error:
            self.grow.done.setText(_sentence(str(error)))

    # -- what else the user does --------------------------------------------------------------------------------------

    def _on_threshold(self, value: float) -> None:
        if self.shown is not None:
            self.shown.threshold = value

    def _on_pin(self) -> None:
        if self.shown is not None:
            self.finish()
            self.shown.pin()

    def _on_save_series(self) -> None:
        if self.shown is None or not self.shown.seed:
            return
        start = f"{self.shown.seed['name']}_timeseries.tsv"
        path, _ = QFileDialog.getSaveFileName(self, "Save the seed's series", start, "Tables (*.tsv *.csv)")
        if path:
            try:
                self.write_series(path)
            except (InputError, OSError) as error:
                self.said.emit(str(error))

    def write_series(self, path: str) -> None:
        """Write the current seed's cleaned series: a row a kept volume, with its time in seconds."""
        if self.shown is None or self._run is None:
            raise InputError("there is no seed series to write: prepare a run first.")
        self.finish()
        write_table(self.shown.series(self._run).to_frame().reset_index(), path)

    def _on_frame_chosen(self, index: int) -> None:
        # By its time, not its number: another run in the viewer may have another TR.
        if self._run is not None:
            set_time(self.viewer, index * self._run.tr)

    def _on_dims(self) -> None:
        time = time_of(self.viewer)
        if time is not None:
            self.plot.set_frame(time)


def _sentence(text: str) -> str:
    return as_sentence(text)


def _account(mapper: SeedMapper, left_out: str) -> str:
    """What the map rests on, in a line; `left_out`: what of the seed does not count."""
    aside = f" ({left_out})" if left_out else ""
    return (
        f"{len(mapper.seed):,} voxel{'s' * (len(mapper.seed) != 1)} in the seed{aside}, {mapper.n_voxels:,} in the map; "
        f"{len(mapper.volumes)} volumes, {mapper.dof:.0f} degrees of freedom left."
    )
