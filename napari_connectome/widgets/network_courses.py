"""What networks do in a run: their time courses and spectra, for the run chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QSignalBlocker
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QComboBox, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_connectome.analyses.measurement import UNITS
from napari_connectome.analyses.region_series import RegionSeries, region_series
from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.errors import InputError, Progress, part
from napari_connectome.core.origins import fingerprint
from napari_connectome.core.resampling import resample
from napari_connectome.core.sources import Source
from napari_connectome.core.spectrum import FEWEST, spectrum
from napari_connectome.core.values import Maps, Run, Series
from napari_connectome.core.words import as_sentence
from napari_connectome.io.measures import write_measures
from napari_connectome.layers.time_axis import set_time, time_of
from napari_connectome.widgets.panel import Panel, button, row, words
from napari_connectome.widgets.plot import COLORS, Plot
from napari_connectome.widgets.save_as import TABLES, ask_path
from napari_connectome.widgets.series_plot import SeriesPlot
from napari_connectome.widgets.spectrum_plot import BAND, SpectrumPlot
from napari_connectome.widgets.work import Work, WorkBar, told

Array = npt.NDArray[Any]

MOST = len(COLORS)
"""Series shown at once."""


@dataclass(frozen=True, eq=False)
class Courses:
    """The time courses of networks in one run.

    Parameters
    ----------
    series : Series
        (t' × k).
    times : (t,) array
        Seconds, of all volumes.
    keep : (t,) bool array
        False for volumes that are left out.
    frequencies : (f,) array
        Hz.
    power : (f × k) array
    keys : tuple
        Which network each column is of.
    about : dict
        How they came about.
    """

    series: Series
    times: Array
    keep: Array
    frequencies: Array
    power: Array
    keys: tuple[Any, ...]
    about: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run, maps: Maps, keys: Sequence[Any], params: RegionSeries, progress: Progress) -> Courses:
        """Take them from a run, by least squares of all maps together; where grids differ the finer is brought to the other."""
        resampled = ""
        if not run.grid.matches(maps.grid):
            finer = maps.grid.voxel_volume < run.grid.voxel_volume
            resampled, sooner, progress = "maps" if finer else "run", part(progress, 0.0, 0.7), part(progress, 0.7, 1.0)
            if finer:
                maps = resample(maps, run.grid, progress=sooner)
            else:
                run = resample(run, maps.grid, progress=sooner)
        series = region_series(run, maps, params, progress=progress)
        keep = np.ones(run.n_volumes, dtype=bool) if run.keep is None else run.keep
        times = np.arange(run.n_volumes) * run.tr
        frequencies, power = _spectra(_whole(series.data, times[keep], times), run.tr)
        about = {
            "analysis": "region_series",
            "parameters": params.to_dict(),
            "run": run.name,
            "fingerprint": fingerprint(run),
            "repetition_time": run.tr,
            "volumes": len(series.data),
            "resampled": resampled,
            "maps": dict(maps.provenance),
        }
        return cls(series, times, keep, frequencies, power, tuple(keys), about)

    def column(self, key: Any) -> int:
        """The column of a network."""
        return self.keys.index(key)

    def slow(self, key: Any) -> float:
        """The share of the power from 0.01 to 0.1 Hz."""
        power = self.power[:, self.column(key)]
        inside = (self.frequencies >= BAND[0]) & (self.frequencies <= BAND[1])
        total = float(power.sum())
        return float(power[inside].sum()) / total if total > 0 else float("nan")


class NetworkCourses(QWidget):
    """Shows the time courses and spectra of networks in one of several runs.

    What was taken from a run is kept, so that to come back to it, to rename and to reorder cost nothing.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    run_choice : QComboBox
    series : SeriesPlot
    spectra : SpectrumPlot
    courses : Courses or None
        What is shown.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.courses: Courses | None = None
        self._maps: Maps | None = None
        self._keys: tuple[Any, ...] = ()
        self._hidden: frozenset[Any] = frozenset()
        self._colors: dict[Any, QColor] = {}
        self._chosen: list[Any] = []
        self._params = RegionSeries(cleaning=Cleaning())
        self._sources: list[Source] = []
        self._kept: dict[int, Courses] = {}
        self._build()
        panel.at_end(self.work.close)
        panel.follow(self.viewer.dims.events.current_step, self._on_dims)
        self.run_choice.activated.connect(self._on_run)
        self.series.frame_chosen.connect(self._on_frame)
        self.work.failed.connect(self._failed)
        self.work.cancelled.connect(self._on_cancelled)

    def _build(self) -> None:
        self.run_choice = QComboBox()
        self.run_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.run_choice.setMinimumContentsLength(10)
        self.run_choice.setToolTip("The run the time courses are taken from, cleaned and smoothed as for learning.")
        self.work = Work(self)
        self.about, self.message = words(), words()
        self.series, self.spectra = SeriesPlot(), SpectrumPlot()
        self.series.file_name = "network_series.tsv"
        self.series.show_names(False)  # they stand in the table, in the same colours
        self.series.setMinimumHeight(150)
        self.spectra.setMinimumHeight(140)
        for each in (self.series, self.spectra):  # both are to be seen in one dock: a plot asks for the height it had last
            each.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        tip = "The time courses of the networks shown in this run: time in seconds, a column a network."
        self.save_button = button("Save series…", f"{tip} What made them is written beside it as .json.", self._ask_save)
        self.save_spectra = button(
            "Save spectra…", "The same of the spectra: frequency in Hz, a column a network.", self._ask_spectra
        )
        buttons = QGridLayout()
        for i, each in enumerate((self.save_button, self.save_spectra)):
            each.setMinimumWidth(40)
            buttons.addWidget(each, 0, i)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Run", self.run_choice))
        for each in (WorkBar(self.work), self.message, self.about, self.series, self.spectra):
            column.addWidget(each, 1 if isinstance(each, Plot) else 0)
        column.addLayout(buttons)
        self._show()

    def set_sources(self, sources: Sequence[Source], params: RegionSeries) -> None:
        """Take the series from one of these runs, with these parameters; the one chosen stays, by its name."""
        before = self.run_choice.currentText()
        self._sources, self._params, self._kept = list(sources), params, {}
        names = [source.name for source in sources]
        with QSignalBlocker(self.run_choice):
            self.run_choice.clear()
            self.run_choice.addItems(names)
            if before in names:
                self.run_choice.setCurrentIndex(names.index(before))
        self._renew()

    def show_networks(
        self, maps: Maps | None, keys: Sequence[Any] = (), colors: Sequence[QColor] = (), hidden: Sequence[bool] = ()
    ) -> None:
        """Show the courses of these networks, or none.

        Parameters
        ----------
        maps : Maps or None
        keys : sequence
            One a map, the same for the same map whatever it is called and wherever it stands.
        colors : sequence of QColor
        hidden : sequence of bool
            Those that are not saved. They take part in the least squares all the same.
        """
        others = set(keys) != set(self._keys)
        self._maps, self._keys = maps, tuple(keys)
        self._colors = dict(zip(keys, colors, strict=True))
        self._hidden = frozenset(key for key, out in zip(keys, hidden, strict=False) if out)
        self._chosen = [key for key in self._chosen if key in self._colors]
        if others:
            self._kept = {}
            self._renew()
        else:
            self._show()

    def choose(self, keys: Sequence[Any]) -> None:
        """Show these networks, by their keys."""
        self._chosen = list(keys)
        self._show()

    # -- taking them from a run ---------------------------------------------------------------------------------------

    def _on_run(self, index: int) -> None:
        self._renew()

    def _renew(self) -> None:
        """Show the courses in the run chosen, taken from it in the background where they are not known yet."""
        maps, index = self._maps, self.run_choice.currentIndex()
        self._say("")
        self.courses = self._kept.get(index)
        self._show()
        if maps is None or index < 0 or self.courses is not None:
            self.work.close()
            return
        source, keys, params = self._sources[index], self._keys, self._params

        def work(progress: Progress) -> tuple[int, Courses]:
            run = source.load(part(progress, 0.0, 0.6))
            return index, Courses.of(run, maps, keys, params, part(progress, 0.6, 1.0))

        self.work.run(work, then=self._on_courses)

    def _on_courses(self, found: tuple[int, Courses]) -> None:
        index, courses = found
        self._kept[index] = self.courses = courses
        self._show()
        self._on_dims()

    def _failed(self, sentence: str) -> None:
        self._say(as_sentence(sentence))

    def _on_cancelled(self) -> None:
        self._say("Cancelled: choose the run again to see what the networks do in it.")

    def _say(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))

    # -- showing them -------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring plots, sentence and buttons up to date."""
        courses = self.courses
        shown = [] if courses is None else self._chosen[:MOST]
        for each in (self.about, self.series, self.spectra, self.save_button, self.save_spectra):
            each.setVisible(courses is not None)
        self.series.clear()
        if courses is None or self._maps is None:
            self.spectra.clear()
            return
        names, colors = self._names(), {key: color.name() for key, color in self._colors.items()}
        self.series.set_label(f"signal{UNITS[self._params.cleaning.standardize]}")
        self.series.set_volumes(courses.times, courses.keep)
        for key in shown:
            values = courses.series.data[:, courses.column(key)]
            self.series.set_series(courses.times[courses.keep], values, names[key], colors[key])
        powers = {names[key]: courses.power[:, courses.column(key)] for key in shown}
        self.spectra.set_label("power (sd²/Hz)" if self._params.cleaning.standardize == "zscore_sample" else "power")
        self.spectra.set_spectra(courses.frequencies, powers, {names[key]: colors[key] for key in shown})
        self.series.about = self.spectra.about = courses.about
        account = self._account(courses)
        self.about.setText(account)
        self.about.setVisible(bool(account))
        self._on_dims()

    def _names(self) -> dict[Any, str]:
        """A name for each network, all different: a name that several have is followed by the place."""
        assert self._maps is not None
        names = [str(name) for name in self._maps.names]
        count = Counter(names)
        whole = [name if count[name] == 1 else f"{name} ({i})" for i, name in enumerate(names, start=1)]
        return dict(zip(self._keys, whole, strict=True))

    def _account(self, courses: Courses) -> str:
        lines = []
        if resampled := courses.about.get("resampled"):
            what = "was resampled to that of the networks" if resampled == "run" else "the networks were resampled to that"
            lines.append(f"{courses.about['run']} is on another grid and {what}.")
        if len(self._chosen) == 1 and (slow := courses.slow(self._chosen[0])) == slow:
            lines.append(f"{100 * slow:.0f} % of its power lies between 0.01 and 0.1 Hz (shaded).")
        if len(self._chosen) > MOST:
            lines.append(f"The first {MOST} of {len(self._chosen)} networks chosen are shown.")
        left_out = int((~courses.keep).sum())
        if left_out:
            lines.append(f"{left_out} censored volumes (shaded) are left out; the spectra have straight lines there.")
        return "\n".join(lines)

    def _on_dims(self) -> None:
        """Mark the volume that is on the screen."""
        seconds = time_of(self.viewer)
        if self.courses is not None and seconds is not None:
            self.series.set_frame(seconds)

    def _on_frame(self, index: int) -> None:
        # By its time, not its number: another run in the viewer may have another TR.
        if self.courses is not None:
            set_time(self.viewer, float(self.courses.times[index]))

    # -- saving -------------------------------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """The series of the networks that are not hidden: time in seconds, a column a network."""
        return pd.DataFrame({"time": self._found().times[self._found().keep], **self._columns(self._found().series.data)})

    def spectra_to_frame(self) -> pd.DataFrame:
        """The spectra of the networks that are not hidden: frequency in Hz, a column a network."""
        return pd.DataFrame({"frequency": self._found().frequencies, **self._columns(self._found().power)})

    def _found(self) -> Courses:
        if self.courses is None:
            raise InputError("there are no time courses yet: choose a run first.")
        return self.courses

    def _columns(self, values: Array) -> dict[str, Array]:
        names, found = self._names(), self._found()
        return {names[key]: values[:, found.column(key)] for key in self._keys if key not in self._hidden}

    def _ask_save(self) -> None:
        self._ask("Save the time courses", "network_series.tsv", self.to_frame)

    def _ask_spectra(self) -> None:
        self._ask("Save the spectra", "network_spectra.tsv", self.spectra_to_frame)

    def _ask(self, title: str, name: str, frame: Any) -> None:
        with told(self._say):
            if path := ask_path(self, title, name, TABLES):
                # All of them, also those that are hidden: a network's course depends on those it was fitted with.
                about = {**self._found().about, "fitted_together": list(self._names().values())}
                write_measures(frame(), path, about)
                self._say(f"{Path(path).name} is saved, and what made it as .json beside it.")


def _spectra(data: Array, tr: float) -> tuple[Array, Array]:
    """Frequencies (f,) and power (f × k); none where there are too few volumes to speak of any."""
    if len(data) < FEWEST:
        return np.empty(0), np.empty((0, data.shape[1]))
    return spectrum(data, tr)


def _whole(data: Array, kept: Array, times: Array) -> Array:
    """Series (t' × k) with straight lines (t × k) where volumes were left out: a spectrum needs all of them."""
    if len(kept) == len(times):
        return data
    return np.column_stack([np.interp(times, kept, column) for column in data.T])


def as_learned(params: Any) -> RegionSeries:
    """How to take courses from runs that networks were learned from with these `Networks`: cleaned and smoothed alike."""
    return RegionSeries() if params is None else replace(RegionSeries(), fwhm=params.fwhm, cleaning=params.cleaning)
