"""A cluster to work on, by the address of its scheduler."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Coroutine, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import ExitStack, contextmanager, suppress
from threading import Thread
from typing import Any

from napari_connectome.core.errors import InputError, Progress, silent
from napari_connectome.core.params import number

PATIENCE = 5.0
"""Seconds a scheduler may take to answer."""
LOOK = 0.05
"""Seconds between two calls of progress."""
ENDING = 5.0
"""Seconds the thread of a connection may take to end: it is at most in the middle of one message."""


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
        from distributed import Client, Security
        from distributed.comm import connect
    except ImportError:
        raise InputError(
            "a cluster needs the package distributed, which is not installed: pip install napari-connectome[distributed]."
        ) from None

    async def greet() -> None:
        comm = await asyncio.wait_for(connect(address, timeout=timeout, **Security().get_connection_args("client")), timeout)
        comm.abort()

    with ExitStack() as stack:
        loop = stack.enter_context(_loop_of_its_own())
        try:
            # A client that finds no scheduler cannot be stopped while it looks for one, and leaves its loop behind.
            _until_done(greet(), loop, f"asking for {address}", progress)
            client = stack.enter_context(Client(address, timeout=timeout, set_as_default=False, loop=loop))
        except (OSError, ValueError, MemoryError) as error:  # the last where another program answers
            raise InputError(
                f"no Dask scheduler answers at {address}: start it, correct the address, or work without a cluster."
            ) from error
        except (TypeError, RuntimeError, ImportError) as error:
            raise InputError(
                f"no scheduler can be asked at {address} ({error}): correct the address, or the configuration of Dask here."
            ) from error
        # Where the context is never left, the connection would be closed after its thread is gone.
        atexit.register(stack.close)
        stack.callback(atexit.unregister, stack.close)
        yield client.get_executor()


@contextmanager
def _loop_of_its_own() -> Iterator[Any]:
    """A Tornado loop in a thread of its own, which ends with the context, and with it all that is under way there."""
    from tornado.ioloop import IOLoop

    ready: Future[tuple[Any, asyncio.Event]] = Future()

    async def stay() -> None:
        leave = asyncio.Event()
        ready.set_result((IOLoop.current(), leave))
        await leave.wait()

    thread = Thread(target=asyncio.run, args=(stay(),), name="connection to a cluster", daemon=True)
    thread.start()
    loop, leave = ready.result()
    try:
        yield loop
    finally:
        with suppress(RuntimeError):  # ended already, as when the program does
            loop.asyncio_loop.call_soon_threadsafe(leave.set)
        thread.join(ENDING)


def _until_done(task: Coroutine[Any, Any, None], loop: Any, doing: str, progress: Progress) -> None:
    """Wait for a task of the loop; it is given up where progress raises."""
    future = asyncio.run_coroutine_threadsafe(task, loop.asyncio_loop)
    try:
        while not wait([future], LOOK).done:
            progress(0.0, doing)
    except BaseException:
        future.cancel()
        raise
    future.result()
