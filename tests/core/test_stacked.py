"""Blocks one below the other are the matrix they make."""

import numpy as np
import pytest

from napari_connectome.core.pages import zeros
from napari_connectome.core.principal import column_squares, cross_products, inner_products, leading, products
from napari_connectome.core.stacked import Stacked


@pytest.mark.parametrize("sizes", [(3,), (3, 1, 5), (2, 2)])
def test_everything_that_goes_through_columns_takes_blocks(sizes):
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((m, 40)).astype(np.float32) for m in sizes]
    whole, rows = np.concatenate(blocks), Stacked(blocks)
    assert (len(rows), rows.shape) == (len(whole), whole.shape)
    for columns in (slice(3, 9), np.array([5, 1, 1]), 7):
        np.testing.assert_array_equal(rows[:, columns], whole[:, columns])
    np.testing.assert_array_equal(np.stack(list(rows)), whole)
    maps = rng.standard_normal((2, 40))
    for ours, theirs in (
        (inner_products(rows), inner_products(whole)),
        (column_squares(rows), (whole.astype("f8") ** 2).sum(axis=0)),
        (products(rng.standard_normal((2, len(rows))), rows).shape, (2, 40)),
        (cross_products(rows, maps), cross_products(whole, maps)),
        (leading(rows, 2)[1], leading(whole, 2)[1]),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    with pytest.raises(TypeError, match="only columns"):
        rows[:1, :2]


def test_pages_are_zeros_of_any_shape_and_type():
    for shape, kind in (((3, 4), np.float32), ((0, 5), np.float64), ((2, 3, 4), np.int16)):
        made = zeros(shape, kind)
        assert made.shape == shape
        assert made.dtype == kind
        assert not made.any()
        made[...] = 1
        assert made.all()
