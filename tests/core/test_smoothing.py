"""Smoothing equals nilearn's, and is the linear operator it is said to be."""

import nibabel as nib
import numpy as np
import pytest
from nilearn.image import smooth_img
from scipy.ndimage import gaussian_filter1d

from napari_connectome import Grid, Maps, Run, Volume, smooth
from napari_connectome.core.errors import InputError
from napari_connectome.core.smoothing import axis_matrix, smooth_array

AFFINES = {
    "isotropic": np.diag([3.0, 3.0, 3.0, 1.0]),
    "anisotropic": np.diag([2.0, 3.1, 4.5, 1.0]),
    "oblique": np.array([[2.9, 0.4, -0.3, -70], [-0.35, 2.9, 0.5, -100], [0.4, -0.45, 2.95, -40], [0, 0, 0, 1]]),
}


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("fwhm", [0.0, 0.5, 4.0, 6.0, 12.0, 40.0])
@pytest.mark.parametrize(("kind", "tolerance"), [("f8", 1e-14), ("f4", 1e-6), ("i2", 1e-6)])
def test_smoothing_is_nilearn_s(affine, fwhm, kind, tolerance):
    volume = (np.random.default_rng(1).standard_normal((9, 11, 8)) * 100 + 500).astype(kind)
    grid = Grid(volume.shape, affine)
    ours = smooth(Volume(volume, grid), fwhm).data
    theirs = smooth_img(nib.Nifti1Image(volume.T.astype("f8"), affine), fwhm or None).get_fdata().T
    assert ours.dtype == (np.float64 if kind == "f8" else np.float32)
    assert np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


@pytest.mark.parametrize("n", [1, 2, 5, 40])
@pytest.mark.parametrize("fwhm", [1.0, 6.0, 30.0])
def test_the_matrix_is_the_filter_symmetric_with_sums_of_one(n, fwhm):
    matrix = axis_matrix(n, fwhm, 2.0)
    sigma = fwhm / np.sqrt(8 * np.log(2)) / 2.0
    np.testing.assert_allclose(matrix, gaussian_filter1d(np.eye(n), sigma, axis=0, mode="reflect"), atol=1e-15)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-15)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-14)


def test_what_is_not_finite_counts_as_zero():
    volume = np.ones((5, 5, 5))
    broken = volume.copy()
    broken[2, 2, 2], broken[0, 0, 0] = np.nan, np.inf
    volume[2, 2, 2] = volume[0, 0, 0] = 0
    np.testing.assert_array_equal(smooth_array(broken, 6.0, (2, 2, 2)), smooth_array(volume, 6.0, (2, 2, 2)))


def test_runs_and_maps_keep_their_type_grid_and_source():
    rng = np.random.default_rng(2)
    data = rng.standard_normal((3, 5, 6, 7)).astype("f4")
    before = data.copy()
    grid = Grid((5, 6, 7), np.diag([2.0, 2.0, 2.0, 1.0]))
    run, maps = smooth(Run(data, grid, 2.0), 5.0), smooth(Maps(data, grid, ["a", "b", "c"]), 5.0)
    assert isinstance(run, Run)
    assert run.tr == 2.0
    assert run.grid is grid
    assert maps.names == ("a", "b", "c")
    np.testing.assert_array_equal(run.data, maps.data)
    np.testing.assert_array_equal(data, before)
    np.testing.assert_allclose(run.data[1], smooth(Volume(data[1], grid), 5.0).data, atol=1e-6)


@pytest.mark.parametrize("fwhm", [-1.0, np.nan, np.inf])
def test_a_width_must_be_a_number(fwhm):
    with pytest.raises(InputError, match="smoothing width"):
        smooth_array(np.ones((3, 3, 3)), fwhm, (2, 2, 2))
