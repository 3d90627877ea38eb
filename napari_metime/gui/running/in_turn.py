"""Work of the window that is put off, so that it never waits for all of it at once."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer


class InTurn(QTimer):
    """Does one piece a turn of the event loop, or at once what somebody asks for.

    A piece that is put off once more is done once, as it was put off last.

    Parameters
    ----------
    needed : returns what the pieces work on; once it returns None, none is done any more
    """

    def __init__(self, owner: QObject, needed: Callable[[], object | None] = object) -> None:
        super().__init__(owner, interval=0)
        self._due: dict[str, Callable[[], None]] = {}
        self._needed = needed
        self.timeout.connect(self._do_next)

    def __contains__(self, name: str) -> bool:
        return name in self._due

    def put(self, name: str, do: Callable[[], None]) -> None:
        """Put a piece of work behind the others."""
        self._due[name] = do
        self.start()

    def now(self, name: str) -> None:
        """Do a piece now; nothing where it is not due."""
        do = self._due.pop(name, None)
        if do is not None:
            do()

    def _do_next(self) -> None:
        if self._needed() is None:
            self._due.clear()
        if self._due:
            self.now(next(iter(self._due)))
        if not self._due:
            self.stop()
