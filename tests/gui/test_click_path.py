"""The whole way by clicks and keys in the real window: to its end, into every wrong turn, and broken off half-way."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QFileDialog, QLineEdit, QPushButton, QWidget

from napari_metime import pipeline
from napari_metime.cli import main
from napari_metime.gui.dock import StepperDock, show_lower_dock, show_stepper
from napari_metime.gui.running.worker import Job, Runner
from napari_metime.gui.state.chain import STEPS, Step
from napari_metime.gui.views.lower_dock import LowerDock

pytestmark = pytest.mark.skipif(
    os.name == "posix" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")),
    reason="a real window needs a screen; run under Xvfb",
)
STEP_THREAD = "napari-metime step"
UNBROKEN: tuple[Step, ...] = ("cells", "align")
"""They are over before they could be cancelled, and report nothing."""
PATIENCE_MS = 60_000


class Person:
    """Clicks and types in the window, on what is in sight."""

    def __init__(self, dock: StepperDock, qtbot, monkeypatch) -> None:
        self.dock, self.session = dock, dock.session
        self._qtbot, self._monkeypatch = qtbot, monkeypatch

    def see(self, widget: QWidget) -> None:
        """Scroll until a widget is in sight; settings that are folded into a line are opened first."""
        for settings in (panel.settings for panel in self.dock.panels.values()):
            is_folded = settings.change.isVisible() and not settings.change.isChecked()
            if is_folded and settings.isAncestorOf(widget) and widget is not settings.change:
                self.press(settings.change)
        self._qtbot.waitUntil(widget.isVisible, timeout=PATIENCE_MS)
        self.dock._scroll.ensureWidgetVisible(widget)
        self._qtbot.waitUntil(lambda: not widget.visibleRegion().isEmpty())

    def press(self, button: QPushButton) -> None:
        """Click a button once it can be clicked."""
        self.see(button)
        self._qtbot.waitUntil(button.isEnabled, timeout=PATIENCE_MS)
        self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def type(self, line: QLineEdit, text: str) -> None:
        """Type a text in place of what stands in a field."""
        self.see(line)
        self._qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
        self._qtbot.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        self._qtbot.keyClicks(line, text)
        self._qtbot.keyClick(line, Qt.Key.Key_Return)

    def choose(self, button: QPushButton, path: Path) -> None:
        """Choose a file or folder in the dialog that a button opens."""
        for name, answer in (("getOpenFileName", (str(path), "")), ("getExistingDirectory", str(path))):
            self._monkeypatch.setattr(QFileDialog, name, lambda *_, answer=answer, **__: answer)
        self.press(button)

    def open_step(self, step: Step) -> None:
        """Open a step by its header, where it is not open."""
        if not self.dock.panels[step].is_open:
            self.press(self.dock.panels[step].header)

    def run(self, step: Step) -> None:
        """Run a step by its button and wait for its end."""
        self.open_step(step)
        self.press(self.dock.panels[step].primary)
        self.settle()

    def button(self, inside: QWidget, words: str) -> QPushButton:
        """Return the button of some words."""
        (found,) = (each for each in inside.findChildren(QPushButton) if each.text() == words)
        return found

    def settle(self) -> None:
        """Wait until no step runs."""
        self._qtbot.waitUntil(lambda: self.session.running is None, timeout=PATIENCE_MS)

    def field(self, step: Step, section: str, key: str) -> QLineEdit:
        """Return the line of a setting; its fold is opened."""
        panel = self.dock.panels[step]
        (editor,) = (form.editors[section, key] for form in panel.forms if (section, key) in form.editors)
        widget = editor.widget()
        return widget if isinstance(widget, QLineEdit) else widget.findChild(QLineEdit)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def person(viewer, qtbot, monkeypatch) -> Person:
    return Person(show_stepper(viewer), qtbot, monkeypatch)


@pytest.fixture
def half_way(monkeypatch) -> Callable[[], AbstractContextManager[threading.Event]]:
    """Hold a step, from its first report of some progress on, until it is cancelled; the event says that it waits."""
    report = Runner._report

    @contextmanager
    def held() -> Iterator[threading.Event]:
        waits = threading.Event()

        def wait(runner: Runner, job: Job, fraction: float, text: str) -> None:
            report(runner, job, fraction, text)
            if fraction > 0 and runner._name == STEP_THREAD:
                waits.set()
                job.cancelled.wait()
                report(runner, job, fraction, text)

        with monkeypatch.context() as patched:
            patched.setattr(Runner, "_report", wait)
            yield waits

    return held


@pytest.fixture(scope="module")
def result(recipe):
    return pipeline.run(recipe)


def is_working() -> bool:
    return any(thread.name == STEP_THREAD for thread in threading.enumerate())


def close_by_its_cross(widget: QWidget, qtbot) -> None:
    """Click the X in the title of a dock."""
    while not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    qtbot.mouseClick(widget.title.close_button, Qt.MouseButton.LeftButton)


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def test_clicks_and_keys_from_an_empty_window_end_in_the_tables_of_run(person, recipe, recipe_path, tmp_path):
    panels = person.dock.panels
    person.choose(panels["data"].choose, recipe.ims.path)
    person.settle()
    person.type(person.field("data", "section", "id"), recipe.section.id)
    for step in ("tissue", "metabolites"):
        person.run(step)
    person.open_step("cells")
    person.type(panels["cells"].file.line, str(recipe.cells.path))
    person.settle()
    person.type(person.field("cells", "cells", "pixel_size_um"), str(recipe.cells.pixel_size_um))
    person.run("cells")
    person.open_step("align")
    person.choose(panels["align"].block.open, recipe.align.landmarks)
    person.run("align")
    person.open_step("niches")
    person.type(person.field("niches", "niches", "n_permutations"), str(recipe.niches.n_permutations))
    person.run("niches")
    person.open_step("export")
    person.choose(person.button(panels["export"], "Change…"), tmp_path)
    person.run("export")
    folder = tmp_path / f"{recipe.section.id}_results"
    assert [person.session.error(step) for step in STEPS] == [""] * len(STEPS)
    assert main(["run", str(recipe_path), "--out", str(tmp_path / "by_run")]) == 0
    by_window = tables(folder)
    written = {"regions.csv", "associations.csv", "gradients.csv", "cells.csv", "channels.csv"}
    assert written <= tables(tmp_path / "by_run").keys()
    assert tables(tmp_path / "by_run").items() <= by_window.items()  # which has the landmarks beside its recipe


def test_wrong_files_are_told_and_mended_in_sight(person, recipe, tmp_path):
    panel, session = person.dock.panels["data"], person.session
    picture, unsized = tmp_path / "picture.png", tmp_path / "unsized.imzML"
    picture.write_bytes(b"\x89PNG")
    person.choose(panel.choose, picture)
    notice = person.dock.head.question
    assert notice.words.text().startswith("Expected a file that this window opens, found picture.png")
    person.press(notice.yes)
    assert not notice.isVisible()
    sized = recipe.ims.path.read_bytes()
    unsized.write_bytes(b"\n".join(line for line in sized.splitlines() if not re.search(rb"IMS:100004[67]", line)))
    unsized.with_suffix(".ibd").write_bytes(recipe.ims.path.with_suffix(".ibd").read_bytes())
    person.choose(panel.choose, unsized)
    person.settle()
    person.see(panel.error)
    assert "Pixel size" in panel.error.text()
    assert session.value("data") is None
    person.type(person.field("data", "ims", "pixel_size_um"), "50")
    person.press(panel.primary)
    person.settle()
    assert session.state("data") == "done"
    assert not panel.error.isVisible()


def test_a_folder_of_the_input_and_no_effector_are_told_and_nothing_is_written(person, recipe, result, qtbot):
    session, panels = person.session, person.dock.panels
    person.dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    before = sorted(recipe.ims.path.parent.rglob("*"))
    session.folder = recipe.ims.path.parent
    person.run("export")
    person.see(panels["export"].error)
    assert recipe.ims.path.name in panels["export"].error.text()
    assert sorted(recipe.ims.path.parent.rglob("*")) == before
    person.open_step("cells")
    (effector,) = session.get("cells", "roles")["effector"]
    box = panels["cells"].table.table.cellWidget(list(session.cell_types).index(effector), 2)
    person.see(box)
    qtbot.keyClick(box, Qt.Key.Key_End)
    assert "effector" not in session.get("cells", "roles")
    person.press(panels["cells"].primary)
    person.see(panels["cells"].error)
    assert "effector" in panels["cells"].error.text()
    qtbot.keyClick(box, Qt.Key.Key_Home)
    person.run("cells")
    assert session.state("cells") == "done"
    assert not panels["cells"].error.isVisible()


def test_every_step_cancelled_half_way_is_as_before_and_runs_again(person, recipe_path, half_way, tmp_path, qtbot):
    session, panels = person.session, person.dock.panels
    shutil.copytree(recipe_path.parent, tmp_path / "section")  # one that no cache knows
    session.folder = tmp_path / "results"
    starts: dict[Step, Callable[[], None]] = {
        "data": lambda: person.dock.take_file(tmp_path / "section" / "recipe.yaml"),
        **{step: partial(person.press, panels[step].primary) for step in STEPS[1:]},
    }
    for step, start in starts.items():
        person.open_step(step)
        if step not in UNBROKEN:
            with half_way() as waits:
                start()
                qtbot.waitUntil(waits.is_set, timeout=PATIENCE_MS)
                session.folder = tmp_path / "results"  # another section forgets it
                person.press(panels[step].cancel)
            assert session.state(step) == "ready"
            assert session.error(step) == ""
            qtbot.waitUntil(lambda: not is_working())
            assert [path.name for path in tmp_path.iterdir()] == ["section"]
        person.run(step)
        assert session.state(step) == "done"
    assert (tmp_path / "results" / "regions.csv").is_file()


def test_a_dock_closed_half_way_leaves_no_thread_and_opens_as_it_was(
    person, viewer, recipe, result, half_way, tmp_path, qtbot
):
    person.dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    person.session.folder = tmp_path / "results"
    show_lower_dock(person.dock.bench)
    for step in ("tissue", "metabolites", "niches", "export"):
        with half_way() as waits:
            person.open_step(step)
            person.press(person.dock.panels[step].primary)
            qtbot.waitUntil(waits.is_set, timeout=PATIENCE_MS)
            close_by_its_cross(person.dock, qtbot)
            assert not is_working()
        person.dock = show_stepper(viewer)
        assert [person.session.state(each) for each in STEPS] == [*["done"] * 6, "ready"]
    assert list(tmp_path.iterdir()) == []
    (lower,) = (widget for widget in viewer.window.dock_widgets.values() if isinstance(widget, LowerDock))
    person.open_step("niches")
    person.press(person.dock.panels["niches"].primary)
    close_by_its_cross(lower, qtbot)
    person.settle()
    show_lower_dock(person.dock.bench)
    (again,) = (widget for widget in viewer.window.dock_widgets.values() if isinstance(widget, LowerDock))
    assert again is not lower
    assert person.session.state("niches") == "done"


@pytest.mark.parametrize("step", ["niches", "export"])
def test_a_viewer_closed_half_way_leaves_no_thread_and_no_file(
    person, viewer, recipe, result, half_way, step, tmp_path, qtbot
):
    person.dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    person.session.folder = tmp_path / "results"
    with half_way() as waits:
        person.dock.bench.run(step)
        qtbot.waitUntil(waits.is_set, timeout=PATIENCE_MS)
        viewer.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("napari-metime")]
    assert list(tmp_path.iterdir()) == []
