"""A form made from a `Params` value: one row a field, everything shown there read from the field's declaration.

The number boxes are our own, because the stock ones (and magicgui's on top of them) round what they are given to the
decimals they show, cannot hold infinity, and cannot say "off".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, get_type_hints

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_connectome.core.errors import InputError
from napari_connectome.core.params import Params

P = TypeVar("P", bound=Params)
OFF = "off"
LARGEST = 1e12
"""The spin box's own stand-in for infinity; no quantity in mm, s or Hz comes near it."""


class NumberBox(QDoubleSpinBox):
    """A spin box that gives back exactly the number it was given, and shows one value as "off".

    Parameters
    ----------
    low, high : float
        Inclusive bounds; infinite where there are none.
    step : float
        What one click changes.
    unit : str
        Shown behind the number.
    off : float, optional
        The value shown and typed as "off": one of the bounds, or infinity.
    whole : bool
        Whether only whole numbers are taken.
    """

    def __init__(
        self,
        low: float = -math.inf,
        high: float = math.inf,
        step: float = 1.0,
        unit: str = "",
        off: float | None = None,
        whole: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._low, self._high, self._off, self._unit, self._whole = low, high, off, unit, whole
        self._last_on: float | None = None
        self.setDecimals(0 if whole else 30)  # what is kept; textFromValue decides what is shown
        self.setRange(max(low, -LARGEST), min(high, LARGEST))
        self.setSingleStep(step)
        self.setKeyboardTracking(False)  # a half typed 0.0 is no wish
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setMinimumWidth(80)

    @property
    def number(self) -> float:
        """The number shown: infinite or zero where that is what "off" stands for."""
        return _unbounded(self.value())

    @number.setter
    def number(self, number: float) -> None:
        self.setValue(min(max(float(number), -LARGEST), LARGEST))

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Show the shortest text that reads back as the same number."""
        number = _unbounded(value)
        if self._off is not None and number == self._off:
            return OFF
        if math.isinf(number):
            return "inf" if number > 0 else "-inf"
        text = np.format_float_positional(number, trim="-")
        return f"{text} {self._unit}" if self._unit else text

    def valueFromText(self, text: str | None) -> float:  # noqa: N802
        """Read a number, "off" or "inf", with or without the unit."""
        number = self._read(text or "")
        return self.value() if number is None else min(max(number, -LARGEST), LARGEST)

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Take whatever reads as a number within the bounds; let anything that may become one be typed on."""
        text = text or ""
        number = self._read(text)
        fits = number is not None and self._low <= number <= self._high and not (self._whole and number % 1)
        return (QValidator.State.Acceptable if fits else QValidator.State.Intermediate), text, position

    def fixup(self, text: str | None) -> str:
        """Go back to the last good number when what was typed is none."""
        return self.textFromValue(self.value())

    def stepBy(self, steps: int) -> None:  # noqa: N802
        """Step; from "off" go to the last number there was, and onto the grid of steps rather than past a bound."""
        number, step = self.number, self.singleStep()
        if math.isinf(number):
            start = self._last_on if self._last_on is not None else max(self._low, -LARGEST) + step
            self.number = start
            return
        self._last_on = number
        digits = max(0, 2 - math.floor(math.log10(step)))
        self.number = min(max(round(number + steps * step, digits), self._low), self._high)

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:  # noqa: N802
        """Both ways from "off", since infinity has no neighbour."""
        if math.isinf(self.number):
            return QAbstractSpinBox.StepEnabledFlag.StepUpEnabled | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return super().stepEnabled()

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        """Leave the wheel to the page unless the box was clicked: scrolling past must not change a number."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _read(self, text: str) -> float | None:
        text = text.strip().removesuffix(self._unit).strip().lower().replace(",", ".").replace("−", "-")
        if self._off is not None and text in (OFF, ""):
            return self._off
        try:
            number = float(text)
        except ValueError:
            return None
        return None if math.isnan(number) else number


def _unbounded(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) >= LARGEST else value


class ChoiceBox(QComboBox):
    """A drop-down of the allowed strings, shown with spaces for underscores."""

    def __init__(self, choices: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for choice in choices:
            self.addItem(choice.replace("_", " "), choice)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        """Leave the wheel to the page unless the box was clicked."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


@dataclasses.dataclass(frozen=True)
class _Row:
    """One field's widget and how its value is read and written."""

    widget: QWidget
    read: Callable[[], Any]
    write: Callable[[Any], None]


class ParamsForm(QWidget, Generic[P]):
    """A form for a `Params` value.

    Parameters
    ----------
    params : Params
        What is shown first; its class decides the rows.
    fields : sequence of str, optional
        The fields shown, in this order; those left out keep the value they have in `params`.

    Notes
    -----
    A field that is itself a `Params` becomes a titled group. `changed` is emitted once for each finished edit (Enter,
    leaving the box, a click), also while the values do not go together; reading `value` then raises `InputError`.
    """

    changed = Signal()

    def __init__(self, params: P, fields: Sequence[str] | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._params = params
        self._rows: dict[str, _Row] = {}
        known = {field.name: field for field in dataclasses.fields(params)}
        hints = get_type_hints(type(params))
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for name in known if fields is None else fields:
            self._add(layout, known[name], hints[name])

    @property
    def value(self) -> P:
        """The parameters as they stand; raises `InputError` where they do not go together."""
        return self._params.replace(**{name: row.read() for name, row in self._rows.items()})

    @value.setter
    def value(self, params: P) -> None:
        if not isinstance(params, type(self._params)):
            raise TypeError(f"this form shows {type(self._params).__name__}, not {type(params).__name__}")
        if self._shows(params):
            return
        self._params = params
        with QSignalBlocker(self):
            for name, row in self._rows.items():
                row.write(getattr(params, name))
        self.changed.emit()

    def widget(self, field: str) -> QWidget:
        """Return the widget of a field, to switch it off or put the focus there."""
        return self._rows[field].widget

    def _shows(self, params: P) -> bool:
        try:
            return self.value == params
        except InputError:
            return False

    def _edited(self, *_: Any) -> None:
        self.changed.emit()

    def _add(self, layout: QFormLayout, field: dataclasses.Field[Any], kind: Any) -> None:
        about = field.metadata
        title = about.get("title") or field.name.replace("_", " ")
        row = self._row(getattr(self._params, field.name), kind, about, title)
        self._rows[field.name] = row
        row.widget.setObjectName(field.name)
        row.widget.setToolTip(about.get("doc", ""))
        if isinstance(row.widget, (QGroupBox, QCheckBox)):
            layout.addRow(row.widget)
            return
        label = QLabel(title)
        label.setToolTip(about.get("doc", ""))
        label.setBuddy(row.widget)
        layout.addRow(label, row.widget)

    def _row(self, value: Any, kind: Any, about: Any, title: str) -> _Row:
        if isinstance(value, Params):
            return self._group_row(value, title)
        if kind is bool:
            return self._check_row(value, title)
        if about.get("choices"):
            return self._choice_row(value, about["choices"])
        if kind in (int, float):
            return self._number_row(value, kind, about)
        if kind is str:
            return self._text_row(value)
        raise TypeError(f"a form has no row for a field of type {kind}")

    def _group_row(self, value: Params, title: str) -> _Row:
        group, form = QGroupBox(title), ParamsForm(value)
        QVBoxLayout(group).addWidget(form)
        form.changed.connect(self.changed)

        def write(params: Params) -> None:
            form.value = params

        return _Row(group, lambda: form.value, write)

    def _check_row(self, value: bool, title: str) -> _Row:
        box = QCheckBox(title)
        box.setChecked(value)
        box.toggled.connect(self._edited)
        return _Row(box, box.isChecked, box.setChecked)

    def _choice_row(self, value: str, choices: Sequence[str]) -> _Row:
        box = ChoiceBox(choices)
        box.setCurrentIndex(box.findData(value))
        box.currentIndexChanged.connect(self._edited)
        return _Row(box, box.currentData, lambda new: box.setCurrentIndex(box.findData(new)))

    def _number_row(self, value: float, kind: type, about: Any) -> _Row:
        off = about.get("off")
        if off is None and math.isinf(value):
            off = value
        step = about.get("step") or (1.0 if kind is int else 0.1)
        box = NumberBox(about.get("low", -math.inf), about.get("high", math.inf), step, about.get("unit", ""), off, kind is int)
        box.number = value
        box.valueChanged.connect(self._edited)

        def write(new: float) -> None:
            box.number = new

        return _Row(box, lambda: kind(box.number), write)

    def _text_row(self, value: str) -> _Row:
        line = QLineEdit(value)

        def finished() -> None:
            if line.isModified():
                line.setModified(False)
                self.changed.emit()

        line.editingFinished.connect(finished)
        return _Row(line, line.text, line.setText)
