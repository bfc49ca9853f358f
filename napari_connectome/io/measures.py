"""What was measured as a table, and beside it as .json how it came about."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from napari_connectome.io.atomic import replacing
from napari_connectome.io.beside import check_ours, has_keys, json_bytes
from napari_connectome.io.tables import write_table


def write_measures(frame: pd.DataFrame, path: str | os.PathLike[str], about: Mapping[str, Any] | None = None) -> None:
    """Write a table, and a .json of the same name that says how its values came about; both or none.

    Parameters
    ----------
    frame : DataFrame
        As for `write_table`.
    path : path
        Ending in .tsv, .csv or .txt.
    about : mapping, optional
        Run, regions, parameters, warnings; without it only the table is written.
    """
    if not about:
        write_table(frame, path)
        return
    beside = Path(path).with_suffix(".json")
    check_ours(beside, _is_ours, "does not say how a table was measured", of="table")
    columns = [*([frame.index.name] if frame.index.name is not None else []), *frame.columns]
    with replacing(beside) as stream:
        stream.write(json_bytes({"columns": columns, "provenance": about}))
        write_table(frame, path)


def _is_ours(text: str) -> bool:
    return has_keys(text, "columns", "provenance")
