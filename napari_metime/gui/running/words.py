"""Results in words: the line in a step's header, and the sentences below its button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_metime.export.words import (
    alignment_sentence,
    is_known,
    left_out_sentences,
    niche_sentences,
    null_sentence,
    plural,
    window_sentence,
)
from napari_metime.export.words import number as written
from napari_metime.gui.running.control_words import VALUES, control_of
from napari_metime.gui.state.chain import Step, needs, number
from napari_metime.gui.state.made import Aligned, Opened
from napari_metime.gui.state.session import Session, State
from napari_metime.gui.views.evidence_words import axis_words, is_member, verdict_counts
from napari_metime.gui.widgets.role_table import Types, roles_in_words
from napari_metime.metabolites.axes import rows_of
from napari_metime.section import ROLES, CellTable, ChannelSet, Dataset, NicheResult, Tissue

STEP_NAMES: dict[Step, str] = {
    "data": "Data",
    "tissue": "Tissue",
    "metabolites": "Metabolites",
    "cells": "Cells",
    "align": "Align",
    "niches": "Niches",
    "export": "Export",
}
STATE_SIGNS: dict[State, str] = {"todo": "–", "ready": "▸", "running": "…", "done": "✓", "stale": "!"}
NEEDED: dict[Step, str] = {
    "data": "a section",
    "tissue": "the tissue",
    "metabolites": "the metabolites",
    "cells": "the cells",
    "align": "the alignment",
    "niches": "the niches",
}
"""What each step gives to those that need it."""
MOST_TOLD = 3
"""Niches that are told in sentences at most; all have a row in their tab. Our own choice."""


def state_in_words(session: Session, step: Step) -> str:
    """Return the state of a step as a sign and a word; an error or a warning goes before the rest."""
    state = session.state(step)
    if look_of(session, step) in ("failed", "warned"):
        return "✕ error" if session.error(step) else "! done, see warning"
    word = {"todo": "waits for " + _numbers(session.waits_for(step)), "stale": "out of date"}.get(state, state)
    return f"{STATE_SIGNS[state]} {word}"


def look_of(session: Session, step: Step) -> str:
    """Return how a step is coloured: its state, or ``failed`` or ``warned``."""
    state = session.state(step)
    if state != "running" and session.error(step):
        return "failed"
    return "warned" if state == "done" and warnings_of(session.value(step)) else state


def needs_in_words(session: Session, step: Step) -> str:
    """Return what a step needs, and which steps it waits for; empty where other steps give it nothing."""
    needed = needs(session.values, step)
    if not needed:
        return ""
    waits = session.waits_for(step)
    told = f" Waits for {'steps' if len(waits) > 1 else 'step'} {_numbers(waits)}." if waits else ""
    return f"Needs {listed([NEEDED[each] for each in needed])}.{told}"


def stale_in_words(session: Session, step: Step, *, it: str = "it") -> str:
    """Return why a step is stale and what to do; empty where it is not. ``it`` is what the step is called there."""
    if session.value(step) is None or session.is_current(step):
        return ""
    if session.running == step:
        return f"Made before the change; {STEP_NAMES[step]} is being run again."
    done, waits, what = session.done[step], session.waits_for(step), "Made"
    if done.changed:
        return f"Made from {done.changed}, which is another file by now; run {it} again."
    if waits:
        root = root_of(session, step)
        first = f"run {STEP_NAMES[root]} again first" if root == "data" else "press Run all"
        return f"Made before {STEP_NAMES[root]} (step {number(root)}) changed; {first}."
    changed = [f"{section}.{key}" if key else section for section, key in session.changed_settings(step)]
    if step == "tissue" and changed and all(key.startswith("ims.") for key in changed):
        what, again = "Its regions were found", "find them again, or go without"
    else:
        again = f"run {it} again"
    named = list(dict.fromkeys(control_of(key) for key in changed))
    if named and all(named):
        return f"{what} before {listed(named)} {'was' if len(named) == 1 else 'were'} changed; {again}."
    inputs = session.changed_inputs(step)
    if inputs and not changed:
        return f"{what} before {_names(inputs)} changed; {again}."
    return f"{what} with other settings or results than those now standing; {again}."


def root_of(session: Session, step: Step) -> Step:
    """Return the step to run first so that this one can run: itself where it waits for none."""
    waits = session.waits_for(step)
    return root_of(session, waits[0]) if waits else step


def rerun_in_words(session: Session, step: Step) -> str:
    """Return what running a step again does to later ones; empty where nothing."""
    lines = []
    tissue: Tissue | None = session.value("tissue")
    if step == "tissue" and tissue is not None and tissue.method == "painted":
        lines.append("Running this again replaces what you painted.")
    later = session.would_go_stale(step)
    if later:
        verb = "is" if len(later) == 1 else "are"
        lines.append(f"After running this again, {_names(later)} {verb} out of date.")
    return " ".join(lines)


def cancelled_in_words(session: Session, step: Step) -> str:
    """Return what a stopped run has left: everything as it was."""
    stands = {"done": " The former result stands.", "stale": " The former result stands, out of date as before."}
    return f"Cancelled; nothing was changed.{stands.get(session.state(step), '')}"


def in_one_line(value: Any) -> str:
    """Return a result in one short line, for the header of its step."""
    return _LINES[type(value)](value) if type(value) in _LINES else ""


def in_sentences(value: Any) -> tuple[str, ...]:
    """Return what a result says beyond its one line."""
    if isinstance(value, Opened):
        told = () if value.recalibration is None else (_sentence(value.recalibration.note),)
        return (_what_is_in(value.dataset), *told)
    if isinstance(value, Tissue):
        return (_sentence(value.note),)
    if isinstance(value, ChannelSet):
        return _beside_the_panel(value)
    if isinstance(value, CellTable):
        counted: Types = {role: (int((value.role == role).sum()), role) for role in ROLES}
        return (roles_in_words(counted),)
    if isinstance(value, Aligned):
        return (alignment_sentence(value.alignment, value.source_unit),)
    if isinstance(value, NicheResult):
        niches = niche_sentences(value)
        more = (f"{len(niches) - MOST_TOLD} more in the Niches tab.",) if len(niches) > MOST_TOLD else ()
        return (*niches[:MOST_TOLD], *more) or (_sentence(value.map.note),)
    if isinstance(value, Path):
        return (f"Written to {value}",)
    return ()


def notes_of(value: Any) -> str:
    """Return how a result was come by, which stands below it."""
    if isinstance(value, CellTable):
        return _sentence(value.note) if value.note else ""
    if not isinstance(value, NicheResult):
        return ""
    note = _sentence(value.map.note) if niche_sentences(value) else ""
    uncounted = left_out_sentences([part for part in value.left_out if part.n_cells])
    return " ".join(filter(None, (note, *uncounted, window_sentence(value.map), null_sentence(value.map.null))))


def file_size(n_bytes: int) -> str:
    """Write a size on disk with two digits and its unit."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= factor:
            return f"{written(n_bytes / factor)} {unit}"
    return f"{max(n_bytes / 1e3, 1):.0f} kB"


def warnings_of(value: Any) -> tuple[str, ...]:
    """Return the warnings of a result."""
    if isinstance(value, Opened):
        more = value.recalibration.warnings if value.recalibration is not None else ()
        return tuple(dict.fromkeys((*value.dataset.warnings, *more)))
    if isinstance(value, NicheResult):
        return tuple(dict.fromkeys((*value.map.warnings, *value.warnings)))
    return tuple(getattr(value, "warnings", ()))


def _opened(value: Opened) -> str:
    dataset = value.dataset
    height, width = dataset.grid.spacing_um
    size = f"{height:g}" if height == width else f"{height:g} × {width:g}"
    return f"{int(dataset.measured.sum()):,} px · {size} µm · {dataset.polarity}"


def _what_is_in(dataset: Dataset) -> str:
    """Say what a file holds: how large the section is, what was measured and where in m/z."""
    rows, cols = dataset.grid.shape
    height, width = dataset.grid.spacing_um
    kinds = {"centroid": "Peak lists (centroid)", "profile": "Whole spectra (profile)"}
    peaks = kinds.get(dataset.spectrum_type, "Spectra")
    low, high = dataset.mz_range
    size = f"{written(cols * width / 1000)} × {written(rows * height / 1000)} mm"
    return f"{size}. {peaks} from m/z {low:.0f} to {high:.0f}, {dataset.polarity} ions."


def _tissue(value: Tissue) -> str:
    return f"{int(value.mask.sum()):,} px on tissue · {value.method}"


def _channels(value: ChannelSet) -> str:
    members = _members(value)
    # The header is narrow: which axes these are stands below, and what is doubtful in the Metabolites tab.
    parts = [f"{verdict_counts(members)['seen']} of {len(members)} seen"] if members else []
    if len(value.axes):
        n_scored = len(_scored(value))
        parts.append(f"{n_scored or 'no'} {'axes' if n_scored > 1 else 'axis'} scored")
    return " · ".join(parts) or plural(_n_more(value), "image")


def _members(value: ChannelSet) -> list[dict[str, Any]]:
    return [row for row in rows_of(value.table) if is_member(row)]


def _n_more(value: ChannelSet) -> int:
    """Count the channels beside the panel: further m/z, images, microscopy."""
    listed = {row["channel"] for row in _members(value)}
    return sum(channel.name not in listed and not channel.is_logarithmic for channel in value.channels)


def _beside_the_panel(value: ChannelSet) -> tuple[str, ...]:
    n_more = _n_more(value) if _members(value) else 0
    more = (f"Beside the panel: {plural(n_more, 'image')}.",) if n_more else ()
    return ((_axes(value),) if len(value.axes) else ()) + more


def _axes(value: ChannelSet) -> str:
    """Say which axes have a score, and where it says why the others have none."""
    scored = _scored(value)
    if not scored:
        return "No metabolic axis can be scored from this file; the Metabolites tab says why."
    others = "" if len(scored) == len(value.axes) else " The Metabolites tab says why the others have no score."
    return f"Metabolic axes with a score: {', '.join(scored)}.{others}"


def _scored(value: ChannelSet) -> list[str]:
    return [axis_words(str(row["axis"])) for row in rows_of(value.axes) if row["status"] == "scored"]


def _cells(value: CellTable) -> str:
    return f"{value.n_cells:,} cells · {len(set(value.type))} types"


def _aligned(value: Aligned) -> str:
    alignment = value.alignment
    given = {"none": "as given", "matrix": "by the given matrix"} | VALUES["align.transform"]
    parts = [given.get(alignment.kind, alignment.kind.replace("_", " "))]
    if value.refined_from is not None and value.refined_from.accepted:
        parts[0] += ", refined"
    # First: the header is narrow, and what comes last is cut off.
    if is_known(alignment.error_um):
        parts.insert(0, f"off by {written(alignment.error_um)} µm")
    elif alignment.n_landmarks:
        parts.insert(0, "error unknown")
    if alignment.extra_error_um > 0:
        parts.append("serial section")
    return " · ".join(parts)


def _niches(value: NicheResult) -> str:
    rows = _niche_rows(value)
    if rows.empty:
        return "no niche called"
    grades = ", ".join(f"{n} {grade}" for grade, n in rows["grade"].value_counts().items())
    return f"{plural(len(rows), 'niche')} · {grades}"


def _folder(value: Path) -> str:
    return f"written to {value.name}"


def _niche_rows(value: NicheResult) -> pd.DataFrame:
    return value.regions[value.regions["kind"] == "niche"]


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def _names(steps: Sequence[Step]) -> str:
    return listed([STEP_NAMES[step] for step in steps])


def _numbers(steps: Sequence[Step]) -> str:
    return listed([str(number(step)) for step in steps])


def listed(words: Sequence[str]) -> str:
    """Write words one after the other, the last one behind an and."""
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


_LINES: dict[type, Callable[[Any], str]] = {
    Opened: _opened,
    Tissue: _tissue,
    ChannelSet: _channels,
    CellTable: _cells,
    Aligned: _aligned,
    NicheResult: _niches,
    type(Path()): _folder,
}
