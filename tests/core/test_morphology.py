"""Morphology of regions: scipy's for one region, a plain definition for several, and the laws that hold for all."""

import numpy as np
import pytest
from scipy import ndimage

from napari_connectome.core.grid import Grid
from napari_connectome.core.morphology import close_up, dilate, erode, fill_holes, open_up
from napari_connectome.core.neighbours import ball, connected

RANK = {6: 1, 18: 2, 26: 3}
SHAPES = [(9, 11, 10), (1, 20, 17), (7, 1, 12), (12, 9, 1), (2, 8, 9), (1, 1, 15), (5, 5, 5)]


def structure(connectivity, shape):
    """scipy's, without the neighbours along axes of one voxel."""
    cube = ndimage.generate_binary_structure(3, RANK[connectivity])
    for axis, n in enumerate(shape):
        if n == 1:
            for side in (0, 2):
                cube[(slice(None),) * axis + (side,)] = False
    return cube


def mask_of(seed, shape, density=None):
    """Blobs and noise, often at the edge of the grid."""
    rng = np.random.default_rng(seed)
    noise = rng.random(shape)
    if seed % 2:
        noise = ndimage.gaussian_filter(noise, 1.0, mode="wrap")
    return noise > np.quantile(noise, 1 - (density or rng.choice([0.02, 0.2, 0.5, 0.8])))


def parcels_of(seed, shape, n=6, dtype=np.uint16):
    """Regions by the nearest of random centres, with background between some of them, ids with gaps."""
    rng = np.random.default_rng([9, seed])
    where = np.stack(np.indices(shape), axis=-1)
    centres = rng.uniform(0, shape, (n, 3))
    nearest = np.linalg.norm(where[..., None, :] - centres, axis=-1).argmin(axis=-1)
    ids = rng.permutation(np.arange(1, 255 if dtype == np.uint8 else 5000))[:n]
    return (ids[nearest] * mask_of(seed, shape, density=rng.choice([0.3, 0.6, 0.9]))).astype(dtype)


def padded(mask, n, act):
    return act(np.pad(mask, n))[tuple(slice(n, n + size) for size in mask.shape)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_one_region_is_scipys(shape, connectivity):
    cube, around = structure(connectivity, shape), connected(connectivity, shape)
    for seed in range(8):
        mask, n = mask_of(seed, shape), 1 + seed % 3
        labels = mask * np.uint8(3)
        with_3 = {"structure": cube, "iterations": n}
        np.testing.assert_array_equal(dilate(labels, around, n)[0], 3 * ndimage.binary_dilation(mask, **with_3))
        np.testing.assert_array_equal(erode(labels, around, n), 3 * ndimage.binary_erosion(mask, **with_3))
        np.testing.assert_array_equal(open_up(labels, around, n), 3 * ndimage.binary_opening(mask, **with_3))
        np.testing.assert_array_equal(fill_holes(labels, connectivity), 3 * filled(mask, cube, shape))
        closed = padded(mask, n, lambda m, w=with_3: ndimage.binary_closing(m, **w))
        if min(shape) > 1:
            np.testing.assert_array_equal(close_up(labels, around, n), 3 * closed)
        # Away from the edge that is scipy's closing as it stands.
        inner = mask.copy()
        for axis, size in enumerate(shape):
            if size > 1:
                for edge in (slice(0, n), slice(max(0, size - n), size)):
                    inner[(slice(None),) * axis + (edge,)] = False
        if min(shape) > 1:
            np.testing.assert_array_equal(close_up(inner.astype(np.uint8), around, n), ndimage.binary_closing(inner, **with_3))


def filled(mask, cube, shape):
    """scipy's hole filling; in the plane where the grid has but one."""
    return ndimage.binary_fill_holes(np.squeeze(mask), structure=np.squeeze(cube[planes(shape)])).reshape(shape)


def planes(shape):
    return tuple(slice(1, 2) if n == 1 else slice(None) for n in shape)


@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_in_one_slice_everything_happens_in_the_plane(connectivity):
    flat = ndimage.generate_binary_structure(2, 1 if connectivity == 6 else 2)
    for seed in range(10):
        mask, n = mask_of(seed, (20, 40)), 1 + seed % 2
        labels, around = mask[None].astype(np.uint8), connected(connectivity, (1, 20, 40))
        np.testing.assert_array_equal(dilate(labels, around, n)[0][0], ndimage.binary_dilation(mask, flat, n))
        np.testing.assert_array_equal(erode(labels, around, n)[0], ndimage.binary_erosion(mask, flat, n))
        np.testing.assert_array_equal(open_up(labels, around, n)[0], ndimage.binary_opening(mask, flat, n))
        closed = padded(mask, n, lambda m, n=n: ndimage.binary_closing(m, flat, n))
        np.testing.assert_array_equal(close_up(labels, around, n)[0], closed)
        np.testing.assert_array_equal(fill_holes(labels, connectivity)[0], ndimage.binary_fill_holes(mask, flat))


@pytest.mark.parametrize("radius", [0.5, 2.0, 3.7, 6.0])
@pytest.mark.parametrize("voxel", [(2, 2, 2), (1.5, 2.5, 4)], ids=str)
def test_a_ball_is_round_in_mm(radius, voxel):
    shape = (11, 14, 13)
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0] @ np.diag(voxel)
    affine = np.eye(4)
    affine[:3, :3] = turned
    around = ball(radius, Grid(shape, affine))
    for seed in range(6):
        mask = mask_of(seed, shape)
        far = ndimage.distance_transform_edt(~mask, sampling=voxel[::-1]) if mask.any() else np.full(shape, np.inf)
        np.testing.assert_array_equal(dilate(mask.astype(np.uint8), around)[0], far <= radius + 1e-9)
        inside = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=voxel[::-1])[1:-1, 1:-1, 1:-1]
        np.testing.assert_array_equal(erode(mask.astype(np.uint8), around), inside > radius + 1e-9)
        core = inside > radius + 1e-9
        back = ndimage.distance_transform_edt(~core, sampling=voxel[::-1]) <= radius + 1e-9 if core.any() else core
        np.testing.assert_array_equal(open_up(mask.astype(np.uint8), around), back)


def nearest_grown(labels, around):
    """One step of growing, voxel by voxel, by its definition."""
    out = labels.copy()
    for voxel in np.argwhere(labels == 0):
        there = voxel + around.offsets
        ok = ((there >= 0) & (there < labels.shape)).all(axis=1)
        ids, far = labels[tuple(there[ok].T)], around.distances[ok]
        if ids.any():
            out[tuple(voxel)] = min(zip(far[ids > 0], ids[ids > 0], strict=True))[1]
    return out


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_regions_grow_into_the_background_and_the_nearest_wins(shape, dtype):
    grid = Grid(shape, np.diag([2, 2, 3, 1]))
    for seed in range(4):
        labels = parcels_of(seed, shape, dtype=dtype)
        for around, n in [(connected(6, shape), 2), (connected(18, shape), 1), (connected(26, shape), 1), (ball(4.5, grid), 1)]:
            expected = labels
            for _ in range(n):
                expected = nearest_grown(expected, around)
            grown, _ = dilate(labels, around, n)
            assert grown.dtype == dtype
            np.testing.assert_array_equal(grown, expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_region_is_eroded_and_opened_for_itself(shape):
    grid = Grid(shape, np.diag([2, 2, 3, 1]))
    for seed in range(4):
        labels = parcels_of(seed, shape)
        for around, n in [(connected(6, shape), 1), (connected(26, shape), 2), (ball(4.0, grid), 1)]:
            for act in (erode, open_up):
                expected = sum(act((labels == i).astype(np.uint16), around, n) * i for i in np.unique(labels[labels > 0]))
                np.testing.assert_array_equal(act(labels, around, n), expected)


@pytest.mark.parametrize("connectivity", [6, 26])
@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_a_hole_belongs_to_the_region_closest_around_it(shape, connectivity):
    cube = structure(connectivity, shape)
    for seed in range(12):
        labels = parcels_of(seed, shape, n=3)
        best = {}
        for region in np.unique(labels[labels > 0]):
            outside = labels != region
            holes, count = ndimage.label(filled(~outside, cube, shape) & outside, cube)
            for hole in range(1, count + 1):
                voxels = np.flatnonzero(holes == hole)
                for voxel in voxels[labels.ravel()[voxels] == 0]:
                    best[voxel] = min(best.get(voxel, (np.inf, 0)), (len(voxels), region))
        expected = labels.copy()
        for voxel, (_, region) in best.items():
            expected.flat[voxel] = region
        np.testing.assert_array_equal(fill_holes(labels, connectivity), expected)


def test_holes_of_rings_in_rings():
    labels = np.zeros((1, 11, 11), dtype=np.uint16)
    labels[0, 0:11, 0:11] = 7
    labels[0, 1:10, 1:10] = 0
    labels[0, 3:8, 3:8] = 300
    labels[0, 4:7, 4:7] = 0
    filled_up = fill_holes(labels)
    assert (filled_up[0, 4:7, 4:7] == 300).all()  # Not 7, though the outer ring encloses it, too.
    assert (filled_up[0, 1:3, 1:10] == 7).all()
    assert (filled_up > 0).all()


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_laws(shape, connectivity):
    grid = Grid(shape, np.diag([2, 2.5, 3, 1]))
    for seed in range(6):
        labels = parcels_of(seed, shape)
        before = labels.copy()
        labels.setflags(write=False)
        for around, n in [(connected(connectivity, shape), 1 + seed % 2), (ball(3.0 + seed, grid), 1)]:
            grown, _ = dilate(labels, around, n)
            eroded, opened, closed = (act(labels, around, n) for act in (erode, open_up, close_up))
            holes = fill_holes(labels, connectivity)
            for more in (grown, closed, holes):
                np.testing.assert_array_equal(more[labels > 0], labels[labels > 0])  # Nobody loses a voxel.
            for less in (eroded, opened):
                np.testing.assert_array_equal(less[less > 0], labels[less > 0])  # Nobody gains one.
            np.testing.assert_array_equal(opened[eroded > 0], eroded[eroded > 0])
            np.testing.assert_array_equal(grown[closed > 0] > 0, True)
            np.testing.assert_array_equal(open_up(opened, around, n), opened)
            np.testing.assert_array_equal(fill_holes(holes, connectivity), holes)
            np.testing.assert_array_equal(labels, before)


def test_what_reaches_the_edge_is_told():
    labels = np.zeros((8, 9, 10), dtype=np.uint16)
    labels[4, 1, 5] = 500  # One step from the edge.
    labels[4, 6, 5] = 7
    for n, cut in [(1, []), (2, [500]), (3, [7, 500])]:
        assert dilate(labels, connected(6, labels.shape), n)[1].tolist() == cut


def test_nothing_stays_nothing_and_a_full_grid_full():
    for shape in SHAPES:
        around = connected(6, shape)
        for labels in (np.zeros(shape, dtype=np.uint8), np.full(shape, 255, dtype=np.uint8)):
            for act in (open_up, close_up, lambda a, b: dilate(a, b)[0]):
                if labels.any() and act is open_up:
                    continue
                np.testing.assert_array_equal(act(labels, around), labels)
            np.testing.assert_array_equal(fill_holes(labels), labels)
