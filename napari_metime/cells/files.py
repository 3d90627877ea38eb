"""Cells from any file that is known: what it is, is seen from its content, not from its name."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from napari_metime.cells.annotated import read_annotated, read_annotated_types
from napari_metime.cells.assembling import assemble, count_by_type
from napari_metime.cells.columns import Unit
from napari_metime.cells.gates import Gates
from napari_metime.cells.geojson import read_geojson
from napari_metime.cells.geoparquet import read_geoparquet, read_geoparquet_types
from napari_metime.cells.label_masks import read_label_cells
from napari_metime.cells.labelled_tables import read_labelled_table
from napari_metime.cells.reading import propose_table_gates, read_cell_types, read_delimited_cells
from napari_metime.cells.spatialdata_zarr import read_spatialdata, read_spatialdata_types
from napari_metime.errors import CellTableError, MissingFileError
from napari_metime.section import CellTable

CellFile = Literal["table", "geojson", "anndata", "spatialdata", "geoparquet", "labels"]
_MAGIC: dict[bytes, CellFile] = {
    b"\x89HDF\r\n\x1a\n": "anndata",
    b"PAR1": "geoparquet",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "labels"),
}
_UNREAD = {
    b"PK\x03\x04": "a spreadsheet or ZIP archive; save it as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of the older kind; save it as CSV",
    b"\x1f\x8b": "a gzip archive; unpack it",
}
_TYPES = {
    "anndata": read_annotated_types,
    "spatialdata": read_spatialdata_types,
    "geoparquet": read_geoparquet_types,
}
_JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[{\]])')


def read_cells_file(
    path: Path,
    *,
    x: str | None,
    y: str | None,
    type_column: str | None,
    unit: Unit | None,
    roles: Mapping[str, Sequence[str]],
    gates: Gates | None = None,
    type_probability: str | None = None,
    labels: Path | None = None,
) -> CellTable:
    """Read cells from a text table, GeoJSON, GeoParquet, AnnData, SpatialData (.zarr) or a label mask (TIFF).

    Parameters
    ----------
    x, y, type_column, unit, roles, gates, type_probability : see ``read_delimited_cells``
    labels : label mask whose numbers are the ids of the text table; gives the areas, and positions where it has none

    Raises
    ------
    MissingFileError
        A file is not there or cannot be read.
    CellTableError
        It holds no cells that can be used, or a key does not go with what it is.
    """
    with naming(path):
        kind = recognise_file(path)
        if kind == "table":
            read = partial(read_delimited_cells, path) if labels is None else partial(read_labelled_table, path, labels)
            return read(
                x=x,
                y=y,
                type_column=type_column,
                unit=unit,
                roles=roles,
                gates=gates,
                type_probability=type_probability,
            )
        _refuse(path, kind, {"cells.labels": labels})
        if kind in ("anndata", "spatialdata"):
            read_places = read_annotated if kind == "anndata" else read_spatialdata
            found = read_places(
                path, x=x, y=y, type_column=type_column, unit=unit, gates=gates, type_probability=type_probability
            )
            return assemble(found, roles)
        _refuse(path, kind, {"cells.x": x, "cells.y": y})
        if kind == "geoparquet":
            found = read_geoparquet(
                path, type_column=type_column, unit=unit, gates=gates, type_probability=type_probability
            )
            return assemble(found, roles)
        _refuse(path, kind, {"cells.gates": gates})
        if kind == "geojson":
            found = read_geojson(path, type_column=type_column, unit=unit, type_probability=type_probability)
            return assemble(found, roles)
        _refuse(path, kind, {"cells.type": type_column, "cells.type_probability": type_probability})
        if unit == "um":
            raise CellTableError(
                f"{path.name}: expected cells.unit: px for a label mask, found um; set cells.pixel_size_um or landmarks"
            )
        return assemble(read_label_cells(path), {})  # no label has a type: no role could be found among them


def count_types(path: Path, type_column: str | None = None, *, gates: Gates | None = None) -> dict[str, int]:
    """Count the cells of each type, frequent ones first, cells without a type as ``unassigned``.

    Raises
    ------
    MissingFileError, CellTableError
        As ``read_cells_file``.
    """
    with naming(path):
        kind = recognise_file(path)
        if kind == "table":
            return read_cell_types(path, type_column, gates=gates)
        if kind in _TYPES:
            return count_by_type(_TYPES[kind](path, type_column, gates=gates))
        _refuse(path, kind, {"cells.gates": gates})
        if kind == "geojson":
            return count_by_type(read_geojson(path, type_column=type_column).types)
        _refuse(path, kind, {"cells.type": type_column})
        return count_by_type(read_label_cells(path).types)


def propose_cell_gates(path: Path) -> dict[str, tuple[str, ...]]:
    """Propose gates for the markers that a text table has calls of (0/1 columns); none where it has none.

    Raises
    ------
    MissingFileError, CellTableError
        As ``read_cells_file``.
    """
    with naming(path):
        return propose_table_gates(path) if recognise_file(path) == "table" else {}


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let every error name the file that it is of: several may have come together."""
    try:
        yield
    except CellTableError as error:
        if path.name in str(error):
            raise
        raise CellTableError(f"{path.name}: {error}") from error


def recognise_file(path: Path) -> CellFile:
    """Tell what a file of cells is, by its first bytes; what is nothing else counts as a text table.

    Raises
    ------
    MissingFileError
        The file is not there or cannot be read.
    CellTableError
        It is of a kind that is known and not read.
    """
    if path.is_dir():
        if any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zattrs")):
            return "spatialdata"
        raise CellTableError(
            f"{path.name}: expected a file of cells or a .zarr, found another folder; check cells.path"
        )
    try:
        with path.open("rb") as file:
            start = file.read(65_536)
    except OSError as error:
        raise MissingFileError(f"expected {path}, found {error.strerror or error}; check cells.path") from error
    for magic, told in _UNREAD.items():
        if start.startswith(magic):
            raise CellTableError(
                f"{path.name}: expected a text table, GeoJSON, GeoParquet, .h5ad, .zarr or a label mask (TIFF), "
                f"found {told}"
            )
    known = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
    if known is not None:
        return known
    return "geojson" if _JSON.match(start.removeprefix(codecs.BOM_UTF8)) else "table"


_NAMES: dict[CellFile, str] = {
    "geojson": "GeoJSON, whose shapes give the places",
    "anndata": "AnnData",
    "spatialdata": "SpatialData",
    "geoparquet": "GeoParquet, whose shapes give the places",
    "labels": "a label mask without a table",
    "table": "a text table",
}


def _refuse(path: Path, kind: CellFile, keys: Mapping[str, object]) -> None:
    """Raise where a key is set that means nothing for this kind of file."""
    given = [key for key, value in keys.items() if value]
    if given:
        raise CellTableError(
            f"{path.name}: expected no {' and no '.join(given)} with {_NAMES[kind]}, found it set; "
            "leave out what goes with text tables"
        )
