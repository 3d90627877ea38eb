"""Areas that a user drew: a mask image on the grid, or polygons in section µm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape as to_shape

from napari_metime.errors import MissingFileError, TissueError
from napari_metime.ims.images import read_mask
from napari_metime.section import Grid

MAX_GEOJSON_BYTES = 100_000_000


def read_area(path: Path, grid: Grid) -> NDArray[np.bool_]:
    """Read the pixels of an area, shape (rows, cols): polygons where the name says GeoJSON, else a mask image.

    Raises
    ------
    MissingFileError, TissueError
        As ``read_polygons`` and ``read_mask``.
    """
    if path.suffix.lower() in (".geojson", ".json"):
        return read_polygons(path, grid)
    return read_mask(path, shape=grid.shape)


def read_polygons(path: Path, grid: Grid) -> NDArray[np.bool_]:
    """Read GeoJSON polygons in section µm and return the pixels whose centre they hold.

    Raises
    ------
    MissingFileError
        No such file.
    TissueError
        It is no GeoJSON with polygons, or they hold no pixel.
    """
    if not path.is_file():
        raise MissingFileError(f"expected polygons at {path}, found no file; check the path")
    if path.stat().st_size > MAX_GEOJSON_BYTES:
        raise TissueError(f"expected GeoJSON of at most 100 MB, found {path.stat().st_size:,} bytes in {path.name}")
    try:
        polygons = [to_shape(g) for g in _geometries(json.loads(path.read_text(encoding="utf-8-sig")))]
        union = shapely.union_all([shapely.make_valid(p) for p in polygons])
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
        RecursionError,
        shapely.errors.ShapelyError,
    ) as error:
        raise TissueError(f"expected GeoJSON polygons in {path.name}, found what cannot be read ({error})") from error
    height, width = grid.spacing_um
    y, x = np.mgrid[: grid.shape[0], : grid.shape[1]]
    mask = np.asarray(shapely.contains_xy(union, x * width, y * height), dtype=bool)
    if not mask.any():
        raise TissueError(
            f"expected polygons in section µm over the grid in {path.name}, found none that holds a pixel"
        )
    return mask


def _geometries(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [g for item in value for g in _geometries(item)]
    if value.get("type") == "FeatureCollection":
        return _geometries(value["features"])
    if value.get("type") == "Feature":
        return _geometries(value["geometry"]) if value.get("geometry") else []
    if value.get("type") == "GeometryCollection":
        return _geometries(value["geometries"])
    return [value] if value.get("type") in ("Polygon", "MultiPolygon") else []
