import numpy as np
import pytest

from napari_connectome.core import principal
from napari_connectome.core.errors import Cancelled
from napari_connectome.core.principal import cross_products, inner_products, leading, products


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("shape", [(3, 50), (40, 2000), (25, 20), (principal.LARGE, 600), (principal.LARGE + 20, 90)])
def test_equal_to_the_singular_value_decomposition(kind, shape, monkeypatch):
    monkeypatch.setattr(principal, "AT_ONCE", 1000)  # many pieces
    rng = np.random.default_rng(0)
    rows = (
        30 * rng.standard_normal((shape[0], 4)) @ rng.standard_normal((4, shape[1])) + 9 * rng.standard_normal(shape)
    ).astype(kind)
    n = 3
    values, unit = leading(rows, n)
    _, expected, right = np.linalg.svd(rows.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(values, expected[:n], rtol=1e-10)
    np.testing.assert_allclose(np.abs((unit * right[:n]).sum(axis=1)), 1.0, rtol=1e-8)
    np.testing.assert_allclose(unit @ unit.T, np.eye(n), atol=1e-8)
    assert np.all(np.take_along_axis(unit, np.abs(unit).argmax(axis=1)[:, None], axis=1) > 0)


def test_fewer_are_the_first_and_the_same_call_gives_the_same_bits():
    rows = np.random.default_rng(1).standard_normal((20, 500)).astype(np.float32)
    values, unit = leading(rows, 10)
    again, same = leading(rows, 10)
    np.testing.assert_array_equal(values, again)
    np.testing.assert_array_equal(unit, same)
    np.testing.assert_allclose(leading(rows, 4)[1], unit[:4], atol=1e-10)


def test_scaled_rows_are_the_rows_times_the_scale():
    rng = np.random.default_rng(2)
    rows, scale = rng.standard_normal((12, 300)), rng.uniform(0.1, 4, 12)
    values, unit = leading(rows, 5, scale=scale)
    expected, other = leading(rows * scale[:, None], 5)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    np.testing.assert_allclose(unit, other, atol=1e-10)


def test_what_is_not_there_is_0():
    rows = np.zeros((6, 100))
    rows[2] = 1
    values, unit = leading(rows, 3)
    np.testing.assert_allclose(values, [10, 0, 0])
    np.testing.assert_allclose(unit[0], 0.1)
    assert not leading(np.zeros((4, 50)), 2)[1].any()


def test_of_many_rows_what_is_not_there_is_0_and_equals_are_both_found():
    m = principal.LARGE
    assert not leading(np.zeros((m, 50)), 2)[1].any()
    rows = np.zeros((m, 100))
    rows[np.arange(0, m, 2), np.arange(m // 2) % 2] = np.sqrt(2 / m)  # two directions of the same size, and no third
    values, unit = leading(rows, 4)
    np.testing.assert_allclose(values, [np.sqrt(0.5), np.sqrt(0.5), 0, 0], atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(unit[:2, :2], axis=1), 1.0, rtol=1e-9)
    np.testing.assert_allclose(unit[0] @ unit[1], 0.0, atol=1e-9)


def test_leading_components_of_many_rows_can_be_stopped():
    rows = np.random.default_rng(0).standard_normal((principal.LARGE, 40))
    gram, calls = inner_products(rows), []

    def stop(done, doing):
        calls.append(doing)
        if len(calls) == 7:
            raise Cancelled

    with pytest.raises(Cancelled):
        leading(rows, 5, stop, gram=gram)
    assert set(calls) == {"leading components"}


def test_products_in_pieces_are_the_products(monkeypatch):
    monkeypatch.setattr(principal, "AT_ONCE", 77)
    rng = np.random.default_rng(3)
    rows, left, maps = rng.standard_normal((7, 130)), rng.standard_normal((3, 7)), rng.standard_normal((2, 130))
    told = []
    np.testing.assert_allclose(inner_products(rows, lambda done, doing: told.append(done)), rows @ rows.T, rtol=1e-12)
    np.testing.assert_allclose(products(left, rows), left @ rows, rtol=1e-12)
    np.testing.assert_allclose(cross_products(rows, maps), rows @ maps.T, rtol=1e-12)
    assert len(told) == 12
    assert told[-1] == 1
