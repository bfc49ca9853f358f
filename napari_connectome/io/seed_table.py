"""Tables of seeds: name, x, y, z and radius in mm, as tab or comma separated text."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.io.atomic import replacing

_KNOWN = {
    "name": ("name", "label", "seed", "region", "roi"),
    "x": ("x", "mni_x"),
    "y": ("y", "mni_y"),
    "z": ("z", "mni_z"),
    "radius": ("radius", "r"),
}
LARGEST = 10_000_000
"""Bytes beyond which a file is no table of seeds."""


def read_seeds(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read seeds from a table.

    Columns may be separated by tabs, commas, semicolons or blanks. Without a header the columns are x, y, z, or
    name, x, y, z, each with a radius behind it if there is one more.

    Returns
    -------
    DataFrame
        Columns name, x, y, z, radius (mm); a missing name is "" and a missing radius NaN: whoever uses them fills in.
    """
    path = Path(path)
    rows = _split(_text_of(path), path)
    columns = _header(rows[0])
    body = rows if columns is None else rows[1:]
    first = 1 if columns is None else 2
    if columns is None:
        columns = _unnamed(rows[0], path)
    missing = [c for c in "xyz" if c not in columns]
    if missing:
        raise InputError(f"{path.name} has no column {', '.join(missing)}: a table of seeds needs x, y and z in mm.")
    if not body:
        raise InputError(f"{path.name} has a header and no seeds: choose a table with at least one row.")
    seeds = [_seed(row, columns, f"line {first + i} of {path.name}") for i, row in enumerate(body)]
    return pd.DataFrame(seeds, columns=["name", "x", "y", "z", "radius"])


def write_seeds(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write seeds, separated by commas in a .csv file and by tabs in any other; whole or not at all."""
    separator = "," if Path(path).suffix.lower() == ".csv" else "\t"
    text = table[["name", "x", "y", "z", "radius"]].to_csv(
        sep=separator, index=False, lineterminator="\n", float_format="%.10g"
    )
    with replacing(path) as stream:
        stream.write(text.encode("utf-8"))


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path.name} is {path.stat().st_size / 1e6:.0f} MB and so no table of seeds: choose a text file.")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): choose another file.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise InputError(f"{path.name} is no text: choose a table of seeds (TSV or CSV).")
    return text


def _split(text: str, path: Path) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise InputError(f"{path.name} is empty: choose a table with the columns name, x, y, z and radius.")
    separator = next((s for s in "\t;," if s in lines[0]), None)
    if separator is None:
        return [line.split() for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=separator)]


def _header(cells: list[str]) -> dict[str, int] | None:
    """Where each known column stands; None for a first row that is already a seed."""
    if sum(_number(cell) is not None for cell in cells) >= 3:
        return None
    plain = [cell.lower().replace("(mm)", "").replace("_mm", "").replace("[mm]", "").strip() for cell in cells]
    found = {}
    for column, spellings in _KNOWN.items():
        where = [plain.index(s) for s in spellings if s in plain]
        if where:
            found[column] = where[0]
    return found


def _unnamed(cells: list[str], path: Path) -> dict[str, int]:
    named = _number(cells[0]) is None
    columns = (["name"] if named else []) + ["x", "y", "z", "radius"]
    if not len(columns) - 1 <= len(cells) <= len(columns):
        raise InputError(
            f"{path.name} has {len(cells)} columns and no header: give it one that names x, y and z (and name, radius), in mm."
        )
    return {column: i for i, column in enumerate(columns[: len(cells)])}


def _seed(cells: list[str], columns: dict[str, int], place: str) -> tuple[str, float, float, float, float]:
    def cell(column: str) -> str:
        at = columns.get(column)
        return "" if at is None or at >= len(cells) else cells[at]

    mm = [_number(cell(axis)) for axis in "xyz"]
    radius = np.nan if cell("radius").lower() in ("", "n/a", "nan") else _number(cell("radius"))
    if None in mm or radius is None:
        shown = ", ".join(cell(c) or "nothing" for c in "xyz")
        raise InputError(f"{place} says {shown} where three numbers in mm (x, y, z) are needed: correct the file.")
    name = "" if cell("name").lower() in ("n/a", "nan") else cell("name")
    return (name, *(float(v) for v in mm if v is not None), float(radius))  # type: ignore[return-value]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
