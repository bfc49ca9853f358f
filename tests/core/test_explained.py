import numpy as np
import pytest

from napari_connectome.core.explained import explained_variance


def test_equal_to_the_projection_on_each_and_on_all():
    rng = np.random.default_rng(0)
    rows, maps = rng.standard_normal((30, 400)).astype(np.float32), rng.standard_normal((5, 400))
    maps[3] = maps[1] + 0.3 * maps[0]  # nothing new in the space of all
    total = float((rows.astype(np.float64) ** 2).sum())
    each, together = explained_variance(rows, maps, total)
    for share, one in zip(each, maps, strict=True):
        unit = one / np.linalg.norm(one)
        assert share == pytest.approx(((rows @ unit) ** 2).sum() / total, rel=1e-6)
    basis = np.linalg.svd(maps, full_matrices=False)[2][:4]
    assert together == pytest.approx(((rows @ basis.T) ** 2).sum() / total, rel=1e-6)


def test_scale_and_sign_do_not_matter_and_zeros_explain_nothing():
    rng = np.random.default_rng(1)
    rows, maps = rng.standard_normal((10, 100)), rng.standard_normal((3, 100))
    each, together = explained_variance(rows, maps, 1000.0)
    other, same = explained_variance(rows, maps * [[-3], [1e-5], [0]], 1000.0)
    np.testing.assert_allclose(other[:2], each[:2])
    assert other[2] == 0
    assert same < together
    assert explained_variance(rows, np.zeros((2, 100)), 1000.0)[1] == 0
    assert explained_variance(np.zeros((4, 100)), maps, 0.0)[1] == 0


def test_the_rows_themselves_explain_what_they_hold():
    rows = np.random.default_rng(2).standard_normal((6, 200))
    energy = float((rows**2).sum())
    assert explained_variance(rows, rows, 2 * energy)[1] == pytest.approx(0.5)
