"""Computing a connectome: the regions, the runs, how their series are made and what is measured of them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_connectome.analyses.region_series import RegionSeries
from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError
from napari_connectome.core.sparse_connectomes import SparseConnectome
from napari_connectome.core.values import Series
from napari_connectome.core.words import some
from napari_connectome.layers.background import Background
from napari_connectome.studies.computed_source import Computation, ComputedSource
from napari_connectome.widgets.cleaning_form import CleaningForm
from napari_connectome.widgets.computed_form import ComputedForm
from napari_connectome.widgets.connecting import Connecting, KeptSeries
from napari_connectome.widgets.connectivity_form import ConnectivityForm
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.panel import Panel
from napari_connectome.widgets.preferences import scheduler
from napari_connectome.widgets.region_choice import Chosen, RegionChoice
from napari_connectome.widgets.run_entry import Regressed, by_grid
from napari_connectome.widgets.run_list import RunList
from napari_connectome.widgets.run_outcome import RunOutcome
from napari_connectome.widgets.section import Section
from napari_connectome.widgets.work import Work, WorkBar

Array = npt.NDArray[Any]

OWNER = "connectome"
CLEANING = Cleaning(high_pass=0.01)
"""What a run at rest mostly needs before its correlations mean anything."""


LOST = 0.5
"""Share of its volume that a region should keep in a run, not to be told of."""
NAMED = 3
"""Regions that are named where there are many."""


class ConnectomeComputing(QWidget):
    """Choose and compute.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    computed : Signal(Connectome)
    regions : RegionChoice
    runs : RunList
    kept : KeptSeries or None
        The series of the runs, from the last time.
    last : Connecting or None
        What made the last connectome.
    used : Regions, Maps, DataFrame or None
        The regions of the last connectome.
    provenance : dict
        The parameters and runs that made it, in plain values.
    """

    computed = Signal(object)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        self.kept: KeptSeries | None = None
        self.last: Connecting | None = None
        self.used: Chosen | None = None
        self.provenance: dict[str, Any] = {}
        self.connecting: Connecting | None = None
        self.background = Background(panel.viewer, OWNER, faint=True)
        self._began = 0.0
        self._build(panel)
        self._connect(panel)
        self._show_fields()
        self._on_cleaning()

    def _build(self, panel: Panel) -> None:
        self.regions = RegionChoice(panel)
        self.runs = RunList(panel, one_grid=False)
        self.computed_confounds = ComputedForm(panel)
        self.computed_section = Section(self.computed_confounds, self.computed_confounds.in_words())
        self.form = ConnectivityForm()
        self.series = ParamsForm(RegionSeries(cleaning=CLEANING), fields=_plain_fields())
        self.cleaning = CleaningForm(CLEANING)
        self.cleaning_section = Section(self.cleaning)
        self.compute_button = QPushButton("Compute")
        self.compute_button.setToolTip("Compute the connectome of each run in the background.")
        self.work = Work(self)
        self.outcome = RunOutcome(panel, self.runs, "Computed before")
        self.message, self.account = self.outcome.message, self.outcome.account
        self.leave_out_button = self.outcome.leave_out_button
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        series_section = Section(self.series, "Series: summary, smoothing, spheres")
        for part in (self.regions, self.runs, self.computed_section, self.form, series_section, self.cleaning_section):
            column.addWidget(part)
        for part in (self.compute_button, WorkBar(self.work), self.outcome):
            column.addWidget(part)
        column.addStretch(1)

    def _connect(self, panel: Panel) -> None:
        panel.at_end(self.work.close)
        self.regions.changed.connect(self._show_fields)
        self.runs.changed.connect(self._on_runs)
        self.computed_confounds.changed.connect(self._on_computed_confounds)
        self.cleaning.changed.connect(self._on_cleaning)
        self.compute_button.clicked.connect(self.compute)
        self.outcome.left_out.connect(self.compute)
        self.work.failed.connect(self._on_failed)
        self.work.cancelled.connect(self._on_cancelled)

    # -- what is asked for --------------------------------------------------------------------------------------------

    def series_parameters(self) -> RegionSeries:
        """How series are made, as the forms show it; `InputError` where it does not go together."""
        params = self.series.value.replace(cleaning=self.cleaning.value)
        return params.replace(summary="mean") if self.regions.are_maps else params

    def compute(self) -> None:
        """Compute with the options shown, in the background; one that goes on is stopped for it."""
        connecting = self._gathered()
        if connecting is None:
            return
        self.account.hide()
        self.connecting, self._began = connecting, time.monotonic()
        self.work.run(connecting.connect, then=self._on_computed)

    def _gathered(self) -> Connecting | None:
        """What is asked for; None where something stands in the way, which is said."""
        self.outcome.say("")
        if self.runs.busy or self.regions.busy:
            what = "headers of the runs are" if self.runs.busy else "atlas is"
            self.outcome.say(f"The {what} still being read: press again in a moment.")
            return None
        try:
            entries = self.runs.usable()
            grids = [group[0].grid for group in by_grid(entries) if group[0].grid is not None]
            computation = self.computed_confounds.computation(grids)
            sources = [entry.source(self.runs.regressed) for entry in entries]
            return Connecting(
                entries,
                sources if computation is None else [ComputedSource(source, computation) for source in sources],
                self.regions.regions(grids),
                self.series_parameters(),
                self.form.value,
                self.kept,
                scheduler(),
                self.regions.layer_choice.layer,
                _in_plain_values(self.runs.regressed, computation),
                self.regions.called,
            )
        except InputError as error:
            self.outcome.refuse(str(error))
            return None

    # -- what comes of it ---------------------------------------------------------------------------------------------

    def _on_computed(self, found: Connectome | None) -> None:
        connecting, self.connecting = self.connecting, None
        assert connecting is not None
        self.kept = connecting.kept
        self.runs.mark_failed(connecting.failed)
        if found is None:
            self.outcome.refuse(" ".join(connecting.failed.values()), leave_out=len(connecting.failed))
            return
        self.outcome.say("")
        self.last, self.used, self.provenance = connecting, connecting.regions, connecting.provenance()
        self.background.show(None if connecting.kept is None else connecting.kept.mean)
        self._account(found, connecting, time.monotonic() - self._began)
        self.computed.emit(found)

    def _on_failed(self, sentence: str) -> None:
        self._keep()
        self.outcome.refuse(sentence)

    def _on_cancelled(self) -> None:
        self._keep()
        self.outcome.say("Cancelled; nothing was changed.")
        self.outcome.tell_before()

    def _keep(self) -> None:
        """Keep the series that were read, though no connectome came of them."""
        if self.connecting is not None:
            self.kept, self.connecting = self.connecting.kept, None

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _account(self, found: Connectome, connecting: Connecting, seconds: float) -> None:
        kind = found.kind.replace("_", " ")
        if isinstance(found, SparseConnectome):
            kind = f"sparse {kind}"
        of = f"{some(len(found.names), 'region')} in {some(len(connecting.sources) - len(connecting.failed), 'run')}"
        parts = [f"{kind[:1].upper()}{kind[1:]} of {of}; {seconds:.1f} s."]
        if isinstance(found, SparseConnectome):
            parts.append(f"Alpha {found.alpha:.3g}, duality gap {found.gap:.2g}.")
        parts += _findings(found)
        parts += [] if connecting.kept is None else _sizes(connecting.kept.read.series)
        parts += _censored(connecting)
        if connecting.failed:
            parts.append(f"{', '.join(entry.name for entry in connecting.failed)} left out.")
        self.outcome.found(" ".join(parts), "" if connecting.reused else " The series are kept: another kind starts at once.")

    def _on_runs(self) -> None:
        if not self.work.busy:
            self.outcome.say("")

    def _on_computed_confounds(self) -> None:
        self.computed_section.setText(self.computed_confounds.in_words())

    def _on_cleaning(self) -> None:
        self.cleaning_section.setText(self.cleaning.in_words())

    def _show_fields(self, *_: Any) -> None:
        """Switch off what the regions do not ask for."""
        self.series.widget("summary").setEnabled(not self.regions.are_maps)
        self.series.widget("radius").setEnabled(self.regions.are_spheres)


def _in_plain_values(regressed: Regressed, computation: Computation | None) -> dict[str, Any]:
    """What is regressed out of runs, for the account that is saved."""
    limit = regressed.fd_limit
    known: dict[str, Any] = {"columns": regressed.preset, "fd_limit": "inf" if math.isinf(limit) else limit}
    return known if computation is None else {**known, "computed": computation.in_plain_values()}


def _plain_fields() -> tuple[str, ...]:
    """The fields of a region's series but for the cleaning, which has a form of its own."""
    return tuple(name for name, value in RegionSeries().to_dict().items() if not isinstance(value, dict))


def _findings(found: Connectome) -> list[str]:
    """What is to be known of a connectome beside its numbers: how much was drawn towards 0, and what is missing."""
    told = []
    shrinkage = np.asarray(found.shrinkage)
    if shrinkage.any():
        low, high = float(shrinkage.min()), float(shrinkage.max())
        told.append(f"Shrinkage {low:.2g}{'' if f'{low:.2g}' == f'{high:.2g}' else f' to {high:.2g}'}.")
    missing: Array = np.asarray(~np.isfinite(found.matrices).any(axis=2))
    if missing.any():
        nowhere = [found.names[int(i)] for i in np.flatnonzero(missing.all(axis=0))]
        some_runs = int((missing.any(axis=0) & ~missing.all(axis=0)).sum())
        if nowhere:
            told.append(f"No signal of {_first(nowhere)} in any run.")
        if some_runs:
            told.append(f"{some(some_runs, 'region')} missing in some runs.")
    return told


def _sizes(series: Sequence[Series]) -> list[str]:
    """How many voxels the regions have in the runs, and which of them have lost most of theirs."""
    tables = [each.table for each in series if each.table is not None]
    if not tables:
        return []
    used = np.array([table["used"] for table in tables])
    kept: Array = np.array([table["kept"] for table in tables]).min(axis=0)
    least, most = int(used.min()), int(used.max())
    told = [f"Regions have {f'{least:,} to {most:,} voxels' if least < most else some(most, 'voxel')}."]
    lost = [str(name) for name in tables[0]["name"][kept < LOST]]
    if lost:
        told.append(f"Less than half of {_first(lost)} lies in a run.")
    return told


def _censored(connecting: Connecting) -> list[str]:
    """How many volumes of all runs have no part in it."""
    whole = sum(entry.n_volumes for entry in connecting.entries if entry not in connecting.failed)
    left = 0 if connecting.kept is None else sum(len(series.data) for series in connecting.kept.read.series)
    return [f"{whole - left:,} of {some(whole, 'volume')} left out."] if 0 < left < whole else []


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
