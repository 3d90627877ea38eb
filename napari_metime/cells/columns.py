"""Which columns of a cell table hold the place, the type and the id of a cell.

Names are compared without case, separators and the many spellings of the micro sign.
What belongs to one program is in ``delimited_formats``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Literal

from napari_metime.errors import CellTableError

Unit = Literal["px", "um"]
UNIT_WORDS: dict[str, Unit] = {
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), "um"),
    **dict.fromkeys(("px", "pixel", "pixels"), "px"),
}
HeaderUnit = Literal["px", "um", "nm", "mm", "cm"]
"""What a header may say. Lengths of every kind are read as µm: the header says how many there are in one."""
UM_PER: dict[HeaderUnit, float] = {"nm": 1e-3, "mm": 1e3, "cm": 1e4}
HEADER_WORDS: dict[str, HeaderUnit] = {
    **UNIT_WORDS,
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), "nm"),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), "mm"),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), "cm"),
}
UNIT_SIGNS: dict[HeaderUnit, str] = {"um": "µm", "px": "px", "nm": "nm", "mm": "mm", "cm": "cm"}
_OTHER_UNITS = frozenset(("inch", "inches"))
# What R makes of "Centroid X µm" and "Cell: Area µm^2" of QuPath where it does not know the micro sign.
_WITHOUT_MICRO = re.compile(r"(centroid\.[xy]|(?:cell|detection)\.\.area)\.\.m(\.2)?", re.IGNORECASE)
_SQUARE = re.compile(r"(?:\^?2|â?²)$")
POSITION_NAMES = (
    ("centroid x", "centroid y"),
    ("x", "y"),
    ("x centroid", "y centroid"),
    ("x position", "y position"),
    ("cell x position", "cell y position"),
    ("location center x", "location center y"),
    ("pos x", "pos y"),
    ("x slide", "y slide"),  # CosMx writes x_slide_mm
    ("centroid 1", "centroid 0"),  # scikit-image counts axes: 0 is the row, thus y
)
TYPE_NAMES = ("class", "classification", "phenotype", "cell type", "celltype", "type")
_LIKELY_TYPE = re.compile(r"type|class|pheno|cluster|label|annot|lineage|leiden|population")
ID_NAMES = ("object id", "cell id", "cellid", "id")
IMAGE_NAMES = (
    *("image", "imageid", "image id", "image name", "image location", "image file name", "image tag", "imagenumber"),
    *("image number", "file name", "filename", "sample name"),
)
# Names of what may be part of an image too: they count where no column names the image. Cells of several batches,
# of staining or of merging, cannot be of one image either.
PART_NAMES = (
    *("library id", "sample id", "sampleid", "sample", "slide id", "slide name", "slide", "region", "region id", "reg"),
    *("roi", "roi id", "fov", "fov id", "core", "core id", "tma core", "batch"),
)


def find_type(header: Sequence[str], type_column: str | None) -> int:
    """Return the position of the column of the cell type."""
    if type_column is not None:
        return find_named(header, type_column, key="cells.type")
    found = recognise(header, TYPE_NAMES, key="cells.type")
    if found is None:
        likely = [column for column in header if _LIKELY_TYPE.search(column.casefold())]
        raise CellTableError(
            f"expected a column of the cell type, found none under a known name ({', '.join(TYPE_NAMES)}); "
            f"set cells.type to one of {quoted_names(likely or header)}, or cells.gates to rules by markers"
        )
    return found


def plain_name(name: str) -> str:
    """Return a name without case, separators, and spellings of the micro sign (also misread and lost ones).

    A name that stands twice, as in the ``x:x`` of CODEX tables, is taken once.
    """
    name = name.casefold()
    first, _, second = name.partition(":")
    name = first if first == second else name
    for sign in ("âμ", "î¼", "μ", "\ufffd"):  # casefold turns the micro sign into the Greek letter
        name = name.replace(sign, "u")
    return " ".join(re.split(r"[\s_.()\[\]-]+", name)).strip()


def base_and_unit(name: str) -> tuple[str, HeaderUnit | None]:
    """Split a name into what is measured and the unit that it says: lengths (µm, mm, px), areas (µm², um^2, pixels)."""
    words = [word for word in plain_name(_in_micrometres(name)).split() if word != "square"]
    if "area" in words and words[-1] == "2" and words[-2] in UNIT_SIGNS:  # R makes "µm.2" of "µm^2"
        words.pop()
    units = [HEADER_WORDS.get(_SQUARE.sub("", word)) for word in words]
    base = " ".join(word for word, unit in zip(words, units, strict=True) if unit is None)
    return base, next(filter(None, units), None)


def um_per_unit(name: str) -> float:
    """Return what the numbers of a column are multiplied by, so that lengths are in µm: 1 in µm, and for pixels."""
    unit = base_and_unit(name)[1]
    return 1.0 if unit is None else UM_PER.get(unit, 1.0)


def _in_micrometres(name: str) -> str:
    match = _WITHOUT_MICRO.fullmatch(name)
    return name if match is None else f"{match[1]} um{match[2] or ''}"


def find_named(header: Sequence[str], name: str, *, key: str) -> int:
    """Return where a column stands that the recipe names: the same name, else the same but for spelling."""
    found = [i for i, column in enumerate(header) if column == name.strip()]
    found = found or [i for i, column in enumerate(header) if plain_name(column) == plain_name(name)]
    if not found:
        raise CellTableError(
            f"expected the column {name!r} ({key}), found none of that name; "
            f"set {key} to a column of the table, nearest are {nearest_names(header, name)}"
        )
    return _only(header, found, key)


def recognise(header: Sequence[str], names: Sequence[str], *, key: str) -> int | None:
    """Return where the first of some plain names stands, or None."""
    plain = [plain_name(column) for column in header]
    for name in names:
        found = [i for i, column in enumerate(plain) if column == name]
        if found:
            return _only(header, found, key)
    return None


def find_images(header: Sequence[str], first: Sequence[str] = (), parts: Sequence[str] = PART_NAMES) -> tuple[int, ...]:
    """Return the columns that say of which image a cell is: the one that names it, else all that may.

    ``first`` are the names that one program has for it.
    """
    plain = [plain_name(column) for column in header]
    named = [plain.index(name) for name in (*first, *IMAGE_NAMES) if name in plain]
    return tuple(named[:1] or [plain.index(name) for name in parts if name in plain])


def _only(header: Sequence[str], found: Sequence[int], key: str) -> int:
    if len(found) > 1:
        names = " and ".join(repr(header[i]) for i in found[:3])
        raise CellTableError(f"expected one column for {key}, found {len(found)}: {names}; rename or remove the others")
    return found[0]


def find_positions(
    header: Sequence[str],
    *,
    x: str | None,
    y: str | None,
    unit: Unit | None,
    pairs: Sequence[tuple[str, str]] = POSITION_NAMES,
) -> tuple[int, int]:
    """Return the columns of x and y: as named, else the first known pair, in the stated unit where there are two.

    Raises
    ------
    CellTableError
        There is no such pair, or a column of it occurs twice.
    """
    if x is not None and y is not None:
        return find_named(header, x, key="cells.x"), find_named(header, y, key="cells.y")
    given_x = None if x is None else find_named(header, x, key="cells.x")
    given_y = None if y is None else find_named(header, y, key="cells.y")
    places = _places(header)
    for named in _units_by_preference(unit):
        for x_name, y_name in pairs:
            found_x = [i for i in places.get((x_name, named), ()) if given_x in (None, i)]
            found_y = [i for i in places.get((y_name, named), ()) if given_y in (None, i)]
            if found_x and found_y:
                return _only(header, found_x, "cells.x"), _only(header, found_y, "cells.y")
    likely = [column for column in header if {"x", "y"} & set(plain_name(column).split())]
    open_keys = " and ".join(key for key, at in (("cells.x", given_x), ("cells.y", given_y)) if at is None)
    raise CellTableError(
        "expected x and y in columns of known names such as 'Centroid X µm' or 'x_um', found no such pair; "
        f"set {open_keys} to columns such as {quoted_names(likely or header)}"
    )


def _places(header: Sequence[str]) -> dict[tuple[str, HeaderUnit | None], list[int]]:
    places: dict[tuple[str, HeaderUnit | None], list[int]] = {}
    for i, column in enumerate(header):
        places.setdefault(base_and_unit(column), []).append(i)
    return places


def _units_by_preference(stated: Unit | None) -> tuple[HeaderUnit | None, ...]:
    """Order columns of the stated unit first and of contradicting ones last, where they give the clearer error."""
    if stated is None:
        return ("um", *UM_PER, "px", None)
    return (stated, None, "px" if stated == "um" else "um", *UM_PER)


def agreed_unit(
    header: Sequence[str],
    at_x: int,
    at_y: int,
    *,
    stated: Unit | None,
    documented: Unit | None = None,
    source: str = "Cells",
) -> Unit:
    """Return the unit that the header says, else the stated one, else the one that the program documents.

    It is µm for every length: ``um_per_unit`` says what the numbers are multiplied by then.
    ``source`` is what the table was recognised as, for the message.

    Raises
    ------
    CellTableError
        Nothing says the unit, the header says inches, or it contradicts itself or what is stated.
    """
    others = sorted(_OTHER_UNITS.intersection(f"{plain_name(header[at_x])} {plain_name(header[at_y])}".split()))
    of_x, of_y = base_and_unit(header[at_x])[1], base_and_unit(header[at_y])[1]
    named = f"{header[at_x]!r}, {header[at_y]!r}"
    if others:
        raise CellTableError(f"expected x and y in px or µm, found {others[0]} ({named}); write them in µm")
    if of_x and of_y and of_x != of_y:
        raise CellTableError(f"expected x and y in one unit, found {named}; set cells.x and cells.y to a pair")
    of_header = of_x or of_y
    if stated and of_header and stated != of_header:
        mend = "leave cells.unit out" if of_header in UM_PER else f"set cells.unit to {of_header}"
        raise CellTableError(
            f"expected the unit of the header, {UNIT_SIGNS[of_header]} ({named}), found cells.unit: {stated}; "
            f"{mend} or name other columns"
        )
    said: Unit | None = None if of_x is None or of_x != of_y else "px" if of_x == "px" else "um"
    unit = stated or said or (None if of_header else documented)
    if unit is None:
        raise CellTableError(
            f"{source}: expected px or µm in the header of x and y, found {named}; set cells.unit to px or um"
        )
    return unit


def nearest_names(header: Sequence[str], name: str) -> str:
    """List the three columns whose names are most like ``name``, for a message."""
    by_plain = {plain_name(column): column for column in header if column}
    near = difflib.get_close_matches(plain_name(name), list(by_plain), n=3, cutoff=0.0)
    return quoted_names([by_plain[plain] for plain in near])


def quoted_names(names: Sequence[str]) -> str:
    """List names for a message: the first eight, each cut and on one line."""
    shown = ", ".join(f"{name!r:.60}" for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
