"""The programs that write cell tables, told from the names of the columns.

A unit that the header does not say is taken from the program only where its documentation says so:

- MCMICRO: the columns beside the markers are the region properties of scikit-image, in pixels
  (mcmicro.org, Inputs/Outputs, Quantification).
- CellProfiler: ``Location_Center`` are "the pixel (X,Y) coordinates" of the centroids (IdentifyPrimaryObjects),
  ``AreaShape_Area`` is "the number of pixels in the region" (MeasureObjectSizeShape).
- steinbock: ``measure regionprops`` writes the region properties of scikit-image, in pixels; ``centroid-0`` is
  the row, thus y.
- inForm: places are in the unit of the areas and distances beside them, which the header says
  ("Entire Cell Area (pixels)"; phenoptr, read_cell_seg_data, converts all of them or none).

HALO, scimap and CODEX say nothing, so that the user has to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from napari_metime.cells.columns import (
    ID_NAMES,
    PART_NAMES,
    POSITION_NAMES,
    TYPE_NAMES,
    Unit,
    agreed_unit,
    base_and_unit,
    find_images,
    find_named,
    find_positions,
    find_type,
    plain_name,
    quoted_names,
    recognise,
)
from napari_metime.errors import CellTableError

BOX_NAMES = ("xmin", "xmax", "ymin", "ymax")


@dataclass(frozen=True, slots=True)
class CellFormat:
    """What one program calls its columns; names are plain (``plain_name``), without their unit.

    Parameters
    ----------
    name : what a row is, for the note
    signs : the table is of this format if it has a column of each of these tuples
    places : what its positions are, for the note
    pairs : names of x and y, known ones first; the common pairs follow
    box : whether the position is that of a bounding box, XMin to YMax
    unit : of the positions where the header is silent, if the documentation says so
    unit_beside : whether the positions are in the unit of the other columns
    type_word : what it calls the type, for the note
    types, ids, areas : names of the columns, the first that is there counts
    area_unit : of the areas where the header is silent, if the documentation says so
    probabilities : names of the column of how likely the type is right, which is used only where the recipe names it
    image : own names of the column of the image that a cell is in, before those that all share
    image_parts : names of columns that tell images apart where none names the image
    kind : names of the column that says whether a row is a cell at all
    """

    name: str
    signs: tuple[tuple[str, ...], ...] = ()
    places: str = "positions"
    pairs: tuple[tuple[str, str], ...] = ()
    box: bool = False
    unit: Unit | None = None
    unit_beside: bool = False
    type_word: str = "type"
    types: tuple[str, ...] = TYPE_NAMES
    ids: tuple[str, ...] = ID_NAMES
    areas: tuple[str, ...] = ("cell area", "area")
    area_unit: Unit | None = None
    probabilities: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    image_parts: tuple[str, ...] = PART_NAMES
    kind: tuple[str, ...] = ()


_NUMBERS = ("objectnumber", "number object number", "imagenumber")
_CENTRES_OF_OBJECTS = (" location center x", " areashape center x")
CELLPROFILER = CellFormat(
    "CellProfiler objects",
    signs=(
        ("location center x", "areashape center x"),
        ("location center y", "areashape center y"),
        _NUMBERS,
    ),
    places="centroids",
    pairs=(("location center x", "location center y"), ("areashape center x", "areashape center y")),
    unit="px",
    ids=("objectnumber", "number object number"),
    areas=("areashape area",),
    area_unit="px",
)
_SHAPES = ("majoraxislength", "minoraxislength", "eccentricity", "solidity", "extent", "orientation")
FORMATS = (
    CellFormat(
        "QuPath detections",
        signs=(("centroid x",), ("centroid y",), ("class", "classification")),
        places="centroids",
        pairs=(("centroid x", "centroid y"),),
        type_word="class",
        areas=("cell: area", "cell area", "area", "detection: area"),  # R writes "Cell..Area"
        image_parts=(),  # its "ROI" is a kind of shape, its cores are of one image
        kind=("object type", "name"),  # before 0.4 the name of an object without one said it
    ),
    CellFormat(
        "inForm cells",
        signs=(("cell x position",), ("cell y position",)),
        pairs=(("cell x position", "cell y position"),),
        unit_beside=True,
        areas=("entire cell area",),
        probabilities=("confidence",),
    ),
    CellFormat(
        "HALO objects",
        signs=(*((name,) for name in BOX_NAMES), ("object id", "analysis region", "algorithm name", "image location")),
        places="centres of the bounding boxes",
        box=True,
        areas=("cell area", "cell area m"),  # R turns "Cell Area (µm²)" into "Cell.Area..m.."
    ),
    CellFormat(
        "MCMICRO cells",
        signs=(("cellid", "majoraxislength"), ("x centroid",), ("y centroid",), _SHAPES),
        places="centroids",
        pairs=(("x centroid", "y centroid"),),
        unit="px",
        area_unit="px",
    ),
    CellFormat(
        "scimap cells",
        signs=(("cellid", "imageid"), ("x position",), ("y position",), (*_SHAPES, "imageid", "phenotype")),
        pairs=(("x position", "y position"),),
        area_unit="px",
    ),
    CELLPROFILER,
    CellFormat(
        "steinbock objects",
        signs=(("object",), ("centroid 0",), ("centroid 1",)),
        places="centroids",
        pairs=(("centroid 1", "centroid 0"),),
        unit="px",
        ids=("object",),
        areas=("area",),
        area_unit="px",
    ),
    CellFormat(
        "CODEX cells",
        signs=(("x",), ("y",), ("tile num", "tile nr", "x tile", "y tile", "tile"), ("region", "reg", "cell id")),
        pairs=(("x", "y"),),
        types=(*TYPE_NAMES, "clustername", "cluster name"),
        image=("region", "reg"),
    ),
)
CELL_TABLE = CellFormat("Cell table")


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Where the columns stand that are read.

    Parameters
    ----------
    x, y : of the position, or of the two sides of a box whose middle it is
    unit : of the position
    unit_is_documented : whether the unit is said by the program alone, neither by the header nor by the user
    type : None where gates give the types
    cell_id, area, kind : None where the table has none; ``area`` is in ``unit`` squared, or in another length squared
    images : which tell the images apart
    other_area : a column of areas in another unit
    offered_probability : of the type, which nobody has asked for
    """

    x: tuple[int, ...]
    y: tuple[int, ...]
    unit: Unit
    unit_is_documented: bool
    type: int | None
    cell_id: int | None
    area: int | None = None
    other_area: int | None = None
    images: tuple[int, ...] = ()
    kind: int | None = None
    offered_probability: int | None = None

    @property
    def has_box(self) -> bool:
        """Whether the position is the middle of a box."""
        return len(self.x) > 1


def recognise_format(header: Sequence[str]) -> CellFormat:
    """Tell which program wrote a table; ``CELL_TABLE`` where none is known."""
    bases = {base_and_unit(column)[0] for column in header}
    known = (fmt for fmt in FORMATS if all(not bases.isdisjoint(sign) for sign in fmt.signs))
    return next(known, None) or _of_objects(header, bases) or CELL_TABLE


def _of_objects(header: Sequence[str], bases: Collection[str]) -> CellFormat | None:
    """Return the format of CellProfiler where its names begin with an object: its cells, else the first of them."""
    if not any(base in _NUMBERS or base.endswith(" number object number") for base in bases):
        return None
    written = {
        plain.removesuffix(ending): column[: -len(ending)]
        for column, plain in zip(header, map(plain_name, header), strict=True)
        for ending in _CENTRES_OF_OBJECTS
        if plain.endswith(ending) and f"{plain.removesuffix('x')}y" in bases
    }
    if not written:
        return None
    chosen = next((name for name in ("cells", "cell") if name in written), next(iter(written)))
    others = [name for plain, name in written.items() if plain != chosen]
    beside = f", not of {quoted_names(others)}," if others else ""
    return replace(
        CELLPROFILER,
        places=f"centroids of {written[chosen]!r}{beside}",
        pairs=tuple((f"{chosen} {x}", f"{chosen} {y}") for x, y in CELLPROFILER.pairs),
        ids=(*CELLPROFILER.ids, f"{chosen} number object number"),
        areas=(f"{chosen} areashape area",),
    )


def find_table_columns(
    header: Sequence[str],
    fmt: CellFormat,
    *,
    x: str | None,
    y: str | None,
    type_column: str | None,
    unit: Unit | None,
    has_gates: bool = False,
) -> TableColumns:
    """Find the columns that the recipe names; recognise those that it leaves open, as the program calls them.

    Raises
    ------
    CellTableError
        A column is missing or occurs twice, or the unit is unknown or contradicts the header.
    """
    at_x, at_y = place_columns(header, fmt, x=x, y=y, unit=unit)
    documented = documented_unit(header, fmt, at_x + at_y)
    of_position = agreed_unit(header, at_x[0], at_y[0], stated=unit, documented=documented, source=fmt.name)
    area, other_area = _area(header, fmt, of_position)
    return TableColumns(
        x=at_x,
        y=at_y,
        unit=of_position,
        unit_is_documented=unit is None and base_and_unit(header[at_x[0]])[1] is None,
        type=None if has_gates else find_type_column(header, fmt, type_column),
        cell_id=recognise(header, fmt.ids, key="id"),
        area=area,
        other_area=other_area,
        images=find_images(header, fmt.image, fmt.image_parts),
        kind=find_first(header, fmt.kind),
        offered_probability=find_first(header, fmt.probabilities),
    )


def find_type_column(header: Sequence[str], fmt: CellFormat, type_column: str | None) -> int:
    """Return the position of the column of the cell type, as the recipe or the program calls it."""
    found = recognise(header, fmt.types, key="cells.type") if type_column is None else None
    return find_type(header, type_column) if found is None else found


def place_columns(
    header: Sequence[str], fmt: CellFormat, *, x: str | None, y: str | None, unit: Unit | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the columns of x and of y, two of each for the sides of boxes; raises as ``find_table_columns``."""
    if fmt.box and x is None and y is None:
        plain = [base_and_unit(column)[0] for column in header]
        left, right, top, bottom = (_sole(header, plain, name) for name in BOX_NAMES)
        return (left, right), (top, bottom)
    if fmt.box and (x is None or y is None):
        raise CellTableError("expected both cells.x and cells.y or none of them, found one; name the other one too")
    at_x, at_y = find_positions(header, x=x, y=y, unit=unit, pairs=(*fmt.pairs, *POSITION_NAMES))
    return (at_x,), (at_y,)


def _sole(header: Sequence[str], plain: Sequence[str], name: str) -> int:
    if plain.count(name) > 1:
        raise CellTableError(f"expected one column {name!r}, found {plain.count(name)}; rename or remove the others")
    return plain.index(name)


def documented_unit(header: Sequence[str], fmt: CellFormat, at: Sequence[int]) -> Unit | None:
    """Return the unit that the program documents for these columns; other ones are not its positions."""
    own = {name for pair in fmt.pairs for name in pair}
    if not own.issuperset(base_and_unit(header[i])[0] for i in at):
        return None
    found = {unit for _, unit in map(base_and_unit, header)} if fmt.unit_beside else set()
    beside: list[Unit] = [unit for unit in ("px", "um") if unit in found]
    return beside[0] if len(beside) == 1 else fmt.unit


def _area(header: Sequence[str], fmt: CellFormat, unit: Unit) -> tuple[int | None, int | None]:
    """Return where the area of the cell stands: in the squared unit of the positions, and in another one."""
    found: dict[bool, int] = {}
    for name in fmt.areas:
        for i, (base, of_header) in enumerate(map(base_and_unit, header)):
            of_area = "um" if name == "cell area m" else of_header or fmt.area_unit
            if base == name and of_area is not None:
                found.setdefault((of_area == "px") == (unit == "px"), i)
    return found.get(True), found.get(False)


def find_first(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the position of the first column that has one of some plain names, or None."""
    plain = [plain_name(column) for column in header]
    return next((plain.index(name) for name in names if name in plain), None)


def find_probability(header: Sequence[str], name: str) -> int:
    """Return the position of the column of how likely the type is right, which the recipe names."""
    return find_named(header, name, key="cells.type_probability")
