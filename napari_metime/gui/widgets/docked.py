"""A dock's widget that knows when it is closed.

napari does not delete the widget of a dock whose X is clicked, it only takes it out of the dock;
and it deletes it without a word when the window closes. Both end here in ``released``.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_metime.gui.widgets.collecting import collecting


class DockedWidget(QWidget):
    """Calls ``on_close`` functions once, when its dock or its window is closed; keeps the collector off till then."""

    def __init__(self) -> None:
        super().__init__()
        self._was_docked = False
        self._closing = _Once()
        self.destroyed.connect(self._closing.run)
        self.on_close(collecting().hold())

    def on_close(self, function: Callable[[], None]) -> None:
        """Call a function at the end; it must not hold this widget."""
        self._closing.functions.append(function)

    def event(self, event: QEvent) -> bool:
        """Notice being taken out of the dock."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
            elif self._was_docked:
                self._closing.run()
                self.deleteLater()
        return bool(super().event(event))


class _Once:
    def __init__(self) -> None:
        self.functions: list[Callable[[], None]] = []

    def run(self, _: QObject | None = None) -> None:
        functions, self.functions = self.functions, []
        for function in functions:
            function()


def disconnecting(disconnect: Callable[..., None], method: Callable[..., None]) -> Callable[[], None]:
    """Return a function that disconnects a method without holding its object."""
    reference = weakref.WeakMethod(method)

    def function() -> None:
        slot = reference()
        if slot is not None:
            disconnect(slot)

    return function
