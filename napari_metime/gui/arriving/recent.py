"""The files that were opened last, kept in the user's cache folder. No Qt here."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import platformdirs

from napari_metime.errors import MetimeError
from napari_metime.export.strict_json import read_small_json
from napari_metime.replacing import replaced_file

MAX_FILES = 8
MAX_BYTES = 64 << 10
"""A longer list is none of ours."""
MAX_PATH = 4096


def recent_files() -> tuple[Path, ...]:
    """Return the files that were opened last and are still there, the last one first; damaged lists count as empty."""
    return tuple(path for path in _listed() if path.exists())


def note_recent(path: Path) -> None:
    """Put a file first in the list, unless it is the built-in section; where it cannot be written, nothing happens."""
    path = Path(path).absolute()
    if _file().parent in path.parents:
        return
    paths = [path, *(each for each in _listed() if each != path)][:MAX_FILES]
    file = _file()
    with suppress(OSError, MetimeError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(file) as new:
            new.write_text(json.dumps([str(each) for each in paths], indent=1), encoding="utf-8")


def _file() -> Path:
    return platformdirs.user_cache_path("napari-metime") / "recent.json"


def _listed() -> list[Path]:
    texts = read_small_json(_file(), MAX_BYTES)
    if not isinstance(texts, list):
        return []
    return [Path(text) for text in texts if _is_path(text)][:MAX_FILES]


def _is_path(text: object) -> bool:
    return isinstance(text, str) and len(text) <= MAX_PATH and text.isprintable() and os.path.isabs(text)
