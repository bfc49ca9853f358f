"""Functional connectomes one can touch: seed maps, regions and matrices inside napari.

The public names below are loaded when first used; importing this package imports neither Qt nor napari nor scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_connectome.analyses.brain_mask import brain_mask as brain_mask
    from napari_connectome.analyses.seed_map import SeedMap as SeedMap
    from napari_connectome.analyses.seed_map import SeedMapper as SeedMapper
    from napari_connectome.analyses.seed_map import seed_map as seed_map
    from napari_connectome.core.cleaning import Cleaning as Cleaning
    from napari_connectome.core.cleaning import clean as clean
    from napari_connectome.core.grid import Grid as Grid
    from napari_connectome.core.smoothing import smooth as smooth
    from napari_connectome.core.values import Maps as Maps
    from napari_connectome.core.values import Regions as Regions
    from napari_connectome.core.values import Run as Run
    from napari_connectome.core.values import Series as Series
    from napari_connectome.core.values import Volume as Volume
    from napari_connectome.io.load import load_regions as load_regions
    from napari_connectome.io.load import load_run as load_run
    from napari_connectome.io.load import load_volume as load_volume
    from napari_connectome.io.save import save as save

__version__ = "0.1.0"

_HOME = {
    "Cleaning": "core.cleaning",
    "Grid": "core.grid",
    "Maps": "core.values",
    "Regions": "core.values",
    "Run": "core.values",
    "SeedMap": "analyses.seed_map",
    "SeedMapper": "analyses.seed_map",
    "Series": "core.values",
    "Volume": "core.values",
    "brain_mask": "analyses.brain_mask",
    "clean": "core.cleaning",
    "load_regions": "io.load",
    "load_run": "io.load",
    "load_volume": "io.load",
    "save": "io.save",
    "seed_map": "analyses.seed_map",
    "smooth": "core.smoothing",
}
__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
