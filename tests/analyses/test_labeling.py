"""Regions from masks: nilearn's and scipy's chain, names, origins, laws and refusals."""

import warnings

import numpy as np
import pytest
from nibabel import Nifti1Image
from nilearn.image import smooth_img
from scipy import ndimage, stats

from napari_connectome.analyses.condition_test import ConditionTest, condition_test
from napari_connectome.analyses.labeling import Labeling, make_regions
from napari_connectome.analyses.threshold import Threshold, threshold
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid
from napari_connectome.core.origins import Origin, region_warnings
from napari_connectome.core.phantom import face_house
from napari_connectome.core.values import Regions, Run, Volume

RANK = {6: 1, 18: 2, 26: 3}
SHAPE = (9, 12, 11)
GRID = Grid(SHAPE, np.array([[2.0, 0, 0, -10], [0, 2, 0, -10], [0, 0, 3, 0], [0, 0, 0, 1]]))


def mask_of(seed, shape=SHAPE):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.0)
    return smooth > np.quantile(smooth, 0.85)


def scipys(mask, within, connectivity, dilate, min_voxels=0):
    """Regions (sets of voxels) by scipy; in the plane for one slice."""
    cube = ndimage.generate_binary_structure(3, RANK[connectivity])
    inside = mask & within
    if dilate:
        inside = ndimage.binary_dilation(inside, cube, iterations=dilate)
    labels, count = ndimage.label(inside, cube)
    regions = [np.flatnonzero(labels == i) for i in range(1, count + 1)]
    return sorted((r for r in regions if len(r) >= min_voxels), key=lambda r: (-len(r), r[0]))


def same_regions(regions, expected):
    assert regions.ids.tolist() == list(range(1, len(expected) + 1))
    for region, voxels in enumerate(expected, 1):
        np.testing.assert_array_equal(np.flatnonzero(regions.labels == region), voxels)


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("shape", [SHAPE, (1, 20, 40)], ids=str)
def test_regions_are_scipys_by_size(shape, connectivity):
    grid = Grid(shape, GRID.affine)
    for seed in range(6):
        mask, within, n = mask_of(seed, shape), mask_of(seed + 90, shape) | mask_of(seed + 99, shape), seed % 3
        params = Labeling(
            dilate=n, connectivity=connectivity, min_size=seed * grid.voxel_volume, within=Volume(within, grid, "VT")
        )
        regions = make_regions(Volume(mask, grid), params)
        same_regions(regions, scipys(mask, within, connectivity, n, seed))
        assert regions.table["name"].tolist() == [f"region {i}" for i in regions.ids]
        sizes = regions.table["size_mm3"].to_numpy()
        assert (np.diff(sizes) <= 0).all()
        assert (sizes >= params.min_size - 1e-9).all()
        assert regions.labels.dtype == np.uint8


def test_the_chain_of_nilearns_example_on_the_phantom():
    phantom = face_house(n_chunks=6)
    run, labels, within = phantom.run, phantom.labels["labels"].to_numpy(), phantom.ventral_temporal
    smoothed = smooth_img(Nifti1Image(run.data.T.astype(np.float64), run.grid.affine), 6.0).get_fdata().T
    regions, expected = both_ways(smoothed, labels, run.grid, within)
    same_regions(regions, expected)
    # Where faces and houses differ in truth there is a region.
    truth = phantom.regions.labels[regions.labels > 0]
    assert {"L FFA", "R FFA", "L PPA", "R PPA"} <= set(phantom.regions.table["name"][np.unique(truth[truth > 0])])


def both_ways(smoothed, labels, grid, within):
    """Face against house, 1e-5, in the mask, dilated: ours and scipy's; the test itself is scipy's in both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, p = stats.ttest_ind(smoothed[labels == "face"], smoothed[labels == "house"], axis=0)
        log_p = -np.log10(p)
    log_p[np.isnan(log_p)] = 0
    log_p = np.minimum(log_p, 10)
    kept = threshold(Volume(log_p, grid, "-log10 p"), Threshold(value=5.0))
    regions = make_regions(kept, Labeling(dilate=1, within=within))
    return regions, scipys(log_p >= 5, within.data > 0, 6, 1)


def test_the_chain_on_the_haxby_slice(real_data):
    nib = pytest.importorskip("nibabel")
    folder = real_data / "task_haxby_slice"
    image, mask = nib.load(folder / "bold.nii.gz"), nib.load(folder / "mask.nii.gz")
    labels = np.array([line.split()[0] for line in (folder / "attributes_literal.txt").read_text().splitlines() if line])
    labels = labels[-image.shape[3] :]
    grid = Grid(image.shape[2::-1], image.affine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smoothed = smooth_img(image, 6.0).get_fdata().T
    within = Volume(mask.get_fdata().T > 0, grid, "mask")
    regions, expected = both_ways(smoothed, labels, grid, within)
    assert len(expected) > 1
    same_regions(regions, expected)


def test_thresholded_maps_of_both_signs():
    data = np.zeros(SHAPE)
    data[4, 2:5, 3], data[4, 5:9, 3] = 6.5, -5.5  # side by side
    regions = make_regions(Volume(data, GRID), Labeling(dilate=0))
    assert [np.unique(data[regions.labels == i]).tolist() for i in regions.ids] == [[-5.5], [6.5]]
    grown = make_regions(Volume(data, GRID), Labeling(dilate=1))
    np.testing.assert_array_equal(grown.labels[regions.labels > 0], regions.labels[regions.labels > 0])
    with pytest.raises(InputError, match="threshold it first"):
        make_regions(Volume(np.random.default_rng(0).standard_normal((40, 50, 40)), Grid((40, 50, 40), np.eye(4)), "r"))
    assert make_regions(Volume(-mask_of(0).astype(float) + 2 * mask_of(1), GRID)).ids[0] == 1


def test_names_and_origins_are_passed_on():
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[1, 1, 0:3] = labels[1, 5, 0:2] = 4
    labels[6, 2, 1:9] = 7
    labels[8, 8, 8] = 9
    names = {4: "FFA", 7: "V1", 9: "region 9"}
    origin = Origin("run", "abc", "face > house")
    table = make_regions(Regions(labels, GRID)).table
    given = Regions(labels, GRID, table.reindex([4, 7, 9]).assign(name=list(names.values())), {4: (origin,)})
    regions = make_regions(given, Labeling(dilate=0))
    assert regions.table["name"].to_dict() == {1: "V1", 2: "FFA 1", 3: "FFA 2", 4: "region 4"}
    assert regions.origins == {2: (origin,), 3: (origin,)}
    halves = make_regions(given, Labeling(dilate=0, split_hemispheres=True))
    # x = 0 mm lies at index 5: of V1 the voxels 1 to 4 are left, 6 to 8 right, and 5 goes with the more.
    assert halves.table["name"].to_dict() == {1: "L V1", 2: "FFA 1", 3: "R V1", 4: "FFA 2", 5: "region 5"}
    assert halves.origins == {2: (origin,), 4: (origin,)}
    anonymous = make_regions(Regions((labels == 7) | (labels == 9), GRID), Labeling(dilate=0, split_hemispheres=True))
    assert anonymous.table["name"].to_dict() == {1: "L region 1", 2: "R region 2", 3: "region 3"}


def test_halves_in_several_parts_are_told_apart():
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[4, 2:9, 4] = 1  # A clamp around the midline: one part left of it, two right.
    labels[4, 2, 4:8] = labels[4, 8, 4:9] = 1
    table = make_regions(Regions(labels, GRID), Labeling(dilate=0)).table.assign(name="X")
    regions = make_regions(Regions(labels, GRID, table), Labeling(dilate=0, split_hemispheres=True))
    assert regions.table["name"].tolist() == ["L X", "R X 1", "R X 2"]
    big = Labeling(dilate=0, split_hemispheres=True, min_size=3 * GRID.voxel_volume)
    assert make_regions(Regions(labels, GRID, table), big).table["name"].tolist() == ["L X", "R X"]


def test_splitting_leaves_the_voxels_alone():
    for seed in range(5):
        mask = Volume(mask_of(seed), GRID)
        whole, halves = (make_regions(mask, Labeling(split_hemispheres=split)) for split in (False, True))
        np.testing.assert_array_equal(whole.labels > 0, halves.labels > 0)
        x = np.arange(SHAPE[2]) * 2 - 10
        for region in halves.ids:
            inside = halves.labels == region
            assert not (inside[..., x < 0].any() and inside[..., x > 0].any())
            assert ndimage.label(inside)[1] == 1
        assert (np.diff(halves.table["size_mm3"]) <= 0).all()


def test_many_regions_and_large_ids():
    shape = (20, 40, 41)
    dots = np.zeros(shape, dtype=bool)
    dots[::2, ::2, ::2] = True
    regions = make_regions(Volume(dots, Grid(shape, np.eye(4))), Labeling(dilate=0))
    assert len(regions.ids) == 10 * 20 * 21
    assert regions.labels.dtype == np.uint16
    np.testing.assert_array_equal(regions.labels[dots], np.arange(1, 4201))
    large = np.zeros(SHAPE, dtype=np.uint32)
    large[2, 2:4, 2:4], large[6, 6, 6] = 70000, 9170
    kept = make_regions(Regions(large, GRID), Labeling(dilate=0))
    assert kept.labels.dtype == np.uint8
    assert kept.table["name"].tolist() == ["region 1", "region 2"]


def test_inputs_are_left_alone_and_parameters_survive():
    mask, within = mask_of(0), mask_of(1)
    mask.setflags(write=False)
    within.setflags(write=False)
    params = Labeling(within=Volume(within | mask, GRID, "VT mask"), min_size=20.0, split_hemispheres=True)
    first, again = make_regions(Volume(mask, GRID), params), make_regions(Volume(mask, GRID), params)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert params.to_dict() == {
        "dilate": 1,
        "connectivity": 6,
        "min_size": 20.0,
        "within": "VT mask",
        "split_hemispheres": True,
    }
    assert Labeling.from_dict(Labeling(dilate=3).to_dict()) == Labeling(dilate=3)
    with pytest.raises(InputError, match="'VT mask' and must be a mask"):
        Labeling.from_dict(params.to_dict())


def test_refusals():
    mask = Volume(mask_of(0), GRID, "t > 5")
    with pytest.raises(InputError, match="t > 5 is empty"):
        make_regions(Volume(np.zeros(SHAPE), GRID, "t > 5"))
    with pytest.raises(InputError, match="the mask is empty"):
        make_regions(Regions(np.zeros(SHAPE, dtype=np.uint8), GRID))
    with pytest.raises(InputError, match="VT is on a 5×5×5 grid and t > 5 on 11×12×9: resample VT to t > 5 first"):
        make_regions(mask, Labeling(within=Volume(np.ones((5, 5, 5)), Grid((5, 5, 5), np.eye(4)), "VT")))
    with pytest.raises(InputError, match="no voxel of t > 5 lies within VT"):
        make_regions(mask, Labeling(within=Volume(~mask.data, GRID, "VT")))
    largest = make_regions(mask).table["size_mm3"].max()
    with pytest.raises(InputError, match=f"no region of 1e\\+06 mm³ or more was found, the largest has {largest:g} mm³"):
        make_regions(mask, Labeling(min_size=1e6))
    with pytest.raises(InputError, match="connectivity is 4"):
        Labeling(connectivity=4)


def test_regions_of_a_test_remember_it_without_further_ado():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((40, *SHAPE)) + 100
    data[:20, 2:5, 2:5, 6:9] += 5
    run = Run(data, GRID, 2.0, name="bold")
    test = condition_test(run, ["a"] * 20 + ["b"] * 20, ConditionTest(a="a", b="b", fwhm=0.0))
    assert test.t.origins == test.p.origins == test.log_p.origins == (test.origin,)
    assert test.mean.origins == ()
    said = {
        "a > b, -log10 p ≥ 5": threshold(test.log_p, Threshold(value=5.0)),
        "a > b, |t| ≥ 6, clusters of 9 voxels and more": threshold(test.t, Threshold(value=6.0, cluster_size=9)),
        "a > b, t ≥ 6": threshold(test.t, Threshold(value=6.0, two_sided=False)),
        "a > b, -log10 p ≥ 2, -log10 p ≥ 5": threshold(threshold(test.log_p, Threshold(value=2.0)), Threshold(value=5.0)),
    }
    for words, high in said.items():
        regions = make_regions(high, Labeling(split_hemispheres=True))
        assert [origin.how for origins in regions.origins.values() for origin in origins] == [words] * len(regions.ids)
        assert all(region_warnings(run, regions, ["a"]))
    by_p = threshold(test.t, Threshold(method="bonferroni"), p=test.p)
    assert by_p.origins[0].threshold.startswith("Bonferroni p ≤ 0.05 (|t| ≥ ")
    # What regions were cut with chose them, too.
    drawn = Origin("other", "abc", "house > face")
    cut = make_regions(Regions(np.ones(SHAPE), GRID, origins={1: (drawn,)}), Labeling(dilate=0, within=by_p))
    assert set(cut.origins.values()) == {(drawn, *by_p.origins)}
    assert make_regions(Volume(np.ones(SHAPE), GRID)).origins == {}
