"""Where voxels are: shape and affine of a three-dimensional grid in RAS+ orientation."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError
from napari_connectome.core.params import number

Array = npt.NDArray[Any]


WIDEST = 1e6
"""Radius in mm above which nobody means a sphere in a head."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A voxel grid.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x), as the data are stored.
    affine : (4, 4) array
        Voxel index (i, j, k) = (x, y, z) to RAS mm, in closest-canonical orientation; the value there is ``data[k, j, i]``.
    frame : object, optional
        How the file the grid came from laid it out. Only `io` reads it, to restore the file's own orientation and
        header on saving; it travels with the grid so that every result can be saved like its source.
    """

    shape: tuple[int, int, int]
    affine: Array
    frame: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"a grid needs three sizes of at least 1 (z, y, x), not {shape}.")
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
            raise InputError(
                "the affine must be an invertible 4×4 matrix: the header gives no usable voxel size or orientation."
            )
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self.matches(other)

    def __hash__(self) -> int:
        return hash(self.shape)

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Spacing along x, y and z in mm (the column norms of the affine, so right for oblique grids too)."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def size(self) -> str:
        """The size as people write it: x×y×z."""
        return "×".join(str(n) for n in self.shape[::-1])

    @cached_property
    def obliqueness(self) -> float:
        """Largest angle in degrees between a voxel axis and the anatomical axis nearest to it."""
        cosines = np.abs(np.diag(self.affine[:3, :3])) / np.array(self.voxel_size)
        return float(np.degrees(np.arccos(np.clip(cosines.min(), -1.0, 1.0))))

    @cached_property
    def _inverse(self) -> Array:
        return np.linalg.inv(self.affine)

    def to_mm(self, ijk: npt.ArrayLike) -> Array:
        """Voxel indices (..., 3) in the order x, y, z to RAS mm (..., 3)."""
        return np.asarray(np.asarray(ijk, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_voxel(self, mm: npt.ArrayLike) -> Array:
        """RAS mm (..., 3) to fractional voxel indices (..., 3) in the order x, y, z."""
        return np.asarray(np.asarray(mm, dtype=np.float64) @ self._inverse[:3, :3].T + self._inverse[:3, 3])

    def contains(self, mm: npt.ArrayLike) -> bool:
        """Whether the point lies in a voxel of the grid."""
        ijk = np.rint(self.to_voxel(mm))
        return bool(np.all(ijk >= 0) and np.all(ijk < self.shape[::-1]))

    def matches(self, other: Grid) -> bool:
        """Whether both grids have the same voxels: equal shapes, affines equal to a ten-thousandth of a mm."""
        return self.shape == other.shape and np.allclose(self.affine, other.affine, rtol=1e-5, atol=1e-4)

    def require(self, other: Grid, mine: str, others: str) -> None:
        """Raise one sentence unless `other` is the same grid; `mine` and `others` name the two things."""
        if self.matches(other):
            return
        if self.shape != other.shape:
            raise InputError(
                f"{others} is on a {other.size} grid and {mine} on {self.size}: resample {others} to {mine} first."
            )
        corners = np.array([(0, 0, 0), np.array(self.shape[::-1]) - 1])
        apart = np.linalg.norm(self.to_mm(corners) - other.to_mm(corners), axis=1).max()
        raise InputError(
            f"{others} has the size of {mine} but lies elsewhere (up to {apart:.2f} mm apart): "
            f"resample {others} to {mine} first."
        )

    def sphere_voxels(self, centre_mm: npt.ArrayLike, radius_mm: float) -> Array:
        """Flat indices (C order of z, y, x) of the voxels of a sphere, ascending, int64.

        Voxels whose centre is at most `radius_mm` from the centre, and the voxel the centre lies in, so that a sphere
        smaller than a voxel still has one. Empty when the sphere misses the grid. Same set as nilearn's
        ``NiftiSpheresMasker`` without its extra voxel of equal truncated coordinates.
        """
        try:
            centre = np.asarray(centre_mm, dtype=np.float64)
        except (TypeError, ValueError):
            centre = np.empty(0)
        if centre.shape != (3,) or not np.isfinite(centre).all():
            raise InputError(
                f"a sphere needs a centre of three numbers in mm, not {np.asarray(centre_mm, dtype=object).tolist()}."
            )
        radius_mm = number("the radius of a sphere", radius_mm, low=0.0, high=WIDEST, unit="mm")
        middle = self.to_voxel(centre)
        # Half-widths of the box around the ball in voxel units: exact for oblique grids.
        reach = radius_mm * np.linalg.norm(self._inverse[:3, :3], axis=1) + 1.0
        size = np.array(self.shape[::-1])
        low = np.clip(np.floor(middle - reach), 0, size).astype(int)
        high = np.clip(np.ceil(middle + reach) + 1, 0, size).astype(int)
        if np.any(high <= low):
            return np.empty(0, dtype=np.int64)
        k, j, i = np.meshgrid(*(np.arange(a, b) for a, b in zip(low[::-1], high[::-1], strict=True)), indexing="ij")
        away = self.to_mm(np.stack([i, j, k], axis=-1)) - centre
        inside = np.einsum("...i,...i", away, away) <= radius_mm**2 * (1 + 1e-12)
        nearest = np.rint(middle)
        inside |= (i == nearest[0]) & (j == nearest[1]) & (k == nearest[2])
        return np.asarray(np.ravel_multi_index((k[inside], j[inside], i[inside]), self.shape), dtype=np.int64)

    def sphere(self, centre_mm: npt.ArrayLike, radius_mm: float) -> Array:
        """The sphere as a (z, y, x) array of bool; see `sphere_voxels`."""
        inside = np.zeros(self.shape, dtype=bool)
        inside.flat[self.sphere_voxels(centre_mm, radius_mm)] = True
        return inside
