"""Delimited text files: what they are, whether every row is whole, and a few columns of them.

The file comes from outside: its size is bounded, and nothing in it is executed.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from napari_metime.cells.rows import scan_rows
from napari_metime.errors import CellTableError, MissingFileError

MAX_TABLE_BYTES = 16_000_000_000
MAX_LINE_BYTES = 1_000_000
MAX_GLANCE = 8_000_000
"""Characters that a glance at the first rows reads at most."""
BLOCK_BYTES = 8_000_000
CHUNK_ROWS = 50_000
DELIMITERS = ",\t;|"
# What stands for nothing; "None" and "null" may be what somebody calls a type.
NO_TEXT = ("", "#N/A", "#NA", "N/A", "NA", "n/a", "<NA>", "NaN", "nan")
NO_NUMBER = (*NO_TEXT, "None", "NULL", "null", "#N/A N/A", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN")
_SEPARATOR = re.compile(rb'"?sep=([,\t;|])"?\r?\n', re.IGNORECASE)  # a line that Excel reads and writes
_OBJECTS, _BELOW_OBJECTS = "Image", ("ImageNumber", "ObjectNumber")  # of CellProfiler's ExportToSpreadsheet


@dataclass(frozen=True, slots=True)
class Delimited:
    """A text table that has been looked at: how to read it and what its columns are called.

    Parameters
    ----------
    lines_before : above the line of the header: ``sep=;`` of Excel, or the objects of CellProfiler
    """

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    lines_before: int = 0


def open_delimited(path: Path) -> Delimited:
    """Recognise encoding, delimiter and header of a table, and check that every row is whole.

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    CellTableError
        It is empty, not text, has no rows below its header, or its rows differ in length.
    """
    with _reading(path):
        table = _looked_at(path)
        _check_rows(table)
    return table


def glance_at(path: Path, n_rows: int) -> tuple[Delimited, list[list[str]]]:
    """Look at the beginning of a table only, however long it is: what it is, and its first rows.

    Raises
    ------
    MissingFileError, CellTableError
        As ``open_delimited``, as far as the beginning shows it.
    """
    with _reading(path):
        table = _looked_at(path, whole=False)
        try:
            rows = _first_rows(table, n_rows)
        except (pd.errors.ParserError, pd.errors.EmptyDataError):
            rows = []
        if not rows or len(rows[0]) != len(table.header):
            raise CellTableError(f"{path.name}: expected rows as long as the header, found others; export it again")
        return table, rows


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tell in our words what goes wrong while a table is read."""
    try:
        yield
    except OSError as error:
        raise MissingFileError(
            f"expected a cell table at {path}, found {error.strerror or error}; check cells.path"
        ) from error
    except UnicodeError as error:  # only UTF-16 can be broken: what is no UTF-8 is read as latin-1
        raise CellTableError(
            f"{path.name}: expected text in UTF-16 as its first bytes say, found it broken; export the cells again"
        ) from error


def _looked_at(path: Path, *, whole: bool = True) -> Delimited:
    _check_size(path)
    encoding = _encoding(path, None if whole else 1)
    first, second = _first_lines(path, encoding)
    return _describe(path, first, second, encoding)


def read_columns(table: Delimited, positions: Collection[int], *, text: Collection[int]) -> pd.DataFrame:
    """Read some columns, named by their position; those in ``text`` stay text, empty ones NaN."""
    missing: dict[Any, tuple[str, ...]] = dict.fromkeys(positions, NO_NUMBER) | dict.fromkeys(text, NO_TEXT)
    chunks = pd.read_csv(
        table.path,
        sep=table.delimiter,
        encoding=table.encoding,
        header=None,
        skiprows=table.lines_before + 1,
        usecols=sorted({*positions, *text}),
        dtype=dict.fromkeys(text, object),
        keep_default_na=False,
        na_values=missing,
        index_col=False,
        compression=None,
        low_memory=False,  # else a column of mixed content warns
        chunksize=CHUNK_ROWS,  # bounds the memory: the parser holds every column of a chunk
    )
    with chunks:
        return pd.concat(chunks, ignore_index=True)


def _first_rows(table: Delimited, n_rows: int) -> list[list[str]]:
    with table.path.open(encoding=table.encoding, newline="") as file:
        start = file.read(MAX_GLANCE)  # a quote that is never closed would have all of the file read
    if len(start) == MAX_GLANCE:
        start = start[: max(start.rfind("\n"), start.rfind("\r")) + 1]
    frame = pd.read_csv(
        StringIO(start),
        sep=table.delimiter,
        header=None,
        skiprows=table.lines_before + 1,
        nrows=n_rows,
        dtype=str,
        keep_default_na=False,
        index_col=False,
    )
    found: list[list[str]] = frame.to_numpy(object).tolist()
    return found


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise CellTableError(f"{path.name}: expected a cell table, found an empty file; export the cells again")
    if size > MAX_TABLE_BYTES:
        raise CellTableError(
            f"{path.name}: expected a cell table of at most {MAX_TABLE_BYTES / 1e9:.0f} GB, "
            f"found {size / 1e9:.1f} GB; export fewer columns"
        )


def _encoding(path: Path, n_blocks: int | None = None) -> str:
    """Return the encoding that the first blocks, or all of them, can be."""
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    # Each byte is something in latin-1, of which cp1252, what Windows writes, makes signs such as dashes of more bytes.
    return next((name for name in ("utf-8-sig", "cp1252") if _is_text_in(path, name, n_blocks)), "latin-1")


def _first_lines(path: Path, encoding: str) -> tuple[bytes, bytes]:
    """Return the first line and the one below it, with their ends; the latter empty where it has none."""
    start = b""
    for block in _blocks(path, encoding):
        start += block
        if len(start) > 2 * MAX_LINE_BYTES + 65_536:
            break
    line, end, below = start.partition(b"\n")
    # No text table holds these; a spreadsheet, an archive or UTF-16 without its mark does within its first bytes.
    if any(byte < 9 for byte in start[: len(line) + 65_536]):
        raise CellTableError(f"{path.name}: expected a text table, found binary data; export the cells as CSV in UTF-8")
    if len(line) >= MAX_LINE_BYTES:
        raise CellTableError(f"{path.name}: expected a header row, found a first line above 1 MB; export as CSV")
    second, end_of_second, _ = below[:MAX_LINE_BYTES].partition(b"\n")
    return line + end, second + end_of_second if end_of_second else b""


def _blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """Yield the bytes of the text block by block, as they are but for a mark at the beginning; UTF-16 as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)() if encoding == "utf-16" else None
    with path.open("rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        while block := file.read(BLOCK_BYTES):
            yield decoder.decode(block).encode() if decoder else block
    if decoder:
        yield decoder.decode(b"", final=True).encode()


def _without_lines(blocks: Iterator[bytes], n_lines: int) -> Iterator[bytes]:
    """Yield the blocks without the first lines."""
    for block in blocks:
        rest = block
        while n_lines and rest:
            _, end, rest = rest.partition(b"\n")
            n_lines -= len(end)
        yield rest


def _is_text_in(path: Path, encoding: str, n_blocks: int | None) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in islice(_blocks(path, encoding), n_blocks):
            decoder.decode(block)
        decoder.decode(b"", final=n_blocks is None)
    except UnicodeDecodeError:
        return False
    return True


def _describe(path: Path, first: bytes, second: bytes, encoding: str) -> Delimited:
    separator = _SEPARATOR.fullmatch(first)
    if separator:
        first, second = second, b""
    text = "utf-8" if encoding == "utf-16" else encoding
    line, below = (found.decode(text).rstrip("\r\n") for found in (first, second))
    _refuse_lone_returns(path, first.count(b"\r") - first.count(b"\r\n"))
    delimiter = max(DELIMITERS, key=re.sub(r'"[^"]*"', "", line).count)
    if separator:
        delimiter = separator[1].decode()
    names = _names(path, line, delimiter)
    if not any(names):
        raise CellTableError(f"{path.name}: expected column names in the first line, found an empty line; remove it")
    if _OBJECTS in names and all(name in below for name in _BELOW_OBJECTS):
        _refuse_lone_returns(path, second.count(b"\r") - second.count(b"\r\n"))
        measured = _names(path, below, delimiter)
        if len(measured) == len(names):
            return Delimited(path, encoding, delimiter, _joined(names, measured), lines_before=1)
    return Delimited(path, encoding, delimiter, names, lines_before=1 if separator else 0)


def _names(path: Path, line: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True), ()))
    except csv.Error as error:
        raise CellTableError(
            f"{path.name}: expected column names in the first line, found it broken ({error}); export the cells again"
        ) from error


def _joined(objects: Sequence[str], measured: Sequence[str]) -> tuple[str, ...]:
    """Name the columns below two rows of names: what several objects have is called ``Cells_AreaShape_Area``."""
    n_of = Counter(measured)
    pairs = zip(objects, measured, strict=True)
    return tuple(name if n_of[name] == 1 else f"{of_object}_{name}" for of_object, name in pairs)


def _refuse_lone_returns(path: Path, n_returns: int) -> None:
    """Raise where carriage returns stand alone: the parsers disagree on what they mean, so that rows could shift."""
    if n_returns:
        raise CellTableError(
            f"{path.name}: expected rows that end in a line feed, found {n_returns:,} carriage returns without one; "
            "save the table again as CSV"
        )


def _check_rows(table: Delimited) -> None:
    name, expected = table.path.name, len(table.header)
    blocks = _without_lines(_blocks(table.path, table.encoding), table.lines_before)
    rows = scan_rows(blocks, delimiter=table.delimiter, n_fields=expected)
    if rows.longest > MAX_LINE_BYTES:
        raise CellTableError(f"{name}: expected rows of a table, found a line above 1 MB; export as CSV")
    _refuse_lone_returns(table.path, rows.n_lone_returns)
    if rows.broken and not 0 < rows.ragged < rows.broken:
        raise CellTableError(
            f"{name}: expected rows of a table, found a broken field in row {rows.broken:,}; "
            "look for a quotation mark that is not closed"
        )
    if rows.ragged:
        raise CellTableError(
            f"{name}: expected {expected} fields in every row as in the header, found {rows.ragged_fields} "
            f"in row {rows.ragged} (the header is row 1); export the table again"
        )
    if expected < 2:
        raise CellTableError(
            f"{name}: expected columns of x, y and type with commas, tabs, semicolons or bars between them, "
            f"found one column ({table.header[0]!r:.60}); export the table with all three"
        )
    if rows.n_rows < 2:
        raise CellTableError(f"{name}: expected cells below the header, found no row; export them again")
