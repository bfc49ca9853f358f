"""The masks of several runs and what they have in common, equal to nilearn's."""

import numpy as np
import pytest

from napari_connectome import Grid, Run, Volume
from napari_connectome.analyses.group_mask import common_mask, mask_of
from napari_connectome.core.errors import InputError

GRID = Grid((14, 16, 12), np.diag([4.0, 4.0, 4.0, 1.0]))


def _run(i, flat=False):
    rng = np.random.default_rng(i)
    z, y, x = np.ogrid[-1:1:14j, -1:1:16j, -1:1:12j]
    brain = (z - 0.05 * i) ** 2 + y**2 + (x + 0.04 * i) ** 2 < 0.6
    brain |= (abs(z - 0.8) < 0.1) & (abs(y) < 0.1) & (abs(x) < 0.15)  # a piece apart
    surround = 0 if flat else 30 * rng.random((6, *GRID.shape))
    return Run(np.where(brain, 700 + 100 * rng.standard_normal((6, *GRID.shape)), surround), GRID, 2.0, name=f"sub-{i}")


def _image(run):
    nib = pytest.importorskip("nibabel")
    return nib.Nifti1Image(run.data.T, run.grid.affine)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("method", ["epi", "background"])
def test_equal_to_nilearn(method, n):
    masking = pytest.importorskip("nilearn.masking")
    runs = [_run(i, flat=method == "background") for i in range(n)]
    compute = masking.compute_multi_epi_mask if method == "epi" else masking.compute_multi_background_mask
    theirs = compute([_image(run) for run in runs]).get_fdata().T > 0
    ours = common_mask([mask_of(run, method) for run in runs])
    assert ours.data.dtype == bool
    assert ours.grid is GRID
    np.testing.assert_array_equal(ours.data, theirs)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("connected", [False, True])
def test_thresholds_equal_nilearn(threshold, connected):
    masking = pytest.importorskip("nilearn.masking")
    nib = pytest.importorskip("nibabel")
    rng = np.random.default_rng(1)
    base = rng.random(GRID.shape) < 0.7
    masks = [base & (rng.random(GRID.shape) < 0.9) for _ in range(4)]
    images = [nib.Nifti1Image(mask.T.astype("u1"), GRID.affine) for mask in masks]
    theirs = masking.intersect_masks(images, threshold=threshold, connected=connected).get_fdata().T > 0
    ours = common_mask([Volume(mask, GRID) for mask in masks], threshold, connected)
    np.testing.assert_array_equal(ours.data, theirs)


def test_a_mean_image_has_the_mask_of_its_run():
    run = _run(2)
    mean = Volume(run.data.mean(axis=0), GRID)
    np.testing.assert_array_equal(mask_of(mean).data, mask_of(run).data)


def test_what_gives_no_mask_is_told():
    apart = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
    apart[0][:5], apart[1][9:] = True, True
    other = Volume(np.ones((3, 3, 3), bool), Grid((3, 3, 3), np.eye(4)), name="small")
    for call, says in [
        (lambda: common_mask([]), "there is no mask to join"),
        (lambda: common_mask([Volume(mask, GRID) for mask in apart]), "the common mask is empty"),
        (lambda: common_mask([Volume(apart[0], GRID, name="large"), other]), "small is on a 3×3×3 grid and large on 12×16×14"),
        (lambda: common_mask([Volume(apart[0], GRID)], 1.5), "must lie between 0 and 1"),
        (lambda: mask_of(_run(1), "auto"), "must be one of epi, background"),
        (
            lambda: mask_of(_run(1).replace(data=np.zeros((6, *GRID.shape)))),
            "sub-1 shows no brain, since all its voxels have the value 0",
        ),
        (lambda: mask_of(_run(1).replace(data=np.ones((6, *GRID.shape))), "background"), "sub-1 shows no brain"),
        (lambda: mask_of(_run(1).replace(data=np.full((6, *GRID.shape), np.nan))), "sub-1 .* all its voxels have no value"),
    ]:
        with pytest.raises(InputError, match=says):
            call()
