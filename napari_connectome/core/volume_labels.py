"""A label a volume: read from a table or list, and moved by the delay of the response."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.columns import column, columns_in_words, text
from napari_connectome.core.errors import InputError
from napari_connectome.core.values import ROUNDING
from napari_connectome.core.words import some

Array = npt.NDArray[Any]

LABELS = ("labels", "label", "condition", "conditions", "trial_type", "category", "stimulus", "target", "targets")
CHUNKS = ("chunks", "chunk", "run", "runs", "session", "sessions")
"""What the columns of tables are called, in any case; the first that is there is taken."""


def labels_and_chunks(table: Any, name: str) -> tuple[Array, Array]:
    """Labels as text (t,) and chunks as whole numbers (t,), 0 where there are none, of a table or a list of labels."""
    if not isinstance(table, pd.DataFrame):
        if not _is_list(table):
            raise InputError(f"{name} must be a table with a column labels, or a list of one label a volume.")
        return text(table), np.zeros(len(table), dtype=np.int64)
    found = column(table, LABELS)
    if found is None:
        raise InputError(
            f"there is no column labels in {name}, only {columns_in_words(table)}: "
            "give a table with labels (and chunks), or with onset, duration and trial_type."
        )
    labels, chunks = text(found), column(table, CHUNKS)
    return labels, np.zeros(len(labels), dtype=np.int64) if chunks is None else whole(chunks)


def whole(values: Any) -> Array:
    """Chunks as whole numbers: their own where they are such, else numbered in the order they appear in."""
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64)
    if np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all():
        return numbers.astype(np.int64)
    return np.asarray(pd.factorize(text(values))[0], dtype=np.int64)


def moved(labels: Array, chunks: Array, tr: float, delay: float) -> tuple[Array, list[str]]:
    """The labels, later by the delay (s) within each stretch of a chunk, and what to say about it."""
    shift = int(np.floor(delay / tr + 0.5))
    notices = []
    if abs(shift * tr - delay) > ROUNDING:
        notices.append(f"The delay of {delay:g} s counts as {some(shift, 'volume')} of {tr:g} s: labels move by whole volumes.")
    later = np.full_like(labels, "")
    for stretch in np.split(np.arange(len(labels)), np.flatnonzero(np.diff(chunks)) + 1):
        n = max(0, len(stretch) - abs(shift))
        head, tail = stretch[:n], stretch[len(stretch) - n :]
        if shift > 0:
            later[tail] = labels[head]
        else:
            later[head] = labels[tail]
    lost = int(np.count_nonzero(labels != "") - np.count_nonzero(later != ""))
    if lost:
        verb, end = ("is", "end") if lost == 1 else ("are", "ends")
        notices.append(f"{some(lost, 'label')} {verb} moved past the {end} of the chunks by the delay and left out.")
    return later, notices


def _is_list(values: Any) -> bool:
    try:
        return not isinstance(values, str | bytes) and np.ndim(values) == 1
    except ValueError:  # rows of different lengths
        return False
