"""Thresholds: nilearn's voxels, scipy's false discovery control, and the laws."""

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
from nibabel import Nifti1Image
from nilearn.glm import threshold_stats_img
from nilearn.image import threshold_img
from scipy import ndimage, stats

from napari_connectome.analyses.threshold import Threshold, Thresholder, threshold
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.values import Volume

SHAPES = [(9, 11, 10), (1, 20, 40), (6, 6, 6)]
DTYPES = [np.float32, np.float64, np.int16]


def case(seed):
    """A smooth map of both signs in a surround of 0, a mask and the type of its values."""
    rng = np.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    data = ndimage.gaussian_filter(rng.standard_normal(shape), rng.choice([0, 0.7, 1.2]))
    data *= rng.choice([1.0, 2.5, 4.0]) / data.std()
    brain = ndimage.binary_erosion(np.ones(shape[1:]), iterations=2)[None] & (rng.random(shape) < 0.97)
    data[~brain] = 0
    dtype = DTYPES[seed // 2 % len(DTYPES)]
    data = (10 * data).astype(dtype) if dtype == np.int16 else data.astype(dtype)
    if seed % 5 == 4 and data.dtype.kind == "f":
        data[rng.random(shape) < 0.05] = rng.choice([np.nan, np.inf, -np.inf])
    mask = ndimage.gaussian_filter(rng.random(shape), 1.0) > 0.45
    return Volume(data, Grid(shape, np.diag([2.0, 2, 3, 1])), "map"), Volume(mask, Grid(shape, np.diag([2.0, 2, 3, 1]))), rng


def image(volume):
    data = volume.data.astype(np.uint8) if volume.data.dtype == bool else volume.data
    return Nifti1Image(data.T, volume.grid.affine)


def theirs(compute, volume, mask, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compute(image(volume), mask_img=None if mask is None else image(mask), **options)


def same_voxels(ours, their_image):
    np.testing.assert_array_equal(ours.data, np.asarray(their_image.dataobj).T)


@pytest.mark.parametrize("seed", range(18))
def test_value_and_percentile_are_nilearns(seed):
    volume, mask, rng = case(seed)
    for inside in (None, mask):
        for two_sided in (True, False):
            for size in (0, 1, 2, 7):
                value = float(rng.choice([0.0, 0.7, 2.5, 3, 25, -1.5 if not two_sided else 1.0]))
                params = Threshold(value=value, two_sided=two_sided, cluster_size=size)
                expected = theirs(
                    threshold_img, volume, inside, threshold=value, two_sided=two_sided, cluster_threshold=size, copy=True
                )
                same_voxels(threshold(volume, params, inside), expected)
                percent = float(rng.choice([0, 50, 87.3, 99, 100]))
                params = Threshold(method="percentile", percentile=percent, two_sided=two_sided, cluster_size=size)
                expected = theirs(
                    threshold_img, volume, inside, threshold=f"{percent}%", two_sided=two_sided, cluster_threshold=size
                )
                same_voxels(threshold(volume, params, inside), expected)


@pytest.mark.parametrize("seed", range(18))
def test_tests_of_z_are_nilearns(seed):
    volume, mask, rng = case(seed)
    for inside in (None, mask):
        thresholder = Thresholder(volume, inside)
        for two_sided in (True, False):
            for method in ("fpr", "fdr", "bonferroni"):
                alpha, size = float(rng.choice([0.001, 0.05, 0.2, 0.5])), int(rng.choice([0, 3]))
                params = Threshold(method=method, alpha=alpha, two_sided=two_sided, cluster_size=size)
                expected, height = theirs(
                    threshold_stats_img,
                    volume,
                    inside,
                    alpha=alpha,
                    height_control=method,
                    two_sided=two_sided,
                    cluster_threshold=size,
                )
                same_voxels(threshold(volume, params, inside), expected)
                assert thresholder.height(params) == height
                np.testing.assert_array_equal(thresholder.mask(params), threshold(volume, params, inside).data != 0)


def t_test(seed, n=9):
    """A t-test of two conditions with an effect in a part; NaN where nothing varies."""
    rng = np.random.default_rng([3, seed])
    shape = SHAPES[seed % len(SHAPES)]
    a, b = rng.standard_normal((2, n, *shape))
    a[:, :, : shape[1] // 3] += rng.choice([0.5, 2.0, -2.0])
    outside = ~ndimage.binary_erosion(np.ones(shape[1:]), iterations=2)[None] & np.ones(shape, dtype=bool)
    with np.errstate(invalid="ignore"):
        t, p = stats.ttest_ind(a * ~outside, b * ~outside, axis=0)
    grid = Grid(shape, np.eye(4))
    if seed % 2:
        t, p = np.nan_to_num(t), np.nan_to_num(p, nan=1.0)
    return Volume(t, grid, "t"), Volume(p, grid, "p"), outside


@pytest.mark.parametrize("seed", range(12))
def test_with_p_values_the_tests_are_those_of_the_voxels_that_vary(seed):
    t, p, outside = t_test(seed)
    finite = p.data[~outside]
    mask = Volume(ndimage.gaussian_filter(np.random.default_rng(seed).random(t.data.shape), 1.0) > 0.5, t.grid)
    for inside, tested in [(None, ~outside), (mask, mask.data & np.isfinite(p.data))]:
        thresholder = Thresholder(t, inside, p)
        n = int(tested.sum())
        assert inside is not None or n == len(finite)
        for alpha in (0.001, 0.05, 0.3):
            discoveries = np.zeros(t.data.shape)
            discoveries[tested] = 1 - stats.false_discovery_control(p.data[tested])
            expected = {"fpr": p.data <= alpha, "bonferroni": p.data <= alpha / n, "fdr": discoveries >= 1 - alpha}
            for method, kept in expected.items():
                kept = kept & tested & (np.nan_to_num(t.data) != 0)
                params = Threshold(method=method, alpha=alpha)
                np.testing.assert_array_equal(thresholder.mask(params), kept)
                height = thresholder.height(params)
                assert height == (np.abs(t.data[kept]).min() if kept.any() else math.inf)
                if kept.any():  # p goes by t alone here, so that the height says it all
                    np.testing.assert_array_equal(thresholder.mask(Threshold(value=height)), kept)


@pytest.mark.parametrize("seed", range(6))
def test_one_side_of_p_values_is_the_test_of_that_direction(seed):
    t, p, outside = t_test(seed)
    tested = ~outside
    one_sided = np.where(t.data > 0, p.data / 2, 1 - p.data / 2)
    thresholder = Thresholder(t, None, p)
    for alpha in (0.01, 0.1, 0.5):
        adjusted = np.ones(t.data.shape)
        adjusted[tested] = stats.false_discovery_control(one_sided[tested])
        expected = {"fpr": one_sided <= alpha, "bonferroni": one_sided <= alpha / tested.sum(), "fdr": adjusted <= alpha}
        for method, kept in expected.items():
            mask = thresholder.mask(Threshold(method=method, alpha=alpha, two_sided=False))
            np.testing.assert_array_equal(mask, kept & tested & (np.nan_to_num(t.data) > 0))


@pytest.mark.parametrize("method", ["fpr", "fdr", "bonferroni"])
def test_f_has_no_direction_and_its_p_is_not_halved(method):
    t, p, _ = t_test(0)
    f = Volume(t.data**2, t.grid, name="F")
    both, one = (threshold(f, Threshold(method=method, alpha=0.1, two_sided=sides), p=p).data != 0 for sides in (True, False))
    assert both.any()
    np.testing.assert_array_equal(one, both)
    right = Volume(t.data > 0, t.grid)  # t still has one where all values that are looked at are positive
    params = Threshold(method="fpr", alpha=0.1, two_sided=False)
    expected = (t.data > 0) & (p.data <= 0.2)
    np.testing.assert_array_equal(threshold(t, params, right, p).data != 0, expected)


def test_other_methods_do_not_look_at_p():
    t, p, _ = t_test(0)
    for params in (Threshold(value=2.0), Threshold(method="percentile", percentile=90.0, two_sided=False)):
        np.testing.assert_array_equal(threshold(t, params, p=p).data, threshold(t, params).data)


def test_clusters_may_be_joined_over_corners():
    data = np.zeros((4, 4, 4))
    data[0, 0, 0] = data[1, 1, 1] = data[2, 2, 2] = 6
    data[3, 3, 3] = -6
    volume = Volume(data, Grid(data.shape, np.eye(4)))
    for connectivity, n in [(6, 0), (18, 0), (26, 3)]:
        assert (threshold(volume, Threshold(cluster_size=3, connectivity=connectivity)).data != 0).sum() == n


@pytest.mark.parametrize("seed", range(6))
def test_laws(seed):
    volume, mask, _ = case(seed)
    before = volume.data.copy()
    for method, name, values in [
        ("value", "value", [0, 0.5, 2.0, 1e5]),
        ("percentile", "percentile", [0, 60, 95, 100]),
        *((method, "alpha", [0.5, 0.1, 0.001, 0.0]) for method in ("fpr", "fdr", "bonferroni")),
    ]:
        for two_sided in (True, False):
            params = Threshold(method=method, two_sided=two_sided)
            thresholder = Thresholder(volume, mask)
            masks = [thresholder.mask(params.replace(**{name: value})) for value in values]
            heights = [thresholder.height(params.replace(**{name: value})) for value in values]
            assert all((higher <= lower).all() for lower, higher in pairwise(masks))
            assert heights == sorted(heights)
            assert not (masks[0] & ~mask.data).any()
            kept = threshold(volume, params, mask)
            assert kept.data.dtype == volume.data.dtype
            assert kept.grid is volume.grid
            sides = np.nan_to_num(volume.data[masks[1]].astype(float)) > 0
            assert two_sided or sides.all()
    np.testing.assert_array_equal(volume.data, before)


def test_refusals():
    volume, mask, _ = case(0)
    elsewhere = Volume(mask.data, Grid(mask.grid.shape, np.diag([3.0, 2, 3, 1])), "the VT mask")
    with pytest.raises(InputError, match="resample the mask to map first"):
        threshold(volume, mask=elsewhere)
    with pytest.raises(InputError, match="resample the image of p values to map first"):
        threshold(volume, p=elsewhere)
    with pytest.raises(InputError, match="the mask is empty"):
        threshold(volume, mask=Volume(np.zeros(mask.grid.shape), mask.grid))
    with pytest.raises(InputError, match="is negative and two-sided"):
        threshold(volume, Threshold(value=-2.0))
    with pytest.raises(InputError, match="give p, not its logarithm"):
        threshold(volume, p=Volume(np.full(mask.grid.shape, 3.0), mask.grid, "log p"))
    with pytest.raises(InputError, match="nothing to test"):
        threshold(Volume(np.zeros(mask.grid.shape), mask.grid, "zeros"), Threshold(method="fdr"))
    negative = Volume(np.full(mask.grid.shape, -1.0), mask.grid)
    # nilearn keeps everything here, since no value is left to take the percentile of.
    assert not threshold(negative, Threshold(method="percentile", two_sided=False)).data.any()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "-log10 p ≥ 5"),
        ({"cluster_size": 1}, "-log10 p ≥ 5"),
        ({"cluster_size": 10}, "-log10 p ≥ 5, clusters of 10 voxels and more"),
        ({"value": -2.5, "two_sided": False}, "-log10 p ≤ -2.5"),
        ({"method": "percentile", "percentile": 99.5}, "percentile 99.5 of -log10 p (-log10 p ≥ 3.142)"),
        ({"method": "fpr", "alpha": 0.001}, "p ≤ 0.001 (-log10 p ≥ 3.142)"),
        ({"method": "fdr"}, "FDR q ≤ 0.05 (-log10 p ≥ 3.142)"),
        ({"method": "bonferroni"}, "Bonferroni p ≤ 0.05 (-log10 p ≥ 3.142)"),
    ],
)
def test_a_threshold_in_words(params, words):
    made = Threshold(**params)
    assert made.in_words("-log10 p", height=3.14159) == words
    assert made.in_words("-log10 p") == words.replace(" (-log10 p ≥ 3.142)", "")
