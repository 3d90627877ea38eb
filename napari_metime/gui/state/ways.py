"""The ways of alignment: which one an unfinished recipe has chosen, and going over to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_metime.export.placed_landmarks import PLACED
from napari_metime.gui.state.session import ALIGN_SOURCES, Session

EMPTY: dict[str, dict[str, Any]] = {
    "landmarks": {"landmarks": None, "transform": "similarity"},
    "matrix": {"matrix": None},
    "path": {"path": None},
}
NOTHING_YET = {
    "landmarks": "No landmarks yet. Add two pairs, open a landmark file, or choose “already in µm” as Alignment where "
    "the cells lie on the section already.",
    "matrix": "No matrix yet. Enter its numbers, or choose another Alignment.",
    "path": "No transform yet. Choose its file, or another Alignment.",
}
"""What is told where a way was chosen, and nothing for it."""
KEPT = ("extra_error_um", "refine")
"""What is said of every way."""


def way_of(align: Any) -> str:
    """Return which way of alignment an unfinished recipe has chosen."""
    return "none" if align == "none" else next(key for key in ALIGN_SOURCES if key in align)


def is_empty(align: Any) -> bool:
    """Whether there is nothing yet that the chosen way could align by."""
    way = way_of(align)
    return way != "none" and align[way] is None


def choose_way(session: Session, way: str) -> None:
    """Go over to another way; one that was left before is found as it was, its fit as well as its file."""
    former = session.get("align")
    if way == way_of(former):
        return
    if former != "none":
        session.ways_left[way_of(former)] = former
    if way == "none":
        session.put("align", "", "none")
        return
    again = session.ways_left.get(way, EMPTY[way])
    placed = {"landmarks": _landmarks(session)} if way == "landmarks" else {}
    kept = {key: former[key] for key in KEPT if key in former}
    session.put("align", "", {**again, **placed, **kept})


def _landmarks(session: Session) -> Path | None:
    """Return what the recipe names for the pairs that are here: their file, or those that were set here."""
    if session.pairs_from is not None:
        return session.pairs_from
    return PLACED if session.pairs.placed else None
