"""Maps to begin the learning of networks with: an earlier result or an atlas."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError
from napari_connectome.core.values import Maps, Regions, Volume

Array = npt.NDArray[Any]

NO_NAME = re.compile(r"(network|map|region|component) ?\d+")
"""Names that only count."""


def start_maps(start: Maps | Regions, mask: Volume) -> Array:
    """The maps of `start` in the voxels of the mask (k × v), float64; a region is 1 inside and 0 outside."""
    if not isinstance(start, Maps | Regions):
        raise InputError(
            f"the maps to start from are of type {type(start).__name__} and must be Maps (load_maps(path), an earlier result) "
            "or Regions (load_regions(path))."
        )
    mask.grid.require(start.grid, "the mask", "the image to start from")
    if not len(start_names(start)):
        raise InputError("the image to start from holds no region: give an atlas, or maps.")
    inside = np.asarray(mask.data, dtype=bool)
    images = _images(start)
    if images is not None:
        maps = np.nan_to_num(images[:, inside].astype(np.float64), posinf=0.0, neginf=0.0)
    else:
        labels = start.labels[inside]  # type: ignore[union-attr]
        maps = np.stack([labels == i for i in start.ids]).astype(np.float64)  # type: ignore[union-attr]
    empty = [name for name, size in zip(start_names(start), np.abs(maps).max(axis=1), strict=True) if size == 0]
    if empty:
        has, it = ("has", "it") if len(empty) == 1 else ("have", "them")
        raise InputError(
            f"{listed(empty)} of the maps to start from {has} no voxel in the mask: leave {it} out or widen the mask."
        )
    return maps


def start_names(start: Maps | Regions) -> list[str]:
    """The names of the maps to start from."""
    return [str(name) for name in (start.names if isinstance(start, Maps) else start.table["name"])]


def names_of(order: Array, start: Maps | Regions | None) -> list[str]:
    """Names of networks: that of the map each started from, where it is more than a number, and its place otherwise."""
    given = None if start is None else start_names(start)
    names = []
    for place, i in enumerate(order):
        own = given is not None and not NO_NAME.fullmatch(given[i].lower())
        names.append(given[i] if given is not None and own else f"network {place + 1}")
    return names


def _images(start: Maps | Regions) -> Array | None:
    """The images (k, z, y, x) of maps or of regions that have some; None of labels."""
    return start.data if isinstance(start, Maps) else getattr(start, "maps", None)


def listed(names: list[str]) -> str:
    """A few names, as a sentence has them."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} others" if len(names) > 5 else "")
