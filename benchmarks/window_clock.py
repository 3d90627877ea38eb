"""How long the window stands still, and whose code it stands in: a heartbeat, and a signal that looks at the stack.

A timer beats every few milliseconds in the thread of the window; a gap between two beats is a block: until it is over,
no key and no click is answered. Meanwhile a signal interrupts that thread and looks which functions it is in. The
innermost function of napari-metime or of napari says whose time it is; where there is neither, Qt paints or another
thread has the interpreter. No thread looks on: it would keep the frames that it sees, and with them what Qt paints
with, longer than Qt does. POSIX only.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from qtpy.QtCore import QEventLoop, QObject, Qt, QTimer
from qtpy.QtWidgets import QApplication

BEAT_MS = 5
LOOK_S = 0.002
BLOCK_S = 0.02
"""Shorter gaps are not told apart from the timer's own unevenness."""
BEGUN = 4
"""Bytes of code until here are a function's beginning."""
TURN = QEventLoop.ProcessEventsFlag.AllEvents | QEventLoop.ProcessEventsFlag.WaitForMoreEvents
OURS = ("/napari_metime/",)
NAPARIS = ("/napari/", "/vispy/", "/napari_builtins/")


@dataclass(frozen=True)
class Block:
    """One time that the window stood still.

    Parameters
    ----------
    ours_s : time in functions of napari-metime, and in what they call
    asked_s : time in functions of napari that napari-metime called
    napari_s : other time in functions of napari: painting, its own events
    where : our functions, the slot and the innermost, with their share of the time
    """

    seconds: float
    ours_s: float
    asked_s: float
    napari_s: float
    where: Counter[str] = field(default_factory=Counter)


class Clock(QObject):
    """Notes every block between ``start`` and ``stop``."""

    def __init__(self) -> None:
        super().__init__()
        self._beats = QTimer(self, interval=BEAT_MS)
        self._beats.setTimerType(Qt.TimerType.PreciseTimer)
        self._beats.timeout.connect(self._on_beat)
        self._last_s = 0.0
        self._gaps: list[tuple[float, float]] = []
        self._looks: list[tuple[float, str, str]] = []

    @contextmanager
    def watching(self) -> Iterator[list[Block]]:
        """Give the list that the blocks are in once the ``with`` ends."""
        blocks: list[Block] = []
        self._gaps, self._looks = [], []
        former = signal.signal(signal.SIGALRM, self._on_look)
        self._last_s = time.perf_counter()
        self._beats.start()
        signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
        try:
            yield blocks
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former)
            self._on_beat()
            self._beats.stop()
            blocks.extend(self._block(*gap) for gap in self._gaps)

    def _on_beat(self) -> None:
        now_s = time.perf_counter()
        if now_s - self._last_s > BLOCK_S:
            self._gaps.append((self._last_s, now_s))
        self._last_s = now_s

    def _on_look(self, _: int, frame: FrameType | None) -> None:
        # A function that has just begun was called by Qt: the time before belongs to what called Qt.
        just_begun = frame is not None and frame.f_lasti <= BEGUN and frame.f_back is not None
        self._looks.append((time.perf_counter(), *_whose(frame.f_back if just_begun else frame)))

    def _block(self, begin_s: float, end_s: float) -> Block:
        spent: Counter[str] = Counter()
        where: Counter[str] = Counter()
        before_s = begin_s
        for at_s, whose, place in self._looks:
            if begin_s < at_s <= end_s:
                spent[whose] += at_s - before_s
                where[f"{whose}: {place}"] += at_s - before_s
                before_s = at_s
        return Block(end_s - begin_s, spent["ours"], spent["asked"], spent["napari"], where)


def _whose(frame: FrameType | None) -> tuple[str, str]:
    """Return whose time it is and, in our code, in which slot and function it is spent."""
    whose, ours, inner = "", [], ""
    while frame is not None:
        name = frame.f_code.co_filename
        if any(part in name for part in OURS):
            whose = whose or "ours"
            ours.append(f"{name.rpartition('/')[2]}:{frame.f_lineno} {frame.f_code.co_name}")
        elif any(part in name for part in NAPARIS):
            whose = whose or "napari"
            inner = inner or f"{name.rpartition('/')[2]}:{frame.f_code.co_name}"
        frame = frame.f_back
    if whose == "napari" and ours:
        whose = "asked"
    if not ours:
        return whose or "other", inner
    return whose, f"{ours[-1]} > {ours[0]}" + (f" > {inner}" if whose == "asked" else "")


def run_until(done: Callable[[], bool], limit_s: float = 3600.0) -> None:
    """Turn the event loop as ``exec`` does until something is done."""
    waking = QTimer(interval=BEAT_MS)  # else it would wait for an event that does not come
    waking.start()
    end_s = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > end_s:
            raise TimeoutError(f"expected this within {limit_s:.0f} s")
        QApplication.processEvents(TURN)


def rest(seconds: float) -> None:
    """Turn the event loop for a while."""
    end_s = time.monotonic() + seconds
    run_until(lambda: time.monotonic() > end_s)
