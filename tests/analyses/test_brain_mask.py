"""The brain mask of a run: method, refusals, and nilearn's masks on real data."""

import numpy as np
import pytest

from napari_connectome.analyses.brain_mask import brain_mask
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Run

SHAPE = (14, 16, 15)


def run_of(volume, noise=0.0):
    rng = np.random.default_rng(0)
    data = volume + noise * rng.standard_normal((6, *SHAPE))
    return Run(data.astype(np.float32), Grid(SHAPE, np.diag([3, 3, 3, 1])), tr=2.0, name="rest")


@pytest.fixture
def ball():
    where = np.indices(SHAPE).transpose(1, 2, 3, 0) - np.array(SHAPE) / 2
    return (where**2).sum(axis=-1) < 25


def test_auto_takes_background_where_there_is_one(ball):
    masked = run_of(ball * 1000.0)
    for method in ("background", "auto"):
        mask = brain_mask(masked, method)
        np.testing.assert_array_equal(mask.data, ball)
        assert mask.data.dtype == bool
        assert mask.grid is masked.grid
    raw = run_of(ball * 1000.0, noise=30.0)
    np.testing.assert_array_equal(brain_mask(raw, "auto").data, brain_mask(raw, "epi").data)
    assert (brain_mask(raw, "auto").data & ball).sum() > 0.9 * ball.sum()


def test_one_sentence_where_there_is_no_brain(ball):
    with pytest.raises(InputError, match="background mask of rest is empty"):
        brain_mask(run_of(np.zeros(SHAPE)))
    with pytest.raises(InputError, match="use the epi mask or, where that fails too, give a mask image"):
        brain_mask(run_of(ball * 1000.0, noise=30.0))
    with pytest.raises(InputError, match="'otsu' and must be one of background, epi, auto"):
        brain_mask(run_of(ball * 1000.0), "otsu")


def test_can_be_cancelled(ball):
    def stop(fraction, doing):
        raise Cancelled

    with pytest.raises(Cancelled):
        brain_mask(run_of(ball * 1000.0), progress=stop)


@pytest.mark.parametrize(
    ("name", "auto"),
    [
        ("task_faces_mni/sub-01_task-faces_space-MNI_bold.nii.gz", "background"),
        ("rest_group/rtswa_11G_1G11.nii.gz", "epi"),  # A third of its border is signal: the background mask is the whole head.
    ],
)
def test_real_runs_have_nilearns_masks(real_data, name, auto):
    nib = pytest.importorskip("nibabel")
    from nilearn import masking

    image = nib.as_closest_canonical(nib.load(real_data / name))
    data = np.asarray(image.dataobj).T
    run = Run(data, Grid(data.shape[1:], image.affine), tr=2.0)
    background = masking.compute_background_mask(image).get_fdata().T > 0
    epi = masking.compute_epi_mask(image).get_fdata().T > 0
    np.testing.assert_array_equal(brain_mask(run).data, background)
    np.testing.assert_array_equal(brain_mask(run, "epi").data, epi)
    np.testing.assert_array_equal(brain_mask(run, "auto").data, {"background": background, "epi": epi}[auto])
