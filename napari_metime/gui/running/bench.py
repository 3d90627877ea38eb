"""The coordinator of one viewer: its session, its worker, and the layers that show the results.

Docks come and go (napari destroys them on closing); the bench stays as long as its viewer.
"""

from __future__ import annotations

import weakref
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_metime.alignment.transform_files import Format, write_transform
from napari_metime.errors import MetimeError
from napari_metime.gui.aligning.landmarking import Landmarking
from napari_metime.gui.arriving.arrivals import Arrivals
from napari_metime.gui.arriving.asking import Asking
from napari_metime.gui.layers import ion_layers, layers
from napari_metime.gui.layers.canvas import Canvas
from napari_metime.gui.layers.comparison import Comparison
from napari_metime.gui.layers.microscope import Microscope
from napari_metime.gui.layers.neighbours import Neighbours
from napari_metime.gui.layers.painting import Painting
from napari_metime.gui.projects.projects import Projects
from napari_metime.gui.running.indexing import Indexing
from napari_metime.gui.running.ions import Ions
from napari_metime.gui.running.words import in_one_line
from napari_metime.gui.running.work import Look, Preparing, look_at_cells, names_of_parts, prepare
from napari_metime.gui.running.worker import Job, Outcome, Runner, Work
from napari_metime.gui.selection import Selection
from napari_metime.gui.state.chain import STEPS, Step, ancestors, in_order
from napari_metime.gui.state.history import Change
from napari_metime.gui.state.made import Opened, Ticket
from napari_metime.gui.state.regions import niche_name, region_mask
from napari_metime.gui.state.session import ColourBy, Session
from napari_metime.gui.views.spectra import Spectra
from napari_metime.recipe import ROLE_KEYS, Recipe
from napari_metime.section import CellTable, SectionResult

_BENCHES: weakref.WeakKeyDictionary[ViewerModel, Bench] = weakref.WeakKeyDictionary()


def bench_of(viewer: ViewerModel) -> Bench:
    """Return the bench of a viewer; there is one for each."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a guarded proxy
    if viewer not in _BENCHES:
        _BENCHES[viewer] = Bench(viewer)
    return _BENCHES[viewer]


class Bench(QObject):
    """Runs steps for the window and shows what they found."""

    progressed = Signal(str, float, str)
    landed = Signal(str)
    saved = Signal(object)
    """A file was written, and where."""
    cleared = Signal()
    """Nothing of the former section is shown any more."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.session, self.asking = Session(), Asking()
        self._viewer = weakref.ref(viewer)
        self.indexing, self.spectra = Indexing(self.session), Spectra(self.session)
        self.ions = Ions(self.session, self._viewer, self.indexing)
        self.neighbours = Neighbours(self.session, self._viewer)
        self.landmarking = Landmarking(self.session, self._viewer)
        self.landed.connect(self.landmarking.land)
        self._take_back: Callable[[], None] | None = None
        """What to do where a run does not come to its end."""
        self.microscope = Microscope(self.session, self._viewer)
        self.comparison = Comparison(self.session, self._viewer)
        self.painting = Painting(self.session, self._viewer)
        self.canvas = Canvas(self.session, self._viewer)
        self.selection = Selection(self.session, self._viewer, self.ions)
        self.selection.niche_changed.connect(self._on_niche)
        self.projects = Projects(self, self._viewer)
        self._looks = (
            self.projects,  # first: it keeps what there is before anything goes
            *(self.indexing, self.spectra, self.ions, self.neighbours, self.landmarking),
            *(self.painting, self.microscope, self.comparison, self.selection),
        )
        self.arrivals = Arrivals(self)
        self._runner = Runner()
        self._runner.progressed.connect(self._on_progress)
        self._job: Job | None = None
        self._ticket: Ticket | None = None
        self._queue: deque[Step] = deque()

    @property
    def viewer(self) -> ViewerModel:
        """The viewer, which must still be there."""
        viewer = self._viewer()
        assert viewer is not None
        return viewer

    def land_view(self) -> None:
        """Put the camera to what a project showed, else to all of the section."""
        if getattr(self._viewer(), "window", None) is not None and not self.projects.show_camera():
            self.fit_view()

    def fit_view(self) -> None:
        """Fit the camera to the section, where the viewer is still there and has a window."""
        viewer = self._viewer()
        if getattr(viewer, "window", None) is not None:
            layers.fit_section(viewer, self.session)

    def run(self, step: Step, prepared: Preparing = prepare) -> None:
        """Run a step on the session as it is now; an error in its settings stands in the step at once."""
        has_tissue = self.painting.take()
        if not self.session.can_run(step) or (not has_tissue and "tissue" in ancestors(self.session.values, step)):
            self._queue.clear()
            self.session.tell(f"{step}: not run, as a step before it is not done")
            return
        try:
            work = prepared(self.session, step)
        except MetimeError as error:
            self._queue.clear()
            self.session.refuse(step, str(error))
            return
        self.start(step, work, self._take_result)

    def attempt(self, step: Step, key: str, wish: Any, prepared: Preparing = prepare) -> None:
        """Run a step with another wish (align.refine, tissue.regions); where that fails, all stays as it was."""
        former = self.session.get(step)
        if isinstance(former, dict):
            self.session.put(step, key, wish)
            self.run(step, prepared)
            if self.session.running == step:
                self._take_back = partial(self.session.put, step, "", former)
            else:
                told = self.session.error(step)
                self.session.put(step, "", former)
                if told:
                    self.session.refuse(step, told)  # it was of the wish, which is gone

    def run_all(self) -> None:
        """Run every step that is not done yet, up to the niches."""
        self.cancel()
        self.painting.take()
        wanted = (step for step in in_order(self.session.values) if step != "export")
        self._queue = deque(step for step in wanted if not self.session.is_current(step))
        self._run_next()

    def start(self, step: Step, work: Work, take: Callable[[Ticket, Any], None]) -> None:
        """Run some work under the name of a step; ``take`` gets its ticket and value."""
        self.cancel()
        self._ticket = ticket = self.session.begin(step)
        self._job = self._runner.start(work, partial(self._land, ticket, take))

    def cancel(self) -> None:
        """Stop what runs; the step is as it was before."""
        self._runner.cancel()
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            self._queue.clear()
            self.session.stop(ticket)
            self._undo_settings()
            self.session.tell(f"{ticket.step}: cancelled")

    def close(self) -> None:
        """Stop what runs and wait until no thread is left."""
        self._queue.clear()
        self.cancel()
        for each in (self._runner, *self._looks):
            each.close()

    def fill(self, recipe: Recipe, result: SectionResult, source: CellTable) -> None:
        """Show a finished run as if its steps had been run here."""
        self.cancel()
        self.clear()
        self.session.fill(recipe, result, source, parts=names_of_parts(recipe.ims, result.dataset))
        self.show_all()

    def show_all(self) -> None:
        """Show every result that the session has."""
        for step in STEPS:
            if self.session.value(step) is not None:
                self._show(step)
        opened = self.session.value("data")
        if opened is not None:
            self._look_at(opened)
            self.landed.emit("data")

    def save_project(self, folder: Path) -> None:
        """Save all of the session into a folder; from now on it is kept there after each step."""
        self.projects.save(folder)

    def open_project(self, path: Path) -> None:
        """Open a saved project, or work that was kept by itself, with all that was shown."""
        self.projects.open(path)

    def undo(self) -> None:
        """Take back the last thing that a person did by hand."""
        self._show_change("undo", self.session.undo() if self.painting.take() else None)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._show_change("redo", self.session.redo() if self.painting.take() else None)

    def _show_change(self, word: str, change: Change | None) -> None:
        if change is None:
            return
        self.session.tell(f"{word}: {change.words}")
        if change.what == "tissue":
            self.painting.show()
        elif change.what == "pairs":
            self.landmarking.follow_change()
        elif change.what == "cells" and (path := self.session.get("cells", "path")) is not None:
            self.session.preview = None
            self.look_at_cells(path, keep_roles=True)

    def look_at_cells(self, path: Path, *, keep_roles: bool = False) -> None:
        """Say what a table was recognised as, list its cell types and propose their roles."""
        if self.session.running is not None:
            self.session.tell(f"cells: {path.name} not taken, as a step is running")
            return
        former = self.session.get("cells")
        if path != former["path"]:
            self.session.forget_cells()
        column = self.session.get("cells", "type")

        def take(ticket: Ticket, found: Look) -> None:
            if self.session.stop(ticket):
                roles = {role: tuple(n for n, (_, r) in found.types.items() if r == role) for role in ROLE_KEYS}
                self.session.cell_types = {name: n for name, (n, _) in found.types.items()}
                self.session.types_of = (path, column)
                self.session.cells_note, self.session.asks_unit = found.note, found.asks_unit
                self.session.preview = found.preview
                self.session.why_roles = found.why
                self.session.put("cells", "gates", found.gates)
                if not keep_roles and found.types:
                    self.session.history = self.session.history.without("roles")
                    self.session.put("cells", "roles", {role: names for role, names in roles.items() if names})
                self.session.changed.emit("cells")
                self.session.note_table(former)
                if found.problem:
                    self.session.refuse("cells", found.problem)

        self.session.cells_note, self.session.asks_unit = "", False
        self.session.put("cells", "path", path)
        self.start("cells", look_at_cells(self.session, path), take)
        self._take_back = partial(self.session.put, "cells", "", former)

    def colour_cells(self, by: ColourBy) -> None:
        """Colour the cells by role or by type."""
        self.session.colour_by = by
        layers.recolour_cells(self.viewer, self.session)
        self.session.changed.emit("all")

    def save_transform(self, path: Path, form: Format) -> None:
        """Write the matrix of the alignment; what no matrix can say is told in the step."""
        try:
            write_transform(self.session.value("align").alignment, path, form)
        except MetimeError as error:
            self.session.refuse("align", str(error))
            return
        self.session.tell(f"align: transform written to {path}")

    def save(self, work: Work) -> None:
        """Write a file beside the results, under the name of the export; its state stays as it is."""

        def take(ticket: Ticket, path: Path) -> None:
            self.session.stop(ticket)
            self.session.tell(f"export: written to {path}")
            self.saved.emit(path)

        self.start("export", work, take)

    def _take_result(self, ticket: Ticket, value: Any) -> None:
        if not self.session.finish(ticket, value):
            self._queue.clear()
            self.session.tell(f"{ticket.step}: dropped: what it was made of has changed")
            return
        if isinstance(value, CellTable):
            self.session.cell_types = dict(Counter(value.type.tolist()).most_common())
            self.session.types_of = (self.session.get("cells", "path"), self.session.get("cells", "type"))
            self.session.changed.emit("cells")
        self._show(ticket.step)
        if isinstance(value, Opened):
            self._look_at(value)
        self.ions.follow()
        self.session.tell(f"{ticket.step}: {in_one_line(self.session.value(ticket.step)) or 'done'}")
        self.landed.emit(ticket.step)
        self._run_next()

    def _run_next(self) -> None:
        while self._queue:
            step = self._queue.popleft()
            if not self.session.is_current(step):
                self.run(step)
                return

    def _land(self, ticket: Ticket, take: Callable[[Ticket, Any], None], outcome: Outcome) -> None:
        self._job = self._ticket = None
        if outcome.kind == "done":
            self._take_back = None
            take(ticket, outcome.value)
            return
        self._queue.clear()
        self._undo_settings()
        if outcome.kind == "cancelled":
            self.session.stop(ticket)
            return
        if self.session.fail(ticket, outcome.problem):
            self.session.tell(f"{ticket.step}: {outcome.problem}")

    def _undo_settings(self) -> None:
        take_back, self._take_back = self._take_back, None
        if take_back is not None:
            take_back()

    def _look_at(self, opened: Opened) -> None:
        """Make what shows an opened file, in the background; the steps go on."""
        ion_layers.remove_kept(self.viewer)
        self.indexing.look_for(opened.dataset)
        self.spectra.take_mean(opened)
        self.ions.again()
        if not self.ions.windows:
            self.ions.prepare()
        self.neighbours.go_on()

    def clear(self) -> None:
        """Start over: no layer and no look at the former file is left."""
        layers.clear(self.viewer)
        for each in self._looks:
            each.restart()
        self.cleared.emit()

    def _show(self, step: Step) -> None:
        layers.show(self.viewer, self.session, step)
        self.painting.land(step)
        self.comparison.land(step)
        self.selection.land(step)

    def compare_with(self, name: str) -> None:
        """Show the spectrum of a region over that of the section; an unknown name shows the mean alone."""
        mask = region_mask(self.session, name)
        if mask is None:
            self.spectra.clear_overlay()
        elif name != self.spectra.region:
            self.spectra.show_region(name, mask)

    def _on_niche(self, label: int) -> None:
        if label:
            self.compare_with(niche_name(label))

    def _on_progress(self, job: Job, fraction: float, text: str) -> None:
        if job is self._job and self._ticket is not None:
            self.progressed.emit(self._ticket.step, fraction, text)
