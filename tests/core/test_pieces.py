"""Connected parts of many regions at once, and counting and changing ids."""

import numpy as np
import pytest
from scipy import ndimage

from napari_connectome.core.census import census, relabelled
from napari_connectome.core.pieces import pieces

RANK = {6: 1, 18: 2, 26: 3}


def images():
    rng = np.random.default_rng(0)
    for shape in [(9, 11, 10), (1, 20, 17), (7, 1, 12), (12, 9, 1), (1, 1, 15), (1, 1, 1), (4, 5, 6)]:
        for density in (0.0, 0.1, 0.5, 0.9, 1.0):
            for top in (1, 2, 3, 4000):
                ids = rng.integers(1, top + 1, size=shape)
                yield (ids * (rng.random(shape) < density)).astype(np.min_scalar_type(top))
    yield np.where(rng.random((6, 7, 8)) < 0.5, np.uint32(2**31), np.uint32(5))


@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_pieces_are_scipys_for_each_region(connectivity):
    structure = ndimage.generate_binary_structure(3, RANK[connectivity])
    for labels in images():
        found = pieces(labels, connectivity)
        expected = []
        for region in np.unique(labels[labels > 0]):
            parts, count = ndimage.label(labels == region, structure)
            expected += [(np.flatnonzero(parts == part), region) for part in range(1, count + 1)]
        expected.sort(key=lambda part: part[0][0])
        assert found.ids.tolist() == [region for _, region in expected]
        assert found.sizes.tolist() == [len(voxels) for voxels, _ in expected]
        painted = np.zeros(labels.shape, dtype=int)
        for rank, (voxels, _) in enumerate(expected):
            painted.flat[voxels] = rank + 1
        np.testing.assert_array_equal(found.paint(np.arange(1, len(expected) + 1)), painted)


def test_census_and_other_ids():
    for labels in images():
        ids, counts = census(labels)
        expected = np.unique(labels[labels > 0], return_counts=True)
        assert ids.tolist() == expected[0].tolist()
        assert counts.tolist() == expected[1].tolist()
        new = {region: region % 3 * 300 for region in ids.tolist()[::2]}
        after = relabelled(labels, new)
        assert after.dtype.kind == "u"
        np.testing.assert_array_equal(after, np.vectorize(lambda i, new=new: new.get(int(i), int(i)))(labels))
