"""Outputs that come into place whole or not at all: written beside their place, moved at the end."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_metime.errors import MetimeError, OutputError

SCRATCH = ".metime."
"""How the name of a folder begins in which something is being written."""
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
"""The disk, or what a person may use of it, is full."""


@contextmanager
def scratch_beside(target: Path, *, make_parents: bool = False) -> Iterator[Path]:
    """Give an empty folder beside ``target``, on the same disk; it is gone when the block ends.

    Parameters
    ----------
    make_parents : bool
        Make the folders that ``target`` is to lie in; those that are empty at the end are removed again.

    Raises
    ------
    OutputError
        Something there cannot be written or moved.
    """
    target = Path(target).absolute()
    missing = [folder for folder in target.parents if not folder.exists()] if make_parents else []
    try:
        if missing:
            target.parent.mkdir(parents=True, exist_ok=True)
        # Cleaning up may fail where another program holds an old file open; the new ones are in place by then.
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=target.parent, ignore_cleanup_errors=True) as scratch:
            yield Path(scratch)
    except MetimeError:
        raise
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        for folder in missing:
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """Give a new folder; it takes the place of ``out`` when the block ends without an error.

    Until then, and after any error, cancelling included, ``out`` is as it was and nothing else is left.
    Raises as ``scratch_beside`` does.
    """
    out = Path(out).resolve()
    with scratch_beside(out, make_parents=True) as scratch:
        new = scratch / "new"
        new.mkdir()
        yield new
        _move_into_place([new], [out], aside=scratch)


@contextmanager
def replaced_file(path: Path, *, outlasts_power: bool = False) -> Iterator[Path]:
    """Give a new file name; it takes the place of ``path``, at one blow, when the block ends without an error.

    Parameters
    ----------
    outlasts_power : wait for the disk, so that a power cut leaves the old or the new file whole, never an empty one
    """
    with scratch_beside(path) as scratch:
        new = scratch / path.name
        yield new
        if outlasts_power:
            wait_for_disk(new)
        os.replace(new, path)
        if outlasts_power:
            wait_for_disk(path.parent)


def wait_for_disk(path: Path) -> None:
    """Wait until what was written to a file, or the names in a folder, stand on the disk itself."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":  # there no folder can be opened; NTFS keeps its names by a journal
        return
    try:
        handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        if not is_folder:  # of a folder not every disk can be asked that, nor by everybody who may write in it
            raise


@contextmanager
def replaced_pair(path: Path, data_path: Path) -> Iterator[Path]:
    """Give a new name for ``path``; it and its data take their places when the block ends without an error.

    Both bear their final names in the block. At no moment does ``path`` stand beside the data of another.
    """
    with scratch_beside(path) as scratch:
        for standing in (path, data_path):
            if standing.is_dir():
                raise IsADirectoryError(errno.EISDIR, f"the folder {standing.name}")
        new = scratch / "new"
        new.mkdir()
        yield new / path.name
        _move_into_place([new / path.name, new / data_path.name], [path, data_path], aside=scratch)


def _move_into_place(new: Sequence[Path], final: Sequence[Path], *, aside: Path) -> None:
    """Put the old ones aside, then the new ones into their places, the first at last; after an error the old return."""
    old = [aside / f"old{number}" for number in range(len(final))]
    try:
        for path, kept in zip(final, old, strict=True):
            if path.exists():
                path.rename(kept)
        for source, path in reversed([*zip(new, final, strict=True)]):
            source.rename(path)
    except BaseException:
        for source, path, kept in zip(new, final, old, strict=True):
            if path.exists() and not source.exists():
                path.rename(source)
            if kept.exists() and not path.exists():
                kept.rename(path)
        raise


def cannot_write(out: Path, error: OSError) -> OutputError:
    """Say in one line that ``out`` cannot be written, and why."""
    if error.errno in _FULL:
        return OutputError(
            f"expected room for {out}, found the disk full; free some, or choose a place on another disk"
        )
    found = error.strerror or error
    return OutputError(f"expected to write {out}, found: {found}; choose another place or free this one")
