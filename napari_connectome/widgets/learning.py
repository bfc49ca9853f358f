"""One learning of networks as it runs in the background: the reductions first, then the maps, which can be looked at."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace

from napari_connectome.analyses.networks import NetworkMaps, Networks, Sketch, networks_of
from napari_connectome.core.errors import InputError, Progress, named, part
from napari_connectome.core.sources import Source
from napari_connectome.core.subject import Reductions
from napari_connectome.core.values import Maps, Regions, Volume
from napari_connectome.studies.cluster import cluster_executor
from napari_connectome.studies.learn_networks import RunsFailed, mask_of_runs, reduce_runs
from napari_connectome.studies.sources import as_sources, stream_of
from napari_connectome.widgets.run_entry import RunEntry

REDUCED = 0.6
"""Share of the work that is reducing, where all of it has to be done."""


@dataclass(eq=False)
class Learning:
    """Everything one call needs, and what has come of it so far.

    Parameters
    ----------
    entries : list of RunEntry
    sources : list of Source
        Where the runs come from, in the same order.
    params : Networks
    mask : Volume, optional
    start : Maps or Regions, optional
    kept : Reductions, optional
        From the call before.
    resample : bool
    address : str
        Of a cluster's scheduler; "" for this machine.

    Attributes
    ----------
    reductions : Reductions or None
        Right also when the learning was cancelled after they were made.
    mean : Volume or None
        Of the runs, or where they were not looked at for a mask of the first of them.
    failed : dict of RunEntry to str
        The runs that could not be used, with a sentence each.
    sketch : Sketch or None
        The newest; whoever takes it sets it to None.
    """

    entries: list[RunEntry]
    sources: list[Source]
    params: Networks
    mask: Volume | None = None
    start: Maps | Regions | None = None
    kept: Reductions | None = None
    resample: bool = False
    address: str = ""
    reductions: Reductions | None = None
    mean: Volume | None = None
    failed: dict[RunEntry, str] = field(default_factory=dict)
    sketch: Sketch | None = field(default=None, repr=False)

    def learn(self, progress: Progress) -> NetworkMaps | None:
        """The networks; None where runs failed that nobody has agreed to leave out: see `failed`."""
        self.reduce(part(progress, 0.0, REDUCED))
        assert self.reductions is not None
        if not all(entry.optional for entry in self.failed):  # by the runs: the same one may fail in other words
            return None
        return networks_of(
            self.reductions, self.params, start=self.start, progress=part(progress, REDUCED, 1.0), watch=self._watch
        )

    def reduce(self, progress: Progress) -> None:
        """Reduce the runs; what could be done is kept also where the cluster was lost."""
        params = self.params if self.start is None else self.params.replace(n_components=_count(self.start))
        try:
            with self._executor(progress) as executor:
                made = reduce_runs(
                    self.sources, params, mask=self.mask, kept=self.kept, leave_out=True, resample=self.resample,
                    executor=executor, progress=part(progress, 0.0, 0.98),
                )  # fmt: skip
                made = replace(made, mean=made.mean or self._mean_of_first(part(progress, 0.98, 1.0)))
        except RunsFailed as failed:
            if failed.reductions is not None:
                self.reductions = richer(self.kept, failed.reductions)
            raise
        self.mean, self.reductions = made.mean, richer(self.kept, made)
        self.failed = self._failures(done={subject.name for subject in made.subjects})

    def common_mask(self, progress: Progress) -> Volume:
        """The mask the runs have in common, or the one that was given; no run is reduced for it."""
        if self.mask is not None:
            self.mean = self._mean_of_first(progress)
            return self.mask
        with self._executor(progress) as executor:
            self.reductions = mask_of_runs(
                self.sources,
                self.params,
                kept=self.kept,
                leave_out=True,
                resample=self.resample,
                executor=executor,
                progress=progress,
            )
        self.mean, self.failed = self.reductions.mean, self._failures()
        return self.reductions.mask

    def _mean_of_first(self, progress: Progress) -> Volume | None:
        """Mean of a run, to be seen beneath its networks; that of the last time, where it is the same."""
        first = self.sources[0]
        name = f"mean of {first.name}"
        if self.kept is not None and self.kept.mean is not None and self.kept.mean.name == name:
            return self.kept.mean
        with suppress(InputError, OSError):  # what is wrong with a run is said by those who need it
            return replace(stream_of(first, named(progress, name)).mean(), name=name)
        return None  # or it lies on another machine

    def _failures(self, done: Collection[str] = ()) -> dict[RunEntry, str]:
        """Whose the sentences on failures are, of the runs that are not done."""
        assert self.reductions is not None
        names = [source.name for source in as_sources(self.sources)]  # by which runs of one name are told apart
        left = {name: entry for name, entry in zip(names, self.entries, strict=True) if name not in done}
        found: dict[RunEntry, str] = {}
        for sentence in self.reductions.left_out:
            named = [name for name in left if name in sentence]
            if named:
                found[left.pop(max(named, key=len))] = sentence  # sub-1 is in sub-10, too
        return found

    def _executor(self, progress: Progress) -> AbstractContextManager[Executor | None]:
        return cluster_executor(self.address, progress=progress) if self.address else nullcontext()

    def _watch(self, sketch: Sketch) -> None:
        self.sketch = sketch


def richer(kept: Reductions | None, made: Reductions) -> Reductions:
    """The reductions just made, with the rows that were kept of the same runs where these are more."""
    known = {} if kept is None else {subject.key: subject for subject in kept.subjects if subject.key is not None}
    subjects = []
    for subject in made.subjects:
        before = known.get(subject.key, subject)
        subjects.append(replace(before, name=subject.name) if len(before.rows) > len(subject.rows) else subject)
    return replace(made, subjects=tuple(subjects))


def _count(start: Maps | Regions) -> int:
    return len(start) if isinstance(start, Maps) else len(start.ids)
