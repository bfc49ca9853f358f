"""A file beside another one, which says more about it: never written over somebody else's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_connectome.core.errors import InputError
from napari_connectome.core.params import Params


def check_ours(beside: Path, is_ours: Callable[[str], bool], otherwise: str, of: str = "image") -> None:
    """Never write over a file beside an image or a table that is about something else.

    Parameters
    ----------
    beside : Path
        What is to be written; nothing is wrong where there is none yet.
    is_ours : callable
        Whether a text is of the kind that is to be written.
    otherwise : str
        What is wrong with another one, as in "holds no region names".
    of : str
        What it lies beside.
    """
    if not os.path.isfile(beside):
        return
    try:
        ours = is_ours(text_of(beside))
    except OSError:
        ours, otherwise = False, "cannot be read"
    if not ours:
        raise InputError(f"{beside.name} is beside the {of} and {otherwise}: choose another name for the {of}.")


def text_of(beside: Path) -> str:
    """The text of a file beside another one, whatever was done to it since."""
    return beside.read_text(encoding="utf-8-sig", errors="replace")


def has_keys(text: str, *keys: str) -> bool:
    """Whether a text is a JSON object with these keys."""
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):  # the latter for brackets within brackets, thousands deep
        return False
    return isinstance(about, dict) and set(keys) <= set(about)


def json_bytes(about: Mapping[str, Any]) -> bytes:
    """The contents of a .json file; arrays become lists, parameters and mappings objects, all else that JSON lacks text."""
    return json.dumps(about, indent=2, default=_plain, ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Params):
        return value.to_dict()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
