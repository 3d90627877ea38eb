"""Cells from SpatialData (.zarr): a table as AnnData, and the shapes that it is about as GeoParquet.

A store is a folder with ``tables/NAME`` and ``shapes/NAME/shapes.parquet`` (design document of spatialdata). A table
says in ``region_key`` and ``instance_key`` which of its columns hold the element and the index of each cell's shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.annotated import Observations, find_places, read_observations
from napari_metime.cells.assembling import FoundCells, taken_rings, to_texts
from napari_metime.cells.columns import UNIT_SIGNS, Unit, quoted_names
from napari_metime.cells.element_transforms import to_system
from napari_metime.cells.gates import Gates
from napari_metime.cells.geoparquet import read_shapes
from napari_metime.cells.named_columns import NamedColumns
from napari_metime.cells.stores import Node, opened
from napari_metime.errors import CellTableError
from napari_metime.section import Outlines

_KINDS = ("tables", "table", "shapes")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The folders of a store that are read: a table, shapes, or both."""

    table: Path | None
    shapes: Path | None
    is_anndata: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """The rows of a table that are about one element, and what their shapes are called."""

    columns: NamedColumns
    rows: NDArray[np.bool_]
    cell_id: NDArray[np.object_]
    shapes: Path | None = None
    instances: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where cells lie; as in ``FoundCells``."""

    xy: NDArray[np.float64]
    unit: Unit
    told: str
    warnings: tuple[str, ...] = ()
    area: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    outlines: Outlines | None = None


def read_spatialdata(
    path: Path,
    *,
    x: str | None = None,
    y: str | None = None,
    type_column: str | None = None,
    unit: Unit | None = None,
    gates: Gates | None = None,
    type_probability: str | None = None,
) -> FoundCells:
    """Read the cells of a SpatialData store, or of AnnData in Zarr.

    Parameters
    ----------
    path : the store, or one of its parts where it has several (``X.zarr/tables/NAME``, ``X.zarr/shapes/NAME``)
    x, y : columns of the table; None = the centroids of the shapes, else obsm["spatial"]
    type_column, gates, type_probability : columns of the table, or of the shapes where there is no table
    unit : of the places; None = as the file says, which it seldom does

    Raises
    ------
    MissingFileError, CellTableError
        It cannot be read, has several tables or elements, a transformation that no matrix can say, or nothing says
        px or µm.
    """
    chosen = _choose(path)
    if chosen.table is None:
        assert chosen.shapes is not None
        shapes = read_shapes(chosen.shapes / "shapes.parquet")
        table = _Table(shapes.columns, np.ones(shapes.x.size, dtype=bool), shapes.ids, chosen.shapes, shapes.ids)
        source = f"SpatialData shapes {chosen.shapes.name!r}"
        return _found(table, _by_shapes(table, unit), source, (type_column, gates, type_probability))
    with opened(chosen.table) as node:
        obs = read_observations(node, path.name)
        table = _of_element(node, obs, chosen)
        if table.shapes is not None and x is None and y is None:
            places = _by_shapes(table, unit)
        else:
            xy, of_places, told = find_places(node, obs, x=x, y=y, unit=unit)
            places = _Places(xy[table.rows], of_places, told)
        source = "AnnData" if chosen.is_anndata else f"SpatialData table {chosen.table.name!r}"
        return _found(table, places, source, (type_column, gates, type_probability))


def read_spatialdata_types(path: Path, type_column: str | None, *, gates: Gates | None = None) -> NDArray[np.object_]:
    """Return the type of each cell, empty where it has none; raises as ``read_spatialdata``."""
    chosen = _choose(path)
    if chosen.table is None:
        assert chosen.shapes is not None
        return read_shapes(chosen.shapes / "shapes.parquet").columns.types(type_column, gates)[0]
    with opened(chosen.table) as node:
        table = _of_element(node, read_observations(node, path.name), chosen)
        return table.columns.types(type_column, gates)[0][table.rows]


def _found(
    table: _Table, places: _Places, source: str, of_recipe: tuple[str | None, Gates | None, str | None]
) -> FoundCells:
    type_column, gates, type_probability = of_recipe
    types, type_note = table.columns.types(type_column, gates)
    shares, named = table.columns.probability(type_probability)
    return FoundCells(
        source=source,
        x=places.xy[:, 0],
        y=places.xy[:, 1],
        types=types[table.rows],
        unit=places.unit,
        told=f"{places.told}; {type_note}",
        cell_id=table.cell_id,
        warnings=table.columns.images_warning(table.rows) + places.warnings,
        area=places.area,
        type_probability=shares[table.rows] if shares.size else shares,
        probability_name=named,
        outlines=places.outlines,
    )


def _choose(path: Path) -> _Chosen:
    """Return the table and the shapes that a path stands for."""
    if path.parent.name in _KINDS and not _parts(path, *_KINDS):
        is_table = path.parent.name != "shapes"
        return _Chosen(path, None) if is_table else _Chosen(_only_table(path.parents[1], among=True), path)
    if (path / "obs").is_dir():
        return _Chosen(path, None, is_anndata=True)
    table = _only_table(path, among=False)
    if table is not None:
        return _Chosen(table, None)
    shapes = _parts(path, "shapes")
    if len(shapes) != 1:
        raise CellTableError(
            f"{path.name}: expected SpatialData with a table or shapes, or AnnData, found "
            f"{f'no table and {len(shapes)} shapes' if shapes else 'neither'}; "
            f"set cells.path to one of them, as in {path.name}/shapes/NAME"
        )
    return _Chosen(None, shapes[0])


def _parts(root: Path, *kinds: str) -> list[Path]:
    """Return the elements of a store, of some kinds."""
    folders = (root / kind for kind in kinds)
    return sorted(part for folder in folders if folder.is_dir() for part in folder.iterdir() if part.is_dir())


def _only_table(root: Path, *, among: bool) -> Path | None:
    """Return the only table of a store, or None; several are an error, as nothing says which one is meant."""
    tables = [table for table in _parts(root, "tables", "table") if (table / "obs").is_dir()]
    if len(tables) > 1 and not among:
        raise CellTableError(
            f"{root.name}: expected one table, found {quoted_names([table.name for table in tables])}; "
            f"set cells.path to one of them, as in {root.name}/{tables[0].parent.name}/{tables[0].name}"
        )
    return tables[0] if len(tables) == 1 else None


def _of_element(node: Node, obs: Observations, chosen: _Chosen) -> _Table:
    """Return the rows of a table that are about one element."""
    assert chosen.table is not None
    everything = np.ones(obs.cell_id.size, dtype=bool)
    keys = node.attribute("region_key"), node.attribute("instance_key")
    header = obs.columns.header
    if chosen.is_anndata or not all(key in header for key in keys):
        return _Table(obs.columns, everything, obs.cell_id)
    regions, instances = (to_texts(obs.columns.column(header.index(key))) for key in keys)
    names = sorted(set(regions.tolist()))
    if chosen.shapes is not None:
        names = [name for name in names if name == chosen.shapes.name]
    store = chosen.table.parents[1]
    if len(names) != 1:
        of_others = quoted_names(names or sorted(set(regions.tolist())))
        raise CellTableError(
            f"{store.name}: expected the cells of one element in table {chosen.table.name!r}, found those of "
            f"{of_others}; set cells.path to one of them, as in {store.name}/shapes/NAME"
        )
    rows = regions == names[0]
    shapes = next((part for part in _parts(store, "shapes") if part.name == names[0]), None)
    return _Table(obs.columns, rows, obs.cell_id[rows], shapes, instances[rows])


def _by_shapes(table: _Table, unit: Unit | None) -> _Places:
    """Return the centroids, areas and outlines of the shapes of the cells, in the system of the store."""
    assert table.shapes is not None
    name = table.shapes.name
    with opened(table.shapes) as element:
        to = to_system(element.attribute("coordinateTransformations"), name)
    if unit and to.unit and unit != to.unit:
        raise CellTableError(
            f"expected the unit of the system {to.system!r}, {UNIT_SIGNS[to.unit]}, found cells.unit: {unit}; "
            f"set cells.unit to {to.unit}"
        )
    of_places = unit or to.unit
    if of_places is None:
        raise CellTableError(
            f"SpatialData, {table.cell_id.size:,} cells as shapes {name!r}: expected px or µm for the system "
            f"{to.system!r}, found that it does not say it; set cells.unit to px or um"
        )
    shapes = read_shapes(table.shapes / "shapes.parquet")
    index = pd.Index(shapes.ids)
    if not index.is_unique:
        raise CellTableError(f"{name}: expected every index of a shape once, found some again; write the shapes again")
    at = index.get_indexer(pd.Index(table.instances))
    outlines = Outlines(shapes.outlines.xy, np.append(shapes.outlines.start, shapes.outlines.start[-1]))
    taken = taken_rings(outlines, np.where(at < 0, shapes.x.size, at))
    linear, shift = to.matrix[:2, :2], to.matrix[:2, 2]
    xy = np.where((at < 0)[:, None], np.nan, np.column_stack([shapes.x, shapes.y])[at] @ linear.T + shift)
    n_alone = shapes.x.size - np.unique(at[at >= 0]).size
    alone = (f"{n_alone:,} of {shapes.x.size:,} shapes in {name!r} have no row in the table",) if n_alone else ()
    area = np.where(at < 0, np.nan, shapes.area[at] * abs(np.linalg.det(linear)))
    return _Places(
        xy,
        of_places,
        f"centroids of the shapes {name!r}, {to.told()}",
        alone,
        area if np.isfinite(area).any() else np.empty(0),
        Outlines(taken.xy @ linear.T + shift, taken.start) if taken.xy.size else None,
    )
