"""What one viewer works on: the unfinished recipe, the results so far, and the state of each step.

No Qt here: the window shows a session and asks it for changes, so all of it can be tested without
a screen. The state of a step is never stored; it follows from what its result was made of.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_metime.ims import PixelVectors, Recalibration
from napari_metime.recipe import Recipe, parse_part
from napari_metime.section import Alignment, CellTable, Dataset, SectionResult, Tissue

Step = Literal["data", "tissue", "metabolites", "cells", "align", "niches", "export"]
State = Literal["todo", "ready", "running", "done", "stale"]
STEPS: tuple[Step, ...] = ("data", "tissue", "metabolites", "cells", "align", "niches", "export")
NEEDS: Mapping[Step, tuple[Step, ...]] = {
    "data": (),
    "tissue": ("data",),
    "metabolites": ("data", "tissue"),
    "cells": (),
    "align": ("data", "cells"),
    "niches": ("tissue", "metabolites", "align"),
    "export": ("niches",),
}
READS: Mapping[Step, tuple[tuple[str, str], ...]] = {
    "data": tuple(
        ("ims", key)
        for key in ("path", "pixel_size_um", "polarity", "part", "plane", "skip_broken", "recalibrate", "lock_mz")
    ),
    "tissue": (("tissue", "method"), ("seed", "")),
    "metabolites": (
        ("channels", "panel"),
        ("channels", "mz"),
        ("channels", "images"),
        ("channels", "min_members"),
        ("ims", "tolerance_ppm"),
        ("ims", "normalize"),
        ("ims", "reference_mz"),
        ("ims", "normalize_table"),
    ),
    "cells": tuple(("cells", key) for key in ("path", "x", "y", "type", "unit", "roles")),
    "align": (("align", ""), ("cells", "pixel_size_um")),
    "niches": (
        ("section", "id"),
        ("niches", "domain"),
        ("niches", "radius_um"),
        ("niches", "n_permutations"),
        ("niches", "alpha"),
        ("niches", "max_rate_ratio"),
        ("associations", "covariates"),
        ("seed", ""),
    ),
    "export": (("section", ""), ("export", "report")),
}
"""Which keys of the recipe make the result of each step; an empty key is the whole section."""


def number(step: Step) -> int:
    """Return the number that the window shows for a step, from 1."""
    return STEPS.index(step) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """The result of the first step.

    Parameters
    ----------
    tic : ndarray of shape (rows, cols), float32; NaN where no spectrum was taken
    parts : names of the connected sections on the grid
    recalibration : what the m/z were corrected by; None where they were not
    vectors : what each pixel can be normalised by; None where it was not measured on opening
    """

    dataset: Dataset
    tic: NDArray[np.float32]
    parts: tuple[str, ...] = ()
    recalibration: Recalibration | None = None
    vectors: PixelVectors | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """The cells in the section frame (µm), how they came there, and what is doubtful about that."""

    cells: CellTable
    alignment: Alignment
    source_unit: Literal["px", "um"]
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: CellTable, cells: CellTable, alignment: Alignment) -> Aligned:
        """Put an alignment together; the warnings of the table as read stand with its own step."""
        told = tuple(text for text in cells.warnings if text not in source.warnings)
        return cls(cells, alignment, source.unit, told)


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """One start of a step: what it was started on, and when (UTC, ISO 8601)."""

    step: Step
    settings: tuple[Any, ...]
    inputs: tuple[object, ...]
    started: str
    begin_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """A result with what it was made of; ``seconds`` is None where nothing was computed."""

    value: Any
    ticket: Ticket
    seconds: float | None = None


class Session:
    """The one place of state of a viewer.

    ``values`` has the form of a recipe file, but may be unfinished; each section is checked when
    its step runs, by the same rules as a recipe that is loaded.
    """

    changed: ClassVar[Signal] = Signal(str)
    """The state, result or message of this step may have changed; ``all`` stands for every step."""
    values_changed: ClassVar[Signal] = Signal()
    logged: ClassVar[Signal] = Signal(str)

    def __init__(self) -> None:
        self.values = _default_values()
        self.cell_types: dict[str, int] = {}
        self.types_of: tuple[Path, str | None] | None = None
        """The table and the column that ``cell_types`` were listed from."""
        self.folder: Path | None = None
        self.log: list[str] = []
        self._done: dict[Step, Done] = {}
        self._running: Ticket | None = None
        self._errors: dict[Step, str] = {}

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
        self.values = {**self.values, section: {**self.values[section], key: value} if key else value}
        self.values_changed.emit()
        self.changed.emit("all")

    def part(self, section: str) -> Any:
        """Return a section of the recipe, checked; raises RecipeError in words."""
        return parse_part(section, self.values[section])

    def recipe(self) -> Recipe:
        """Return the whole recipe, checked; raises RecipeError in words."""
        return Recipe(**{key: self.part(key) for key in self.values})

    def new_section(self, path: Path) -> None:
        """Point the session at an imzML; one other than before starts from the defaults."""
        before = self.get("ims", "path")
        if before == path:
            return
        if before is not None:
            self._clear()
        self.values = {**self.values, "ims": {**self.values["ims"], "path": path}}
        if not self.get("section", "id"):
            self.values["section"] = {**self.values["section"], "id": path.stem}
        self.values_changed.emit()
        self.changed.emit("all")

    def load(self, recipe: Recipe) -> None:
        """Take the values of a recipe; nothing is run."""
        self._clear()
        self.values = recipe.model_dump()
        if isinstance(self.values["align"], dict):
            unused = ("matrix",) if self.values["align"]["matrix"] is None else ("landmarks", "transform")
            self.values["align"] = {k: v for k, v in self.values["align"].items() if k not in unused}
        self.values_changed.emit()
        self.changed.emit("all")

    def fill(self, recipe: Recipe, result: SectionResult, source: CellTable, *, parts: tuple[str, ...] = ()) -> None:
        """Take a finished run as if its steps had been run here one by one; ``source`` is its cell table as read."""
        self.load(recipe)
        values: dict[Step, Any] = {
            "data": Opened(result.dataset, result.channels.tic, parts),
            "tissue": result.tissue,
            "metabolites": result.channels,
            "cells": source,
            "align": Aligned.of(source, result.cells, result.alignment),
            "niches": result.niches,
        }
        for step, value in values.items():
            ticket = replace(self._ticket(step), started=result.started)
            self._done[step] = Done(value, ticket, result.seconds.get(step))
        self.changed.emit("all")

    def _clear(self) -> None:
        self.values = _default_values()
        self.cell_types, self.types_of, self.folder = {}, None, None
        self._done, self._errors, self._running = {}, {}, None

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
        if done is None or done.ticket.settings != self._settings(step):
            return False
        return done.ticket.inputs == self._inputs(step) and all(self.is_current(need) for need in NEEDS[step])

    def can_run(self, step: Step) -> bool:
        """Whether everything that a step needs is done."""
        return all(self.is_current(need) for need in NEEDS[step])

    def waits_for(self, step: Step) -> tuple[Step, ...]:
        """Return the steps that must be done before this one can run."""
        return tuple(need for need in NEEDS[step] if not self.is_current(need))

    def would_go_stale(self, step: Step) -> tuple[Step, ...]:
        """Return the done steps that a new result of this step makes stale."""
        return tuple(s for s in STEPS if self.is_current(s) and step in ancestors(s))

    @property
    def running(self) -> Step | None:
        """The step that is running, if any."""
        return None if self._running is None else self._running.step

    def value(self, step: Step) -> Any:
        """Return the result of a step, stale or not; None where there is none."""
        return self._done[step].value if step in self._done else None

    def error(self, step: Step) -> str:
        """Return why the last run of a step failed, in words; empty where it did not."""
        return self._errors.get(step, "")

    def begin(self, step: Step) -> Ticket:
        """Mark a step as running; an earlier start that still runs becomes void."""
        self._errors.pop(step, None)
        self._running = self._ticket(step)
        self.changed.emit("all")
        return self._running

    def finish(self, ticket: Ticket, value: Any) -> bool:
        """Take a result; False, and nothing happens, where it came too late."""
        if not self.stop(ticket):
            return False
        self._done[ticket.step] = Done(value, ticket, round(time.perf_counter() - ticket.begin_s, 3))
        self.changed.emit("all")
        return True

    def fail(self, ticket: Ticket, text: str) -> bool:
        """Take an error in words; False where it came too late."""
        if not self.stop(ticket):
            return False
        self.refuse(ticket.step, text)
        return True

    def refuse(self, step: Step, text: str) -> None:
        """Show an error in a step that did not start."""
        self._errors[step] = text
        self.changed.emit(step)

    def stop(self, ticket: Ticket) -> bool:
        """End a run without a result; False where it was not the newest, or what it read has changed."""
        if ticket is not self._running:
            return False
        self._running = None
        self.changed.emit("all")
        return ticket.inputs == self._inputs(ticket.step)

    def paint_tissue(self, mask: NDArray[np.bool_]) -> None:
        """Take a mask that a person painted; unmeasured pixels never count.

        Raises
        ------
        TissueError
            No measured pixel is left in the mask.
        """
        dataset: Dataset = self.value("data").dataset
        tissue = Tissue(mask & dataset.measured, "painted", "painted by hand")
        self._errors.pop("tissue", None)
        self._done["tissue"] = Done(tissue, self._ticket("tissue"))
        self.changed.emit("all")

    def tell(self, text: str) -> None:
        """Add a line to the log."""
        self.log.append(text)
        self.logged.emit(text)

    def section_result(self) -> SectionResult:
        """Put the results together as a run does; it started when its earliest step did."""
        aligned: Aligned = self.value("align")
        made = {step: self._done[step] for step in STEPS if step != "export"}
        return SectionResult(
            self.value("data").dataset,
            self.value("tissue"),
            self.value("metabolites"),
            aligned.cells,
            aligned.alignment,
            self.value("niches"),
            source_unit=aligned.source_unit,
            started=min((done.ticket.started for done in made.values() if done.ticket.started), default=""),
            seconds={step: done.seconds for step, done in made.items() if done.seconds is not None},
        )

    def _ticket(self, step: Step) -> Ticket:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        return Ticket(step, self._settings(step), self._inputs(step), started, time.perf_counter())

    def _settings(self, step: Step) -> tuple[Any, ...]:
        return tuple(self.get(section, key) for section, key in READS[step])

    def _inputs(self, step: Step) -> tuple[object, ...]:
        # Done is compared by identity, so a new result with equal numbers is still another result.
        return tuple(self._done.get(need) for need in NEEDS[step])


def ancestors(step: Step) -> set[Step]:
    """Return every step that a step is made of."""
    return set(NEEDS[step]).union(*(ancestors(need) for need in NEEDS[step]))


def _default_values() -> dict[str, Any]:
    """Return the defaults of a recipe, None where a value must be given."""
    values: dict[str, Any] = {}
    for name, field in Recipe.model_fields.items():
        model = getattr(field.annotation, "model_fields", None)
        if model is None:
            values[name] = field.default
        else:
            values[name] = {key: None if f.is_required() else f.default for key, f in model.items()}
    values["cells"]["roles"] = {}
    values["section"]["id"] = ""
    return values
