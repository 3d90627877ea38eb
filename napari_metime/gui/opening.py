"""Before another section takes the place of the one that is open: is it one, and what would be lost?"""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QApplication, QMainWindow, QMessageBox, QWidget

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.export.words import plural
from napari_metime.gui.chain import Step
from napari_metime.gui.session import Session

MADE: dict[Step, str] = {
    "tissue": "the tissue",
    "metabolites": "the metabolites",
    "cells": "the cells",
    "align": "the alignment",
    "niches": "the niches",
}


def imzml_beside(path: Path) -> Path:
    """Return the .imzML that a dropped file belongs to: itself, or the one beside an .ibd.

    What is inside is found out by opening it.

    Raises
    ------
    MissingFileError
        An .ibd lies alone.
    ImzMLError
        It is a file of another kind.
    """
    ending = path.suffix.lower()
    if ending == ".imzml":
        return path
    if ending != ".ibd":
        raise ImzMLError(f"expected a file that ends in .imzML, found {path.name}; choose the .imzML of the pair")
    for other in sorted(path.parent.glob("*")):
        if other.stem == path.stem and other.suffix.lower() == ".imzml":
            return other
    raise MissingFileError(
        f"expected {path.stem}.imzML beside {path.name}, found none; put both files into one folder under one name"
    )


def work_in(session: Session) -> tuple[str, ...]:
    """Return in words what a person has made or chosen of a section, and another one would not have."""
    made = [words for step, words in MADE.items() if session.value(step) is not None]
    if session.has_placed and session.pairs.placed:
        made.append(plural(len(session.pairs.placed), "pair"))
    if session.get("microscopy", "path") is not None:
        made.append("the microscopy")
    return tuple(made)


def may_replace(session: Session, name: str) -> bool:
    """Ask whether another section may take the place of the one that is open; not where nothing would be lost."""
    lost = work_in(session)
    if not lost:
        return True
    listed = lost[0] if len(lost) == 1 else ", ".join(lost[:-1]) + " and " + lost[-1]
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(
        _window(),
        "Open another section",
        f"Open {name} in place of {session.get('section', 'id') or 'this section'}?\n\n"
        f"What is here goes: {listed}. An export keeps it.",
        buttons.Yes | buttons.No,
        buttons.No,
    )
    return bool(answer == buttons.Yes)


def _window() -> QWidget | None:
    """Return the window to ask in: a file dragged from elsewhere comes while no window of ours is active."""
    main = (w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow) and w.isVisible())
    return QApplication.activeWindow() or next(main, None)
