"""A session as a project keeps it, and back: all results with what each was made of, and what a person made by hand.

No Qt here. Results stay linked as they were: a step that was stale is stale again, and what can be taken back still
can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_metime.errors import MetimeError, ProjectError
from napari_metime.gui.projects.soundness import is_sound
from napari_metime.gui.state.chain import READS, STEPS, Step
from napari_metime.gui.state.history import Change, History, PairsByHand, TissueByHand
from napari_metime.gui.state.in_sight import Camera, InHand, InSight, IonsInSight, IonWindow, LayerLook
from napari_metime.gui.state.made import Aligned, Done, Opened, Outlined, Ticket
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.state.session import Session
from napari_metime.ims import open_imzml
from napari_metime.project import KINDS as RESULT_KINDS
from napari_metime.project import Found, Kind, Project, pack, unpack
from napari_metime.section import Dataset

MAX_LOG_LINES = 1000
WORDS: dict[Step, str] = {
    "data": "section opened",
    "tissue": "tissue found",
    "metabolites": "metabolites measured",
    "cells": "cells read",
    "align": "cells aligned",
    "niches": "niches found",
    "export": "results written",
}
_KEPT_AS_THEY_ARE = (
    "values", "cell_types", "types_of", "why_roles", "cells_note", "asks_unit", "colour_by", "outlined", "pairs",
    "pairs_from", "ways_left", "image_extent", "image_note", "folder", "history", "in_sight",
)  # fmt: skip
_NO_STAMP = (0, 0)
"""Size and time of a file that is not there."""
_OF_THE_FILE = (
    "row", "col", "mz_offset", "mz_length", "intensity_offset", "intensity_length", "ascending", "mz_encoded",
    "intensity_encoded",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """All of a session but the results themselves.

    Parameters
    ----------
    attributes : of the session, by name
    done : results with what they were made of
    files : that ``attributes`` do not name
    """

    attributes: dict[str, Any]
    done: dict[Step, Done]
    log: tuple[str, ...]
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Reopening:
    """The result of the first step without the places of the spectra, which the file itself tells; how it is opened."""

    opened: Opened
    part: Any
    plane: Any
    skip_broken: Any


def keep(session: Session) -> Project:
    """Return what there is to save of a session: a frozen picture of it, taken at once.

    The results of the session and of its history are kept whole, others only as what a stale result was made of.
    """
    lean = _Lean({id(done) for done in (*session.done.values(), *_dones_of(session.history))})
    attributes = {name: getattr(session, name) for name in _KEPT_AS_THEY_ARE}
    attributes["history"] = History(*(
        tuple(lean.change(change) for change in changes) for changes in (session.history.past, session.history.undone)
    ))  # fmt: skip
    data = session.value("data")
    files = () if data is None else (data.dataset.path, data.dataset.ibd_path)
    kept = Kept(
        attributes,
        {step: lean.done(done) for step, done in session.done.items()},
        tuple(session.log[-MAX_LOG_LINES:]),
        files,
    )
    words = tuple(WORDS[step] for step in STEPS if session.is_current(step))
    return Project(str(session.get("section", "id") or "section"), words, kept, lean.results)


def restore(session: Session, kept: Any, inputs: tuple[Found, ...]) -> tuple[str, ...]:
    """Take a project into a session; what was found elsewhere, has changed or is missing is told.

    Parameters
    ----------
    kept : the state of the project
    inputs : what became of the files that it was made from

    Returns
    -------
    tuple of str
        What of the inputs is to be told, in words.

    Raises
    ------
    ProjectError
        It was saved by something else than a session.
    """
    check(kept)
    session.clear()
    for name, value in kept.attributes.items():
        setattr(session, name, value)
    session.log += kept.log
    if kept.log:
        session.logged.emit("\n".join(kept.log))
    wrong = frozenset(each.path for each in inputs if not each.is_same and each.path is not None)
    session.restore({step: _doubted(each, wrong) for step, each in kept.done.items()})
    told = tuple(_tell(session, each) for each in inputs if each.is_moved or not each.is_same)
    return (*filter(None, told), *_tell_of_spectra(session))


def relinked(session: Session, moved: Mapping[str, str]) -> Kept:
    """Return a session with the files that it was made from elsewhere.

    Parameters
    ----------
    moved : absolute paths that are others by now
    """
    project = keep(session)
    packed = pack(project.state, KINDS, apart={id(value): name for name, value in project.results.items()})
    results = {
        name: unpack(pack(value, KINDS), KINDS, moved=moved) if isinstance(value, Reopening) else value
        for name, value in project.results.items()
    }
    kept: Kept = unpack(packed, KINDS, apart=results, moved=moved)
    return replace(kept, log=())


def _dones_of(history: History) -> Iterator[Done]:
    for change in (*history.past, *history.undone):
        for side in (change.before, change.after):
            if isinstance(side, TissueByHand) and side.done is not None:
                yield side.done


@dataclass(slots=True)
class _Lean:
    """Copies results with what they were made of; a former result keeps its place there, but not its value."""

    alive: set[int]
    results: dict[str, object] = field(default_factory=dict)
    _copies: dict[int, Done] = field(default_factory=dict)

    def done(self, done: Done) -> Done:
        if id(done) not in self._copies:
            inputs = tuple(self.done(each) if isinstance(each, Done) else each for each in done.ticket.inputs)
            value = None
            if id(done) in self.alive:
                value = self.results.setdefault(_name_of(done), _without_places(done))
            ticket = replace(done.ticket, inputs=inputs)
            self._copies[id(done)] = replace(done, value=value, ticket=ticket)
        return self._copies[id(done)]

    def change(self, change: Change) -> Change:
        return replace(change, before=self._side(change.before), after=self._side(change.after))

    def _side(self, side: Any) -> Any:
        if isinstance(side, TissueByHand) and side.done is not None:
            return replace(side, done=self.done(side.done))
        return side


def _name_of(done: Done) -> str:
    """Return the name that a result is kept under: one that knows its file is kept anew where the file has moved."""
    if not isinstance(done.value, Opened):
        return done.name
    dataset = done.value.dataset
    where = f"{dataset.path}\0{dataset.ibd_path}".encode(errors="surrogatepass")
    return f"{done.name}-{hashlib.sha256(where).hexdigest()[:16]}"


def _without_places(done: Done) -> object:
    if not isinstance(done.value, Opened):
        return done.value
    settings = dict(zip(READS["data"], done.ticket.settings, strict=False))
    how = (settings.get(("ims", key)) for key in ("part", "plane", "skip_broken"))
    return Reopening(replace(done.value, dataset=_stand_in(done.value.dataset)), *how)


def _stand_in(dataset: Dataset) -> Dataset:
    """Return a dataset that shows where spectra were taken, and of which none can be read."""
    none = np.zeros(dataset.n_spectra, dtype=np.int64)
    empty: dict[str, Any] = dict.fromkeys(
        ("mz_offset", "mz_length", "intensity_offset", "intensity_length"), none
    )
    return replace(
        dataset,
        **empty,
        ascending=np.zeros(dataset.n_spectra, dtype=bool),
        mz_encoded=None,
        intensity_encoded=None,
        ibd_stamp=_NO_STAMP,
    )


def _reopen(opened: Opened, part: Any, plane: Any, skip_broken: Any) -> Opened:
    """Open the file of a section again, where it is there and is the one that it was."""
    former = opened.dataset
    try:
        found = open_imzml(former.path, part=part, plane=plane, skip_broken=bool(skip_broken))
    except MetimeError:
        return opened
    same = (found.uuid, found.n_points, found.grid.shape) == (former.uuid, former.n_points, former.grid.shape)
    if not (same and np.array_equal(found.row, former.row) and np.array_equal(found.col, former.col)):
        return opened
    of_file = {name: getattr(found, name) for name in (*_OF_THE_FILE, "path", "ibd_path", "ibd_stamp")}
    return replace(opened, dataset=replace(former, **of_file))


def _doubted(done: Done, wrong: frozenset[str]) -> Done:
    """Mark a result that was made from a file that is another one by now; all others stay the very objects."""
    named = set(_texts(done.ticket.settings))
    if isinstance(done.value, Opened):
        named |= {str(done.value.dataset.path), str(done.value.dataset.ibd_path)}
    here = sorted(wrong & named)
    return replace(done, changed=Path(here[0]).name) if here else done


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str | Path):
        yield str(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _texts(each)


def _tell(session: Session, found: Found) -> str:
    """Tell what became of an input in the step that reads it."""
    name = Path(found.was).name
    if found.is_same:
        text = f"{name} was found at {found.path}"
        session.tell(f"project: {text}")
        return text
    if Path(found.path or found.was) in session.in_sight.neighbours:
        what = "is not found" if found.path is None else "is another file by now"
        session.tell(f"project: {name}, which was shown beside the section, {what}")
        return ""
    step = _step_of(session, found)
    if found.path is None:
        again = "choose it here" if step == "data" else "choose it here and run this step again"
        text = f"expected {found.was}, found it neither there nor beside the project; put it back, or {again}"
    else:
        text = f"{name} is another file than the one that the project was made from; run this step again"
    session.tell(f"project: {text}")
    session.refuse(step, text)
    return text


def _tell_of_spectra(session: Session) -> tuple[str, ...]:
    """Tell that no spectrum can be read, where nothing of the section was said yet."""
    opened = session.value("data")
    if opened is None or opened.dataset.ibd_stamp != _NO_STAMP or session.error("data"):
        return ()
    path = opened.dataset.path
    text = f"expected the spectra of {path.name}, found none of the project at {path}; choose the file here"
    session.tell(f"project: {text}")
    session.refuse("data", text)
    return (text,)


def _step_of(session: Session, found: Found) -> Step:
    path = found.path or found.was
    for step in STEPS:
        done = session.done.get(step)
        settings = () if done is None else done.ticket.settings
        if path in set(_texts(settings)):
            return step
    for step in STEPS:
        if path in {text for section, key in READS[step] for text in _texts(session.get(section, key))}:
            return step
    return "data"


def check(kept: Any) -> None:
    """Refuse what cannot stand in a session: the file may be anybody's.

    Raises
    ------
    ProjectError
        It was saved by something else than a session, or is put together wrongly.
    """
    if not isinstance(kept, Kept):
        raise ProjectError("expected a project of the window, found another one; open another")
    if not is_sound(kept.attributes, kept.done):
        raise ProjectError("expected a project of the window, found one that is put together wrongly; open another")


_WINDOW_KINDS = (
    *(Aligned, Camera, Change, Done, History, InHand, InSight, IonWindow, IonsInSight, Kept, LayerLook, Opened),
    *(Outlined, Pairs, PairsByHand, Ticket, TissueByHand),
)
KINDS = {
    **RESULT_KINDS,
    **{each.__name__: Kind(each) for each in _WINDOW_KINDS},
    "Reopening": Kind(Reopening, make=_reopen),
}
"""Every kind that a project of the window holds."""
