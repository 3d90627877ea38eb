"""The unfinished recipe, the results of the steps, and the state of each step, which follows from both.

No Qt here. The state of a step is never stored: a result is kept with the settings and the inputs that it was made
of, and is stale while these are no longer the current ones.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from psygnal import Signal

from napari_metime.gui.state.chain import READS, STEPS, Step, ancestors, needs, reads
from napari_metime.gui.state.defaults import default_values
from napari_metime.gui.state.made import Done, Ticket
from napari_metime.recipe import Recipe, parse_part

State = Literal["todo", "ready", "running", "done", "stale"]


class StepStates:
    """Settings and results, and what follows from them.

    ``values`` has the form of a recipe file, but may be unfinished; each section is checked when
    its step runs, by the same rules as a recipe that is loaded.
    """

    changed: ClassVar[Signal] = Signal(str)
    """The state, result or message of this step may have changed; ``all`` stands for every step."""
    values_changed: ClassVar[Signal] = Signal()
    logged: ClassVar[Signal] = Signal(str)
    refused: ClassVar[Signal] = Signal(str)
    """An error is told in this step."""

    def __init__(self) -> None:
        self.values = default_values()
        self.log: list[str] = []
        self._done: dict[Step, Done] = {}
        self._running: Ticket | None = None
        self._errors: dict[Step, tuple[str, tuple[Any, ...], tuple[object, ...]]] = {}
        """Of each step what went wrong, and the settings and inputs that it went wrong with."""

    def get(self, section: str, key: str = "") -> Any:
        """Return a value of the unfinished recipe; None where its section has no such key."""
        values = self.values[section]
        if not key:
            return values
        return values.get(key) if isinstance(values, dict) else None

    def put(self, section: str, key: str, value: Any) -> None:
        """Change a value of the unfinished recipe; an empty key changes the whole section."""
        if self.get(section, key) == value:
            return
        self.values = {**self.values, section: {**(self.values[section] or {}), key: value} if key else value}
        self.values_changed.emit()
        self.changed.emit("all")

    def part(self, section: str) -> Any:
        """Return a section of the recipe, checked; raises RecipeError in words."""
        return parse_part(section, self.values[section])

    def recipe(self) -> Recipe:
        """Return the whole recipe, checked; raises RecipeError in words."""
        return Recipe(**{key: self.part(key) for key in self.values})

    def state(self, step: Step) -> State:
        """Return the state of a step, as it follows from the results and settings."""
        if self._running is not None and self._running.step == step:
            return "running"
        if step in self._done:
            return "done" if self.is_current(step) else "stale"
        return "ready" if self.can_run(step) else "todo"

    def is_current(self, step: Step) -> bool:
        """Whether a step has a result, made of what now stands before it."""
        done = self._done.get(step)
        if done is None or done.changed or done.ticket.settings != self._settings(step):
            return False
        return done.ticket.inputs == self._inputs(step) and all(self.is_current(need) for need in self._needs(step))

    def can_run(self, step: Step) -> bool:
        """Whether everything that a step needs is done."""
        return all(self.is_current(need) for need in self._needs(step))

    def waits_for(self, step: Step) -> tuple[Step, ...]:
        """Return the steps that must be done before this one can run."""
        return tuple(need for need in self._needs(step) if not self.is_current(need))

    def would_go_stale(self, step: Step) -> tuple[Step, ...]:
        """Return the done steps that a new result of this step makes stale."""
        return tuple(s for s in STEPS if self.is_current(s) and step in ancestors(self.values, s))

    @property
    def running(self) -> Step | None:
        """The step that is running, if any."""
        return None if self._running is None else self._running.step

    @property
    def done(self) -> Mapping[Step, Done]:
        """The result of each step that has one, with what it was made of."""
        return self._done

    def value(self, step: Step) -> Any:
        """Return the result of a step, stale or not; None where there is none."""
        return self._done[step].value if step in self._done else None

    def made_with(self, step: Step, section: str, key: str) -> Any:
        """Return a setting as it was when the result of a step was made."""
        return self._done[step].ticket.settings[READS[step].index((section, key))]

    def error(self, step: Step) -> str:
        """Return why the last run of a step failed, in words; empty where it did not, or with other settings."""
        text, *made_with = self._errors.get(step, ("",))
        return text if not made_with or made_with == [self._settings(step), self._inputs(step)] else ""

    def changed_settings(self, step: Step) -> tuple[tuple[str, str], ...]:
        """Return the keys of the recipe, section and key, that are others now than when a result was made."""
        made_with = self._done[step].ticket.settings if step in self._done else ()
        now = zip(reads(self.values, step), self._settings(step), made_with, strict=False)
        return tuple(key for key, value, former in now if value != former)

    def changed_inputs(self, step: Step) -> tuple[Step, ...]:
        """Return the steps that were done anew since a result was made of them."""
        made_of = self._done[step].ticket.inputs if step in self._done else ()
        now = zip(self._needs(step), self._inputs(step), made_of, strict=False)
        return tuple(need for need, value, former in now if value is not former)

    def begin(self, step: Step) -> Ticket:
        """Mark a step as running; an earlier start that still runs becomes void."""
        self._errors.pop(step, None)
        self._running = self._ticket(step)
        self.changed.emit("all")
        return self._running

    def fail(self, ticket: Ticket, text: str) -> bool:
        """Take an error in words; False where it came too late."""
        if not self.stop(ticket):
            return False
        self.refuse(ticket.step, text)
        return True

    def refuse(self, step: Step, text: str) -> None:
        """Show an error in a step that did not start."""
        self._errors[step] = (text, self._settings(step), self._inputs(step))
        self.changed.emit(step)
        self.refused.emit(step)

    def stop(self, ticket: Ticket) -> bool:
        """End a run without a result; False where it was not the newest, or what it read has changed."""
        if ticket is not self._running:
            return False
        self._running = None
        self.changed.emit("all")
        return ticket.inputs == self._inputs(ticket.step)

    def tell(self, text: str) -> None:
        """Add a line to the log, with the time."""
        line = f"{datetime.now():%Y-%m-%d %H:%M:%S}  {text}"
        self.log.append(line)
        self.logged.emit(line)

    def _hand_on(self, former: Done, done: Done) -> None:
        """Let what was made of a former result count as made of this one, which says the same."""
        for step in list(self._done):
            later = self._done[step]  # not of a list made before: it may have been handed on by another way
            if former in later.ticket.inputs:
                inputs = tuple(done if each is former else each for each in later.ticket.inputs)
                self._done[step] = replace(later, ticket=replace(later.ticket, inputs=inputs))
                self._hand_on(later, self._done[step])

    def _ticket(self, step: Step) -> Ticket:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        return Ticket(step, self._settings(step), self._inputs(step), started, time.perf_counter())

    def _settings(self, step: Step) -> tuple[Any, ...]:
        return tuple(self.get(section, key) for section, key in reads(self.values, step))

    def _needs(self, step: Step) -> tuple[Step, ...]:
        return needs(self.values, step)

    def _inputs(self, step: Step) -> tuple[object, ...]:
        # Done is compared by identity, so a new result with equal numbers is still another result.
        return tuple(self._done.get(need) for need in self._needs(step))
