"""One question at a time, asked in words in the dock, with two buttons, and what is only told: nothing waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from qtpy.QtCore import QObject, Signal

LEFT = "The question before this one was taken as answered by “{}”."


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
        self.notice = ""
        """What a person is told that belongs to no step, until it is dismissed."""

    def tell(self, words: str) -> None:
        """Tell something that belongs to no step; an empty text dismisses what was told."""
        if words != self.notice:
            self.notice = words
            self.changed.emit()

    def ask(self, question: Question) -> None:
        """Put a question; its answer comes later. One that is open is answered by no, and the new one says so."""
        former = self.question
        self.answer(is_yes=False)
        if former is not None:
            question = replace(question, words=f"{question.words} {LEFT.format(former.no)}")
        self.question = question
        self.changed.emit()

    def answer(self, *, is_yes: bool) -> None:
        """Take the answer to the question that is open."""
        question, self.question = self.question, None
        if question is not None:
            self.changed.emit()
            (question.on_yes if is_yes else question.on_no)()

    def restart(self) -> None:
        """Take the question and the notice away: what they were about is gone."""
        self.question, self.notice = None, ""
        self.changed.emit()
