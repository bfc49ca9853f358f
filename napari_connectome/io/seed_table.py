"""Tables of seeds: name, x, y, z and radius in mm."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.core.seeds import COLUMNS, plain_name, require_centres
from napari_connectome.io.tables import read_table, write_table

_KNOWN = {
    "name": ("name", "label", "seed", "region", "roi"),
    "x": ("x", "mni_x"),
    "y": ("y", "mni_y"),
    "z": ("z", "mni_z"),
    "radius": ("radius", "r"),
}


def read_seeds(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read seeds from a table of text.

    Without a header the columns are x, y, z, or name, x, y, z, each with a radius behind it if there is one more.

    Returns
    -------
    DataFrame
        Columns name, x, y, z, radius (mm); a missing name is "" and a missing radius NaN: whoever uses them fills in.
    """
    file = Path(path).name
    table = read_table(path)
    unnamed = all(re.fullmatch(r"column_\d+", column) for column in table.columns)
    table = _number_columns(table, file) if unnamed else _known_columns(table)
    require_centres(table, file)
    numbers = {axis: _numbers(table[axis], file, empty=False) for axis in "xyz"}
    name = [plain_name(value) for value in table["name"]] if "name" in table else [""] * len(table)
    radius = _numbers(table["radius"], file, empty=True) if "radius" in table else np.full(len(table), np.nan)
    return pd.DataFrame({"name": name, **numbers, "radius": radius})


def write_seeds(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write seeds, with commas to .csv and with tabs to .tsv and .txt; whole or not at all."""
    write_table(table[list(COLUMNS)], path)


def _known_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of seeds, however they are spelled: "X", "x (mm)", "x_mm"."""
    plain = [re.sub(r"[\s_]*[(\[]?mm[)\]]?$", "", column.strip().lower()) for column in table.columns]
    found = {}
    for column, spellings in _KNOWN.items():
        where = [plain.index(spelling) for spelling in spellings if spelling in plain]
        if where:
            found[column] = table.iloc[:, where[0]]
    return pd.DataFrame(found)


def _number_columns(table: pd.DataFrame, file: str) -> pd.DataFrame:
    """The columns of a table without a header, by their order."""
    named = table.iloc[:, 0].dtype.kind not in "fiu"
    columns = list(COLUMNS if named else COLUMNS[1:])
    if not len(columns) - 1 <= table.shape[1] <= len(columns):
        raise InputError(
            f"{file} has {table.shape[1]} columns and no header: give it one that names x, y and z (and name, radius), in mm."
        )
    return table.set_axis(columns[: table.shape[1]], axis=1)


def _numbers(column: pd.Series[float], file: str, *, empty: bool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(values) & ~(column.isna().to_numpy() & empty)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        given = "nothing" if pd.isna(column.iloc[row]) else repr(str(column.iloc[row]))
        raise InputError(f"{column.name} of seed {row + 1} in {file} is {given} and must be a number in mm: correct the file.")
    return values
