"""Who was measured: tables of participants, and what the names of runs tell."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.io.bids import folders_of
from napari_connectome.io.tables import MISSING, is_number, read_cells

FILE = "participants.tsv"
ID = "participant_id"
_ENTITY = re.compile(r"(?:^|[_/\s])([A-Za-z]+)-([A-Za-z0-9]+)")


def find_participants(bold: str | os.PathLike[str]) -> Path | None:
    """The ``participants.tsv`` of the data set that a run is of, or None; the nearest of several."""
    return next((folder / FILE for folder in folders_of(bold) if (folder / FILE).is_file()), None)


def read_participants(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table with a line for each participant or run.

    Parameters
    ----------
    path : path
        With a header, as ``participants.tsv``; in the column participant_id, or the first, which participant or run a line is
        of.

    Returns
    -------
    DataFrame
        Text throughout, "" where a value is missing; the index is whom a line is of.
    """
    name = Path(path).name
    header, *lines = read_cells(path)
    if any(is_number(cell) for cell in header) or len(set(header)) < len(header) or len(header) < 2:
        raise InputError(
            f"{name} needs a first line with the names of its columns, each once, of which the first is {ID} or the names of "
            "the runs: give it one."
        )
    at = header.index(ID) if ID in header else 0
    ids = [line[at] for line in lines]
    twice = [each for each in ids if ids.count(each) > 1]
    if twice:
        raise InputError(f"{twice[0]} stands in {ids.count(twice[0])} lines of {name}: give each participant or run one line.")
    table = pd.DataFrame(lines, columns=header, index=pd.Index(ids, name=ID), dtype=object).drop(columns=header[at])
    return table.map(lambda cell: "" if cell.lower() in MISSING else cell)


def lines_of(table: pd.DataFrame, runs: Sequence[str]) -> list[str | None]:
    """For each run by its name, which line of a table of participants is of it: its index, or None.

    A line is of a run that has its name, and of the runs of a subject that its name says: "sub-01" or "01" of "sub-01_bold".
    Zeros in front count for nothing where no line is written with the same.
    """
    exact = {str(line): str(line) for line in table.index}
    loose = {_loose(line): line for line in exact}
    found = []
    for run in runs:
        subject = entities(run).get("sub")
        asked = [run] if subject is None else [run, f"sub-{subject}", subject]
        known = [exact[each] for each in asked if each in exact] + [
            loose[_loose(each)] for each in asked if _loose(each) in loose
        ]
        found.append(known[0] if known else None)
    return found


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
    found = {}
    if table is not None:
        lines = lines_of(table, runs)
        found = {str(name): tuple("" if line is None else str(table[name][line]) for line in lines) for name in table}
    parts = [entities(run) for run in runs]
    keys = dict.fromkeys(key for part in parts for key in part)
    found |= {f"{key} in names": tuple(part.get(key, "") for part in parts) for key in keys if key != "sub"}
    return {way: groups for way, groups in found.items() if _parts(groups)}


def subject_of(run: str) -> str:
    """Whose a run is by its name: "sub-01" of "sub-01_task-rest_bold"; the run itself where its name does not say."""
    subject = entities(run).get("sub")
    return run if subject is None else f"sub-{subject}"


def entities(run: str) -> dict[str, str]:
    """The parts of a name as BIDS has them: sub, ses, task, run and so on."""
    return dict(_ENTITY.findall(run))


def _loose(text: str) -> str:
    """A name without zeros in front of its numbers."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", text.removeprefix("sub-"))


def _parts(groups: Sequence[str]) -> bool:
    """Whether there are two groups and fewer than runs."""
    known = [group for group in groups if group]
    return 2 <= len(set(known)) < len(known)
