"""What a provenance says of each of several networks: its name, and how much it explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

NETWORKS = "networks"
"""Where in a provenance it stands."""


def account(names: Sequence[str], explained: npt.ArrayLike) -> list[dict[str, Any]]:
    """What is to be said of networks, in plain values; `explained` (k,) is each one's share of the variance."""
    shares = np.asarray(explained, dtype=np.float64).tolist()
    return [{"name": name, "explained": share} for name, share in zip(names, shares, strict=True)]


def explained_in(provenance: Mapping[str, Any], k: int) -> Array | None:
    """The share of the variance (k,) float64 that each of k networks explains, NaN where it is not said.

    None where a provenance, which may come from a file that anybody wrote, says nothing of so many networks.
    """
    said = provenance.get(NETWORKS)
    if not isinstance(said, list) or len(said) != k or not all(isinstance(one, Mapping) for one in said):
        return None
    return np.array([number_in(one, "explained") for one in said], dtype=np.float64)


def number_in(about: Mapping[str, Any], key: str) -> float:
    """A number of what a file says; NaN where there is none."""
    value = about.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
