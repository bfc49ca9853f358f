"""What every test relies on: a screen, settings of its own, phantoms, the real data, and a check that nothing keeps running.

A test of the window must leave nothing behind: no worker, no thread, no active timer, no widget of ours. A thing left over does
no harm to the test that left it and crashes one much later, so it is reported here, at once, with what usually causes it.
"""

from __future__ import annotations

import atexit
import dataclasses
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Before anything imports napari, which reads these when it is imported: the settings of whoever runs the tests stay untouched.
_SETTINGS = tempfile.mkdtemp(prefix="napari-connectome-tests-")
atexit.register(shutil.rmtree, _SETTINGS, ignore_errors=True)
os.environ["NAPARI_CONFIG"] = str(Path(_SETTINGS) / "settings.yaml")
os.environ["NAPARI_ENSURE_PLUGIN_MAIN_THREAD"] = "1"

# Every property is tried as often as the profile says, so no test says a number: `HYPOTHESIS_PROFILE=nightly` tries more.
_ANY_MACHINE = {
    "deadline": None,  # a machine that does other things may take any time
    "suppress_health_check": [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
}
hypothesis.settings.register_profile("fast", max_examples=25, derandomize=True, **_ANY_MACHINE)
hypothesis.settings.register_profile("nightly", max_examples=200, print_blob=True, **_ANY_MACHINE)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

pytest_plugins = ["tests.windows"]

_GUI = {"qtbot", "qapp", "make_napari_viewer", "make_napari_viewer_proxy"}
_PACKAGE = str(Path(__file__).resolve().parents[1] / "napari_connectome") + os.sep
_PATIENCE = 3.0  # seconds something may take to end by itself once its test is over


def pytest_configure(config: pytest.Config) -> None:
    """Give each process that runs tests a screen of its own, where there is no display and Xvfb is installed."""
    distributes = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    if distributes or not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    if server := shutil.which("Xvfb"):
        _open_screen(server)


def _open_screen(server: str) -> None:
    """Start a virtual screen that ends with this process."""
    reading, writing = os.pipe()
    arguments = ["-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset"]
    # In a session of its own: Ctrl+C is for pytest, which then says what failed so far.
    screen = subprocess.Popen([server, *arguments], pass_fds=[writing], stderr=subprocess.DEVNULL, start_new_session=True)
    os.close(writing)
    atexit.register(screen.terminate)
    with os.fdopen(reading) as answer:
        number = answer.readline().strip()
    if not number:
        pytest.exit(f"{server} did not start", returncode=3)
    os.environ |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, and skip the tests of the window where Qt, without a display, would abort the whole run.

    Two workers end at the same time when what is left at the end is short: walks, other files of the window, whole programs.
    """
    window = {item.path for item in items if _uses_qt(item)}
    items.sort(key=lambda item: ("walk" not in item.path.stem, item.path not in window, item.path.parent.name != "tests"))
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    for item in items:
        if _uses_qt(item):
            item.add_marker(pytest.mark.skip(reason="needs a display: `make test` provides one (Xvfb)"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real measurements; tests that use it are skipped where there is none."""
    folder = os.environ.get("NAPARI_CONNECTOME_DATA")
    if not folder:
        pytest.skip("real data: set NAPARI_CONNECTOME_DATA to the folder that holds them")
    if not Path(folder).is_dir():
        pytest.fail(f"NAPARI_CONNECTOME_DATA is {folder!r}, which is no folder")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def phantom() -> Any:
    """The resting-state phantom, made once; all tests share its arrays, so none can write to them."""
    return _read_only(_phantoms().resting_state())


@pytest.fixture(scope="session")
def faces() -> Any:
    """The face/house phantom, made once; all tests share its arrays, so none can write to them."""
    return _read_only(_phantoms().face_house())


@pytest.fixture(scope="session")
def group() -> list[Any]:
    """The six resting-state phantoms, made once; all tests share their arrays, so none can write to them."""
    return [_read_only(each) for each in _phantoms().resting_group()]


def _phantoms() -> Any:
    return pytest.importorskip("napari_connectome.core.phantom")


def _read_only(value: Any) -> Any:
    """The same value, whose arrays refuse to be written to."""
    import numpy as np

    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _read_only(getattr(value, field.name))
    return value


@pytest.fixture(scope="session")
def answer() -> Callable[[str], dict[str, Any]]:
    """Read what nilearn answered (`tests/answers/make_answers.py`), by the answer's name."""
    from tests.answers.make_answers import read

    return read


@pytest.fixture(scope="session")
def found_again() -> Callable[..., dict[str, float]]:
    """For learned maps and the networks of each phantom: |r| of each of these with the map it is paired with, one to one."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    def pairs(learned: Any, truth: list[Any]) -> dict[str, float]:
        mean = np.mean([maps.data for maps in truth], axis=0, dtype=np.float64)
        somewhere = learned.data.any(axis=0) | mean.any(axis=0)
        r = np.abs(np.corrcoef(mean[:, somewhere], learned.data[:, somewhere])[: len(mean), len(mean) :])
        rows, columns = linear_sum_assignment(-r)
        return dict(zip(truth[0].names, r[rows, columns].tolist(), strict=True))

    return pairs


@pytest.fixture(autouse=True)
def nothing_left_running(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After a test of the window, fail if workers, threads, timers or widgets of ours are still there.

    Being automatic, it is set up first and so checks last, when the viewer has been closed.
    """
    if not _uses_qt(request.node):
        yield
        return
    # napari collects garbage whenever a layer is removed. What was there before the test need not be looked at each time.
    gc.collect()
    gc.freeze()
    watched = _Watched(monkeypatch)
    yield
    left = watched.left_over()
    call = getattr(request.node, "rep_call", None)
    if left and not (call is not None and call.failed):
        pytest.fail("this test left something behind:\n" + "\n".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def nothing_left_spared() -> Iterator[None]:
    """After any test, fail if the garbage collector still passes over what was there: it would for good."""
    yield
    spared = sys.modules.get("napari_connectome.layers.spared")
    if spared is not None and spared._sparing:
        spared._sparing.clear()
        gc.unfreeze()
        pytest.fail("this test left things spared by the garbage collector: close what it opened", pytrace=False)


def _uses_qt(item: Any) -> bool:
    return bool(_GUI.intersection(getattr(item, "fixturenames", ())))


class _Watched:
    """Everything our code starts during one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from qtpy.QtCore import QThread, QTimer
        from qtpy.QtWidgets import QApplication

        self.threads: list[tuple[threading.Thread, str]] = []
        self.qthreads: list[tuple[Any, str]] = []
        self.timers: list[tuple[Any, str]] = []
        # C++ may delete a widget and give its address to another: keep the objects, not their ids.
        self.widgets = list(QApplication.topLevelWidgets())
        _record(monkeypatch, threading.Thread, self.threads, _called_from_us)
        _record(monkeypatch, QThread, self.qthreads, _called_from_us)
        _record(monkeypatch, QTimer, self.timers, _timer_called_from)

    def left_over(self) -> list[str]:
        """Describe what is still there after a moment of patience; then stop it, so that the next test starts clean."""
        deadline = time.monotonic() + _PATIENCE
        gc.collect()
        while (left := self._now()) and time.monotonic() < deadline:
            time.sleep(0.01)
        if left:
            self._stop()
        return left

    def _now(self) -> list[str]:
        from qtpy.QtCore import QEvent, QThreadPool
        from qtpy.QtWidgets import QApplication

        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        left = []
        if QThreadPool.globalInstance().activeThreadCount():
            left.append(
                "- a worker still runs: its widget must quit it when it is closed, and the work must call its progress."
            )
        for thread, place in self.threads:
            if thread.is_alive():
                left.append(
                    f"- thread {thread.name!r} still runs, started at {place}: close() of its owner must stop and join it."
                )
        for thread, place in self.qthreads:
            if _ask(thread.isRunning):
                left.append(f"- a QThread still runs, started at {place}: quit() and wait() for it when its widget is closed.")
        for timer, place in self.timers:
            if _ask(timer.isActive):
                left.append(
                    f"- a QTimer is still active, started at {place}: give it a parent, or stop it when its widget is closed."
                )
        new = (widget for widget in QApplication.topLevelWidgets() if widget not in self.widgets)
        left += [
            f"- a top-level {ours} is still there: dock it in the viewer, give it a parent, or hand it to qtbot.addWidget; "
            "a closed one is kept alive by signals connected to its methods or to lambdas."
            for widget in new
            if (ours := _our_widget(widget))
        ]
        return left

    def _stop(self) -> None:
        from superqt.utils import WorkerBase

        for timer, _ in self.timers:
            _ask(timer.stop)
        for thread, _ in self.qthreads:
            _ask(thread.quit)
        try:
            WorkerBase.await_workers(2000)
        except RuntimeError:
            print("a worker does not react to quit(): it never yields", file=sys.stderr)


def _record(monkeypatch: pytest.MonkeyPatch, kind: Any, started: list[tuple[Any, str]], place_of: Callable[[], str]) -> None:
    start = kind.start

    def recorded(self: Any, *args: Any) -> Any:
        if place := place_of():
            started.append((self, place))
        return start(self, *args)

    monkeypatch.setattr(kind, "start", recorded)


def _called_from_us() -> str:
    """File and line of the innermost frame of the package on the stack, or nothing."""
    frames = [f for f in traceback.walk_stack(None) if f[0].f_code.co_filename.startswith(_PACKAGE)]
    return f"{frames[0][0].f_code.co_filename}:{frames[0][1]}" if frames else ""


def _timer_called_from() -> str:
    """Like `_called_from_us`; a throttle is often set off by a signal, with no frame of ours on the stack."""
    throttled = any(frame.f_code.co_filename.endswith("_throttler.py") for frame, _ in traceback.walk_stack(None))
    return _called_from_us() or ("a superqt throttle" if throttled else "")


def _our_widget(widget: Any) -> str:
    from qtpy.QtWidgets import QWidget

    for each in (widget, *(widget.findChildren(QWidget) or ())):
        for thing in (each, getattr(each, "_magic_widget", None)):
            kind = type(thing)
            if kind.__module__.startswith("napari_connectome"):
                return kind.__name__
    return ""


def _ask(question: Callable[[], Any]) -> Any:
    """Ask a Qt object something; one that C++ has deleted is gone, which is what we want."""
    try:
        return question()
    except RuntimeError:
        return None
