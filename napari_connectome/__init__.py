"""Functional connectomes one can touch: seed maps, regions and matrices inside napari.

The public names below are loaded when first used; importing this package imports neither Qt nor napari nor scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_connectome.analyses.brain_mask import brain_mask as brain_mask
    from napari_connectome.analyses.computed_confounds import CompCor as CompCor
    from napari_connectome.analyses.computed_confounds import ComputedConfounds as ComputedConfounds
    from napari_connectome.analyses.computed_confounds import HighVariance as HighVariance
    from napari_connectome.analyses.computed_confounds import compcor as compcor
    from napari_connectome.analyses.computed_confounds import computed_confounds as computed_confounds
    from napari_connectome.analyses.computed_confounds import global_signal as global_signal
    from napari_connectome.analyses.computed_confounds import high_variance_confounds as high_variance_confounds
    from napari_connectome.analyses.condition_test import ConditionTest as ConditionTest
    from napari_connectome.analyses.condition_test import condition_test as condition_test
    from napari_connectome.analyses.connectome import Connectivity as Connectivity
    from napari_connectome.analyses.connectome import connectome as connectome
    from napari_connectome.analyses.edge_account import EdgeAccounting as EdgeAccounting
    from napari_connectome.analyses.edge_account import edge_account as edge_account
    from napari_connectome.analyses.edge_test import EdgeTest as EdgeTest
    from napari_connectome.analyses.edge_test import edge_test as edge_test
    from napari_connectome.analyses.labeling import Labeling as Labeling
    from napari_connectome.analyses.labeling import make_regions as make_regions
    from napari_connectome.analyses.networks import NetworkMaps as NetworkMaps
    from napari_connectome.analyses.networks import Networks as Networks
    from napari_connectome.analyses.region_extraction import RegionExtraction as RegionExtraction
    from napari_connectome.analyses.region_extraction import extract_regions as extract_regions
    from napari_connectome.analyses.region_series import RegionSeries as RegionSeries
    from napari_connectome.analyses.region_series import region_series as region_series
    from napari_connectome.analyses.seed_map import SeedMap as SeedMap
    from napari_connectome.analyses.seed_map import SeedMapper as SeedMapper
    from napari_connectome.analyses.seed_map import seed_map as seed_map
    from napari_connectome.analyses.sparse_connectome import SparseConnectivity as SparseConnectivity
    from napari_connectome.analyses.sparse_connectome import sparse_connectome as sparse_connectome
    from napari_connectome.analyses.threshold import Threshold as Threshold
    from napari_connectome.analyses.threshold import threshold as threshold
    from napari_connectome.core.cleaning import Cleaning as Cleaning
    from napari_connectome.core.cleaning import clean as clean
    from napari_connectome.core.connectomes import Connectome as Connectome
    from napari_connectome.core.grid import Grid as Grid
    from napari_connectome.core.smoothing import smooth as smooth
    from napari_connectome.core.sparse_connectomes import SparseConnectome as SparseConnectome
    from napari_connectome.core.values import Maps as Maps
    from napari_connectome.core.values import Regions as Regions
    from napari_connectome.core.values import Run as Run
    from napari_connectome.core.values import Series as Series
    from napari_connectome.core.values import Volume as Volume
    from napari_connectome.io.connectomes import load_connectome as load_connectome
    from napari_connectome.io.design import load_design as load_design
    from napari_connectome.io.load import load_maps as load_maps
    from napari_connectome.io.load import load_regions as load_regions
    from napari_connectome.io.load import load_run as load_run
    from napari_connectome.io.load import load_volume as load_volume
    from napari_connectome.io.run_file import RunFile as RunFile
    from napari_connectome.io.save import save as save
    from napari_connectome.studies.cluster import cluster_executor as cluster_executor
    from napari_connectome.studies.connectome_of_runs import connectome_of_runs as connectome_of_runs
    from napari_connectome.studies.learn_networks import learn_networks as learn_networks

__version__ = "0.1.0"

_HOME = {
    "Cleaning": "core.cleaning",
    "CompCor": "analyses.computed_confounds",
    "ComputedConfounds": "analyses.computed_confounds",
    "ConditionTest": "analyses.condition_test",
    "Connectivity": "analyses.connectome",
    "Connectome": "core.connectomes",
    "EdgeAccounting": "analyses.edge_account",
    "EdgeTest": "analyses.edge_test",
    "Grid": "core.grid",
    "HighVariance": "analyses.computed_confounds",
    "Labeling": "analyses.labeling",
    "Maps": "core.values",
    "NetworkMaps": "analyses.networks",
    "Networks": "analyses.networks",
    "RegionExtraction": "analyses.region_extraction",
    "RegionSeries": "analyses.region_series",
    "Regions": "core.values",
    "Run": "core.values",
    "RunFile": "io.run_file",
    "SeedMap": "analyses.seed_map",
    "SeedMapper": "analyses.seed_map",
    "Series": "core.values",
    "SparseConnectivity": "analyses.sparse_connectome",
    "SparseConnectome": "core.sparse_connectomes",
    "Threshold": "analyses.threshold",
    "Volume": "core.values",
    "brain_mask": "analyses.brain_mask",
    "clean": "core.cleaning",
    "cluster_executor": "studies.cluster",
    "compcor": "analyses.computed_confounds",
    "computed_confounds": "analyses.computed_confounds",
    "condition_test": "analyses.condition_test",
    "connectome": "analyses.connectome",
    "connectome_of_runs": "studies.connectome_of_runs",
    "edge_account": "analyses.edge_account",
    "edge_test": "analyses.edge_test",
    "extract_regions": "analyses.region_extraction",
    "global_signal": "analyses.computed_confounds",
    "high_variance_confounds": "analyses.computed_confounds",
    "learn_networks": "studies.learn_networks",
    "load_connectome": "io.connectomes",
    "load_design": "io.design",
    "load_maps": "io.load",
    "load_regions": "io.load",
    "load_run": "io.load",
    "load_volume": "io.load",
    "make_regions": "analyses.labeling",
    "region_series": "analyses.region_series",
    "save": "io.save",
    "seed_map": "analyses.seed_map",
    "smooth": "core.smoothing",
    "sparse_connectome": "analyses.sparse_connectome",
    "threshold": "analyses.threshold",
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
