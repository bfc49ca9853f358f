"""Cutting a mask out of a test by a threshold that is followed live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_connectome.analyses.condition_test import ConditionTest, ContrastResult
from napari_connectome.analyses.threshold import Threshold
from napari_connectome.core.errors import InputError
from napari_connectome.core.words import as_sentence
from napari_connectome.layers.contrast_maps import BOTH, ContrastLayers, Cut, of_test
from napari_connectome.layers.spatial import grid_of, is_volume, volume_of
from napari_connectome.widgets.form import ChoiceBox, ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.number_slider import NumberSlider
from napari_connectome.widgets.panel import Panel, row, words

REST = 200
"""Milliseconds a threshold must stay before the thumbnail of its mask is drawn anew."""
FINEST = 1e-6
"""Smallest alpha the slider reaches."""


@dataclass(frozen=True)
class Way:
    """One way to set a threshold.

    Parameters
    ----------
    title : str
        With "t" where the statistic stands.
    method, field : str
        Of `Threshold`.
    of : str
        Of `Cut`.
    """

    title: str
    method: str
    field: str
    of: str


WAYS = (
    Way("-log10 p ≥", "value", "value", "log_p"),
    Way("|t| ≥", "value", "value", "statistic"),
    Way("FDR q ≤", "fdr", "alpha", "statistic"),
    Way("Bonferroni p ≤", "bonferroni", "alpha", "statistic"),
    Way("Percentile of |t| ≥", "percentile", "percentile", "statistic"),
)
LOG_P, STATISTIC = WAYS[:2]


class ThresholdPanel(QWidget):
    """Shows the maps of a test, and the mask of its threshold, which follows each move of the slider.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    said : Signal(str)
        A sentence for the user.
    shown : ContrastLayers or None
        The test in the viewer; None while there is none.
    """

    said = Signal(str)

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.viewer = panel.viewer
        self.shown: ContrastLayers | None = None
        self._way = LOG_P
        self._numbers: dict[Way, float] = {}
        self._told = False
        self._within: Layer | None = None
        self._build()
        self._rest = panel.timer(REST, self._on_rest)
        panel.follow(self.viewer.layers.events.removed, self._on_removed)
        panel.at_end(self.within_choice.close_choice)
        panel.at_end(self.drop)
        self._connect()
        self.setEnabled(False)

    def _build(self) -> None:
        self.way_choice = QComboBox()
        self.way_choice.setToolTip("What is thresholded.")
        self.number = NumberSlider()
        self.number.setAccessibleName("Threshold")
        self.side_choice = ChoiceBox()
        self.side_choice.setToolTip("Which differences are kept: of both signs or of one. p stays two-sided.")
        self.within_choice = LayerChoice(self.viewer, self._fits_within, instead="everywhere")
        self.within_choice.setToolTip(
            "Only voxels above 0 in this layer are kept, and only they count as tested for FDR, Bonferroni and percentiles."
        )
        self.size = ParamsForm(Threshold(), fields=("cluster_size",))
        self.size_mm3 = QLabel()
        self.clip_form = ParamsForm(ConditionTest(), fields=("clip",))
        self.account = words()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Threshold", self.way_choice))
        column.addWidget(self.number)
        column.addLayout(row("Keep", self.side_choice))
        column.addLayout(row("Within", self.within_choice))
        sizes = QHBoxLayout()
        sizes.addWidget(self.size, 1)
        sizes.addWidget(self.size_mm3)
        column.addLayout(sizes)
        column.addWidget(self.account)
        column.addWidget(self.clip_form)

    def _connect(self) -> None:
        self.way_choice.activated.connect(self._on_way)
        self.number.moved.connect(self._on_number)
        self.side_choice.activated.connect(self._follow)
        self.within_choice.chosen.connect(self._on_within)
        self.within_choice.altered.connect(self._on_within)
        self.size.changed.connect(self._follow)
        self.clip_form.changed.connect(self._on_clip)

    # -- what is shown ------------------------------------------------------------------------------------------------

    @property
    def cut(self) -> Cut:
        """The threshold as it stands; `InputError` where its fields do not go together."""
        threshold = Threshold(method=self._way.method, cluster_size=self.size.value.cluster_size)
        threshold = threshold.replace(**{self._way.field: self.number.number})
        return Cut(threshold, self._way.of, str(self.side_choice.currentData() or BOTH))

    def show_test(self, result: ContrastResult) -> None:
        """Show the layers of a test, cut by the threshold there was before."""
        before = self.shown
        self.drop()
        self.shown = ContrastLayers(self.viewer, result)
        if before is None or before.statistic != self.shown.statistic:
            self._numbers.pop(STATISTIC, None)  # a t of 5 is not an F of 5
        self._offer_ways(self.shown)
        self._offer_sides(self.shown)
        self._show_number(self.shown)
        self.within_choice.reset()
        self.setEnabled(True)
        self._follow()

    def drop(self) -> None:
        """Stop following; the layers stay with the user."""
        if self.shown is not None:
            self.shown.close()
        self.shown = None
        self._rest.stop()
        self.account.setText("")
        self.setEnabled(False)

    def _follow(self, *_: Any) -> None:
        """Show the mask of the threshold as it is now."""
        if self.shown is None:
            return
        within = self.within_choice.layer
        try:
            self.shown.use(self.cut, None if within is None else volume_of(within, [self.shown.result.t.grid]))
        except InputError as error:
            still = " The mask is still that of before." if self.shown.mask_layer is not None else ""
            self._say(f"{as_sentence(str(error))}{still}")
            return
        if self._told:
            self._say("")
        least = self.size.value.cluster_size * self.shown.result.t.grid.voxel_volume
        self.size_mm3.setText(f"{least:,.0f} mm³" if least else "")
        none = "" if self.shown.mask_account.voxels else f" The strongest voxel: {self.shown.strongest}."
        self.account.setText(f"{self.shown.mask_account}.{none}")
        self._rest.start()

    def _say(self, sentence: str) -> None:
        self._told = bool(sentence)
        self.said.emit(sentence)

    def _on_rest(self) -> None:
        if self.shown is not None:
            self.shown.rest()

    # -- what the user does -------------------------------------------------------------------------------------------

    def _on_number(self, number: float) -> None:
        self._numbers[self._way] = number
        self._follow()

    def _on_way(self, index: int) -> None:
        self._way = WAYS[index]
        if self.shown is not None:
            self._show_number(self.shown)
            self._follow()

    def _on_within(self, layer: Layer | None) -> None:
        before, self._within = self._within, layer
        if self.shown is None or self.shown.mask_layer not in self.viewer.layers:
            return  # layers are being removed, perhaps all of them: none is to be added
        self._follow()
        if layer is None and before is not None and not (before in self.viewer.layers and self._fits_within(before)):
            why = "is on another grid now" if before in self.viewer.layers else "was removed from the viewer"
            self._say(f"{before.name} {why}: the mask is no longer limited to it.")

    def _on_clip(self) -> None:
        if self.shown is not None:
            self.shown.clip = self.clip_form.value.clip
            self._show_number(self.shown)
            self._follow()

    def _on_removed(self, event: Any) -> None:
        if self.shown is not None and event.value is self.shown.mask_layer:
            self._say("The mask was removed from the viewer: move the threshold for a new one.")

    # -- what is offered ----------------------------------------------------------------------------------------------

    def _offer_ways(self, shown: ContrastLayers) -> None:
        with QSignalBlocker(self.way_choice):
            self.way_choice.clear()
            for way in WAYS:
                self.way_choice.addItem(way.title if shown.statistic == "t" else way.title.replace("|t|", "F"))
            self.way_choice.setCurrentIndex(WAYS.index(self._way))

    def _offer_sides(self, shown: ContrastLayers) -> None:
        before = self.side_choice.currentData()
        with QSignalBlocker(self.side_choice):
            self.side_choice.clear()
            for side, words in shown.sides.items():
                self.side_choice.addItem(words, side)
            self.side_choice.setCurrentIndex(max(0, self.side_choice.findData(before)))
        self.side_choice.setEnabled(len(shown.sides) > 1)

    def _show_number(self, shown: ContrastLayers) -> None:
        """Put slider and box on the number this way had before, or else on its default."""
        way, about = self._way, _DECLARED[self._way.field]
        if way.field == "value":
            high = shown.clip if way is LOG_P else shown.top
            # Going over to t keeps the mask as it is, but for rounding.
            first = about.default if way is LOG_P else np.floor(100 * shown.weakest) / 100
            self.number.set(_within(self._numbers.get(way, first), 0.0, high), 0.0, high, 0.1)
        else:
            low, high = about.metadata["low"], about.metadata["high"]
            log = way.field == "alpha"
            number = self._numbers.get(way, about.default)
            self.number.set(number, max(low, FINEST) if log else low, high, about.metadata["step"], log)
        self.number.setToolTip(about.metadata["doc"])

    def _fits_within(self, layer: Layer) -> bool:
        if self.shown is None or not is_volume(layer) or of_test(layer):
            return False
        grid = self.shown.result.t.grid
        return grid.matches(grid_of(layer, [grid]))


def _within(number: float, low: float, high: float) -> float:
    """The number if it lies in the range, else its nearest end; the middle for none (the weakest voxel of an empty mask)."""
    return (low + high) / 2 if np.isnan(number) else min(max(number, low), high)


_DECLARED: Mapping[str, Any] = {field.name: field for field in fields(Threshold)}
