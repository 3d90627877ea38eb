"""Python's garbage collector, let in between two events of the window alone.

Widgets, timers and textures of napari and pyqtgraph often end in rings that only the collector frees. By itself it
starts in whichever thread, and within whichever call, happens to make an object too many. In another thread Qt does
not allow what is freed there, and that crashes. In the window's own thread it may start inside a call of Qt that holds
one of Qt's locks, such as a ``disconnect``; what is freed then waits for that lock, and the window hangs for ever.
Nothing is collected while no event loop turns: a long loop in a console may call ``gc.collect`` itself.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

from qtpy.QtCore import QCoreApplication, QObject, QTimer

INTERVAL_MS = 100


class Collecting(QObject):
    """Lets the collector in between events for as long as a dock is open or one of some threads is alive."""

    def __init__(self, application: QCoreApplication | None) -> None:
        super().__init__(application)
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._n_holds = 0
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self._on_time)
        self._has_turns = application is not None
        if application is not None:
            application.aboutToQuit.connect(gc.enable)  # where it goes on all the same, the next turn sees to it

    def while_alive(self, thread: threading.Thread) -> None:
        """Keep the collector out of a thread, which is about to start; to be called in the window's thread."""
        self._threads.add(thread)
        self._begin()

    def hold(self) -> Callable[[], None]:
        """Keep the collector out of Qt's calls until the function that is returned is called, once."""
        self._n_holds += 1
        self._begin()
        return self._let_go

    def _let_go(self) -> None:
        self._n_holds -= 1

    def _begin(self) -> None:
        # Without an application no timer would ever let the collector in again, and there is nothing of Qt's to free.
        if self._has_turns and gc.isenabled():
            gc.disable()
            self._timer.start()

    def _on_time(self) -> None:
        if self._n_holds or any(thread.is_alive() for thread in self._threads):
            let_in()
        else:
            self._end()

    def _end(self) -> None:
        """Let the collector start by itself again."""
        self._timer.stop()
        gc.enable()


def let_in() -> None:
    """Let the collector start here if it is due: when, and how far, is for Python to decide, by its thresholds."""
    gc.enable()
    # It looks whether it is due where an object is made; the first 80 lists may come from those that Python keeps.
    made: list[list[None]] = [[] for _ in range(200)]
    gc.disable()
    made.clear()


def collecting() -> Collecting:
    """Return the one of this program: there is one collector, however many viewers."""
    application = QCoreApplication.instance()
    found = None if application is None else application.findChild(Collecting)
    return Collecting(application) if found is None else found
