"""Tables as people give them: columns by any of their names, cells as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.words import one_line

Array = npt.NDArray[Any]


def column(table: pd.DataFrame, spellings: Sequence[str]) -> pd.Series | None:
    """The column with the first of these names that is there, in any case; of several called so the first."""
    known = [str(name).strip().lower() for name in table.columns]
    return next((table.iloc[:, known.index(spelling)] for spelling in spellings if spelling in known), None)


def columns_in_words(table: pd.DataFrame) -> str:
    """What the columns are called, the first eight of them."""
    shown = [str(name) for name in table.columns]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "") or "none"


def text(values: Iterable[Any]) -> Array:
    """Values as text (n,) of one line each, without space around it: 1 and 1.0 as "1", missing ones as ""."""
    return np.array([_word(value) for value in values], dtype=np.str_)


def _word(value: Any) -> str:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return one_line(value)
