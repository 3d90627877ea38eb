"""The files that a project was made from: where they are, what they were, and where they are found again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from napari_metime.section import Progress

MAX_WHOLE_BYTES = 64 << 20
"""A file up to this size is read whole for its checksum; of a larger one ..."""
N_SAMPLES, SAMPLE_BYTES = 16, 1 << 20
"""... these many pieces of this length, the first and the last bytes among them. Our own choice."""
MAX_FILES_OF_IMAGE = 20_000
_OF_IMAGE = (".zattrs", ".zgroup", "zarr.json")


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input as it was when the project was saved.

    Parameters
    ----------
    path : where it was, absolute
    beside : the same place from the folder of the project; ``path`` where there is no such way
    n_bytes, changed_ns : its size, and when it was changed last; of a folder the sum and the newest of its files
    digest : ``sha256:`` of all of it, ``sha256-sampled:`` of pieces of a large one, ``sha256-names:`` of a folder
    """

    path: str
    beside: str
    n_bytes: int
    changed_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class Found:
    """What became of an input.

    Parameters
    ----------
    path : where it is now; None where it was not found
    is_same : whether it has the checksum that it had
    """

    was: str
    path: str | None
    is_same: bool

    @property
    def is_moved(self) -> bool:
        """Whether it was found elsewhere."""
        return self.path is not None and self.path != self.was


def note_inputs(
    paths: Iterable[str], folder: Path, former: Mapping[str, InputFile], *, on_progress: Progress
) -> tuple[InputFile, ...]:
    """Note the size and the checksum of each file; one that is gone stays as it was noted before.

    Parameters
    ----------
    paths : absolute
    folder : of the project
    former : what was noted at the last saving; a file of the same size and time is not read again
    """
    noted = []
    for path in sorted(set(paths)):
        before = former.get(path)
        found = _note(Path(path), folder, before, on_progress)
        if found is not None or before is not None:
            noted.append(found or before)
    return tuple(each for each in noted if each is not None)


def find_inputs(inputs: Sequence[InputFile], folder: Path, *, on_progress: Progress) -> tuple[Found, ...]:
    """Look for each input where it was, by the same way from the project, and beside the project.

    A place with the checksum that was noted comes first; a file of the name beside the project counts only then.
    """
    return tuple(_find(each, folder, on_progress) for each in inputs)


def _find(noted: InputFile, folder: Path, on_progress: Progress) -> Found:
    sure = [noted.path, os.path.normpath(folder / noted.beside)]
    name = PureWindowsPath(noted.path).name  # which takes either kind of slash: the project may be from elsewhere
    places = dict.fromkeys([*sure, str(folder.parent / name), str(folder / name)])
    for place in places:
        if _digest(Path(place), on_progress, n_bytes=noted.n_bytes) == noted.digest:
            return Found(noted.path, place, True)
    other = next((place for place in sure if _is_input(Path(place))), None)
    return Found(noted.path, other, False)


def _note(path: Path, folder: Path, before: InputFile | None, on_progress: Progress) -> InputFile | None:
    if not _is_input(path):
        return None
    try:
        status = path.stat()
        files = _files_of(path) if path.is_dir() else [("", status.st_size, status.st_mtime_ns)]
    except OSError:
        return None
    n_bytes, changed_ns = sum(size for _, size, _ in files), max((changed for *_, changed in files), default=0)
    if before is not None and (before.n_bytes, before.changed_ns) == (n_bytes, changed_ns):
        digest: str | None = before.digest
    else:
        digest = _digest_of_folder(files) if path.is_dir() else _digest(path, on_progress)
    return None if digest is None else InputFile(str(path), _from(path, folder), n_bytes, changed_ns, digest)


def _is_input(path: Path) -> bool:
    """Whether it is a file, or an image that is a folder of files; no other folder is read."""
    return path.is_file() or (path.is_dir() and any((path / name).is_file() for name in _OF_IMAGE))


def _digest(path: Path, on_progress: Progress, *, n_bytes: int | None = None) -> str | None:
    """Return the checksum of an input; None where it cannot be read or is not of ``n_bytes``."""
    try:
        if path.is_dir():
            return _digest_of_folder(_files_of(path)) if _is_input(path) else None
        size = path.stat().st_size
        if n_bytes not in (None, size):
            return None
        on_progress(0.0, f"checksum of {path.name}")
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for start, length in _pieces(size):
                file.seek(start)
                digest.update(file.read(length))
                on_progress(min(1.0, start / max(size, 1)), f"checksum of {path.name}")
    except OSError:
        return None
    word = "sha256" if size <= MAX_WHOLE_BYTES else "sha256-sampled"
    return f"{word}:{digest.hexdigest()}"


def _pieces(size: int) -> list[tuple[int, int]]:
    if size <= MAX_WHOLE_BYTES:
        return [(start, SAMPLE_BYTES) for start in range(0, size, SAMPLE_BYTES)]
    last = size - SAMPLE_BYTES
    return [(last * number // (N_SAMPLES - 1), SAMPLE_BYTES) for number in range(N_SAMPLES)]


def _digest_of_folder(files: list[tuple[str, int, int]]) -> str:
    """Of an image that is a folder: the names and sizes of its files."""
    digest = hashlib.sha256()
    for name, size, _ in sorted(files):
        digest.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
    return f"sha256-names:{digest.hexdigest()}"


def _files_of(path: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time of each file in a folder; of too many always the same ones, wherever it lies."""
    found: list[tuple[str, int, int]] = []
    waiting = [(path, "")]
    while waiting:
        folder, below = waiting.pop()
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((Path(entry.path), f"{below}{entry.name}/"))
            elif entry.is_file():
                status = entry.stat()
                found.append((f"{below}{entry.name}", status.st_size, status.st_mtime_ns))
                if len(found) == MAX_FILES_OF_IMAGE:
                    return found
    return found


def _from(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive on Windows has no relative path
        return path.as_posix()


def read_input(values: Any) -> InputFile:
    """Take a row of the project's head; raises TypeError or ValueError where it is none."""
    found = InputFile(**values)
    texts, numbers = (found.path, found.beside, found.digest), (found.n_bytes, found.changed_ns)
    if not all(isinstance(each, str) and "\0" not in each for each in texts):
        raise ValueError("an input without a path")
    if not any(kind(found.path).is_absolute() for kind in (PurePosixPath, PureWindowsPath)):
        raise ValueError("an input without a whole path")
    if not all(type(each) is int for each in numbers):
        raise ValueError("an input without a size")
    return found
