"""Tables that a user gives: read in bounded memory, with errors that name the row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from napari_metime.errors import MissingFileError, RecipeError

Row = tuple[int, dict[str, str]]
"""Number of a row, the first line of the file being 1, and its cells by column, without outer blanks."""


def read_text(path: Path, *, what: str, max_bytes: int, remedy: str = "check the path") -> str:
    """Read a table as text.

    Parameters
    ----------
    what : the table in words, for errors
    remedy : what to do where the file cannot be read

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    RecipeError
        It is larger than ``max_bytes``, or no text in UTF-8.
    """
    try:
        if path.stat().st_size > max_bytes:
            size = max_bytes // 1_000_000
            raise RecipeError(f"{path.name}: expected {what} of at most {size} MB, found more; give fewer rows")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path.name}: expected {what} in UTF-8, found other bytes; save it as CSV UTF-8") from error
    except OSError as error:
        raise MissingFileError(f"expected {what} at {path}, found {error.strerror or error}; {remedy}") from error


def parse_rows(text: str, source: str, *, needed: Sequence[str]) -> list[Row]:
    """Return the rows below the header: commas, semicolons or tabs; lines that begin with # may stand above it.

    Parameters
    ----------
    source : the name of the file, for errors
    needed : columns that it must have

    Raises
    ------
    RecipeError
        The text is no table, a column is missing or stands twice, or a row has other fields than the header.
    """
    lines = text.splitlines(keepends=True)
    n_comments = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    table = "".join(lines[n_comments:])
    delimiter = max(",;\t", key=table.partition("\n")[0].count)
    try:
        header, *rows = [
            [cell.strip() for cell in row] for row in csv.reader(io.StringIO(table), delimiter=delimiter)
        ] or [[]]
    except csv.Error as error:
        raise RecipeError(f"{source}: expected a table, found {error}; save it as CSV again") from error
    if not set(needed) <= set(header) or len(set(header)) < len(header):
        raise RecipeError(
            f"{source}: expected a header with {', '.join(map(repr, needed))} and each column once, found "
            f"{','.join(header)!r:.80}; mend the header"
        )
    numbered = [(number, row) for number, row in enumerate(rows, start=n_comments + 2) if any(row)]
    for number, row in numbered:
        if len(row) != len(header):
            raise RecipeError(
                f"{source}: expected {len(header)} fields in row {number}, found {len(row)}; quote texts that hold "
                f"{delimiter!r}"
            )
    return [(number, dict(zip(header, row, strict=True))) for number, row in numbered]
