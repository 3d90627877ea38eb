"""How an index lies on disk: its folder, its header, and the checks by which a damaged one is known.

A folder with flat little-endian columns, padded to whole blocks of ``BLOCK`` records. Every block
has a check, compared when a query first touches it, so that a torn write or a flipped bit never
reaches an image; the header is written last and names the .ibd and the spectra that it was built from.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import zlib
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numba
import numpy as np
import platformdirs
from numpy.typing import NDArray

from napari_metime.ims.compiling import borrowing
from napari_metime.section import Dataset

FORMAT = 2
BLOCK = 1024
HEADER, CHECKS, SPECTRA, FIRST_MZ = "header.json", "checks.u8", "spectra.i8", "first_mz.f8"
AXIS, TILES = "axis.f8", "tiles.i8"
MZ, INTENSITY, SPECTRUM, POSITION, MATRIX = "mz", "intensity", "spectrum", "position", "matrix"
KNOWN_FILES = frozenset({HEADER, CHECKS, SPECTRA, FIRST_MZ, AXIS, TILES, MZ, INTENSITY, SPECTRUM, POSITION, MATRIX})
MAX_HEADER_BYTES = 65_536
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)

Header = dict[str, Any]


def index_folder(dataset: Dataset, folder: Path | None) -> Path:
    """Return where the index goes: in ``folder``, or beside the .imzML."""
    return (dataset.path.parent if folder is None else Path(folder)) / f"{dataset.path.stem}.metime-index"


def cache_folder(dataset: Dataset) -> Path:
    """Return where the index goes when the data folder cannot be written; two files of one name do not meet there."""
    place = hashlib.sha256(str(dataset.path.resolve()).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    cache = platformdirs.user_cache_path("napari-metime") / "indexes"
    return cache / f"{dataset.path.stem}-{place}.metime-index"


def note_place(dataset: Dataset, folder: Path) -> None:
    """Note in the user's cache in which folder the index was put; where that fails, only its name finds it."""
    with suppress(OSError):
        note = _note_of(dataset)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(str(folder.resolve()), encoding="utf-8")


def noted_place(dataset: Dataset) -> Path | None:
    """Return the folder that the index was last put in by name, None where none was noted."""
    try:
        return Path(_note_of(dataset).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _note_of(dataset: Dataset) -> Path:
    return cache_folder(dataset).with_suffix(".place")


def is_channel_major(dataset: Dataset) -> bool:
    """Whether all spectra share one m/z axis, so that the index is the transposed intensity matrix."""
    arrays = (dataset.mz_offset, dataset.intensity_length)
    return dataset.mode == "continuous" and all(bool((array == array[0]).all()) for array in arrays)


def column_dtype(dtype: np.dtype[np.generic]) -> np.dtype[Any]:
    """Return the precision of a column: the file's own, float64 for integers."""
    return np.dtype("<f4") if dtype == np.dtype("<f4") else np.dtype("<f8")


def point_dtypes(dataset: Dataset) -> dict[str, np.dtype[Any]]:
    """Return the columns of a points index: the place within the spectrum only where m/z does not tell it."""
    dtypes = {
        MZ: column_dtype(dataset.mz_dtype),
        INTENSITY: column_dtype(dataset.intensity_dtype),
        SPECTRUM: np.dtype("<u4"),
    }
    return dtypes if dataset.ascending.all() else {**dtypes, POSITION: np.dtype("<u4")}


def key_of(dataset: Dataset, changed_ns: int) -> Header:
    """Return what an index must have been built from to hold the points of ``dataset``.

    ``changed_ns`` is the time of the last change of the .ibd that no program can set back (``st_ctime_ns``).
    """
    return {
        "format": FORMAT,
        "uuid": dataset.uuid,
        "ibd_size": dataset.ibd_stamp[0],
        "ibd_mtime_ns": dataset.ibd_stamp[1],
        "ibd_changed_ns": changed_ns,
        "mz_dtype": dataset.mz_dtype.str,
        "intensity_dtype": dataset.intensity_dtype.str,
        "channel_major": is_channel_major(dataset),
    }


def locations(dataset: Dataset) -> NDArray[np.int64]:
    """Return where the arrays of each spectrum lie in the .ibd, int64 of shape (5, n_spectra)."""
    plain = np.full(dataset.n_spectra, -1, dtype=np.int64)
    mz_encoded, intensity_encoded = (
        plain if encoded is None else encoded for encoded in (dataset.mz_encoded, dataset.intensity_encoded)
    )
    return np.stack(
        [dataset.mz_offset, dataset.intensity_offset, dataset.intensity_length, mz_encoded, intensity_encoded]
    ).astype("<i8", copy=False)


def digest(array: NDArray[Any]) -> str:
    """Return the check of a whole array of eight-byte items, as text."""
    return f"{check_block(as_words([np.ascontiguousarray(array)]), 0, 1, 0):016x}"


@borrowing
def check_block(columns, place, n_places, number):  # type: ignore[no-untyped-def]
    """Return the check of a block: of its number and of the words of each column, uint64.

    ``place`` is the block's place among the ``n_places`` of the arrays. Every step is a bijection of the state, so
    one changed word always shows; two lanes keep it at the speed of memory.
    """
    even = (np.uint64(number) + _FACTOR) * _FACTOR
    odd = even ^ _FACTOR
    for words in columns:
        n_words = words.size // n_places
        start = place * n_words
        for i in range(start, start + n_words - 1, 2):
            even = (even ^ words[i]) * _FACTOR
            odd = (odd ^ words[i + 1]) * _FACTOR
            even ^= even >> _HALF
            odd ^= odd >> _HALF
        if n_words % 2:
            even = (even ^ words[start + n_words - 1]) * _FACTOR
            even ^= even >> _HALF
    return even * _FACTOR + odd


@numba.njit(cache=True, nogil=True)
def check_blocks(columns, n_blocks, first_number):  # type: ignore[no-untyped-def]
    """Return the checks of consecutive blocks, uint64 of shape (n_blocks,)."""
    checks = np.empty(n_blocks, np.uint64)
    for block in range(n_blocks):
        checks[block] = check_block(columns, block, n_blocks, first_number + block)
    return checks


def as_words(columns: list[NDArray[Any]]) -> tuple[NDArray[np.uint64], ...]:
    """Return the bytes of contiguous columns as words of eight; always four of them, so that one type is compiled."""
    words = [column.reshape(-1).view(np.uint64) for column in columns]
    for word in words:
        word.setflags(write=False)
    nothing = np.empty(0, np.uint64)
    nothing.setflags(write=False)
    return tuple(words + [nothing] * (4 - len(words)))


class ColumnWriter:
    """Appends records to the columns of an index and notes the check and the first record of every block."""

    def __init__(self, folder: Path, dtypes: dict[str, np.dtype[Any]]) -> None:
        self.dtypes = dtypes
        self._folder = folder
        self._kept: list[NDArray[Any]] = [np.empty(0, dtype) for dtype in dtypes.values()]
        self._checks = [np.empty(0, np.uint64)]
        self._first = [np.empty(0)]
        self._n_blocks = 0
        self._stack = ExitStack()
        self._files: list[BinaryIO] = []

    def __enter__(self) -> ColumnWriter:
        for name in self.dtypes:
            self._files.append(self._stack.enter_context((self._folder / name).open("xb")))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def n_kept(self) -> int:
        """Records that wait for their block to be full: the next arrays begin with as many free places."""
        return self._kept[0].size

    def put(self, place: int, columns: list[NDArray[Any]]) -> None:
        """Lay records down anywhere beyond those that were appended, to be read again and sorted."""
        for file, column in zip(self._files, columns, strict=True):
            file.seek(place * column.itemsize)
            file.write(column.data)
            file.flush()

    def read(self, name: str, place: int, n_records: int) -> NDArray[Any]:
        """Read records of one column that were put down; from any thread."""
        dtype = self.dtypes[name]
        return np.fromfile(self._folder / name, dtype, n_records, offset=place * dtype.itemsize)

    def append(self, columns: list[NDArray[Any]]) -> None:
        """Append records; the first ``n_kept`` places of each array are filled here."""
        n_blocks = columns[0].size // BLOCK
        for column, kept in zip(columns, self._kept, strict=True):
            column[: kept.size] = kept
        full = [column[: n_blocks * BLOCK] for column in columns]
        self._kept = [column[n_blocks * BLOCK :].copy() for column in columns]
        self._checks.append(check_blocks(as_words(full), n_blocks, self._n_blocks))
        self._first.append(full[0][::BLOCK].astype(np.float64))
        self.put(self._n_blocks * BLOCK, full)
        self._n_blocks += n_blocks

    def finish(self) -> tuple[Header, NDArray[np.float64]]:
        """Fill the last block with zeros; return what the header says of the columns, and each block's first record."""
        if self.n_kept:
            self.append([np.zeros(BLOCK, dtype) for dtype in self.dtypes.values()])
        for file, dtype in zip(self._files, self.dtypes.values(), strict=True):
            file.truncate(self._n_blocks * BLOCK * dtype.itemsize)
        (self._folder / CHECKS).write_bytes(np.concatenate(self._checks).astype("<u8").tobytes())
        columns = [[name, dtype.str] for name, dtype in self.dtypes.items()]
        return {"n_blocks": self._n_blocks, "columns": columns}, np.concatenate(self._first).astype("<f8")


def write_header(folder: Path, header: Header) -> None:
    """Write the header: the last file of an index, without which the others count for nothing."""
    text = json.dumps(header, sort_keys=True)
    crc = zlib.crc32(text.encode())
    (folder / HEADER).write_text(f'{{"crc32": {crc}, "index": {text}}}\n', encoding="ascii")


def read_header(folder: Path) -> Header | None:
    """Read the header of an index; None where there is none or it is not as it was written."""
    try:
        with (folder / HEADER).open("rb") as file:
            found = json.loads(file.read(MAX_HEADER_BYTES))
        text = json.dumps(found["index"], sort_keys=True)
        intact = found["crc32"] == zlib.crc32(text.encode())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return dict(found["index"]) if intact else None


def map_column(path: Path, dtype: np.dtype[Any], n_records: int) -> NDArray[Any]:
    """Memory-map a column, read-only; raises ValueError where it is of another size, OSError where it is missing."""
    n_bytes = n_records * dtype.itemsize
    with path.open("rb") as file:
        if file.seek(0, 2) != n_bytes:
            raise ValueError(f"expected {n_bytes} bytes in {path.name}")
        if n_bytes == 0:
            return np.empty(0, dtype)
        return np.frombuffer(mmap.mmap(file.fileno(), n_bytes, access=mmap.ACCESS_READ), dtype)
