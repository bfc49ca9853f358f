"""Two grids share the voxels that lie at the same places."""

import numpy as np
import pytest

from napari_connectome import Grid
from napari_connectome.core.overlap import overlap

TURN = np.array([[0.98, -0.2, 0, 3], [0.2, 0.98, 0, -5], [0, 0, 1, 2], [0, 0, 0, 1]])


def _part(grid, start, shape):
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(start)
    return Grid(shape, affine)


@pytest.mark.parametrize("affine", [np.diag([2.0, 3.0, 4.0, 1.0]), TURN @ np.diag([2.0, 3.0, 4.0, 1.0])])
def test_shared_voxels_lie_at_the_same_places(affine):
    grid = Grid((6, 7, 8), affine)
    rng = np.random.default_rng(0)
    for _ in range(60):
        start, shape = rng.integers(-9, 10, 3), tuple(rng.integers(1, 12, 3))
        other = _part(grid, start, shape)
        shared = overlap(grid, other)
        ours, theirs = np.zeros(grid.shape, dtype=bool), np.zeros(other.shape, dtype=bool)
        ours[shared.first], theirs[shared.second] = True, True
        where = {tuple(mm) for mm in np.round(grid.to_mm(np.argwhere(ours)[:, ::-1]), 6) + 0.0}
        assert where == {tuple(mm) for mm in np.round(other.to_mm(np.argwhere(theirs)[:, ::-1]), 6) + 0.0}
        every = {tuple(ijk) for ijk in np.argwhere(np.ones(shape))[:, ::-1] + start}
        inside = {ijk for ijk in every if all(0 <= i < n for i, n in zip(ijk, grid.shape[::-1], strict=True))}
        assert ours.sum() == len(inside)
        assert shared.empty == (not inside)


def test_voxels_between_those_of_the_other_are_not_shared():
    grid = Grid((6, 7, 8), np.diag([2.0, 3.0, 4.0, 1.0]))
    assert overlap(grid, _part(grid, (0.5, 0, 0), (6, 7, 8))) is None
    assert overlap(grid, Grid((6, 7, 8), np.diag([4.0, 3.0, 4.0, 1.0]))) is None
    assert overlap(grid, Grid((6, 7, 8), TURN @ grid.affine)) is None
    assert overlap(grid, Grid((6, 7, 8), np.diag([2.0, 3.0, 4.0, 1.0]) + 1e-6)) is not None
