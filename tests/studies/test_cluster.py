"""On a real cluster of two processes, one of which is killed in the middle, the result is complete and the same."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest

from napari_connectome import Grid, Run, Volume, save
from napari_connectome.analyses.networks import Networks
from napari_connectome.core.errors import Cancelled, InputError
from napari_connectome.io.run_file import RunFile
from napari_connectome.studies.cluster import cluster_executor
from napari_connectome.studies.distribute import each
from napari_connectome.studies.learn_networks import RunsFailed, reduce_runs

distributed = pytest.importorskip("distributed")

GRID = Grid((9, 10, 8), np.diag([4.0, 4.0, 4.0, 1.0]))
PARAMS = Networks(n_components=4, fwhm=5.0)
MASK = Volume(np.ones(GRID.shape, bool), GRID)


@pytest.fixture(scope="module", autouse=True)
def by_definition():
    """The workers need not find this file."""
    cloudpickle = pytest.importorskip("cloudpickle")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def cluster():
    settings = {
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.comm.timeouts.connect": "5s",
        "distributed.worker.daemon": True,
    }
    import dask

    with (
        dask.config.set(settings),
        distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    paths = []
    for i in range(8):
        rng = np.random.default_rng(i)
        data = 800 + 10 * rng.standard_normal((40, *GRID.shape))
        paths.append(folder / f"sub-{i:02d}.nii.gz")
        save(Run(data.astype("i2"), GRID, 2.0), paths[-1])
    return paths


class Slow(RunFile):
    """A run that takes a while to be read and leaves a note of who does."""

    def stream(self, progress=None):
        notes = os.path.join(os.path.dirname(self.path), "notes")
        os.makedirs(notes, exist_ok=True)
        open(os.path.join(notes, f"{os.getpid()}-{self.name}"), "w").close()
        time.sleep(0.15)
        return super().stream()


def test_a_killed_worker_costs_nothing(cluster, files, tmp_path):
    wanted = reduce_runs(files, PARAMS, mask=MASK)
    notes = files[0].parent / "notes"

    def kill():
        while len(list(notes.glob("*"))) < 4:
            time.sleep(0.01)
        victim = int(sorted(notes.glob("*"))[-1].name.partition("-")[0])
        assert victim in {worker.pid for worker in cluster.workers.values()} != {os.getpid()}
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    with cluster_executor(cluster.scheduler_address) as executor:
        killer.start()
        found = reduce_runs([Slow(path) for path in files], PARAMS, mask=MASK, executor=executor)
    killer.join()
    assert len({note.name.partition("-")[0] for note in notes.glob("*")}) >= 2
    assert [subject.name for subject in found.subjects] == [path.name.removesuffix(".nii.gz") for path in files]
    for mine, theirs in zip(found.subjects, wanted.subjects, strict=True):
        np.testing.assert_array_equal(mine.rows, theirs.rows)


@pytest.fixture
def unknown(monkeypatch):
    """A class of a module that no other process can import."""
    module = types.ModuleType("my_own_runs")
    exec(
        "from napari_connectome import load_run\n"
        "class Mine:\n"
        "    def __init__(self, name, path):\n"
        "        self.name, self.path = name, path\n"
        "    def load(self, progress=None):\n"
        "        return load_run(self.path)\n",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


OWN = (
    r"^subject one is a my_own_runs\.Mine, which the workers cannot open \(No module named 'my_own_runs'\): "
    r"install its module on them, too, or give the path of its file\.$"
)


def test_a_class_that_the_workers_cannot_import_is_named_and_the_others_are_done(cluster, files, unknown):
    runs = [files[0], unknown.Mine("subject one", files[1]), files[2]]
    with cluster_executor(cluster.scheduler_address) as executor:
        with pytest.raises(RunsFailed, match=OWN) as caught:
            reduce_runs(runs, PARAMS, mask=MASK, executor=executor)
        assert len(caught.value.failures) == 1
        assert [subject.name for subject in caught.value.reductions.subjects] == ["sub-00", "sub-02"]
        found = reduce_runs(runs, PARAMS, mask=MASK, executor=executor, leave_out=True)
        assert [subject.name for subject in found.subjects] == ["sub-00", "sub-02"]
        assert len(found.left_out) == 1
        # and sent by its definition it is done as well
        cloudpickle = pytest.importorskip("cloudpickle")
        cloudpickle.register_pickle_by_value(unknown)
        try:
            found = reduce_runs(runs, PARAMS, mask=MASK, executor=executor)
        finally:
            cloudpickle.unregister_pickle_by_value(unknown)
        assert [subject.name for subject in found.subjects] == ["sub-00", "subject one", "sub-02"]
    assert len(cluster.workers) == 2


def test_what_only_this_process_can_hold_is_named(cluster, files, unknown):
    mine = unknown.Mine("subject one", files[1])
    mine.lock = threading.Lock()
    with cluster_executor(cluster.scheduler_address) as executor:
        with pytest.raises(RunsFailed, match=r"^subject one is a .*Mine, which cannot be sent .*lock.*: give the path"):
            reduce_runs([files[0], mine], PARAMS, mask=MASK, executor=executor)
        assert len(reduce_runs(files[:2], PARAMS, mask=MASK, executor=executor).subjects) == 2


def test_workers_without_the_package_are_told(cluster, files, unknown):
    exec("def task(source, progress): return source.name", unknown.__dict__)
    with cluster_executor(cluster.scheduler_address) as executor:
        outcomes = [outcome for _, outcome in each(unknown.task, [RunFile(path) for path in files], executor)]
        assert all(outcome.lost and "cannot import what is needed" in outcome.sentence for outcome in outcomes)
        assert len(reduce_runs(files[:2], PARAMS, mask=MASK, executor=executor).subjects) == 2


def test_a_mended_file_is_read_again(cluster, files, tmp_path):
    path = tmp_path / "sub-50.nii.gz"
    path.write_bytes(files[0].read_bytes()[:5000])
    source = RunFile(path)
    with cluster_executor(cluster.scheduler_address) as executor:
        tasks = each(_size, [source, RunFile(files[1])], executor)
        broken = next(tasks)
        path.write_bytes(files[0].read_bytes())
        (_, mended), _ = each(_size, [source, RunFile(files[1])], executor)
        tasks.close()
    assert (broken[1], mended) == (5000, files[0].stat().st_size)


def _size(source, progress):
    return os.path.getsize(source.path)


def test_a_broken_file_is_named_and_cancel_is_heard(cluster, files, tmp_path):
    broken = tmp_path / "sub-99.nii.gz"
    broken.write_bytes(files[0].read_bytes()[:5000])
    with cluster_executor(cluster.scheduler_address) as executor:
        with pytest.raises(RunsFailed, match=r"sub-99\.nii\.gz is broken or cut short") as caught:
            reduce_runs([files[0], broken, files[1]], PARAMS, mask=MASK, executor=executor)
        assert len(caught.value.reductions.subjects) == 2

        def stop(fraction, doing):
            if fraction > 0.3:
                raise Cancelled

        with pytest.raises(Cancelled):
            reduce_runs(files, PARAMS, mask=MASK, executor=executor, progress=stop)


def test_a_cluster_that_is_not_there_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(InputError, match=f"no Dask scheduler answers at {address}"), cluster_executor(address, 0.5):
        pass
    with pytest.raises(InputError, match="no Dask scheduler answers at nonsense"), cluster_executor("nonsense", 0.5):
        pass


def nobody():
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(params=["silent", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"])
def another_program(request):
    """The address of a program that is no scheduler: it says nothing at all, or something else."""
    kept = []

    def answer(listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            kept.append(connection)
            if request.param != "silent":
                connection.sendall(request.param.encode())

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in kept:
        connection.close()


NO_ADDRESSES = ["nonsense", "no such place", "127.0.0.1", "127.0.0.1:99999999", "http://127.0.0.1:1", "inproc://127.0.0.1/1/1"]


@pytest.mark.parametrize("address", [pytest.param(nobody(), id="nobody"), *NO_ADDRESSES, "tls://127.0.0.1:1"])
def test_a_failed_connection_leaves_nothing(address):
    before, clients = threading.enumerate(), set(distributed.Client._instances)
    with pytest.raises(InputError, match=r"^no (Dask )?scheduler .* at .*correct the address"), cluster_executor(address, 0.3):
        pass
    assert threading.enumerate() == before
    gc.collect()
    assert set(distributed.Client._instances) <= clients


def test_a_program_that_is_no_scheduler_is_told_in_time(another_program):
    before = set(threading.enumerate())
    with pytest.raises(InputError, match="no Dask scheduler answers"), cluster_executor(another_program, 0.3):
        pass
    assert set(threading.enumerate()) == before


def test_cancel_is_heard_while_nobody_answers():
    before = threading.enumerate()

    def stop(fraction, doing):
        raise Cancelled

    start = time.monotonic()
    with pytest.raises(Cancelled), cluster_executor(nobody(), 3600.0, stop):
        pass
    assert time.monotonic() - start < 60
    assert threading.enumerate() == before


@pytest.mark.parametrize(
    "ending", ["", "executor = context = None", "raise SystemExit(0)", "executor.submit(abs, -3).result()"]
)
def test_a_program_that_never_leaves_the_context_ends_quietly(cluster, ending):
    program = (
        "from napari_connectome.studies.cluster import cluster_executor\n"
        f"context = cluster_executor({cluster.scheduler_address!r})\n"
        f"executor = context.__enter__()\n{ending}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_connection_that_is_left_leaves_nothing(cluster):
    with cluster_executor(cluster.scheduler_address) as executor:  # the pool of threads that Dask keeps is there from now on
        assert executor.submit(abs, -3).result() == 3
    before = threading.enumerate()
    with cluster_executor(cluster.scheduler_address) as executor:
        assert executor.submit(abs, -4).result() == 4
    assert threading.enumerate() == before


@pytest.mark.parametrize("address", [None, 5, "", " "])
def test_what_is_no_address_is_told(address):
    with pytest.raises(InputError, match="must be its scheduler's"), cluster_executor(address):
        pass


def test_without_the_package_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install napari-connectome\[distributed\]"), cluster_executor("a:1"):
        pass
