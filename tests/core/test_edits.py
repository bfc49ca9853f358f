"""Steps of editing regions: where every region came from, what it is called, and the laws that hold for all labels."""

import numpy as np
import pytest
from scipy import ndimage

from napari_connectome.core import edits
from napari_connectome.core.edits import Combine, Components, Edit, Morphology
from napari_connectome.core.errors import InputError
from napari_connectome.core.grid import Grid

SHAPE = (8, 11, 10)
GRID = Grid(SHAPE, np.array([[2.0, 0, 0, -9], [0, 2, 0, -10], [0, 0, 3, 0], [0, 0, 0, 1]]))
OBLIQUE = Grid(SHAPE, np.array([[1.9, 0.5, 0.2, -11], [-0.5, 1.9, 0.1, -10], [-0.2, -0.1, 3, 0], [0, 0, 0, 1]]))
ONE_SLICE = Grid((1, 20, 40), np.diag([2.0, 2, 3, 1]))

MORPHS = [
    Morphology(operation=operation, **how)
    for operation in ("dilate", "erode", "open", "close", "fill_holes")
    for how in ({}, {"iterations": 2, "connectivity": 26}, {"radius": 4.0})
]


def labels_of(seed, shape=SHAPE, top=5, dtype=np.uint16):
    """Blobs of several regions; ids with gaps, some regions in many parts."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random(shape), 1.0)
    ids = rng.permutation(np.arange(1, 255 if dtype == np.uint8 else 9000))[:top]
    # Not noise in every voxel: neighbours mostly share a region.
    which = np.digitize(ndimage.gaussian_filter(rng.random(shape), 1.5), np.linspace(0.35, 0.65, top - 1))
    return (ids[which] * (smooth > np.quantile(smooth, rng.choice([0.3, 0.7])))).astype(dtype)


def ids_of(labels):
    return np.unique(labels[labels > 0]).tolist()


def all_edits(labels, grid):
    ids = ids_of(labels)
    other = labels_of(99, labels.shape, top=4)
    yield from (edits.morph(labels, grid, params) for params in MORPHS)
    yield from (edits.combine(labels, other, Combine(how=how)) for how in ("intersect", "union", "subtract"))
    yield from (edits.components(labels, grid, Components(connectivity=c, min_size=m)) for c in (6, 26) for m in (0, 40))
    yield edits.split_hemispheres(labels, grid)
    yield edits.keep(labels, ids[:2])
    yield edits.drop(labels, ids[:2])
    yield edits.merge(labels, ids[-2:])
    yield from (edits.renumber(labels, order) for order in ("size", "id"))


@pytest.mark.parametrize("grid", [GRID, OBLIQUE, ONE_SLICE], ids=["straight", "oblique", "one slice"])
def test_every_edit_says_where_its_regions_come_from(grid):
    for seed in range(3):
        labels = labels_of(seed, grid.shape)
        before = labels.copy()
        labels.setflags(write=False)
        olds = set(ids_of(labels))
        for edit in all_edits(labels, grid):
            assert sorted(edit.sources) == ids_of(edit.labels)
            assert set(edit.names) <= set(edit.sources)
            assert set(edit.others) <= set(edit.sources)
            assert all(type(i) is int for new, old in edit.sources.items() for i in (new, *old))
            assert all(old or new in edit.others for new, old in edit.sources.items())
            assert {i for old in edit.sources.values() for i in old} <= olds
            assert edit.labels.dtype == np.min_scalar_type(int(edit.labels.max(initial=0)))
            assert not np.shares_memory(edit.labels, labels)
            assert all((notice.endswith(".") and notice[0].isupper()) or notice[0].isdigit() for notice in edit.notices)
            # Where a region has voxels of a source's region, that is among its sources.
            for new, old in edit.sources.items():
                assert not old or np.isin(labels[edit.labels == new], [0, *old]).all()
            assert set(edit.renamed({})) == set(edit.sources)
        np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("grid", [GRID, ONE_SLICE], ids=["straight", "one slice"])
def test_components_are_all_of_it_in_order_of_size(grid):
    for seed in range(4):
        labels = labels_of(seed, grid.shape)
        for connectivity, rank in [(6, 1), (18, 2), (26, 3)]:
            whole = edits.components(labels, grid, Components(connectivity=connectivity))
            np.testing.assert_array_equal(whole.labels > 0, labels > 0)
            assert whole.notices == ()
            parts = [np.flatnonzero(whole.labels == i) for i in range(1, len(whole.sources) + 1)]
            keys = [(-len(voxels), voxels[0]) for voxels in parts]
            assert keys == sorted(keys)
            structure = ndimage.generate_binary_structure(3, rank)
            assert all(ndimage.label(whole.labels == i, structure)[1] == 1 for i in whole.sources)
            n = sum(ndimage.label(labels == i, structure)[1] for i in ids_of(labels))
            assert n == len(whole.sources)
            smallest = 3 * grid.voxel_volume
            large = edits.components(labels, grid, Components(connectivity=connectivity, min_size=smallest))
            dropped = np.isin(whole.labels, [i for i, voxels in enumerate(parts, 1) if len(voxels) < 3])
            np.testing.assert_array_equal(large.labels, np.where(dropped, 0, whole.labels))
            assert len(large.notices) == (1 if dropped.any() else 0)


def test_components_are_named_after_what_they_were():
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[0, 0, 0:3] = 4
    labels[0, 5, 0:2] = 4
    labels[3, :, :] = 7
    labels[6, 0, 0] = labels[6, 0, 2] = 9
    edit = edits.components(labels, GRID, names={4: "FFA", 7: "V1", 9: "region 9"})
    assert edit.sources == {1: (7,), 2: (4,), 3: (4,), 4: (9,), 5: (9,)}
    assert edit.renamed({4: "FFA", 7: "V1", 9: "region 9"}) == {1: "V1", 2: "FFA 1", 3: "FFA 2", 4: "region 4", 5: "region 5"}
    mask = edits.components((labels > 0).astype(np.uint8), GRID)
    assert mask.renamed({1: "region 1"}) == {i: f"region {i}" for i in range(1, 6)}
    left = edits.components(labels, GRID, Components(min_size=3 * GRID.voxel_volume), {4: "FFA"})
    assert left.renamed({4: "FFA"}) == {1: "region 1", 2: "FFA"}
    assert left.notices == ("3 parts smaller than 36 mm³ were dropped, the largest of 24 mm³.",)


@pytest.mark.parametrize("grid", [GRID, OBLIQUE, ONE_SLICE], ids=["straight", "oblique", "one slice"])
def test_hemispheres_are_cut_where_x_is_0_in_mm(grid):
    k, j, i = np.indices(grid.shape)
    x = grid.to_mm(np.stack([i, j, k], axis=-1))[..., 0]
    for seed in range(4):
        labels = np.asfortranarray(labels_of(seed, grid.shape))
        names = {region: f"N{region}" for region in ids_of(labels)}
        edit = edits.split_hemispheres(labels, grid, names)
        np.testing.assert_array_equal(edit.labels > 0, labels > 0)
        said = edit.renamed(names)
        for region in edit.sources:
            inside = edit.labels == region
            (old,) = edit.sources[region]
            left, right = (np.count_nonzero(labels[beyond] == old) for beyond in (x < -1e-3, x > 1e-3))
            if not (left and right):
                assert region == old
                assert said[region] == f"N{old}"
                assert np.count_nonzero(inside) == np.count_nonzero(labels == old)
                continue
            side = "R" if (x[inside] > 1e-3).any() else "L"
            assert not (x[inside] < -1e-3).any() or not (x[inside] > 1e-3).any()
            assert (np.abs(x[inside]) <= 1e-3).any() <= (side == ("L" if left > right else "R"))
            assert said[region] == f"{side} N{old}"


@pytest.mark.parametrize(
    ("row", "after"),
    [
        ([9, 9, 9, 9, 9], [9, 9, 10, 10, 10]),  # as many on either side
        ([9, 9, 9, 9, 0], [9, 9, 9, 10, 0]),
        ([0, 9, 9, 9, 9], [0, 9, 10, 10, 10]),
        ([9, 9, 9, 0, 0], [9, 9, 9, 0, 0]),  # of one side, and on the midline
        ([0, 0, 9, 9, 0], [0, 0, 9, 9, 0]),
        ([0, 0, 9, 0, 0], [0, 0, 9, 0, 0]),
        ([9, 3, 3, 3, 3], [9, 3, 10, 10, 10]),
    ],
)
@pytest.mark.parametrize("size", [0.7, np.float32(1.1)])
def test_what_lies_on_x_of_0_goes_with_the_larger_side(row, after, size):
    middle = np.float32(-2 * float(size)) if isinstance(size, np.float32) else -2 * size  # as headers round it
    grid = Grid((1, 1, 5), np.array([[size, 0, 0, middle], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    edit = edits.split_hemispheres(np.array(row, dtype=np.uint8).reshape(grid.shape), grid)
    assert edit.labels[0, 0].tolist() == after
    if 10 in after:
        (cut,) = edit.sources[10]
        assert edit.renamed({}) == {i: f"region {i}" for i in edit.sources} | {cut: f"L region {cut}", 10: f"R region {cut}"}


def test_regions_of_an_atlas_that_touch_the_midline_are_not_cut(real_data):
    from napari_connectome.io.load import load_regions

    atlas = load_regions(real_data / "atlas" / "Schaefer2018_100_7Networks_MNI152NLin6Asym_2mm_dseg.nii.gz")
    edit = edits.split_hemispheres(atlas.labels, atlas.grid)
    # Fifteen have voxels on x = 0, and four of these some on the other side of it, too.
    assert sorted(edit.names) == [5, 6, 9, 50, 101, 102, 103, 104]
    assert [np.count_nonzero(edit.labels == right) for right in (101, 102, 103, 104)] == [19, 10, 27, 1]


def test_choosing_merging_and_numbering():
    labels = labels_of(3)
    a, b, c = ids_of(labels)[:3]
    kept, dropped = edits.keep(labels, [b, a]), edits.drop(labels, [a, b])
    np.testing.assert_array_equal(kept.labels + dropped.labels, labels)
    assert sorted([*kept.sources, *dropped.sources]) == ids_of(labels)
    one, other = edits.merge(labels, [c, a, b]), edits.merge(labels, [b, c, a, a])
    np.testing.assert_array_equal(one.labels, other.labels)
    assert one.sources == other.sources
    assert one.sources[a] == (a, b, c)
    step = edits.merge(edits.merge(labels, [b, c]).labels, [a, b])
    np.testing.assert_array_equal(step.labels, one.labels)
    assert one.renamed({a: "A", b: "B"})[a] == "A"
    assert one.renamed({b: "B"})[a] == f"region {a}"
    for order in ("size", "id"):
        edit = edits.renumber(labels, order)
        assert sorted(edit.sources) == list(range(1, len(ids_of(labels)) + 1))
        assert sorted(old for (old,) in edit.sources.values()) == ids_of(labels)
        for new, (old,) in edit.sources.items():
            np.testing.assert_array_equal(edit.labels == new, labels == old)
        sizes = np.bincount(edit.labels.ravel())[1:]
        assert order == "id" or (np.diff(sizes) <= 0).all()
        assert edit.renamed({a: "A"})[next(n for n, (o,) in edit.sources.items() if o == a)] == "A"


def test_combining():
    for seed in range(4):
        labels, other = labels_of(seed), labels_of(seed + 50, top=3)
        cut, left = (edits.combine(labels, other, Combine(how=how)) for how in ("intersect", "subtract"))
        np.testing.assert_array_equal(cut.labels, np.where(other, labels, 0))
        np.testing.assert_array_equal(left.labels, np.where(other, 0, labels))
        np.testing.assert_array_equal(cut.labels + left.labels, labels)
        for region in cut.sources:
            assert list(cut.others[region]) == ids_of(other[labels == region])
        both = edits.combine(labels, other, Combine(how="union"))
        np.testing.assert_array_equal(both.labels[labels > 0], labels[labels > 0])
        np.testing.assert_array_equal(both.labels > 0, (labels > 0) | (other > 0))
        for region, (old,) in both.others.items():
            np.testing.assert_array_equal(both.labels == region, (labels == 0) & (other == old))


def test_a_union_of_two_masks_is_one_and_of_more_keeps_them_apart():
    labels, other = np.zeros((2, *SHAPE), dtype=np.uint16)
    labels[2, 2:5], other[2, 4:7] = 3, 1
    mask = edits.combine(labels, other, Combine(how="union"))
    assert mask.sources == {3: (3,)}
    assert mask.others == {3: (1,)}
    np.testing.assert_array_equal(mask.labels > 0, (labels > 0) | (other > 0))
    labels[5, 0, 0], other[7, 0, 0], other[2, 2, 2] = 300, 300, 8
    both = edits.combine(labels, other, Combine(how="union"), other_names={300: "V1", 8: "V2"})
    assert both.sources == {1: (), 3: (3,), 300: (300,), 301: ()}
    assert both.others == {1: (1,), 301: (300,)}
    assert both.renamed({}) == {1: "region 1", 3: "region 3", 300: "region 300", 301: "V1"}
    assert both.labels.dtype == np.uint16
    assert both.notices == (
        "Region 300 of the other image got a number not yet taken.",
        "Region 8 of the other image lies wholly in regions there were.",
    )


def test_notices_name_the_regions():
    labels = np.zeros(SHAPE, dtype=np.uint16)
    labels[0, 0, 0], labels[4, 4, 4], labels[3:6, 7:10, 2:5] = 9, 500, 2
    assert edits.morph(labels, GRID).notices == ("Region 9 reaches the edge of the grid and cannot grow beyond it.",)
    assert edits.morph(labels, GRID, Morphology(operation="erode")).notices == (
        "Regions 9 and 500 were too thin and are gone.",
    )
    assert edits.morph(labels, GRID, Morphology(operation="open", radius=2.0)).sources == {2: (2,)}
    assert edits.combine(labels, labels, Combine(how="subtract")).notices == (
        "Regions 2, 9 and 500 lay inside the other image and are gone.",
    )
    many = np.arange(1, 9 * 11 * 10 + 1, dtype=np.uint16).reshape(9, 11, 10)[:8]
    (notice,) = edits.morph(many, GRID, Morphology(operation="erode")).notices
    assert notice == "Regions 1, 2, 3, 4, 5 and 875 more were too thin and are gone."


@pytest.mark.parametrize("top", [254, 255, 256, 65535, 65536, 70000, 2**23])
def test_large_ids(top):
    labels = np.zeros(SHAPE, dtype=np.int64)
    labels[4, 4:8, 3:9], labels[2, 2, 2] = top, 1
    for edit in all_edits(labels, GRID):
        assert edit.labels.dtype == np.min_scalar_type(int(edit.labels.max()))
        assert sorted(edit.sources) == ids_of(edit.labels)
    split = edits.split_hemispheres(labels, GRID)
    assert sorted(split.sources) == [1, top, top + 1]
    assert edits.morph(labels, GRID).labels.max() == top


def test_names():
    edit = Edit(np.zeros(SHAPE, dtype=np.uint8), {1: (5,), 2: (7, 8), 3: (), 4: (6,)}, {2: "both"})
    assert edit.renamed({5: "A", 7: "B"}) == {1: "A", 2: "both", 3: "region 3", 4: "region 4"}
    assert edit.renamed({5: "region 5"})[1] == "region 1"


def test_refusals():
    labels = labels_of(0)
    there = ids_of(labels)[0]
    for act in (edits.keep, edits.drop, edits.merge):
        with pytest.raises(InputError, match="no region was chosen"):
            act(labels, [])
        with pytest.raises(InputError, match="region 9999 has no voxel in this image"):
            act(labels, [there, 9999])
    with pytest.raises(InputError, match="merging needs two regions or more"):
        edits.merge(labels, [there])
    with pytest.raises(InputError, match="resample the other image first"):
        edits.combine(labels, labels[:3])
    with pytest.raises(InputError, match="they must agree"):
        edits.morph(labels[:3], GRID)
    with pytest.raises(InputError, match="must not be negative"):
        edits.components(-labels.astype(int), GRID)
    with pytest.raises(InputError, match="threshold or round"):
        edits.renumber(labels + 0.5)
    with pytest.raises(InputError, match="must be one of size, id"):
        edits.renumber(labels, "name")
    with pytest.raises(InputError, match="three dimensions"):
        edits.keep(labels[0], [there])
    float_ids = edits.renumber(labels.astype(np.float32), "id")
    assert float_ids.labels.dtype == np.uint8


@pytest.mark.parametrize("operation", ["dilate", "erode", "open", "close"])
def test_a_ball_smaller_than_a_voxel_is_told(operation):
    labels = labels_of(0)
    edit = edits.morph(labels, GRID, Morphology(operation=operation, radius=1.0))
    np.testing.assert_array_equal(edit.labels, labels)
    assert edit.notices == ("A ball of 1 mm reaches no other voxel of 2 × 2 × 3 mm: nothing changes.",)
    assert not edits.morph(labels, GRID, Morphology(operation="fill_holes", radius=1.0)).notices


@pytest.mark.parametrize("ids", [["a"], [1.5], [None], 3])
@pytest.mark.parametrize("edit", [edits.keep, edits.drop, edits.merge])
def test_regions_are_chosen_by_whole_numbers(edit, ids):
    with pytest.raises(InputError, match="regions are chosen by their ids, whole numbers"):
        edit(np.ones(SHAPE, np.uint8), ids)


def test_thousands_of_regions_are_chosen_at_once():
    labels = np.zeros((40, 40, 40), dtype=np.uint16)
    labels[::2, ::2, ::2] = np.arange(1, 8001).reshape(20, 20, 20)
    ids = range(1, 8001)
    edits.keep(labels, ids)  # quadratic, this took seconds
    assert edits.merge(labels, ids).sources == {1: tuple(ids)}
    with pytest.raises(InputError, match="regions 8001, 8002, 8003, 8004, 8005 and 1990 more have no voxel"):
        edits.drop(labels, range(1, 9996))
