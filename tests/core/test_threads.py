"""The limit on threads is lifted by the last who leaves, whoever that is; pieces do not tell how many worked on them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from napari_connectome.core.principal import column_squares, cross_products, inner_products, products
from napari_connectome.core.threads import in_pieces, one_thread, two_threads

pytestmark = pytest.mark.alone  # the workers of the other tests have one thread each, so there is no limit to be seen


def threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_those_who_overlap_leave_no_limit_behind():
    before = threads()
    first, second, third = one_thread(), one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    assert set(threads()) <= {1}
    first.__exit__(None, None, None)
    assert set(threads()) <= {1}
    third.__enter__()
    second.__exit__(None, None, None)
    assert set(threads()) <= {1}
    third.__exit__(None, None, None)
    assert threads() == before


def test_an_error_lifts_it():
    before = threads()
    try:
        with one_thread():
            raise ValueError
    except ValueError:
        assert threads() == before


def test_pieces_come_in_order_and_the_same_bits_whether_one_or_two_are_worked_on():
    before = threading.active_count()
    rows = np.random.default_rng(0).standard_normal((40, 20_000)).astype(np.float32)
    maps = np.random.default_rng(1).standard_normal((7, 20_000))
    work = (inner_products, column_squares, lambda rows: cross_products(rows, maps), lambda rows: products(maps[:, :40], rows))
    with one_thread():
        alone = [one(rows) for one in work]
        with two_threads():
            assert [piece for piece, _ in in_pieces(str, range(50))] == list(range(50))
            for one, wanted in zip(work, alone, strict=True):
                np.testing.assert_array_equal(one(rows), wanted)
    assert threading.active_count() == before


def test_what_a_piece_raises_is_raised_and_no_piece_is_begun_after_it():
    before, begun = threading.active_count(), []

    def work(piece):
        begun.append(piece)
        if piece == 3:
            raise ZeroDivisionError
        return piece

    def consume():
        with two_threads():
            for piece, _ in in_pieces(work, range(5000)):
                assert piece < 3

    with pytest.raises(ZeroDivisionError):
        consume()
    count = len(begun)
    assert count < 5000
    assert threading.active_count() == before
    assert len(begun) == count


def test_two_threads_are_those_of_the_thread_that_asked():
    """One that reduces a run beside another is not to have four."""
    with two_threads(), ThreadPoolExecutor(1) as other:
        names = other.submit(lambda: {name for _, name in in_pieces(lambda _: threading.current_thread().name, range(9))})
        assert len(names.result()) == 1
