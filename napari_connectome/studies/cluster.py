"""A cluster to work on, by the address of its scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from napari_connectome.core.errors import InputError

PATIENCE = 5.0
"""Seconds a scheduler may take to answer."""


@contextmanager
def cluster_executor(address: str, timeout: float = PATIENCE) -> Iterator[Executor]:
    """An executor that works on a Dask cluster, as long as the context is entered.

    Parameters
    ----------
    address : str
        Of the scheduler, ``tcp://192.168.0.1:8786`` or ``host:8786``.
    timeout : float
        Seconds it may take to answer.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "a cluster needs the package distributed, which is not installed: pip install napari-connectome[distributed]."
        ) from None
    try:
        client = Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: start it, correct the address, or work without a cluster."
        ) from error
    with client:
        yield client.get_executor()
