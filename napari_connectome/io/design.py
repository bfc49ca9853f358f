"""Files that say which condition each volume belongs to: a label a volume, or BIDS events."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from napari_connectome.core.design import Design, Timing
from napari_connectome.core.design import design_of_table as design_of_table
from napari_connectome.core.errors import InputError
from napari_connectome.core.events import DURATION, ONSET, TRIAL_TYPE
from napari_connectome.core.volume_labels import CHUNKS, LABELS
from napari_connectome.io.bids import belonging, folders_of
from napari_connectome.io.tables import MISSING, is_number, read_cells

_KNOWN = {*LABELS, *CHUNKS, *ONSET, *DURATION, *TRIAL_TYPE}


def load_design(path: str | os.PathLike[str], n_volumes: int, tr: float, timing: Timing | None = None) -> Design:
    """Read the design of a run: a table of labels, one row a volume, or of events.

    Parameters
    ----------
    path : path
        See `read_design_table`.
    n_volumes : int
        Volumes t of the run.
    tr : float
        Seconds.
    timing : Timing, optional
        Delay, and width of momentary events.

    See Also
    --------
    napari_connectome.core.design.design_of_labels, napari_connectome.core.design.design_of_events
    """
    return design_of_table(read_design_table(path, n_volumes), n_volumes, tr, timing, Path(path).name)


def find_events(bold: str | os.PathLike[str]) -> Path | None:
    """The ``*_events.tsv`` that BIDS gives a run, or None.

    Beside the run, or in the folders above it up to the data set's; the nearest whose entities (sub, task, run, …) are all
    among the run's, and in one folder the one that has the most. For a run below ``derivatives/<pipeline>`` also where the
    original lies.
    """
    for folder in folders_of(bold):
        if found := belonging(bold, folder, "_events.tsv"):
            return found
    return None


def read_design_table(path: str | os.PathLike[str], n_volumes: int | None = None) -> pd.DataFrame:
    """Read a table of labels or events from text.

    Parameters
    ----------
    path : path
        Separated by tabs, commas, semicolons or blanks; ``.gz`` is unpacked. With a header in any case, or without: then a
        column of labels, labels and chunks (as in Haxby's ``attributes.txt``), or onsets, durations and types.
    n_volumes : int, optional
        Volumes of the run, which tells header from labels where nothing else does.

    Returns
    -------
    DataFrame
        Columns labels (text, "" where missing) and perhaps chunks; or onset, duration (s) and trial_type, as far as there.
    """
    name = Path(path).name
    cells = read_cells(path)
    header = _has_header(cells, n_volumes)
    columns = [list(column) for column in zip(*cells[header:], strict=True)] or [[] for _ in cells[0]]
    if header:
        named = _by_name([cell.strip().lower() for cell in cells[0]], columns)
        if named:
            return _table(named)
    if not columns[0]:
        raise InputError(f"{name} holds a header and no values: a table with a row a volume, or an event, is needed.")
    return _table(_by_place(columns, name, cells[0] if header else []))


def _has_header(cells: Sequence[Sequence[str]], n_volumes: int | None) -> bool:
    """Whether the first line names the columns.

    It does where it holds "onset", and does not where it holds a number or a value that comes again below. Else it does where
    it holds a known name, where a column of numbers begins with a word, or where that leaves one row a volume.
    """
    first = cells[0]
    if any(cell.lower() in ONSET for cell in first):
        return True
    columns = [column[1:] for column in zip(*cells, strict=True)]
    if any(is_number(cell) for cell in first) or any(cell in column for cell, column in zip(first, columns, strict=True)):
        return False
    if any(cell.lower() in _KNOWN for cell in first) or any(column and _numbers(column) for column in columns):
        return True
    return len(cells) == n_volumes + 1 if n_volumes is not None else True


def _by_name(names: list[str], columns: list[list[str]]) -> dict[str, list[str]]:
    """The columns of events or labels by their names; empty where there are none of either."""
    wanted = {"onset": ONSET, "duration": DURATION, "trial_type": TRIAL_TYPE}
    if not set(ONSET) & set(names):
        wanted = {"labels": LABELS, "chunks": CHUNKS}
    where = {key: next((names.index(s) for s in spellings if s in names), None) for key, spellings in wanted.items()}
    found = {key: _known(columns[place]) for key, place in where.items() if place is not None}
    return found if "onset" in found or "labels" in found else {}


def _by_place(columns: list[list[str]], name: str, header: Sequence[str]) -> dict[str, list[str]]:
    """The columns by their order, where no name is known."""
    numbers = [_numbers(column) for column in columns]
    known = [_known(column) for column in columns]
    if len(columns) == 3 and numbers == [True, True, False] and not header:
        return dict(zip(("onset", "duration", "trial_type"), known, strict=True))
    if len(columns) == 1:
        return {"labels": known[0]}
    if len(columns) == 2:
        labels, chunks = (1, 0) if numbers == [True, False] else (0, 1)
        return {"labels": known[labels], "chunks": known[chunks]}
    shown = f" ({', '.join(header[:6])}{', …' if len(header) > 6 else ''}), none of them called labels or onset"
    raise InputError(
        f"{name} has {len(columns)} columns{shown if header else ' and no header'}: "
        "call those that matter labels (and chunks), or onset, duration and trial_type."
    )


def _table(columns: dict[str, list[str]]) -> pd.DataFrame:
    """The columns, seconds as numbers; labels, chunks and types stay the text they are."""
    times = {key: [float(cell) for cell in columns[key]] for key in ("onset", "duration") if _numbers(columns.get(key, [""]))}
    return pd.DataFrame({**columns, **times})


def _numbers(column: Sequence[str]) -> bool:
    return all(is_number(cell) for cell in column)


def _known(column: Sequence[str]) -> list[str]:
    return ["" if cell.lower() in MISSING else cell for cell in column]
