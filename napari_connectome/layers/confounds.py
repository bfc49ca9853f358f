"""The confounds a run's layer came with, or has beside its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Layer

from napari_connectome.io.confounds import find_confounds
from napari_connectome.layers.spatial import info


def known_confounds(layer: Layer) -> pd.DataFrame | Path | None:
    """The table that came with a run, or the path of the one that belongs to its file; None where there is neither."""
    known: Any = info(layer)
    given = known.get("confounds")
    if isinstance(given, np.ndarray) and given.ndim in (1, 2):
        table = pd.DataFrame(given.reshape(len(given), -1))
        return table.set_axis([f"column_{i + 1}" for i in range(table.shape[1])], axis=1)
    if isinstance(given, pd.DataFrame):
        return given
    beside = given or (find_confounds(known["path"]) if known.get("path") else None)
    return Path(beside) if isinstance(beside, str | Path) else None
