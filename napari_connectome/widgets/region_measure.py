"""Measuring regions: their series from a run, and what they do in each condition of its design."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_connectome.analyses.measurement import Measurement
from napari_connectome.analyses.region_series import RegionSeries, region_series
from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origins
from napari_connectome.core.region_table import region_names
from napari_connectome.core.values import Regions, Run
from napari_connectome.core.words import as_sentence
from napari_connectome.layers.region_layer import RegionLayer
from napari_connectome.layers.spatial import grid_of
from napari_connectome.layers.time_axis import set_time, time_of
from napari_connectome.widgets.measure_options import MeasureOptions
from napari_connectome.widgets.panel import Panel, words
from napari_connectome.widgets.region_results import RegionResults
from napari_connectome.widgets.seed_table import WARNING
from napari_connectome.widgets.work import Work, WorkBar

Array = npt.NDArray[Any]

SETTLE = 400
"""Milliseconds an option must stay as it is before the regions are measured again with it."""
STROKE = 150
"""Milliseconds nobody must have painted for before the regions are measured again."""
LIVE = 0.2
"""Seconds measuring may take for it to follow every edit by itself."""


class RegionMeasure(QWidget):
    """Measure the regions of a layer in a run.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    options : MeasureOptions
        The run, its design, and how to measure.
    results : RegionResults
        Plots, table and what can be saved.
    regions_chosen : Signal(list)
        A person chose regions here, by their ids.
    """

    regions_chosen = Signal(list)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self._regions: RegionLayer | None = None
        self._seconds = 0.0
        self._build(panel)
        self._again = panel.timer(SETTLE, self.measure)
        self._after_stroke = panel.timer(STROKE, self._on_edited)
        self._connect(panel)
        self._show_design()

    def _build(self, panel: Panel) -> None:
        self.options = MeasureOptions(panel)
        self.measure_button = QPushButton("Measure")
        self.measure_button.setToolTip("Take the series of every region from the run.")
        self.work = Work(self)
        self.message, self.stale = words(), words()
        self.stale.setStyleSheet(f"color: {WARNING.name()}")
        for part in (self.message, self.stale):
            part.hide()
        self.results = RegionResults()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        for part in (self.options, self.measure_button, WorkBar(self.work), self.message, self.stale, self.results):
            column.addWidget(part)
        column.addStretch(1)

    def _connect(self, panel: Panel) -> None:
        panel.at_end(self.work.close)
        panel.at_end(self._let_go)
        panel.follow(self.viewer.dims.events.current_step, self._on_dims)
        self.options.run_changed.connect(self._on_run)
        self.options.changed.connect(self._on_option)
        self.options.design_changed.connect(self._show_design)
        self.measure_button.clicked.connect(self.measure)
        self.work.failed.connect(self._failed)
        self.work.cancelled.connect(self._on_cancelled)
        self.results.volume_chosen.connect(self._on_volume)
        self.results.regions_chosen.connect(self.regions_chosen)

    def set_regions(self, regions: RegionLayer | None) -> None:
        """Measure the regions of another layer, or none; by itself, if regions were measured before and it was quick."""
        if regions is self._regions:
            return
        again = self._drop() and self._seconds < LIVE
        self._let_go()
        self._regions = regions
        if regions is not None:
            regions.changed.connect(self._on_changed)
            if again:
                self.measure()

    def choose(self, ids: list[int]) -> None:
        """Show these regions, by their ids."""
        self.results.choose(ids)

    def measure(self) -> None:
        """Measure with the options shown, in the background; the newest call wins."""
        self._again.stop()
        self._after_stroke.stop()
        try:
            run, params, make_regions = self._gather()
        except InputError as error:
            self.work.cancel()
            self._failed(str(error))
            return
        self.say("")

        def work(progress: Progress) -> tuple[Measurement, float]:
            start = time.perf_counter()
            regions = make_regions()
            series = region_series(run, regions, params, progress=progress)
            return Measurement.of(run, regions, series, params), time.perf_counter() - start

        self.work.run(work, then=self._on_measured)

    def say(self, sentence: str) -> None:
        """Show one sentence where the user looks; "" takes it away."""
        self.message.setText(as_sentence(sentence))
        self.message.setVisible(bool(sentence))

    def _gather(self) -> tuple[Run, RegionSeries, Any]:
        """The run, the parameters, and a function that makes the regions, as they are now, in the background."""
        regions = self._regions
        if regions is None:
            raise InputError("there are no regions: choose a labels layer that has some.")
        run = self.options.run
        labels, grid = regions.labels.copy(), grid_of(regions.layer, [run.grid])
        if not labels.any():
            raise InputError(f"{regions.layer.name} has no regions yet: paint or make some first.")
        run.grid.require(grid, run.name, "the label image")  # what is measured is what is seen
        return run, self.options.params, partial(_regions, labels, grid, dict(regions.names), dict(regions.origins))

    def _on_measured(self, measured: tuple[Measurement, float]) -> None:
        measurement, self._seconds = measured
        self.stale.hide()
        self.say("")
        self._show(measurement)
        self._on_dims()
        self._on_edited()  # perhaps meanwhile

    def _show(self, measurement: Measurement) -> None:
        layer = self._regions.layer if self._regions is not None else None
        colors = {} if layer is None else {i: layer.get_color(i) for i in measurement.ids}
        found = {i: QColor.fromRgbF(*(float(part) for part in rgba)) for i, rgba in colors.items() if rgba is not None}
        self.results.show_measurement(measurement, found)

    def _drop(self) -> bool:
        """Stop measuring and take away what is shown, since it is of something else; return whether there was anything."""
        meant = self.results.measurement is not None or self.work.busy or self._again.isActive()
        self._again.stop()
        self._after_stroke.stop()
        self.work.close()
        self.results.show_measurement(None, {})
        self.stale.hide()
        self.say("")
        return meant

    def _failed(self, sentence: str) -> None:
        """Say why there is nothing new, and what is shown instead."""
        still = " The measures shown are those from before." if self.results.measurement is not None else ""
        self.say(f"{sentence}{still}")

    def _on_cancelled(self) -> None:
        if self.message.isHidden():  # otherwise it was stopped for a reason that is there to be read
            self._failed("Cancelled; nothing was changed.")

    # -- what else changes --------------------------------------------------------------------------------------------

    def _on_run(self) -> None:
        """Another run, or other data of it: measure again by itself, once it was measured before."""
        if self._drop() and self.options.run_choice.layer is not None:
            self._again.start()
        self._show_design()

    def _on_option(self) -> None:
        """Measure again by itself, once it was measured before."""
        if self.results.measurement is not None or self.work.busy:
            self._again.start()

    def _show_design(self) -> None:
        self.results.show_design(self.options.design)

    def _on_changed(self) -> None:
        if self.results.measurement is not None:
            self._after_stroke.start()

    def _on_edited(self) -> None:
        """Follow the regions where that is quick; say so where it is not. New names need no measuring."""
        found, regions = self.results.measurement, self._regions
        if found is None or regions is None or self.work.busy:
            return
        try:
            labels = regions.labels
        except InputError as error:
            self._failed(str(error))
            return
        if not np.array_equal(labels, found.regions.labels):
            if self._seconds < LIVE:
                self.measure()
            else:
                self.stale.setText("The regions were edited since: press Measure again.")
                self.stale.show()
            return
        self.stale.hide()
        names, origins = dict(regions.names), dict(regions.origins)
        of_these = {i: origins[i] for i in found.ids if i in origins}
        if region_names(found.regions.ids, names) != list(found.series.names) or of_these != found.regions.origins:
            self._show(found.renamed(_regions(found.regions.labels, found.regions.grid, names, origins)))

    def _on_dims(self) -> None:
        time = time_of(self.viewer)
        if time is not None:
            self.results.show_volume(time)

    def _on_volume(self, index: int) -> None:
        # By its time, not its number: another run in the viewer may have another TR.
        found = self.results.measurement
        if found is not None:
            set_time(self.viewer, index * found.series.tr)

    def _let_go(self) -> None:
        """Stop following the regions."""
        regions, self._regions = self._regions, None
        if regions is not None:
            regions.changed.disconnect(self._on_changed)


def _regions(labels: Array, grid: Grid, names: dict[int, str], origins: Origins) -> Regions:
    table = pd.DataFrame({"name": list(names.values())}, index=pd.Index(list(names), name="index", dtype=np.int64))
    return Regions(labels, grid, table, origins)
