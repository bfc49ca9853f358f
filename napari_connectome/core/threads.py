"""How many threads the linear algebra takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Lock
from typing import Any


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


_lock = Lock()
_inside = 0
_limit = ExitStack()


@contextmanager
def one_thread() -> Iterator[None]:
    """While this is entered, matrix products run in the calling thread only.

    For products of a few milliseconds beside a window that is drawing: OpenBLAS keeps its threads spinning for some
    25 ms after each product, and takes that time from the drawing. A product that is bound by memory loses little.

    The limit is the process's, not a thread's: it is set by the first to enter and lifted by the last to leave. If each
    restored what it found, one that entered while another was inside would leave the limit behind for good.
    """
    global _inside
    with _lock:
        if not _inside:
            _limit.enter_context(_controller().limit(limits=1, user_api="blas"))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _limit.close()
