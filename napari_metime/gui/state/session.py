"""What one viewer works on: the unfinished recipe, the results so far, and the state of each step.

No Qt here: the window shows a session and asks it for changes, so all of it can be tested without
a screen. The state of a step is never stored; it follows from what its result was made of.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from napari_metime.cells import Preview
from napari_metime.gui.state.chain import STEPS, Step
from napari_metime.gui.state.defaults import default_values
from napari_metime.gui.state.hand_made import HandMade
from napari_metime.gui.state.history import History
from napari_metime.gui.state.in_sight import InSight
from napari_metime.gui.state.made import Aligned, Done, Opened, Outlined, Ticket, is_as_before
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.state.step_states import State
from napari_metime.recipe import Recipe
from napari_metime.section import CellTable, SectionResult, Tissue

__all__ = ["ALIGN_SOURCES", "ColourBy", "Session", "State"]

ColourBy = Literal["role", "type"]
ALIGN_SOURCES = ("landmarks", "matrix", "path")
"""An alignment has one of these."""


class Session(HandMade):
    """The one place of state of a viewer."""

    def __init__(self) -> None:
        super().__init__()
        self.cell_types: dict[str, int] = {}
        self.types_of: tuple[Path, str | None] | None = None
        """The table and the column that ``cell_types`` were listed from."""
        self.why_roles: dict[str, str] = {}
        """Why each type is proposed as what it is."""
        self.cells_note, self.asks_unit = "", False
        """What that table was recognised as, in words; whether nothing in it says if x and y are px or µm."""
        self.preview: Preview | None = None
        """The columns and first rows of that table, where it is a text table that was looked at."""
        self.colour_by: ColourBy = "role"
        self.ways_left: dict[str, dict[str, Any]] = {}
        """What was chosen for each way of alignment before another one was taken."""
        self.image_extent: tuple[float, float, float | None] | None = None
        """How far the microscopy reaches (x, y) in units of the cells, and µm of such a unit where it says."""
        self.image_note = ""
        """What it was recognised as, in words."""
        self.is_placing = False
        """Whether a click on the canvas sets a landmark."""
        self.in_sight = InSight()
        """What the viewer shows, as it was when the session was kept last."""
        self.folder: Path | None = None
        self.project: Path | None = None
        """The folder that the project is saved in, by a person's wish."""
        self.unkept = ""
        """Why what has changed since is not kept there; empty where it is."""

    def forget_cells(self) -> None:
        """Forget what was said of the former table: its columns are not those of another one."""
        self.cell_types, self.why_roles, self.preview = {}, {}, None
        self.history = self.history.without("roles")
        fresh = dict.fromkeys(("x", "y", "type", "unit", "labels", "type_probability"))
        self.put("cells", "", {**self.get("cells"), **fresh, "gates": {}, "roles": {}})

    def new_section(self, path: Path) -> None:
        """Point the session at an imzML; one other than before starts from the defaults."""
        before = self.get("ims", "path")
        if before == path:
            return
        if before is not None:
            self.clear()
        self.values = {**self.values, "ims": {**self.values["ims"], "path": path}}
        if not self.get("section", "id"):
            self.values["section"] = {**self.values["section"], "id": path.stem}
        self.values_changed.emit()
        self.changed.emit("all")

    def load(self, recipe: Recipe) -> None:
        """Take the values of a recipe; nothing is run."""
        self.clear()
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

    def clear(self) -> None:
        """Forget all of a section; the log stays."""
        self.values = default_values()
        self.cell_types, self.types_of, self.folder, self.why_roles = {}, None, None, {}
        self.cells_note, self.asks_unit, self.project, self.unkept = "", False, None, ""
        self.preview = None
        self.pairs, self.pairs_from, self.is_placing, self.outlined = Pairs(), None, False, None
        self._done, self._errors, self._running, self.ways_left = {}, {}, None, {}
        self.history, self.in_sight = History(), InSight()

    def restore(self, done: dict[Step, Done]) -> None:
        """Take results with what they were made of, as they stood in another session."""
        self._done = dict(done)
        self.values_changed.emit()
        self.changed.emit("all")

    def finish(self, ticket: Ticket, value: Any) -> bool:
        """Take a result; False, and nothing happens, where it came too late."""
        if not self.stop(ticket):
            return False
        before = self._tissue_by_hand()
        if isinstance(value, Outlined):
            self.outlined, value = value, value.tissue
        former = self._done.get(ticket.step)
        if isinstance(value, Tissue) and former is not None:
            value = self._with_former_names(value, former.value)
            ticket = replace(ticket, settings=self._settings(ticket.step))
        done = Done(value, ticket, round(time.perf_counter() - ticket.begin_s, 3))
        self._done[ticket.step] = done
        same_inputs = former is not None and former.ticket.inputs == ticket.inputs
        says_same = former is not None and same_inputs and is_as_before(value, former.value, self.values)
        if former is not None and says_same:
            self._hand_on(former, done)
        if ticket.step == "data":
            self.history = self.history.without("tissue")
        elif ticket.step == "tissue" and former is not None:
            self._note("the tissue found anew", "tissue", before, self._tissue_by_hand(), says_same=says_same)
        self.changed.emit("all")
        return True

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
