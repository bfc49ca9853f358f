"""One long job at a time, beside the window: progress, cancel, newest wins.

A plain thread that knows nothing of Qt does the work, and a timer of the window looks at it fifty times a second.
napari's `thread_worker` was not taken: it can stop generators only (ours stop where they report progress), pops up a
traceback for the user's mistakes too, and its thread pool makes a closing application wait for as long as the job
likes. With a timer in the window's own thread nothing can arrive in a widget that is gone.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from napari.utils.notifications import notification_manager
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_connectome.core.errors import Cancelled, InputError, Progress
from napari_connectome.core.words import as_sentence
from napari_connectome.widgets.at_end import AtEnd

LOOK = 20
"""Milliseconds between two looks at the running job."""
TELL = 0.1
"""Seconds between two tellings of how far it is: each has the whole window drawn again, canvas and all."""
GRACE = 0.1
"""Seconds after which a job that was told to stop is over for its widget, whatever its thread is still at."""


class Job:
    """One call of a function in a thread of its own; holds what came out of it. Never touches Qt."""

    def __init__(self, function: Callable[[Progress], Any], after: Job | None = None) -> None:
        self.state: tuple[float, str] = (0.0, "")
        self.value: Any = None
        self.error: BaseException | None = None
        self.stopped = threading.Event()
        self.told = 0.0  # when it was to stop first
        self.free = threading.Event()  # to go on
        self.free.set()
        self._function: Callable[[Progress], Any] | None = function
        self._after = after
        self._thread = threading.Thread(target=self._work, name="napari-connectome", daemon=True)
        _jobs.add(self)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Ask it to stop at its next report of progress."""
        if not self.stopped.is_set():
            self.told = time.monotonic()
            self.stopped.set()

    @property
    def given_up(self) -> bool:
        """Whether it was told to stop so long ago that nobody waits for it any more."""
        return self.stopped.is_set() and self.told > 0 and time.monotonic() - self.told > GRACE

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the thread to end; return whether it did."""
        self._thread.join(seconds)
        return self.over

    def _progress(self, fraction: float, doing: str) -> None:
        while not self.free.wait(GRACE) and not self.stopped.is_set():
            pass
        if self.stopped.is_set():
            raise Cancelled
        self.state = (fraction, doing)

    def _work(self) -> None:
        after, self._after = self._after, None
        function, self._function = self._function, None
        assert function is not None
        if after is not None:
            after.wait()  # so that two large jobs never fill the memory at once
            del after
        try:
            self._progress(0.0, "")
            self.value = function(self._progress)
        except Cancelled:
            self.stopped.set()
        except BaseException as error:
            self.error = error


_jobs: weakref.WeakSet[Job] = weakref.WeakSet()


@atexit.register
def _stop_all(seconds: float = 2.0) -> None:
    """Let no thread run into the interpreter's end."""
    end = time.monotonic() + seconds
    for job in list(_jobs):
        job.cancel()
    for job in list(_jobs):
        job.wait(max(0.0, end - time.monotonic()))


class Work(QObject):
    """Runs one job at a time for a widget; all signals come in the window's thread.

    Parameters
    ----------
    parent : QObject
        The widget it works for: when that goes, the job is cancelled and nobody is told.

    Notes
    -----
    `started()`, any number of `progressed(fraction, doing)`, then `ended()` and right after it one of `done(value)`,
    `failed(sentence)` (what was given cannot be used, memory is short, a file cannot be read), `cancelled()`, or, for
    a bug, napari's error notification with its traceback. `stopping()` comes at once when it is told to stop, and
    `cancelled()` a tenth of a second later at most: a thread that needs longer goes on unheard, and the next job waits for it.
    Of a job replaced by a newer one no more is heard, and of one that `close` stopped only `dropped()`.
    """

    started = Signal()
    progressed = Signal(float, str)
    ended = Signal()
    done = Signal(object)
    failed = Signal(str)
    stopping = Signal()
    cancelled = Signal()
    dropped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._then: Callable[[Any], None] | None = None
        self._told, self._when = (0.0, ""), 0.0  # what was told last, and when
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self._look)
        self._last: list[Job] = []  # the newest job until its thread has ended
        self.destroyed.connect(AtEnd(_cancel_all, self._last))  # no bound method: by then this object is gone

    @property
    def busy(self) -> bool:
        """Whether a job is running whose end will be told."""
        return self._job is not None

    def run(self, function: Callable[[Progress], Any], then: Callable[[Any], None] | None = None) -> None:
        """Start a job, in place of the one that may be running.

        Parameters
        ----------
        function : callable
            Called in the thread with a `Progress`, which raises `Cancelled` inside it when the job shall stop. It must
            touch no layer and no widget.
        then : callable, optional
            Called with the result in the window's thread, just before `done` is emitted.
        """
        _cancel_all(self._last)
        self._job = Job(function, after=self._last[0] if self._last else None)
        self._last[:] = [self._job]
        self._then = then
        self._told = (0.0, "")
        self._timer.start()
        self.started.emit()

    def cancel(self) -> None:
        """Stop the job at its next report of progress; `cancelled` tells when it has stopped."""
        if self._job is not None and not self._job.stopped.is_set():
            self._job.cancel()
            self.stopping.emit()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the job wait, at its next report of progress, while the window does something that is to be quick."""
        job = self._job
        if job is not None:
            job.free.clear()
        try:
            yield
        finally:
            if job is not None:
                job.free.set()

    def close(self, seconds: float = 2.0) -> bool:
        """Cancel, tell nobody but `dropped`, and wait for the thread to end; return whether it did in that time."""
        self._timer.stop()
        dropped = self._job is not None
        self._job = self._then = None
        if dropped:
            self.dropped.emit()
        _cancel_all(self._last)
        over = all(job.wait(seconds) for job in self._last)
        if over:
            self._last.clear()
        return over

    def _look(self) -> None:
        job = self._job
        if job is None:
            return
        over = job.over  # asked before the state, so that the last state is not missed
        due = over or time.monotonic() - self._when >= TELL
        if due and job.state != self._told and not job.stopped.is_set():
            self._told, self._when = job.state, time.monotonic()
            self.progressed.emit(*self._told)
        if (over or job.given_up) and job is self._job:
            self._finish(job)

    def _finish(self, job: Job) -> None:
        then = self._then
        self._job = self._then = None
        if job.over:
            self._last.clear()
        self._timer.stop()
        self.ended.emit()
        if job.stopped.is_set():
            self.cancelled.emit()
        elif job.error is not None:
            self._report(job.error)
        else:
            self._deliver(job.value, then)

    def _deliver(self, value: Any, then: Callable[[Any], None] | None) -> None:
        try:
            if then is not None:
                then(value)
        except Exception as error:
            self._report(error)
        else:
            self.done.emit(value)

    def _report(self, error: BaseException) -> None:
        sentence = sentence_of(error)
        if sentence is not None:
            self.failed.emit(sentence)
        else:
            notification_manager.receive_error(type(error), error, error.__traceback__)


def sentence_of(error: BaseException) -> str | None:
    """Say in a sentence what stood in the way; None for an error that is a bug of ours."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error or 'out of memory'}): close other images, or take a smaller run."
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}." if error.filename and error.strerror else f"{error}"
    return None


@contextmanager
def told(say: Callable[[str], Any]) -> Iterator[None]:
    """Say in a sentence what stands in the user's way; a bug of ours goes on."""
    try:
        yield
    except Exception as error:
        said = sentence_of(error)
        if said is None:
            raise
        say(as_sentence(said))


def _cancel_all(jobs: list[Job], *_: Any) -> None:
    for job in jobs:
        job.cancel()


class WorkBar(QWidget):
    """Shows how far a `Work` is, with a button to cancel; takes no room while nothing runs."""

    PATIENCE = 300
    """Milliseconds a job may take before it is worth showing."""

    def __init__(self, work: Work, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._doing = QElidingLabel()  # it may name a file, which would make the whole dock wider than it is
        self._doing.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._doing.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._button = QPushButton("Cancel")
        row = QHBoxLayout()
        row.addWidget(self._bar, 1)
        row.addWidget(self._button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._doing)
        self._delay = QTimer(self, singleShot=True, interval=self.PATIENCE)
        self._delay.timeout.connect(self.show)
        self._button.clicked.connect(self._cancel)
        work.started.connect(self._start)
        work.progressed.connect(self._show)
        work.ended.connect(self._end)
        work.dropped.connect(self._end)
        self.hide()

    def _start(self) -> None:
        self._show(0.0, "")
        self._button.setEnabled(True)
        self._delay.start()

    def _show(self, fraction: float, doing: str) -> None:
        self._bar.setValue(round(1000 * fraction))
        self._doing.setText(doing)

    def _end(self) -> None:
        self._delay.stop()
        self.hide()

    def _cancel(self) -> None:
        self._button.setEnabled(False)
        self._doing.setText("stopping …")
        self._work.cancel()
