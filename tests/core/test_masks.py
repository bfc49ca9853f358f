"""Background and EPI masks: the same voxels as nilearn's."""

import warnings

import numpy as np
import pytest
from nibabel import Nifti1Image
from nilearn import masking

from napari_connectome.core.errors import InputError
from napari_connectome.core.masks import background_mask, epi_mask, inside_of, mean_volume, tidy


def image(data):
    """The run (t, z, y, x) or volume (z, y, x) as nilearn wants it: x first."""
    return Nifti1Image(np.ascontiguousarray(data.T), np.eye(4))


def theirs(compute, data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compute(image(data), **options).get_fdata().T > 0


def head(seed, shape=(14, 18, 16), noise=0.0, background=0.0, dtype=np.float64, n=5):
    """A bright ball with some smaller ones, several of one size, in a constant or noisy surround."""
    rng = np.random.default_rng(seed)
    where = np.indices(shape).transpose(1, 2, 3, 0)
    volume = np.full(shape, background, dtype=np.float64)
    for centre, radius in [(np.array(shape) / 2, min(shape) / 3), *((rng.uniform(0, shape), 1.5) for _ in range(6))]:
        volume[((where - centre) ** 2).sum(axis=-1) < radius**2] = 800 + 100 * rng.random()
    run = volume + noise * rng.standard_normal((n, *shape)) + 5 * rng.standard_normal((n, *shape)) * (volume > 500)
    return run.astype(dtype)


def cases():
    for seed in range(4):
        yield f"masked {seed}", head(seed)
        yield f"noisy {seed}", head(seed, noise=20.0)
    yield "constant surround", head(4, background=0.1)
    yield "int16", head(5, background=7, dtype=np.int16)
    yield "big-endian", head(6, noise=9, dtype=np.dtype(">i2"))
    yield "one volume", head(7, noise=20.0)[0]
    yield "one slice", head(8, shape=(1, 20, 40), noise=20.0)
    yield "thin", head(9, shape=(3, 20, 30))
    nan = head(10)
    nan[:, nan[0] == 0] = np.nan
    yield "NaN around", nan
    holes = head(11, noise=20.0)
    holes[2, 5, 5:8, 5:8] = np.nan
    holes[1, 7, 7, 7] = np.inf
    yield "holes", holes
    ties = np.zeros((12, 12, 12))
    ties[1:3, 1:3, 8:10] = ties[8:10, 1:3, 1:3] = ties[4:6, 8:10, 4:6] = 1
    yield "pieces of one size", ties
    yield "empty", np.zeros((6, 6, 6))


CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "options", [{}, {"connected": True}, {"opening": 1}, {"border": 1, "connected": True, "opening": 2}], ids=str
)
def test_background_mask_is_nilearns(name, options):
    data = CASES[name]
    for_nilearn = {("border_size" if key == "border" else key): value for key, value in options.items()}
    mask = background_mask(data, **options)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, theirs(masking.compute_background_mask, data, **for_nilearn))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"connected": False},
        {"opening": 0},
        {"opening": 1},
        {"exclude_zeros": True, "lower_cutoff": 0.1, "upper_cutoff": 0.9},
    ],
    ids=str,
)
def test_epi_mask_is_nilearns(name, options):
    data = CASES[name]
    if name == "empty" and options.get("exclude_zeros"):
        pytest.skip("nilearn fails where no voxel is left; ours is empty")
    for_nilearn = {key: value or False for key, value in options.items()}
    np.testing.assert_array_equal(epi_mask(data, **options), theirs(masking.compute_epi_mask, data, **for_nilearn))


def test_nothing_but_zeros_gives_an_empty_mask():
    assert not epi_mask(np.zeros((2, 6, 6, 6)), exclude_zeros=True).any()


def test_mean_volume_is_exact_for_integers_and_leaves_the_run_alone():
    run = np.random.default_rng(0).integers(-30000, 30000, size=(700, 3, 4, 5)).astype(np.int16)
    before = run.copy()
    np.testing.assert_array_equal(mean_volume(run), run.astype(np.float64).mean(axis=0))
    np.testing.assert_array_equal(run, before)
    steps = []
    mean_volume(run, lambda fraction, doing: steps.append((fraction, doing)))
    assert steps[0] == (0.0, "averaging the volumes")


def test_tidy_without_options_changes_nothing():
    mask = np.random.default_rng(0).random((6, 7, 8)) > 0.5
    np.testing.assert_array_equal(tidy(mask, opening=0, connected=False), mask)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint8, np.float32, np.float64, bool])
def test_inside_a_mask_is_above_zero(kind):
    image = np.array([-1, 0, 1, 3]).astype(kind) if np.dtype(kind).kind in "if" else np.array([0, 0, 1, 3]).astype(kind)
    inside = inside_of(image, "the mask")
    assert inside.dtype == bool
    assert inside.tolist() == [False, False, True, True]


def test_what_is_missing_is_outside_a_mask_and_fractions_are_refused():
    assert inside_of(np.array([np.nan, -np.inf, np.inf, 0.5]) * 2, "the mask").tolist() == [False, False, True, True]
    for map_ in ([0, 0.2, 0.7], [-0.4, 0, 0.4]):
        with pytest.raises(InputError, match="threshold it first"):
            inside_of(np.array(map_), "the mask")
