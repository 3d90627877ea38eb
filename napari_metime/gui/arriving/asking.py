"""One question at a time, asked in words in the dock, with two buttons: nothing waits for the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import QObject, Signal


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question and what follows from its answers.

    Parameters
    ----------
    words : what is asked, and what would be lost
    yes, no : what the buttons say, each a verb
    on_yes, on_no : what is done then
    """

    words: str
    yes: str
    no: str
    on_yes: Callable[[], None]
    on_no: Callable[[], None] = _nothing


class Asking(QObject):
    """The question that is open, if any; another one takes its place, as if it had been answered by no."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.question: Question | None = None

    def ask(self, question: Question) -> None:
        """Put a question; its answer comes later."""
        self.answer(is_yes=False)
        self.question = question
        self.changed.emit()

    def answer(self, *, is_yes: bool) -> None:
        """Take the answer to the question that is open."""
        question, self.question = self.question, None
        if question is not None:
            self.changed.emit()
            (question.on_yes if is_yes else question.on_no)()

    def restart(self) -> None:
        """Take the question away: what it was about is gone."""
        self.question = None
        self.changed.emit()
