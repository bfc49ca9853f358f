"""A grid's coordinates and spheres."""

import nibabel as nib
import numpy as np
import pytest
from nilearn.maskers import NiftiSpheresMasker

from napari_connectome import Grid
from napari_connectome.core.errors import InputError

MNI3 = np.array([[3.0, 0, 0, -78], [0, 3, 0, -112], [0, 0, 3, -50], [0, 0, 0, 1]])
ANISOTROPIC = np.diag([2.0, 3.1, 4.5, 1.0])
OBLIQUE = np.array([[2.9, 0.4, -0.3, -70], [-0.35, 2.9, 0.5, -100], [0.4, -0.45, 2.95, -40], [0, 0, 0, 1]])


@pytest.mark.parametrize("affine", [MNI3, ANISOTROPIC, OBLIQUE])
def test_mm_and_voxels_are_inverse(affine):
    grid = Grid((7, 8, 9), affine)
    ijk = np.random.default_rng(0).uniform(-5, 15, (50, 3))
    np.testing.assert_allclose(grid.to_voxel(grid.to_mm(ijk)), ijk, atol=1e-10)
    np.testing.assert_allclose(grid.to_mm(ijk), nib.affines.apply_affine(affine, ijk), atol=1e-10)


@pytest.mark.parametrize("affine", [MNI3, ANISOTROPIC, OBLIQUE])
@pytest.mark.parametrize("radius", [0.0, 1.0, 3.0, 6.0, 8.0, 13.7])
def test_spheres_are_nilearn_s(affine, radius):
    """Numbering the voxels and asking nilearn for the mean of indicator images shows which voxels it takes."""
    grid = Grid((11, 12, 13), affine)
    rng = np.random.default_rng(int(radius * 10))
    for _ in range(5):
        centre = grid.to_mm(rng.uniform(0, [12, 11, 10]))
        ours = grid.sphere(centre, radius)
        data = rng.standard_normal((13, 12, 11, 5))
        masker = NiftiSpheresMasker([tuple(centre)], radius=radius or None, standardize=None)
        theirs = masker.fit_transform(nib.Nifti1Image(data, affine))[:, 0]
        np.testing.assert_allclose(data[ours.T].mean(axis=0), theirs, atol=1e-12)


def test_a_sphere_off_the_grid_is_empty_and_a_tiny_one_is_one_voxel():
    grid = Grid((7, 8, 9), MNI3)
    assert len(grid.sphere_voxels((500, 0, 0), 8)) == 0
    assert len(grid.sphere_voxels(grid.to_mm((4.3, 3.2, 2.1)), 0.01)) == 1


def test_grids_that_differ_are_named_with_their_sizes():
    with pytest.raises(InputError, match=r"the labels is on a 9×8×7 grid and the run on 9×8×6"):
        Grid((6, 8, 9), MNI3).require(Grid((7, 8, 9), MNI3), "the run", "the labels")
    moved = MNI3.copy()
    moved[0, 3] += 3
    with pytest.raises(InputError, match=r"up to 3\.00 mm apart"):
        Grid((7, 8, 9), MNI3).require(Grid((7, 8, 9), moved), "the run", "the labels")


@pytest.mark.parametrize("centre", [(np.nan, 0, 0), (0, 0), (np.inf, 1, 1), "x", None, ("a", 1, 2)])
def test_a_sphere_needs_three_numbers(centre):
    with pytest.raises(InputError):
        Grid((7, 8, 9), MNI3).sphere_voxels(centre, 8)


def test_obliqueness_is_the_largest_angle():
    assert Grid((2, 2, 2), MNI3).obliqueness == 0
    turn = np.deg2rad(9.3)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    assert Grid((2, 2, 2), affine).obliqueness == pytest.approx(9.3)
