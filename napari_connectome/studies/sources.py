"""What people give as runs, as a list of where each can be had from."""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.grid import Grid
from napari_connectome.core.sources import RunSource, Source, SteadySource
from napari_connectome.core.streams import RunStream
from napari_connectome.core.values import Run
from napari_connectome.io.run_file import RunFile

Array = npt.NDArray[Any]

KINDS = "a Run, a RunFile or the path of a 4-D image"


def as_sources(given: Any) -> list[Source] | Iterator[Source]:
    """Where runs come from.

    Parameters
    ----------
    given : Run, RunFile, path, Source, or any iterable of these
        A list or tuple is looked through at once; of any other iterable, such as a generator that reads one run after the
        other, no run is asked for before it is needed.

    Returns
    -------
    list of Source, or iterator of Source
        Their names differ. A file, or a run in memory, that comes twice is refused with one sentence.
    """
    if isinstance(given, Run | RunFile | str | os.PathLike) or _is_source(given):
        given = [given]
    if isinstance(given, list | tuple):
        if not given:
            raise InputError("there is no run: give one at least.")
        return list(_told_apart(given))
    if not isinstance(given, Iterable):
        raise InputError(f"the runs are of type {type(given).__name__} and each must be {KINDS}: give a list of them.")
    return _told_apart(given)


def key_of(source: Source, progress: Progress = silent) -> Hashable:
    """Equal as long as the source gives the same run; None where that cannot be known."""
    if isinstance(source, Named):
        return key_of(source.source, progress)
    if isinstance(source, SteadySource):
        if "digest" not in source.known:
            source.known["digest"] = digest(source.run, progress)
        return str(source.known["digest"])
    if isinstance(source, RunSource):
        return digest(source.run, progress)
    try:
        return getattr(source, "key", None)
    except InputError:  # what is wrong is said when the run is read
        return None


def digest(run: Run, progress: Progress = silent) -> str:
    """Checksum of all that a run is, but for its name."""
    checksum = hashlib.blake2b(digest_size=16)
    checksum.update(repr((run.data.shape, run.data.dtype.str, run.grid.affine.tolist(), run.tr)).encode())
    for volume in run.data:
        progress(0.0, f"looking at {run.name}")
        checksum.update(np.ascontiguousarray(volume).data)
    if run.confounds is not None:
        checksum.update(run.confounds.to_csv().encode())
    if run.keep is not None:
        checksum.update(run.keep.tobytes())
    return checksum.hexdigest()


def stream_of(source: Source, progress: Progress = silent) -> RunStream:
    """The volumes of a source, of which as few as may be are in memory."""
    if isinstance(source, Named):
        stream = stream_of(source.source, progress)
        return replace(stream, head=stream.head.replace(name=source.name))
    if isinstance(source, RunFile | Spooled):
        return source.stream(progress)
    return RunStream.of(source.load(), progress)


@dataclass(frozen=True, eq=False)
class Spooled:
    """A run that was put aside on the disk, since it can be had only once; `key` is its `digest`."""

    name: str
    path: Path
    rest: Run
    key: str

    @classmethod
    def of(cls, run: Run, folder: Path, name: str) -> Spooled:
        """Write the data of a run into a folder."""
        handle, path = tempfile.mkstemp(".volumes", dir=folder)
        with os.fdopen(handle, "wb") as file:
            for volume in run.data:
                file.write(np.ascontiguousarray(volume).data)
        nothing = np.broadcast_to(np.zeros((), run.data.dtype), run.data.shape)
        return cls(name, Path(path), run.replace(data=nothing, name=name), digest(run))

    def load(self, progress: Progress = silent) -> Run:
        """Read it back."""
        return self.rest.replace(data=np.stack(list(self.stream(progress).volumes)))

    def stream(self, progress: Progress = silent) -> RunStream:
        """Read it back, volume by volume."""

        def volumes() -> Iterator[Array]:
            with self.path.open("rb") as file:
                for t, empty in enumerate(self.rest.data):
                    progress(t / self.rest.n_volumes, self.name)
                    yield np.fromfile(file, empty.dtype, empty.size).reshape(empty.shape)

        return RunStream(self.rest, volumes())


@dataclass(frozen=True, eq=False)
class Named:
    """A source by another name, where two have the same."""

    name: str
    source: Source

    def load(self, progress: Progress = silent) -> Run:
        """The run, by this name."""
        return self.source.load(progress).replace(name=self.name)


def grid_of(source: Source) -> Grid | None:
    """Where the run's voxels are, as far as that is known without reading it; one sentence for a file that is no run."""
    source = innermost(source)
    if isinstance(source, RunFile):
        return source.check().grid
    run = source.run if isinstance(source, RunSource) else source.rest if isinstance(source, Spooled) else None
    return None if run is None else run.grid


def innermost(source: Any) -> Any:
    """The file or the run in memory that a source is made around; the source itself where it is made around none."""
    while not isinstance(source, RunFile | RunSource | Spooled) and hasattr(source, "source"):
        source = source.source
    return source


def _is_source(given: Any) -> bool:
    return hasattr(given, "load") and hasattr(given, "name")


def _told_apart(given: Iterable[Any]) -> Iterator[Source]:
    """Each as a source of its own name, those before it having others; the same one twice is refused."""
    seen: dict[Hashable, tuple[str, Callable[[], Any]]] = {}
    names: set[str] = set()
    for number, item in enumerate(given, 1):
        source = _source(item, number)
        name = _free_name(source, names, number)
        names.add(name)
        same, still_there = _identity(source)
        if same in seen and seen[same][1]() is not None:
            raise InputError(f"{_called(source)} is given twice (as {seen[same][0]} and run {number}): take one of them out.")
        seen[same] = f"run {number}", still_there
        yield source if name == source.name else Named(name, source)


def _source(item: Any, number: int) -> Source:
    if isinstance(item, Run):
        return RunSource(item)
    if isinstance(item, str | os.PathLike):
        return RunFile(item)
    if _is_source(item):
        return item  # type: ignore[no-any-return]
    raise InputError(f"run {number} is of type {type(item).__name__} and must be {KINDS}.")


def _identity(source: Source) -> tuple[Hashable, Callable[[], Any]]:
    """The file, or the run in memory, and what returns None once it is gone: its place may then be another's."""
    source = innermost(source)
    if isinstance(source, RunFile):
        return source.place, lambda: source.place
    held = source.run.data if isinstance(source, RunSource) else source
    try:
        return id(held), weakref.ref(held)
    except TypeError:  # a class with slots
        return id(held), lambda: held


def _called(source: Source) -> str:
    source = innermost(source)
    return Path(source.path).name if isinstance(source, RunFile) else source.name


def _free_name(source: Source, taken: set[str], number: int) -> str:
    name, file = source.name, innermost(source)
    if name in taken and isinstance(file, RunFile):
        name = f"{Path(file.place).parent.name}/{name}"
    return f"{source.name} ({number})" if name in taken else name
