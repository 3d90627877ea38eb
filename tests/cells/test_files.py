"""Files of cells are known by their content, and each is read as what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_metime.cells.files import count_types, read_cells_file, recognise_file
from napari_metime.errors import CellTableError, MissingFileError

TABLE = b"id,x_um,y_um,type\na,1.5,2.25,CD8\nb,-3,4e2,Treg\n"
POINTS = b'[{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"name": "CD8"}}]'


def read(path: Path, **options: Any) -> Any:
    given: dict[str, Any] = {"x": None, "y": None, "type_column": None, "unit": None, "roles": {}}
    return read_cells_file(path, **(given | options))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (TABLE, "table"),
        (b"[x_um],[y_um],type\n1,2,B\n", "table"),
        (b"", "table"),
        (POINTS, "geojson"),
        (b'\xef\xbb\xbf\r\n { \n "type": 1}', "geojson"),
        (b"{}", "geojson"),
        (b"[ ]", "geojson"),
        (b"\x89HDF\r\n\x1a\n", "anndata"),
        (b"II*\0", "labels"),
        (b"MM\0+", "labels"),
    ],
)
def test_content_tells_the_kind_whatever_the_name(tmp_path: Path, content: bytes, kind: str) -> None:
    for name in ("cells.csv", "cells.tif", "cells"):
        (tmp_path / name).write_bytes(content)
        assert recognise_file(tmp_path / name) == kind


@pytest.mark.parametrize(("content", "told"), [(b"PK\x03\x04", "spreadsheet or ZIP"), (b"\x1f\x8b\x08", "gzip")])
def test_files_that_are_not_read_are_named(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "cells.csv"
    path.write_bytes(content)
    with pytest.raises(CellTableError, match=told):
        read(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n", r"^cells\.csv: expected a column of the cell type"),
        (b"type,b\nCD8,2\n", r"^cells\.csv: expected x and y in columns"),
        (b"x_um\n1\n2\n", r"^cells\.csv: expected columns of x, y and type .*found one column \('x_um'\)"),
        (b"\xd0\xcf\x11\xe0", r"^cells\.csv: .*a spreadsheet of the older kind; save it as CSV"),
    ],
)
def test_every_error_names_the_file_and_what_it_has(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "cells.csv"
    path.write_bytes(content)
    with pytest.raises(CellTableError, match=told):
        read(path)
    if content.startswith(b"type"):
        assert count_types(path) == {"CD8": 1}
    else:
        with pytest.raises(CellTableError, match=told):
            count_types(path)


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CellTableError, match=r"found another folder; check cells\.path"):
        count_types(tmp_path)
    with pytest.raises(MissingFileError, match=r"none\.csv"):
        read(tmp_path / "none.csv")


def test_tables_and_geojson_are_read_through_one_door(tmp_path: Path) -> None:
    path = tmp_path / "cells"
    path.write_bytes(TABLE)
    assert read(path).x.tolist() == [1.5, -3]
    assert read(path, gates=None).type.tolist() == ["CD8", "Treg"]
    assert count_types(path) == {"CD8": 1, "Treg": 1}
    path.write_bytes(POINTS)
    cells = read(path, unit="px", roles={"effector": ("CD8",)})
    assert (cells.x[0], cells.y[0], cells.role[0]) == (1, 2, "effector")
    assert count_types(path) == {"CD8": 1}


@pytest.mark.parametrize(
    "options", [{"x": "a"}, {"y": "a"}, {"gates": {"T": ("CD3+",)}}, {"labels": Path("m.tif")}], ids=str
)
def test_keys_that_mean_nothing_for_geojson_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "cells.geojson"
    path.write_bytes(POINTS)
    with pytest.raises(CellTableError, match=r"expected no cells\.\w+ with GeoJSON"):
        read(path, **options)


def test_a_label_mask_is_read_through_the_same_door(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cells.png", np.array([[0, 1], [2, 2]], np.uint8))
    assert read(tmp_path / "cells.png").area.tolist() == [1, 2]
