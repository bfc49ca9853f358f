"""The way from a file's axes to ours and back."""

import itertools

import numpy as np
from nibabel.orientations import apply_orientation

from napari_connectome.io.frame import FileFrame


def test_every_orientation_is_turned_as_nibabel_turns_it_and_back():
    rng = np.random.default_rng(0)
    for axes, steps in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        orientation = np.array(list(zip(axes, steps, strict=True)), dtype=float)
        frame = FileFrame("", "", (3, 4, 5), np.eye(4), orientation)
        for shape in ((3, 4, 5), (3, 4, 5, 2)):
            data = rng.random(shape)
            ours = frame.to_ras(data)
            np.testing.assert_array_equal(ours, apply_orientation(data, orientation).T)
            assert np.shares_memory(ours, data)
            np.testing.assert_array_equal(frame.to_file(ours), data)
