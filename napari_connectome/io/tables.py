"""Tables of numbers and names as people have them: tabs, commas, semicolons or blanks, with a header or without."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.io.atomic import replacing
from napari_connectome.io.gz import is_gz, open_gz

LARGEST = 2**28
"""Bytes of text above which a file is no table of ours."""

MISSING = {"", "n/a", "na", "nan", "null", "-nan", "#n/a"}
"""What marks a missing value, in small letters."""
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    r"""Read a table from a text file.

    Parameters
    ----------
    path : path
        Separated by tabs, commas, semicolons (then with decimal commas, too) or blanks; ``.gz`` is unpacked. Lines that begin
        with # are left out. The first line is a header unless it holds a number.

    Returns
    -------
    DataFrame
        Columns of numbers are numbers, with NaN for ``n/a``, ``NaN`` and empty cells; the others stay text. Without a header
        the columns are called column_1, column_2 and so on.
    """
    name = Path(path).name
    rows = read_cells(path)
    header = not any(is_number(cell) for cell in rows[0]) and any(cell.lower() not in MISSING for cell in rows[0])
    names = _names(rows[0] if header else [""] * len(rows[0]))
    if not rows[header:]:
        raise InputError(f"{name} holds a header and no values: a table with at least one line of values is needed.")
    columns = zip(*rows[header:], strict=True)
    return pd.DataFrame({key: _column(cells) for key, cells in zip(names, columns, strict=True)})


def read_cells(path: str | os.PathLike[str]) -> list[list[str]]:
    """The cells of a table of text as they are, without blanks around them; every line has as many, and there is one at least.

    Files are as in `read_table`, which also tells header from values and numbers from text.
    """
    name = Path(path).name
    rows = list(_rows(read_text(path)))
    if not rows:
        raise InputError(f"{name} is empty: a table with at least one line of values is needed.")
    # A separator at the end of every line makes one empty column, which nobody meant.
    if len(rows[0][1]) > 1 and all(row[-1] == "" for _, row in rows):
        rows = [(line, row[:-1]) for line, row in rows]
    width = len(rows[0][1])
    for line, row in rows:
        if len(row) != width:
            raise InputError(
                f"line {line} of {name} has {len(row)} values and its first line {width}: give every line as many."
            )
    return [row for _, row in rows]


def write_table(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table, whole or not at all: with commas to ``.csv``, with tabs to ``.tsv`` and ``.txt``.

    The index is written where it has a name. Missing values become ``n/a``, as BIDS has them; numbers keep all their digits.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _SEPARATORS:
        raise InputError(f"{Path(path).name} has the ending {suffix or 'none'}: tables are written as .tsv, .csv or .txt.")
    text = frame.to_csv(sep=_SEPARATORS[suffix], index=frame.index.name is not None, na_rep="n/a", lineterminator="\n")
    with replacing(path) as stream:
        stream.write(text.encode("utf-8"))


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file in whatever encoding, unpacked where it is ``.gz``; one sentence for what is no text."""
    path = Path(path)
    try:
        with open_gz(path) if is_gz(path) else open(path, "rb") as stream:
            raw = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}: check its name.") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, and a table is needed: choose a file.") from None
    except (OSError, EOFError, ValueError) as error:  # ValueError: a path with a zero in it
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{path.name} cannot be read ({reason}): choose another file.") from error
    if len(raw) > LARGEST:
        raise InputError(f"{path.name} is larger than {LARGEST >> 20} MB, too large for a table of text: choose another file.")
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))  # spreadsheets call this "Unicode text"
    if b"\0" in raw and not wide:
        raise InputError(f"{path.name} is no text file, and a table is needed: choose a .tsv, .csv or .txt file.")
    for encoding in ("utf-16",) if wide else ("utf-8-sig",):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def is_number(cell: str) -> bool:
    """Whether a cell holds a number; those that mark missing values do not."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() not in MISSING


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number and stripped cells of each line that holds something."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not _comment(line)]
    if not lines:
        return
    first = lines[0][1]
    separator = next((mark for mark in "\t;," if mark in first), "")
    decimal = separator == ";" and "." not in text
    for number, line in lines:
        quoted = csv.reader([line if separator else " ".join(line.split())], delimiter=separator or " ")
        try:
            cells = [cell.strip() for cell in next(quoted)]
        except csv.Error as error:
            raise InputError(
                f"line {number} of the table cannot be read ({error}): correct it or give another file."
            ) from error
        yield number, [re.sub(r"^([+-]?\d*),(\d+)", r"\1.\2", cell) for cell in cells] if decimal else cells


def _comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _names(cells: list[str]) -> list[str]:
    """A name for each column, every one different."""
    names: list[str] = []
    for position, cell in enumerate(cells, 1):
        name, again = cell or f"column_{position}", 2
        while name in names:
            name, again = f"{cell}_{again}", again + 1
        names.append(name)
    return names


def _column(cells: tuple[str, ...]) -> pd.Series:
    known = [None if cell.lower() in MISSING else cell for cell in cells]
    try:
        return pd.Series(pd.to_numeric(pd.Series(known, dtype=object)))
    except (ValueError, TypeError):
        return pd.Series(known)
