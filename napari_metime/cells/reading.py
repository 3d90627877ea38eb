"""From a delimited file to a cell table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.areas import Areas, box_areas, check_areas, column_areas
from napari_metime.cells.columns import UM_PER, UNIT_SIGNS, Unit, base_and_unit, quoted_names, um_per_unit
from napari_metime.cells.delimited import Delimited, open_delimited, read_columns
from napari_metime.cells.delimited_formats import (
    CellFormat,
    TableColumns,
    find_first,
    find_probability,
    find_table_columns,
    find_type_column,
    recognise_format,
)
from napari_metime.cells.gates import (
    Gates,
    Rules,
    apply_gates,
    columns_of,
    find_gates,
    possible_calls,
    propose_gates,
    told_gates,
)
from napari_metime.cells.numbers import to_numbers, to_shares, to_truths
from napari_metime.cells.roles import match_roles
from napari_metime.errors import CellTableError
from napari_metime.section import CellTable

UNASSIGNED = "unassigned"
MAX_POSITION = 1e12
_NO_CELLS = frozenset(
    ("annotation", "tile", "tma core", "root", "root object", "image", "pathannotationobject", "pathtileobject")
) | {"tmacoreobject", "pathrootobject"}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is read of a table, and as what; ``probability`` is the column that the recipe names."""

    table: Delimited
    fmt: CellFormat
    columns: TableColumns
    rules: Rules
    probability: int | None

    def name(self, at: int) -> str:
        return self.table.header[at]


def read_delimited_cells(
    path: Path,
    *,
    x: str | None,
    y: str | None,
    type_column: str | None,
    unit: Unit | None,
    roles: Mapping[str, Sequence[str]],
    gates: Gates | None = None,
    type_probability: str | None = None,
) -> CellTable:
    """Read cells from a table separated by commas, tabs, semicolons or bars (UTF-8, UTF-16 with its mark, latin-1).

    Parameters
    ----------
    x, y, type_column : names of the columns; None = recognised, and told in the note
    unit : of x and y; None = as the header says, or the documentation of the program that wrote the table
    roles : the types that count as effector, suppressor and tumor; all others count as other
    gates : types by markers, the first that holds, in place of a column of the type; none of them = unassigned
    type_probability : name of the column of how likely the type is right, 0 to 1 or with a percent sign

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    CellTableError
        It is no table of cells: not text, ragged, a column or marker missing or doubled, the unit unknown or
        contradicting the header, no position readable, or no listed type in it.

    Notes
    -----
    Rows without a finite position are left out and counted in a warning, and so are annotations among cells.
    A cell without a type is ``unassigned`` and counts as other. The area is that of the area column where it is in the
    unit of the positions, else that of the ellipse in the bounding box, where there is one: pi / 4 width height.
    """
    table = open_delimited(path)
    fmt = recognise_format(table.header)
    rules = find_gates(table.header, gates) if gates else {}
    if not rules and type_column is None:
        _check_type_or_calls(table, fmt)
    columns = find_table_columns(table.header, fmt, x=x, y=y, type_column=type_column, unit=unit, has_gates=bool(rules))
    probability = None if type_probability is None else find_probability(table.header, type_probability)
    plan = _Plan(table, fmt, columns, rules, probability)
    frame, no_cells = _cells_only(_read(plan), table, columns.kind)
    place, unplaced = _positions(frame, plan)
    frame = frame.loc[place.index]
    names, codes = _types(frame, table, columns.type, rules)
    role_of, unmatched = match_roles(_counts(names, codes), roles)
    cell_id, id_note = _cell_ids(frame, plan)
    areas = _areas(frame, place, plan)
    shares, unsure = _probabilities(frame, plan, untyped=codes == _place_of_none(names))
    untyped = _untyped_warning(names, codes, by_gates=bool(rules))
    unused = ("cells.type is not used, since cells.gates gives the types",) if rules and type_column else ()
    return CellTable(
        cell_id=cell_id,
        x=place["x"].to_numpy(np.float64),
        y=place["y"].to_numpy(np.float64),
        type=np.array([name or UNASSIGNED for name in names], dtype=object)[codes],
        role=np.array([role_of.get(name, "other") for name in names], dtype=object)[codes],
        unit=columns.unit,
        note="; ".join((*_told(len(place), plan), id_note, *areas.told, *_told_probability(plan))),
        warnings=no_cells + unplaced + _images(frame, plan) + untyped + unused + areas.warnings + unsure + unmatched,
        area=areas.area,
        type_probability=shares,
    )


def read_cell_types(path: Path, type_column: str | None, *, gates: Gates | None = None) -> dict[str, int]:
    """Count the cells of each type, frequent ones first, cells without a type as ``unassigned``.

    Raises
    ------
    MissingFileError, CellTableError
        As ``read_delimited_cells``.
    """
    table = open_delimited(path)
    fmt = recognise_format(table.header)
    rules = find_gates(table.header, gates) if gates else {}
    kind = find_first(table.header, fmt.kind)
    if not rules and type_column is None:
        _check_type_or_calls(table, fmt)
    at = None if rules else find_type_column(table.header, fmt, type_column)
    text = {column for column in (at, kind) if column is not None}
    frame, _ = _cells_only(read_columns(table, columns_of(rules) - text, text=text), table, kind)
    names, codes = _types(frame, table, at, rules)
    counts = np.bincount(codes, minlength=len(names))
    found = {name or UNASSIGNED: int(n) for name, n in zip(names, counts, strict=True) if n}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def propose_table_gates(path: Path) -> dict[str, tuple[str, ...]]:
    """Propose gates for the markers that a table has calls of (0/1 columns); none where it has none.

    Raises
    ------
    MissingFileError, CellTableError
        As ``read_delimited_cells``.
    """
    return _proposed_gates(open_delimited(path))


def _proposed_gates(table: Delimited) -> dict[str, tuple[str, ...]]:
    candidates = possible_calls(table.header)
    if not candidates:
        return {}
    frame = read_columns(table, candidates, text=())
    calls = [
        table.header[i] for i in candidates if to_truths(frame[i], marker=_first_word(table.header[i])) is not None
    ]
    return propose_gates(calls)


def _first_word(name: str) -> str:
    return name.removeprefix("Phenotype").strip("- ").partition(" ")[0]


def _check_type_or_calls(table: Delimited, fmt: CellFormat) -> None:
    """Raise with the gates that a table of marker calls would allow, where it has no column of the type."""
    try:
        find_type_column(table.header, fmt, None)
    except CellTableError as error:
        proposed = _proposed_gates(table)
        if not proposed:
            raise
        rules = ", ".join(f"{name}: [{', '.join(rule)}]" for name, rule in proposed.items())
        raise CellTableError(
            f"expected a column of the cell type, found none but columns of markers; set cells.gates to {{{rules}}} "
            "or such, or cells.type to a column"
        ) from error


def _read(plan: _Plan) -> pd.DataFrame:
    columns = plan.columns
    found = (columns.type, columns.cell_id, columns.kind, *columns.images)
    text = {at for at in found if at is not None}
    beside_box = columns.other_area if columns.has_box else None
    numbers = {*columns.x, *columns.y, *columns_of(plan.rules), columns.area, beside_box, plan.probability}
    return read_columns(plan.table, {at for at in numbers if at is not None} - text, text=text)


def _cells_only(frame: pd.DataFrame, table: Delimited, kind: int | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leave out the rows that say of themselves that they are no cell: annotations among the cells of a whole image."""
    if kind is None:
        return frame, ()
    names = [name for name in frame[kind].dropna().unique() if str(name).strip().casefold() in _NO_CELLS]
    is_cell = ~frame[kind].isin(names)
    n_out, column = int((~is_cell).sum()), table.header[kind]
    if n_out == 0:
        return frame, ()
    if n_out == len(frame):
        raise CellTableError(
            f"{table.path.name}: expected cells, found only rows of {quoted_names(names)} in {column!r}; "
            "export the detections"
        )
    return frame.loc[is_cell], (f"{n_out:,} of {len(frame):,} rows are {quoted_names(names)} in {column!r}; left out",)


def _positions(frame: pd.DataFrame, plan: _Plan) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the readable positions, indexed by row, with the area of their box, and what was left out."""
    columns = plan.columns
    sides = {at: _column(frame, plan, at) * um_per_unit(plan.name(at)) for at in (*columns.x, *columns.y)}
    with np.errstate(invalid="ignore", over="ignore"):
        place = pd.DataFrame(
            {
                "x": np.mean([sides[at] for at in columns.x], axis=0),
                "y": np.mean([sides[at] for at in columns.y], axis=0),
                "box": np.abs(
                    (sides[columns.x[-1]] - sides[columns.x[0]]) * (sides[columns.y[-1]] - sides[columns.y[0]])
                ),
            },
            index=frame.index,
        )
    readable = (place[["x", "y"]].abs() < MAX_POSITION).all(axis=1)  # false for NaN and infinity too
    n_bad = int((~readable).sum())
    named = " and ".join(repr(plan.name(at)) for at in sides)
    if n_bad == len(frame):
        raise CellTableError(
            f"{plan.table.path.name}: expected numbers in {named}, found none (the first is "
            f"{str(frame[columns.x[0]].iloc[0])!r:.40}); set cells.x and cells.y to the columns of the position"
        )
    if not n_bad:
        return place, ()
    warning = f"{n_bad:,} of {len(frame):,} cells have no readable position in {named} and are left out"
    return place.loc[readable], (warning,)


def _column(frame: pd.DataFrame, plan: _Plan, at: int) -> NDArray[np.float64]:
    return to_numbers(frame[at], name=plan.name(at), delimiter=plan.table.delimiter)


def _area_column(frame: pd.DataFrame, plan: _Plan, at: int) -> NDArray[np.float64]:
    return _column(frame, plan, at) * um_per_unit(plan.name(at)) ** 2


def _types(frame: pd.DataFrame, table: Delimited, at: int | None, rules: Rules) -> tuple[list[str], NDArray[np.intp]]:
    if at is None:
        return apply_gates(frame, rules, header=table.header, delimiter=table.delimiter)
    return _distinct(frame[at])


def _distinct(values: pd.Series[str]) -> tuple[list[str], NDArray[np.intp]]:
    """Return the distinct types without outer blanks, ``""`` for none, and each cell's place among them."""
    codes, raw = pd.factorize(values, use_na_sentinel=False)
    stripped = ["" if pd.isna(name) else str(name).strip() for name in raw]
    names = list(dict.fromkeys(stripped))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[name] for name in stripped], dtype=np.intp)[codes]


def _place_of_none(names: Sequence[str]) -> int:
    return names.index("") if "" in names else -1


def _counts(names: Sequence[str], codes: NDArray[np.intp]) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(names))
    return {names[i]: int(counts[i]) for i in np.argsort(-counts, kind="stable").tolist() if names[i] and counts[i]}


def _untyped_warning(names: Sequence[str], codes: NDArray[np.intp], *, by_gates: bool) -> tuple[str, ...]:
    n_untyped = int(np.count_nonzero(codes == _place_of_none(names)))
    if not n_untyped:
        return ()
    why = "fulfil no rule of cells.gates" if by_gates else "have no type"
    return (f"{n_untyped:,} of {codes.size:,} cells {why}; they are {UNASSIGNED!r} and count as other",)


def _images(frame: pd.DataFrame, plan: _Plan) -> tuple[str, ...]:
    """Warn of cells of several images: each has its own origin."""
    for at in plan.columns.images:
        images = [str(name) for name in frame[at].dropna().unique()]
        if len(images) > 1:
            return (
                f"the cells are of {len(images):,} images in {plan.name(at)!r} ({quoted_names(images[:3])}) "
                "but are taken as of one; keep the rows of one image",
            )
    return ()


def _cell_ids(frame: pd.DataFrame, plan: _Plan) -> tuple[NDArray[np.object_], str]:
    at = plan.columns.cell_id
    if at is None:
        return _numbered(len(frame)), "cells numbered in the order of the table"
    if frame[at].isna().any() or not frame[at].is_unique:
        return _numbered(len(frame)), f"cells numbered in the order of the table, since {plan.name(at)!r} is not unique"
    return frame[at].to_numpy(object), f"id from {plan.name(at)!r}"


def _numbered(n_cells: int) -> NDArray[np.object_]:
    return np.arange(1, n_cells + 1).astype(str).astype(object)


def _areas(frame: pd.DataFrame, place: pd.DataFrame, plan: _Plan) -> Areas:
    """Return the areas in the unit of the positions squared: of their column, else of the boxes, else none."""
    columns, box = plan.columns, place["box"].to_numpy(np.float64)
    if columns.area is not None:
        areas = column_areas(_area_column(frame, plan, columns.area), plan.name(columns.area))
        return replace(areas, warnings=check_areas(areas, box, columns.unit))
    name = "" if columns.other_area is None else plan.name(columns.other_area)
    if columns.has_box:
        other = None if columns.other_area is None else _area_column(frame, plan, columns.other_area)
        return box_areas(box, other, name, columns.unit)
    return Areas(told=(f"{name!r} is not used, since it is not in {UNIT_SIGNS[columns.unit]}²",) if name else ())


def _probabilities(
    frame: pd.DataFrame, plan: _Plan, *, untyped: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return how likely each type is right; 1 where nobody said, and for cells that have no type."""
    if plan.probability is None:
        return np.empty(0), ()
    name = plan.name(plan.probability)
    shares = to_shares(frame[plan.probability], name=name, delimiter=plan.table.delimiter)
    n_unsaid = int(np.count_nonzero(np.isnan(shares) & ~untyped))
    warning = f"{n_unsaid:,} of {len(frame):,} cells have no probability in {name!r}; taken as sure"
    return np.where(np.isnan(shares) | untyped, 1.0, shares), (warning,) if n_unsaid else ()


def _told(n_cells: int, plan: _Plan) -> tuple[str, str]:
    """Tell in words what was recognised, and then the columns."""
    fmt, columns = plan.fmt, plan.columns
    unit = UNIT_SIGNS[columns.unit]
    if columns.unit_is_documented:
        unit += " (as the columns beside them)" if fmt.unit_beside else f" (as {fmt.name.split()[0]} documents)"
    elif (written := base_and_unit(plan.name(columns.x[0]))[1]) in UM_PER:
        unit += f" ({UNIT_SIGNS[written]} in the header)"
    if columns.type is None:
        kind = told_gates(plan.rules, plan.table.header)
    else:
        kind = f"{fmt.type_word} in {plan.name(columns.type)!r}"
    x, y = (" and ".join(repr(plan.name(at)) for at in sides) for sides in (columns.x, columns.y))
    return f"{fmt.name}, {n_cells:,} cells, {fmt.places} in {unit}, {kind}", f"x from {x}, y from {y}"


def _told_probability(plan: _Plan) -> tuple[str, ...]:
    if plan.probability is not None:
        return (f"probability of the type from {plan.name(plan.probability)!r}",)
    offered = plan.columns.offered_probability
    if offered is None or plan.columns.type is None:
        return ()
    return (f"{plan.name(offered)!r} is used only if cells.type_probability names it",)
