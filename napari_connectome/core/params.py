"""Parameters as values: each default, unit, range and explanation is written once, here read by scripts and forms alike."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Self, get_args, get_origin, get_type_hints

import numpy as np

from napari_connectome.core.errors import InputError

BOUNDS = ("low", "high", "unit", "off")
"""What is declared of a number and checked."""


def param(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    step: float | None = None,
    choices: tuple[str, ...] | tuple[int, ...] = (),
    title: str = "",
    off: float | None = None,
) -> Any:
    """Declare one field of a `Params` class.

    Parameters
    ----------
    default : Any
        A number, bool, string, tuple of strings or numbers (not shown in forms) or another `Params`.
    doc : str
        One line, shown as the tooltip.
    unit : str
        "mm", "s", "Hz" or nothing.
    low, high : float
        Inclusive bounds of a number, or of each of a tuple of numbers.
    step : float, optional
        What one click of a spin box changes; also decides how many decimals are shown.
    choices : tuple of str or of int
        The values a string or a whole number may take.
    title : str
        The label in a form, where the field's name with spaces would not do.
    off : float, optional
        The value that leaves the step out (0 or infinity); a form shows it as the word "off".
    """
    about = {"doc": doc, "unit": unit, "low": low, "high": high, "step": step, "choices": choices, "title": title, "off": off}
    if isinstance(default, Params):
        return dataclasses.field(default_factory=lambda: default, metadata=about)
    return dataclasses.field(default=default, metadata=about)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Params:
    """Base of every parameter class: checked when made, compared by value, to JSON and back."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(type(self), field, getattr(self, field.name)))

    @classmethod
    def given(cls, params: Self | None) -> Self:
        """The parameters that were given, the defaults for None; one sentence for those of another analysis."""
        if params is None:
            return cls()
        if not isinstance(params, cls):
            raise InputError(f"the parameters given are {params!r} and must be {cls.__name__}(…).")
        return params

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; infinity becomes the string "inf", which JSON numbers lack."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make the parameters that `to_dict` described; a field left out takes its default."""
        hints = _hints(cls)
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise InputError(f"{cls.__name__} has no parameter {', '.join(unknown)}: take it out or check its spelling.")
        return cls(**{name: _typed(hints[name], value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Params):
        return value.to_dict()
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def _typed(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Params) and isinstance(value, Mapping):
        return kind.from_dict(value)
    return float(value) if kind is float and value in ("inf", "-inf") else value


def _checked(owner: type[Params], field: dataclasses.Field[Any], value: Any) -> Any:
    """The value as its field's own type, numpy's numbers as Python's; or one sentence."""
    about, kind = field.metadata, _hints(owner)[field.name]
    if not about:
        return value
    name = f"{owner.__name__}.{field.name}"
    if about["choices"]:
        return _chosen(name, about["choices"], value)
    if get_origin(kind) is tuple:
        return _strings(name, value) if get_args(kind)[0] is str else _numbers(name, value, about)
    if isinstance(kind, type) and issubclass(kind, Params):
        if not isinstance(value, kind):
            raise InputError(f"{name} is {value!r} and must be a {kind.__name__}(…).")
        return value
    if kind is bool:
        if not isinstance(value, bool | np.bool_):
            raise InputError(f"{name} is {value!r} and must be True or False.")
        return bool(value)
    if kind is str:
        if not isinstance(value, str):
            raise InputError(f"{name} is {value!r} and must be text: 'face'.")
        return str(value)
    if kind in (int, float):
        return number(name, value, kind, **{bound: about[bound] for bound in BOUNDS})
    return value


def _chosen(name: str, choices: tuple[Any, ...], value: Any) -> Any:
    """The choice that equals the value, in the choice's own type: 6 for numpy's 6, and nothing for True."""
    kinds = (str,) if isinstance(choices[0], str) else (int, float, np.integer, np.floating)
    if isinstance(value, kinds) and not isinstance(value, bool) and value in choices:
        return choices[choices.index(value)]
    raise InputError(f"{name} is {value!r} and must be one of {', '.join(map(str, choices))}.")


def _strings(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, tuple | list) or not all(isinstance(each, str) for each in value):
        raise InputError(f"{name} is {value!r} and must be a list of words: ('face', 'house').")
    return tuple(str(each) for each in value)


def _numbers(name: str, value: Any, about: Mapping[str, Any]) -> tuple[float, ...]:
    if not isinstance(value, tuple | list) and not (isinstance(value, np.ndarray) and value.ndim == 1):
        raise InputError(f"{name} is {value!r} and must be a list of numbers: (0.1, 0.01).")
    return tuple(number(f"one of {name}", each, **{bound: about[bound] for bound in BOUNDS}) for each in value)


def number(
    name: str,
    value: Any,
    kind: type[int] | type[float] = float,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    unit: str = "",
    off: float | None = None,
) -> Any:
    """The value as a plain number of its kind, within inclusive bounds; or one sentence that says what `name` must be.

    NaN lies within no bounds.
    """
    unit = f" {unit}" if unit else ""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        word = "" if off is None else f" ({off:g} is off)"
        raise InputError(f"{name} is {value!r} and must be a number{unit and f' of{unit}'}{word}.")
    if not low <= value <= high:
        within = f"lie between {low:g} and {high:g}{unit}" if high < math.inf else f"be {low:g}{unit} or more"
        raise InputError(f"{name} is {value:g}{unit} and must {within}.")
    if kind is int and value % 1 != 0:
        raise InputError(f"{name} is {value:g}{unit} and must be a whole number.")
    return kind(value)


_HINTS: dict[Any, dict[str, Any]] = {}


def _hints(owner: type[Params]) -> dict[str, Any]:
    if owner not in _HINTS:
        _HINTS[owner] = get_type_hints(owner)
    return _HINTS[owner]
