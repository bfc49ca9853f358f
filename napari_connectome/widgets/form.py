"""A magicgui form made from a `Params` value: one row a field, everything shown there read from the field's declaration.

The number boxes are our own, because the stock ones (and magicgui's on top of them) round what they are given to the
decimals they show, cannot hold infinity, and cannot say "off".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, get_type_hints

import numpy as np
from magicgui.backends._qtpy import widgets as backend
from magicgui.widgets import CheckBox, Container, LineEdit, Widget, create_widget
from magicgui.widgets.bases import CategoricalWidget, ContainerWidget, RangedWidget
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QLabel,
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

    Attributes
    ----------
    corrected : Signal(str)
        A sentence, once something was typed that cannot be and another number was taken; "" when it is the past.
    """

    corrected = Signal(str)

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
        self._off, self._unit, self._whole = off, unit, whole
        self._last_on: float | None = None
        self._corrected = self._unseen = False
        self.lineEdit().textEdited.connect(self._forget)
        self.setDecimals(0 if whole else 30)  # what is kept; textFromValue decides what is shown
        self.setRange(_bounded(low), _bounded(high))
        self.setSingleStep(step)
        self.setKeyboardTracking(False)  # a half typed 0.0 is no wish
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setMinimumWidth(80)

    @property
    def number(self) -> float:
        """The number shown: infinite or zero where that is what "off" stands for."""
        return int(self.value()) if self._whole else _unbounded(self.value())

    @number.setter
    def number(self, number: float) -> None:
        if _bounded(number) != self.value():  # not where what was taken comes back from those who follow it
            self._forget()
        self.setValue(_bounded(number))

    def settle(self) -> bool:
        """Take what is typed; False, once, where another number was taken for it, which nobody has seen yet."""
        self.interpretText()
        unseen, self._unseen = self._unseen, False
        return not unseen

    def _forget(self, *_: Any) -> None:
        """What was typed before is the past."""
        self._unseen = False
        if self._corrected and not self.signalsBlocked():
            self._corrected = False
            self.corrected.emit("")

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Show the shortest text that reads back as the same number."""
        number = _unbounded(value)
        return OFF if self._off is not None and number == self._off else self._written(number)

    def valueFromText(self, text: str | None) -> float:  # noqa: N802
        """Read a number, "off" or "inf", with or without the unit."""
        number = self._read(text or "")
        return self.value() if number is None else _bounded(number)

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Take whatever reads as a number within the bounds; let anything that may become one be typed on."""
        text = text or ""
        number = self._read(text)
        low, high = self.minimum(), self.maximum()
        fits = number is not None and low <= _bounded(number) <= high and not (self._whole and number % 1)
        return (QValidator.State.Acceptable if fits else QValidator.State.Intermediate), text, position

    def fixup(self, text: str | None) -> str:
        """Take the nearest number that can be, or the last one where none was typed, and say so."""
        typed = (text or "").strip()
        number = self._read(typed)
        taken = self.value() if number is None else self._nearest(number)
        shown = self.textFromValue(taken)
        becomes = f"{typed or 'nothing'} is no number, {shown} stays" if number is None else f"{typed} became {shown}"
        self._corrected = self._unseen = True
        self.corrected.emit(f"{self._called()} takes {self._allowed()}: {becomes}.")
        return shown

    def stepBy(self, steps: int) -> None:  # noqa: N802
        """Step; from "off" go to the last number there was, and onto the grid of steps rather than past a bound."""
        number, step = self.number, self.singleStep()
        if math.isinf(number):
            start = self._last_on if self._last_on is not None else self.minimum() + step
            self.number = start
            return
        self._last_on = number
        digits = max(0, 2 - math.floor(math.log10(step)))
        self.number = round(number + steps * step, digits)  # setValue stops at the bounds

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

    def _written(self, number: float) -> str:
        if math.isinf(number):
            return "inf" if number > 0 else "-inf"
        text = np.format_float_positional(number, trim="-")
        return f"{text} {self._unit}" if self._unit else text

    def _nearest(self, number: float) -> float:
        number = min(max(_bounded(number), self.minimum()), self.maximum())
        return float(round(number)) if self._whole else number

    def _called(self) -> str:
        """Its title, which stands beside it or beside what it is a part of."""
        parent = self.parentWidget()
        return self.accessibleName() or (parent.accessibleName() if parent is not None else "") or "This box"

    def _allowed(self) -> str:
        """What may be typed, in words."""
        low, high = _unbounded(self.minimum()), _unbounded(self.maximum())
        kind = "whole numbers" if self._whole else "numbers"
        if math.isfinite(low) and math.isfinite(high):
            return f"{kind} from {low:g} to {self._written(high)}"
        above, below = f" from {self._written(low)}" * math.isfinite(low), f" up to {self._written(high)}" * math.isfinite(high)
        return kind + above + below

    def _read(self, text: str) -> float | None:
        text = text.strip().removesuffix(self._unit).strip().lower().replace(",", ".").replace("−", "-")
        if self._off is not None and text in (OFF, ""):
            return self._off
        try:
            number = float(text)
        except ValueError:
            return None
        return None if math.isnan(number) else number


def _bounded(number: float) -> float:
    return min(max(float(number), -LARGEST), LARGEST)


def _unbounded(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) >= LARGEST else value


class ChoiceBox(QComboBox):
    """A drop-down of the allowed strings or whole numbers, shown with spaces for underscores."""

    def __init__(self, choices: Sequence[str | int] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for choice in choices:
            self.addItem(str(choice).replace("_", " "), choice)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        """Leave the wheel to the page unless the box was clicked."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class _NumberBackend(backend.QBaseRangedWidget):
    """`NumberBox` with the methods magicgui asks of a widget."""

    _post_get_hook = staticmethod(_unbounded)
    _pre_set_hook = staticmethod(_bounded)

    def __init__(self, parent: QWidget | None = None, **declared: Any) -> None:
        def box(parent: QWidget | None) -> NumberBox:
            return NumberBox(**declared, parent=parent)

        super().__init__(box, parent=parent)

    def _mgui_get_value(self) -> Any:
        return self._qwidget.number


class _ChoiceBackend(backend.ComboBox):
    """`ChoiceBox` with the methods magicgui asks of a widget."""

    def __init__(self, parent: QWidget | None = None) -> None:
        backend.QBaseValueWidget.__init__(self, ChoiceBox, "currentData", "setCurrentIndex", "", parent=parent)
        self._qwidget.currentIndexChanged.connect(self._emit_data)


class _RowsBackend(backend.Container):
    """Titles in one column, above their boxes where the dock is narrow; a group and a check box take the whole row."""

    def __init__(self, title: str = "", parent: QWidget | None = None, **_: Any) -> None:
        backend.QBaseWidget.__init__(self, QGroupBox if title else QWidget, parent=parent)
        self._layout = QFormLayout(self._qwidget)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        if title:
            self._qwidget.setTitle(title)
        else:
            self._layout.setContentsMargins(0, 0, 0, 0)

    def _mgui_insert_widget(self, position: int, widget: Widget) -> None:
        if isinstance(widget, (CheckBox, Container)):
            self._layout.insertRow(position, widget.native)
            return
        label = QLabel(widget.label)
        label.setToolTip(widget.tooltip)
        label.setBuddy(widget.native)
        widget.native.setAccessibleName(widget.label)
        self._layout.insertRow(position, label, widget.native)


class NumberEdit(RangedWidget[float]):
    """A `NumberBox` as a magicgui widget; a whole one where the annotation is `int`.

    Parameters
    ----------
    unit : str
        Shown behind the number.
    off : float, optional
        The value shown and typed as "off".
    **ranged : Any
        `value`, `min`, `max`, `step`, `name` and so on, as magicgui's own number widgets take them.
    """

    def __init__(self, *, unit: str = "", off: float | None = None, **ranged: Any) -> None:
        declared = {"unit": unit, "off": off, "whole": ranged.get("annotation") is int}
        super().__init__(**{**ranged, "widget_type": _NumberBackend, "backend_kwargs": declared})

    def _on_value_change(self, value: float | None = None) -> None:
        super()._on_value_change(self.value)  # the box's own value stands in for infinity


class ChoiceEdit(CategoricalWidget[str | int]):
    """A `ChoiceBox` as a magicgui widget."""

    def __init__(self, **categorical: Any) -> None:
        super().__init__(**{**categorical, "widget_type": _ChoiceBackend})


class TextEdit(LineEdit):
    """A line of text that tells of a change once it is finished, not at every key."""

    def _post_init(self) -> None:
        super()._post_init()
        self.native.editingFinished.connect(self._on_finished)

    def _on_value_change(self, value: str | None = None) -> None:
        if not self.native.isModified():  # nobody types: a script set it
            super()._on_value_change(value)

    def _on_finished(self) -> None:
        if self.native.isModified():
            self.native.setModified(False)
            super()._on_value_change(self.value)


class ParamsContainer(Container, Generic[P]):
    """A magicgui container with one widget for each field of a `Params` value, and that value as its own.

    Parameters
    ----------
    params : Params
        What is shown first; its class decides the rows.
    fields : sequence of str, optional
        The fields shown, in this order; those left out keep the value they have in `params`.
    title : str
        Makes it a group with this title.
    **about : Any
        `name`, `tooltip` and so on, as magicgui's containers take them.

    Notes
    -----
    A script reaches a field by its name: `container["high_pass"].value = 0.01`, or `container.high_pass` where the
    container has nothing else of that name. A field that is itself a `Params` becomes a titled container in this one.
    """

    def __init__(self, params: P, fields: Sequence[str] | None = None, title: str = "", **about: Any) -> None:
        self._params = params
        known = {field.name: field for field in dataclasses.fields(params)}
        hints = get_type_hints(type(params))
        rows = [_row(getattr(params, name), known[name], hints[name]) for name in (known if fields is None else fields)]
        shown = {"widgets": rows, "labels": False, "widget_type": _RowsBackend, "backend_kwargs": {"title": title}}
        ContainerWidget.__init__(self, **shown, **about)  # past Container's own, which insists on its backend

    @property
    def value(self) -> P:
        """The parameters as they stand; raises `InputError` where they do not go together."""
        return self._params.replace(**{row.name: row.value for row in self})

    @value.setter
    def value(self, params: P) -> None:
        if not isinstance(params, type(self._params)):
            raise TypeError(f"this form shows {type(self._params).__name__}, not {type(params).__name__}")
        if self._shows(params):
            return
        self._params = params
        with self.changed.blocked():
            for row in self:
                row.value = getattr(params, row.name)
        self.changed.emit(self)

    def _shows(self, params: P) -> bool:
        try:
            return self.value == params
        except InputError:
            return False


class ParamsForm(QWidget, Generic[P]):
    """A `ParamsContainer` as a Qt widget, made from the same `params` and `fields`.

    Attributes
    ----------
    container : ParamsContainer
        The rows, for scripts.
    changed : Signal
        An edit was finished (Enter, leaving the box, a click, a script), also where the values do not go together.
    """

    changed = Signal()

    def __init__(self, params: P, fields: Sequence[str] | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.container = ParamsContainer(params, fields)
        self.container.changed.connect(self._on_changed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.container.native)

    @property
    def value(self) -> P:
        """The parameters as they stand; raises `InputError` where they do not go together."""
        return self.container.value

    @value.setter
    def value(self, params: P) -> None:
        self.container.value = params

    def widget(self, field: str) -> QWidget:
        """Return the Qt widget of a field, to switch it off or put the focus there."""
        return self.container[field].native

    def _on_changed(self, *_: Any) -> None:
        self.changed.emit()


def _row(value: Any, field: dataclasses.Field[Any], kind: Any) -> Widget:
    about = field.metadata
    label, tooltip = about.get("title") or field.name.replace("_", " "), about.get("doc", "")
    label = f"{label[:1].upper()}{label[1:]}"
    if isinstance(value, Params):
        return ParamsContainer(value, title=label, name=field.name, tooltip=tooltip)
    options: dict[str, Any] = {"tooltip": tooltip}
    if kind is bool:
        options |= {"widget_type": CheckBox}
    elif about.get("choices"):
        options |= {
            "widget_type": ChoiceEdit,
            "choices": [(str(choice).replace("_", " "), choice) for choice in about["choices"]],
        }
    elif kind in (int, float):
        options |= {"widget_type": NumberEdit, **_declared(value, kind, about)}
    elif kind is str:
        options |= {"widget_type": TextEdit}
    else:
        raise TypeError(f"a form has no row for a field of type {kind}")
    return create_widget(value, kind, name=field.name, label=label, options=options)


def _declared(value: float, kind: type, about: Any) -> dict[str, Any]:
    """What a number's declaration says, in the words of `NumberEdit`."""
    off = about.get("off")
    return {
        "min": about.get("low", -math.inf),
        "max": about.get("high", math.inf),
        "step": about.get("step") or (1.0 if kind is int else 0.1),
        "unit": about.get("unit", ""),
        "off": value if off is None and math.isinf(value) else off,
    }
