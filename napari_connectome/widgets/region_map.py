"""The seed map of a region of a connectome, a click away: its series in a run with that of every voxel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_connectome.analyses.seed_map import SeedMap, SeedMapper
from napari_connectome.core.errors import Progress, part
from napari_connectome.core.values import Volume
from napari_connectome.core.words import as_sentence, shortened
from napari_connectome.layers.region_map import show_region_map
from napari_connectome.studies.connectome_of_runs import RunSeries
from napari_connectome.studies.sources import as_sources
from napari_connectome.widgets.connecting import Connecting
from napari_connectome.widgets.panel import Panel, button, words
from napari_connectome.widgets.work import Work, WorkBar

Array = npt.NDArray[Any]

LOADING = 0.4
"""Share of the work that is reading the run."""
LONG = 28
"""Letters of a name on the button at most."""


class RegionMap(QWidget):
    """A button that makes the seed map of the region that is looked at; the run stays prepared for the next.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    button : QPushButton
    message : QLabel
        What stands in the way.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self._made: Connecting | None = None
        self._read: RunSeries | None = None
        self._region = self._run = 0
        self._mapper: SeedMapper | None = None  # of the run that was mapped last
        self._mapped = -1
        self.button = button("Seed map", "Correlate this region's series with that of every voxel of the run.", self.show_map)
        self.message = words()
        self.work = Work(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for each in (self.button, WorkBar(self.work), self.message):
            column.addWidget(each)
        panel.at_end(self.work.close)
        self.work.failed.connect(self._on_failed)
        self.message.hide()
        self.hide()

    def take(self, made: Connecting | None, read: RunSeries | None) -> None:
        """Make maps of the runs of this connectome from now on; of none, where nothing is known of them."""
        if made is not self._made:
            self.work.close()
            self._mapper, self._mapped = None, -1
        self._made, self._read = made, read
        self._tell("")

    def offer(self, region: int | None, run: int = 0) -> None:
        """Offer the map of this region in this run, both counted from 0; None offers nothing."""
        read = self._read
        self.setVisible(region is not None and read is not None and self._made is not None)
        if region is None or read is None:
            return
        self._region, self._run = region, run
        self._tell("")
        name = str(read.series[run].names[region])
        where = f" in {read.runs[run]}" if len(read.runs) > 1 else ""
        self.button.setText(f"Seed map of {shortened(name, LONG)}")
        self.button.setToolTip(f"Correlate the series of {name}{where} with that of every voxel of the run.")

    def show_map(self) -> None:
        """Make the map in the background and show it."""
        made, read = self._made, self._read
        if made is None or read is None:
            return
        self._tell("")
        run, name = self._run, str(read.series[self._run].names[self._region])
        series = np.asarray(read.series[run].data[:, self._region], dtype=np.float64)
        mapper = self._mapper if self._mapped == run else None
        self.work.run(_Map(made, read.runs[run], name, series, mapper), then=self._on_made)

    def _on_made(self, found: tuple[SeedMapper, Volume, str]) -> None:
        self._mapper, volume, run = found
        self._mapped = -1 if self._read is None else list(self._read.runs).index(run)
        provenance = {**self._mapper.provenance(), "seeds": [{"name": volume.name}]}
        layer = show_region_map(self.viewer, volume, run, self._mapper.dof, provenance)
        layer.visible = True

    def _on_failed(self, sentence: str) -> None:
        self._tell(as_sentence(sentence))

    def _tell(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))


@dataclass(frozen=True, eq=False)
class _Map:
    """One map, computed beside the window; with the mapper of before where the run is the same."""

    made: Connecting
    run: str
    name: str
    series: Array
    mapper: SeedMapper | None

    def __call__(self, progress: Progress) -> tuple[SeedMapper, Volume, str]:
        mapper = self.mapper
        if mapper is None:
            source = next(each for each in as_sources(self.made.sources) if each.name == self.run)
            loaded = source.load(part(progress, 0.0, LOADING))
            cleaned = self.made.series
            params = SeedMap(cleaning=cleaned.cleaning, fwhm=cleaned.fwhm or SeedMap().fwhm)
            mapper = SeedMapper(loaded, params, progress=part(progress, LOADING, 1.0))
        return mapper, mapper.map_of(self.series, self.name), self.run
