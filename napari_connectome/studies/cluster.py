"""A cluster to work on, by the address of its scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.params import number

PATIENCE = 5.0
"""Seconds a scheduler may take to answer."""
LOOK = 0.05
"""Seconds between two calls of progress."""


@contextmanager
def cluster_executor(address: str, timeout: float = PATIENCE, progress: Progress = silent) -> Iterator[Executor]:
    """An executor that works on a Dask cluster, as long as the context is entered.

    Parameters
    ----------
    address : str
        Of the scheduler, ``tcp://192.168.0.1:8786`` or ``host:8786``.
    timeout : float
        Seconds it may take to answer.
    progress : Progress
        Called while an answer is waited for.
    """
    if not isinstance(address, str) or not address.strip():
        raise InputError(
            f"the address of the cluster is {address!r} and must be its scheduler's, such as tcp://192.168.0.1:8786."
        )
    timeout = number("the time a scheduler may take to answer", timeout, low=0.0, high=86400.0, unit="s")
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "a cluster needs the package distributed, which is not installed: pip install napari-connectome[distributed]."
        ) from None
    try:
        client = _made(lambda: Client(address, timeout=timeout, set_as_default=False), f"asking for {address}", progress)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: start it, correct the address, or work without a cluster."
        ) from error
    with client:
        yield client.get_executor()


def _made(connect: Callable[[], Any], doing: str, progress: Progress) -> Any:
    """The client, made in a thread of its own, so that nobody who cancels has to wait for a scheduler that does not answer."""
    with_thread = ThreadPoolExecutor(1)
    client = with_thread.submit(connect)
    with_thread.shutdown(wait=False)
    try:
        while not wait([client], LOOK).done:
            progress(0.0, doing)
    except BaseException:
        client.add_done_callback(_close)
        raise
    return client.result()


def _close(client: Future[Any]) -> None:
    if client.exception() is None:
        client.result().close()
