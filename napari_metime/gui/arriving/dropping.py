"""What a dropped file is for: which step of the window takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from napari_metime.cells.delimited import open_delimited
from napari_metime.cells.delimited_formats import CELL_TABLE, find_table_columns, recognise_format
from napari_metime.cells.files import recognise_file
from napari_metime.errors import MetimeError
from napari_metime.export.placed_landmarks import HEADER
from napari_metime.project import is_project

Target = Literal["project", "recipe", "data", "cells", "landmarks", "microscopy"]
TABLES = (".csv", ".tsv", ".txt", ".geojson", ".json", ".h5ad", ".parquet", ".geoparquet")
DELIMITED = (".csv", ".tsv", ".txt")
RECIPES = (".yaml", ".yml")
SECTIONS = (".imzml", ".ibd")
IMAGES = (".tif", ".tiff", ".btf")
CELLS_IN_ZARR = ("tables", "table", "points", "shapes")
"""Folders of a SpatialData store, which no OME-Zarr image has."""


def target_of(path: Path, *, wants_cells: bool) -> Target:
    """Return what takes a file that was dropped on the dock.

    Parameters
    ----------
    wants_cells : the step for cells is open and has no file yet: a TIFF is taken as a label mask then, which nothing
        tells from the microscopy by its name
    """
    ending = path.suffix.lower()
    if is_project(path):
        return "project"
    if ending in RECIPES:
        return "recipe"
    if ending in TABLES:
        return "landmarks" if holds_landmarks(path) else "cells"
    if ending in IMAGES:
        return "cells" if wants_cells else "microscopy"
    if ending == ".zarr" or (path.is_dir() and ending != ".imzml"):
        return "cells" if any((path / name).is_dir() for name in CELLS_IN_ZARR) else "microscopy"
    return "data"


def is_known(path: Path) -> bool:
    """Whether a file is of a kind that some step takes, by its name; what is in it is found out there."""
    kinds = (*SECTIONS, *RECIPES, *TABLES, *IMAGES, ".zarr")
    return path.suffix.lower() in kinds or path.is_dir() or is_project(path)


def holds_landmarks(path: Path) -> bool:
    """Whether a table has the columns of landmarks.csv, which no table of cells has."""
    if path.suffix.lower() not in DELIMITED:
        return False
    try:
        return set(HEADER) <= {column.strip() for column in open_delimited(path).header}
    except MetimeError:
        return False


def holds_cells(path: Path) -> bool:
    """Whether a file is recognised as cells by its content; for files that napari or others may read as well."""
    if path.suffix.lower() not in TABLES:
        return False
    try:
        if recognise_file(path) != "table":
            return path.suffix.lower() not in DELIMITED
        header = open_delimited(path).header
    except MetimeError:
        return False
    program = recognise_format(header)
    try:
        find_table_columns(header, program, x=None, y=None, type_column=None, unit=None)
    except MetimeError as error:  # cells, but something has to be said first
        return program is not CELL_TABLE or "set cells.unit" in str(error)
    return True
