"""Before another section takes the place of the one that is open: is it one, and what would be lost?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.export.words import plural
from napari_metime.gui.arriving.asking import Asking, Question
from napari_metime.gui.running.words import listed
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.session import Session

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


def once_free(
    asking: Asking, session: Session, name: str, go: Callable[[], None], stay: Callable[[], None] | None = None
) -> None:
    """Let another section take the place of the one that is open: at once where nothing would be lost, else asked.

    Parameters
    ----------
    go, stay : what is done where it may, and where it may not
    """
    lost = work_in(session)
    if not lost or (session.project is not None and not session.unkept):  # a saved project is up to date
        go()
        return
    here = session.get("section", "id") or "this section"
    words = f"Open {name} in place of {here}? What is here goes: {listed(lost)}. A saved project keeps it."
    asking.ask(Question(words, "Open it", "Keep this one", go, stay or (lambda: None)))
