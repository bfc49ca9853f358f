"""What regions are measured in, and how: the run, its design, the summary, smoothing and cleaning."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_connectome.analyses.region_series import RegionSeries
from napari_connectome.core.design import Design
from napari_connectome.core.errors import InputError
from napari_connectome.core.values import Run
from napari_connectome.layers.spatial import is_run, run_of
from napari_connectome.widgets.design import DesignPanel
from napari_connectome.widgets.form import ParamsForm
from napari_connectome.widgets.layer_choice import LayerChoice
from napari_connectome.widgets.panel import Panel, row
from napari_connectome.widgets.repetition import RepetitionRow
from napari_connectome.widgets.section import Section

SCALES = {"zscore_sample": "; z-scored", "psc": "; percent signal change", "none": ""}
FIELDS = ("detrend", "high_pass", "low_pass", "filter", "standardize")


class MeasureOptions(QWidget):
    """The choices to make before regions are measured.

    Parameters
    ----------
    panel : Panel
        The dock widget it is part of.

    Attributes
    ----------
    run_changed : Signal
        Another run is meant, or other data of it.
    changed : Signal
        Another way to measure was chosen.
    design_changed : Signal
        Another design of the same run was chosen; the series stay what they are.
    """

    run_changed = Signal()
    changed = Signal()
    design_changed = Signal()

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.run_choice = LayerChoice(panel.viewer, is_run)
        self.run_choice.setToolTip("The BOLD run to measure in: a 4-D image layer (t, z, y, x).")
        self.repetition = RepetitionRow()
        self.design_panel = DesignPanel(panel)
        self.form = ParamsForm(RegionSeries(), fields=("summary", "fwhm"))
        self.cleaning = ParamsForm(RegionSeries().cleaning, fields=FIELDS)
        self.sections = [Section(self.design_panel), Section(self.cleaning)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Run", self.run_choice))
        for part in (self.repetition, self.sections[0], self.form, self.sections[1]):
            column.addWidget(part)
        panel.at_end(self.run_choice.close_choice)
        self.run_choice.chosen.connect(self._on_run)
        self.run_choice.altered.connect(self._on_run)
        self.repetition.answered.connect(self._on_answered)
        self.design_panel.changed.connect(self._on_design)
        self.form.changed.connect(self.changed)
        self.cleaning.changed.connect(self._on_cleaning)
        self._on_run(self.run_choice.layer)

    @property
    def params(self) -> RegionSeries:
        """How to measure; `InputError` where the options do not go together."""
        return self.form.value.replace(cleaning=self.cleaning.value)

    @property
    def run(self) -> Run:
        """The run to measure in; `InputError` where there is none or its TR is not known."""
        layer = self.run_choice.layer
        if layer is None:
            raise InputError("there is no run: open a 4-D image (File > Open, or File > Open Sample > Connectome).")
        return run_of(layer)

    @property
    def design(self) -> Design | None:
        """The design of the run; None where there is none that can be used."""
        try:
            return self.design_panel.chosen()
        except InputError:
            return None

    def _on_run(self, layer: Layer | None) -> None:
        self.repetition.ask(layer)
        self.design_panel.set_run(layer)
        self._name_sections()
        self.run_changed.emit()

    def _on_answered(self) -> None:
        self.design_panel.set_run(self.run_choice.layer)
        self._on_design()
        self.changed.emit()

    def _on_design(self) -> None:
        self._name_sections()
        self.design_changed.emit()

    def _on_cleaning(self) -> None:
        self._name_sections()
        self.changed.emit()

    def _name_sections(self) -> None:
        """Say in the titles what is chosen, so that nothing has to be opened to be known."""
        try:
            cleaning = self.cleaning.value
            words = f"Cleaning: {cleaning.in_words}{SCALES[cleaning.standardize]}"
        except InputError:
            words = "Cleaning: see here"
        for section, text in zip(self.sections, (self.design_panel.in_words(), words), strict=True):
            section.setText(text)
