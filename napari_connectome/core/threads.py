"""How many threads the linear algebra takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache
from threading import Lock
from typing import Any, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

AT_WORK = 2
"""Threads that work on pieces: two is what every machine has, and memory keeps no more than a few busy."""


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


_pool: ContextVar[ThreadPoolExecutor | None] = ContextVar("_pool", default=None)


@contextmanager
def two_threads() -> Iterator[None]:
    """While the calling thread is inside, its `in_pieces` work on two pieces at once.

    For what has the machine to itself. The pieces, and the order in which they are added up, do not depend on it; so nor
    does a bit of the result, as it would with two threads in one product.
    """
    pool = ThreadPoolExecutor(AT_WORK, thread_name_prefix="pieces")
    token = _pool.set(pool)
    try:
        yield
    finally:
        _pool.reset(token)
        pool.shutdown(cancel_futures=True)


def in_pieces(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Result]]:
    """Each piece with what `work` makes of it, in order; two at once within `two_threads`."""
    pool = _pool.get()
    results = map(work, pieces) if pool is None or len(pieces) < AT_WORK else pool.map(work, pieces)
    yield from zip(pieces, results, strict=True)
