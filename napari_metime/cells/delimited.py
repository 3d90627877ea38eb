"""Delimited text files: what they are, whether every row is whole, and a few columns of them.

The file comes from outside: its size is bounded, and nothing in it is executed.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import CellTableError, MissingFileError

MAX_TABLE_BYTES = 16_000_000_000
MAX_LINE_BYTES = 1_000_000
BLOCK_BYTES = 8_000_000
CHUNK_ROWS = 50_000
DELIMITERS = ",\t;"


@dataclass(frozen=True, slots=True)
class Delimited:
    """A text table that has been looked at: how to read it and what its columns are called."""

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]


def open_delimited(path: Path) -> Delimited:
    """Recognise encoding, delimiter and header of a table, and check that every row is whole.

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    CellTableError
        It is empty, not text, has no rows below its header, or its rows differ in length.
    """
    path = Path(path)
    try:
        _check_size(path)
        first = _first_line(path)
        _check_line_ends(path)
        table = _describe(path, first, "utf-8-sig" if _is_utf8(path) else "latin-1")
        _check_rows(table)
    except OSError as error:
        raise MissingFileError(
            f"expected a cell table at {path}, found {error.strerror or error}; check cells.path"
        ) from error
    return table


def read_columns(table: Delimited, positions: Collection[int], *, text: Collection[int]) -> pd.DataFrame:
    """Read some columns, named by their position; those in ``text`` stay text, empty ones NaN."""
    chunks = pd.read_csv(
        table.path,
        sep=table.delimiter,
        encoding=table.encoding,
        header=None,
        skiprows=1,
        usecols=sorted({*positions, *text}),
        dtype=dict.fromkeys(text, object),
        index_col=False,
        compression=None,
        low_memory=False,  # else a column of mixed content warns
        chunksize=CHUNK_ROWS,  # bounds the memory: the parser holds every column of a chunk
    )
    with chunks:
        return pd.concat(chunks, ignore_index=True)


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise CellTableError(f"{path.name}: expected a cell table, found an empty file; export the cells again")
    if size > MAX_TABLE_BYTES:
        raise CellTableError(
            f"{path.name}: expected a cell table of at most {MAX_TABLE_BYTES / 1e9:.0f} GB, "
            f"found {size / 1e9:.1f} GB; export fewer columns"
        )


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        line = file.readline(MAX_LINE_BYTES)
        start = line + file.read(65_536)
    # No text table holds these; a spreadsheet, an archive or UTF-16 text does within its first bytes.
    if any(byte < 9 for byte in start):
        raise CellTableError(f"{path.name}: expected a text table, found binary data; export the cells as CSV in UTF-8")
    if len(line) == MAX_LINE_BYTES:
        raise CellTableError(f"{path.name}: expected a header row, found a first line above 1 MB; export as CSV")
    return line


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _describe(path: Path, first: bytes, encoding: str) -> Delimited:
    line = first.decode(encoding).rstrip("\r\n")
    delimiter = max(DELIMITERS, key=line.count)
    try:
        names = tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True), ()))
    except csv.Error as error:
        raise CellTableError(
            f"{path.name}: expected column names in the first line, found it broken ({error}); export the cells again"
        ) from error
    if not any(names):
        raise CellTableError(f"{path.name}: expected column names in the first line, found an empty line; remove it")
    return Delimited(path, encoding, delimiter, names)


def _check_rows(table: Delimited) -> None:
    quoted = any(b'"' in block for block in _blocks(table.path))
    expected, n_seen, n_rows = len(table.header), 0, 0
    for fields in _fields_of_quoted_rows(table) if quoted else _fields_of_plain_rows(table):
        ragged = np.flatnonzero((fields > 0) & (fields != expected))
        if ragged.size:
            raise CellTableError(
                f"{table.path.name}: expected {expected} fields in every row as in the header, found "
                f"{fields[ragged[0]]} in row {n_seen + ragged[0] + 1} (the header is row 1); export the table again"
            )
        n_seen += fields.size
        n_rows += int(np.count_nonzero(fields))
    if n_rows < 2:
        raise CellTableError(f"{table.path.name}: expected cells below the header, found no row; export them again")


def _check_line_ends(path: Path) -> None:
    # The parsers disagree on what a carriage return alone means, so that rows could shift unseen.
    n_alone, before = 0, b""
    for block in _blocks(path):
        n_alone += block.count(b"\r") - block.count(b"\r\n")
        n_alone -= before.endswith(b"\r") and block.startswith(b"\n")
        before = block
    if n_alone:
        raise CellTableError(
            f"{path.name}: expected rows that end in a line feed, found {n_alone} carriage returns without one; "
            "save the table again as CSV"
        )


def _fields_of_plain_rows(table: Delimited) -> Iterator[NDArray[np.intp]]:
    """Yield the number of fields of each line, 0 for a blank one, block by block.

    Counting bytes takes a fraction of the time of parsing; it is right only where nothing is quoted.
    """
    rest = b""
    for block in chain(_blocks(table.path), (b"\n",)):
        whole, end, rest = (rest + block).rpartition(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise CellTableError(f"{table.path.name}: expected rows of a table, found a line above 1 MB; export as CSV")
        data = np.frombuffer(whole + end, dtype=np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        fields = np.diff(np.searchsorted(np.flatnonzero(data == ord(table.delimiter)), ends), prepend=0) + 1
        length = np.diff(ends, prepend=-1) - 1
        is_blank = (length == 0) | ((length == 1) & (data[ends - 1] == ord("\r")))
        yield np.where(is_blank, 0, fields)


def _fields_of_quoted_rows(table: Delimited) -> Iterator[NDArray[np.intp]]:
    with table.path.open(encoding=table.encoding, newline="") as file:
        lengths = map(len, csv.reader(file, delimiter=table.delimiter, strict=True))
        try:
            while (fields := np.fromiter(islice(lengths, 100_000), dtype=np.intp)).size:
                yield fields
        except csv.Error as error:
            raise CellTableError(
                f"{table.path.name}: expected rows of a table, found a broken field ({error}); "
                "look for a quotation mark that is not closed"
            ) from error
