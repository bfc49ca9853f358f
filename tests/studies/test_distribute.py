"""Tasks are handed out, watched and taken back in the same way wherever they are done."""

import multiprocessing
import sys
import threading
import time
import types
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.studies.distribute import Failure, each


@dataclass(frozen=True)
class Number:
    value: int

    @property
    def name(self):
        return f"run-{self.value}"


NUMBERS = [Number(i) for i in range(12)]


def _square(source, progress):
    progress(0.5, "")
    if source.value == 3:
        raise InputError("run-3 is odd.")
    if source.value == 5:
        raise FileNotFoundError(2, "No such file or directory")
    if source.value == 7:
        raise MemoryError
    return source.value**2


class Elsewhere(Executor):
    """One that is not of threads for all that is known, and hands back results out of order."""

    def __init__(self, error=None, after=6):
        self.error, self.after, self.given = error, after, []

    def submit(self, task, /, *args, **more):
        future = Future()
        self.given.append(future)
        if self.error and len(self.given) > self.after:
            future.set_exception(self.error)
            return future
        future.set_running_or_notify_cancel()

        def work():
            try:
                time.sleep(0.002 * (5 - len(self.given) % 5))
                future.set_result(task(*args))
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=work).start()
        return future


@pytest.mark.parametrize("where", ["here", "threads", "elsewhere"])
@pytest.mark.parametrize("lazy", [False, True])
def test_all_come_in_order_and_failures_in_their_place(where, lazy):
    with ThreadPoolExecutor(3) as threads:
        executor = {"here": None, "threads": threads, "elsewhere": Elsewhere()}[where]
        outcomes = list(each(_square, iter(NUMBERS) if lazy else NUMBERS, executor))
    assert [source for source, _ in outcomes] == NUMBERS
    for source, outcome in outcomes:
        if source.value in (3, 5, 7):
            assert isinstance(outcome, Failure)
            assert outcome.name == source.name
            assert outcome.sentence.count(source.name) == 1
            assert not outcome.lost
        else:
            assert outcome == source.value**2


def _bug(source, progress):
    return 1 // (source.value - 4)


@pytest.mark.parametrize("where", ["here", "threads", "elsewhere"])
def test_what_is_no_fault_of_a_run_is_raised(where):
    with ThreadPoolExecutor(2) as threads, pytest.raises(ZeroDivisionError):
        list(each(_bug, NUMBERS, {"here": None, "threads": threads, "elsewhere": Elsewhere()}[where]))


@pytest.mark.parametrize("error", [BrokenExecutor("gone"), ModuleNotFoundError("No module named 'napari_connectome'")])
def test_workers_that_are_gone_are_told_from_runs_that_fail(error):
    outcomes = [outcome for _, outcome in each(_square, NUMBERS[8:], Elsewhere(error, after=2))]
    assert outcomes[:2] == [64, 81]
    assert all(outcome.lost for outcome in outcomes[2:])


def test_an_executor_that_takes_no_more_loses_the_rest():
    class Broken(Elsewhere):
        def submit(self, task, /, *args, **more):
            raise BrokenExecutor

    assert all(outcome.lost for _, outcome in each(_square, NUMBERS, Broken()))
    with ThreadPoolExecutor(1) as shut_down:
        pass
    assert all(outcome.lost for _, outcome in each(_square, NUMBERS, shut_down))


def test_a_client_that_gave_up_is_not_waited_for():
    class Silent(Executor):
        class _client:  # noqa: N801
            status = "closed"

        def submit(self, task, /, *args, **more):
            return Future()

    assert all(outcome.lost for _, outcome in each(_square, NUMBERS, Silent()))


def test_another_process_that_cannot_import_a_class_says_so_and_goes_on(monkeypatch):
    module = types.ModuleType("my_own_numbers")
    exec("class Mine:\n    value, name = 4, 'run-4'\nclass Locked(Mine):\n    pass\n", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    cloudpickle = pytest.importorskip("cloudpickle")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # which the other process need not find, either
    locked = module.Locked()
    locked.name, locked.lock = "run-0", threading.Lock()
    sources = [NUMBERS[1], module.Mine(), NUMBERS[3], locked, NUMBERS[2]]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        outcomes = [outcome for _, outcome in each(_square, sources, processes)]
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    assert (outcomes[0], outcomes[4]) == (1, 4)
    assert outcomes[1].sentence.startswith("run-4 is a my_own_numbers.Mine, which the workers cannot open (No module named")
    assert outcomes[2].sentence == "run-3 is odd."
    assert outcomes[3].sentence.startswith("run-0 is a my_own_numbers.Locked, which cannot be sent to other processes")
    assert not any(outcome.lost for outcome in outcomes[1:4])


@pytest.mark.parametrize("where", ["threads", "elsewhere"])
def test_cancel_is_heard_while_a_task_is_under_way(where):
    begun, calls, asked = threading.Event(), [], []
    over = threading.Event()

    def endless(source, progress):
        begun.set()
        while not over.wait(0.01):
            progress(0.5, "")

    def stop(fraction, doing):
        calls.append(threading.current_thread())
        if begun.is_set():
            asked.append(time.monotonic())
            raise Cancelled

    with ThreadPoolExecutor(2) as threads:
        executor = threads if where == "threads" else Elsewhere()
        with pytest.raises(Cancelled):
            list(each(endless, NUMBERS[:3], executor, stop))
        assert set(calls) == {threading.current_thread()}
        if where == "elsewhere":
            over.set()  # nobody can reach what runs there; it is not waited for
    assert len(asked) == 1


def test_leaving_early_takes_back_what_was_handed_out():
    elsewhere = Elsewhere()
    elsewhere.submit = lambda task, *args: elsewhere.given.append(Future()) or elsewhere.given[-1]
    outcomes = each(_square, NUMBERS, elsewhere, progress=lambda fraction, doing: (_ for _ in ()).throw(Cancelled))
    with pytest.raises(Cancelled):
        next(outcomes)
    assert len(elsewhere.given) == 12
    assert all(future.cancelled() for future in elsewhere.given)


def test_no_more_runs_are_asked_for_than_are_worked_at():
    asked, done = [], []

    def numbers():
        for number in NUMBERS:
            asked.append(number)
            yield number

    with ThreadPoolExecutor(2) as threads:
        for _ in each(_square, numbers(), threads):
            done.append(1)
            assert len(asked) <= len(done) + 2


def test_progress_tells_how_many_are_done():
    told = []
    list(each(_square, NUMBERS, None, lambda *args: told.append(args), "squaring"))
    assert told[0] == (0.0, "squaring run-0 (1 of 12)")
    assert told[-1] == (11.5 / 12, "squaring run-11 (12 of 12)")
