"""A text table beside the label mask that it was computed from: the number of a label is the id of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.assembling import FoundCells, assemble, to_texts
from napari_metime.cells.columns import POSITION_NAMES, UNIT_SIGNS, Unit, find_positions, quoted_names, recognise
from napari_metime.cells.delimited import Delimited, open_delimited, read_columns
from napari_metime.cells.delimited_formats import CellFormat, find_probability, find_type_column, recognise_format
from napari_metime.cells.gates import Gates, apply_gates, columns_of, find_gates, told_gates
from napari_metime.cells.label_masks import Labels, measure_labels
from napari_metime.cells.numbers import to_shares
from napari_metime.cells.reading import read_delimited_cells
from napari_metime.errors import CellTableError
from napari_metime.section import CellTable


def read_labelled_table(
    path: Path,
    labels_path: Path,
    *,
    x: str | None,
    y: str | None,
    type_column: str | None,
    unit: Unit | None,
    roles: Mapping[str, Sequence[str]],
    gates: Gates | None = None,
    type_probability: str | None = None,
) -> CellTable:
    """Read cells from a table in px, with the areas of their labels, and their centroids where the table has no places.

    Parameters
    ----------
    labels_path : TIFF of integers
    x, y, type_column, unit, roles, gates, type_probability : see ``read_delimited_cells``

    Raises
    ------
    MissingFileError, CellTableError
        As ``read_delimited_cells`` and ``measure_labels``; or the table has no ids, they are not unique, none of them
        is a label, or its places are in µm, in which the areas of the mask are not known.
    """
    table = open_delimited(path)
    fmt = recognise_format(table.header)
    ids = _ids(table, fmt)
    labels = measure_labels(labels_path)
    places = _places_of(ids, labels, table.path.name, labels_path.name)
    warnings = _orphans(places, labels, labels_path.name)
    n_unlabelled = int(np.count_nonzero(places < 0))
    if x is None and y is None and not _has_places(table, fmt):
        if unit == "um":
            raise CellTableError(_in_um(path))
        found = _placed_by_labels(table, fmt, (ids, places, labels), (type_column, gates, type_probability))
        if n_unlabelled:
            warnings += (f"{n_unlabelled:,} of {ids.size:,} cells have no label in {labels_path.name}; left out",)
        cells = assemble(found, roles)
        return replace(cells, warnings=warnings + cells.warnings)
    keys = {"x": x, "y": y, "type_column": type_column, "type_probability": type_probability}
    cells = read_delimited_cells(path, **keys, unit=unit, roles=roles, gates=gates)
    if cells.unit != "px":
        raise CellTableError(_in_um(path))
    if n_unlabelled:
        warnings += (f"{n_unlabelled:,} of {ids.size:,} cells have no label in {labels_path.name} and no area",)
    return _with_areas(cells, labels, warnings, path.name, labels_path.name)


def _in_um(path: Path) -> str:
    return (
        f"{path.name}: expected places in px beside a label mask, found {UNIT_SIGNS['um']}; "
        "set cells.x and cells.y to columns in px and cells.unit: px, or leave out cells.labels"
    )


def _ids(table: Delimited, fmt: CellFormat) -> NDArray[np.object_]:
    at = recognise(table.header, fmt.ids, key="id")
    if at is None:
        raise CellTableError(
            f"{table.path.name}: expected a column of the label of each cell ({', '.join(fmt.ids)}), "
            f"found {quoted_names(table.header)}; rename the column to CellID, or leave out cells.labels"
        )
    ids = read_columns(table, (), text=(at,))[at]
    if not ids.dropna().is_unique:
        raise CellTableError(
            f"{table.path.name}: expected every label once in {table.header[at]!r}, found some again; "
            "keep the cells of one image"
        )
    return ids.to_numpy(object)


def _places_of(ids: NDArray[np.object_], labels: Labels, table_name: str, mask_name: str) -> NDArray[np.intp]:
    """Return where among the labels each id stands, -1 where it is none; at least one is."""
    numbers = pd.to_numeric(pd.Series(ids, dtype=object), errors="coerce").to_numpy(np.float64)
    place = np.minimum(np.searchsorted(labels.number, numbers), labels.number.size - 1)
    places = np.where(labels.number[place] == numbers, place, -1)
    if (places < 0).all():
        raise CellTableError(
            f"{table_name}: expected the labels of {mask_name} as ids of the cells, found none among "
            f"{quoted_names([str(name) for name in ids[:3]])}; set cells.labels to the mask of this table"
        )
    return places


def _orphans(places: NDArray[np.intp], labels: Labels, mask_name: str) -> tuple[str, ...]:
    n = labels.number.size - int(np.count_nonzero(places >= 0))
    return (f"{n:,} of {labels.number.size:,} labels in {mask_name} have no row in the table",) if n else ()


def _has_places(table: Delimited, fmt: CellFormat) -> bool:
    try:
        find_positions(table.header, x=None, y=None, unit=None, pairs=(*fmt.pairs, *POSITION_NAMES))
    except CellTableError:
        return fmt.box
    return True


def _with_areas(
    cells: CellTable, labels: Labels, warnings: tuple[str, ...], table_name: str, mask_name: str
) -> CellTable:
    places = _places_of(cells.cell_id, labels, table_name, mask_name)
    is_labelled = places >= 0
    area = np.where(is_labelled, labels.area[places], np.nan)
    with np.errstate(invalid="ignore"):
        off = np.hypot(cells.x - labels.x[places], cells.y - labels.y[places]) > np.sqrt(area / np.pi) + 1
    if np.count_nonzero(off) > 0.5 * np.count_nonzero(is_labelled):
        warnings += (f"most cells lie beside their label in {mask_name}: check that it is the mask of {table_name}",)
    note = f"{cells.note}; area of the labels in {mask_name}"
    return replace(cells, area=area, warnings=warnings + cells.warnings, note=note)


def _placed_by_labels(
    table: Delimited,
    fmt: CellFormat,
    of_labels: tuple[NDArray[np.object_], NDArray[np.intp], Labels],
    of_recipe: tuple[str | None, Gates | None, str | None],
) -> FoundCells:
    """Return the cells of a table without places where their labels lie; those without a label are left out."""
    (ids, places, labels), (type_column, gates, type_probability) = of_labels, of_recipe
    header = table.header
    rules = find_gates(header, gates) if gates else {}
    kind = None if rules else find_type_column(header, fmt, type_column)
    probability = None if type_probability is None else find_probability(header, type_probability)
    numbers = {*columns_of(rules), *(() if probability is None else (probability,))}
    text = set() if kind is None else {kind}
    frame = read_columns(table, numbers - text, text=text).loc[places >= 0]
    if kind is None:
        names, codes = apply_gates(frame, rules, header=header, delimiter=table.delimiter)
        types, told = np.array(names, dtype=object)[codes], told_gates(rules, header)
    else:
        types, told = to_texts(frame[kind].to_numpy(object)), f"type in {header[kind]!r}"
    name = "" if probability is None else header[probability]
    taken = places[places >= 0]
    return FoundCells(
        source=f"{fmt.name} placed by their labels",
        x=labels.x[taken],
        y=labels.y[taken],
        types=types,
        unit="px",
        told=f"{told}; centroids of the labels, origin at the centre of the first pixel",
        cell_id=np.array([str(label).strip() for label in ids[places >= 0]], dtype=object),
        area=labels.area[taken],
        type_probability=np.empty(0)
        if probability is None
        else to_shares(frame[probability], name=name, delimiter=table.delimiter),
        probability_name=name,
    )
