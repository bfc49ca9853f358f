"""What was measured in regions, to look at, to click through and to save."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_connectome.analyses.measurement import Measurement
from napari_connectome.core.design import Design
from napari_connectome.core.errors import InputError
from napari_connectome.io.measures import write_measures
from napari_connectome.widgets.panel import few, words
from napari_connectome.widgets.plot import COLORS
from napari_connectome.widgets.region_conditions import RegionConditions
from napari_connectome.widgets.save_as import TABLES, ask_path
from napari_connectome.widgets.series_plot import SeriesPlot
from napari_connectome.widgets.work import told

MOST = len(COLORS)
"""Series shown at once."""
LEGIBLE = (0.16, 0.36)
"""Luminance of a colour in the plots, so that it reads on a dark and on a light page: yellow is light, blue is dark."""


class RegionResults(QWidget):
    """Series of the regions chosen, what regions do by condition, and buttons to save it.

    Attributes
    ----------
    by_condition : RegionConditions
    volume_chosen : Signal(int)
        A volume was clicked, in the series or in the boxes.
    regions_chosen : Signal(list)
        A person chose regions by their ids, in the table or in the list.
    saved : QLabel
        What became of the last saving, below the buttons, where a person looks then.
    """

    volume_chosen = Signal(int)
    regions_chosen = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.measurement: Measurement | None = None
        self._design: Design | None = None
        self._colors: Mapping[int, QColor] = {}
        self._chosen: list[int] = []
        self._build()
        self.series.frame_chosen.connect(self.volume_chosen)
        self.by_condition.volume_chosen.connect(self.volume_chosen)
        self.by_condition.regions_chosen.connect(self._on_chosen)
        self.save_series.clicked.connect(self._ask_series)
        self.save_conditions.clicked.connect(self._ask_conditions)
        self.save_boxes.clicked.connect(self._ask_boxes)
        self.picture.clicked.connect(self._ask_picture)
        self.hide()

    def _build(self) -> None:
        self.about = words()
        self.series = SeriesPlot()
        self.series.file_name = "region_series.tsv"
        self.series.setMinimumHeight(160)
        self.by_condition = RegionConditions()
        self.boxes = self.by_condition.boxes
        beside = "What made it is written beside it as .json."
        self.save_series = _button(
            "Save series…", f"The series of all regions: time in seconds, the condition, a column a region. {beside}"
        )
        self.save_conditions = _button("Save conditions…", f"The table of regions by condition, with the warnings. {beside}")
        self.save_boxes = _button("Save box values…", f"The values shown as boxes: condition, volume, time, value. {beside}")
        self.picture = _button("Save picture…", "The boxes as a picture (PNG, SVG); the right button does so for either plot.")
        buttons = QGridLayout()
        for i, button in enumerate((self.save_series, self.save_conditions, self.save_boxes, self.picture)):
            buttons.addWidget(button, i // 2, i % 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.about, self.series, self.by_condition):
            column.addWidget(part)
        column.addLayout(buttons)
        self.saved = words()
        self.saved.hide()
        column.addWidget(self.saved)

    @property
    def chosen(self) -> list[int]:
        """The regions whose series are shown."""
        return list(self._chosen)

    @property
    def design(self) -> Design | None:
        """The design, if there is one of the run that was measured."""
        return None if self.by_condition.isHidden() else self._design

    def show_measurement(self, measurement: Measurement | None, colors: Mapping[int, QColor]) -> None:
        """Show another measurement, or none; what was chosen stays as far as it is still there.

        Parameters
        ----------
        measurement : Measurement or None
        colors : mapping of int to QColor
            Of the regions, by id, as they are in the picture.
        """
        self.measurement = measurement
        self._colors = {region: legible(color) for region, color in colors.items()}
        self._say("")
        self.setVisible(measurement is not None)
        self.by_condition.show_measurement(measurement, self._colors)
        self._allow()
        if measurement is not None:
            self._chosen = _among(self._chosen, measurement) or measurement.ids[:1]
            self.by_condition.choose(self._chosen)
            self._show_series(measurement)

    def show_design(self, design: Design | None) -> None:
        """Show the conditions of a design, or only the series."""
        self._design = design
        self.by_condition.show_design(design)
        self._allow()
        if self.measurement is not None:
            self._show_series(self.measurement)

    def choose(self, ids: list[int]) -> None:
        """Show these regions: their series, and the boxes of the last one."""
        found = self.measurement
        ids = [] if found is None else _among(ids, found)
        if found is not None and ids and ids != self._chosen:
            self._chosen = ids
            self.by_condition.choose(ids)
            self._show_series(found)

    def show_volume(self, seconds: float) -> None:
        """Mark the volume that is on the screen."""
        if self.measurement is not None:
            self.series.set_frame(seconds)
            self.boxes.set_volume(round(seconds / self.measurement.series.tr))

    def _show_series(self, found: Measurement) -> None:
        names = found.names
        without = set(found.unusable)
        shown = [i for i in self._chosen if i not in without][:MOST]
        # Levels of regions differ by far more than their course: side by side each is shown about its own mean.
        centred = len(shown) > 1 and found.params.cleaning.standardize == "none"
        self.series.set_label(f"{found.unit} − mean" if centred else found.unit)
        for name in set(self.series.names) - {names[i] for i in shown}:
            self.series.remove_series(name)
        self.series.set_volumes(found.times, np.isin(np.arange(found.n_volumes), found.volumes))
        for place, i in enumerate(shown):
            signal = found.signal(i)[found.volumes]
            color = self._colors.get(i, QColor(COLORS[place]))
            self.series.set_series(
                found.times[found.volumes], signal - signal.mean() if centred else signal, names[i], color.name()
            )
        self.series.about = {**found.about(self.design), "less_their_mean": centred}
        self.about.setText(_account(found, len(self._chosen)))

    def _allow(self) -> None:
        """Let be saved what there is."""
        by_condition = self.by_condition
        self.save_conditions.setEnabled(not by_condition.isHidden() and bool(by_condition.pair))
        for button in (self.save_boxes, self.picture):
            button.setEnabled(not by_condition.isHidden())

    def _on_chosen(self, ids: list[int]) -> None:
        self.choose(ids)
        self.regions_chosen.emit(ids)

    # -- saving -------------------------------------------------------------------------------------------------------

    def write_series(self, path: str) -> None:
        """Write the series of all regions, one row a volume."""
        found = self.measurement
        if found is None:
            raise InputError("nothing was measured yet: press Measure first.")
        write_measures(found.table(self.design), path, found.about(self.design))

    def write_conditions(self, path: str) -> None:
        """Write the table of regions by condition, with the warnings."""
        table = self.by_condition.tested()
        assert self.measurement is not None
        write_measures(table, path, self.measurement.about(self.design, self.by_condition.pair))

    def _ask_series(self) -> None:
        self._ask("Save the series of the regions", "region_series.tsv", self.write_series)

    def _ask_conditions(self) -> None:
        self._ask("Save the table of conditions", "conditions.tsv", self.write_conditions)

    def _ask_boxes(self) -> None:
        self._ask("Save the values of the boxes", self.boxes.file_name, self.boxes.to_tsv)

    def _ask(self, title: str, name: str, write: Callable[[str], None]) -> None:
        with told(self._say):
            if path := ask_path(self, title, name, TABLES):
                write(path)
                self._say(f"{Path(path).name} is saved, and what made it as .json beside it.")

    def _ask_picture(self) -> None:
        with told(self._say):
            if path := self.boxes.ask_and_save_picture():
                self._say(f"{Path(path).name} is saved.")

    def _say(self, sentence: str) -> None:
        self.saved.setText(sentence)
        self.saved.setVisible(bool(sentence))


def _among(ids: list[int], found: Measurement) -> list[int]:
    """Those of the regions that were measured."""
    known = set(found.ids)
    return [i for i in ids if i in known]


def _account(found: Measurement, chosen: int) -> str:
    """What was measured, in a line, and what could not be or is not shown."""
    n, t = len(found.ids), len(found.series.data)
    lines = [f"{n:,} region{'s' * (n != 1)} of {found.run}, {t:,} volume{'s' * (t != 1)}."]
    without = [found.names[i] for i in found.unusable]
    if without:
        lines.append(f"No value for {few(without)}: none of the voxels there is finite in all volumes.")
    if chosen > MOST:
        lines.append(f"The series of the first {MOST} of {chosen} regions chosen are shown.")
    return "\n".join(lines)


def legible(color: QColor) -> QColor:
    """A colour of the same hue that reads on any page."""
    hue, saturation = max(color.hslHueF(), 0.0), color.hslSaturationF()
    goal = min(max(_luminance(color), LEGIBLE[0]), LEGIBLE[1])
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        darker = _luminance(QColor.fromHslF(hue, saturation, middle)) < goal
        low, high = (middle, high) if darker else (low, middle)
    return QColor.fromHslF(hue, saturation, high)


def _luminance(color: QColor) -> float:
    """How light a colour is to the eye, 0 to 1."""
    parts = (color.redF(), color.greenF(), color.blueF())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
