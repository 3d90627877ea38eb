"""A function called once the events that wait have been handled; the same with PySide6 and with PyQt6."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer


def later(owner: QObject, function: Callable[[], None]) -> None:
    """Call a function in the next turn of the event loop, unless its owner is gone by then.

    PyQt6 has no ``QTimer.singleShot`` with an owner.
    """
    timer = QTimer(owner, singleShot=True, interval=0)
    timer.timeout.connect(function)
    timer.timeout.connect(timer.deleteLater)
    timer.start()
