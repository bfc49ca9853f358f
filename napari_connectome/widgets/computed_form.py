"""What is computed of each run to be regressed out of it: global signal, noisy voxels, tissues without neural signal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_connectome.analyses.computed_confounds import CompCor, ComputedConfounds, HighVariance
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Volume
from napari_connectome.layers.preview import is_preview
from napari_connectome.layers.spatial import is_volume, volume_of
from napari_connectome.studies.computed_source import Computation
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, row

INDENT = 14
"""Pixels by which the options of a choice stand to the right of it."""
CHOICES = ("global_signal", "high_variance", "compcor")


class ComputedForm(QWidget):
    """Which confounds are computed, how, and in which layers.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    changed : Signal
    choices : dict of str to ParamsForm
        Of each field of `ComputedConfounds` that says whether, its box.
    high_variance, compcor : ParamsForm
        How.
    brain, white_matter, csf : LayerChoice
        Where.
    """

    changed = Signal()

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.choices = {name: ParamsForm(ComputedConfounds(), fields=(name,)) for name in CHOICES}
        self.high_variance, self.compcor = ParamsForm(HighVariance()), ParamsForm(CompCor())
        self.brain = LayerChoice(panel.viewer, _fits, instead="automatic")
        self.brain.setToolTip(
            "The brain: where the global signal comes from (automatic: each run's own mask), and where the voxels that vary "
            "most are looked for (automatic: as chosen below them)."
        )
        self.white_matter, self.csf = (LayerChoice(panel.viewer, _fits, instead="none") for _ in range(2))
        for choice, tissue in ((self.white_matter, "white matter"), (self.csf, "cerebrospinal fluid")):
            choice.setToolTip(f"A layer of {tissue}: a mask, labels, or a map of its share between 0 and 1.")
        self._build()
        for layers in (self.brain, self.white_matter, self.csf):
            panel.at_end(layers.close_choice)
            layers.chosen.connect(self._on_changed)
        forms: tuple[ParamsForm[Any], ...] = (*self.choices.values(), self.high_variance, self.compcor)
        for form in forms:
            form.changed.connect(self._on_changed)
        self._show()

    def _build(self) -> None:
        self._tissue = QWidget()
        tissue = QVBoxLayout(self._tissue)
        tissue.addLayout(row("White matter", self.white_matter))
        tissue.addLayout(row("CSF", self.csf))
        tissue.addWidget(self.compcor)
        self._noisy, self._within = QWidget(), QWidget()
        noisy, within = QVBoxLayout(self._noisy), QVBoxLayout(self._within)
        noisy.addWidget(self.high_variance)
        within.addLayout(row("Brain", self.brain))
        for options in (tissue, noisy):
            options.setContentsMargins(INDENT, 0, 0, 0)
        within.setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        first, second, third = self.choices.values()
        for part in (first, second, self._noisy, self._within, third, self._tissue):
            column.addWidget(part)

    @property
    def value(self) -> ComputedConfounds:
        """The parameters as they stand; raises `InputError` where they do not go together."""
        chosen = {name: self._wants(name) for name in CHOICES}
        return ComputedConfounds(**chosen, of_high_variance=self.high_variance.value, of_compcor=self.compcor.value)

    @value.setter
    def value(self, params: ComputedConfounds) -> None:
        for form in self.choices.values():
            form.value = params
        self.high_variance.value, self.compcor.value = params.of_high_variance, params.of_compcor

    def computation(self, among: Iterable[Grid] = ()) -> Computation | None:
        """What is computed, in the layers as they are now; None for nothing. `among` as for `grid_of`."""
        params, grids = self.value, tuple(among)
        if not params.any:
            return None
        tissue = [_volume(choice, grids) for choice in (self.white_matter, self.csf)] if params.compcor else []
        found = tuple(volume for volume in tissue if volume is not None)
        if params.compcor and not found:
            raise InputError("CompCor is computed in tissues and none is chosen: choose a layer of white matter or of CSF.")
        needed = params.global_signal or params.high_variance
        return Computation(params, _volume(self.brain, grids) if needed else None, found)

    def in_words(self) -> str:
        """What is computed, in one line."""
        try:
            params = self.value
        except InputError:
            return "Computed confounds: see here"
        parts = ["global signal"] * params.global_signal
        parts += [f"{params.of_high_variance.n_components} of high variance"] * params.high_variance
        parts += [f"CompCor {_count(params.of_compcor)}"] * params.compcor
        return f"Computed confounds: {', '.join(parts) or 'none'}"

    def _wants(self, name: str) -> bool:
        return bool(self.choices[name].container[name].value)

    def _on_changed(self, *_: Any) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        """Only the options of what is computed."""
        self._noisy.setVisible(self._wants("high_variance"))
        self._within.setVisible(self._wants("high_variance") or self._wants("global_signal"))
        self._tissue.setVisible(self._wants("compcor"))
        self.high_variance.widget("within").setEnabled(self.brain.layer is None)
        self.compcor.widget("n_components").setEnabled(not self.compcor.container["explained"].value)


def _fits(layer: Layer) -> bool:
    return is_volume(layer) and not is_preview(layer)


def _volume(choice: LayerChoice, grids: tuple[Grid, ...]) -> Volume | None:
    return None if choice.layer is None else volume_of(choice.layer, grids)


def _count(params: CompCor) -> str:
    return f"{params.explained:.0%}" if params.explained > 0 else f"{params.n_components}"
