"""The limit on threads is lifted by the last who leaves, whoever that is."""

from threadpoolctl import threadpool_info

from napari_connectome.core.threads import one_thread


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
