"""Python's garbage collector, kept out of our threads: what it frees there may be Qt's, and that crashes.

Collection starts in whichever thread happens to make an object too many. Widgets, timers and textures of napari and
pyqtgraph often end in rings that only the collector frees, and Qt allows that in the thread of the window alone.
"""

from __future__ import annotations

import gc
import threading
import weakref

from qtpy.QtCore import QCoreApplication, QObject, QTimer

INTERVAL_MS = 100
GENERATION = 1
"""What was made lately. The whole heap takes too long to be gone through so often while a person waits."""
FULL_EVERY = 100
"""Each so many times, about every 10 s, it is all the same: a step may take an hour, and what grew old before it was
let go, such as a layer and its texture, would be held all the while."""


class Collecting(QObject):
    """Collects in the thread of the window for as long as one of some threads is alive."""

    def __init__(self, application: QCoreApplication | None) -> None:
        super().__init__(application)
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._turns = 0
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self._on_time)
        self._has_turns = application is not None
        if application is not None:
            application.aboutToQuit.connect(self._end)

    def while_alive(self, thread: threading.Thread) -> None:
        """Keep the collector out of a thread, which is about to start; to be called in the window's thread.

        Without an application no timer would ever turn the collector on again, and there is nothing of Qt's to free.
        """
        if not self._has_turns:
            return
        self._threads.add(thread)
        if gc.isenabled():
            gc.disable()
            self._timer.start()

    def _on_time(self) -> None:
        if any(thread.is_alive() for thread in self._threads):
            self._turns += 1
            gc.collect() if self._turns % FULL_EVERY == 0 else gc.collect(GENERATION)
        else:
            self._end()

    def _end(self) -> None:
        """Let the collector start by itself again."""
        self._timer.stop()
        gc.enable()


def collecting() -> Collecting:
    """Return the one of this program: there is one collector, however many viewers."""
    application = QCoreApplication.instance()
    found = None if application is None else application.findChild(Collecting)
    return Collecting(application) if found is None else found
