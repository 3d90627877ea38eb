"""Arrays that cost time to make, kept in the user's cache folder; never beside the data.

One file holds the arrays of one key. It is written to one side and moved into place, and carries a checksum of all
that is in it: a damaged one counts as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from napari_metime.errors import MissingFileError

MAX_TOTAL_BYTES = 2 << 30
MAX_FILE_BYTES = 1 << 30
_MAGIC = b"napari-metime 1\n"
_DIGEST_BYTES = 16
_ALIGNMENT = 64
_KINDS = "biuf"


def cache_folder() -> Path:
    """Return the folder of the cached files; it need not be there."""
    return platformdirs.user_cache_path("napari-metime") / "datasets"


def last_change_ns(path: Path) -> int:
    """Return when a file was changed last, by the time that no program can set back (on Windows: when it was made).

    Raises
    ------
    MissingFileError
        It is not there.
    """
    try:
        return path.stat().st_ctime_ns
    except OSError as error:
        raise MissingFileError(f"expected to read {path}, found {error}; check that the file is still there") from error


def load_arrays(key: Mapping[str, Any], name: str) -> dict[str, NDArray[Any]] | None:
    """Read the arrays that were saved under a key; None where there are none, or where they are damaged.

    Parameters
    ----------
    key : what the arrays follow from, as values that JSON knows; another key finds other arrays
    name : which arrays of this key
    """
    path = _path(key, name)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return None
        content = bytearray(path.read_bytes())
    except OSError:  # none there, or not to be read: they are made again
        return None
    start = len(_MAGIC) + _DIGEST_BYTES
    if content[:start] != _MAGIC + _digest(memoryview(content)[start:]):
        return None
    return _unpack(content, start, _identity(key, name))


def save_arrays(key: Mapping[str, Any], name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Save arrays of numbers under a key, atomically; a full or read-only disk is no error, they are only not kept.

    Parameters
    ----------
    key, name : as for ``load_arrays``
    arrays : bool, integer or float arrays of any shape
    """
    path, body = _path(key, name), _pack(arrays, _identity(key, name))
    n_bytes = sum(len(piece) for piece in body)
    if n_bytes > MAX_FILE_BYTES - _ALIGNMENT:
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, body)
        _drop_oldest(path.parent, MAX_TOTAL_BYTES)


def _identity(key: Mapping[str, Any], name: str) -> str:
    return json.dumps({"key": key, "name": name}, sort_keys=True)


def _path(key: Mapping[str, Any], name: str) -> Path:
    digest = hashlib.blake2b(_identity(key, name).encode(), digest_size=16).hexdigest()
    return cache_folder() / f"{digest}.arrays"


def _digest(*pieces: bytes | bytearray | memoryview) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _pack(arrays: Mapping[str, NDArray[Any]], identity: str) -> list[bytes | memoryview]:
    """Lay the arrays out behind a table of contents, each at a multiple of the alignment."""
    solid = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    if any(a.dtype.kind not in _KINDS for a in solid.values()):
        raise TypeError("expected arrays of numbers to keep")
    table = [[name, a.dtype.str, list(arrays[name].shape), a.nbytes] for name, a in solid.items()]
    head = json.dumps({"identity": identity, "arrays": table}).encode() + b"\n"
    pieces: list[bytes | memoryview] = [head]
    position = len(_MAGIC) + _DIGEST_BYTES + len(head)
    for array in solid.values():
        gap = -position % _ALIGNMENT
        pieces += [bytes(gap), array.reshape(-1).view(np.uint8).data]
        position += gap + array.nbytes
    return pieces


def _unpack(content: bytearray, start: int, identity: str) -> dict[str, NDArray[Any]] | None:
    position = content.index(b"\n", start) + 1
    head = json.loads(content[start:position])
    if head["identity"] != identity:
        return None
    arrays = {}
    for name, dtype, shape, n_bytes in head["arrays"]:
        position += -position % _ALIGNMENT
        found = np.frombuffer(content, np.uint8, n_bytes, position) if n_bytes else np.empty(0, np.uint8)
        arrays[name] = found.view(dtype).reshape(shape)
        position += n_bytes
    return arrays


def _write(path: Path, body: list[bytes | memoryview]) -> None:
    handle, temporary = tempfile.mkstemp(suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + _digest(*body))
            file.writelines(body)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _drop_oldest(folder: Path, max_bytes: int) -> None:
    """Delete the files that were written first until the folder holds no more than ``max_bytes``."""
    files = sorted(((p.stat().st_mtime_ns, p.stat().st_size, p) for p in folder.iterdir()), reverse=True)
    total = 0
    for _, size, path in files:
        total += size
        if total > max_bytes:
            path.unlink(missing_ok=True)
