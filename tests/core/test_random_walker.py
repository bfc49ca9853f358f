"""Voxels go to the seed a random walker reaches first: nilearn's labels, where nilearn's are connected with their seed."""

import warnings

import numpy as np
import pytest
from nilearn._utils.segmentation import random_walker as oracle
from scipy.ndimage import gaussian_filter, label

from napari_connectome.core.errors import Cancelled
from napari_connectome.core.peaks import peaks
from napari_connectome.core.random_walker import random_walker


def _case(rng):
    """A map, its seeds, and what nilearn makes of them with the numbers of the seeds."""
    shape = rng.integers(5, 32, 3)
    image = gaussian_filter(rng.standard_normal(shape), rng.uniform(0.5, 4))
    image /= image.std()
    image[np.abs(image) < rng.uniform(0.3, 2)] = 0
    if rng.random() < 0.5:
        image[image < 0] = 0
    image *= 10.0 ** rng.uniform(-3, 1)
    seeds = label(peaks(gaussian_filter(image, rng.uniform(0, 2))))[0]
    seeds[image == 0] = -1
    return image, seeds, _nilearn(image, seeds)


def _nilearn(image, seeds):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.maximum(oracle(image, seeds), 0)
    numbers = np.unique(seeds[seeds >= 0])  # nilearn counts them through where it works at all
    consecutive = (numbers[0] == 0) and not np.array_equal(found, np.maximum(seeds, 0))
    return numbers[found] if consecutive else found


def test_labels_are_those_of_nilearn():
    rng = np.random.default_rng(0)
    compared = unlike = 0
    for _ in range(30):
        image, seeds, theirs = _case(rng)
        ours = random_walker(image, seeds, image.std())
        parts = label(image != 0)[0]
        reached = np.unique(np.stack([parts[seeds > 0], seeds[seeds > 0]]), axis=1)
        pairs = np.stack([parts.ravel(), theirs.ravel()])
        there = (pairs[:, :, None] == reached[:, None, :]).all(axis=0).any(axis=1) | (theirs.ravel() == 0)
        compared += np.count_nonzero(there & (image.ravel() != 0))
        unlike += np.count_nonzero(there & (ours != theirs).ravel())
    assert compared > 30_000
    assert unlike <= 0.001 * compared


def test_a_voxel_only_goes_to_a_seed_it_is_connected_with():
    # nilearn gives what its solver did not reach within its precision to the first seed of the map, however far that is.
    image = np.zeros((30, 3, 3))
    image[0:4, 1, 1], image[6:10, 1, 1], image[10:, 1, 1] = 1.0, 1.0, 100.0  # a step that hardly any walker takes
    seeds = np.where(image == 0, -1, 0)
    seeds[1, 1, 1], seeds[6, 1, 1] = 1, 2
    ours = random_walker(image, seeds, image.std())
    assert ours[0:4, 1, 1].tolist() == [1] * 4
    assert ours[6:, 1, 1].tolist() == [2] * 24
    assert 1 in _nilearn(image, seeds)[6:, 1, 1]


def test_seeds_without_a_voxel_to_give_are_lost_unless_all_are():
    image = np.zeros((7, 1, 1))
    image[[0, 2, 3, 4]] = 1.0
    seeds = np.where(image == 0, -1, 0)
    seeds[0], seeds[3] = 1, 2
    assert random_walker(image, seeds, image.std()).ravel().tolist() == [0, 0, 2, 2, 2, 0, 0]
    seeds[2], seeds[4] = 3, 4
    assert random_walker(image, seeds, image.std()).ravel().tolist() == [1, 0, 3, 2, 4, 0, 0]
    assert not random_walker(image, np.where(image == 0, -1, 0), image.std()).any()
    for some in (seeds, np.where(image == 0, -1, 0)):
        assert np.array_equal(random_walker(image, some, image.std()), _nilearn(image, some))


def test_the_walk_is_watched():
    image = gaussian_filter(np.random.default_rng(1).standard_normal((20, 20, 20)), 1.5) + 1
    seeds = np.zeros(image.shape, dtype=int)
    seeds[3, 3, 3], seeds[15, 15, 15] = 1, 2
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        random_walker(image, seeds, image.std(), check)
