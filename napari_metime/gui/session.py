"""What one viewer works on: the unfinished recipe, the results so far, and the state of each step.

No Qt here: the window shows a session and asks it for changes, so all of it can be tested without
a screen. The state of a step is never stored; it follows from what its result was made of.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_metime.export.placed_landmarks import LEFT_OUT, PLACED
from napari_metime.gui.chain import READS, STEPS, Step, ancestors, needs, reads
from napari_metime.gui.defaults import default_values
from napari_metime.gui.made import Aligned, Done, Opened, Outlined, Ticket, is_as_before
from napari_metime.gui.pairs import Pairs
from napari_metime.recipe import Recipe, parse_part
from napari_metime.section import CellTable, SectionResult, Tissue
from napari_metime.tissue import name_regions

ColourBy = Literal["role", "type"]
State = Literal["todo", "ready", "running", "done", "stale"]
ALIGN_SOURCES = ("landmarks", "matrix", "path")
"""An alignment has one of these."""


class Session:
    """The one place of state of a viewer.

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
        self.cell_types: dict[str, int] = {}
        self.types_of: tuple[Path, str | None] | None = None
        """The table and the column that ``cell_types`` were listed from."""
        self.why_roles: dict[str, str] = {}
        """Why each type is proposed as what it is."""
        self.cells_note, self.asks_unit = "", False
        """What that table was recognised as, in words; whether nothing in it says if x and y are px or µm."""
        self.colour_by: ColourBy = "role"
        self.outlined: Outlined | None = None
        """The tissue before anything was left out of it, and what was."""
        self.pairs = Pairs()
        self.pairs_from: Path | None = None
        """The landmarks, and the file that they were read from, if any."""
        self.ways_left: dict[str, dict[str, Any]] = {}
        """What was chosen for each way of alignment before another one was taken."""
        self.image_extent: tuple[float, float, float | None] | None = None
        """How far the microscopy reaches (x, y) in units of the cells, and µm of such a unit where it says."""
        self.image_note = ""
        """What it was recognised as, in words."""
        self.is_placing = False
        """Whether a click on the canvas sets a landmark."""
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

    def forget_cells(self) -> None:
        """Forget what was said of the former table: its columns are not those of another one."""
        self.cell_types, self.why_roles = {}, {}
        fresh = dict.fromkeys(("x", "y", "type", "unit", "labels", "type_probability"))
        self.put("cells", "", {**self.get("cells"), **fresh, "gates": {}, "roles": {}})

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
            unused = {key for key in ALIGN_SOURCES if self.values["align"][key] is None}
            self.values["align"] = {k: v for k, v in self.values["align"].items() if k not in unused}
        self.values_changed.emit()
        self.changed.emit("all")

    def fill(self, recipe: Recipe, result: SectionResult, source: CellTable, *, parts: tuple[str, ...] = ()) -> None:
        """Take a finished run as if its steps had been run here one by one; ``source`` is its cell table as read."""
        self.load(recipe)
        self.cell_types = dict(Counter(source.type.tolist()).most_common())
        self.outlined = Outlined.of(result.tissue, result.dataset.measured, self._left_out_name)
        values: dict[Step, Any] = {
            "data": Opened(result.dataset, result.channels.tic, parts),
            "tissue": result.tissue,
            "metabolites": result.channels,
            "cells": source,
            "align": replace(
                Aligned.of(source, result.cells, result.alignment), refined_from=result.refined_from
            ),
            "niches": result.niches,
        }
        for step, value in values.items():
            ticket = replace(self._ticket(step), started=result.started)
            self._done[step] = Done(value, ticket, result.seconds.get(step))
        self.changed.emit("all")

    def _clear(self) -> None:
        self.values = default_values()
        self.cell_types, self.types_of, self.folder, self.why_roles = {}, None, None, {}
        self.cells_note, self.asks_unit = "", False
        self.pairs, self.pairs_from, self.is_placing, self.outlined = Pairs(), None, False, None
        self._done, self._errors, self._running, self.ways_left = {}, {}, None, {}

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

    def value(self, step: Step) -> Any:
        """Return the result of a step, stale or not; None where there is none."""
        return self._done[step].value if step in self._done else None

    def made_with(self, step: Step, section: str, key: str) -> Any:
        """Return a setting as it was when the result of a step was made."""
        return self._done[step].ticket.settings[READS[step].index((section, key))]

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
        if isinstance(value, Outlined):
            self.outlined, value = value, value.tissue
        former = self._done.get(ticket.step)
        if isinstance(value, Tissue) and former is not None:
            value = self._with_former_names(value, former.value)
            ticket = replace(ticket, settings=self._settings(ticket.step))
        done = Done(value, ticket, round(time.perf_counter() - ticket.begin_s, 3))
        self._done[ticket.step] = done
        same_inputs = former is not None and former.ticket.inputs == ticket.inputs
        if former is not None and same_inputs and is_as_before(value, former.value, self.values):
            self._hand_on(former, done)
        self.changed.emit("all")
        return True

    def _hand_on(self, former: Done, done: Done) -> None:
        """Let what was made of a former result count as made of this one, which says the same."""
        for step in list(self._done):
            later = self._done[step]  # not of a list made before: it may have been handed on by another way
            if former in later.ticket.inputs:
                inputs = tuple(done if each is former else each for each in later.ticket.inputs)
                self._done[step] = replace(later, ticket=replace(later.ticket, inputs=inputs))
                self._hand_on(later, self._done[step])

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
        self.refused.emit(step)

    def stop(self, ticket: Ticket) -> bool:
        """End a run without a result; False where it was not the newest, or what it read has changed."""
        if ticket is not self._running:
            return False
        self._running = None
        self.changed.emit("all")
        return ticket.inputs == self._inputs(ticket.step)

    @property
    def left_out_mask(self) -> NDArray[np.bool_]:
        """What a person leaves out of the tissue, shape (rows, cols)."""
        if self.outlined is None:
            return np.zeros(self.value("data").dataset.grid.shape, dtype=bool)
        return self.outlined.left_out

    def paint_tissue(self, mask: NDArray[np.bool_]) -> None:
        """Take a mask that a person painted; unmeasured pixels never count, and those left out stay as they are.

        Raises
        ------
        TissueError
            No measured pixel is left in the mask.
        """
        measured, left_out = self.value("data").dataset.measured, self.left_out_mask
        below = np.zeros_like(mask) if self.outlined is None else self.outlined.whole.mask
        whole = Tissue(np.where(left_out, below, mask) & measured, "painted", "painted by hand")
        self._take_outlined(Outlined(whole, left_out, self._left_out_name))

    def leave_out(self, mask: NDArray[np.bool_]) -> None:
        """Take what a person drew as not there: folds, holes, necrosis.

        Raises
        ------
        TissueError
            No tissue is left.
        """
        if self.outlined is not None:
            outlined = Outlined(self.outlined.whole, mask, LEFT_OUT.name)
            exclude = LEFT_OUT if mask.any() else None
            self.values = {**self.values, "tissue": {**self.values["tissue"], "exclude": exclude}}
            self._take_outlined(outlined)

    @property
    def has_drawn_left_out(self) -> bool:
        """Whether the recipe takes what was drawn here as left out, not what a file says."""
        return bool(self.get("tissue", "exclude") == LEFT_OUT)

    @property
    def _left_out_name(self) -> str:
        exclude = self.get("tissue", "exclude")
        return "" if exclude is None else Path(exclude).name

    def _take_outlined(self, outlined: Outlined) -> None:
        self._errors.pop("tissue", None)
        self.outlined = outlined
        if self.get("tissue", "regions")["method"] != "none":
            self._put_regions(method="none", names={})
            self.tell("tissue: its regions were dropped, as it was changed by hand; find them again")
        self._done["tissue"] = Done(outlined.tissue, self._ticket("tissue"))
        self.changed.emit("all")

    def name_region(self, label: int, name: str) -> None:
        """Name a label of the tissue's regions; labels of one name are one region, and no name is the number.

        Raises
        ------
        RecipeError
            It cannot be a name.
        """
        former, settings = self._done["tissue"], self.get("tissue", "regions")
        names = {**settings["names"], label: name.strip() or str(label)}
        names = {key: word for key, word in sorted(names.items()) if word != str(key)}
        parse_part("tissue", {**self.get("tissue"), "regions": {**settings, "names": names}})
        if former.value.regions is None or not self.is_current("tissue") or names == settings["names"]:
            return
        self._put_regions(names=names)
        tissue = replace(former.value, regions=name_regions(former.value.regions, names))
        self._done["tissue"] = Done(tissue, replace(former.ticket, settings=self._settings("tissue")), former.seconds)
        self._hand_on(former, self._done["tissue"])  # a domain that is a region follows by the settings of niches
        self.changed.emit("all")

    def _with_former_names(self, tissue: Tissue, former: Tissue) -> Tissue:
        """Give regions the names that were given before, where they are the same regions; other ones have none."""
        names = self.get("tissue", "regions")["names"]
        if tissue.regions is None or former.regions is None or not names:
            return tissue
        if np.array_equal(tissue.regions.labels, former.regions.labels):
            return replace(tissue, regions=name_regions(tissue.regions, names))
        self._put_regions(names={})
        self.tell("tissue: the regions are not those that were named; the names were dropped")
        return tissue

    def _put_regions(self, **settings: Any) -> None:
        regions = {**self.get("tissue", "regions"), **settings}
        self.values = {**self.values, "tissue": {**self.values["tissue"], "regions": regions}}
        self.values_changed.emit()

    def set_pairs(self, pairs: Pairs) -> None:
        """Take landmarks that a person has changed; from now on they, and no file, are those of the recipe."""
        self.pairs = pairs
        if isinstance(self.get("align"), dict) and (pairs.placed or self.get("align", "landmarks") is not None):
            self.put("align", "landmarks", PLACED if self.pairs_from is None or pairs.former else self.pairs_from)
        self.changed.emit("all")

    def show_pairs_of(self, path: Path | None, pairs: Pairs) -> None:
        """Take the landmarks of a file that the recipe names."""
        self.pairs, self.pairs_from = pairs, path
        self.changed.emit("align")

    @property
    def has_placed(self) -> bool:
        """Whether the recipe takes the landmarks that were set here, not those of a file."""
        return bool(self.get("align", "landmarks") == PLACED)

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
            microscopy_note=self.image_note,
            refined_from=aligned.refined_from,
            started=min((done.ticket.started for done in made.values() if done.ticket.started), default=""),
            seconds={step: done.seconds for step, done in made.items() if done.seconds is not None},
        )

    def _ticket(self, step: Step) -> Ticket:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        return Ticket(step, self._settings(step), self._inputs(step), started, time.perf_counter())

    def _settings(self, step: Step) -> tuple[Any, ...]:
        placed = (self.pairs.placed,) if step == "align" and self.has_placed else ()
        return (*(self.get(section, key) for section, key in reads(self.values, step)), *placed)

    def _needs(self, step: Step) -> tuple[Step, ...]:
        return needs(self.values, step)

    def _inputs(self, step: Step) -> tuple[object, ...]:
        # Done is compared by identity, so a new result with equal numbers is still another result.
        return tuple(self._done.get(need) for need in self._needs(step))
