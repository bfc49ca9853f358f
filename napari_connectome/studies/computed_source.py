"""A source whose runs have confounds computed from them, beside those they come with."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_connectome.analyses.computed_confounds import ComputedConfounds, computed_confounds, with_computed
from napari_connectome.core.errors import Progress, part, silent
from napari_connectome.core.sources import Source
from napari_connectome.core.values import Run, Volume
from napari_connectome.studies.sources import key_of


@dataclass(frozen=True, eq=False)
class Computation:
    """What is computed of each of several runs.

    Parameters
    ----------
    params : ComputedConfounds
    mask : Volume, optional
    tissue : tuple of Volume

    Attributes
    ----------
    key : str
        Equal as long as the same is computed.
    """

    params: ComputedConfounds
    mask: Volume | None = None
    tissue: tuple[Volume, ...] = ()
    key: str = field(init=False)

    def __post_init__(self) -> None:
        checksum = hashlib.blake2b(repr(self.params).encode(), digest_size=16)
        for volume in (self.mask, *self.tissue):
            if volume is None:
                checksum.update(b"none")
                continue
            checksum.update(repr((volume.data.dtype.str, volume.grid.shape, volume.grid.affine.tolist())).encode())
            checksum.update(np.ascontiguousarray(volume.data).data)
        object.__setattr__(self, "key", checksum.hexdigest())

    def in_plain_values(self) -> dict[str, Any]:
        """The parameters, and the names of the images."""
        where = {"mask": "" if self.mask is None else self.mask.name, "tissue": [each.name for each in self.tissue]}
        return {**self.params.to_dict(), **where}

    def of(self, run: Run, progress: Progress = silent) -> Run:
        """The run with what is computed of it."""
        made = computed_confounds(run, self.params, mask=self.mask, tissue=self.tissue, progress=progress)
        return with_computed(run, made)


@dataclass(frozen=True, eq=False)
class ComputedSource:
    """A source, and what is computed of its run."""

    source: Source
    computation: Computation

    @property
    def name(self) -> str:
        """That of the source."""
        return self.source.name

    @property
    def key(self) -> Hashable:
        """Equal as long as the run would be the same; None where that cannot be known."""
        known = key_of(self.source)
        return None if known is None else (known, self.computation.key)

    def load(self, progress: Progress = silent) -> Run:
        """The run, with its confounds computed."""
        return self.computation.of(self.source.load(part(progress, 0.0, 0.7)), part(progress, 0.7, 1.0))
