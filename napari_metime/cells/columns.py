"""Which columns of a cell table hold the place, the type and the id of a cell.

Names are compared without case, separators and the many spellings of the micro sign.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from napari_metime.errors import CellTableError

Unit = Literal["px", "um"]
UNIT_WORDS: dict[str, Unit] = {
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), "um"),
    **dict.fromkeys(("px", "pixel", "pixels"), "px"),
}
UNIT_SIGNS: dict[Unit, str] = {"um": "µm", "px": "px"}
POSITION_NAMES = (
    ("centroid x", "centroid y"),
    ("x", "y"),
    ("x centroid", "y centroid"),
    ("x position", "y position"),
)
TYPE_NAMES = ("class", "classification", "phenotype", "cell type", "celltype", "type")
ID_NAMES = ("object id", "cell id", "cellid", "id")


@dataclass(frozen=True, slots=True)
class CellColumns:
    """Positions of the columns in the table, and the unit of x and y."""

    x: int
    y: int
    type: int
    cell_id: int | None
    unit: Unit


def find_columns(
    header: Sequence[str], *, x: str | None, y: str | None, type_column: str | None, unit: Unit | None
) -> CellColumns:
    """Find the columns that the recipe names; recognise those that it leaves open.

    Raises
    ------
    CellTableError
        A column is missing or occurs twice, or the unit is unknown or contradicts the header.
    """
    at_x, at_y = _find_positions(header, x, y, unit)
    return CellColumns(
        x=at_x,
        y=at_y,
        type=find_type(header, type_column),
        cell_id=_recognise(header, ID_NAMES, key="id"),
        unit=_agreed_unit(header, at_x, at_y, unit),
    )


def find_type(header: Sequence[str], type_column: str | None) -> int:
    """Return the position of the column of the cell type."""
    if type_column is not None:
        return _named(header, type_column, key="cells.type")
    found = _recognise(header, TYPE_NAMES, key="cells.type")
    if found is None:
        raise CellTableError(
            f"expected a column of the cell type, found none under a known name ({', '.join(TYPE_NAMES)}); "
            f"set cells.type to one of {quoted_names(header)}"
        )
    return found


def _plain(name: str) -> str:
    """Return a name without case, separators, and spellings of the micro sign (also misread and lost ones)."""
    name = name.casefold()
    for sign in ("âμ", "î¼", "μ", "\ufffd"):  # casefold turns the micro sign into the Greek letter
        name = name.replace(sign, "u")
    return " ".join(re.split(r"[\s_.()\[\]-]+", name)).strip()


def _base_and_unit(name: str) -> tuple[str, Unit | None]:
    words = _plain(name).split()
    units = [UNIT_WORDS[word] for word in words if word in UNIT_WORDS]
    return " ".join(word for word in words if word not in UNIT_WORDS), units[0] if units else None


def _named(header: Sequence[str], name: str, *, key: str) -> int:
    """Return where a column stands that the recipe names: the same name, else the same but for spelling."""
    found = [i for i, column in enumerate(header) if column == name.strip()]
    found = found or [i for i, column in enumerate(header) if _plain(column) == _plain(name)]
    if not found:
        raise CellTableError(
            f"expected the column {name!r} ({key}), found none of that name; "
            f"set {key} to a column of the table, nearest are {_nearest(header, name)}"
        )
    return _only(header, found, key)


def _recognise(header: Sequence[str], names: Sequence[str], *, key: str) -> int | None:
    plain = [_plain(column) for column in header]
    for name in names:
        found = [i for i, column in enumerate(plain) if column == name]
        if found:
            return _only(header, found, key)
    return None


def _only(header: Sequence[str], found: Sequence[int], key: str) -> int:
    if len(found) > 1:
        names = " and ".join(repr(header[i]) for i in found[:3])
        raise CellTableError(f"expected one column for {key}, found {len(found)}: {names}; rename or remove the others")
    return found[0]


def _find_positions(header: Sequence[str], x: str | None, y: str | None, unit: Unit | None) -> tuple[int, int]:
    if x is not None and y is not None:
        return _named(header, x, key="cells.x"), _named(header, y, key="cells.y")
    given_x = None if x is None else _named(header, x, key="cells.x")
    given_y = None if y is None else _named(header, y, key="cells.y")
    places = _places(header)
    for named in _units_by_preference(unit):
        for x_name, y_name in POSITION_NAMES:
            found_x = [i for i in places.get((x_name, named), ()) if given_x in (None, i)]
            found_y = [i for i in places.get((y_name, named), ()) if given_y in (None, i)]
            if found_x and found_y:
                return _only(header, found_x, "cells.x"), _only(header, found_y, "cells.y")
    likely = [column for column in header if {"x", "y"} & set(_plain(column).split())]
    open_keys = " and ".join(key for key, at in (("cells.x", given_x), ("cells.y", given_y)) if at is None)
    raise CellTableError(
        "expected x and y in columns of known names such as 'Centroid X µm' or 'x_um', found no such pair; "
        f"set {open_keys} to columns such as {quoted_names(likely or header)}"
    )


def _places(header: Sequence[str]) -> dict[tuple[str, Unit | None], list[int]]:
    places: dict[tuple[str, Unit | None], list[int]] = {}
    for i, column in enumerate(header):
        places.setdefault(_base_and_unit(column), []).append(i)
    return places


def _units_by_preference(stated: Unit | None) -> tuple[Unit | None, ...]:
    """Order columns of the stated unit first and of a contradicting one last, where they give the clearer error."""
    if stated is None:
        return ("um", "px", None)
    return (stated, None, "px" if stated == "um" else "um")


def _agreed_unit(header: Sequence[str], at_x: int, at_y: int, stated: Unit | None) -> Unit:
    of_x, of_y = _base_and_unit(header[at_x])[1], _base_and_unit(header[at_y])[1]
    named = f"{header[at_x]!r}, {header[at_y]!r}"
    if of_x and of_y and of_x != of_y:
        raise CellTableError(f"expected x and y in one unit, found {named}; set cells.x and cells.y to a pair")
    of_header = of_x or of_y
    if stated and of_header and stated != of_header:
        raise CellTableError(
            f"expected the unit of the header, {UNIT_SIGNS[of_header]} ({named}), found cells.unit: {stated}; "
            f"set cells.unit to {of_header} or name other columns"
        )
    unit = stated or (of_x if of_x == of_y else None)
    if unit is None:
        raise CellTableError(f"expected px or µm in the header of x and y, found {named}; set cells.unit to px or um")
    return unit


def _nearest(header: Sequence[str], name: str) -> str:
    by_plain = {_plain(column): column for column in header if column}
    near = difflib.get_close_matches(_plain(name), list(by_plain), n=3, cutoff=0.0)
    return quoted_names([by_plain[plain] for plain in near])


def quoted_names(names: Sequence[str]) -> str:
    """List names for a message: the first eight, each cut and on one line."""
    shown = ", ".join(f"{name!r:.60}" for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
