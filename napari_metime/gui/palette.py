"""The commands of napari's palette: each opens the stepper of the current viewer, where it is not, and acts on it."""

from __future__ import annotations


def _act(name: str) -> None:
    import napari

    from napari_metime.gui import commands
    from napari_metime.gui.hooks import open_dock

    viewer = napari.current_viewer()
    if viewer is not None:
        getattr(commands, name)(open_dock(viewer))


def open_imzml() -> None:
    """Choose an imzML, a recipe or a project, and open it."""
    _act("choose_file")


def try_sample() -> None:
    """Open the built-in section."""
    _act("try_sample")


def run_open_step() -> None:
    """Press the primary button of the step that is open."""
    _act("run_open_step")


def run_all() -> None:
    """Run every step that is not done, up to the niches."""
    _act("run_all")


def cancel() -> None:
    """Stop what runs."""
    _act("cancel")


def save_project() -> None:
    """Save the project, where it is or where a person says."""
    _act("save_project")


def undo() -> None:
    """Take back the last thing that was done by hand."""
    _act("undo")


def redo() -> None:
    """Do again what was taken back."""
    _act("redo")


def copy_methods_text() -> None:
    """Copy a paragraph for a paper to the clipboard."""
    _act("copy_methods_text")


def show_tables() -> None:
    """Open the lower dock."""
    _act("show_tables")


def close_section() -> None:
    """Close the section."""
    _act("close_section")
