"""A task and its run on their way to a worker in another process, which may know neither."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.sources import RunSource, Source
from napari_connectome.studies.sources import Named

Task = Callable[[Source, Progress], Any]


@dataclass(frozen=True, eq=False, repr=False)
class Parcel:
    """A task for one source; called, it is done.

    Parameters
    ----------
    task : callable
        ``task(source, progress)``.
    source : Source

    Raises
    ------
    InputError
        When it is pickled, and the source cannot be; or when it is called at a worker that cannot unpickle the source.

    Notes
    -----
    A Dask worker unpickles what it is sent while it reads from its scheduler. Where that fails, as for a class it cannot
    import, it drops the connection, and the result is waited for without end by everybody. So what arrives is bytes and
    functions of the standard library, and is unpickled only when the task is done: an error is then the task's.
    """

    task: Task
    source: Source

    def __call__(self) -> Any:
        """Do the task, here."""
        return self.task(self.source, silent)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (pickle.loads, pickle.dumps(_Opening(self.task, self.source)))

    def __dask_tokenize__(self) -> str:
        """Never the same as another's: a file may have changed since it was last read."""
        return uuid.uuid4().hex


@dataclass(frozen=True, eq=False)
class _Opening:
    """Unpickled, the task is done: what is had is its result."""

    task: Task
    source: Source

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (_pickled(self.task), self.source.name, _kind(self.source), self._contents())

    def _contents(self) -> bytes:
        try:
            return _pickled(self.source)
        except Exception as error:
            raise InputError(
                f"{self.source.name} is a {_kind(self.source)}, which cannot be sent to other processes ({error}): "
                "give the path of its file, or work in threads."
            ) from error


def _open(task: bytes, name: str, kind: str, contents: bytes) -> Any:
    """Do a pickled task for a pickled source."""
    do = pickle.loads(task)  # of this package: what is wrong with it is not the run's fault
    try:
        source = pickle.loads(contents)
    except Exception as error:
        raise InputError(
            f"{name} is a {kind}, which the workers cannot open ({error}): install its module on them, too, or give the path "
            "of its file."
        ) from error
    return do(source, silent)


def _pickled(value: Any) -> bytes:
    """The value in bytes; what was made in a notebook, and modules registered for it, by its definition if that can be."""
    try:
        from cloudpickle import dumps  # type: ignore[import-untyped]  # comes with Dask
    except ImportError:
        from pickle import dumps
    return bytes(dumps(value))


def _kind(source: Source) -> str:
    """The class that a person gave."""
    held: Any = source.source if isinstance(source, Named) else source
    kind = type(held.run if isinstance(held, RunSource) else held)
    return f"{kind.__module__}.{kind.__qualname__}"
