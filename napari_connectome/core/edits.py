"""Changing regions: each step takes labels (z, y, x) and gives new ones, with where every region came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.params import Params, param
from napari_connectome.core.values import as_label_type

Array = npt.NDArray[Any]
Names = Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Morphology(Params):
    """How regions grow, shrink and are smoothed; each region for itself, none at the cost of another."""

    operation: str = param(
        "dilate",
        "Dilate: grow into the background. Erode: shrink. Open: drop what is thin. Close: fill clefts. Fill holes: fill what is enclosed.",
        choices=("dilate", "erode", "open", "close", "fill_holes"),
    )
    iterations: int = param(1, "How many voxels deep; not used with a radius.", low=1, high=50)
    radius: float = param(
        0.0, "Radius of a ball, instead of iterations; 0 is off.", unit="mm", low=0.0, high=50.0, step=0.5, off=0.0
    )
    connectivity: int = param(
        6, "Neighbours of a voxel: over faces (6), edges too (18), or corners too (26).", choices=(6, 18, 26)
    )


@dataclass(frozen=True, kw_only=True)
class Combine(Params):
    """What becomes of regions where another image has voxels."""

    how: str = param(
        "intersect",
        "Intersect: keep what lies in the other. Union: add what the other has besides. Subtract: take away what lies in the other.",
        choices=("intersect", "union", "subtract"),
    )


@dataclass(frozen=True, kw_only=True)
class Components(Params):
    """How regions are taken apart into connected parts."""

    connectivity: int = param(
        6, "Neighbours of a voxel: over faces (6), edges too (18), or corners too (26).", choices=(6, 18, 26)
    )
    min_size: float = param(0.0, "Smaller parts are dropped; 0 is off.", unit="mm³", low=0.0, high=1e6, step=10.0, off=0.0)


@dataclass(frozen=True, eq=False)
class Edit:
    """Labels after a step, and what became of each region.

    Parameters
    ----------
    labels : (z, y, x) array of unsigned integers
        The smallest type that holds them; never the array that was given.
    sources : dict
        Id after → ids before that it was made from, ascending; every id present has an entry, empty for a region that
        came from none of them.
    names : dict
        Only of regions whose name is not simply that of their first source; `renamed` gives them all.
    notices : tuple of str
        What a person should know, each a sentence.
    others : dict
        Id after → ids in the other image that took part in making it (`combine` only): a region cut with a mask that a
        test made was chosen by that test, too, and inherits its origins.
    """

    labels: Array
    sources: dict[int, tuple[int, ...]]
    names: dict[int, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    others: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def renamed(self, names: Names) -> dict[int, str]:
        """The name of every region now, given those before; one that was never named is called after its new id."""
        raise NotImplementedError

    def then(self, later: Edit) -> Edit:
        """This edit and one made of its labels, as one."""
        raise NotImplementedError


def default_name(region: int) -> str:
    """What a region without a name is called."""
    return f"region {region}"


def morph(labels: Array, grid: Grid, params: Morphology | None = None) -> Edit:
    """Dilate, erode, open, close or fill the holes of every region."""
    raise NotImplementedError


def combine(labels: Array, other: Array, params: Combine | None = None, *, other_names: Names | None = None) -> Edit:
    """Intersect regions with another image, add it to them, or take it away."""
    raise NotImplementedError


def components(labels: Array, grid: Grid, params: Components | None = None, names: Names | None = None) -> Edit:
    """Take every region apart into its connected parts, the largest of all first (id 1)."""
    raise NotImplementedError


def split_hemispheres(labels: Array, grid: Grid, names: Names | None = None) -> Edit:
    """Cut regions at x = 0 mm; the left part keeps the id."""
    raise NotImplementedError


def keep(labels: Array, ids: Collection[int]) -> Edit:
    """Only these regions, the others become background."""
    raise NotImplementedError


def drop(labels: Array, ids: Collection[int]) -> Edit:
    """Without these regions."""
    raise NotImplementedError


def merge(labels: Array, ids: Collection[int]) -> Edit:
    """These regions as one, which has the lowest of their ids and the name that goes with it."""
    raise NotImplementedError


def renumber(labels: Array, order: str = "size") -> Edit:
    """Ids 1, 2, …: by "size", the largest first, or as they were ("id")."""
    raise NotImplementedError
