"""Cells from GeoJSON, as QuPath and others write detections and annotations.

QuPath gives every shape "in pixel units, taking the origin (0, 0) as the top left corner of the full-resolution
image" (QuPath documentation, Exporting annotations, Units and origin).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_metime.cells.assembling import FoundCells, taken_rings
from napari_metime.cells.columns import Unit, quoted_names
from napari_metime.cells.json_stream import iterate_features
from napari_metime.cells.rings import ring_moments
from napari_metime.errors import CellTableError
from napari_metime.section import Outlines

_CELL_OBJECTS = {"cell", "detection", "pathcellobject", "pathdetectionobject"}
_OTHER_OBJECTS = {"annotation", "tile", "tmacore", "tma_core", "root"} | {
    f"{name}object" for name in ("pathannotation", "pathtile", "tmacore", "pathroot")
}
_LINES = ("LineString", "MultiLineString")
_JOINED_RINGS = 50_000
_MAX_NAMES = 200


@dataclass(slots=True)
class _Rings:
    """Rings as they come, and the cell of each; small arrays are joined now and then."""

    xy: list[NDArray[np.float64]] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    cell: list[int] = field(default_factory=list)
    is_hole: list[bool] = field(default_factory=list)
    n_joined: int = 0

    def add(self, xy: NDArray[np.float64], cell: int, *, is_hole: bool) -> None:
        self.xy.append(xy)
        self.length.append(len(xy))
        self.cell.append(cell)
        self.is_hole.append(is_hole)
        if len(self.xy) - self.n_joined > _JOINED_RINGS:
            self.xy[self.n_joined :] = [np.concatenate(self.xy[self.n_joined :])]
            self.n_joined += 1

    def outlines(self) -> Outlines:
        start = np.concatenate([[0], np.cumsum(self.length)]).astype(np.int64)
        return Outlines(np.concatenate(self.xy) if self.xy else np.empty((0, 2)), start)


@dataclass(slots=True)
class _Features:
    """What the features say, cell by cell."""

    rings: _Rings = field(default_factory=_Rings)
    classes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    properties: dict[str, None] = field(default_factory=dict)
    n_features: int = 0
    n_missing: int = 0
    n_without_shape: int = 0
    n_lines: int = 0


def read_geojson(
    path: Path, *, type_column: str | None = None, unit: Unit | None = None, type_probability: str | None = None
) -> FoundCells:
    """Read the cells of a GeoJSON file: a FeatureCollection, a list of features, or one feature.

    A polygon is a cell with its area, centroid and outer ring, holes taken out of area and centroid; a multipolygon
    is one cell with the ring of its largest part; every point of a multipoint is a cell. Lines are no cells; where the
    file holds cells or detections, neither are annotations in it. The outline of a nucleus is not used.

    Parameters
    ----------
    type_column : property or measurement that holds the type; None = the classification, else the name
    unit : of the coordinates; None = px in a file by QuPath, which writes them so; else it stays unknown
    type_probability : property or measurement, 0 to 1

    Raises
    ------
    MissingFileError, CellTableError
        It cannot be read, is no GeoJSON, holds other shapes than points and polygons, or has no such property.
    """
    found = _Features()
    for feature in iterate_features(path):
        found.n_features += 1
        _add_feature(found, feature, type_column, type_probability, path.name)
    if not found.classes:
        raise CellTableError(
            f"{path.name}: expected cells as points or polygons, found {found.n_features:,} features without any; "
            "export the cells again"
        )
    if type_column is not None and not any(found.classes):
        _refuse_name(found, type_column, key="cells.type", path=path)
    if type_probability is not None and np.isnan(found.probabilities).all():
        _refuse_name(found, type_probability, key="cells.type_probability", path=path)
    return _found_cells(found, type_column, unit, type_probability)


def _found_cells(
    found: _Features, type_column: str | None, unit: Unit | None, type_probability: str | None
) -> FoundCells:
    area, centroid, outlines = _measured(found.rings, len(found.classes))
    kept, warnings = _kept(found)
    has_class = type_column is not None or any(found.classes)
    types = np.array(found.classes if has_class else found.names, dtype=object)
    from_where = repr(type_column) if type_column else "the classification" if has_class else "'name'"
    type_note = f"type from {from_where}" if any(types) else "no types"
    is_qupath = any(found.objects) or "classification" in found.properties
    told = "as stated" if unit else "as QuPath writes GeoJSON, pixels of the full-resolution image"
    n_outlined = int(np.count_nonzero(np.diff(outlines.start)[kept]))
    return FoundCells(
        source="QuPath GeoJSON" if is_qupath else "GeoJSON",
        x=centroid[kept, 0],
        y=centroid[kept, 1],
        types=types[kept],
        unit=unit or ("px" if is_qupath else None),
        told=f"{told}; {n_outlined:,} with an outline; {type_note}",
        cell_id=np.array(found.ids, dtype=object)[kept] if all(found.ids[i] for i in kept) else None,
        warnings=warnings,
        area=area[kept] if n_outlined else np.empty(0),
        type_probability=np.empty(0) if type_probability is None else np.array(found.probabilities)[kept],
        probability_name=type_probability or "",
        outlines=taken_rings(outlines, kept) if n_outlined else None,
    )


def _add_feature(
    found: _Features, feature: Mapping[str, Any], type_column: str | None, type_probability: str | None, name: str
) -> None:
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    if properties.get("isMissing") is True:
        found.n_missing += 1
        return
    try:
        cells = _rings_of(feature.get("geometry"))
    except (TypeError, ValueError, OverflowError) as error:
        raise CellTableError(
            f"{name}: expected points and polygons, found {error!s:.160} in feature {found.n_features:,}; "
            "export the cells without it"
        ) from error
    is_line = not cells and _kind_of(feature.get("geometry")) in _LINES
    found.n_lines += is_line
    found.n_without_shape += not cells and not is_line
    if len(found.properties) < _MAX_NAMES:
        found.properties.update(dict.fromkeys(properties))
    chosen = _class_of(properties) if type_column is None else _text(_looked_up(properties, type_column))
    identity = feature.get("id")
    identity = str(identity) if isinstance(identity, str | int) else ""
    kind = properties.get("objectType", properties.get("object_type", properties.get("type", identity)))
    name_of_object = _text(properties.get("name"))
    for rings in cells:
        for xy, is_hole in rings:
            found.rings.add(xy, len(found.classes), is_hole=is_hole)
        found.classes.append(chosen)
        found.names.append(name_of_object)
        found.ids.append(identity)
        found.objects.append(_object_kind(kind))
        found.probabilities.append(_number(properties, type_probability))


def _rings_of(geometry: Any) -> list[list[tuple[NDArray[np.float64], bool]]]:
    """Return the rings of each cell of a geometry, and whether they are holes; a point is a ring of one point."""
    if geometry is None:
        return []
    if not isinstance(geometry, dict):
        raise ValueError("a geometry that is no object")
    kind = _kind_of(geometry)
    places: Any = geometry.get("coordinates")
    if kind == "Polygon":
        cells = [_polygon(places)]
    elif kind == "MultiPolygon":
        cells = [[ring for part in places for ring in _polygon(part)]]
    elif kind == "Point":
        cells = [[(_ring([places]), False)]]
    elif kind == "MultiPoint":
        cells = [[(_ring([place]), False)] for place in places]
    elif kind in _LINES:
        cells = []
    else:
        raise ValueError(f"a shape {kind!r:.40}")
    return [rings for rings in cells if rings]


def _kind_of(geometry: Any) -> str:
    return str(geometry.get("type")) if isinstance(geometry, dict) else ""


def _polygon(rings: Any) -> list[tuple[NDArray[np.float64], bool]]:
    return [(_ring(ring), i > 0) for i, ring in enumerate(rings) if ring]


def _ring(places: Any) -> NDArray[np.float64]:
    xy = np.array(places, dtype=np.float64)
    if xy.ndim != 2 or xy.shape[1] < 2:
        raise ValueError("coordinates that are no list of points")
    is_closed = len(places) > 1 and places[0][:2] == places[-1][:2]
    return xy[: len(xy) - is_closed, :2]


def _class_of(properties: Mapping[str, Any]) -> str:
    """Return the classification: a text, an object with a name, or with the names of a derived class."""
    value = properties.get("classification")
    if isinstance(value, dict):
        names = value.get("names")
        value = ": ".join(map(str, names)) if isinstance(names, list) else value.get("name")
    return _text(value)


def _looked_up(properties: Mapping[str, Any], name: str) -> Any:
    """Return a property or measurement; measurements are an object, in older files a list of names and values."""
    if name.casefold() in ("class", "classification"):  # tables of QuPath call it Class
        return _class_of(properties)
    if name in properties:
        return properties[name]
    measured = properties.get("measurements")
    if isinstance(measured, list):
        pairs = (entry for entry in measured if isinstance(entry, dict) and entry.get("name") == name)
        return next(pairs, {}).get("value")
    return measured.get(name) if isinstance(measured, dict) else None


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _number(properties: Mapping[str, Any], name: str | None) -> float:
    value = None if name is None else _looked_up(properties, name)
    return float(value) if isinstance(value, int | float) else np.nan


def _object_kind(value: Any) -> str:
    name = str(value).casefold() if isinstance(value, str) else ""
    return "cell" if name in _CELL_OBJECTS else "other" if name in _OTHER_OBJECTS else ""


def _kept(found: _Features) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return which shapes are cells, and what was left out."""
    kinds = np.array(found.objects, dtype=object)
    is_kept = kinds != "other" if "cell" in found.objects else np.ones(kinds.size, dtype=bool)
    left_out = {
        "features without a shape": found.n_without_shape,
        "lines": found.n_lines,
        "cores that are marked as missing": found.n_missing,
        "annotations beside the cells": int(np.count_nonzero(~is_kept)),
    }
    warnings = tuple(f"{n:,} {what} are left out" for what, n in left_out.items() if n)
    return np.flatnonzero(is_kept), warnings


def _measured(rings: _Rings, n_cells: int) -> tuple[NDArray[np.float64], NDArray[np.float64], Outlines]:
    """Return area (NaN where there is none), centroid, and the largest outer ring of each cell."""
    all_rings, cell = rings.outlines(), np.array(rings.cell, dtype=np.intp)
    signed, centroids = ring_moments(all_rings.xy, all_rings.start)
    weight = np.where(rings.is_hole, -np.abs(signed), np.abs(signed))
    total = np.bincount(cell, weight, minlength=n_cells)
    first = np.searchsorted(cell, np.arange(n_cells))
    has_area = total > 0
    moments = np.column_stack([np.bincount(cell, weight * centroids[:, axis], n_cells) for axis in (0, 1)])
    centroid = np.where(has_area[:, None], moments / np.where(has_area, total, 1)[:, None], centroids[first])
    largest = np.lexsort((-weight, cell))[first]
    with_empty = Outlines(all_rings.xy, np.append(all_rings.start, all_rings.start[-1]))
    outlines = taken_rings(with_empty, np.where(has_area, largest, cell.size))
    return np.where(has_area, total, np.nan), centroid, outlines


def _refuse_name(found: _Features, name: str, *, key: str, path: Path) -> NoReturn:
    raise CellTableError(
        f"{path.name}: expected the property or measurement {name!r:.60} ({key}), found it in no feature; "
        f"set {key} to one of {quoted_names(list(found.properties)) or 'those in the file'}"
    )
