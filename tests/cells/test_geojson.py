"""Cells from GeoJSON: every spelling of shapes and classes, areas by hand, and files that want to harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import shape as to_shape

from napari_metime.cells import json_stream
from napari_metime.cells.assembling import assemble
from napari_metime.cells.columns import Unit
from napari_metime.cells.geojson import read_geojson
from napari_metime.errors import CellTableError, MissingFileError
from napari_metime.section import CellTable

SQUARE = [[10, 10], [20, 10], [20, 20], [10, 20], [10, 10]]
HOLE = [[10, 10], [15, 10], [15, 20], [10, 20], [10, 10]]  # the left half of the square


def feature(geometry: dict[str, Any] | None, /, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def point(x: float, y: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


def read(tmp_path: Path, content: Any, *, unit: Unit | None = "px", **options: Any) -> CellTable:
    path = tmp_path / "cells.geojson"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return assemble(read_geojson(path, unit=unit, **options), {})


def error(tmp_path: Path, content: Any, **options: Any) -> str:
    with pytest.raises(CellTableError) as caught:
        read(tmp_path, content, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_polygon_gives_area_centroid_and_open_ring(tmp_path: Path) -> None:
    cells = read(tmp_path, feature(polygon(SQUARE), objectType="cell", classification={"name": "CD8"}), unit=None)
    assert (cells.x[0], cells.y[0], cells.area[0], cells.unit) == (15, 15, 100, "px")
    assert cells.outlines is not None
    np.testing.assert_array_equal(cells.outlines.xy, SQUARE[:-1])
    assert cells.outlines.start.tolist() == [0, 4]
    assert cells.type.tolist() == ["CD8"]
    assert "QuPath GeoJSON, 1 cells, x and y in px; as QuPath writes GeoJSON" in cells.note
    assert cells.warnings == ()


@pytest.mark.parametrize("turn", [1, -1])
def test_a_hole_is_taken_out_of_area_and_centroid(tmp_path: Path, turn: int) -> None:
    cells = read(tmp_path, [feature(polygon(SQUARE, HOLE[::turn]))])
    assert (cells.x[0], cells.y[0], cells.area[0]) == pytest.approx((17.5, 15, 50))
    assert cells.outlines is not None
    assert len(cells.outlines.xy) == 4


def test_a_multipolygon_is_one_cell_with_the_ring_of_its_largest_part(tmp_path: Path) -> None:
    small = [[30, 10], [35, 10], [35, 20], [30, 20]]  # 50, not closed
    cells = read(tmp_path, feature({"type": "MultiPolygon", "coordinates": [[small], [SQUARE]]}))
    assert cells.n_cells == 1
    assert cells.area[0] == pytest.approx(150)
    assert cells.x[0] == pytest.approx((15 * 100 + 32.5 * 50) / 150)
    assert cells.outlines is not None
    np.testing.assert_array_equal(cells.outlines.xy, SQUARE[:-1])


def test_points_have_no_area_and_every_point_of_a_multipoint_is_a_cell(tmp_path: Path) -> None:
    many = feature({"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}, classification="CD8")
    cells = read(tmp_path, {"type": "FeatureCollection", "features": [many, feature(point(5, 6), classification="B")]})
    assert cells.x.tolist() == [1, 3, 5]
    assert cells.y.tolist() == [2, 4, 6]
    assert cells.type.tolist() == ["CD8", "CD8", "B"]
    assert cells.area.size == 0
    assert cells.outlines is None


def test_points_and_polygons_together_keep_their_order(tmp_path: Path) -> None:
    cells = read(tmp_path, [feature(point(1, 1)), feature(polygon(SQUARE)), feature(point(2, 2))])
    assert cells.x.tolist() == [1, 15, 2]
    np.testing.assert_array_equal(cells.area, [np.nan, 100, np.nan])
    assert cells.outlines is not None
    assert cells.outlines.start.tolist() == [0, 0, 4, 4]


@pytest.mark.parametrize(
    "properties",
    [
        {"classification": {"name": "Tumor: CD8", "colorRGB": -3}},
        {"classification": {"names": ["Tumor", "CD8"], "color": [1, 2, 3]}},
        {"classification": " Tumor: CD8 "},
        {"name": "Tumor: CD8"},
    ],
)
def test_every_spelling_of_a_class_gives_the_same_type(tmp_path: Path, properties: dict[str, Any]) -> None:
    assert read(tmp_path, [feature(point(1, 1), **properties)]).type.tolist() == ["Tumor: CD8"]


def test_names_of_objects_are_no_types_where_there_are_classes(tmp_path: Path) -> None:
    cells = read(tmp_path, [feature(point(1, 1), name="mine"), feature(point(1, 1), classification={"name": "B"})])
    assert cells.type.tolist() == ["unassigned", "B"]
    assert any("1 of 2 cells have no type" in text for text in cells.warnings)


def test_type_and_probability_may_come_from_properties_and_measurements(tmp_path: Path) -> None:
    rows = [
        feature(point(1, 1), pheno="T", measurements={"p": 0.5}),
        feature(point(1, 1), pheno=7, measurements=[{"name": "p", "value": 1}]),
    ]
    cells = read(tmp_path, rows, type_column="pheno", type_probability="p")
    assert cells.type.tolist() == ["T", "7"]
    assert cells.type_probability.tolist() == [0.5, 1]
    rows[0]["properties"]["classification"] = {"name": "CD8"}
    assert read(tmp_path, rows, type_column="Class").type.tolist() == ["CD8", "unassigned"]
    assert "'phen' (cells.type), found it in no feature; set cells.type to one of 'pheno', 'm" in error(
        tmp_path, rows, type_column="phen"
    )
    assert "(cells.type_probability)" in error(tmp_path, rows, type_probability="q")
    assert "from 0 to 1 in 'p'" in error(tmp_path, [feature(point(1, 1), measurements={"p": 2})], type_probability="p")


def test_only_cells_count_where_annotations_lie_beside_them(tmp_path: Path) -> None:
    rows = [
        feature(polygon(SQUARE), objectType="annotation", classification={"name": "Region"}),
        feature(polygon(SQUARE), objectType="cell", classification={"name": "CD8"}),
        feature(polygon(SQUARE), objectType="tmaCore", isMissing=True),
        feature(None, objectType="cell"),
        feature({"type": "Polygon", "coordinates": []}, objectType="cell"),
    ]
    cells = read(tmp_path, rows)
    assert cells.type.tolist() == ["CD8"]
    assert cells.warnings == (
        "2 features without a shape are left out",
        "1 cores that are marked as missing are left out",
        "1 annotations beside the cells are left out",
    )
    assert read(tmp_path, rows[:1]).n_cells == 1


def test_older_exports_name_the_object_in_the_id_and_nuclei_are_not_used(tmp_path: Path) -> None:
    row = feature(polygon(SQUARE), classification={"name": "CD8"}) | {
        "id": "PathCellObject",
        "nucleusGeometry": polygon([[0, 0], [1, 0], [1, 1], [0, 0]]),
    }
    other = feature(polygon(HOLE)) | {"id": "PathAnnotationObject"}
    cells = read(tmp_path, [row, other, row])
    assert cells.area.tolist() == [100, 100]
    assert cells.cell_id.tolist() == ["1", "2"]


def test_ids_come_from_the_file_where_they_are_unique(tmp_path: Path) -> None:
    rows = [feature(point(i, i)) | {"id": name} for i, name in enumerate(["u-1", 7])]
    assert read(tmp_path, rows).cell_id.tolist() == ["u-1", "7"]


def test_a_unit_that_nothing_says_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CellTableError, match=r"set cells\.unit to px or um"):
        read(tmp_path, [feature(point(1, 1))], unit=None)
    stated = read(tmp_path, [feature(point(1, 1), classification="B")], unit="um")
    assert stated.unit == "um"
    assert stated.warnings == ()


def test_random_polygons_with_holes_agree_with_shapely(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    shapes = []
    for x, y in rng.uniform(0, 40_000, (300, 2)):
        disc = shapely.Point(x, y).buffer(rng.uniform(3, 9), quad_segs=4)
        shapes.append(disc.difference(shapely.Point(x + 1, y).buffer(1.5)))
    cells = read(tmp_path, [feature(json.loads(shapely.to_geojson(shape))) for shape in shapes])
    np.testing.assert_allclose(cells.area, shapely.area(shapes), rtol=1e-10)
    np.testing.assert_allclose(cells.x, shapely.get_x(shapely.centroid(shapes)), rtol=1e-12)
    np.testing.assert_allclose(cells.y, shapely.get_y(shapely.centroid(shapes)), rtol=1e-12)


def test_lines_without_area_and_broken_points_do_not_harm(tmp_path: Path) -> None:
    line = polygon([[0, 0], [2, 0], [4, 0], [0, 0]])
    lost = b'{"type":"Feature","geometry":{"type":"Point","coordinates":[NaN,1e999]}}'
    cells = read(tmp_path, b"[" + json.dumps(feature(line)).encode() + b"," + lost + b"]")
    assert (cells.x[0], cells.y[0]) == (2, 0)
    assert cells.outlines is None
    assert "1 of 2 cells have no readable position and are left out" in cells.warnings


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_of_any_size_give_the_same_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    rows = [feature(polygon(SQUARE), objectType="cell", name="é µ"), feature(point(12.25, 34.5))]
    monkeypatch.setattr(json_stream, "CHUNK_CHARACTERS", chunk)
    text = {"version": 12345, "features": rows, "type": "FeatureCollection", "crs": {"a": [1, 2]}}
    cells = read(tmp_path, json.dumps(text, indent=1, ensure_ascii=False).encode("utf-8-sig"))
    assert cells.x.tolist() == [15, 12.25]
    assert cells.type.tolist() == ["é µ", "unassigned"]
    assert read(tmp_path, rows[1:]).x.tolist() == [12.25]
    assert read(tmp_path, point(3.25, 4)).x.tolist() == [3.25]


def test_lines_are_no_cells(tmp_path: Path) -> None:
    line = feature({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, objectType="annotation")
    cells = read(tmp_path, [feature(point(1, 1)), line])
    assert cells.n_cells == 1
    assert "1 lines are left out" in cells.warnings
    assert "found 1 features without any" in error(tmp_path, [line])


@pytest.mark.parametrize("kind", ["GeometryCollection", "Circle"])
def test_other_shapes_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    text = error(tmp_path, [feature(point(1, 1)), feature({"type": kind, "coordinates": [[0, 0], [1, 1]]})])
    assert f"expected points and polygons, found a shape '{kind}' in feature 2" in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b'{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": nul',
        b'{"type": "FeatureCollection", "features": [1, 2]}',
        b'{"type": "FeatureCollection"}',
        b"[]",
        b'[{"type": "Feature"}] [',
        b'[{"type": "Feature"},]',
        b'{"a" 1}',
        b"{1: 2}",
        b'["\xff\xfe"]',
        b'[{"geometry": {"type": "Point", "coordinates": [1' + b"0" * 5000 + b", 2]}}]",
        b'[{"geometry": {"type": "Point", "coordinates": [1' + b"0" * 400 + b", 2]}}]",
        b'[{"geometry": {"type": "Point", "coordinates": ["a", 2]}}]',
        b'[{"geometry": {"type": "Point", "coordinates": [1]}}]',
        b'[{"geometry": {"type": "Point"}}]',
        b'[{"geometry": {"coordinates": [1, 2]}}]',
        b'[{"geometry": [1, 2]}]',
        b'[{"geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3]]]}}]',
        b'[{"geometry": {"type": "Polygon", "coordinates": 5}}]',
        b'[{"geometry": {"type": "MultiPolygon", "coordinates": {"a": 1}}}]',
        b'{"features": ' + b"[" * 200_000,
        b"[" * 200_000,
        b'[{"a":' * 100_000,
        b'{"type": ' + b'{"a":' * 100_000,
    ],
    ids=range(25),
)
def test_broken_files_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    assert "expected" in error(tmp_path, content)


def test_a_value_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "MAX_VALUE_CHARACTERS", 1000)
    monkeypatch.setattr(json_stream, "CHUNK_CHARACTERS", 100)
    assert "a value of more than 1,000 characters" in error(tmp_path, b'["' + b"x" * 100_000)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.geojson"):
        read_geojson(tmp_path / "none.geojson")


def test_the_real_list_of_annotations_agrees_with_shapely(metime_data: Path) -> None:
    path = metime_data / "cells" / "geojson" / "polygons.geojson"
    cells = assemble(read_geojson(path), {})
    shapes = [to_shape(row["geometry"]) for row in json.loads(path.read_text())]
    np.testing.assert_allclose(cells.area, shapely.area(shapes), rtol=1e-10)
    np.testing.assert_allclose(cells.x, [shape.centroid.x for shape in shapes], rtol=1e-10)
    assert cells.unit == "px"
