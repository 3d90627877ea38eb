"""SpatialData and GeoParquet: shapes are where the transformations put them, and nothing is unpickled.

The stores are written here as the design document of spatialdata says. A store that spatialdata 0.8.0 itself wrote was
read the same as spatialdata.transform places it (docs/cells.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import zarr

from napari_metime.cells import count_types, propose_cell_gates, read_cells_file
from napari_metime.errors import CellTableError, MissingFileError
from napari_metime.section import CellTable

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

SQUARE = shapely.box(10, 10, 20, 20)
WITH_HOLE = shapely.Polygon(SQUARE.exterior, [[(10, 10), (15, 10), (15, 20), (10, 20)]])
TWO = shapely.MultiPolygon([shapely.box(30, 10, 35, 20), SQUARE])
TYPES = ["CD8", "Treg", "Tumor"]


def read(path: Path, **options: Any) -> CellTable:
    given: dict[str, Any] = {"x": None, "y": None, "type_column": None, "unit": "um", "roles": {}}
    return read_cells_file(path, **(given | options))


def error(path: Path, **options: Any) -> str:
    with pytest.raises(CellTableError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write_shapes(path: Path, shapes: list[Any], index: list[str] | None = None, **columns: Any) -> Path:
    about = {"encoding": "WKB", "geometry_types": []}
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": about}}
    metadata = {b"geo": json.dumps(geo).encode()}
    if index is not None:
        columns["__index_level_0__"] = index
        metadata[b"pandas"] = json.dumps({"index_columns": ["__index_level_0__"]}).encode()
    table = pa.table({"geometry": shapely.to_wkb(np.array(shapes, dtype=object)), **columns})
    parquet.write_table(table.replace_schema_metadata(metadata), path)
    return path


def transformation(kind: str, system: str = "global", unit: str = "unit", **values: Any) -> dict[str, Any]:
    axes = [{"name": name, "type": "space", "unit": unit} for name in "xy"]
    return {"type": kind, "input": {"name": "xy", "axes": axes}, "output": {"name": system, "axes": axes}} | values


def write_store(
    path: Path, *transformations: dict[str, Any], zarr_format: Any = 3, region: list[str] | None = None
) -> Path:
    """Write three cells, of which the table lists the shapes in another order, and a shape that it does not list."""
    root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    shapes = root.require_group("shapes").require_group("cells")
    shapes.attrs["coordinateTransformations"] = list(transformations) or [transformation("identity")]
    named = ["a", "b", "c", "alone"]
    write_shapes(path / "shapes" / "cells" / "shapes.parquet", [WITH_HOLE, TWO, SQUARE, SQUARE], named)
    table = root.require_group("tables").require_group("table")
    table.attrs.update({"region_key": "region", "instance_key": "instance", "encoding-type": "anndata"})
    obs = table.require_group("obs")
    obs.attrs["_index"] = "_index"
    columns = {"_index": ["o1", "o2", "o3"], "region": region or ["cells"] * 3, "instance": ["c", "a", "b"]}
    for name, values in columns.items():
        obs.create_array(name, data=np.array(values, dtype=np.dtypes.StringDType()))
    kinds = obs.require_group("cell_type")
    kinds.create_array("codes", data=np.array([0, 1, 2], dtype=np.int8))
    kinds.create_array("categories", data=np.array(TYPES, dtype=np.dtypes.StringDType()))
    obs.create_array("CD8", data=np.array([3.0, 1.0, np.nan]))
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_cells_of_a_table_lie_where_their_shapes_do(tmp_path: Path, zarr_format: int) -> None:
    path = write_store(tmp_path / "s.zarr", zarr_format=zarr_format)
    cells = read(path, roles={"effector": ["CD8"]})
    assert cells.cell_id.tolist() == ["o1", "o2", "o3"]
    assert cells.type.tolist() == TYPES
    assert cells.role.tolist() == ["effector", "other", "other"]
    np.testing.assert_allclose(cells.x, [15, 17.5, (15 * 100 + 32.5 * 50) / 150])
    np.testing.assert_allclose(cells.y, [15, 15, 15])
    np.testing.assert_allclose(cells.area, [100, 50, 150])
    assert cells.outlines is not None
    assert cells.outlines.start.tolist() == [0, 4, 8, 12]
    assert cells.warnings == ("1 of 4 shapes in 'cells' have no row in the table",)
    assert cells.note == (
        "SpatialData table 'table', 3 cells, x and y in µm; centroids of the shapes 'cells', as they are in system "
        "'global'; type from obs['cell_type']; id from the file"
    )
    assert count_types(path) == {"CD8": 1, "Treg": 1, "Tumor": 1}
    assert propose_cell_gates(path) == {}


def test_transformations_are_applied_one_after_the_other(tmp_path: Path) -> None:
    turned = transformation("affine", affine=[[0, 2, 5], [-2, 0, 7]])
    moved = transformation("translation", translation=[10, 20])
    path = write_store(
        tmp_path / "s.zarr",
        transformation("identity", system="elsewhere"),
        transformation("sequence", transformations=[transformation("scale", scale=[0.5, 0.5]), moved, turned]),
    )
    cells = read(path)
    # (15, 15) is halved, moved to (17.5, 27.5), and turned to (2 * 27.5 + 5, -2 * 17.5 + 7).
    np.testing.assert_allclose((cells.x[0], cells.y[0], cells.area[0]), (60, -28, 100))
    assert cells.outlines is not None
    np.testing.assert_allclose(cells.outlines.xy[:4].mean(axis=0), (60, -28))
    assert "moved to system 'global' by [[0, 1, 45], [-1, 0, -13]]" in cells.note


def test_axes_may_be_exchanged(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s.zarr", transformation("mapAxis", mapAxis={"x": "y", "y": "x"}))
    cells = read(path)
    np.testing.assert_allclose((cells.x[1], cells.y[1]), (15, 17.5))


def test_a_unit_that_the_system_says_is_taken_and_another_is_refused(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s.zarr", transformation("identity", unit="micrometer"))
    assert read(path, unit=None).unit == "um"
    assert "expected the unit of the system 'global', µm, found cells.unit: px" in error(path, unit="px")
    silent = write_store(tmp_path / "silent.zarr")
    assert "SpatialData, 3 cells as shapes 'cells': expected px or µm" in error(silent, unit=None)
    assert "set cells.unit to px or um" in error(silent, unit=None)


def test_types_may_come_by_gates_and_places_from_columns(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s.zarr")
    assert read(path, gates={"T": ["CD8 > 2"]}).type.tolist() == ["T", "unassigned", "unassigned"]
    cells = read(path, x="CD8", y="CD8")
    assert cells.x.tolist() == [3, 1]
    assert cells.outlines is None


def test_shapes_without_a_row_and_rows_without_a_shape_are_counted(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s.zarr")
    write_shapes(path / "shapes" / "cells" / "shapes.parquet", [SQUARE, SQUARE], ["a", "c"])
    cells = read(path)
    assert cells.type.tolist() == ["CD8", "Treg"]
    assert cells.warnings == ("1 of 3 cells have no readable position and are left out",)
    write_shapes(path / "shapes" / "cells" / "shapes.parquet", [SQUARE, SQUARE], ["a", "a"])
    assert "expected every index of a shape once" in error(path)


def test_one_element_of_several_is_chosen_by_the_path(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s.zarr", region=["cells", "cells", "other"])
    told = error(path)
    assert "found those of 'cells', 'other'; set cells.path to one of them, as in s.zarr/shapes/NAME" in told
    assert read(path / "shapes" / "cells").cell_id.tolist() == ["o1", "o2"]
    assert "as in s.zarr/shapes/NAME" in error(path / "tables" / "table")
    (path / "tables" / "more" / "obs").mkdir(parents=True)
    assert "expected one table, found 'more', 'table'; set cells.path" in error(path)


def test_shapes_without_a_table_have_their_own_columns(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "s.zarr", mode="w")
    element = root.require_group("shapes").require_group("spots")
    element.attrs["coordinateTransformations"] = [transformation("scale", scale=[2, 3])]
    file = tmp_path / "s.zarr" / "shapes" / "spots" / "shapes.parquet"
    write_shapes(file, [shapely.Point(1, 2), shapely.Point(3, 4)], radius=[1.0, 2.0], cell_type=["B", "T"])
    cells = read(tmp_path / "s.zarr")
    np.testing.assert_allclose(np.column_stack([cells.x, cells.y]), [[2, 6], [6, 12]])
    np.testing.assert_allclose(cells.area, [6 * np.pi, 24 * np.pi])
    assert cells.outlines is None
    assert count_types(tmp_path / "s.zarr") == {"B": 1, "T": 1}


def test_other_transformations_and_missing_systems_are_refused(tmp_path: Path) -> None:
    assert "found 'rotation'" in error(write_store(tmp_path / "a.zarr", transformation("rotation")))
    two = [transformation("identity", system=name) for name in ("left", "right")]
    assert "to the system 'global', found 'left', 'right'" in error(write_store(tmp_path / "b.zarr", *two))
    assert read(write_store(tmp_path / "c.zarr", two[0])).note.count("'left'") == 1
    deep = transformation("identity")
    for _ in range(40):
        deep = transformation("sequence", transformations=[deep])
    assert "found 'sequence'" in error(write_store(tmp_path / "d.zarr", deep))
    assert "cannot be read" in error(write_store(tmp_path / "e.zarr", {"type": "identity"}))


def test_pickled_values_are_refused(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s.zarr", zarr_format=2)
    metadata = path / "tables" / "table" / "obs" / "instance" / ".zarray"
    told = json.loads(metadata.read_text())
    told["filters"] = [{"id": "pickle", "protocol": 5}]
    metadata.write_text(json.dumps(told))
    assert "pickle" in error(path)


def test_anndata_in_zarr_is_read_as_such(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s.zarr")
    (path / "tables" / "table").rename(tmp_path / "a.zarr")
    obsm = zarr.open_group(tmp_path / "a.zarr").require_group("obsm")
    obsm.create_array("spatial", data=np.array([[1.0, 2], [3, 4], [5, 6]]))
    cells = read(tmp_path / "a.zarr")
    assert cells.note.startswith("AnnData, 3 cells, x and y in µm; x and y from obsm['spatial']")
    assert cells.y.tolist() == [2, 4, 6]


def test_geoparquet_gives_areas_centroids_and_outer_rings(tmp_path: Path) -> None:
    shapes = [WITH_HOLE, None, TWO, shapely.Point(1, 2)]
    classes = ["CD8", "CD8", '{"name": "Tumor: CD8", "color": [1, 2, 3]}', None]
    path = write_shapes(tmp_path / "cells.parquet", shapes, classification=classes, p=[0.5, 0.5, 1.0, 0.25])
    cells = read(path, type_probability="p")
    assert cells.cell_id.tolist() == ["0", "2", "3"]
    assert cells.type.tolist() == ["CD8", "Tumor: CD8", "unassigned"]
    np.testing.assert_allclose(cells.x, [17.5, (15 * 100 + 32.5 * 50) / 150, 1])
    np.testing.assert_allclose(cells.area, [50, 150, np.nan])
    assert cells.outlines is not None
    assert cells.outlines.start.tolist() == [0, 4, 8, 8]
    assert cells.type_probability.tolist() == [0.5, 1, 1]
    assert "1 of 4 cells have no readable position and are left out" in cells.warnings
    assert "GeoParquet, 4 shapes: expected px or µm" in error(path, unit=None)
    assert count_types(path) == {"CD8": 2, "Tumor: CD8": 1, "unassigned": 1}


def test_shapes_of_many_batches_are_those_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    shapes = [shapely.Point(*xy).buffer(r) for *xy, r in rng.uniform(1, 9, (25, 3))]
    path = write_shapes(tmp_path / "cells.parquet", shapes, type=["B"] * 25)
    whole = read(path)
    monkeypatch.setattr("napari_metime.cells.geoparquet.BATCH_ROWS", 4)
    parts = read(path)
    np.testing.assert_array_equal(whole.area, parts.area)
    assert whole.outlines is not None
    assert parts.outlines is not None
    np.testing.assert_array_equal(whole.outlines.xy, parts.outlines.xy)
    np.testing.assert_array_equal(whole.outlines.start, parts.outlines.start)
    np.testing.assert_allclose(whole.area, [shape.area for shape in shapes])


def test_parquet_that_holds_no_shapes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cells.parquet"
    parquet.write_table(pa.table({"x": [1.0], "type": ["B"]}), path)
    assert "found a Parquet file without shapes" in error(path)
    write_shapes(path, [shapely.LineString([(0, 0), (1, 1)])], type=["B"])
    assert "expected points and polygons, found a LineString" in error(path)
    whole = write_shapes(path, [SQUARE] * 100, type=["B"] * 100).read_bytes()
    for stop in range(4, len(whole), len(whole) // 20):
        path.write_bytes(whole[:stop])
        assert "expected GeoParquet, found what cannot be read" in error(path)
    table = pa.table({"geometry": [b"\x01\x03\xff\xff\xff\xff\xff"], "type": ["B"]})
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    parquet.write_table(table.replace_schema_metadata({b"geo": json.dumps(geo).encode()}), path)
    assert "cannot be read" in error(path)


def test_folders_that_are_none_and_missing_files_are_named(tmp_path: Path) -> None:
    assert "found another folder; check cells.path" in error(tmp_path)
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    assert "expected SpatialData with a table or shapes, or AnnData, found neither" in error(tmp_path / "empty.zarr")
    with pytest.raises(MissingFileError):
        read(tmp_path / "none.parquet")


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_shapes(tmp_path / "cells.parquet", [SQUARE], type=["B"])
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    assert "install it with: pip install 'napari-metime[spatialdata]'" in error(path)
