"""What many voxels do together over time: the leading temporal components of chosen voxels, freed of drifts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import Progress, silent
from napari_connectome.core.threads import in_pieces, two_threads

Array = npt.NDArray[Any]

AT_ONCE = 2**21
"""Values taken to float64 together, some MB."""
RANK = 1e-12
"""Components whose variance is below this share of the first's are rounding."""


@dataclass(frozen=True, eq=False)
class Detrended:
    """The series of a run's voxels without drifts, read in pieces.

    Parameters
    ----------
    data : (t, z, y, x) array
        Any real type.
    keep : (t,) bool array
        The volumes that count. The others lose what the drifts of those that count come to in them.
    drifts : (t × k) array
        Orthonormal in the volumes that count; there may be none.
    """

    data: Array
    keep: Array
    drifts: Array

    @classmethod
    def of(cls, data: Array, keep: Array, drifts: Array) -> Detrended:
        """Bring drifts (t × k) of any scale, which may depend on each other, into shape."""
        if not drifts.shape[1]:
            return cls(data, keep, drifts)
        _, size, turn = np.linalg.svd(drifts[keep], full_matrices=False)
        there = size > 1e-10 * size[0]
        return cls(data, keep, drifts @ turn[there].T / size[there])

    def pieces(self, voxels: Array) -> list[Array]:
        """The voxels (flat indices, ascending) in pieces that are read together."""
        return np.array_split(voxels, max(1, -(-len(voxels) * len(self.data) // AT_ONCE)))

    def read(self, voxels: Array) -> Array:
        """The series (t × n) of some voxels, ascending, float64; values that are NaN or infinite in volumes left out are 0."""
        size = int(np.prod(self.data.shape[2:]))
        low, high = int(voxels[0]) // size, int(voxels[-1]) // size + 1
        slab = self.data[:, low:high].reshape(len(self.data), -1)
        series = slab[:, voxels - low * size].astype(np.float64)
        if not self.keep.all():
            series[~self.keep] = np.nan_to_num(series[~self.keep], nan=0.0, posinf=0.0, neginf=0.0)
        with np.errstate(invalid="ignore"):  # voxels without a value
            series -= self.drifts @ (self.drifts[self.keep].T @ series[self.keep])
        return series

    def each(self, work: Callable[[Array], Any], voxels: Array, progress: Progress, doing: str) -> list[Any]:
        """What `work` makes of the series of each piece of the voxels."""
        found = []
        pieces = self.pieces(voxels)
        with two_threads():
            for _, result in in_pieces(lambda piece: work(self.read(piece)), pieces):
                found.append(result)
                progress(len(found) / len(pieces), doing)
        return found

    def mean_squares(self, voxels: Array, progress: Progress = silent) -> Array:
        """The mean square (v,) of each voxel over the volumes that count; NaN where one of them has no value."""

        def squares(series: Array) -> Array:
            kept = series[self.keep]
            with np.errstate(invalid="ignore", over="ignore"):
                return np.asarray(np.einsum("tv,tv->v", kept, kept) / len(kept))

        if not len(voxels):
            return np.empty(0)
        found = np.concatenate(self.each(squares, voxels, progress, "variance of voxels"))
        return np.where(np.isfinite(found), found, np.nan)

    def components(self, voxels: Array, scale: Array | None = None, progress: Progress = silent) -> tuple[Array, Array]:
        """The temporal components of some voxels.

        Parameters
        ----------
        voxels : (v,) int array
            Flat indices, ascending, with values in all volumes that count.
        scale : (v,) array, optional
            What each series is divided by first.
        progress : Progress

        Returns
        -------
        (t × n) array
            All components that are more than rounding, the one of the largest variance first, each of norm 1 in the volumes
            that count, its largest value there positive. In the others, what the voxels' series there have of it.
        (n,) array
            The share of the variance each has.
        """
        place = np.zeros(int(np.prod(self.data.shape[1:])), dtype=np.float64)
        place[voxels] = 1.0 if scale is None else 1.0 / scale

        def products(piece: Array) -> Array:
            series = self.read(piece) * place[piece]
            return np.asarray(series @ series[self.keep].T)

        total = np.zeros((len(self.data), int(self.keep.sum())))
        pieces = self.pieces(voxels)
        with two_threads():
            for i, (_, product) in enumerate(in_pieces(products, pieces)):
                total += product
                progress((i + 1) / len(pieces), "temporal components")
        inner = total[self.keep]
        values, vectors = np.linalg.eigh((inner + inner.T) / 2)
        values, vectors = values[::-1], vectors[:, ::-1]
        there = values > RANK * max(values[0], np.finfo(np.float64).tiny)
        kept = vectors[:, there]
        kept = kept * np.where(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])] < 0, -1.0, 1.0)
        whole = total @ kept / values[there]
        whole[self.keep] = kept
        return whole, values[there] / values[there].sum()
