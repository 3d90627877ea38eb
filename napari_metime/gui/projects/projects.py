"""Projects of a bench: saved, opened, and kept by themselves after each step and each change by hand."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_metime.errors import MetimeError
from napari_metime.gui.arriving.asking import Question
from napari_metime.gui.arriving.opening import once_free
from napari_metime.gui.arriving.recent import note_recent
from napari_metime.gui.layers import layers
from napari_metime.gui.projects.autosave import autosave_folder, drop_oldest, forget_autosave, is_autosave
from napari_metime.gui.projects.in_sight import ShowingAgain, look_at
from napari_metime.gui.projects.keeping import KINDS, check, keep, relinked, restore
from napari_metime.gui.running.worker import Job, Outcome, Runner
from napari_metime.gui.state.in_sight import InSight
from napari_metime.gui.state.made import Ticket
from napari_metime.gui.state.session import Session
from napari_metime.project import (
    Found,
    Head,
    InputFile,
    Loaded,
    Project,
    find_inputs,
    load_project,
    read_head,
    save_project,
)
from napari_metime.section import Progress

if TYPE_CHECKING:
    from napari_metime.gui.running.bench import Bench

INTERVAL_MS = 500
"""Changes that come within this time are kept together. Our own choice, as is the following."""
MAX_WAIT_S = 60.0
"""A disk that answers later than this is not waited for at the end."""


class Projects(QObject):
    """Saves and opens projects in the background; one that is saved by hand is kept up to date from then on."""

    saved = Signal(object)
    opened = Signal(object)
    """A project was saved by a person's wish, or opened, and where."""

    def __init__(self, bench: Bench, viewer: Callable[[], ViewerModel | None]) -> None:
        super().__init__()
        self._weak_bench, self._session, self._viewer = weakref.ref(bench), bench.session, viewer
        self._runner = Runner("napari-metime project")
        self._due = QTimer(self, singleShot=True, interval=INTERVAL_MS)
        self._due.timeout.connect(self._keep)
        self._kept: tuple[object, ...] = ()
        """What the session was when it was kept last."""
        self._problem = ""
        self._own: Path | None = None
        """Where the unsaved work on this section is kept."""
        self._left: dict[Path, str] = {}
        """Of each folder that was read or written: the state that was left there. Another one is another window's."""
        self._waiting: deque[Callable[[], None]] = deque()
        """The saves that begin once the running one has ended."""
        self._missing: tuple[InputFile, ...] = ()
        """Files that the open project was made from and that were not found."""
        self._section = object()
        """Another one for each section: what a save of a former one brings is not told of this one."""
        self._showing = ShowingAgain(viewer)
        self._sight_kept: InSight | None = None
        """What was in sight when this window kept the section last; None where it has not."""
        self._job: Job | None = None
        self._removing = QTimer(self, singleShot=True, interval=0)
        """Active from the first layer that goes to the end of that turn."""
        there = viewer()
        assert there is not None
        there.layers.events.removing.connect(self._on_removing)
        self._session.changed.connect(self._on_changed)
        bench.landed.connect(self._on_landed)

    def save(self, folder: Path) -> None:
        """Save the project into a folder, new or of a project, and keep it there from now on.

        Whether it may take the place of one that this window knows nothing of is asked first.
        """
        folder, bench = Path(folder).absolute(), self._weak_bench()
        if self._session.value("data") is None:
            self._session.refuse("data", "expected a section to save a project of, found none; open one first")
            return
        there = None if folder in self._left else _project_in(folder)
        if there is None or bench is None:
            self._save(folder)
            return
        words = f"Save over the project of {there.section:.60} in {folder.name}? All that it holds goes."
        bench.asking.ask(Question(words, "Save over it", "Keep it", lambda: self._save(folder)))

    def _save(self, folder: Path) -> None:
        self._due.stop()
        self._kept = _state(self._session)
        self._look()
        project, own = keep(self._session), self._own
        land = partial(self._land_saved, self._section, project, own)
        self._start(project, folder, land, own)

    def open(self, path: Path) -> None:
        """Open a project; what is there now goes, once it is known that the project opens."""
        bench = self._weak_bench()
        assert bench is not None
        try:
            head = read_head(path)
        except MetimeError as error:
            self._session.refuse("data", str(error))
            return

        def work(on_progress: Progress) -> Loaded:
            return load_project(head.folder, KINDS, on_progress=on_progress)

        once_free(bench.asking, self._session, head.section, lambda: bench.start("data", work, self._take))

    def relink(self, path: Path) -> bool:
        """Take a file for the one of its name that the project misses; False where it misses none.

        What else is missing is looked for beside it.
        """
        bench = self._weak_bench()
        if bench is None or not any(Path(each.path).name == path.name for each in self._missing):
            return False
        missing, self._missing = self._missing, ()

        def look(on_progress: Progress) -> tuple[Found, ...]:
            return find_inputs(missing, path.parent, on_progress=on_progress)

        def take(ticket: Ticket, found: tuple[Found, ...]) -> None:
            self._session.stop(ticket)
            moved = {each.was: each.path for each in found if each.path is not None and each.is_same}
            self._look()
            if str(path) in moved.values():
                own = self._own
                self._show(relinked(self._session, moved), found, missing, self._session.project)
                self._own = own
            else:
                text = f"expected the {path.name} that the project was made from, found another file; open it again"
                self._session.refuse("data", f"{text} to work on it in place of the project")

        bench.start("data", look, take)
        return True

    def _take(self, ticket: Ticket, loaded: Loaded) -> None:
        folder = loaded.head.folder
        self._session.stop(ticket)
        self._left[folder] = loaded.head.state
        if self._show(loaded.state, loaded.inputs, loaded.head.inputs, None if is_autosave(folder) else folder):
            self._session.tell(f"project: {loaded.head.section} opened as it was saved, from {folder}")
            if self._session.project is not None:
                note_recent(folder)
            else:
                self._own = folder
            self.opened.emit(folder)

    def _show(self, kept: Any, found: tuple[Found, ...], inputs: tuple[InputFile, ...], project: Path | None) -> bool:
        """Take a project into the session and show all of it; False, and it is told, where that cannot be."""
        session, bench = self._session, self._weak_bench()
        assert bench is not None
        try:
            check(kept)
        except MetimeError as error:
            session.refuse("data", str(error))
            return False
        bench.clear()
        restore(session, kept, found)
        session.project = project
        self._missing = tuple(each for each, now in zip(inputs, found, strict=True) if now.path is None)
        self._due.stop()
        self._kept = _state(session)
        seen = session.in_sight
        bench.show_all()
        self._showing.show(session, seen)
        if session.value("data") is not None:
            bench.ions.show_again(seen.ions)
            for path in seen.neighbours:
                if path.is_file():
                    bench.neighbours.open(path)
            bench.selection.take_up(seen.hand)
        return True

    def show_camera(self) -> bool:
        """Show the part of the section that the project showed; False where there is none, or the work went on."""
        return self._showing.show_camera()

    def _look(self) -> None:
        """Take down what is in sight; where the layers are gone already, what was stays."""
        viewer, bench = self._viewer(), self._weak_bench()
        if viewer is not None and bench is not None and layers.find(viewer, "tic") is not None:
            now = look_at(viewer, bench.ions.shown, bench.neighbours.shown, bench.selection.hand)
            self._session.in_sight = self._showing.completed(now)

    def _on_removing(self, _: object) -> None:
        """Look before the first layer goes: napari takes them all away before it tells that it closes."""
        if isalive(self._removing) and not self._removing.isActive():  # type: ignore[no-untyped-call]
            self._look()
            self._removing.start()

    def restart(self) -> None:
        """Keep what has changed of a section that another one takes the place of; nobody waits for that."""
        # Where the program ends with its window open, Qt takes objects away in any order.
        if isalive(self._due) and self._due.isActive():  # type: ignore[no-untyped-call]
            self._due.stop()
            self._keep(at_once=True)
        self._showing.stop()
        self._missing, self._own, self._section, self._sight_kept = (), None, object(), None

    def close(self) -> None:
        """Keep what has changed, and wait until no thread is left."""
        if isalive(self._due):  # type: ignore[no-untyped-call]
            self._due.stop()
            if self._sight_kept is not None:  # who only looked at a project changes nothing in it
                self._look()
                self._kept = self._kept if self._session.in_sight == self._sight_kept else ()
            self._keep(at_once=True)
        self._showing.stop()
        job = None
        while self._job is not None and self._job is not job:  # a save that waited begins where one ends
            job = self._job
            self._runner.wait_for(job, MAX_WAIT_S)
        self._runner.close()

    def _on_changed(self, _: str) -> None:
        if not self._due.isActive() and self._session.value("data") is not None:
            self._due.start()

    def _on_landed(self, _: str) -> None:
        """Keep a new result at once."""
        self._showing.leave_camera()
        self._due.stop()
        self._keep()

    def _keep(self, *, at_once: bool = False) -> None:
        """Keep the session as it is now, where that is not what was kept last."""
        session = self._session
        state = _state(session)
        if session.value("data") is None or state == self._kept:
            return
        if self._runner.is_working and not at_once:
            self._due.start()
            return
        self._kept = state
        self._look()
        self._own = self._own or autosave_folder()
        self._start(keep(session), session.project or self._own, partial(self._land_kept, self._section), None)

    def _start(self, project: Project, folder: Path, land: Callable[[Outcome], None], former: Path | None) -> None:
        def work(on_progress: Progress) -> Head:
            over = self._left.get(folder)
            head = read_head(save_project(project, folder, KINDS, over=over, on_progress=on_progress))
            if former is not None:
                forget_autosave(former)
            drop_oldest()
            return head

        def landed(outcome: Outcome) -> None:
            if outcome.kind == "done":
                self._left[folder] = outcome.value.state
            land(outcome)
            if self._waiting and not self._runner.is_working:  # landing may save anew what was not kept
                self._waiting.popleft()()

        def begin() -> None:
            self._job = self._runner.start(work, landed)

        if self._runner.is_working:
            self._waiting.append(begin)
        else:
            begin()

    def _land_kept(self, section: object, outcome: Outcome) -> None:
        problem, session = outcome.problem, self._session
        if section is not self._section:  # another one is open by now
            if problem:
                session.tell(f"project: the former section was not kept by itself: {problem}")
            return
        if problem:
            self._kept, self._own = (), None  # tried again with the next change, elsewhere where that can be
            if problem != self._problem:
                session.tell(f"project: not kept by itself: {problem}")
                if session.project is not None:  # a person believes that it is
                    session.refuse("data", problem)
        else:
            self._sight_kept = session.in_sight
        self._problem = session.unkept = problem

    def _land_saved(self, section: object, project: Project, own: Path | None, outcome: Outcome) -> None:
        session, is_here = self._session, section is self._section
        if outcome.kind != "done":
            if is_here:
                self._kept = ()  # it was to be in there
                self._due.start()
            else:  # kept with what no other save will come by for
                self._start(project, own or autosave_folder(), partial(self._land_kept, section), None)
            which = "" if is_here else f"{project.section}, which was open before, is not saved: "
            session.tell(f"project: not saved: {which}{outcome.problem}")
            session.refuse("data", f"{which}{outcome.problem}")
            return
        if is_here:  # else another section was opened meanwhile
            session.project, session.unkept = outcome.value.folder, ""
            self._sight_kept = session.in_sight
        session.tell(f"project: saved to {outcome.value.folder}")
        note_recent(outcome.value.folder)
        session.changed.emit("data")
        self.saved.emit(outcome.value.folder)


def _project_in(folder: Path) -> Head | None:
    """Return what the project in a folder says of itself; None where there is none that can be read."""
    try:
        return read_head(folder)
    except MetimeError:
        return None


def _state(session: Session) -> tuple[object, ...]:
    """Return what of a session is kept; results are told apart as objects."""
    done = tuple(session.done.values())
    return session.values, done, session.history, session.pairs, session.cell_types, session.colour_by
