"""Choosing two conditions to compare, and which are shown."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from napari_connectome.analyses.condition_test import REST, ConditionTest
from napari_connectome.core.design import Design
from napari_connectome.widgets.form import ChoiceBox
from napari_connectome.widgets.panel import form
from napari_connectome.widgets.section import Section

COLUMNS = 2
"""Of tick boxes beside each other, where all names are short."""
SHORT = 104
"""Pixels of such a name."""
MOST = 24
"""Conditions ticked at first: a table with another one in each row would fill every plot."""


class ConditionChoice(QWidget):
    """Condition A, condition B, and a tick box for each condition that is shown.

    What was chosen stays while other designs come and go, as far as they have it. A and B are always two: choosing one for
    both swaps them.

    Parameters
    ----------
    ticked : str
        What the conditions ticked are, in the title above them.

    Attributes
    ----------
    changed : Signal
        The person chose something; not when another design was set.
    pair, ticks : QWidget
        The choice of A and B (see `set_comparing`), and that of many, which can be hidden.
    """

    changed = Signal()

    def __init__(self, ticked: str = "Shown", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ticked = ticked
        self._ticks: dict[str, QCheckBox] = {}
        self._unticked = {REST}  # conditions by name, also those that the present design does not have
        self.a_box, self.b_box = ChoiceBox(), ChoiceBox()
        self.a_box.setToolTip("The condition that makes the difference and t positive.")
        self.b_box.setToolTip("The condition that makes the difference and t negative.")
        self._before, self._wished = ("", ""), (ConditionTest().a, ConditionTest().b)
        self._comparing = True
        inside = QWidget()
        self._grid = QGridLayout(inside)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self.ticks = Section(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.pair = QWidget()
        lines = form({"Compare": self.a_box, "With": self.b_box})
        lines.setContentsMargins(0, 0, 0, 0)
        self.pair.setLayout(lines)
        column.addWidget(self.pair)
        column.addWidget(self.ticks)
        for box in (self.a_box, self.b_box):
            box.activated.connect(self._on_compared)

    @property
    def a(self) -> str:
        """The condition that counts as positive; "" while there are no two."""
        return str(self.a_box.currentData() or "")

    @property
    def b(self) -> str:
        """The condition it is compared with; "" while there are no two."""
        return str(self.b_box.currentData() or "")

    @property
    def shown(self) -> tuple[str, ...]:
        """The conditions ticked, in the design's order."""
        return tuple(name for name, tick in self._ticks.items() if tick.isChecked())

    def choose(self, a: str, b: str) -> None:
        """Compare these two, as a person does it."""
        for box, name in ((self.a_box, a), (self.b_box, b)):
            box.setCurrentIndex(box.findData(name))
        self._on_compared()

    def show_only(self, names: tuple[str, ...]) -> None:
        """Tick these conditions and no others, as a person does it."""
        for name, tick in self._ticks.items():
            with QSignalBlocker(tick):
                tick.setChecked(name in names)
        self._on_ticked()

    def set_comparing(self, two: bool) -> None:
        """Offer a choice of two conditions, as far as there are two, or not."""
        self._comparing = two
        self.pair.setVisible(two and self.a_box.count() > 1)

    def set_design(self, design: Design | None) -> None:
        """Offer the conditions of a design."""
        counts = {} if design is None else design.counts
        a, b = _two(list(counts), *self._wished)
        for box, name in ((self.a_box, a), (self.b_box, b)):
            with QSignalBlocker(box):
                box.clear()
                for condition, count in counts.items() if len(counts) > 1 else ():
                    box.addItem(f"{condition} ({count})", condition)
                box.setCurrentIndex(box.findData(name))
        self._before = (a, b)
        self.set_comparing(self._comparing)
        self._make_ticks(list(counts))
        self.setVisible(bool(counts))

    def _make_ticks(self, names: list[str]) -> None:
        if names != list(self._ticks):
            for tick in self._ticks.values():
                self._grid.removeWidget(tick)
                tick.deleteLater()
            self._ticks = {name: QCheckBox() for name in names}
            metrics = self.fontMetrics()
            beside = COLUMNS if all(metrics.horizontalAdvance(name) <= SHORT for name in names) else 1
            for i, (name, tick) in enumerate(self._ticks.items()):
                text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, SHORT * COLUMNS // beside)
                tick.setText(text.replace("&", "&&"))
                tick.setToolTip(name)
                tick.setChecked((name.lower() not in self._unticked and i < MOST) or len(names) == 1)
                tick.toggled.connect(self._on_ticked)
                self._grid.addWidget(tick, i // beside, i % beside)
        self._say()

    def _on_compared(self, *_: int) -> None:
        a, b = self.a, self.b
        if a and a == b:
            old_a, old_b = self._before
            other, name = (self.b_box, old_a) if a == old_b else (self.a_box, old_b)
            other.setCurrentIndex(other.findData(name))
        if (self.a, self.b) != self._before:
            self._before = self._wished = (self.a, self.b)
            self.changed.emit()

    def _on_ticked(self, *_: bool) -> None:
        for name, tick in self._ticks.items():
            (self._unticked.discard if tick.isChecked() else self._unticked.add)(name.lower())
        self._say()
        self.changed.emit()

    def _say(self) -> None:
        shown = self.shown
        what = ", ".join(shown) if len(shown) <= 2 else f"{len(shown)} of {len(self._ticks)} conditions"
        self.ticks.setText(f"{self._ticked}: {what or 'none'}")


def _two(names: list[str], a: str, b: str) -> tuple[str, str]:
    """The two that are compared at first: those wished, else the first that are no rest, else the first."""
    likely = [name for name in names if name.lower() != REST] + [name for name in names if name.lower() == REST]
    first = a if a in names else next((name for name in likely if name != b), "")
    second = b if b in names and b != first else next((name for name in likely if name != first), "")
    return first, second
