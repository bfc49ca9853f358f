"""What regions do by condition: one of them as boxes, all of them as a table, and what must be said about testing them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_connectome.analyses.measurement import Measurement
from napari_connectome.core.design import Design
from napari_connectome.core.errors import InputError
from napari_connectome.widgets.box_plot import BoxPlot
from napari_connectome.widgets.condition_choice import ConditionChoice
from napari_connectome.widgets.condition_table import ConditionTable
from napari_connectome.widgets.form import ChoiceBox
from napari_connectome.widgets.panel import row, words
from napari_connectome.widgets.seed_table import WARNING


class RegionConditions(QWidget):
    """Boxes of one region, the test of two conditions in all of them, and the warnings.

    Attributes
    ----------
    volume_chosen : Signal(int)
        A volume was clicked in the boxes.
    regions_chosen : Signal(list)
        A person chose regions by their ids, in the table or in the list.
    """

    volume_chosen = Signal(int)
    regions_chosen = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._measurement: Measurement | None = None
        self._design: Design | None = None
        self._colors: Mapping[int, QColor] = {}
        self.region_box = ChoiceBox()
        self.region_box.setToolTip("The region whose conditions are shown as boxes.")
        self.boxes = BoxPlot()
        self.boxes.setMinimumHeight(250)
        self.choice = ConditionChoice()
        self.warning = words()
        self.warning.setStyleSheet(f"color: {WARNING.name()}")
        self.table = ConditionTable()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row("Region", self.region_box))
        for part in (self.boxes, self.choice, self.warning, self.table):
            column.addWidget(part)
        self.boxes.volume_chosen.connect(self.volume_chosen)
        self.region_box.activated.connect(self._on_region)
        self.table.rows_chosen.connect(self._on_rows)
        self.choice.changed.connect(self._show)

    @property
    def region(self) -> int:
        """The region shown as boxes; 0 while there is none."""
        return int(self.region_box.currentData() or 0)

    @property
    def pair(self) -> tuple[str, ...]:
        """The two conditions compared; empty where there are no two."""
        pair = self.choice.a, self.choice.b
        return pair if all(pair) else ()

    def show_measurement(self, measurement: Measurement | None, colors: Mapping[int, QColor]) -> None:
        """Show another measurement, with the regions in these colours; the region shown stays if it is still there."""
        self._measurement, self._colors = measurement, colors
        names = {} if measurement is None else measurement.names
        before = self.region
        with QSignalBlocker(self.region_box):
            self.region_box.clear()
            for region, name in names.items():
                self.region_box.addItem(name, region)
            self.region_box.setCurrentIndex(max(self.region_box.findData(before), 0 if names else -1))
        self._show()

    def show_design(self, design: Design | None) -> None:
        """Show the conditions of a design; hide where there is none, or it is not of the run that was measured."""
        self._design = design
        self.choice.set_design(design)
        self._show()

    def choose(self, ids: list[int]) -> None:
        """Select these regions, and show the last of them as boxes unless one of them is shown already."""
        if self.region not in ids:
            with QSignalBlocker(self.region_box):
                self.region_box.setCurrentIndex(self.region_box.findData(ids[-1]))
            self._show_region()
        self.table.chosen = ids

    def tested(self) -> pd.DataFrame:
        """All regions by condition, with the test of the two chosen and the warnings."""
        found, design = self._shown()
        if not self.pair:
            raise InputError(f"{design.name} has one condition: two are needed to compare them.")
        return found.conditions(design, *self.pair)

    def _shown(self) -> tuple[Measurement, Design]:
        found, design = self._measurement, self._design
        if found is None:
            raise InputError("nothing was measured yet: press Measure first.")
        if design is None or design.n_volumes != found.n_volumes:
            raise InputError(f"there is no design of {found.run}: choose a table of labels or events first.")
        return found, design

    def _show(self) -> None:
        try:
            found, _ = self._shown()
        except InputError:
            self.hide()
            return
        self.show()
        self._show_region()
        self.table.setVisible(bool(self.pair))
        if self.pair:
            self.table.show_conditions(self.tested(), found.ids, self.choice.a, self.choice.b, self._colors)

    def _show_region(self) -> None:
        """Show another region as boxes; the table is that of all."""
        try:
            found, design = self._shown()
        except InputError:
            return
        volumes = {name: design.volumes(name) for name in self.choice.shown}
        color = self._colors.get(self.region)
        self.boxes.set_values(found.signal(self.region), volumes, found.times, color.name() if color is not None else "")
        self.boxes.set_label(found.unit)
        self.boxes.file_name = re.sub(r"\W+", "_", found.names[self.region]) + "_conditions.tsv"
        self.boxes.about = self._about(found, design)
        self._warn(found)

    def _about(self, found: Measurement, design: Design) -> dict[str, Any]:
        more = {"region": found.names[self.region], "conditions_shown": list(self.choice.shown)}
        return {**found.about(design, self.pair), **more}

    def _warn(self, found: Measurement) -> None:
        """Say before the table which regions cannot be tested: the one shown in full, of the others how many."""
        warnings = found.warnings(self.pair)
        of_this = warnings.get(self.region, "")
        others = len(warnings) - bool(of_this)
        parts = [f"⚠ {of_this}"] if of_this else []
        if others:
            which = (
                f"other region{'s' * (others != 1)}" if of_this else f"of {len(found.ids)} region{'s' * (len(found.ids) != 1)}"
            )
            verb = "is" if others == 1 else "are"
            parts.append(f"⚠ {others} {which} {verb} not independent of this run, see the table.")
        self.warning.setText("\n".join(parts))
        self.warning.setVisible(bool(parts))

    def _on_region(self, index: int) -> None:
        self._show_region()
        if self.region not in self.table.chosen:
            self.regions_chosen.emit([self.region])

    def _on_rows(self) -> None:
        if self.table.chosen:
            self.regions_chosen.emit(self.table.chosen)
