"""What a file is for: which step of the window takes it, told by its content where its name may mean several things."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from napari_metime.alignment.transform_files import is_transform
from napari_metime.cells.delimited import Delimited, glance_at
from napari_metime.cells.delimited_formats import CELL_TABLE, find_table_columns, recognise_format
from napari_metime.cells.files import recognise_file
from napari_metime.cells.previewing import preview_table
from napari_metime.errors import MetimeError
from napari_metime.export.placed_landmarks import HEADER
from napari_metime.project import is_project

Target = Literal[
    "project", "recipe", "data", "cells", "landmarks", "transform", "microscopy", "panel", "annotations"
]
TAKEN_AS: dict[Target, str] = {
    "project": "a project",
    "recipe": "a recipe",
    "data": "the section (step 1)",
    "cells": "cells (step 4)",
    "landmarks": "landmarks (step 5)",
    "transform": "a transform (step 5)",
    "microscopy": "microscopy (step 5)",
    "panel": "further metabolites (step 3)",
    "annotations": "annotations of METASPACE (step 3)",
}
DELIMITED = (".csv", ".tsv", ".txt")
TEXTS = (*DELIMITED, ".json", ".tfm")
CELL_FILES = (".geojson", ".h5ad", ".parquet", ".geoparquet", ".xlsx", ".xlsm", ".xls", ".ods")
"""Spreadsheets are told in step 4 how to be saved as CSV."""
RECIPES = (".yaml", ".yml")
SECTIONS = (".imzml", ".ibd")
IMAGES = (".tif", ".tiff", ".btf")
ZARR_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata")
CELLS_IN_ZARR = ("tables", "table", "points", "shapes", "obs")
"""Folders of a SpatialData or AnnData store, which no OME-Zarr image has."""
PANEL_COLUMNS, ANNOTATION_COLUMNS = {"name", "formula", "axis"}, {"formula", "adduct", "fdr"}
JSON_BYTES = 65_536
OPENED = (
    "it opens imzML with its .ibd, recipes (.yaml), projects, cells (CSV, TSV, GeoJSON, .h5ad, .zarr, Parquet), "
    "landmarks (CSV), transforms (.txt, .json, .tfm) and microscopy (TIFF, OME-Zarr)"
)


def target_of(path: Path, *, wants_cells: bool) -> Target | None:
    """Return what takes a file that was dropped on the window; None where nothing does.

    Parameters
    ----------
    wants_cells : the step for cells is open and has no file yet: a TIFF is taken as a label mask then, which nothing
        tells from the microscopy by its name
    """
    ending = path.suffix.lower()
    if is_project(path):
        return "project"
    if path.is_dir() or ending == ".zarr":
        return _target_of_folder(path)
    if ending in TEXTS:
        return _target_of_text(path, wants_cells)
    if ending in IMAGES:
        return "cells" if wants_cells else "microscopy"
    by_name: dict[Target, tuple[str, ...]] = {"recipe": RECIPES, "data": SECTIONS, "cells": CELL_FILES}
    return next((target for target, endings in by_name.items() if ending in endings), None)


def unknown_in_words(paths: Sequence[Path]) -> str:
    """Say that nothing here opens these files, and what does open."""
    names = ", ".join(_named(path) for path in paths[:5]) + (", …" if len(paths) > 5 else "")
    kind = "a file" if len(paths) == 1 else "files"
    return f"expected {kind} that this window opens, found {names}; {OPENED}"


def holds_landmarks(path: Path) -> bool:
    """Whether a table has the columns of landmarks.csv, which no table of cells has."""
    table = _glance(path) if path.suffix.lower() in DELIMITED else None
    return table is not None and _has(table, set(HEADER))


def holds_cells(path: Path) -> bool:
    """Whether a file is recognised as cells by its content; for files that napari or others may read as well."""
    if path.suffix.lower() not in (*TEXTS, *CELL_FILES):
        return False
    try:
        if recognise_file(path) != "table":
            return path.suffix.lower() not in TEXTS or (path.suffix.lower() == ".json" and _is_geojson(path))
        header = glance_at(path, 1)[0].header
    except MetimeError:
        return False
    program = recognise_format(header)
    try:
        find_table_columns(header, program, x=None, y=None, type_column=None, unit=None)
    except MetimeError as error:  # cells, but something has to be said first
        return program is not CELL_TABLE or "set cells.unit" in str(error)
    return True


def _target_of_folder(path: Path) -> Target | None:
    if path.suffix.lower() != ".zarr" and not any((path / name).is_file() for name in ZARR_MARKS):
        return None
    return "cells" if any((path / name).is_dir() for name in CELLS_IN_ZARR) else "microscopy"


def _target_of_text(path: Path, wants_cells: bool) -> Target | None:
    """Tell texts apart by their content; a CSV that cannot be read is told in the step of the cells."""
    if is_transform(path):
        return "transform"
    if path.suffix.lower() not in DELIMITED:
        return "cells" if _is_geojson(path) else None
    table = _glance(path)
    if table is None:
        return None if path.suffix.lower() == ".txt" else "cells"
    named: dict[Target, set[str]] = {
        "landmarks": set(HEADER), "annotations": ANNOTATION_COLUMNS, "panel": PANEL_COLUMNS
    }  # fmt: skip
    found = next((target for target, columns in named.items() if _has(table, columns)), None)
    return found or ("cells" if wants_cells or _may_hold_cells(path) else None)


def _may_hold_cells(path: Path) -> bool:
    """Whether a table has numbers in two columns, which may be x and y, or is one whose columns are known."""
    try:
        preview = preview_table(path)
    except MetimeError:
        return True
    return preview is None or len(preview.numbers) > 1 or bool(preview.type)


def _glance(path: Path) -> Delimited | None:
    try:
        return glance_at(path, 1)[0]
    except MetimeError:
        return None


def _has(table: Delimited, columns: set[str]) -> bool:
    return columns <= {column.strip() for column in table.header}


def _is_geojson(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(JSON_BYTES)
    except OSError:
        return True  # it is told in the step of the cells that it is not there
    return b'"geometry"' in start or b'"Feature' in start


def _named(path: Path) -> str:
    """Name a file and what is known of it."""
    if path.is_dir():
        return f"the folder {path.name} (drop the files in it)"
    if not path.exists():
        return f"{path.name} (which is not there)"
    if path.suffix.lower() in DELIMITED and _glance(path) is not None:
        return f"{path.name} (a table without numbers in two columns, so not of cells)"
    return path.name
