"""Learning networks: the runs, how, where, what to start from; and watching it."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_connectome.analyses.networks import NetworkMaps, Networks
from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.sources import Source
from napari_connectome.core.subject import Reductions
from napari_connectome.core.values import Maps, Regions, Volume
from napari_connectome.core.words import as_sentence, some
from napari_connectome.layers.background import Background
from napari_connectome.layers.map_stack import is_stack, maps_of
from napari_connectome.layers.network_sketch import SKETCH
from napari_connectome.layers.preview import Preview, is_preview
from napari_connectome.layers.spatial import info, is_volume, regions_of, volume_of
from napari_connectome.widgets.cleaning_form import CleaningForm
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.learning import Learning
from napari_connectome.widgets.network_browser import SIGN_OF_ICA
from napari_connectome.widgets.panel import Panel, row, words
from napari_connectome.widgets.preferences import scheduler, scheduler_changed
from napari_connectome.widgets.run_list import RunList
from napari_connectome.widgets.run_outcome import RunOutcome
from napari_connectome.widgets.section import Section
from napari_connectome.widgets.work import Work, WorkBar

OWNER = "dictionary-learning mask"
LOOK = 200
"""Milliseconds between two looks at the maps while they are learned."""
MORE = ("n_init", "ratio", "seed", "reduction")
OF_A_DICTIONARY = ("alpha", "search")
NEXT = " Go on under Networks and Regions."


class NetworkLearning(QWidget):
    """Choose, learn, watch.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    started, stopping, ended : Signal
        Learning has begun; somebody has cancelled it; it has ended, whether anything came of it or not.
    reduced : Signal(Volume or None)
        The runs are reduced; their mean.
    sketched : Signal(Sketch)
        What the networks look like so far.
    learned : Signal(NetworkMaps, Volume or None)
        Just before `ended`.
    background : Background
        The mean of the runs in the viewer, where they are in no layer.
    runs : RunList
    kept : Reductions or None
        Of the runs, from the last time.
    sources : list of Source
    params : Networks
        What was learned from last, and how.
    """

    started = Signal()
    stopping = Signal()
    ended = Signal()
    reduced = Signal(object)
    sketched = Signal(object)
    learned = Signal(object, object)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        self.viewer = panel.viewer
        self.kept: Reductions | None = None
        self.sources: list[Source] = []
        self.params = Networks()
        self.learning: Learning | None = None
        self._began = 0.0
        self._mean_told = False
        self._after: Any = None  # what goes on once runs are left out
        self.preview = Preview(self.viewer, OWNER)
        self.background = Background(self.viewer, OWNER)
        self._build(panel)
        self._look = panel.timer(LOOK, self._on_look)
        self._connect(panel)
        self._show_fields()
        self._on_cleaning()

    def _build(self, panel: Panel) -> None:
        self.runs = RunList(panel)
        self.form = ParamsForm(Networks(), fields=("n_components", "method", "alpha", "search", "fwhm", "mask"))
        method = self.form.widget("method")
        method.setToolTip(f"{method.toolTip()} {SIGN_OF_ICA}")
        self.mask_choice = LayerChoice(self.viewer, self._fits_mask, instead="common to the runs")
        self.mask_choice.setToolTip("The voxels to learn from: those of most runs' brain masks, or those above 0 in a layer.")
        self.preview_button = QPushButton("Preview")
        self.preview_button.setCheckable(True)
        self.preview_button.setMinimumWidth(40)
        self.preview_button.setToolTip("Show the outline of the mask, and how much it holds.")
        self.mask_choice.setMinimumContentsLength(6)  # beside the button
        self.start_choice = LayerChoice(self.viewer, self._fits_start, instead="nothing")
        self.start_choice.setToolTip(
            "Networks to begin with: a layer of maps, or regions, one network each; they decide how many."
        )
        self.cleaning = CleaningForm(Networks().cleaning)
        self.cleaning_section = Section(self.cleaning)
        self.more = ParamsForm(Networks(), fields=MORE)
        self.learn_button = QPushButton("Learn")
        self.learn_button.setToolTip(
            "Learn the networks in the background; they can be watched, and Cancel leaves nothing behind."
        )
        self.work = Work(self)
        self.outcome, self.place = RunOutcome(panel, self.runs, "Learned before"), words()
        self.message, self.account = self.outcome.message, self.outcome.account
        self.leave_out_button = self.outcome.leave_out_button
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.runs, self.form):
            column.addWidget(part)
        column.addLayout(row("Within", self.mask_choice, self.preview_button))
        column.addLayout(row("Start from", self.start_choice))
        line = QHBoxLayout()
        line.addWidget(self.learn_button, 1)
        for part in (self.cleaning_section, Section(self.more, "Random starts, threshold, reduction"), self.place):
            column.addWidget(part)
        column.addLayout(line)
        column.addWidget(WorkBar(self.work))
        column.addWidget(self.outcome)
        column.addStretch(1)
        self.place.hide()

    def _connect(self, panel: Panel) -> None:
        panel.at_end(self.work.close)
        panel.at_end(self.mask_choice.close_choice)
        panel.at_end(self.start_choice.close_choice)
        panel.at_end(self._clear_preview)
        self.runs.changed.connect(self._on_runs)
        self.form.changed.connect(self._show_fields)
        self.form.changed.connect(self._hide_mask)
        self.cleaning.changed.connect(self._on_cleaning)
        self.mask_choice.chosen.connect(self._hide_mask)
        self.mask_choice.chosen.connect(self._show_fields)
        self.start_choice.chosen.connect(self._show_fields)
        self.preview_button.clicked.connect(self._on_preview)
        self.learn_button.clicked.connect(self.learn)
        self.outcome.left_out.connect(self._go_on)
        self.work.failed.connect(self._on_failed)
        self.work.stopping.connect(self._on_stopping)
        self.work.cancelled.connect(self._on_cancelled)
        self.work.ended.connect(self._on_ended)
        address = scheduler_changed()
        if address is not None:
            panel.follow(address, self._show_place)

    # -- what is asked for --------------------------------------------------------------------------------------------

    def parameters(self) -> Networks:
        """The parameters as the forms show them; `InputError` where they do not go together."""
        more = {field: getattr(self.more.value, field) for field in MORE}
        return self.form.value.replace(**more, cleaning=self.cleaning.value)

    def learn(self) -> None:
        """Learn with the options shown, in the background; a learning that goes on is stopped for it."""
        self._after = self.learn
        learning = self._gathered()
        if learning is None:
            return
        self._clear_preview()
        self.account.hide()
        self.learning, self._began, self._mean_told = learning, time.monotonic(), False
        self.work.run(learning.learn, then=self._on_learned)
        self._look.start()
        self.started.emit()

    def _gathered(self) -> Learning | None:
        """What is asked for; None where something stands in the way, which is said."""
        self.outcome.say("")
        self._keep()
        if self.runs.busy:
            self.outcome.say("The headers of the runs are still being read: press again in a moment.")
            self.outcome.tell_before()
            return None
        try:
            entries = self.runs.usable()
            return Learning(
                entries,
                [entry.source(self.runs.regressed) for entry in entries],
                self.parameters(),
                self._mask(),
                self._start(),
                self.kept,
                resample=self.runs.resample.isChecked(),
                address=scheduler(),
            )
        except InputError as error:
            self.outcome.refuse(str(error))
            return None

    def _mask(self) -> Volume | None:
        layer = self.mask_choice.layer
        return None if layer is None else volume_of(layer, self._grids())

    def _start(self) -> Maps | Regions | None:
        layer = self.start_choice.layer
        if layer is None:
            return None
        return regions_of(layer, self._grids()) if isinstance(layer, Labels) else maps_of(layer)

    def _grids(self) -> list[Any]:
        return [entry.grid for entry in self.runs.used if entry.grid is not None][:1]

    def _fits_mask(self, layer: Layer) -> bool:
        return is_volume(layer) and not is_preview(layer)

    def _fits_start(self, layer: Layer) -> bool:
        labels = isinstance(layer, Labels) and layer.data.ndim == 3 and not is_preview(layer)
        return labels or (is_stack(layer) and info(layer).get("role") != SKETCH)

    # -- what comes of it ---------------------------------------------------------------------------------------------

    def _on_look(self) -> None:
        """Show the mean of the runs, then the newest sketch: one at a look, between which Cancel is heard."""
        learning = self.learning
        if learning is None:
            return
        if learning.sketch is not None or learning.mean is not None:
            with self.work.held():  # a new layer takes the window a quarter of a second, and thrice that beside the learning
                self._show_next(learning)
        self._look.start()

    def _show_next(self, learning: Learning) -> None:
        if not self._mean_told:
            self._mean_told = True
            self.reduced.emit(learning.mean)
        elif learning.sketch is not None:
            sketch, learning.sketch = learning.sketch, None
            self.sketched.emit(sketch)

    def _on_learned(self, maps: NetworkMaps | None) -> None:
        learning, self.learning = self.learning, None
        assert learning is not None
        assert learning.reductions is not None
        self.kept = learning.reductions
        self.runs.mark_failed(learning.failed)
        if maps is None:
            self.outcome.refuse(" ".join(learning.failed.values()), leave_out=len(learning.failed))
        else:
            self.outcome.say("")
            self.sources, self.params = learning.sources, learning.params
            self._account(maps, learning.reductions, time.monotonic() - self._began)
            self.learned.emit(maps, learning.mean)
        self.ended.emit()

    def _go_on(self) -> None:
        """Go on with what was asked for, without the runs that were left out."""
        self._after()

    def _on_failed(self, sentence: str) -> None:
        self._stopped()
        self.outcome.refuse(sentence)

    def _on_cancelled(self) -> None:
        self._stopped()
        self.outcome.say("Cancelled; nothing was changed." + self._kept_in_words())
        self.outcome.tell_before()

    def _on_stopping(self) -> None:
        """Show no more of it."""
        self._look.stop()
        self.stopping.emit()

    def _on_ended(self) -> None:
        self._look.stop()

    def _stopped(self) -> None:
        """Nothing has come of it but reductions, which are kept."""
        self.preview_button.setChecked(self.preview.layer is not None)
        if self.learning is not None:
            self._keep()
            self.learning = None
            self.ended.emit()

    def _keep(self) -> None:
        """Keep the reductions of a learning that was stopped."""
        if self.learning is not None:
            self.kept = self.learning.reductions or self.kept

    # -- the mask -----------------------------------------------------------------------------------------------------

    def _on_preview(self, on: bool) -> None:
        self._clear_preview()
        self.preview_button.setChecked(on)
        self.account.hide()
        if on:
            self.preview_mask()

    def preview_mask(self) -> None:
        """Show the mask that would be learned in."""
        self._after = self.preview_mask
        learning = self._gathered()
        if learning is None:
            self.preview_button.setChecked(False)
            return
        self._stopped()  # a learning that goes on makes room for it
        self.preview_button.setChecked(True)

        def look(progress: Progress) -> tuple[Learning, Volume]:
            return learning, learning.common_mask(progress)

        self.work.run(look, then=self._on_mask)

    def _on_mask(self, found: tuple[Learning, Volume]) -> None:
        learning, mask = found
        self.kept = learning.reductions or self.kept
        self.preview_button.setChecked(True)
        self.preview.show(np.asarray(mask.data > 0), mask.grid)
        self.background.lend(learning.mean)
        inside = int((mask.data > 0).sum())
        share = f"{100 * inside / mask.data.size:.0f} % of the box"
        self.runs.mark_failed(learning.failed)
        without = f" Made without {', '.join(self.runs.failed)}, which cannot be read." if learning.failed else ""
        self.outcome.tell(
            f"The mask holds {inside:,} voxels, {inside * mask.grid.voxel_volume / 1000:,.0f} cm³, {share}.{without}"
        )

    def _hide_mask(self, *_: Any) -> None:
        """What is shown is not what would be used any more."""
        if self.preview.layer is not None:
            self._clear_preview()

    def _clear_preview(self) -> None:
        both = self.preview.layer is not None and self.background.layer is not None
        with self.viewer.layers.batched_update() if both else nullcontext():  # napari cleans up once, but then always
            self.preview.clear()
            self.background.take_back()
        self.preview_button.setChecked(False)

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _account(self, maps: NetworkMaps, reductions: Reductions, seconds: float) -> None:
        inside = "" if maps.mask is None else f" in {int(np.count_nonzero(maps.mask.data)):,} voxels"
        runs = some(len(maps.subjects), "run")
        parts = [f"{len(maps)} networks of {runs}{inside} explain {100 * maps.score:.1f} % of the variance; {seconds:.1f} s."]
        if np.isfinite(maps.objective):
            parts.append(f"Objective {maps.objective:.4g} {_after(maps)}.")
        parts += [f"{as_sentence(notice).rstrip('.')}." for notice in maps.provenance.get("notices", ())]
        if reductions.left_out:
            parts.append(f"{', '.join(self.runs.failed)} left out.")
        parts += [as_sentence(sentence) for sentence in maps.left_out[len(reductions.left_out) :]]
        self.outcome.found(" ".join(parts), self._kept_in_words() + NEXT)

    def _kept_in_words(self) -> str:
        if self.kept is None or not self.kept.subjects:
            return ""
        n, fewer = len(self.kept.subjects), "fewer networks, " * (self.more.value.reduction == "exact")
        return f" The reductions of {some(n, 'run')} are kept: {fewer}another method or sparsity start at once."

    def _on_runs(self) -> None:
        self._hide_mask()
        if not self.work.busy:
            self.outcome.say("")

    def _on_cleaning(self) -> None:
        self.cleaning_section.setText(self.cleaning.in_words())

    def _show_fields(self, *_: Any) -> None:
        """Switch off what the method does not ask for."""
        dictionary = self.form.value.method == "dictionary"
        for field in OF_A_DICTIONARY:
            self.form.widget(field).setEnabled(dictionary)
        self.more.widget("ratio").setEnabled(not dictionary)
        self.form.widget("n_components").setEnabled(self.start_choice.layer is None)
        self.form.widget("mask").setEnabled(self.mask_choice.layer is None)
        self._show_place()

    def _show_place(self, *_: Any) -> None:
        address = scheduler()
        self.place.setText(f"Runs are reduced on the cluster of {address} (Preferences > Connectome).")
        self.place.setVisible(bool(address))


def _after(maps: NetworkMaps) -> str:
    """What the objective was reached by."""
    n = len(maps.objectives)
    if n < 2:
        return "after some voxels, as nilearn; a full search may come lower"
    return f"after {n} passes over all voxels"
