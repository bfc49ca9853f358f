"""The origins of regions in a .json file beside their image."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_connectome.core.origins import Origin, Origins, origins_from_dict, origins_to_dict
from napari_connectome.io.beside import check_ours, has_keys, json_bytes, text_of
from napari_connectome.io.header import stem


def origins_file(image: str | os.PathLike[str]) -> Path:
    """Where the origins of the regions of an image are kept."""
    return Path(image).with_name(stem(image) + ".json")


def read_origins(image: str | os.PathLike[str]) -> dict[int, tuple[Origin, ...]]:
    """The origins of the regions of an image, by label id; empty where there is no file of ours beside it."""
    try:
        text = text_of(origins_file(image))
    except (OSError, ValueError):  # ValueError: a path with a zero in it
        return {}
    return origins_from_dict(json.loads(text)["origins"]) if has_keys(text, "origins") else {}


def read_provenance(image: str | os.PathLike[str]) -> dict[str, Any]:
    """The parameters and inputs that made the regions of an image; empty where there is no file of ours beside it."""
    try:
        text = text_of(origins_file(image))
    except (OSError, ValueError):
        return {}
    said = json.loads(text).get("provenance") if _is_ours(text) else None
    return said if isinstance(said, dict) else {}


def origins_to_write(
    image: str | os.PathLike[str], origins: Origins, provenance: Mapping[str, Any] | None = None
) -> bytes | None:
    """What the file beside an image has to say of its regions; None where no file is needed.

    Where there are neither origins nor a provenance, a file of ours that is there is emptied, since it speaks of other regions;
    one of somebody else's is left alone. Where there are some, somebody else's file is one sentence.
    """
    beside = origins_file(image)
    if not origins and not provenance and not _is_ours_there(beside):
        return None
    check_ours(beside, _is_ours, "does not say where regions come from")
    said = {"origins": origins_to_dict(origins)}
    return json_bytes(said | {"provenance": dict(provenance)} if provenance else said)


def _is_ours(text: str) -> bool:
    return has_keys(text, "origins")


def _is_ours_there(beside: Path) -> bool:
    try:
        return _is_ours(text_of(beside))
    except (OSError, ValueError):
        return False
