"""A brain's surface is around what is inside, where it is in mm, whatever the grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_connectome.core.brain_mesh import CLOSING, STEP, brain_mesh
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid

TILT = np.array([[0.98, -0.17, 0.1], [0.17, 0.98, 0.05], [-0.1, -0.05, 0.99]])


@st.composite
def grids(draw):
    """Grids some 130 mm wide around the origin, of voxels of 2 to 7 mm, straight or tilted."""
    size = np.array([draw(st.sampled_from([2.0, 3.0, 3.5, 4.0, 7.0])) for _ in range(3)])
    axes = (TILT if draw(st.booleans()) else np.eye(3)) @ np.diag(size)
    shape = np.ceil(130 / size).astype(int)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, -axes @ ((shape - 1) / 2)
    return Grid(tuple(int(n) for n in shape[::-1]), affine)


def distance(grid):
    """Of each voxel from the origin, mm."""
    z, y, x = np.indices(grid.shape)
    return np.linalg.norm(grid.to_mm(np.stack([x, y, z], axis=-1)), axis=-1)


def volume(vertices, faces):
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return abs(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def is_closed(faces):
    sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return np.all(np.unique(sides, axis=0, return_counts=True)[1] == 2)


@given(grids(), st.floats(30, 55), st.booleans())
def test_the_surface_of_a_ball_is_a_sphere_in_mm_and_a_hollow_one_is_filled(grid, radius, hollow):
    far = distance(grid)
    vertices, faces = brain_mesh((far <= radius) & (far > (radius - 14 if hollow else -1)), grid)
    worst = max(max(grid.voxel_size), STEP)
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), radius, atol=worst)
    assert volume(vertices, faces) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.15)
    assert is_closed(faces)


@given(grids(), st.integers(0, 10_000))
def test_any_voxel_alone_has_a_surface_around_it(grid, seed):
    inside = np.zeros(grid.shape, np.uint8)
    where = tuple(np.random.default_rng(seed).integers(0, grid.shape))
    inside[where] = 7
    vertices, faces = brain_mesh(inside, grid)
    centre = grid.to_mm(where[::-1])
    assert np.all(np.linalg.norm(vertices - centre, axis=1) < 3 * max(grid.voxel_size) + CLOSING)
    assert np.all(vertices.min(axis=0) < centre)
    assert np.all(vertices.max(axis=0) > centre)
    assert is_closed(faces)


def test_nothing_inside_is_one_sentence_and_nan_is_outside():
    grid = Grid((20, 20, 20), np.diag([4.0, 4, 4, 1]))
    for empty in (np.zeros(grid.shape), np.full(grid.shape, np.nan)):
        with pytest.raises(InputError, match="nothing is inside"):
            brain_mesh(empty, grid)
    ball = (distance(Grid(grid.shape, [[4, 0, 0, -38], [0, 4, 0, -38], [0, 0, 4, -38], [0, 0, 0, 1]])) < 30).astype(float)
    np.testing.assert_array_equal(brain_mesh(ball, grid)[0], brain_mesh(np.where(ball == 0, np.nan, ball), grid)[0])
