"""A run whose volumes pass by one after the other, so that it is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_connectome.core import resampling
from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Run, Volume

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class RunStream:
    """A run to be looked at once, from its first volume to its last.

    Parameters
    ----------
    head : Run
        All but the data: those may be zeros that take no memory, of the right shape and type.
    volumes : iterable of (z, y, x) arrays
        The t volumes, in order.
    """

    head: Run
    volumes: Iterable[Array]

    @classmethod
    def of(cls, run: Run, progress: Progress = silent) -> Self:
        """The volumes of a run in memory."""

        def volumes() -> Iterable[Array]:
            for t, volume in enumerate(run.data):
                progress(t / run.n_volumes, run.name)
                yield volume

        return cls(run, volumes())

    def resampled(self, grid: Grid) -> Self:
        """The same run on another grid, by cubic splines."""
        if self.head.grid.matches(grid):
            return self
        first = resampling.resample(Volume(self.head.data[0], self.head.grid), grid)
        data = np.broadcast_to(np.zeros((), first.data.dtype), (self.head.n_volumes, *grid.shape))
        here = self.head.grid
        volumes = (resampling.resample(Volume(volume, here), grid).data for volume in self.volumes)
        return replace(self, head=self.head.replace(data=data, grid=grid), volumes=volumes)

    def mean(self) -> Volume:
        """Mean over the volumes that are not censored, float64; NaN where any of them has it, which may not be everywhere."""
        keep = np.ones(self.head.n_volumes, dtype=bool) if self.head.keep is None else self.head.keep
        total = np.zeros(self.head.grid.shape)
        for t, volume in enumerate(self.volumes):
            if not keep[t]:
                continue
            if volume.dtype.kind == "f" and not np.isfinite(volume).any():
                raise InputError(
                    f"{self.head.name} has no value in volume {t} (from 0): censor it, mend the file, or leave it out."
                )
            total += volume
        total /= np.count_nonzero(keep)
        return Volume(total, self.head.grid, name=self.head.name)
