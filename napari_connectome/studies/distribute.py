"""The same task on many runs, wherever it is done: one after the other, in threads, or on other machines."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from napari_connectome.core.errors import Cancelled, InputError, Progress, silent
from napari_connectome.core.sources import Source
from napari_connectome.studies.parcel import Parcel

Result = TypeVar("Result")
Task = Callable[[Source, Progress], Result]

POLL = 0.05
"""Seconds between two looks at what others do: progress is told, and Cancel heard, that often."""
AHEAD = 256
"""Tasks handed out at once, where the runs are files."""


@dataclass(frozen=True)
class Failure:
    """What became of a run that could not be used.

    Parameters
    ----------
    name : str
    sentence : str
        For the person at the screen; it names the run.
    lost : bool
        Whether it is not the run's fault: whoever worked at it is gone.
    """

    name: str
    sentence: str
    lost: bool = False


def each(
    task: Task[Result],
    sources: Iterable[Source],
    executor: Executor | None = None,
    progress: Progress = silent,
    doing: str = "working on",
) -> Iterator[tuple[Source, Result | Failure]]:
    """Do a task for each source; yield the sources in their order with what came out.

    Parameters
    ----------
    task : callable
        ``task(source, progress)``. For an executor other than of threads it is pickled, as the source and the result are.
    sources : iterable of Source
        Of a list, many are handed out at once; of anything else as many as are worked at at the same time.
    executor : concurrent.futures.Executor, optional
        None works in the calling thread, one after the other.
    progress : Progress
        Called in the calling thread; where it raises, what was handed out is taken back.
    doing : str
        What is told of a run, before its name.

    Notes
    -----
    A run that fails with a sentence, or because its file or the memory fails, comes as a `Failure`, and the others go on.
    Any other exception is raised.
    """
    total = len(sources) if isinstance(sources, list) else 0
    if executor is None:
        yield from _one_by_one(task, sources, total, progress, doing)
    else:
        yield from _Round(task, sources, total, executor, progress, doing).outcomes()


def _one_by_one(
    task: Task[Result], sources: Iterable[Source], total: int, progress: Progress, doing: str
) -> Iterator[tuple[Source, Result | Failure]]:
    for done, source in enumerate(sources):

        def tell(fraction: float, what: str, done: int = done, name: str = source.name) -> None:
            progress(_share(done + fraction, total), _words(doing, name, done, total))

        tell(0.0, "")
        try:
            outcome: Result | Failure = task(source, tell)
        except (InputError, OSError, MemoryError) as error:
            outcome = failure_of(source, error)
        yield source, outcome


def _share(done: float, total: int) -> float:
    """How much is done; of an unknown total, something that always grows."""
    return done / total if total else done / (done + 1)


def _words(doing: str, name: str, done: int, total: int) -> str:
    return f"{doing} {name} ({done + 1} of {total})" if total else f"{doing} {name}"


class _Round:
    """Tasks at an executor: handed out, watched, and taken back if need be."""

    def __init__(
        self, task: Task[Any], sources: Iterable[Source], total: int, executor: Executor, progress: Progress, doing: str
    ) -> None:
        self.task, self.executor, self.progress, self.doing, self.total = task, executor, progress, doing, total
        self.sources = iter(sources)
        self.threads = isinstance(executor, ThreadPoolExecutor)
        workers = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
        # One more than there are workers: the one that ends before the run it stands behind has something to do. Of a
        # generator that would be a run more in memory.
        self.ahead = workers if not total else workers + 1 if self.threads else AHEAD
        self.waiting: deque[tuple[Source, Future[Any]]] = deque()
        self.stop = threading.Event()
        self.parts: dict[int, float] = {}
        self.handed = self.yielded = 0

    def outcomes(self) -> Iterator[tuple[Source, Any]]:
        """Each source with what came out, in order."""
        try:
            while self._fill() or self.waiting:
                source, future = self.waiting[0]
                self._tell(source.name)
                wait([future], timeout=POLL)
                if not future.done() and _closed(self.executor):
                    future.cancel()
                if future.done():
                    self._tell(source.name)
                    self.waiting.popleft()
                    self.yielded += 1
                    yield source, _outcome(source, future)
        finally:
            self._take_back()

    def _fill(self) -> bool:
        """Hand out as many tasks as may be; whether any was."""
        before = self.handed
        while len(self.waiting) < self.ahead and (source := next(self.sources, None)) is not None:
            self.waiting.append((source, self._submit(source, self.handed)))
            self.handed += 1
        return self.handed > before

    def _submit(self, source: Source, number: int) -> Future[Any]:
        try:
            if self.threads:
                return self.executor.submit(self.task, source, self._listen(number))
            return self.executor.submit(Parcel(self.task, source))
        except TypeError as error:  # what Dask says of a source that cannot be pickled
            if not isinstance(error.__cause__, InputError):
                raise
            return _failed(error.__cause__)
        except RuntimeError as error:  # broken, or shut down
            return _failed(error if isinstance(error, BrokenExecutor) else BrokenExecutor(str(error)))

    def _listen(self, number: int) -> Progress:
        def tell(fraction: float, what: str) -> None:
            if self.stop.is_set():
                raise Cancelled
            self.parts[number] = fraction

        return tell

    def _tell(self, name: str) -> None:
        ready = self.yielded + sum(future.done() for _, future in self.waiting)
        under_way = sum(self.parts.get(self.yielded + i, 0.0) for i, (_, f) in enumerate(self.waiting) if not f.done())
        self.progress(_share(ready + under_way, self.total), _words(self.doing, name, self.yielded, self.total))

    def _take_back(self) -> None:
        self.stop.set()
        for _, future in self.waiting:
            future.cancel()
        if self.threads:  # they hear of it within a tenth of a second, and nothing of ours shall go on behind
            wait([future for _, future in self.waiting])


def _failed(error: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def _closed(executor: Executor) -> bool:
    """Whether a Dask client has given its scheduler up: it then forgets its futures, which would be waited for forever."""
    return getattr(getattr(executor, "_client", None), "status", "") in ("closing", "closed")


def _outcome(source: Source, future: Future[Any]) -> Any:
    try:
        return future.result()
    except CancelledError as error:
        return _lost(source, error)
    except Exception as error:
        if isinstance(error, BrokenExecutor | ImportError) or type(error).__module__.partition(".")[0] == "distributed":
            return _lost(source, error)
        if isinstance(error, InputError | OSError | MemoryError):
            return failure_of(source, error)
        raise


def failure_of(source: Source, error: Exception) -> Failure:
    """The failure that an exception means for a run."""
    if isinstance(error, InputError):
        words = str(error)
    elif isinstance(error, MemoryError):
        words = "there is not memory enough for it: close other programs, or use fewer workers."
    else:
        words = f"it cannot be read ({error.strerror or error}): check the file."  # type: ignore[attr-defined]
    return Failure(source.name, words if source.name in words else f"{source.name}: {words}")


def _lost(source: Source, error: BaseException) -> Failure:
    if isinstance(error, ImportError):
        words = f"the workers cannot import what is needed ({error}): install napari-connectome on them, too."
    else:
        words = f"the worker at {source.name} is gone ({type(error).__name__}): start the workers again and repeat."
    return Failure(source.name, words, lost=True)
