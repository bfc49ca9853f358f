"""What lies beside an image of several maps: names and provenance (.json), and a table of those that are regions (.tsv)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_connectome.core.region_maps import COLUMNS
from napari_connectome.io.beside import check_ours, has_keys, json_bytes, text_of
from napari_connectome.io.header import stem
from napari_connectome.io.names import Names, read_names

SOURCE = "source_map"
"""The column of the table that says which map a region was taken from, counted from 0."""


def about_file(image: str | os.PathLike[str]) -> Path:
    """Where the names and the provenance of maps are kept."""
    return Path(image).with_name(stem(image) + ".json")


def about_to_write(image: str | os.PathLike[str], names: Sequence[str], provenance: Mapping[str, Any]) -> bytes:
    """What the file beside maps says; one sentence where somebody else's is there."""
    ours = about_file(image)
    check_ours(ours, _is_ours, "does not say how maps were made")
    return json_bytes({"names": list(names), "provenance": dict(provenance)})


def read_about(image: str | os.PathLike[str], n: int) -> tuple[list[str] | None, dict[str, Any]]:
    """The names and the provenance of an image of n maps; None and {} where there is no file of ours that is about them."""
    try:
        text = text_of(about_file(image))
    except (OSError, ValueError):  # ValueError: a path with a zero in it
        return None, {}
    if not _is_ours(text):
        return None, {}
    about = json.loads(text)
    names, provenance = about["names"], about["provenance"]
    if not isinstance(names, list) or len(names) != n or not isinstance(provenance, dict):
        return None, {}
    return [str(name) for name in names], provenance


def map_names(image: str | os.PathLike[str], given: Names | None, n: int) -> tuple[list[str] | None, dict[str, Any]]:
    """The names of n maps and their provenance.

    The names are those given, those that `save` wrote, or those in a table of the image's own name.
    """
    ids = np.arange(1, n + 1)
    names, provenance = read_about(image, n)
    if given is None and names is not None:
        return names, provenance
    known = read_names(image, given, ids)
    return (None if known is None else [known.get(int(i), f"map {i}") for i in ids]), provenance


def region_columns(image: str | os.PathLike[str], ids: Sequence[int] | npt.NDArray[Any]) -> pd.DataFrame:
    """What the table beside regions of these ids says besides their names and places; without columns where none is ours."""
    empty = pd.DataFrame(index=np.asarray(ids))
    try:
        table = pd.read_csv(StringIO(text_of(Path(image).with_name(stem(image) + ".tsv"))), sep="\t", index_col="index")
    except (OSError, ValueError, KeyError):
        return empty
    if not np.array_equal(table.index, empty.index):
        return empty
    return table.drop(columns=[name for name in COLUMNS if name in table])


def _is_ours(text: str) -> bool:
    return has_keys(text, "names", "provenance")
