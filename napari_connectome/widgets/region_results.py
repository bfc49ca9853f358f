"""What was measured in regions, to look at, to click through and to save."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_connectome.analyses.measurement import Measurement
from napari_connectome.core.design import Design
from napari_connectome.core.errors import InputError
from napari_connectome.io.measures import write_measures
from napari_connectome.widgets.box_plot import BoxPlot
from napari_connectome.widgets.condition_choice import ConditionChoice
from napari_connectome.widgets.condition_table import ConditionTable
from napari_connectome.widgets.form import ChoiceBox
from napari_connectome.widgets.panel import row
from napari_connectome.widgets.plot import COLORS
from napari_connectome.widgets.seed_table import WARNING
from napari_connectome.widgets.series_plot import SeriesPlot

MOST = len(COLORS)
"""Series shown at once."""
UNITS = {"zscore_sample": " (z)", "psc": " (%)", "none": ""}
LEGIBLE = (0.42, 0.66)
"""Lightness of a region's colour in the plots, so that it reads on a dark and on a light page."""
TABLES = "Table (*.tsv *.csv)"


class RegionResults(QWidget):
    """Series of the regions chosen, the conditions of one of them as boxes, and all regions as a table.

    Attributes
    ----------
    volume_chosen : Signal(int)
        A volume was clicked, in the series or in the boxes.
    regions_chosen : Signal(list)
        A person chose regions by their ids, in the table or in the list.
    said : Signal(str)
        A sentence for the person.
    """

    volume_chosen = Signal(int)
    regions_chosen = Signal(list)
    said = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.measurement: Measurement | None = None
        self._design: Design | None = None
        self._colors: Mapping[int, QColor] = {}
        self._chosen: list[int] = []
        self._volume = -1
        self._build()
        self.series.frame_chosen.connect(self.volume_chosen)
        self.boxes.volume_chosen.connect(self.volume_chosen)
        self.region_box.activated.connect(self._on_region)
        self.table.rows_chosen.connect(self._on_rows)
        self.conditions.changed.connect(self._show_conditions)
        self.save_series.clicked.connect(self._ask_series)
        self.save_conditions.clicked.connect(self._ask_conditions)
        self.save_boxes.clicked.connect(self._ask_boxes)
        self.picture.clicked.connect(self.boxes.open_export)
        self.hide()

    def _build(self) -> None:
        self.about = _words()
        self.series = SeriesPlot()
        self.series.file_name = "region_series.tsv"
        self.series.setMinimumHeight(150)
        self.region_box = ChoiceBox()
        self.region_box.setToolTip("The region whose conditions are shown as boxes.")
        self.conditions = ConditionChoice()
        self.boxes = BoxPlot()
        self.boxes.setMinimumHeight(250)
        self.boxes.setToolTip("One point a volume. Click one to go to that volume; the wheel zooms, a double click shows all.")
        self.warning = _words()
        self.warning.setStyleSheet(f"color: {WARNING.name()}")
        self.table = ConditionTable()
        self.save_series = _button(
            "Save series…", "The series of all regions: time in seconds, the condition, a column a region."
        )
        self.save_conditions = _button("Save conditions…", "The table of regions by condition, with the warnings.")
        self.save_boxes = _button("Save box values…", "The values shown as boxes: condition, volume, time, value.")
        self.picture = QPushButton("Export picture…")
        self.picture.setToolTip("The boxes as a picture or SVG. The right button does the same for either plot.")
        buttons = QGridLayout()
        for i, button in enumerate((self.save_series, self.save_conditions, self.save_boxes, self.picture)):
            buttons.addWidget(button, i // 2, i % 2)
        self._of_conditions = QWidget()
        below = QVBoxLayout(self._of_conditions)
        below.setContentsMargins(0, 0, 0, 0)
        below.addLayout(row("Region", self.region_box))
        for part in (self.boxes, self.conditions, self.warning, self.table):
            below.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.about, self.series, self._of_conditions):
            column.addWidget(part)
        column.addLayout(buttons)

    # -- what is shown ------------------------------------------------------------------------------------------------

    @property
    def region(self) -> int:
        """The region whose conditions are shown as boxes; 0 while there is none."""
        return int(self.region_box.currentData() or 0)

    @property
    def chosen(self) -> list[int]:
        """The regions whose series are shown."""
        return list(self._chosen)

    def show_measurement(self, measurement: Measurement | None, colors: Mapping[int, QColor]) -> None:
        """Show another measurement, or none; what was chosen stays as far as it is still there.

        Parameters
        ----------
        measurement : Measurement or None
        colors : mapping of int to QColor
            Of the regions, by id, as they are in the picture.
        """
        self.measurement = measurement
        self._colors = {region: _legible(color) for region, color in colors.items()}
        self.setVisible(measurement is not None)
        self._list_regions()
        if measurement is not None:
            self._show()

    def show_design(self, design: Design | None) -> None:
        """Show the conditions of a design, or only the series."""
        self._design = design
        self.conditions.set_design(design)
        if self.measurement is not None:
            self._show_conditions()

    def choose(self, ids: list[int]) -> None:
        """Show these regions: their series, and the boxes of the last one."""
        known = [] if self.measurement is None else self.measurement.ids
        ids = [i for i in ids if i in known]
        if ids and ids != self._chosen:
            self._chosen = ids
            if self.region not in ids:
                self._set_region(ids[-1])
            self._show()

    def show_volume(self, seconds: float) -> None:
        """Mark the volume that is on the screen."""
        if self.measurement is not None:
            self._volume = round(seconds / self.measurement.series.tr)
            self.series.set_frame(seconds)
            self.boxes.set_volume(self._volume)

    def _list_regions(self) -> None:
        names = {} if self.measurement is None else self.measurement.names
        before = self.region
        with QSignalBlocker(self.region_box):
            self.region_box.clear()
            for region, name in names.items():
                self.region_box.addItem(name, region)
        self._chosen = [i for i in self._chosen if i in names] or list(names)[:1]
        self._set_region(before if before in names else next(iter(self._chosen), 0))

    def _set_region(self, region: int) -> None:
        with QSignalBlocker(self.region_box):
            self.region_box.setCurrentIndex(self.region_box.findData(region))

    def _show(self) -> None:
        self._show_series()
        self._show_conditions()

    def _show_series(self) -> None:
        found = self._found
        label = "first eigenvariate" if found.params.summary == "eigenvariate" else "signal"
        label += UNITS[found.params.cleaning.standardize]
        names = found.names
        shown = [i for i in self._chosen if i not in found.unusable][:MOST]
        # Levels of regions differ by far more than their course: side by side each is shown about its own mean.
        centred = len(shown) > 1 and found.params.cleaning.standardize == "none"
        self.series.set_label(f"{label} − mean" if centred else label)
        self.boxes.set_label(label)
        for name in set(self.series.names) - {names[i] for i in shown}:
            self.series.remove_series(name)
        self.series.set_volumes(found.times, np.isin(np.arange(found.n_volumes), found.volumes))
        for i in shown:
            signal = found.signal(i)[found.volumes]
            signal = signal - signal.mean() if centred else signal
            self.series.set_series(found.times[found.volumes], signal, names[i], self._color(i).name())
        self.series.about = {**found.about(self._design), "less_their_mean": centred}
        self.about.setText(_account(found, len(self._chosen)))

    def _show_conditions(self) -> None:
        found, design = self.measurement, self._design
        if found is None:
            return
        comparing = bool(self.conditions.a and self.conditions.b)
        self._of_conditions.setVisible(design is not None)
        self.table.setVisible(comparing)
        self.save_conditions.setEnabled(comparing)
        for button in (self.save_boxes, self.picture):
            button.setEnabled(design is not None)
        if design is None or not self.region:
            return
        volumes = {name: design.volumes(name) for name in self.conditions.shown}
        self.boxes.set_values(found.signal(self.region), volumes, found.times, self._color(self.region).name())
        self.boxes.file_name = re.sub(r"\W+", "_", found.names[self.region]) + "_conditions.tsv"
        self.boxes.about = self._about_boxes()
        self.boxes.set_volume(self._volume)
        self._warn()
        if comparing:
            self._show_table()

    def _show_table(self) -> None:
        a, b = self._pair
        self.table.show_conditions(self.conditions_table(), self._found.ids, a, b, self._colors)
        self.table.chosen = self._chosen

    def _warn(self) -> None:
        """Say before the table which regions cannot be tested, once for all."""
        warnings = self._found.warnings(self._pair)
        of_this = warnings.get(self.region, "")
        count = len(warnings)
        others = count - bool(of_this)
        parts = [f"⚠ {of_this}"] if of_this else []
        if others:
            which = "other regions" if of_this else f"of {len(self._found.ids)} regions"
            one = which.replace("regions", "region") if of_this and others == 1 else which
            parts.append(f"⚠ {others} {one} {'is' if others == 1 else 'are'} not independent of this run, see the table.")
        self.warning.setText("\n".join(parts))
        self.warning.setVisible(bool(parts))

    def _color(self, region: int) -> QColor:
        return self._colors.get(region, QColor(COLORS[self._chosen.index(region) % MOST if region in self._chosen else 0]))

    @property
    def _found(self) -> Measurement:
        if self.measurement is None:
            raise InputError("nothing was measured yet: press Measure first.")
        return self.measurement

    @property
    def _pair(self) -> tuple[str, ...]:
        pair = self.conditions.a, self.conditions.b
        return pair if all(pair) else ()

    # -- what a person does in it -------------------------------------------------------------------------------------

    def _on_region(self, index: int) -> None:
        if self.region not in self._chosen:
            self._chosen = [self.region]
            self.regions_chosen.emit(self._chosen)
        self._show()

    def _on_rows(self) -> None:
        chosen = self.table.chosen
        if chosen:
            self.choose(chosen)
            self.regions_chosen.emit(chosen)

    # -- saving -------------------------------------------------------------------------------------------------------

    def conditions_table(self) -> pd.DataFrame:
        """All regions by condition, with the test of the two chosen and the warnings."""
        if self._design is None:
            raise InputError("there is no design: choose a table of labels or events first.")
        return self._found.conditions(self._design, self.conditions.a, self.conditions.b)

    def write_series(self, path: str) -> None:
        """Write the series of all regions, one row a volume."""
        write_measures(self._found.table(self._design), path, self._found.about(self._design))

    def write_conditions(self, path: str) -> None:
        """Write the table of regions by condition, with the warnings."""
        write_measures(self.conditions_table(), path, self._found.about(self._design, self._pair))

    def write_boxes(self, path: str) -> None:
        """Write the values shown as boxes."""
        self._found  # noqa: B018
        self.boxes.to_tsv(path)

    def _about_boxes(self) -> dict[str, Any]:
        about = self._found.about(self._design, self._pair)
        return {**about, "region": self._found.names[self.region], "conditions_shown": list(self.conditions.shown)}

    def _ask_series(self) -> None:
        self._ask("Save the series of the regions", "region_series.tsv", self.write_series)

    def _ask_conditions(self) -> None:
        self._ask("Save the table of conditions", "conditions.tsv", self.write_conditions)

    def _ask_boxes(self) -> None:
        self._ask("Save the values of the boxes", self.boxes.file_name, self.write_boxes)

    def _ask(self, title: str, name: str, write: Callable[[str], None]) -> None:
        path, _ = QFileDialog.getSaveFileName(self, title, name, TABLES)
        if path:
            try:
                write(path)
            except (InputError, OSError) as error:
                self.said.emit(str(error))
            else:
                self.said.emit("")


def _account(found: Measurement, chosen: int) -> str:
    """What was measured, in a line, and what could not be or is not shown."""
    n, t = len(found.ids), len(found.series.data)
    lines = [f"{n:,} region{'s' * (n != 1)} of {found.run}, {t:,} volume{'s' * (t != 1)}."]
    without = [found.names[i] for i in found.unusable]
    if without:
        some = ", ".join(without[:3]) + (f" and {len(without) - 3} more" if len(without) > 3 else "")
        lines.append(f"No value for {some}: none of the voxels there is finite in all volumes.")
    if chosen > MOST:
        lines.append(f"The series of the first {MOST} of {chosen} regions chosen are shown.")
    return "\n".join(lines)


def _legible(color: QColor) -> QColor:
    """A colour of the same hue that reads on any page."""
    low, high = LEGIBLE
    return QColor.fromHslF(max(color.hslHueF(), 0.0), color.hslSaturationF(), min(max(color.lightnessF(), low), high))


def _words() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(f"{tip} What made them is written beside it as .json.")
    return button
