"""One connectome as it is computed in the background: the series of each run first, which are kept, then the matrices."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Layer

from napari_connectome.analyses.region_series import RegionSeries
from napari_connectome.core.connectomes import Connectome
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.sources import Source
from napari_connectome.core.streams import RunStream
from napari_connectome.core.values import Maps, Run, Volume
from napari_connectome.studies.cluster import cluster_executor
from napari_connectome.studies.connectome_of_runs import READING, Measure, RunSeries, connectome_of_series, series_of_runs
from napari_connectome.studies.sources import as_sources, key_of
from napari_connectome.widgets.region_choice import Chosen
from napari_connectome.widgets.run_entry import RunEntry


@dataclass(frozen=True, eq=False)
class KeptSeries:
    """Series that were read, and all that they depend on."""

    read: RunSeries
    key: Hashable
    mean: Volume | None = None
    """Of the first run, where that was read on this machine."""


@dataclass(eq=False)
class _Pictured:
    """A source that remembers the mean of its run: reading it once more for a picture would take as long again."""

    source: Source
    mean: Volume | None = None

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def key(self) -> Hashable:
        return key_of(self.source)

    def load(self, progress: Progress = silent) -> Run:
        run = self.source.load(progress)
        with suppress(InputError):  # what is wrong with a run is said by those who need it
            self.mean = replace(RunStream.of(run).mean(), name=f"mean of {run.name}")
        return run


@dataclass(eq=False)
class Connecting:
    """Everything one call needs, and what has come of it so far.

    Parameters
    ----------
    entries : list of RunEntry
    sources : list of Source
        Where the runs come from, in the same order.
    regions : Regions, Maps or DataFrame
    series : RegionSeries
    connectivity : Connectivity or SparseConnectivity
    kept : KeptSeries, optional
        From the call before.
    address : str
        Of a cluster's scheduler; "" for this machine.
    layer : Layer, optional
        Where the regions come from.
    confounds : dict
        What is regressed out of the runs, in plain values.
    atlas : str
        What the regions are called: a layer, or the name of a file.

    Attributes
    ----------
    failed : dict of RunEntry to str
        The runs that could not be used, with a sentence each.
    reused : bool
        Whether no run had to be read.
    """

    entries: list[RunEntry]
    sources: list[Source]
    regions: Chosen
    series: RegionSeries
    connectivity: Measure
    kept: KeptSeries | None = None
    address: str = ""
    layer: Layer | None = None
    confounds: dict[str, Any] = field(default_factory=dict)
    atlas: str = ""
    failed: dict[RunEntry, str] = field(default_factory=dict)
    reused: bool = False

    def connect(self, progress: Progress) -> Connectome | None:
        """The connectome; None where runs failed that nobody has agreed to leave out: see `failed`."""
        read = self._read(part(progress, 0.0, READING))
        if not all(entry.optional for entry in self.failed):
            return None
        return connectome_of_series(read, self.connectivity, progress=part(progress, READING, 1.0))

    def provenance(self) -> dict[str, Any]:
        """The parameters and the runs, in plain values."""
        runs = () if self.kept is None else self.kept.read.runs
        return {
            "connectivity": {type(self.connectivity).__name__: self.connectivity.to_dict()},
            "series": self.series.to_dict(),
            "confounds": self.confounds,
            "regions": self.atlas,
            "runs": list(runs),
        }

    def _read(self, progress: Progress) -> RunSeries:
        keys = tuple(key_of(source, progress) for source in self.sources)
        names = [source.name for source in as_sources(self.sources)]  # by which runs of one name are told apart
        key = (keys, tuple(names), _digest(self.regions), self.series)
        self.reused = self.kept is not None and self.kept.key == key and None not in keys
        if self.kept is None or not self.reused:
            first = _Pictured(self.sources[0])
            sources = [first, *self.sources[1:]]
            with cluster_executor(self.address, progress=progress) if self.address else nullcontext() as executor:
                read = series_of_runs(sources, self.regions, self.series, leave_out=True, executor=executor, progress=progress)
            self.kept = KeptSeries(read, key, first.mean)
        entries = dict(zip(names, self.entries, strict=True))
        self.failed = {entries[failure.name]: failure.sentence for failure in self.kept.read.failures}
        return self.kept.read


def _digest(regions: Chosen) -> str:
    """Equal for regions of the same voxels and names."""
    checksum = hashlib.blake2b(digest_size=16)
    if isinstance(regions, pd.DataFrame):
        checksum.update(regions.to_csv().encode())
        return checksum.hexdigest()
    names, images = (
        (regions.names, regions.data)
        if isinstance(regions, Maps)
        else (regions.table["name"], regions.labels if regions.maps is None else regions.maps)
    )
    checksum.update(repr((regions.grid.shape, regions.grid.affine.tolist(), list(names))).encode())
    for image in images:
        checksum.update(np.ascontiguousarray(image).data)
    return checksum.hexdigest()
