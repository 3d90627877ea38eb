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
from napari_metime.section import Progress

MIN_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a job ended: with a value, with an error in words, cancelled, or crashed."""

    kind: Literal["done", "refused", "cancelled", "crashed"]
    value: Any = None


@dataclass(eq=False)
class Job:
    """A step's work and whether it was told to stop."""

    work: Callable[[Progress], Any]
    land: Callable[[Outcome], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    last_report_s: float = 0.0


class Runner(QObject):
    """Runs one job at a time; the signals arrive in the thread of the window."""

    progressed = Signal(object, float, str)
    ended = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._job: Job | None = None
        self._threads: list[threading.Thread] = []
        self.ended.connect(self._on_ended)

    def start(self, work: Callable[[Progress], Any], land: Callable[[Outcome], None]) -> Job:
        """Start a job, in place of the one that runs; ``land`` is called with its outcome in the window's thread."""
        self.cancel()
        self._job = job = Job(work, land)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._run, args=(job,), name="napari-metime step", daemon=True)
        self._threads.append(thread)
        thread.start()
        return job

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
        outcome = Outcome("crashed")
        try:
            outcome = Outcome("done", job.work(lambda fraction, text: self._report(job, fraction, text)))
        except Cancelled:
            outcome = Outcome("cancelled")
        except MetimeError as error:
            outcome = Outcome("refused", str(error))
        finally:
            self.ended.emit(job, outcome)

    def _report(self, job: Job, fraction: float, text: str) -> None:
        if job.cancelled.is_set():
            raise Cancelled("cancelled")
        now_s = time.monotonic()
        if now_s - job.last_report_s >= MIN_INTERVAL_S:
            job.last_report_s = now_s
            self.progressed.emit(job, fraction, text)

    def _on_ended(self, job: Job, outcome: Outcome) -> None:
        if job is self._job:
            self._job = None
            job.land(outcome)
