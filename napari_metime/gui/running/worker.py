"""One step in a thread: its progress, its end, its cancelling.

The step's function is told to stop by ``Cancelled`` from its own ``on_progress``; there is no
other way in. An exception that no user can mend leaves the thread and so reaches napari's own
notification.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from qtpy.QtCore import QObject, Signal

from napari_metime.errors import Cancelled, MetimeError
from napari_metime.gui.widgets.collecting import collecting
from napari_metime.section import Progress

MIN_INTERVAL_S = 0.05
QUICK_S, PATIENCE_S = 0.05, 0.1
"""Where the last answer took less than the first, the window stands still for the next, but no longer than the second.
Our own choice: a tenth of a second is not felt as waiting."""
UNFORESEEN = "this failed in an unforeseen way; please report it with the details in napari's notification"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a job ended: with a value, with an error in words, cancelled, or crashed."""

    kind: Literal["done", "refused", "cancelled", "crashed"]
    value: Any = None

    @property
    def problem(self) -> str:
        """What went wrong, in words; empty where nothing did."""
        return {"refused": str(self.value), "crashed": UNFORESEEN}.get(self.kind, "")


Work = Callable[[Progress], Any]
Land = Callable[[Outcome], None]


@dataclass(eq=False)
class Job:
    """A step's work and whether it was told to stop."""

    work: Work
    land: Land
    cancelled: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome = field(default_factory=lambda: Outcome("crashed"))
    last_report_s: float = 0.0


class Runner(QObject):
    """Runs one job at a time; the signals arrive in the thread of the window."""

    progressed = Signal(object, float, str)
    ended = Signal(object)

    def __init__(self, name: str = "napari-metime step") -> None:
        super().__init__()
        self._name = name
        self._job: Job | None = None
        self._threads: list[threading.Thread] = []
        self._working: set[Job] = set()
        self.ended.connect(self._on_ended)

    def start(self, work: Work, land: Land) -> Job:
        """Start a job, in place of the one that runs; ``land`` is called with its outcome in the window's thread."""
        self.cancel()
        self._job = job = Job(work, land)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._run, args=(job,), name=self._name, daemon=True)
        self._threads.append(thread)
        self._working.add(job)
        collecting().while_alive(thread)
        thread.start()
        return job

    @property
    def is_working(self) -> bool:
        """Whether a job has not ended yet, be it one that was cancelled."""
        return bool(self._working)

    def wait_for(self, job: Job, seconds: float) -> None:
        """Wait for a job that is expected to end at once, and land it without a turn of the event loop."""
        if job.over.wait(seconds):
            self._on_ended(job)

    def cancel(self) -> None:
        """Tell the running job to stop and forget it; nothing of it lands any more."""
        if self._job is not None:
            self._job.cancelled.set()
            self._job = None

    def close(self) -> None:
        """Cancel and wait until no thread is left."""
        self.cancel()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _run(self, job: Job) -> None:
        try:
            job.outcome = Outcome("done", job.work(lambda fraction, text: self._report(job, fraction, text)))
        except Cancelled:
            job.outcome = Outcome("cancelled")
        except MetimeError as error:
            job.outcome = Outcome("refused", str(error))
        finally:
            job.over.set()
            self.ended.emit(job)

    def _report(self, job: Job, fraction: float, text: str) -> None:
        if job.cancelled.is_set():
            raise Cancelled("cancelled")
        now_s = time.monotonic()
        if now_s - job.last_report_s >= MIN_INTERVAL_S:
            job.last_report_s = now_s
            self.progressed.emit(job, fraction, text)

    def _on_ended(self, job: Job) -> None:
        self._working.discard(job)
        if job is self._job:
            self._job = None
            job.land(job.outcome)


class Latest(QObject):
    """Answers only the newest of many requests, with never more than one thread at work.

    A slider that is dragged asks faster than a large file can answer: what is asked meanwhile waits, and only the
    last of it is worked on. One that ``waits`` stands still for an answer where the last one came quickly: else the
    window would first paint what has changed, and show the answer only after that.
    """

    def __init__(self, name: str, *, waits: bool = False) -> None:
        super().__init__()
        self._waits = waits
        self._runner = Runner(name)
        self._waiting: tuple[Work, Land] | None = None
        self._last_s = float("inf")
        self._runner.ended.connect(self._on_ended)

    def ask(self, work: Work, land: Land) -> None:
        """Do some work in place of what was asked before; ``land`` gets its outcome in the window's thread."""
        self._runner.cancel()
        self._waiting = (work, land)
        self._start()

    @property
    def is_working(self) -> bool:
        """Whether something is asked and not answered yet."""
        return self._waiting is not None or self._runner.is_working

    def cancel(self) -> None:
        """Forget what was asked."""
        self._waiting = None
        self._runner.cancel()

    def close(self) -> None:
        """Cancel and wait until no thread is left."""
        self._waiting = None
        self._runner.close()

    def _start(self) -> None:
        if self._waiting is None or self._runner.is_working:
            return
        (work, land), self._waiting = self._waiting, None
        job = self._runner.start(self._timed(work), land)
        if self._waits and self._last_s < QUICK_S:
            self._runner.wait_for(job, PATIENCE_S)

    def _timed(self, work: Work) -> Work:
        def run(on_progress: Progress) -> Any:
            begin_s = time.perf_counter()
            try:
                return work(on_progress)
            finally:
                self._last_s = time.perf_counter() - begin_s

        return run

    def _on_ended(self, job: Job) -> None:
        self._start()
