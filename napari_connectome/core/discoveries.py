"""The rate of false discoveries among several tests (Benjamini & Hochberg 1995, *J. R. Stat. Soc. B* 57:289)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def discoveries(in_order: Array, alpha: float) -> int:
    """How many of the p values (n,), in ascending order, may be taken so that a share `alpha` of them is false at most."""
    found = np.flatnonzero(in_order <= alpha * np.arange(1, len(in_order) + 1) / max(1, len(in_order)))
    return int(found[-1]) + 1 if len(found) else 0


def q_values(p: Array) -> Array:
    """The smallest rate of false discoveries at which each p is one of them.

    Parameters
    ----------
    p : array
        Those of all tests; NaN is none.

    Returns
    -------
    array
        As large, NaN where p is; ``scipy.stats.false_discovery_control`` of the others.
    """
    q = np.full(p.shape, np.nan)
    tests = np.isfinite(p)
    values = p[tests]
    order = np.argsort(values, kind="stable")
    rates = values[order] * (len(values) / np.arange(1, len(values) + 1))
    found = np.empty_like(rates)
    found[order] = np.minimum(np.minimum.accumulate(rates[::-1])[::-1], 1.0)
    q[tests] = found
    return q
