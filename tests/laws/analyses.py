"""Every analysis on a small run: what the laws of `test_analyses_laws` are asked of. To add one, add a line to `CASES`."""

from collections.abc import Callable
from typing import Any

import numpy as np

import napari_connectome as nc

GRID = nc.Grid((9, 11, 10), np.array([[4.0, 0, 0, -18], [0, 4.0, 0, -22], [0, 0, 4.0, -16], [0, 0, 0, 1]]))
T, K = 48, 3


def _read_only(data: Any) -> Any:
    data.flags.writeable = False
    return data


def weights() -> Any:
    """Networks (K, z, y, x): a ball each."""
    away = ((np.argwhere(np.ones(GRID.shape)) - np.array([[[3, 3, 3]], [[4, 7, 6]], [[6, 4, 7]]])) ** 2).sum(axis=2)
    return np.exp(-away / 4.0).reshape(K, *GRID.shape).astype(np.float32)


def run(seed: int = 0) -> Any:
    """A run with the networks in it, whose data nobody can write to."""
    rng = np.random.default_rng(seed)
    inside = np.zeros(GRID.shape)
    inside[1:-1, 1:-1, 1:-1] = 1
    data = 500 * inside + 30 * np.tensordot(rng.standard_normal((T, K)), weights(), 1) * inside
    data = np.rint(data + rng.standard_normal(data.shape) * (5 * inside + 1)).astype(np.int16)
    confounds = rng.standard_normal((T, 2))
    return nc.Run(_read_only(data), GRID, 2.0, confounds=confounds, name=f"run {seed}")


def other_run() -> Any:
    """The same on a grid that lies elsewhere."""
    return nc.Run(run().data, nc.Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 1.5], *[[0] * 4] * 3])), 2.0)


def mask() -> Any:
    """The inside of the grid."""
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[1:-1, 1:-1, 1:-1] = True
    return nc.Volume(_read_only(inside), GRID, name="mask")


def maps() -> Any:
    """The networks, cut."""
    data = weights()
    return nc.Maps(_read_only(np.where(data > 0.2, data, 0)), GRID, names=["a", "b", "c"])


def regions() -> Any:
    """The networks as labels."""
    data = weights()
    return nc.Regions(_read_only(np.where(data.max(axis=0) > 0.4, data.argmax(axis=0) + 1, 0).astype(np.uint8)), GRID)


def labels() -> Any:
    """Two conditions in turn, four volumes each."""
    return np.array((["face"] * 4 + ["house"] * 4) * (T // 8))


def _learn(**how: Any) -> Any:
    return nc.learn_networks([run(0), run(1)], nc.Networks(n_components=K, alpha=2.0, **how), mask=mask())


def _sparse(**how: Any) -> Any:
    return nc.sparse_connectome([nc.region_series(run(i), maps()) for i in range(3)], nc.SparseConnectivity(**how))


def _connectome(subjects: int, **how: Any) -> Any:
    return nc.connectome([nc.region_series(run(i), maps()) for i in range(subjects)], nc.Connectivity(**how))


CASES: dict[str, Callable[[], Any]] = {
    "clean": lambda: nc.clean(run().data[:, 3, 3], 2.0, nc.Cleaning(high_pass=0.01)),
    "smooth": lambda: nc.smooth(run(), 6.0),
    "brain_mask": lambda: nc.brain_mask(run(), "epi"),
    "seed_map": lambda: nc.seed_map(run(), [(0.0, 0.0, 0.0)], nc.SeedMap(), mask()),
    "condition_test": lambda: nc.condition_test(run(), labels(), nc.ConditionTest(a="face", b="house")),
    "threshold": lambda: nc.threshold(nc.Volume(weights()[0], GRID), nc.Threshold(value=0.3)),
    "make_regions": lambda: nc.make_regions(mask(), nc.Labeling(dilate=1)),
    "region_series of labels": lambda: nc.region_series(run(), regions()),
    "region_series of maps": lambda: nc.region_series(run(), maps(), nc.RegionSeries(fwhm=5.0)),
    "region_series on another grid": lambda: nc.region_series(other_run(), maps(), nc.RegionSeries(resample="run")),
    "high_variance_confounds": lambda: nc.high_variance_confounds(run(), nc.HighVariance(n_components=2)),
    "compcor": lambda: nc.compcor(run(), mask()),
    "computed_confounds": lambda: nc.computed_confounds(
        run(),
        nc.ComputedConfounds(
            global_signal=True, high_variance=True, compcor=True, of_high_variance=nc.HighVariance(n_components=2)
        ),
        tissue=mask(),
    ),
    "global_signal": lambda: nc.global_signal(run()),
    "learn_networks, dictionary": lambda: _learn(),
    "learn_networks, as nilearn": lambda: _learn(search="early", reduction="randomized"),
    "learn_networks, ica": lambda: _learn(method="ica"),
    "extract_regions of maps": lambda: nc.extract_regions(maps(), nc.RegionExtraction(min_size=200.0)),
    "extract_regions of labels": lambda: nc.extract_regions(regions(), nc.RegionExtraction(min_size=0.0)),
    "connectome": lambda: _connectome(2),
    "connectome, tangent": lambda: _connectome(3, kind="tangent"),
    "edge_account": lambda: nc.edge_account([nc.region_series(run(i), regions()) for i in range(2)], 0, 1),
    "sparse_connectome": lambda: _sparse(),
    "sparse_connectome, single": lambda: _sparse(method="single"),
    "sparse_connectome, alpha given": lambda: _sparse(alpha=0.001, kind="partial_correlation"),
    "edge_test": lambda: nc.edge_test(_connectome(4)),
    "edge_test of two groups": lambda: nc.edge_test(_connectome(3), _connectome(2), nc.EdgeTest(test="welch")),
    "connectome_of_runs": lambda: nc.connectome_of_runs([run(0), run(1)], regions()),
}
