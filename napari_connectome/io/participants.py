"""Who was measured: tables of participants, and what the names of runs tell."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.io.bids import folders_of
from napari_connectome.io.header import stem
from napari_connectome.io.tables import MISSING, is_number, read_cells

FILE = "participants.tsv"
ID = "participant_id"
_ENTITY = re.compile(r"(?:^|[_/\s])([A-Za-z]+)-([A-Za-z0-9]+)")


def find_participants(bold: str | os.PathLike[str]) -> Path | None:
    """The ``participants.tsv`` of the data set that a run is of, or None; the nearest of several."""
    return next((folder / FILE for folder in folders_of(bold) if (folder / FILE).is_file()), None)


def read_participants(*paths: str | os.PathLike[str]) -> pd.DataFrame:
    """Read tables with a line for each participant or run, as one.

    Parameters
    ----------
    *paths : path
        With a header, as ``participants.tsv``.

    Returns
    -------
    DataFrame
        The lines of all, text throughout, "" where a value is missing.
    """
    return pd.concat([_read(path) for path in paths], ignore_index=True).fillna("")


def lines_of(table: pd.DataFrame, runs: Sequence[str]) -> list[int | None]:
    """For each run by its name, which line of a table is of it, from 0, or None.

    Whose a line is stands in the column participant_id, or in the one that names most of the runs. A line is of a run that has
    its name, as a file or without its ending, and of the runs of a subject that their names say: "sub-01" or "01" of
    "sub-01_bold". Zeros in front count for nothing where no line is written with the same.
    """
    return _identified(table, runs)[1]


def _identified(table: pd.DataFrame, runs: Sequence[str]) -> tuple[str, list[int | None]]:
    """The column that says whose a line is, and the line of each run."""
    by_column = {str(name): _matched(table[name].tolist(), runs) for name in table}
    column = ID if ID in by_column else max(by_column, key=lambda name: sum(line is not None for line in by_column[name]))
    found, ids = by_column[column], table[column].tolist()
    for line in found:
        if line is not None and ids.count(ids[line]) > 1:
            raise InputError(f"{ids[line]} stands in {ids.count(ids[line])} lines of the table: give each one line.")
    return column, found


def groupings(runs: Sequence[str], table: pd.DataFrame | None = None) -> dict[str, tuple[str, ...]]:
    """The ways that runs fall into groups, two at least of which one has two runs at least.

    Parameters
    ----------
    runs : sequence of str
        Their names.
    table : DataFrame, optional
        Of participants, as `read_participants` gives it.

    Returns
    -------
    dict of str to tuple of str
        By columns of the table first, then by parts of the names of runs, "ses" of "sub-01_ses-pre_bold": the group of each
        run, "" where there is none.
    """
    found: dict[str, tuple[str, ...]] = {}
    if table is not None:
        ids, lines = _identified(table, runs)
        used = sorted({line for line in lines if line is not None})
        for name in (str(each) for each in table if each != ids):
            if _parts(table[name][used].tolist()):
                found[name] = tuple("" if line is None else str(table[name][line]) for line in lines)
    parts = [entities(run) for run in runs]
    for key in dict.fromkeys(key for part in parts for key in part if key != "sub"):
        if _parts(groups := [part.get(key, "") for part in parts]):
            found[f"{key} in names"] = tuple(groups)
    return found


def subject_of(run: str) -> str:
    """Whose a run is by its name: "sub-01" of "sub-01_task-rest_bold"; the run itself where its name does not say."""
    subject = entities(run).get("sub")
    return run if subject is None else f"sub-{subject}"


def entities(run: str) -> dict[str, str]:
    """The parts of a name as BIDS has them: sub, ses, task, run and so on."""
    return dict(_ENTITY.findall(run))


def _read(path: str | os.PathLike[str]) -> pd.DataFrame:
    name = Path(path).name
    header, *lines = read_cells(path)
    if any(is_number(cell) for cell in header) or len(set(header)) < len(header) or len(header) < 2:
        raise InputError(
            f"{name} needs a first line with the names of its columns, each once: one of them, as {ID}, says whose a line is."
        )
    return pd.DataFrame(lines, columns=header, dtype=object).map(lambda cell: "" if cell.lower() in MISSING else cell)


def _matched(ids: Sequence[str], runs: Sequence[str]) -> list[int | None]:
    """Which of the ids names each run, if any."""
    exact = {stem(each): line for line, each in reversed(list(enumerate(ids))) if each}
    loose = {_loose(each): line for each, line in exact.items()}
    found = []
    for run in runs:
        subject = entities(run).get("sub")
        asked = [run] if subject is None else [run, f"sub-{subject}", subject]
        lines = [exact.get(each) for each in asked] + [loose.get(_loose(each)) for each in asked]
        found.append(next((line for line in lines if line is not None), None))
    return found


def _loose(text: str) -> str:
    """A name without zeros in front of its numbers."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", text.removeprefix("sub-"))


def _parts(groups: Sequence[str]) -> bool:
    """Whether there are two groups and fewer than runs."""
    known = [group for group in groups if group]
    return 2 <= len(set(known)) < len(known)
