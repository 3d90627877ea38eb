"""A project on disk: a folder with ``project.metime``, which says what is in it, and ``parts``, a file for each result.

Saving writes what is new beside what stands there, then puts the new head in place of the former one at one blow: who
is stopped before has the former project whole, who is stopped after has the new one. A single file would have to be
written whole after every step.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_metime import __version__
from napari_metime.errors import OutputError, ProjectError
from napari_metime.project.codec import Kinds, Packed, pack, unpack
from napari_metime.project.inputs import Found, InputFile, find_inputs, note_inputs, read_input
from napari_metime.project.parts import check_parts, check_sizes, read_part, write_part
from napari_metime.replacing import SCRATCH, cannot_write, replaced_file, replaced_folder, wait_for_disk
from napari_metime.section import Progress, no_progress, share_of

HEAD = "project.metime"
PARTS = "parts"
FORMAT = 1
MAX_HEAD_BYTES = 4 << 20
MAX_PARTS = 1000
_OURS = re.compile("(state-)?[0-9a-f]{32}")
OTHERS_S = 3600.0
"""What another window may be about to name in its head is left alone for this long. Our own choice."""


@dataclass(frozen=True, slots=True, eq=False)
class Project:
    """What is saved.

    Parameters
    ----------
    section : its name
    steps : what is done, in words
    state : all of it but the results
    results : each result by a name that no other one ever has; the state holds the same objects
    """

    section: str
    steps: tuple[str, ...]
    state: object
    results: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Head:
    """What a project says of itself, which is read without reading its results.

    Parameters
    ----------
    folder : that it lies in
    saved : when (UTC, ISO 8601)
    state, results : the files in ``parts``
    """

    folder: Path
    section: str
    saved: str
    steps: tuple[str, ...]
    state: str
    results: tuple[str, ...]
    inputs: tuple[InputFile, ...]

    @property
    def saved_at(self) -> datetime:
        """When it was saved."""
        return datetime.fromisoformat(self.saved)


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A project as it was saved, and what became of the files that it was made from."""

    head: Head
    state: Any
    inputs: tuple[Found, ...]


def is_project(path: Path) -> bool:
    """Whether a path is that of a project: its folder, or the head in it."""
    return _head_of(path).is_file()


def save_project(
    project: Project, folder: Path, kinds: Kinds, *, over: str | None = None, on_progress: Progress = no_progress
) -> Path:
    """Save a project into its folder; results that are there from before are not written again.

    Parameters
    ----------
    over : the state that the head there names, if it is the one that was last read or written; None = any may be there

    Raises
    ------
    OutputError
        The folder holds something else or what another window has saved there since, or cannot be written.
    ProjectError
        A value is of no kind that can be kept, or there is more than could be opened again.
    Cancelled
        ``on_progress`` raised it; what was saved before is whole.
    """
    folder = _head_of(Path(folder).absolute()).parent
    if _head_of(folder).is_file():
        _write(project, folder, folder, kinds, on_progress, over=over)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"expected a new or empty folder for a project, found other files in {folder}; choose another name"
        )
    else:
        with replaced_folder(folder) as new:
            _write(project, new, folder, kinds, on_progress)
        wait_for_disk(folder.parent)
    return folder


def load_project(path: Path, kinds: Kinds, *, on_progress: Progress = no_progress) -> Loaded:
    """Open a project: look for its inputs, then put its state and results together.

    Parameters
    ----------
    path : its folder, or the head in it

    Raises
    ------
    ProjectError
        It is damaged, of another version, or no project.
    """
    head = read_head(path)
    found = find_inputs(head.inputs, head.folder, on_progress=share_of(on_progress, 0.0, 0.3))
    moved = {each.was: each.path for each in found if each.path is not None and each.is_moved}
    check_parts([_part(head.folder, name) for name in (*head.results, head.state)])
    results: dict[str, object] = {}
    for number, name in enumerate(head.results):
        on_progress(0.3 + 0.6 * number / len(head.results), "opening the project")
        results[name] = unpack(read_part(_part(head.folder, name)), kinds, moved=moved)
    state = unpack(read_part(_part(head.folder, head.state)), kinds, apart=results, moved=moved)
    return Loaded(head, state, found)


def read_head(path: Path) -> Head:
    """Read what a project says of itself.

    Raises
    ------
    ProjectError
        It is damaged, of another version, or no project.
    """
    file = _head_of(Path(path).absolute())
    try:
        if file.stat().st_size > MAX_HEAD_BYTES:
            raise ValueError("it is too large")
        values = json.loads(file.read_text(encoding="utf-8"))
        version = values["napari-metime project"]
        if version != FORMAT:
            by = values.get("written_by")
            which = f"version {by:.20}" if isinstance(by, str) and by.isprintable() else "another version"
            raise ProjectError(
                f"expected a project that this version opens in {file.parent.name}, found one that {which} saved; "
                "update napari-metime"
            )
        inputs = tuple(read_input(each) for each in values["inputs"])
        head = Head(
            file.parent, str(values["section"]), str(values["saved"]), tuple(map(str, values["steps"])),
            _name(values["state"]), tuple(map(_name, values["results"])), inputs,
        )  # fmt: skip
        if head.saved_at.tzinfo is None or len(head.results) > MAX_PARTS:
            raise ValueError("no time zone, or too many results")
    except ProjectError:
        raise
    except OSError as error:
        raise ProjectError(
            f"expected a saved project at {path}, found {error.strerror or error}; "
            f"choose its folder or the {HEAD} in it"
        ) from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ProjectError(
            f"expected a saved project in {file}, found another or a damaged file ({error!s:.80}); "
            "open an earlier copy of it, or the recipe"
        ) from error
    return head


def _write(
    project: Project, new: Path, folder: Path, kinds: Kinds, on_progress: Progress, *, over: str | None = None
) -> None:
    """Write into ``new``, which is or becomes ``folder``."""
    former = read_head(folder) if (folder / HEAD).is_file() else None
    if former is not None:
        _check_unchanged(folder, over or former.state)
    if (new / PARTS).is_symlink():  # what is deleted in it would be somebody else's
        raise OutputError(f"expected a folder {PARTS} in {folder}, found a link to another one; choose another name")
    known = set() if former is None else {name for name in former.results if _part(folder, name).is_file()}
    wanted = {name: pack(value, kinds) for name, value in project.results.items() if name not in known}
    packed = pack(project.state, kinds, apart={id(value): name for name, value in project.results.items()})
    check_sizes((*wanted.values(), packed), [_part(folder, name) for name in project.results if name in known])
    try:
        (new / PARTS).mkdir(exist_ok=True)
        for number, (name, result) in enumerate(wanted.items()):
            share = share_of(on_progress, 0.8 * number / len(wanted), 0.8 * (number + 1) / len(wanted))
            _write_part(result, new, name, share)
        state = f"state-{uuid.uuid4().hex}"
        _write_part(packed, new, state, share_of(on_progress, 0.8, 0.9))
        before = {} if former is None else {each.path: each for each in former.inputs}
        inputs = note_inputs(packed.paths, folder, before, on_progress=share_of(on_progress, 0.9, 1.0))
        head = {
            "napari-metime project": FORMAT,
            "written_by": __version__,
            "section": project.section,
            "saved": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "steps": list(project.steps),
            "state": state,
            "results": list(project.results),
            "inputs": [asdict(each) for each in inputs],
        }
        if former is not None:
            _check_unchanged(folder, former.state)
        with replaced_file(new / HEAD, outlasts_power=True) as file:
            file.write_text(json.dumps(head, indent=1), encoding="utf-8")
    except OSError as error:
        cause = error.__cause__ if isinstance(error, OutputError) else error  # whatever file of it, it is the project
        if not isinstance(cause, OSError):
            raise
        raise cannot_write(folder, cause) from error
    _tidy(new, {state, *project.results}, set() if former is None else {former.state, *former.results})


def _check_unchanged(folder: Path, state: str) -> None:
    if read_head(folder).state != state:
        raise OutputError(
            f"expected the project in {folder} as this window left it, found what another window has saved since; "
            "save it under another name, or open it again"
        )


def _write_part(packed: Packed, folder: Path, name: str, on_progress: Progress) -> None:
    with replaced_file(_part(folder, name), outlasts_power=True) as file:
        write_part(packed, file, on_progress=on_progress)


def _tidy(folder: Path, named: set[str], former: set[str]) -> None:
    """Delete what the former head named and this one does not, and what a save that was killed left behind."""
    for file in (folder / PARTS).iterdir():
        name = file.name.removesuffix(".part")
        is_part = file.name != name and file.is_file() and not file.is_symlink()
        # Held open elsewhere, or deleted by another window: the next save comes by again.
        with suppress(OSError):
            if is_part and name not in named and (name in former or (_OURS.fullmatch(name) and _is_old(file))):
                file.unlink()
    drop_scratch(folder)
    drop_scratch(folder / PARTS)


def drop_scratch(folder: Path) -> None:
    """Delete the scratch folders in which a save was killed, once they are old."""
    with suppress(OSError):
        for each in folder.glob(f"{SCRATCH}*"):
            if each.is_dir() and not each.is_symlink() and _is_old(each):
                shutil.rmtree(each, ignore_errors=True)


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > OTHERS_S


def _head_of(path: Path) -> Path:
    return path if path.name == HEAD else path / HEAD


def _part(folder: Path, name: str) -> Path:
    return folder / PARTS / f"{name}.part"


def _name(value: Any) -> str:
    """Take the name of a file in ``parts``: nothing that leads elsewhere."""
    if not isinstance(value, str) or not value or not all(c.isascii() and (c.isalnum() or c == "-") for c in value):
        raise ValueError("a result without a name")
    return value[: 200 if os.name != "nt" else 100]
