"""The names of regions: lists, tables and colour tables as people's atlases have them."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.core.words import some
from napari_connectome.io.header import stem
from napari_connectome.io.tables import read_text

Array = npt.NDArray[Any]
INDEX = ("index", "label", "id", "value", "roi", "no.", "key")
NAME = ("name", "label", "region", "roi_name", "label_name", "difumo_names", "abbreviation")
Names = str | os.PathLike[str] | Sequence[str] | pd.DataFrame | Mapping[int, str]
NOWHERE = ("background", "unknown", "???", "none", "clear label", "unlabeled", "outside")


def sidecar(path: str | os.PathLike[str]) -> Path | None:
    """The names file that lies beside an image and has its name: .tsv, .csv, .lut or .txt."""
    beside = Path(path).parent / stem(path)
    for suffix in (".tsv", ".csv", ".lut", ".txt"):
        candidate = beside.with_name(beside.name + suffix)
        if os.path.isfile(candidate):
            return candidate
    return None


def sidecar_says(path: Path, names: pd.Series[str]) -> bool:
    """Whether the names file is there and gives exactly these names (indexed by label id)."""
    try:
        known = _read(path, names.index.to_numpy())
    except InputError:
        return False
    return all(known.get(int(str(i))) == name for i, name in names.items())


def read_names(image: str | os.PathLike[str], names: Names | None, ids: Array) -> dict[int, str] | None:
    """Names by label id; None where there are none.

    Parameters
    ----------
    image : path
        The label image; a names file of the same name beside it is used where `names` is not given.
    names : path, sequence, DataFrame or mapping, optional
    ids : (r,) array
        The label ids of the image, ascending, without the background.
    """
    if names is None:
        beside = sidecar(image)
        try:
            return None if beside is None else _read(beside, ids)
        except InputError:  # a table beside the image that is about something else
            return None
    if isinstance(names, Mapping):
        return {int(i): str(name) for i, name in names.items()}
    if isinstance(names, str | os.PathLike):
        return _covering(_read(Path(names), ids), ids, Path(names).name)
    if isinstance(names, pd.DataFrame):
        return _covering(_of_frame(names, ids), ids, "the table of names")
    return in_order([str(name) for name in names], ids, "the list of names")


def _of_frame(table: pd.DataFrame, ids: Array) -> dict[int, str]:
    if str(table.index.name).lower() in INDEX:
        table = table.reset_index()
    column, index = _head([str(name).lower() for name in table.columns])
    if column is None:
        raise InputError(f"the table of names has no column of names: call one of its columns {NAME[0]!r}.")
    words = [str(name) for name in table.iloc[:, column]]
    if index is None:
        return in_order(words, ids, "the table of names")
    numbers = [_whole(str(cell)) for cell in table.iloc[:, index]]
    return {i: name for i, name in zip(numbers, words, strict=True) if i is not None}


def _head(columns: Sequence[str]) -> tuple[int | None, int | None]:
    """Which of the columns holds the names, and which the ids."""
    index = next((columns.index(c) for c in INDEX if c in columns), None)
    name = next((columns.index(c) for c in NAME if c in columns and columns.index(c) != index), None)
    if name is None and index is not None and columns[index] in NAME:  # one column, called label
        return index, None
    return name, index


def _covering(names: dict[int, str], ids: Array, what: str) -> dict[int, str]:
    """The names, if they are those of this image's ids: names of another atlas must not pass for them."""
    missing = [int(i) for i in ids if int(i) not in names]
    if missing:
        raise InputError(
            f"{what} has no name for the region {missing[0]}"
            + (f" and {some(len(missing) - 1, 'other')}" if len(missing) > 1 else "")
            + ": give the names that belong to the image."
        )
    listed = sorted(i for i in names if i != 0)
    if listed == list(range(1, len(listed) + 1)):  # numbered through, which says no more than a list
        in_order([names[i] for i in listed], ids, what)
    return names


def names_table(names: Mapping[int, str], ids: Array) -> pd.DataFrame:
    """Names as the table `Regions` completes; ids without a name are left to it."""
    known = {int(i): names[int(i)] for i in ids if int(i) in names}
    return pd.DataFrame({"name": list(known.values())}, index=pd.Index(list(known), name="index", dtype=np.int64))


def in_order(names: list[str], ids: Array, what: str) -> dict[int, str]:
    """Names given in the order of the ids, with or without one for the background, which comes first."""
    if names and names[0].strip().lower() in NOWHERE:
        names = names[1:]
    if len(names) == len(ids):
        return {int(i): name for i, name in zip(ids, names, strict=True)}
    if len(ids) and len(names) == int(ids[-1]):  # some regions are missing from the image: line i names id i
        return {int(i): names[int(i) - 1] for i in ids}
    raise InputError(
        f"{what} holds {len(names)} names and the image {len(ids)} regions: give one name a region, in the order of their ids, "
        "or names by id."
    )


def _read(path: Path, ids: Array) -> dict[int, str]:
    text = read_text(path)
    lines = [line.strip("\r\n") for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    table = _columns(lines, ids, path.name) or _colour_table(lines)
    if table is not None:
        return table
    names = [line.strip() for line in lines]
    if names and names[0].lower() in NAME and len(names) == len(ids) + 1:
        names = names[1:]
    return in_order(names, ids, path.name)


def _columns(lines: list[str], ids: Array, what: str) -> dict[int, str] | None:
    """A table whose first line names its columns: ids and names, or names in the order of the ids."""
    delimiter = next((d for d in ("\t", ",", ";") if lines and d in lines[0]), None)
    if delimiter is None:
        return None
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{what} cannot be read as a table ({error}): correct it or give another one.") from error
    name, index = _head([column.strip().lower() for column in rows[0]])
    if name is None:
        return None
    header, *rows = rows
    rows = [row for row in rows if len(row) > max(name, index or 0)]
    if index is None:
        return in_order([row[name].strip() for row in rows], ids, what)
    found: dict[int, str] = {}
    for row in rows:
        number, called = _whole(row[index]), row[name].strip()
        if number is not None and found.setdefault(number, called) != called:
            raise InputError(f"{what} calls the region {number} both {found[number]!r} and {called!r}: correct it.")
    if not found:
        raise InputError(f"{what} names no region: each line needs a whole number in its column {header[index]!r}.")
    return found


def _colour_table(lines: list[str]) -> dict[int, str] | None:
    """``index name`` and perhaps colours on each line, as FreeSurfer, FSLeyes and the Schaefer atlas write them."""
    found = {}
    for line in lines:
        cells = (
            [c.strip() for c in (line.split("\t") if "\t" in line else line.split(","))]
            if "\t" in line or "," in line
            else line.split()
        )
        number = _whole(cells[0])
        if number is None or len(cells) < 2 or _whole(cells[1]) is not None:
            return None
        found[number] = cells[1]
    return found or None


def _whole(cell: str) -> int | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
