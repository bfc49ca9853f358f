"""How a file lays its voxels out, and the way from there to RAS+ and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform

from napari_connectome.core.grid import Grid

Array = npt.NDArray[Any]
RAS = np.array([[0, 1], [1, 1], [2, 1]])


@dataclass(frozen=True, eq=False)
class FileFrame:
    """The orientation and header of a file, kept so that a result can be saved like its source.

    Parameters
    ----------
    path : str
    form : str
        nibabel's name of the format: "Nifti1Image", "AFNIImage", …
    shape : tuple of int
        The file's own three spatial sizes.
    affine : (4, 4) array
        Voxel index in the file's own order to RAS mm.
    orientation : (3, 2) array
        nibabel's orientation transform from the file's axes to RAS+.
    header : object
        A copy of a NIfTI header; None for other formats.
    """

    path: str
    form: str
    shape: tuple[int, int, int]
    affine: Array
    orientation: Array
    header: Any = None

    @classmethod
    def of(cls, path: str, form: str, shape: tuple[int, int, int], affine: Array, header: Any) -> Self:
        """The frame of a file with this shape and affine (checked: finite and invertible)."""
        return cls(path, form, shape, affine, io_orientation(affine), header)

    @property
    def grid(self) -> Grid:
        """The same voxels in RAS+ order, with this frame attached."""
        size = [self.shape[int(np.flatnonzero(self.orientation[:, 0] == axis)[0])] for axis in range(3)]
        affine = self.affine @ inv_ornt_aff(self.orientation, self.shape)
        return Grid((size[2], size[1], size[0]), affine, frame=self)

    def to_ras(self, data: Array) -> Array:
        """Data in the file's order (x, y, z, …) as a view in ours (…, z, y, x)."""
        flips, order = self._turn
        return np.asarray(data)[flips].transpose(*order, *range(3, data.ndim)).T

    @cached_property
    def _turn(self) -> tuple[tuple[slice, ...], list[int]]:
        """How `nibabel.orientations.apply_orientation` turns the file's axes: found once, since volumes come one by one."""
        steps = self.orientation[:, 1].astype(int).tolist()
        return tuple(slice(None, None, step) for step in steps), np.argsort(self.orientation[:, 0]).tolist()

    def to_file(self, data: Array) -> Array:
        """Data in our order (…, z, y, x) as a view in the file's (x, y, z, …)."""
        return np.asarray(apply_orientation(data.T, ornt_transform(RAS, self.orientation)))

    def fits(self, grid: Grid) -> bool:
        """Whether the grid still is the one this frame describes."""
        return self.grid.matches(grid)
