"""Networks that many runs share: each run reduced where it lies, then learned from all reductions."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.analyses.group_mask import common_mask, mask_of
from napari_connectome.analyses.networks import NetworkMaps, Networks, Sketch, begun_with, networks_of
from napari_connectome.core.cleaning import Cleaning
from napari_connectome.core.errors import InputError, Progress, part, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.masks import inside_of
from napari_connectome.core.resampling import resample
from napari_connectome.core.sources import RunSource, Source
from napari_connectome.core.subject import Reductions, SubjectReduction, reduce_subject, require_usable
from napari_connectome.core.values import Maps, Regions, Volume, expect
from napari_connectome.core.words import some
from napari_connectome.io.run_file import RunFile
from napari_connectome.studies.distribute import Failure, each, failure_of
from napari_connectome.studies.sources import Named, Spooled, as_sources, grid_of, key_of, stream_of

Array = npt.NDArray[Any]

WORKERS = 2
"""Threads where no executor is given: two runs at once, since unpacking a file keeps one processor busy and no more."""
SAID = 3
"""Failures that are told in full in one message."""


class RunsFailed(InputError):
    """Runs that cannot be used; what was made of the others is not lost.

    Parameters
    ----------
    failures : tuple of Failure
    total : int
        Number of runs in all.
    reductions : Reductions or None
        Of the others, to be given as `kept`; None before there were any.
    """

    def __init__(self, failures: tuple[Failure, ...], total: int, reductions: Reductions | None = None) -> None:
        super().__init__(_together(failures, total))
        self.failures, self.total, self.reductions = failures, total, reductions

    @property
    def sentences(self) -> tuple[str, ...]:
        """A sentence for each."""
        return tuple(failure.sentence for failure in self.failures)


def _together(failures: Sequence[Failure], total: int) -> str:
    """One sentence on all failures."""
    lost = [failure for failure in failures if failure.lost]
    if len(lost) > 1:  # all for the same reason, which is no run's
        return f"{len(lost)} of {total} runs could not be done, since {lost[0].sentence}"
    said = "; ".join(failure.sentence.rstrip(".") for failure in failures[:SAID])
    more = f"; and {len(failures) - SAID} more" if len(failures) > SAID else ""
    count = f"{len(failures)} of {total} runs cannot be used: " if len(failures) > 1 else ""
    return f"{count}{said}{more}."


def learn_networks(
    runs: Any,
    params: Networks | None = None,
    *,
    mask: Volume | None = None,
    start: Maps | Regions | None = None,
    leave_out: bool = False,
    resample: bool = False,
    executor: Executor | None = None,
    progress: Progress = silent,
    watch: Callable[[Sketch], None] | None = None,
) -> NetworkMaps:
    """Learn the networks that runs share.

    Parameters
    ----------
    runs : Run, RunFile, path, or any iterable of these
        Cleaned with their own confounds. Of a generator, one run at a time is in memory.
    params : Networks
    mask : Volume, optional
        The voxels to learn from. Where it is not given: those of more than half of the runs' own masks.
    start : Maps or Regions, optional
        What to begin with, on the mask's grid: maps, an atlas, or an earlier result; as many networks are learned.
    leave_out : bool
        Whether runs that cannot be used are left out, and named in the result; otherwise they are an error.
    resample : bool
        Whether runs on another grid are resampled to the mask's, or else to that of most runs.
    executor : concurrent.futures.Executor, optional
        Who reduces the runs: ``ThreadPoolExecutor(2)``, or ``distributed.Client(…).get_executor()`` on a cluster, which is sent
        the names of files and returns reductions. Two threads where it is not given, and one for what is no list.
    progress : Progress
    watch : callable, optional
        Is shown a `Sketch` of the networks again and again while they are learned.

    Returns
    -------
    NetworkMaps

    Notes
    -----
    A file is read once for the mask and once for the reduction, volume by volume. While a run is reduced it takes 4·t·v bytes
    (t volumes, v voxels of the mask) and those of a few volumes; what is kept of it 4·k·v for k networks. So s runs take
    4·v·(k·s + t·w) bytes with w at a time: twenty of 168 volumes and 32,400 voxels some 50 MB and 22 MB for each worker.
    """
    params = Networks.given(params)
    asked = params if start is None else begun_with(start, params)
    reductions = reduce_runs(
        runs, asked, mask=mask, leave_out=leave_out, resample=resample, executor=executor, progress=part(progress, 0.0, 0.6)
    )
    return networks_of(reductions, params, start=start, progress=part(progress, 0.6, 1.0), watch=watch)


def reduce_runs(
    runs: Any,
    params: Networks | None = None,
    *,
    mask: Volume | None = None,
    kept: Reductions | None = None,
    leave_out: bool = False,
    resample: bool = False,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> Reductions:
    """Reduce each run to as many rows as networks are wanted, in one common mask.

    Parameters
    ----------
    kept : Reductions, optional
        Made before: what is still right of it is not made again, be it all, or the runs that are not new.
    runs, params, mask, leave_out, resample, executor, progress
        As for `learn_networks`.

    Returns
    -------
    Reductions

    Raises
    ------
    RunsFailed
        Where runs cannot be used and are not to be left out. All others were done, and are kept with it.
    """
    params, given = Networks.given(params), as_sources(runs)
    inside = None if mask is None else _given(mask)
    with ExitStack() as stack:
        if executor is None and isinstance(given, list) and len(given) > 1:
            executor = stack.enter_context(ThreadPoolExecutor(WORKERS))
        study = _Study(params, kept, leave_out, resample, executor)
        if inside is not None:
            sources = study.usable(given, inside.grid, part(progress, 0.0, 0.05)) if isinstance(given, list) else given
            return study.reduce(sources, _Common(inside), part(progress, 0.05, 1.0))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="napari-connectome-"))
        listed = given if isinstance(given, list) else _aside(given, Path(folder), progress)
        listed, common = study.common(study.usable(listed, None, part(progress, 0.0, 0.05)), part(progress, 0.05, 0.3))
        return study.reduce(listed, common, part(progress, 0.3, 1.0))


def mask_of_runs(
    runs: list[Any],
    params: Networks | None = None,
    *,
    kept: Reductions | None = None,
    leave_out: bool = False,
    resample: bool = False,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> Reductions:
    """The common mask that `reduce_runs` reduces these runs in, before any is reduced.

    Returns
    -------
    Reductions
        The mask, and the reductions that were kept: given as `kept` to `reduce_runs`, the mask is not made again.
    """
    study = _Study(Networks.given(params), kept, leave_out, resample, executor)
    usable = study.usable(list(as_sources(runs)), None, part(progress, 0.0, 0.05))
    _, common = study.common(usable, part(progress, 0.05, 1.0))
    subjects = () if kept is None else kept.subjects
    return Reductions(common.mask, subjects, tuple(failure.sentence for failure in study.failures), common.made_of, common.mean)


def _aside(runs: Iterable[Source], folder: Path, progress: Progress) -> list[Source]:
    """Runs that can be had only once, put on the disk: they are needed for the mask and again for the reduction."""
    aside: list[Source] = []
    for source in runs:
        progress(0.0, f"putting {source.name} aside")
        aside.append(Spooled.of(source.run, folder, source.name) if isinstance(source, RunSource) else source)
    if not aside:
        raise InputError("there is no run to learn from: give one at least.")
    return aside


def _given(mask: Volume) -> Volume:
    expect("the mask", mask, Volume)
    called = f"the mask {mask.name}" if mask.name != "volume" else "the mask"
    inside = inside_of(mask.data, called)
    if not inside.any():
        raise InputError(f"{called} is empty: choose one with voxels in the brain.")
    return Volume(inside, mask.grid, name=mask.name)


@dataclass(frozen=True, eq=False)
class _Common:
    """What runs have in common: a mask, what it is made of, and the mean of the runs where they were looked at for it."""

    mask: Volume
    made_of: Hashable = None
    mean: Volume | None = None


@dataclass
class _Study:
    """One reduction of many runs: what they have in common, and which of them failed."""

    params: Networks
    kept: Reductions | None
    leave_out: bool
    resample: bool
    executor: Executor | None

    def __post_init__(self) -> None:
        if self.executor is not None and not isinstance(self.executor, Executor):
            raise InputError(
                f"the executor is of type {type(self.executor).__name__} and must be a concurrent.futures.Executor, such as "
                "ThreadPoolExecutor(2), or get_executor() of a Dask client."
            )
        self.total = 0
        self.failures: list[Failure] = []
        self.keys: dict[str, Hashable] = {}
        self.grids: dict[str, Grid | None] = {}

    def usable(self, sources: list[Source], grid: Grid | None, progress: Progress) -> list[Source]:
        """The runs that may be read, by their headers: the right grid, nothing missing, none twice."""
        self.total = len(sources)
        for number, source in enumerate(sources):
            progress(number / self.total, f"looking at {source.name}")
            try:
                self.grids[source.name] = grid_of(source) if self._here(source) else None
            except (InputError, OSError) as error:
                self.failures.append(failure_of(source, error))
                continue
            self._remember(source, progress)
        if not self.resample:
            self._require_grid(sources, grid)
        failed = {failure.name for failure in self.failures}
        left = [source for source in sources if source.name not in failed]
        self._require(left)
        return left

    def _here(self, source: Source) -> bool:
        """Whether a file is where it can be looked at; those of another machine are looked at there."""
        local = self.executor is None or isinstance(self.executor, ThreadPoolExecutor)
        file = source.source if isinstance(source, Named) else source
        return local or not isinstance(file, RunFile) or Path(file.path).exists()

    def _remember(self, source: Source, progress: Progress = silent) -> None:
        key = key_of(source, progress)
        twin = next((name for name, other in self.keys.items() if key is not None and other == key), None)
        if twin is not None:
            raise InputError(f"{source.name} holds the same data as {twin}: take one of them out.")
        self.keys[source.name] = key

    def _require_grid(self, sources: list[Source], grid: Grid | None) -> None:
        """Note a failure for each run on another grid than the mask's, or else than that of most."""
        others, why = "the mask", ""
        if grid is None and (grid := self._reference(sources)) is not None:
            others = next(name for name, own in self.grids.items() if own is grid)
            same = sum(own is not None and grid.matches(own) for own in self.grids.values())
            why = f" ({same} of {some(len(sources), 'run')} {'has' if same == 1 else 'have'} that grid)"
        for name, own in self.grids.items():
            try:
                if grid is not None and own is not None:
                    grid.require(own, others, name)
            except InputError as error:
                self.failures.append(Failure(name, f"{str(error).rstrip('.')}, or give resample=True{why}."))

    def _require(self, left: Sequence[Any], reductions: Reductions | None = None) -> None:
        """Raise where failed runs may not be left out, or none is left to go on with."""
        if self.failures and (not self.leave_out or not left or any(failure.lost for failure in self.failures)):
            raise RunsFailed(tuple(self.failures), self.total, reductions)

    def common(self, sources: list[Source], progress: Progress) -> tuple[list[Source], _Common]:
        """The runs that can be read, and what they have in common."""
        params = self.params
        grid = self._reference(sources)
        made_of = (params.mask, self.resample, tuple(self.keys[source.name] for source in sources))
        if self.kept is not None and self.kept.key == made_of and None not in made_of[2]:
            return sources, _Common(self.kept.mask, made_of, self.kept.mean)
        task = partial(_look, method=params.mask, cleaning=params.cleaning, grid=grid if self.resample else None)
        masks: dict[str, Volume] = {}
        total: Any = 0.0
        for source, outcome in each(task, sources, self.executor, progress, "looking for the brain in"):
            if isinstance(outcome, Failure):
                self.failures.append(outcome)
            else:
                masks[source.name], mean = outcome
                total = total + mean if np.shape(total) in ((), mean.shape) else total  # other grids are told below
        left = [source for source in sources if source.name in masks]
        self._require(left)
        mask = common_mask([masks[source.name] for source in left])
        return left, _Common(mask, made_of, Volume(total / len(left), mask.grid, name="mean of the runs"))

    def reduce(self, sources: Iterable[Source], common: _Common, progress: Progress) -> Reductions:
        """Reduce the runs, those that are kept excepted."""
        params, mask = self.params, common.mask
        seed = params.seed if params.reduction == "randomized" else None
        only = None if seed is None else (seed, params.n_components)  # such rows are of no use for fewer networks
        how = (_digest(mask), params.fwhm, params.cleaning, self.resample, only)
        known = {} if self.kept is None else {subject.key: subject for subject in self.kept.subjects if subject.key}
        found: dict[str, SubjectReduction | None] = {}

        def fresh() -> Iterator[Source]:
            for source in sources:
                if source.name not in self.keys:
                    self.total += 1
                    self._remember(source)
                kept = known.get((self.keys[source.name], how))
                found[source.name] = kept = kept if kept and (kept.whole or len(kept.rows) >= params.n_components) else None
                if kept is None:
                    yield source

        todo = list(fresh()) if isinstance(sources, list) else fresh()
        task = partial(
            _reduce,
            mask=mask,
            n=params.n_components,
            fwhm=params.fwhm,
            cleaning=params.cleaning,
            resampled=self.resample,
            seed=seed,
        )
        for source, outcome in each(task, todo, self.executor, progress, "reducing"):
            if isinstance(outcome, Failure):
                self.failures.append(outcome)
            else:
                key = self.keys[source.name]
                found[source.name] = replace(outcome, name=source.name, key=None if key is None else (key, how))
        if not found and not self.failures:
            raise InputError("there is no run to learn from: give one at least.")
        subjects = tuple(replace(subject.first(params.n_components), name=name) for name, subject in found.items() if subject)
        reductions = Reductions(
            mask, subjects, tuple(failure.sentence for failure in self.failures), common.made_of, common.mean
        )
        self._require(subjects, reductions)
        return reductions

    def _reference(self, sources: list[Source]) -> Grid | None:
        """The grid that most runs have, of those that could be looked at."""
        known = [grid for source in sources if (grid := self.grids.get(source.name)) is not None]
        return max(known, key=lambda grid: sum(grid.matches(other) for other in known), default=None)


def _look(source: Source, progress: Progress, *, method: str, cleaning: Cleaning, grid: Grid | None) -> tuple[Volume, Array]:
    """Where the brain is in a run, which is checked for what would keep it from being reduced, and its mean, float32."""
    stream = stream_of(source, progress)
    require_usable(stream.head, cleaning)
    mean = stream.mean()
    mean = mean if grid is None else resample(mean, grid)
    return mask_of(mean, method), np.nan_to_num(mean.data, posinf=0.0, neginf=0.0).astype(np.float32)


def _reduce(
    source: Source,
    progress: Progress,
    *,
    mask: Volume,
    n: int,
    fwhm: float,
    cleaning: Cleaning,
    resampled: bool,
    seed: int | None,
) -> SubjectReduction:
    stream = stream_of(source, part(progress, 0.0, 0.9))
    if resampled:
        stream = stream.resampled(mask.grid)
    return reduce_subject(stream, mask, n, fwhm, cleaning, part(progress, 0.9, 1.0), seed)


def _digest(mask: Volume) -> str:
    about = repr((mask.grid.shape, mask.grid.affine.round(4).tolist())).encode()
    return hashlib.blake2b(np.packbits(mask.data).tobytes() + about, digest_size=16).hexdigest()
