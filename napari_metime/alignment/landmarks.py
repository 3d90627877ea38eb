"""landmarks.csv: pairs of one place in the cell table's own unit and in section µm."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import AlignmentError, MissingFileError

COLUMNS = ("source_x", "source_y", "target_x_um", "target_y_um")
MAX_BYTES = 1_000_000
MAX_LANDMARKS = 1_000


def read_landmarks(path: Path) -> NDArray[np.float64]:
    """Read landmarks; the order of the columns is free, further columns are ignored.

    Returns
    -------
    ndarray of shape (n, 4): source_x, source_y, target_x_um, target_y_um

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    AlignmentError
        A column is missing, a value is no finite number, or a source point occurs twice.
    """
    path = Path(path)
    rows = _rows(path)
    places = _places(path.name, rows[0][1] if rows else [])
    if len(rows) - 1 > MAX_LANDMARKS:
        raise AlignmentError(
            f"{path.name}: expected at most {MAX_LANDMARKS} landmarks, found {len(rows) - 1}; keep some"
        )
    landmarks = [_numbers(path.name, line, row, places) for line, row in rows[1:]]
    _check_once(path.name, [line for line, _ in rows[1:]], landmarks)
    return np.array(landmarks, dtype=np.float64).reshape(-1, 4)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines that are not blank, each with its number."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise AlignmentError(f"{path.name}: expected landmarks of at most 1 MB, found more; check align.landmarks")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AlignmentError(
            f"{path.name}: expected landmarks in UTF-8, found other bytes; save as CSV UTF-8"
        ) from error
    except OSError as error:
        raise MissingFileError(
            f"expected landmarks at {path}, found {error.strerror or error}; check align.landmarks"
        ) from error
    lines = text.splitlines()
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise AlignmentError(f"{path.name}: expected a table of landmarks, found {error}; write it again") from error
    return [(number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]


def _places(name: str, header: Sequence[str]) -> list[int]:
    names = [column.strip() for column in header]
    for column in COLUMNS:
        if names.count(column) != 1:
            found = "it twice" if column in names else ", ".join(f"{n!r:.40}" for n in names[:8]) or "nothing"
            raise AlignmentError(
                f"{name}: expected the column {column!r} once, found {found}; the header is {','.join(COLUMNS)}"
            )
    return [names.index(column) for column in COLUMNS]


def _numbers(name: str, line: int, row: Sequence[str], places: Sequence[int]) -> tuple[float, ...]:
    found = [row[place].strip() if place < len(row) else "" for place in places]
    try:
        numbers = tuple(float(value) for value in found)
    except ValueError:
        numbers = (math.nan,)
    if not all(map(math.isfinite, numbers)):
        raise AlignmentError(
            f"{name}: expected four numbers in line {line}, found {','.join(found)!r:.80}; mend that line"
        )
    return numbers


def _check_once(name: str, lines: Sequence[int], landmarks: Sequence[tuple[float, ...]]) -> None:
    seen: dict[tuple[float, ...], int] = {}
    for line, landmark in zip(lines, landmarks, strict=True):
        first = seen.setdefault(landmark[:2], line)
        if first != line:
            raise AlignmentError(
                f"{name}: expected each source point once, found it in lines {first} and {line}; remove one of them"
            )
