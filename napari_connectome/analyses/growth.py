"""What belongs to a seed: the voxels joined to it whose correlation with it is high enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from napari_connectome.core.grid import Grid
from napari_connectome.core.params import Params, param

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Growth(Params):
    """How far a seed or a region grows into what correlates with it."""

    r: float = param(
        0.5,
        "Voxels whose correlation is at least this are added, as far as they are joined to the seed.",
        low=-1.0,
        high=1.0,
        step=0.01,
    )
    max_size: float = param(
        math.inf,
        "The grown region is at most this large, the highest correlations first.",
        unit="mm³",
        low=0.0,
        step=100.0,
        off=math.inf,
    )
    max_distance: float = param(
        math.inf, "At most this far from the nearest voxel of the seed.", unit="mm", low=0.0, step=1.0, off=math.inf
    )
    connectivity: int = param(
        6, "Neighbours of a voxel: over faces (6), edges too (18), or corners too (26).", choices=(6, 18, 26)
    )


def grow(r_values: Array, seed: Array, grid: Grid, params: Growth | None = None) -> Array:
    """The seed (z, y, x) of bool and what it grows to."""
    raise NotImplementedError
