"""A first look at a text table: its columns, its first rows, and which columns would be taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.columns import UNIT_SIGNS, Unit, agreed_unit, base_and_unit
from napari_metime.cells.delimited import NO_NUMBER, Delimited, glance_at
from napari_metime.cells.delimited_formats import (
    CellFormat,
    documented_unit,
    find_type_column,
    place_columns,
    recognise_format,
)
from napari_metime.cells.files import recognise_file
from napari_metime.cells.numbers import to_numbers
from napari_metime.errors import CellTableError

SHOWN_ROWS = 3
LOOKED_AT_ROWS, LOOKED_AT_COLUMNS = 200, 2000
"""Enough to tell numbers from texts, and to choose from. Our own choice."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person needs to see of a table to say what its columns are.

    Parameters
    ----------
    header : names of the columns, the first 2,000 of them
    rows : the first rows, as they are written
    numbers : the columns that may be x or y
    kinds : the columns that may hold the type of a cell: texts that repeat, other texts, whole numbers that repeat
    x, y, type : the columns that are taken, as named or recognised: two of x and y where they are sides of a box
    recognised : the same where nothing is named, in words, empty where there is none
    unit : the unit of x and y and what says it, in words; empty where nothing does
    is_um : whether that unit is a length, so that nobody has to say how large a pixel is
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    x: tuple[str, ...] = ()
    y: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    recognised: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    is_um: bool = False

    def missing(self, *given: str) -> tuple[str, ...]:
        """Return what no column is known for: x, y or type, but for those that are ``given`` in another way."""
        return tuple(key for key, columns in self.taken.items() if not columns and key not in given)

    @property
    def taken(self) -> dict[str, tuple[str, ...]]:
        """What is taken for x, y and type."""
        return {"x": self.x, "y": self.y, "type": self.type}


def preview_table(
    path: Path, *, x: str | None = None, y: str | None = None, type_column: str | None = None, unit: Unit | None = None
) -> Preview | None:
    """Look at the beginning of a text table; None for a file of another kind, which has no such columns.

    Parameters
    ----------
    x, y, type_column, unit : what was said of it; the columns are recognised where nothing was

    Raises
    ------
    MissingFileError, CellTableError
        It cannot be read, or is no table: what columns are missing is no error here.
    """
    if recognise_file(path) != "table":
        return None
    table, rows = glance_at(path, LOOKED_AT_ROWS)
    fmt = recognise_format(table.header)
    numbers, kinds = _sorted_columns(table, rows)
    at_x, at_y = _places(table.header, fmt, x, y, unit)
    of_file, is_um = _unit_in_words(table.header, fmt, at_x, at_y)
    by_name = dict(zip(("x", "y"), _places(table.header, fmt, None, None, unit), strict=True))
    by_name["type"] = _type(table.header, fmt, None)

    def named(places: Sequence[int]) -> tuple[str, ...]:
        return tuple(table.header[at] for at in places)

    return Preview(
        header=table.header[:LOOKED_AT_COLUMNS],
        rows=tuple(tuple(row[:LOOKED_AT_COLUMNS]) for row in rows[:SHOWN_ROWS]),
        numbers=numbers,
        kinds=kinds,
        x=named(at_x),
        y=named(at_y),
        type=named(_type(table.header, fmt, type_column)),
        recognised={key: " and ".join(named(places)) for key, places in by_name.items()},
        unit=of_file,
        is_um=is_um,
    )


def _places(
    header: Sequence[str], fmt: CellFormat, x: str | None, y: str | None, unit: Unit | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the columns of x and y, or of that one of them that is named, where the other is not known."""
    for x_named, y_named in ((x, y), (x, x), (y, y)) if (x is None) != (y is None) else ((x, y),):
        try:
            at_x, at_y = place_columns(header, fmt, x=x_named, y=y_named, unit=unit)
        except CellTableError:
            continue
        return (at_x if x_named == x else (), at_y if y_named == y else ())
    return (), ()


def _type(header: Sequence[str], fmt: CellFormat, type_column: str | None) -> tuple[int, ...]:
    try:
        return (find_type_column(header, fmt, type_column),)
    except CellTableError:
        return ()


def _unit_in_words(
    header: Sequence[str], fmt: CellFormat, at_x: Sequence[int], at_y: Sequence[int]
) -> tuple[str, bool]:
    if not at_x or not at_y:
        return "", False
    documented = documented_unit(header, fmt, (*at_x, *at_y))
    try:
        unit = agreed_unit(header, at_x[0], at_y[0], stated=None, documented=documented)
    except CellTableError:
        return "", False
    written = base_and_unit(header[at_x[0]])[1]
    if written is not None:
        return f"{UNIT_SIGNS[written]}, from {header[at_x[0]]!r}", unit == "um"
    beside = "as the columns beside them" if fmt.unit_beside else f"as {fmt.name.split()[0]} documents"
    return f"{UNIT_SIGNS[unit]}, {beside}", unit == "um"


def _sorted_columns(table: Delimited, rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns of numbers, and those that may hold types."""
    numbers: list[str] = []
    repeated: list[str] = []
    other: list[str] = []
    grouped: list[str] = []
    for name, values in islice(zip(table.header, zip(*rows, strict=True), strict=True), LOOKED_AT_COLUMNS):
        present = [value.strip() for value in values if value.strip() not in NO_NUMBER]
        if not name or not present:
            continue
        found = _numbers(present, name, table.delimiter)
        if np.isfinite(found).mean() > 0.5:
            numbers.append(name)
            if _repeat(present) and (found == np.floor(found))[np.isfinite(found)].all():
                grouped.append(name)
        else:
            (repeated if _repeat(present) else other).append(name)
    return tuple(dict.fromkeys(numbers)), tuple(dict.fromkeys((*repeated, *other, *grouped)))


def _numbers(values: Sequence[Any], name: str, delimiter: str) -> NDArray[np.float64]:
    try:
        return to_numbers(pd.Series(values, dtype=object), name=name, delimiter=delimiter)
    except CellTableError:  # numbers, of which it cannot be said what their commas mean
        return np.zeros(len(values))


def _repeat(values: Sequence[str]) -> bool:
    return len(set(values)) <= max(len(values) // 2, 1)
