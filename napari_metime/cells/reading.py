"""From a delimited file to a cell table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.columns import UNIT_SIGNS, CellColumns, Unit, find_columns, find_type
from napari_metime.cells.delimited import Delimited, open_delimited, read_columns
from napari_metime.cells.roles import match_roles
from napari_metime.errors import CellTableError
from napari_metime.section import CellTable

UNASSIGNED = "unassigned"
MAX_POSITION = 1e12


def read_cell_table(
    path: Path,
    *,
    x: str | None,
    y: str | None,
    type_column: str | None,
    unit: Unit | None,
    roles: Mapping[str, Sequence[str]],
) -> CellTable:
    """Read cells from a comma, tab or semicolon separated table (UTF-8, else latin-1).

    Parameters
    ----------
    x, y, type_column : names of the columns; None = recognised, and told in the note
    unit : of x and y; None = as the header says
    roles : the types that count as effector, suppressor and tumor; all others count as other

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    CellTableError
        It is no table of cells: not text, ragged, a column missing or doubled, the unit unknown or
        contradicting the header, no position readable, or no listed type in it.

    Notes
    -----
    Rows without a finite position are left out and counted in a warning. A cell without a type is
    ``unassigned`` and counts as other.
    """
    table = open_delimited(path)
    columns = find_columns(table.header, x=x, y=y, type_column=type_column, unit=unit)
    text = {columns.type} if columns.cell_id is None else {columns.type, columns.cell_id}
    frame = read_columns(table, {columns.x, columns.y} - text, text=text)
    position, warnings = _positions(frame, table, columns)
    frame = frame.loc[position.index]
    names, codes = _types(frame[columns.type])
    role_of, unmatched = match_roles(_counts(names, codes), roles)
    cell_id, id_note = _cell_ids(frame, table, columns)
    return CellTable(
        cell_id=cell_id,
        x=position["x"].to_numpy(np.float64),
        y=position["y"].to_numpy(np.float64),
        type=np.array([name or UNASSIGNED for name in names], dtype=object)[codes],
        role=np.array([role_of.get(name, "other") for name in names], dtype=object)[codes],
        unit=columns.unit,
        note=_note(len(position), table, columns, id_note),
        warnings=warnings + _untyped_warning(names, codes) + unmatched,
    )


def read_cell_types(path: Path, type_column: str | None) -> dict[str, int]:
    """Count the cells of each type, frequent ones first, cells without a type as ``unassigned``.

    Raises
    ------
    MissingFileError, CellTableError
        As ``read_cell_table``.
    """
    table = open_delimited(path)
    at = find_type(table.header, type_column)
    names, codes = _types(read_columns(table, (), text=(at,))[at])
    counts = np.bincount(codes, minlength=len(names))
    found = {name or UNASSIGNED: int(n) for name, n in zip(names, counts, strict=True)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _positions(frame: pd.DataFrame, table: Delimited, columns: CellColumns) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the readable positions, indexed by row, and what was left out."""
    position = pd.DataFrame({"x": _numbers(frame[columns.x]), "y": _numbers(frame[columns.y])})
    readable = (np.abs(position.to_numpy()) < MAX_POSITION).all(axis=1)  # false for NaN and infinity too
    n_bad = int(np.count_nonzero(~readable))
    named = f"{table.header[columns.x]!r} and {table.header[columns.y]!r}"
    if n_bad == len(frame):
        found = str(frame[columns.x].iloc[0])
        comma = "; write numbers with a decimal point" if re.fullmatch(r"\s*-?\d+,\d+\s*", found) else ""
        raise CellTableError(
            f"{table.path.name}: expected numbers in {named}, found none (the first is {found!r:.40})"
            f"{comma or '; set cells.x and cells.y to the columns of the position'}"
        )
    if not n_bad:
        return position, ()
    warning = f"{n_bad:,} of {len(frame):,} cells have no readable position in {named} and are left out"
    return position.loc[position.index[readable]], (warning,)


def _numbers(values: pd.Series[float]) -> pd.Series[float]:
    if values.dtype == bool:  # pandas reads a column of the words true and false so
        return pd.Series(np.nan, index=values.index)
    return pd.to_numeric(values, errors="coerce").astype(np.float64)


def _types(values: pd.Series[str]) -> tuple[list[str], NDArray[np.intp]]:
    """Return the distinct types without outer blanks, ``""`` for none, and each cell's place among them."""
    codes, raw = pd.factorize(values, use_na_sentinel=False)
    stripped = ["" if pd.isna(name) else str(name).strip() for name in raw]
    names = list(dict.fromkeys(stripped))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[name] for name in stripped], dtype=np.intp)[codes]


def _counts(names: Sequence[str], codes: NDArray[np.intp]) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(names))
    return {names[i]: int(counts[i]) for i in np.argsort(-counts, kind="stable").tolist() if names[i]}


def _untyped_warning(names: Sequence[str], codes: NDArray[np.intp]) -> tuple[str, ...]:
    if "" not in names:
        return ()
    n_untyped = int(np.count_nonzero(codes == names.index("")))
    return (f"{n_untyped:,} of {codes.size:,} cells have no type; they are {UNASSIGNED!r} and count as other",)


def _cell_ids(frame: pd.DataFrame, table: Delimited, columns: CellColumns) -> tuple[NDArray[np.object_], str]:
    numbers = np.arange(1, len(frame) + 1).astype(str).astype(object)
    if columns.cell_id is None:
        return numbers, "cells numbered in the order of the table"
    name, ids = table.header[columns.cell_id], frame[columns.cell_id]
    if ids.isna().any() or not ids.is_unique:
        return numbers, f"cells numbered in the order of the table, since {name!r} is not unique"
    return ids.to_numpy(object), f"id from {name!r}"


def _note(n_cells: int, table: Delimited, columns: CellColumns, id_note: str) -> str:
    x, y, kind = (table.header[i] for i in (columns.x, columns.y, columns.type))
    return f"{n_cells:,} cells; x from {x!r}, y from {y!r} in {UNIT_SIGNS[columns.unit]}; type from {kind!r}; {id_note}"
