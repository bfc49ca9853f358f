"""Fisher's z of correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CLIP = 0.999999
"""|r| beyond this is taken as this before Fisher's z, which so ends at 7.25 (Connectome Workbench's convention)."""


def fisher_z(r: Array) -> Array:
    """Arctanh of correlations, in their own precision: its spread over samples does not depend on r."""
    return np.asarray(np.arctanh(np.clip(r, -CLIP, CLIP)))
