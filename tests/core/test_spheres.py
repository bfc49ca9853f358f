import numpy as np
import pandas as pd
import pytest

from napari_connectome.core.grid import Grid
from napari_connectome.core.spheres import Spheres

GRID = Grid((20, 24, 22), [[3, 0, 0, -30], [0, 3, 0, -36], [0, 0, 3, -30], [0, 0, 0, 1]])
TILT = np.array([[0.9, -0.3, 0.1], [0.3, 0.95, 0.0], [-0.1, 0.05, 1.0]]) @ np.diag([3.0, 2.5, 4.0])
OBLIQUE = Grid((15, 20, 20), np.vstack([np.column_stack([TILT, [-25, -30, -25]]), [0, 0, 0, 1]]))


def table(rng, n):
    frame = pd.DataFrame(rng.uniform(-32, 32, (n, 3)), columns=["x", "y", "z"])
    return frame.assign(radius=rng.choice([0, 2, 6, 9, 15], n))


@pytest.mark.parametrize("grid", [GRID, OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize("seed", range(5))
def test_moving_one_equals_drawing_all_anew(grid, seed):
    rng = np.random.default_rng(seed)
    frame = table(rng, 8)
    mask = rng.random(grid.shape) < 0.7
    spheres = Spheres(frame, grid, mask)
    for _ in range(30):
        row = int(rng.integers(len(frame)))
        centre, radius = rng.uniform(-40, 40, 3), float(rng.choice([0, 3, 8, 14]))
        frame.loc[row, ["x", "y", "z"]] = centre
        frame.loc[row, "radius"] = radius
        spheres.move(row, centre, radius)
        fresh = Spheres(frame, grid, mask)
        np.testing.assert_array_equal(spheres.labels, fresh.labels)
        np.testing.assert_array_equal(spheres.counts, fresh.counts)
        assert spheres.overlaps == fresh.overlaps


def test_every_sphere_is_what_the_grid_says_and_overlaps_are_shared_voxels():
    rng = np.random.default_rng(1)
    frame = table(rng, 10)
    spheres = Spheres(frame, GRID)
    whole = [GRID.sphere(frame.loc[row, ["x", "y", "z"]], frame.radius[row]) for row in range(10)]
    for row, sphere in enumerate(whole):
        np.testing.assert_array_equal(np.flatnonzero(sphere), spheres.voxels[row])
        later = np.any(whole[row + 1 :], axis=0) if row < 9 else np.zeros(GRID.shape, bool)
        np.testing.assert_array_equal(spheres.labels == row + 1, sphere & ~later)
        for other in range(row):
            assert spheres.overlaps.get((other, row), 0) == (sphere & whole[other]).sum()


def test_a_seed_in_the_wrong_place_says_so():
    mask = np.zeros(GRID.shape, bool)
    mask[:, :, :11] = True  # x up to 0 mm
    rows = [(-15, 0, 0, 6), (15, 0, 0, 6), (0, 0, 0, 6), (0, 0, 300, 6), (np.nan, 0, 0, 6), (-12, 0, 0, 3)]
    spheres = Spheres(pd.DataFrame(rows, columns=["x", "y", "z", "radius"]), GRID, mask)
    inside, total = (GRID.sphere((0, 0, 0), 6) & mask).sum(), GRID.sphere((0, 0, 0), 6).sum()
    assert spheres.troubles() == [
        "",
        "no voxel in the brain mask",
        f"{inside} of {total} voxels in the brain",
        "outside the grid",
        "no position",
        "",
    ]
    shared = (GRID.sphere((-15, 0, 0), 6) & GRID.sphere((-12, 0, 0), 3)).sum()
    said = [f"overlaps f in {shared} voxels", "", "", "", "", f"overlaps a in {shared} voxels"]
    assert spheres.shared(list("abcdef")) == said


def test_no_spheres_is_an_empty_picture():
    spheres = Spheres(pd.DataFrame(columns=["x", "y", "z", "radius"], dtype=float), GRID)
    assert len(spheres) == 0
    assert not spheres.labels.any()
    assert spheres.troubles() == spheres.shared([]) == []
