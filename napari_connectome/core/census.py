"""Which ids a label image has, and giving them others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_TABLE = 2**22
"""Ids up to here are looked up in a table of all numbers; where there are larger ones, they are sorted."""


def census(labels: Array) -> tuple[Array, Array]:
    """The ids > 0 of a label image (unsigned integers), ascending, and how many voxels each has; both int64."""
    present = labels[labels != 0]  # the background, most of an image, takes longest to count
    if int(present.max(initial=0)) < _TABLE:
        counts = np.bincount(present)
        ids = np.flatnonzero(counts)
        return ids, counts[ids]
    found, counts = np.unique(present, return_counts=True)
    return found.astype(np.int64), counts


def ranked(found: Array) -> tuple[Array, Array]:
    """The ids among labels (n,) of whole numbers, ascending, and which of them each label is (n,)."""
    found = found.astype(np.uint8) if found.dtype == bool else found
    if not found.size or int(found.max()) >= _TABLE or int(found.min()) < 0:
        ids, ranks = np.unique(found, return_inverse=True)
        return ids, ranks.reshape(-1)
    present = np.bincount(found) > 0
    ids = np.flatnonzero(present)
    # Small types make sorting by region a radix sort.
    return ids, (np.cumsum(present) - 1).astype(np.min_scalar_type(len(ids)))[found]


def relabelled(labels: Array, new: Mapping[int, int]) -> Array:
    """A copy with other ids: those that `new` names; in a type that holds them."""
    top = int(labels.max(initial=0))
    kind = np.min_scalar_type(max(top, *new.values(), 0))
    if top < _TABLE:
        table = np.arange(top + 1, dtype=kind)
        for old, region in new.items():
            if old <= top:
                table[old] = region
        return np.take(table, labels)
    there = labels != 0
    ids, ranks = ranked(labels[there])
    after = np.zeros(labels.shape, dtype=kind)
    after[there] = np.array([new.get(i, i) for i in ids.tolist()], dtype=kind)[ranks]
    return after
