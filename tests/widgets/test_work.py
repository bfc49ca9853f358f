"""Long jobs: every end is told once and in the window's thread, newest wins, nothing outlives its widget."""

import errno
import gc
import sys
import threading
import time
import weakref

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_connectome.core.errors import InputError
from napari_connectome.widgets import work as work_module
from napari_connectome.widgets.work import Work, WorkBar


def ours():
    return [thread for thread in threading.enumerate() if thread.name == "napari-connectome"]


class Heard:
    """Writes down all that a `Work` tells, and in which thread."""

    def __init__(self, work):
        self.events, self.threads, self.progress = [], set(), []
        for name in ("started", "ended", "cancelled"):
            getattr(work, name).connect(lambda name=name: self._note(name))
        for name in ("done", "failed"):
            getattr(work, name).connect(lambda value, name=name: self._note((name, value)))
        work.progressed.connect(lambda fraction, doing: self.progress.append((fraction, doing)))

    def _note(self, what):
        self.events.append(what)
        self.threads.add(threading.current_thread())


def steps(progress, n=1000, pause=0.005):
    for i in range(n):
        progress(i / n, f"step {i}")
        time.sleep(pause)
    return n


def forever(progress):
    while True:
        progress(0.5, "going on")
        time.sleep(0.005)


@pytest.fixture
def work(qtbot):
    work = Work()
    yield work
    assert work.close()
    assert not ours()


@pytest.fixture
def heard(work):
    return Heard(work)


def until_ended(qtbot, work, timeout=20000):
    qtbot.waitUntil(lambda: not work.busy, timeout=timeout)


def test_a_result_arrives_once_in_the_window_thread(qtbot, work, heard):
    worked_in, then = [], []

    def job(progress):
        worked_in.append(threading.current_thread())
        return steps(progress, 40)

    work.run(job, then.append)
    assert work.busy
    until_ended(qtbot, work)
    qtbot.wait(60)
    assert heard.events == ["started", "ended", ("done", 40)]
    assert then == [40]
    assert heard.threads == {threading.main_thread()}
    assert worked_in != [threading.main_thread()]
    fractions = [fraction for fraction, _ in heard.progress]
    assert fractions == sorted(fractions)
    assert 2 <= len(fractions) <= 40
    assert heard.progress[-1] == (39 / 40, "step 39")


def test_cancel_stops_at_the_next_report(qtbot, work, heard):
    work.run(forever)
    qtbot.wait(60)
    work.cancel()
    until_ended(qtbot, work)
    assert heard.events == ["started", "ended", "cancelled"]
    assert not ours()


def test_cancel_with_nothing_running_is_nothing(work, heard):
    work.cancel()
    assert heard.events == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InputError("the run has 3 volumes: give more."), "the run has 3 volumes: give more."),
        (OSError(errno.EACCES, "Permission denied", "/data/x.nii"), "/data/x.nii: Permission denied."),
        (MemoryError("Unable to allocate 9 TiB"), "there is not enough memory (Unable to allocate 9 TiB)"),
    ],
)
def test_what_the_user_can_mend_is_said_in_a_sentence(qtbot, work, heard, error, sentence):
    before = len(notification_manager.records)

    def job(progress):
        raise error

    work.run(job)
    until_ended(qtbot, work)
    assert heard.events[:2] == ["started", "ended"]
    assert heard.events[2][0] == "failed"
    assert heard.events[2][1].startswith(sentence)
    assert len(notification_manager.records) == before


@pytest.mark.parametrize("where", ["in the job", "with its result"])
def test_a_bug_goes_to_napari_with_its_traceback(qtbot, work, heard, where, monkeypatch):
    told = []
    monkeypatch.setattr(notification_manager, "receive_error", lambda *what: told.append(what))

    def wrong(*_):
        raise ZeroDivisionError("ours")

    if where == "in the job":
        work.run(wrong)
    else:
        work.run(lambda progress: 1, wrong)
    until_ended(qtbot, work)
    assert heard.events == ["started", "ended"]
    [(kind, error, traceback)] = told
    assert kind is ZeroDivisionError
    assert str(error) == "ours"
    while traceback.tb_next:
        traceback = traceback.tb_next
    assert traceback.tb_frame.f_code.co_name == "wrong"


def test_the_newest_wins_and_never_two_work_at_once(qtbot, work, heard):
    at_work, most = [0], [0]
    lock = threading.Lock()

    def job(value):
        def run(progress):
            with lock:
                at_work[0] += 1
                most[0] = max(most[0], at_work[0])
            try:
                steps(progress, 20)
                return value
            finally:
                with lock:
                    at_work[0] -= 1

        return run

    for value in range(6):
        work.run(job(value))
        qtbot.wait(15 * (value % 3))
    until_ended(qtbot, work)
    qtbot.wait(60)
    assert [event for event in heard.events if event != "started"] == ["ended", ("done", 5)]
    assert most == [1]


def test_a_job_may_start_the_next_from_its_end(qtbot, work, heard):
    work.run(lambda progress: "first", lambda value: work.run(lambda progress: "second"))
    qtbot.waitUntil(lambda: len(heard.events) == 6)
    assert heard.events == ["started", "ended", "started", ("done", "first"), "ended", ("done", "second")]


def test_a_job_waits_while_it_is_held(qtbot, work, heard):
    work.run(forever)
    qtbot.waitUntil(lambda: bool(heard.progress))
    job = work._job
    with work.held():
        time.sleep(0.05)
        job.state = before = (0.1, "held")
        time.sleep(0.05)
        assert job.state == before
    qtbot.waitUntil(lambda: job.state != before)
    with work.held():
        work.cancel()
        until_ended(qtbot, work)
    assert heard.events == ["started", "ended", "cancelled"]
    assert work.close()


def test_cancel_does_not_wait_for_the_stubborn_and_the_next_job_does(qtbot, work, heard):
    release = threading.Event()
    stopping = []
    work.stopping.connect(lambda: stopping.append(time.monotonic()))
    work.run(lambda progress: release.wait())
    start = time.monotonic()
    work.cancel()
    work.cancel()
    assert len(stopping) == 1
    until_ended(qtbot, work)
    assert time.monotonic() - start < 1.0
    assert heard.events == ["started", "ended", "cancelled"]
    work.run(lambda progress: 1)
    qtbot.wait(60)
    assert work.busy
    release.set()
    until_ended(qtbot, work)
    assert heard.events[3:] == ["started", "ended", ("done", 1)]


def test_close_waits_and_tells_nobody(qtbot, work, heard):
    work.run(forever)
    qtbot.wait(30)
    assert work.close()
    assert not ours()
    qtbot.wait(60)
    assert heard.events == ["started"]


@pytest.mark.parametrize("patience", [0, 200])
def test_nothing_is_shown_of_a_job_that_was_dropped(qtbot, work, monkeypatch, patience):
    monkeypatch.setattr(WorkBar, "PATIENCE", patience)
    bar = WorkBar(work)
    qtbot.addWidget(bar)
    work.run(forever)
    if not patience:
        qtbot.waitUntil(bar.isVisible)
    work.close()
    qtbot.wait(300)
    assert not bar.isVisible()


def test_a_long_name_in_what_is_done_makes_nothing_wider(qtbot, work, monkeypatch):
    monkeypatch.setattr(WorkBar, "PATIENCE", 0)
    bar = WorkBar(work)
    qtbot.addWidget(bar)
    bar.resize(200, 60)
    usual = bar.minimumSizeHint().width()
    work.progressed.emit(0.5, f"reading {'sub-01_task-rest_run-1_' * 9}bold.nii.gz")
    bar.show()
    assert bar.minimumSizeHint().width() == usual < 200
    assert "bold.nii.gz" in bar._doing.text()


def test_close_does_not_wait_for_the_stubborn(qtbot, work):
    release = threading.Event()
    work.run(lambda progress: release.wait())
    start = time.monotonic()
    assert not work.close(0.2)
    assert time.monotonic() - start < 1.0
    work.run(lambda progress: 1)  # waits for the other one
    qtbot.wait(60)
    assert work.busy
    release.set()
    until_ended(qtbot, work)


def test_the_window_goes_in_mid_work(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    widget = QWidget()
    widget.work = Work(widget)
    bar = WorkBar(widget.work)
    QVBoxLayout(widget).addWidget(bar)
    viewer.window.add_dock_widget(widget)
    heard = Heard(widget.work)
    widget.work.run(forever)
    qtbot.wait(30)
    assert len(ours()) == 1
    gone = []
    widget.destroyed.connect(lambda: gone.append(True))
    viewer.close()
    qtbot.waitUntil(lambda: bool(gone))
    qtbot.waitUntil(lambda: not ours(), timeout=1000)
    qtbot.wait(60)
    assert heard.events == ["started"]


def test_a_dock_closed_by_its_cross_goes_on_and_a_deleted_one_stops(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    widget = QWidget()
    work = Work(widget)
    dock = viewer.window.add_dock_widget(widget)
    work.run(forever)
    dock.hide()
    qtbot.wait(30)
    assert work.busy
    widget.deleteLater()
    qtbot.waitUntil(lambda: not ours(), timeout=1000)


def test_nothing_is_kept_alive(qtbot, work):
    class Big:
        pass

    refs = []

    def job(progress):
        big = Big()
        refs.append(weakref.ref(big))
        progress(0.1, "")
        return big

    work.run(job)
    until_ended(qtbot, work)
    work.run(lambda progress: job(progress) and forever(progress))
    qtbot.wait(30)
    work.cancel()
    until_ended(qtbot, work)
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


def test_the_end_of_the_program_stops_what_runs(qtbot, work):
    work.run(forever)
    work_module._stop_all()
    assert not ours()


def test_the_bar_shows_late_and_cancels(qtbot, work, heard):
    bar = WorkBar(work)
    qtbot.addWidget(bar)
    work.run(lambda progress: 1)
    until_ended(qtbot, work)
    qtbot.wait(100)
    assert not bar.isVisible()
    for _ in range(2):  # the second job can be cancelled as well
        work.run(forever)
        qtbot.waitUntil(bar.isVisible)
        qtbot.waitUntil(lambda: bar._bar.value() == 500)
        assert "going on" in [label.text() for label in bar.findChildren(QLabel)]
        QTest.mouseClick(bar._button, Qt.MouseButton.LeftButton)
        until_ended(qtbot, work)
        assert heard.events[-2:] == ["ended", "cancelled"]
        assert not bar.isVisible()


def test_the_window_stays_responsive(qtbot, work):
    """A job that computes all the time leaves the window its turns."""
    import numpy as np

    rng = np.random.default_rng(0)
    left = rng.standard_normal((400, 400))

    def job(progress):
        for i in range(100):
            left @ left
            progress(i / 100, "multiplying")

    work.run(job)
    turns = 0
    while work.busy:
        qtbot.wait(1)
        turns += 1
        assert turns < 20000
    assert turns > 3


@pytest.mark.skipif(sys.platform != "linux", reason="one look at the exit of a process is enough")
def test_leaving_python_in_mid_work_is_clean(tmp_path):
    import subprocess

    script = tmp_path / "leave.py"
    script.write_text(
        "import time\n"
        "from qtpy.QtWidgets import QApplication\n"
        "from napari_connectome.widgets.work import Work\n"
        "app = QApplication([])\n"
        "work = Work()\n"
        "def forever(progress):\n"
        "    while True:\n"
        "        progress(0.5, ''); time.sleep(0.001)\n"
        "work.run(forever)\n"
        "time.sleep(0.05); app.processEvents()\n"
    )
    end = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (end.returncode, end.stderr) == (0, "")
