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
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_metime.alignment.transform_files import Format, write_transform
from napari_metime.errors import MetimeError
from napari_metime.gui import ion_layers, layers
from napari_metime.gui.chain import STEPS, Step, ancestors, in_order
from napari_metime.gui.comparison import Comparison
from napari_metime.gui.indexing import Indexing
from napari_metime.gui.ions import Ions
from napari_metime.gui.landmarking import Landmarking
from napari_metime.gui.made import Opened, Ticket
from napari_metime.gui.microscope import Microscope
from napari_metime.gui.neighbours import Neighbours
from napari_metime.gui.opening import imzml_beside, may_replace, work_in
from napari_metime.gui.painting import Painting
from napari_metime.gui.regions import niche_name, region_mask, region_names
from napari_metime.gui.session import ColourBy, Session
from napari_metime.gui.spectra import Spectra
from napari_metime.gui.words import in_one_line
from napari_metime.gui.work import Look, Preparing, look_at_cells, names_of_parts, prepare
from napari_metime.gui.worker import Job, Outcome, Runner, Work
from napari_metime.ims import open_from_recipe
from napari_metime.recipe import ROLE_KEYS, ImsRecipe, Recipe, load_recipe
from napari_metime.sample import sample_recipe
from napari_metime.section import CellTable, SectionResult

DROP_MS = 300
"""Files that are opened within this time come from one drop or one command line. Our own choice."""
EACH_PART = "each"
"""The recipe's word for one run a part, which only the command line knows."""
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
        self.session = Session()
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
        self._looks = (
            *(self.indexing, self.spectra, self.ions, self.neighbours, self.landmarking),
            *(self.painting, self.microscope, self.comparison),
        )
        # napari hands the files of one drop over one by one.
        self._drop = QTimer(self, singleShot=True, interval=DROP_MS)
        self._first: Path | None = None
        self._beside: list[Path] = []
        """The first of a drop, None where it was not wanted, and those that wait until it is open."""
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

    def fit_view(self) -> None:
        """Fit the camera to the layers, where the viewer is still there and has a window."""
        viewer = self._viewer()
        if getattr(viewer, "window", None) is not None:
            viewer.reset_view()

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
                self.session.put(step, "", former)

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

    def open_any(self, path: Path) -> None:
        """Open what a user chose or dropped: a recipe, or either file of an imzML."""
        if path.suffix.lower() in (".yaml", ".yml"):
            self.open_recipe(path)
        else:
            self.open_path(path)

    def open_path(self, path: Path) -> None:
        """Open an imzML by either of its files; the one that is open or opening is not opened again.

        Of several that come at once the first is the section, the others are shown beside it.
        """
        try:
            path = imzml_beside(Path(path).absolute())
        except MetimeError as error:
            self.session.refuse("data", str(error))
            return
        known = self.session.value("data") is not None or self.session.running == "data"
        former = self.session.get("ims", "path")
        if (known and path == former) or (self._drop.isActive() and path == self._first):
            return
        if self._drop.isActive():
            self._drop.start()
            if self._first == former:
                self.neighbours.open(path)
            elif self._first is not None:
                self._beside.append(path)
            return
        is_wanted = former in (None, path) or may_replace(self.session, path.name)
        self._first = path if is_wanted else None
        self._drop.start()  # only now: a question takes its time
        if is_wanted:
            self._go_over(ImsRecipe(path=path), partial(self.session.new_section, path))

    def _go_over(self, ims: ImsRecipe, take_settings: Callable[[], None]) -> None:
        """Go over to a section; what there is of another one stays until it is known that this one opens."""
        former = self.session.get("ims", "path")
        is_other = ims.path != former
        self._beside = []

        def go() -> None:
            if is_other and former is not None:  # what came before any section stays with the first one
                self._clear()
            take_settings()
            self.run("data")
            for each in self._beside:
                self.neighbours.open(each)

        def take(ticket: Ticket, _: object) -> None:
            self.session.stop(ticket)
            go()

        if is_other and (self.session.value("data") is not None or work_in(self.session)):
            whole = ims.model_copy(update={"part": None})
            self.start("data", lambda on_progress: open_from_recipe(whole, on_progress=on_progress), take)
        else:
            self.cancel()
            go()

    def open_sample(self) -> None:
        """Simulate the built-in section where that has not been done yet, and open its recipe."""

        def take(ticket: Ticket, path: Path) -> None:
            if self.session.stop(ticket):
                self.open_recipe(path)

        self.start("data", lambda on_progress: sample_recipe(on_progress=on_progress), take)

    def open_recipe(self, path: Path) -> None:
        """Load a recipe and open its imzML; the other steps wait for the user with its settings."""
        try:
            recipe = load_recipe(path)
            imzml_beside(recipe.ims.path)
        except MetimeError as error:
            self.session.refuse("data", str(error))
            return
        if may_replace(self.session, path.name):
            self._go_over(recipe.ims, partial(self.load, recipe))

    def load(self, recipe: Recipe) -> None:
        """Take the settings of a recipe; what was there before goes."""
        self.cancel()
        self._drop.stop()
        self._clear()
        if recipe.ims.part == EACH_PART:
            recipe = recipe.model_copy(update={"ims": recipe.ims.model_copy(update={"part": None})})
            self.session.tell("data: part: each is for the command line; step 1 offers the parts one by one")
        self.session.load(recipe)

    def fill(self, recipe: Recipe, result: SectionResult, source: CellTable) -> None:
        """Show a finished run as if its steps had been run here."""
        self.cancel()
        self._clear()
        self.session.fill(recipe, result, source, parts=names_of_parts(recipe.ims, result.dataset))
        for step in STEPS:
            self._show(step)
        self._look_at(self.session.value("data"))

    def look_at_cells(self, path: Path, *, keep_roles: bool = False) -> None:
        """Say what a table was recognised as, list its cell types and propose their roles."""
        if self.session.running is not None:
            self.session.tell(f"cells: {path.name} not taken, as a step is running")
            return
        if path != self.session.get("cells", "path"):
            self.session.forget_cells()
        column = self.session.get("cells", "type")

        def take(ticket: Ticket, found: Look) -> None:
            if self.session.stop(ticket):
                roles = {role: tuple(n for n, (_, r) in found.types.items() if r == role) for role in ROLE_KEYS}
                self.session.cell_types = {name: n for name, (n, _) in found.types.items()}
                self.session.types_of = (path, column)
                self.session.cells_note, self.session.asks_unit = found.note, found.asks_unit
                self.session.why_roles = found.why
                self.session.put("cells", "gates", found.gates)
                if not keep_roles:
                    self.session.put("cells", "roles", {role: names for role, names in roles.items() if names})
                self.session.changed.emit("cells")
                if found.problem:
                    self.session.refuse("cells", found.problem)

        self.session.cells_note, self.session.asks_unit = "", False
        self.session.put("cells", "path", path)
        self.start("cells", look_at_cells(self.session, path), take)

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
        self.session.tell(f"{ticket.step}: {in_one_line(value)}")
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

    def _clear(self) -> None:
        """Start over: no layer and no look at the former file is left."""
        layers.clear(self.viewer)
        for each in self._looks:
            each.restart()
        self.cleared.emit()

    def _show(self, step: Step) -> None:
        layers.show(self.viewer, self.session, step)
        self.painting.land(step)
        self.comparison.land(step)
        layer = layers.find(self.viewer, step)
        if step == "niches" and isinstance(layer, Labels):
            layer.events.selected_label.connect(self._on_niche)

    def compare_with(self, name: str) -> None:
        """Show the spectrum of a region over that of the section; an unknown name shows the mean alone."""
        mask = region_mask(self.session, name)
        if mask is None:
            self.spectra.clear_overlay()
        elif name != self.spectra.region:
            self.spectra.show_region(name, mask)

    def _on_niche(self) -> None:
        layer = layers.find(self.viewer, "niches")
        if isinstance(layer, Labels) and niche_name(layer.selected_label) in region_names(self.session):
            self.compare_with(niche_name(layer.selected_label))

    def _on_progress(self, job: Job, fraction: float, text: str) -> None:
        if job is self._job and self._ticket is not None:
            self.progressed.emit(self._ticket.step, fraction, text)
