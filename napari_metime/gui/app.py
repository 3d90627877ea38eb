"""napari with a section loaded, as the command line opens it."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

import napari
from qtpy.QtCore import QTimer

from napari_metime import pipeline
from napari_metime.gui.dock import StepperDock, show_lower_dock, show_stepper
from napari_metime.project import is_project
from napari_metime.recipe import Recipe
from napari_metime.section import SectionResult

SETTLED_MS = 2000
"""By then after a file is open, all docks and their tabs are made. Our own choice."""


def open_window(
    files: Sequence[Path] = (),
    *,
    recipe: Recipe | None = None,
    result: SectionResult | None = None,
    block: bool = True,
) -> napari.Viewer:
    """Open napari with files, with a recipe's section, or with a finished run.

    Parameters
    ----------
    files : imzML files, by either of their two files, the first as the section, or a project; others are opened as
        napari does
    recipe : its section is opened and its settings are filled in
    result : what ``recipe`` gave; it is shown as if the steps had been run in the window
    block : wait until the window is closed
    """
    # napari collects garbage each time a layer goes: not among the modules too, which all stay.
    gc.freeze()
    viewer = napari.Viewer(title="napari-metime", show=False)
    dock = show_stepper(viewer)
    _freeze_once_settled(dock)
    if recipe is not None and result is not None:
        dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
        show_lower_dock(dock.bench)
        dock.open_step("niches")
    elif recipe is not None:
        dock.bench.arrivals.load(recipe)
        dock.bench.run("data")
    ours = [path for path in files if path.suffix.lower() in (".imzml", ".ibd") or is_project(path)]
    for path in ours:
        dock.bench.arrivals.open_any(path)
    for path in files:
        if path not in ours:
            viewer.open(path, plugin=None)
    viewer.show()
    if block:
        napari.run()
    return viewer


def _freeze_once_settled(dock: StepperDock) -> None:
    """Take the widgets of the window out of what the collector goes through: they stay until the program ends.

    That is half of all; going through it keeps the window waiting each time.
    """
    settled, landed = QTimer(dock, singleShot=True, interval=SETTLED_MS), dock.bench.landed
    settled.timeout.connect(gc.freeze)

    def start(_: str) -> None:
        landed.disconnect(start)
        settled.start()

    landed.connect(start)
