"""Files and recipes on their way into a bench: what is dropped, chosen or named, and what it takes the place of."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_metime.errors import MetimeError
from napari_metime.gui.arriving.opening import imzml_beside, once_free, work_in
from napari_metime.gui.arriving.recent import note_recent
from napari_metime.gui.state.made import Ticket
from napari_metime.ims import find_ibd, open_from_recipe
from napari_metime.project import is_project
from napari_metime.recipe import ImsRecipe, Recipe, load_recipe
from napari_metime.sample import sample_recipe

if TYPE_CHECKING:
    from napari_metime.gui.running.bench import Bench

DROP_MS = 300
"""Files that are opened within this time come from one drop or one command line. Our own choice."""
EACH_PART = "each"
"""The recipe's word for one run a part, which only the command line knows."""


class Arrivals(QObject):
    """Opens sections: one is the session's, further ones of the same drop are shown beside it."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        # Held by a weak hand: a ring of objects may be collected in any thread, a timer only in the window's.
        self._weak_bench, self._session = weakref.ref(bench), bench.session
        # napari hands the files of one drop over one by one.
        self._drop = QTimer(self, singleShot=True, interval=DROP_MS)
        self._first: Path | None = None
        self._beside: list[Path] = []
        """The first of a drop, None where it was not wanted, and those that wait until it is open."""
        self._opening: tuple[Path, Path] | None = None
        """The file that a person opened and the imzML that it means: noted as opened last once that is open."""
        bench.landed.connect(self._on_landed)

    @property
    def _bench(self) -> Bench:
        bench = self._weak_bench()
        assert bench is not None
        return bench

    def open_any(self, path: Path) -> None:
        """Open what a user chose or dropped: a project, a recipe, or either file of an imzML."""
        if is_project(path):
            self._bench.open_project(path)
        elif path.suffix.lower() in (".yaml", ".yml"):
            self.open_recipe(path)
        else:
            self.open_path(path)

    def open_path(self, path: Path) -> None:
        """Open an imzML by either of its files; the one that is open or opening is not opened again.

        Of several that come at once the first is the section, the others are shown beside it.
        """
        try:
            path = imzml_beside(Path(path).absolute())
            self._check_pair(path)
        except MetimeError as error:
            self._session.refuse("data", str(error))
            return
        if self._bench.projects.relink(path):
            return
        known = self._session.value("data") is not None or self._session.running == "data"
        former = self._session.get("ims", "path")
        if (known and path == former) or (self._drop.isActive() and path == self._first):
            return
        if self._drop.isActive():
            self._drop.start()
            if self._first == former:
                self._bench.neighbours.open(path)
            elif self._first is not None:
                self._beside.append(path)
            return
        self._first, self._beside = path, []
        self._drop.start()

        def go() -> None:
            self._opening = path, path
            self._go_over(ImsRecipe(path=path), partial(self._session.new_section, path))

        if former in (None, path):
            go()
        else:
            once_free(self._bench.asking, self._session, path.name, go, self._leave)

    def _check_pair(self, path: Path) -> None:
        """Before anything is asked: nobody gives up a section for a file that cannot be opened."""
        if work_in(self._session):
            find_ibd(path)

    def _on_landed(self, step: str) -> None:
        """Note a file as opened last, now that it is known that it opens."""
        if step == "data" and self._opening is not None and self._opening[1] == self._session.get("ims", "path"):
            note_recent(self._opening[0])
            self._opening = None

    def _leave(self) -> None:
        """Forget what waits beside a section that was not wanted."""
        self._first, self._beside = None, []

    def _go_over(self, ims: ImsRecipe, take_settings: Callable[[], None]) -> None:
        """Go over to a section; what there is of another one stays until it is known that this one opens."""
        former = self._session.get("ims", "path")
        is_other = ims.path != former

        def go() -> None:
            if is_other and former is not None:  # what came before any section stays with the first one
                self._bench.clear()
            take_settings()
            self._bench.run("data")
            beside, self._beside = self._beside, []
            for each in beside:
                self._bench.neighbours.open(each)

        def take(ticket: Ticket, _: object) -> None:
            self._session.stop(ticket)
            go()

        if is_other and (self._session.value("data") is not None or work_in(self._session)):
            whole = ims.model_copy(update={"part": None})
            self._bench.start("data", lambda on_progress: open_from_recipe(whole, on_progress=on_progress), take)
        else:
            self._bench.cancel()
            go()

    def open_sample(self) -> None:
        """Simulate the built-in section where that has not been done yet, and open its recipe."""

        def take(ticket: Ticket, path: Path) -> None:
            if self._session.stop(ticket):
                self.open_recipe(path, name="the sample section")

        self._bench.start("data", lambda on_progress: sample_recipe(on_progress=on_progress), take)

    def open_recipe(self, path: Path, *, name: str = "") -> None:
        """Load a recipe and open its imzML; the other steps wait for the user with its settings.

        ``name`` is what a person calls it, where that is not the name of the file.
        """
        try:
            recipe = load_recipe(path)
            imzml_beside(recipe.ims.path)
            self._check_pair(recipe.ims.path)
        except MetimeError as error:
            self._session.refuse("data", str(error))
            return

        def go() -> None:
            self._opening = path, recipe.ims.path
            self._beside = []
            self._go_over(recipe.ims, partial(self.load, recipe))

        once_free(self._bench.asking, self._session, name or f"the recipe {path.name}", go)

    def load(self, recipe: Recipe) -> None:
        """Take the settings of a recipe; what was there before goes."""
        self._bench.cancel()
        self._drop.stop()
        self._bench.clear()
        if recipe.ims.part == EACH_PART:
            recipe = recipe.model_copy(update={"ims": recipe.ims.model_copy(update={"part": None})})
            self._session.tell("data: part: each is for the command line; step 1 offers the parts one by one")
        self._session.load(recipe)
