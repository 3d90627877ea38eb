"""Build the m/z-sorted index of a file: to one side, then moved into place, so that none is ever half there.

Nothing waits for the disk: what a power cut tears, the checks of the index tell, and it is built again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from napari_metime.errors import MetimeError, OutputError
from napari_metime.ims.cache import last_change_ns
from napari_metime.ims.index_columns import write_channels, write_points
from napari_metime.ims.index_format import (
    BLOCK,
    KNOWN_FILES,
    SPECTRA,
    cache_folder,
    column_dtype,
    digest,
    index_folder,
    is_channel_major,
    key_of,
    locations,
    note_place,
    point_dtypes,
    write_header,
)
from napari_metime.section import Dataset, Progress, no_progress

_MARK = ".building"
_ABANDONED_SECONDS = 86_400
_ATTEMPTS = 100
_TICK_NS = 20_000_000
"""Longer than the steps in which file systems keep time."""


def build_index(dataset: Dataset, *, folder: Path | None = None, on_progress: Progress = no_progress) -> Path:
    """Build the index of a dataset and return its folder; an older one there is replaced.

    Memory stays below 1.5 GB whatever the size of the file; the disk takes about as much as the .ibd does.

    Parameters
    ----------
    folder : Path, optional
        Where to put it; default: beside the .imzML, or in the user's cache where that cannot be written.

    Raises
    ------
    OutputError
        It cannot be written, or the disk is too small; nothing is left behind.
    MissingFileError
        The .ibd cannot be read.
    """
    key = key_of(dataset, _settled_change_ns(dataset.ibd_path))
    goals = [index_folder(dataset, folder)]
    if folder is None:
        goals.append(cache_folder(dataset))
    try:
        with _building_folder(goals) as (building, goal):
            _check_space(dataset, building)
            write = write_channels if is_channel_major(dataset) else write_points
            layout = write(dataset, building, on_progress)
            spectra = locations(dataset)
            (building / SPECTRA).write_bytes(spectra.tobytes())
            write_header(building, {**key, **layout, "spectra": digest(spectra), "n_spectra": dataset.n_spectra})
            _move_into_place(building, goal)
    except MetimeError:
        raise
    except OSError as error:
        raise OutputError(
            f"expected to write the index of {dataset.path.name}, found: {error.strerror or error}; "
            "free some space or name another folder for it"
        ) from error
    if folder is not None:
        note_place(dataset, folder)
    on_progress(1.0, "index built")
    return goal


def _settled_change_ns(path: Path) -> int:
    """Return when a file was changed last; wait until the clock of the system ticks, so that any later change shows."""
    changed_ns = last_change_ns(path)
    if abs(time.time_ns() - changed_ns) < _TICK_NS:
        time.sleep(_TICK_NS / 1e9)
    return changed_ns


@contextlib.contextmanager
def _building_folder(goals: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Make a temporary folder beside the first goal that can be written; it is gone at the end."""
    for goal in goals:
        _refuse_foreign(goal)
        building = _temporary_name(goal)
        try:
            goal.parent.mkdir(parents=True, exist_ok=True)
            building.mkdir()
        except OSError:
            if goal is goals[-1]:
                raise
            continue
        break
    try:
        _remove_abandoned(goal)
        yield building, goal
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _temporary_name(goal: Path) -> Path:
    return goal.with_name(f"{goal.name}{_MARK}-{_host()}-{os.getpid()}-{secrets.token_hex(4)}")


def _host() -> str:
    return "".join(c for c in socket.gethostname() if c.isalnum())[:32]


def _refuse_foreign(goal: Path) -> None:
    """Refuse to replace what is no index of ours; hidden files are what file managers leave everywhere."""
    ours = not goal.is_symlink() and goal.is_dir()
    ours = ours and all(path.name in KNOWN_FILES or path.name.startswith(".") for path in goal.iterdir())
    if os.path.lexists(goal) and not ours:
        raise OutputError(f"expected an index or nothing at {goal}, found something else; move it away")


def _remove_abandoned(goal: Path) -> None:
    """Remove what builds that were killed left beside ``goal``."""
    mark = f"{goal.name}{_MARK}-"
    for path in goal.parent.iterdir():
        if path.name.startswith(mark) and _is_abandoned(path, path.name.removeprefix(mark)):
            shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(path: Path, owner: str) -> bool:
    """Whether the process that made a temporary folder is gone: by its number on this machine, else by age."""
    host, pid, _ = (owner + "--").split("-", 2)
    if os.name == "posix" and host == _host() and pid.isdigit():
        return not _is_alive(int(pid))
    try:
        newest = max(entry.stat().st_mtime for entry in (path, *path.iterdir()))
    except OSError:
        return False  # another process removes it at this moment
    return time.time() - newest > _ABANDONED_SECONDS


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # of another user
    return True


def _check_space(dataset: Dataset, building: Path) -> None:
    """Refuse to begin what the disk cannot hold."""
    if is_channel_major(dataset):
        record = column_dtype(dataset.intensity_dtype).itemsize
    else:
        record = sum(dtype.itemsize for dtype in point_dtypes(dataset).values())
    n_points = int(dataset.intensity_length.sum())
    n_blocks = n_points // BLOCK + 1
    needed = n_blocks * (BLOCK * record + 16) + dataset.n_spectra * 40 + 65_536
    free = shutil.disk_usage(building).free
    if free < needed:
        raise OutputError(
            f"expected {needed / 1e6:,.1f} MB of free space in {building.parent} for the index, "
            f"found {free / 1e6:,.1f} MB; free some or name another folder for it"
        )


def _move_into_place(building: Path, goal: Path) -> None:
    """Move a finished index to ``goal``; where two processes do so at once, the later one stays."""
    for _ in range(_ATTEMPTS):
        retired = _temporary_name(goal)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.rename(goal, retired)
            os.rename(building, goal)
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            continue
        finally:
            shutil.rmtree(retired, ignore_errors=True)
        return
    raise OutputError(f"expected to move the index to {goal}, found others doing so all the time; try again")
