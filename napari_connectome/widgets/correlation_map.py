"""The *Correlation map* dock widget: prepare a run once, then drag a seed and watch its map follow."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton

from napari_connectome.analyses.seed_map import SeedMap, SeedMapper
from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.errors import InputError, Progress
from napari_connectome.core.values import Run, Volume
from napari_connectome.core.words import as_sentence
from napari_connectome.layers.correlation import PINNED, ROLE
from napari_connectome.layers.preview import is_preview
from napari_connectome.layers.spatial import grid_of, info, is_run, is_volume, run_of, volume_of
from napari_connectome.widgets.cleaning_form import CleaningForm
from napari_connectome.widgets.confounds import ConfoundsPanel
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.live_seed import LiveSeed
from napari_connectome.widgets.panel import Panel, row
from napari_connectome.widgets.repetition import RepetitionRow
from napari_connectome.widgets.section import Section
from napari_connectome.widgets.view import ViewBar
from napari_connectome.widgets.work import Work, WorkBar

SETTLE = 400
"""Milliseconds an option must stay as it is before the run is prepared again with it."""
FIRST_CLEANING = Cleaning(high_pass=0.01, low_pass=0.1)
"""The band of resting-state work, shown and changeable."""


class CorrelationMap(Panel):
    """Seed-to-voxel correlation, live.

    Parameters
    ----------
    napari_viewer : napari.Viewer

    Attributes
    ----------
    live : LiveSeed
        The seed, its map and its series.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._preparing: Layer | None = None
        self._build()
        self._connect()
        self._on_run(self.run_choice.layer)

    def _build(self) -> None:
        self.view_bar = ViewBar(self.viewer)
        self.run_choice = LayerChoice(self.viewer, is_run)
        self.run_choice.setToolTip("The BOLD run: a 4-D image layer (t, z, y, x).")
        self.repetition = RepetitionRow()
        self.mask_choice = LayerChoice(self.viewer, self._fits_mask, instead="automatic")
        self.mask_choice.setToolTip("Voxels that get a value: found from the run, or those above 0 in a layer.")
        self.form = ParamsForm(SeedMap(), fields=("fwhm", "statistic"))
        self.cleaning = CleaningForm(FIRST_CLEANING)
        self.confounds = ConfoundsPanel()
        self.sections = [Section(self.cleaning), Section(self.confounds)]
        self.prepare_button = QPushButton("Prepare")
        self.prepare_button.setToolTip("Clean and smooth the run once; then every seed's map is there at once.")
        self.work = Work(self)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.live = LiveSeed(self)
        self.column.addWidget(self.view_bar)
        self.column.addLayout(row("Run", self.run_choice))
        self.column.addWidget(self.repetition)
        self.column.addLayout(row("Mask", self.mask_choice))
        self.column.addWidget(self.form)
        for part in (*self.sections, self.prepare_button, WorkBar(self.work), self.message, self.live):
            self.column.addWidget(part)
        self.column.addStretch(1)

    def _connect(self) -> None:
        self._again = self.timer(SETTLE, self.prepare)
        self.at_end(self.work.close)
        self.at_end(self.run_choice.close_choice)
        self.at_end(self.mask_choice.close_choice)
        self.run_choice.chosen.connect(self._on_run)
        self.run_choice.altered.connect(self._on_run_altered)
        self.mask_choice.altered.connect(self._on_option)
        for part in (self.cleaning, self.confounds):
            part.changed.connect(self._name_sections)
            part.changed.connect(self._on_option)
        self.mask_choice.chosen.connect(self._on_option)
        self.repetition.answered.connect(self._on_option)
        self.form.changed.connect(self._on_form)
        self.prepare_button.clicked.connect(self.prepare)
        self.work.failed.connect(self._failed)
        self.work.cancelled.connect(self._on_cancelled)
        self.live.said.connect(self.say)

    def parameters(self) -> SeedMap:
        """The parameters as the form shows them; `InputError` where they do not go together."""
        return self.form.value.replace(cleaning=self.cleaning.value)

    def prepare(self) -> None:
        """Prepare the run with the options shown, in the background; the newest call wins."""
        self._again.stop()
        try:
            run, params, mask = self._gather()
        except InputError as error:
            self.work.cancel()
            self._failed(str(error))
            return
        self.say("")
        self._preparing = self.run_choice.layer

        def work(progress: Progress) -> tuple[Run, SeedMapper]:
            return run, SeedMapper(run, params, mask, progress=progress)

        self.work.run(work, then=self._on_prepared)

    def say(self, sentence: str) -> None:
        """Show one sentence where the user looks; "" takes it away."""
        self.message.setText(sentence)

    def _gather(self) -> tuple[Run, SeedMap, Volume | None]:
        layer = self.run_choice.layer
        if layer is None:
            raise InputError("there is no run: open a 4-D image (File > Open, or File > Open Sample > Connectome).")
        table, keep = self.confounds.chosen()
        run, mask = run_of(layer, confounds=table, keep=keep), self.mask_choice.layer
        return run, self.parameters(), None if mask is None else volume_of(mask, [run.grid])

    def _on_prepared(self, prepared: tuple[Run, SeedMapper]) -> None:
        self.say("")
        self.live.show_map(*prepared)

    def _failed(self, sentence: str) -> None:
        """Say why there is no new map, and which one is shown instead."""
        shown = self.live.shown
        still = f" The map shown is still that of {shown.mapper.run_name} as prepared before." if shown is not None else ""
        self.say(f"{as_sentence(sentence)}{still}")

    def _on_cancelled(self) -> None:
        if not self.message.text():  # otherwise it was stopped for a reason that is there to be read
            self._failed("Cancelled; nothing was changed.")

    def _on_run(self, layer: Layer | None) -> None:
        self.repetition.ask(layer)
        self.confounds.set_run(layer)
        self._name_sections()
        self.mask_choice.reset()
        if self.work.busy and self._preparing is not layer:
            self.work.close()  # what it would bring belongs to a run that is no longer meant
            self.say("The run was changed while it was prepared: press Prepare again.")
        elif layer is not None:
            self._on_option()

    def _on_run_altered(self) -> None:
        """Follow other data, or another TR, in the same layer; the confounds stay while they still fit."""
        layer = self.run_choice.layer
        self.repetition.ask(layer)
        if layer is not None and self.confounds.n_volumes != layer.data.shape[0]:
            self.confounds.set_run(layer)
            self._name_sections()
        self.mask_choice.reset()
        self._on_option()

    def _on_option(self, *_: Any) -> None:
        """Prepare again by itself, once it was prepared before."""
        self.say("")
        if self.live.shown is not None or self.work.busy:
            self._again.start()

    def _on_form(self) -> None:
        """A new statistic needs no preparing."""
        shown = self.live.shown
        if shown is None or self.work.busy or self.form.value.fwhm != shown.mapper.params.fwhm:
            self._on_option()
        elif self.form.value.statistic != shown.mapper.params.statistic:
            self.live.use(self.form.value.statistic)

    def _name_sections(self, *_: Any) -> None:
        """Say in the titles what is chosen, so that nothing has to be opened to be known."""
        for section, text in zip(self.sections, (self.cleaning.in_words(), self.confounds.in_words()), strict=True):
            section.setText(text)

    def _fits_mask(self, layer: Layer) -> bool:
        run = self.run_choice.layer
        mask = is_volume(layer) and info(layer).get("role") not in (ROLE, PINNED) and not is_preview(layer)
        if not mask or run is None:
            return mask
        grid = grid_of(run)
        return grid.matches(grid_of(layer, [grid]))
