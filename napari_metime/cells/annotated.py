"""Cells from AnnData (.h5ad or .zarr), read as the arrays in groups that it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metime.cells.assembling import FoundCells, to_texts
from napari_metime.cells.columns import Unit, agreed_unit, find_positions, um_per_unit
from napari_metime.cells.gates import Gates
from napari_metime.cells.named_columns import NamedColumns
from napari_metime.cells.stores import Node, opened
from napari_metime.errors import CellTableError

MAX_CELLS = 50_000_000
PLACES = ("spatial", "X_spatial")


@dataclass(frozen=True, slots=True)
class Observations:
    """The table of the cells.

    Parameters
    ----------
    columns : of obs
    cell_id : ndarray of shape (n,), str
    """

    columns: NamedColumns
    cell_id: NDArray[np.object_]


def read_annotated(
    path: Path,
    *,
    x: str | None = None,
    y: str | None = None,
    type_column: str | None = None,
    unit: Unit | None = None,
    gates: Gates | None = None,
    type_probability: str | None = None,
) -> FoundCells:
    """Read the cells of an AnnData file: places from obsm["spatial"] or columns of obs, types from obs.

    Parameters
    ----------
    x, y : columns of obs; None = obsm["spatial"], obsm["X_spatial"], or columns of known names
    type_column, type_probability : columns of obs
    unit : of the places; None = as the names of the columns say; obsm says nothing
    gates : types by markers, from columns of obs

    Raises
    ------
    MissingFileError
        The file is not there or cannot be read.
    CellTableError
        h5py is not installed, it is no AnnData, a column is missing, or nothing says px or µm.
    """
    with opened(path) as root:
        obs = read_observations(root, path.name)
        types, type_note = obs.columns.types(type_column, gates)
        xy, of_places, place_note = find_places(root, obs, x=x, y=y, unit=unit)
        shares, named = obs.columns.probability(type_probability)
        return FoundCells(
            source="AnnData",
            x=xy[:, 0],
            y=xy[:, 1],
            types=types,
            unit=of_places,
            told=f"{place_note}; {type_note}",
            cell_id=obs.cell_id,
            warnings=obs.columns.images_warning(),
            type_probability=shares,
            probability_name=named,
        )


def read_annotated_types(path: Path, type_column: str | None, *, gates: Gates | None = None) -> NDArray[np.object_]:
    """Return the type of each cell, empty where it has none; raises as ``read_annotated``."""
    with opened(path) as root:
        return read_observations(root, path.name).columns.types(type_column, gates)[0]


def read_observations(root: Node, name: str) -> Observations:
    """Find the table of the cells.

    Raises
    ------
    CellTableError
        There is none, or it is empty.
    """
    group = root.child("obs")
    if group is None or group.shape is not None:
        raise CellTableError(f"{name}: expected AnnData with a table obs, found none; write it with a newer anndata")
    index = group.attribute("_index") or "index"
    ids = group.child(index)
    n_cells = 0 if ids is None else _length(ids)
    if not 0 < n_cells <= MAX_CELLS:
        raise CellTableError(
            f"{name}: expected an index of 1 to {MAX_CELLS:,} cells in obs, found none; write the file again"
        )
    header = tuple(column for column in group.names() if column not in (index, "__categories"))
    columns = NamedColumns("obs[{}]", header, lambda at: _column(group, header[at], n_cells))
    return Observations(columns, to_texts(_column(group, index, n_cells)))


def find_places(
    root: Node, obs: Observations, *, x: str | None, y: str | None, unit: Unit | None
) -> tuple[NDArray[np.float64], Unit, str]:
    """Return the places, of shape (n, 2), their unit and where they are from."""
    found = _matrix_of_places(root, obs.cell_id.size) if x is None and y is None else None
    if found is None:
        columns = obs.columns
        at_x, at_y = find_positions(columns.header, x=x, y=y, unit=unit)
        of_names = agreed_unit(columns.header, at_x, at_y, stated=unit, source="AnnData")
        xy = np.column_stack([columns.numbers(at) * um_per_unit(columns.header[at]) for at in (at_x, at_y)])
        return xy, of_names, f"x and y from obs[{columns.header[at_x]!r}] and obs[{columns.header[at_y]!r}]"
    xy, name = found
    if unit is None:
        raise CellTableError(
            f"AnnData, {len(xy):,} cells: expected px or µm for the places in obsm[{name!r}], "
            "found that AnnData does not say it; set cells.unit to px or um"
        )
    return xy, unit, f"x and y from obsm[{name!r}]"


def _matrix_of_places(root: Node, n_cells: int) -> tuple[NDArray[np.float64], str] | None:
    obsm = root.child("obsm")
    for name in PLACES:
        places = None if obsm is None else obsm.child(name)
        shape = None if places is None else places.shape
        if places is not None and shape is not None and len(shape) == 2 and shape[1] >= 2:
            return places.values((n_cells, shape[1]))[:, :2].astype(np.float64), name
    return None


def _column(group: Node, name: str, n_cells: int) -> NDArray[Any]:
    """Read a column: numbers, texts, categories, or values beside a mask; None where something is missing."""
    found = group.child(name)
    if found is None:
        raise CellTableError(f"expected the column {name!r} in obs, found a link to elsewhere; write the file again")
    older = group.child("__categories")
    categories = None if older is None else older.child(name)
    if categories is None and "codes" in found.names():
        codes, categories = found.child("codes"), found.child("categories")
    else:
        codes = found
    values = _array(codes, n_cells)
    return values if categories is None else _categorized(values, _array(categories, _length(categories)))


def _length(found: Node) -> int:
    """Return the length of an array, which may lie in a group beside a mask; -1 where it is none."""
    values = found if found.shape is not None else found.child("values")
    shape = () if values is None or values.shape is None else values.shape
    return shape[0] if len(shape) == 1 else -1


def _array(found: Node | None, n: int) -> NDArray[Any]:
    if found is not None and found.shape is not None:
        return found.values((n,))
    values, mask = (None if found is None else found.child(name) for name in ("values", "mask"))
    if values is None or mask is None:
        raise CellTableError("expected values beside a mask in obs, found others; write the file again")
    present = values.values((n,)).astype(object)
    present[mask.values((n,)).astype(bool)] = None
    return present


def _categorized(codes: NDArray[Any], categories: NDArray[Any]) -> NDArray[np.object_]:
    names = np.full(categories.size + 1, None, dtype=object)  # the last one is that of code -1
    names[:-1] = categories
    if codes.dtype.kind not in "iu" or codes.min(initial=0) < -1 or codes.max(initial=-1) >= categories.size:
        raise CellTableError("expected codes of the categories in obs, found others; write the file again")
    return np.asarray(names[codes])
