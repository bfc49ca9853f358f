"""Growing a seed into what correlates with it: against adding voxel by voxel, and the laws."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from napari_connectome.analyses import growth
from napari_connectome.analyses.growth import Growth, grow
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid

RANK = {6: 1, 18: 2, 26: 3}
SHAPES = [(9, 12, 11), (1, 20, 21), (14, 6, 1)]


def case(seed, shape):
    rng = np.random.default_rng(seed)
    r = ndimage.gaussian_filter(rng.standard_normal(shape), rng.choice([0.6, 1.5]))
    r = np.clip(r / np.abs(r).max(), -1, 1)
    if seed % 3 == 0:
        r = np.round(r, 1)  # ties
    if seed % 4 == 1:
        r[rng.random(shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf])
    start = np.zeros(shape, dtype=bool)
    for _ in range(1 + seed % 3):
        start[tuple(rng.integers(0, shape))] = True
    return r, start, Grid(shape, np.diag([2.0, 3, 2.5, 1]))


def by_definition(r, seed, grid, params):
    """One voxel after another, the highest that touches; nothing clever."""
    k, j, i = np.indices(seed.shape)
    mm = grid.to_mm(np.stack([i, j, k], axis=-1))
    far = np.min([np.linalg.norm(mm - mm[tuple(v)], axis=-1) for v in np.argwhere(seed)], axis=0)
    may = np.isfinite(r) & (r >= params.r) & (far <= params.max_distance + 1e-6)
    grown, structure = seed.copy(), ndimage.generate_binary_structure(3, RANK[params.connectivity])
    room = math.inf if math.isinf(params.max_size) else int(params.max_size / grid.voxel_volume + 1e-6)
    while grown.sum() < room:
        rim = ndimage.binary_dilation(grown, structure) & may & ~grown
        if not rim.any():
            break
        grown.flat[np.where(rim, r, -np.inf).argmax()] = True
    return grown


@pytest.mark.parametrize("few", [0, 3, 400])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_grows_as_if_voxel_by_voxel(shape, few, monkeypatch):
    monkeypatch.setattr(growth, "_FEW", few)
    for seed in range(14):
        r, start, grid = case(seed, shape)
        rng = np.random.default_rng(seed)
        params = Growth(
            r=float(rng.choice([-1.0, 0.0, 0.3])),
            max_size=float(rng.choice([math.inf, 0, 15 * rng.integers(2, 60)])),
            max_distance=float(rng.choice([math.inf, 0, 4.0, 9.0])),
            connectivity=int(rng.choice([6, 18, 26])),
        )
        before = r.copy(), start.copy()
        grown = grow(r, start, grid, params)
        assert grown.dtype == bool
        np.testing.assert_array_equal(grown, by_definition(r, start, grid, params))
        np.testing.assert_array_equal(r, before[0])
        np.testing.assert_array_equal(start, before[1])


def test_what_is_allowed_more_holds_what_was_allowed_less():
    for seed in range(8):
        r, start, grid = case(seed, SHAPES[0])
        for name, values in [
            ("r", [0.8, 0.4, 0.2, 0.0, -1.0]),
            ("max_size", [0, 100, 700, 3000, math.inf]),
            ("max_distance", [0, 3, 5.5, 20, math.inf]),
        ]:
            grown = [grow(r, start, grid, Growth(r=0.0).replace(**{name: value})) for value in values]
            assert all((more >= less).all() for less, more in pairwise(grown))
            assert all((region >= start).all() for region in grown)
        largest = grow(r, start, grid, Growth(r=-1.0, max_size=450.0))
        assert start.sum() <= largest.sum() <= max(30, start.sum())


def test_distance_is_in_mm_on_an_oblique_grid():
    shape = (9, 9, 9)
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0] @ np.diag([2, 2, 3])
    grid, start = Grid(shape, affine), np.zeros(shape, dtype=bool)
    start[4, 4, 4] = True
    params = Growth(r=0.0, max_distance=6.0)
    np.testing.assert_array_equal(grow(np.ones(shape), start, grid, params), grid.sphere(grid.to_mm([4, 4, 4]), 6.0))


def test_refusals():
    r, start, grid = case(0, SHAPES[0])
    with pytest.raises(InputError, match="the seed has no voxel"):
        grow(r, np.zeros_like(start), grid)
    with pytest.raises(InputError, match=r"both must be \(9, 12, 11\)"):
        grow(r[1:], start, grid)
