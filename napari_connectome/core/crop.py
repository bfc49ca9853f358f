"""The part of an image that is not 0: regions are small beside the grid they lie on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Crop:
    """The smallest box around what is not 0, with a margin of zeros that may reach beyond the grid.

    Parameters
    ----------
    values : (z, y, x) array, contiguous
        Of the box; a copy.
    start : tuple of int
        Where in the grid the box begins (z, y, x); negative where the margin reaches beyond.
    shape : tuple of int
        Of the grid.
    """

    values: Array
    start: tuple[int, ...]
    shape: tuple[int, ...]

    @classmethod
    def around(cls, image: Array, margin: tuple[int, ...] = (0, 0, 0)) -> Self:
        """Cut out of an image (z, y, x) what is not 0; one voxel where all is 0."""
        there = image != 0
        flat = there.any(axis=0)
        low, high = zip(*(_extent(line) for line in (there.any(axis=(1, 2)), flat.any(axis=1), flat.any(axis=0))), strict=True)
        values = np.zeros([b - a + 2 * m for a, b, m in zip(low, high, margin, strict=True)], dtype=image.dtype)
        crop = cls(values, tuple(a - m for a, m in zip(low, margin, strict=True)), image.shape)
        values[crop.inside] = image[crop.in_grid]
        return crop

    def put_back(self, values: Array) -> Array:
        """Values of the box as an image of the whole grid, 0 elsewhere; what lies beyond the grid is left out."""
        image = np.zeros(self.shape, dtype=values.dtype)
        image[self.in_grid] = values[self.inside]
        return image

    def cut(self, image: Array) -> Array:
        """The same box of another image of the grid; 0 beyond the grid."""
        values = np.zeros(self.values.shape, dtype=image.dtype)
        values[self.inside] = image[self.in_grid]
        return values

    @property
    def inside(self) -> tuple[slice, ...]:
        """The part of the box that lies in the grid."""
        return tuple(
            slice(max(0, -a), min(size, n - a)) for a, size, n in zip(self.start, self.values.shape, self.shape, strict=True)
        )

    @property
    def in_grid(self) -> tuple[slice, ...]:
        """The part of the grid that lies in the box."""
        return tuple(slice(s.start + a, s.stop + a) for s, a in zip(self.inside, self.start, strict=True))


def _extent(there: Array) -> tuple[int, int]:
    where = np.flatnonzero(there)
    return (int(where[0]), int(where[-1]) + 1) if len(where) else (0, 1)
