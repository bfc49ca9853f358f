"""Tests of edges as files: a line for each edge, and beside it what was tested."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from napari_connectome.core.errors import InputError
from napari_connectome.io.atomic import replacing
from napari_connectome.io.beside import check_ours, has_keys, json_bytes
from napari_connectome.io.connectomes import SEPARATORS, about_file
from napari_connectome.io.tables import write_table

ABOUT = ("analysis", "parameters")
"""What the .json beside a table says at least."""


def save_edge_table(table: pd.DataFrame, path: str | os.PathLike[str], *, provenance: Mapping[str, Any]) -> None:
    """Write the edges of a test; the file appears whole or not at all.

    Parameters
    ----------
    table : DataFrame
        As ``EdgeTestResult.to_frame`` gives it.
    path : path
        ``.tsv`` or ``.csv``. A .json beside it says what was tested.
    provenance : mapping
        That, in plain values: the analysis and its parameters at least.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SEPARATORS:
        raise InputError(
            f"{Path(path).name} has the ending {suffix or 'none'}: tests of edges are written as {' or '.join(SEPARATORS)}."
        )
    beside = about_file(path)
    check_ours(beside, lambda text: has_keys(text, *ABOUT), "does not say what was tested", of="table")
    write_table(table, path)
    with replacing(beside) as stream:
        stream.write(json_bytes(provenance))
