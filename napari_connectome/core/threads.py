"""How many threads the linear algebra takes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """While this is entered, matrix products run in the calling thread only.

    For products of a few milliseconds beside a window that is drawing: OpenBLAS keeps its threads spinning for some
    25 ms after each product, and takes that time from the drawing. A product that is bound by memory loses little.
    """
    return _controller().limit(limits=1, user_api="blas")  # type: ignore[no-any-return]
