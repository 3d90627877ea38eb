"""Cells from GeoParquet, as geopandas and SpatialData write shapes: WKB, read some rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from napari_metime.cells.assembling import FoundCells, to_texts
from napari_metime.cells.columns import Unit
from napari_metime.cells.gates import Gates
from napari_metime.cells.named_columns import NamedColumns
from napari_metime.errors import CellTableError, MissingFileError
from napari_metime.section import Outlines

MAX_ROWS = 50_000_000
BATCH_ROWS = 50_000
_POINT, _POLYGON, _MULTIPOLYGON = 0, 3, 6


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """The shapes of a file and what it says of each.

    Parameters
    ----------
    x, y : ndarray of shape (n,), float64: centroids, NaN where a row has no shape
    area : ndarray of shape (n,), float64, NaN of points without a radius
    outlines : outer ring of the largest part of each
    ids : ndarray of shape (n,), str: the index of the rows
    columns : all that is beside the shapes
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: NDArray[np.float64]
    outlines: Outlines
    ids: NDArray[np.object_]
    columns: NamedColumns


def read_geoparquet(
    path: Path,
    *,
    type_column: str | None = None,
    unit: Unit | None = None,
    gates: Gates | None = None,
    type_probability: str | None = None,
) -> FoundCells:
    """Read the cells of a GeoParquet file: points, polygons or multipolygons, types from a column.

    Raises
    ------
    MissingFileError, CellTableError
        It cannot be read, pyarrow is not installed, it holds other shapes, nothing says px or µm, or a column is
        missing.
    """
    shapes = read_shapes(path)
    types, told = shapes.columns.types(type_column, gates)
    if unit is None:
        raise CellTableError(
            f"GeoParquet, {shapes.x.size:,} shapes: expected px or µm, found that the file does not say it; "
            "set cells.unit to px or um"
        )
    shares, named = shapes.columns.probability(type_probability)
    return FoundCells(
        source="GeoParquet",
        x=shapes.x,
        y=shapes.y,
        types=types,
        unit=unit,
        told=f"as stated; centroids of the shapes; {told}",
        cell_id=shapes.ids,
        warnings=shapes.columns.images_warning(),
        area=shapes.area if np.isfinite(shapes.area).any() else np.empty(0),
        type_probability=shares,
        probability_name=named,
        outlines=shapes.outlines if shapes.outlines.xy.size else None,
    )


def read_geoparquet_types(path: Path, type_column: str | None, *, gates: Gates | None = None) -> NDArray[np.object_]:
    """Return the type of each shape, empty where it has none; raises as ``read_geoparquet``."""
    with _opened(path) as file:
        return _columns(file, path, _geometry(file, path)).types(type_column, gates)[0]


def read_shapes(path: Path) -> Shapes:
    """Read the shapes of a GeoParquet file; those of circles in SpatialData are points beside a column ``radius``.

    Raises
    ------
    MissingFileError, CellTableError
        As ``read_geoparquet``.
    """
    with _opened(path) as file:
        geometry = _geometry(file, path)
        columns = _columns(file, path, geometry)
        parts = [_measured(batch, path.name) for batch in _batches(file, geometry)]
        xy, area = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
        ring_xy, length = np.concatenate([p[2] for p in parts]), np.concatenate([p[3] for p in parts])
        if "radius" in columns.header:
            radius = columns.numbers(columns.header.index("radius"))
            area = np.where(np.isnan(area) & (radius > 0), np.pi * radius**2, area)
        start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        return Shapes(xy[:, 0], xy[:, 1], area, Outlines(ring_xy, start), _ids(file, len(xy)), columns)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a Parquet file; whatever a damaged one raises becomes an error in words."""
    try:
        parquet, arrow = import_module("pyarrow.parquet"), import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise CellTableError(
            "expected pyarrow for GeoParquet and SpatialData, found no such module; install it with: "
            "pip install 'napari-metime[spatialdata]'"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            if not 0 < file.metadata.num_rows <= MAX_ROWS:
                n_rows = file.metadata.num_rows
                raise CellTableError(
                    f"{path.name}: expected 1 to {MAX_ROWS:,} shapes, found {n_rows:,}; export them again"
                )
            yield file
    except FileNotFoundError as error:
        raise MissingFileError(f"expected cells at {path}, found no file; check cells.path") from error
    except (OSError, arrow.ArrowException, shapely.errors.ShapelyError, UnicodeError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise CellTableError(
            f"{path.name}: expected GeoParquet, found what cannot be read ({told:.120}); write it again"
        ) from error


def _geometry(file: Any, path: Path) -> str:
    """Return the name of the column of the shapes."""
    told = _json(file.schema_arrow, b"geo")
    name = told.get("primary_column")
    columns = told.get("columns")
    about = columns.get(name) if isinstance(columns, dict) and isinstance(name, str) else None
    if not isinstance(name, str) or not isinstance(about, dict) or name not in file.schema_arrow.names:
        raise CellTableError(
            f"{path.name}: expected GeoParquet, found a Parquet file without shapes; write it by geopandas, or as CSV"
        )
    if about.get("encoding") != "WKB":
        raise CellTableError(
            f"{path.name}: expected shapes as WKB, found {about.get('encoding')!r:.40}; "
            "write it with geometry_encoding='WKB'"
        )
    return name


def _json(schema: Any, key: bytes) -> dict[str, Any]:
    try:
        told = json.loads((schema.metadata or {}).get(key, b"{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _batches(file: Any, column: str) -> Iterator[Any]:
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[column]):
        yield batch.column(0)


def _columns(file: Any, path: Path, geometry: str) -> NamedColumns:
    header = tuple(name for name in file.schema_arrow.names if name != geometry and not name.startswith("__index"))

    def column(at: int) -> NDArray[Any]:
        with _opened(path) as again:
            parts = [part.to_pandas().to_numpy() for part in _batches(again, header[at])]
        return np.concatenate([part if part.dtype.kind in "biuf" else part.astype(object) for part in parts])

    return NamedColumns("{}", header, column)


def _ids(file: Any, n: int) -> NDArray[np.object_]:
    """Return the index of the rows as pandas wrote it, else their numbers from 0."""
    columns = _json(file.schema_arrow, b"pandas").get("index_columns")
    index = columns[0] if isinstance(columns, list) and len(columns) == 1 else None
    if isinstance(index, str) and index in file.schema_arrow.names:
        return to_texts(np.concatenate([part.to_pandas().to_numpy(object) for part in _batches(file, index)]))
    first, step = (index.get("start"), index.get("step")) if isinstance(index, dict) else (0, 1)
    first, step = (value if isinstance(value, int) else default for value, default in ((first, 0), (step, 1)))
    return (first + step * np.arange(n)).astype(str).astype(object)


def _measured(
    batch: Any, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return centroids, areas, and the points and lengths of the outer rings of some shapes."""
    shapes = shapely.from_wkb(batch.to_pandas().to_numpy(object))
    kinds = shapely.get_type_id(shapes)
    wrong = ~np.isin(kinds, (-1, _POINT, _POLYGON, _MULTIPOLYGON))
    if wrong.any():
        found = shapes[wrong][0].geom_type
        raise CellTableError(f"{name}: expected points and polygons, found a {found}; export the cells without it")
    xy = np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)])
    area = np.full(len(shapes), np.nan)
    is_area = np.isin(kinds, (_POLYGON, _MULTIPOLYGON)) & ~shapely.is_empty(shapes)
    area[is_area] = shapely.area(shapes[is_area])
    xy[is_area] = shapely.get_coordinates(shapely.centroid(shapes[is_area]))
    parts, cell = shapely.get_parts(shapes[is_area], return_index=True)
    largest = np.lexsort((-shapely.area(parts), cell))[np.searchsorted(cell, np.arange(np.count_nonzero(is_area)))]
    rings = shapely.get_exterior_ring(parts[largest])
    points, ring = shapely.get_coordinates(rings, return_index=True)
    is_last = np.append(ring[1:] != ring[:-1], True) if ring.size else np.empty(0, dtype=bool)
    length = np.zeros(len(shapes), dtype=np.int64)
    length[is_area] = np.bincount(ring[~is_last], minlength=rings.size)
    return xy, area, points[~is_last], length
