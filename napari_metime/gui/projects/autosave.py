"""Work that nobody has saved, kept in the user's cache folder: a project for each time that a section
was worked on, the newest few. No Qt here."""

from __future__ import annotations

import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import platformdirs

from napari_metime.errors import ProjectError
from napari_metime.project import HEAD, Head, drop_scratch, read_head

MAX_SECTIONS = 5
"""Sections of which the unsaved work is kept; what was saved longest ago goes first. Our own choice, as is ..."""
MAX_BYTES = 4 << 30
"""... how much disk they may take together; the newest is kept in any case."""
UNREADABLE_S = 30 * 86400.0
"""Work that cannot be read is kept for this long. Our own choice."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Work on a section that was kept by itself.

    Parameters
    ----------
    saved_at : with its time zone
    path : to open it as a project
    steps : what was done, in words
    """

    section: str
    saved_at: datetime
    path: Path
    steps: tuple[str, ...]


def latest_autosave() -> Unfinished | None:
    """Return the work that was kept last; None where there is none that can be opened."""
    heads = _heads()
    if not heads:
        return None
    head = heads[0]
    return Unfinished(head.section, head.saved_at, head.folder, head.steps)


def autosave_folder() -> Path:
    """Return a new place for unsaved work: what another window keeps, or kept before it was killed, has its own."""
    return unfinished_folder() / uuid.uuid4().hex


def is_autosave(folder: Path) -> bool:
    """Whether a project lies where unsaved work is kept."""
    return unfinished_folder() in folder.parents


def unfinished_folder() -> Path:
    """Return the folder of them all; it need not be there."""
    return platformdirs.user_cache_path("napari-metime") / "unfinished"


def forget_autosave(folder: Path) -> None:
    """Delete unsaved work that is saved elsewhere by now."""
    if is_autosave(folder) and (folder / HEAD).is_file():
        shutil.rmtree(folder, ignore_errors=True)


def drop_oldest() -> None:
    """Delete the oldest work beyond the limits, and what a save that was killed left behind."""
    heads, total = _heads(), 0
    for number, head in enumerate(heads):
        with suppress(OSError):
            total += sum(file.stat().st_size for file in head.folder.rglob("*") if file.is_file())
        if number and (number >= MAX_SECTIONS or total > MAX_BYTES):
            forget_autosave(head.folder)
    _drop_unreadable({head.folder for head in heads})
    drop_scratch(unfinished_folder())


def _drop_unreadable(readable: set[Path]) -> None:
    """Delete old work that cannot be opened; it may be of another version, or the disk may have had a bad day."""
    with suppress(OSError):
        for folder in unfinished_folder().iterdir():
            head = folder / HEAD
            is_ours = folder not in readable and not folder.is_symlink() and head.is_file()
            if is_ours and time.time() - head.stat().st_mtime > UNREADABLE_S:
                shutil.rmtree(folder, ignore_errors=True)


def _heads() -> list[Head]:
    """Return them, the newest first; those of a section that was only opened come last: nothing is lost with them."""
    found = []
    with suppress(OSError):
        for folder in unfinished_folder().iterdir():
            with suppress(ProjectError):
                found.append(read_head(folder))
    return sorted(found, key=lambda head: (len(head.steps) > 1, head.saved_at), reverse=True)
