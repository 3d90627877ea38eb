"""Areas that a user drew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_metime.errors import MissingFileError, TissueError
from napari_metime.ims import read_area
from napari_metime.section import Grid

GRID = Grid((10, 10), (1, 1), (20.0, 10.0))
SQUARE = {"type": "Polygon", "coordinates": [[[15, 30], [55, 30], [55, 130], [15, 130], [15, 30]]]}


@pytest.mark.parametrize(
    "value",
    [SQUARE, {"type": "Feature", "geometry": SQUARE}, [{"type": "Feature", "geometry": SQUARE}],
     {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": SQUARE}]}],
)  # fmt: skip
def test_polygons_hold_the_pixels_whose_centre_they_hold(tmp_path: Path, value: object) -> None:
    (tmp_path / "p.geojson").write_text(json.dumps(value))
    mask = read_area(tmp_path / "p.geojson", GRID)
    expected = np.zeros((10, 10), bool)
    expected[2:7, 2:6] = True  # y = 40 ... 120 µm, x = 20 ... 50 µm
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "nonsense", '{"type": "Polygon"}', '{"type": "Point", "coordinates": [1, 2]}']
)
def test_what_holds_no_polygon_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.geojson").write_text(text)
    with pytest.raises(TissueError, match=r"p\.geojson"):
        read_area(tmp_path / "p.geojson", GRID)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected polygons at"):
        read_area(tmp_path / "p.geojson", GRID)


def test_an_image_is_a_mask_and_a_polygon_the_same_area(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(SQUARE))
    mask = read_area(tmp_path / "p.json", GRID)
    tifffile.imwrite(tmp_path / "m.tif", mask.astype(np.uint8) * 255)
    assert np.array_equal(read_area(tmp_path / "m.tif", GRID), mask)


def test_a_hole_is_not_in_the_area(tmp_path: Path) -> None:
    hole = [[25, 50], [45, 50], [45, 110], [25, 110], [25, 50]]
    (tmp_path / "p.geojson").write_text(json.dumps({**SQUARE, "coordinates": [*SQUARE["coordinates"], hole]}))
    expected = np.zeros((10, 10), bool)
    expected[2:7, 2:6] = True
    expected[3:6, 3:5] = False  # y = 60 ... 100 µm, x = 30 and 40 µm
    assert np.array_equal(read_area(tmp_path / "p.geojson", GRID), expected)
