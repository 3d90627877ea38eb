"""What the menu of the dock, the keyboard and napari's command palette do: each of it once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_metime.gui.arriving.asking import Question
from napari_metime.gui.arriving.opening import work_in
from napari_metime.gui.panels.export import ExportPanel
from napari_metime.gui.panels.start_block import ask_for_files
from napari_metime.gui.state.own_folder import own_folder

if TYPE_CHECKING:
    from napari_metime.gui.dock import StepperDock


def choose_file(dock: StepperDock) -> None:
    """Choose a section, a recipe or a project, and open it."""
    if paths := ask_for_files(dock):
        dock.take_files(paths)


def try_sample(dock: StepperDock) -> None:
    """Open the built-in section."""
    dock.open_step("data")
    dock.bench.arrivals.open_sample()


def run_open_step(dock: StepperDock) -> None:
    """Press the primary button of the step that is open."""
    panel = dock.open_panel
    if panel is not None and panel.can_run() and dock.session.running is None:
        panel.run()


def run_all(dock: StepperDock) -> None:
    """Run every step that is not done, up to the niches, where that can be."""
    if dock.can_run_all():
        dock.bench.run_all()


def cancel(dock: StepperDock) -> None:
    """Stop what runs, and say so in its step."""
    step = dock.session.running
    if step is not None:
        dock.bench.cancel()
        dock.panels[step].say_cancelled()


def save_project(dock: StepperDock) -> None:
    """Save the project where it is, or ask where to."""
    if dock.session.project is None:
        save_project_as(dock)
    else:
        dock.bench.save_project(dock.session.project)


def save_project_as(dock: StepperDock) -> None:
    """Ask where to save the project, and save it there."""
    proposed = own_folder(dock.session) / f"{dock.session.get('section', 'id')}_project"
    path, _ = QFileDialog.getSaveFileName(dock, "Save project as a folder", str(proposed))
    if path:
        dock.bench.save_project(Path(path))


def undo(dock: StepperDock) -> None:
    """Take back the last thing that was done by hand."""
    dock.bench.undo()


def redo(dock: StepperDock) -> None:
    """Do again what was taken back."""
    dock.bench.redo()


def show_tables(dock: StepperDock) -> None:
    """Open the lower dock."""
    from napari_metime.gui.dock import show_lower_dock

    show_lower_dock(dock.bench)


def close_section(dock: StepperDock) -> None:
    """Close the section, after asking where work would be lost."""
    bench, session = dock.bench, dock.session

    def go() -> None:
        bench.cancel()
        bench.clear()
        session.clear()
        session.changed.emit("all")

    if not work_in(session) or (session.project is not None and not session.unkept):
        go()
        return
    name = session.get("section", "id") or "this section"
    bench.asking.ask(Question(f"Close {name}? No project of it was saved.", "Close it", "Keep it open", go))


def copy_methods_text(dock: StepperDock) -> None:
    """Copy a paragraph for a paper to the clipboard, as the last step's button does."""
    panel = dock.panels["export"]
    if isinstance(panel, ExportPanel):
        panel.copy_methods_text()
