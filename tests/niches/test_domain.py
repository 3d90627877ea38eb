from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_metime.errors import MissingFileError, TissueError
from napari_metime.niches import read_polygons
from napari_metime.niches.domain import cellular, signed_distance_um
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
    mask = read_polygons(tmp_path / "p.geojson", GRID)
    expected = np.zeros((10, 10), bool)
    expected[2:7, 2:6] = True  # y = 40 ... 120 µm, x = 20 ... 50 µm
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "nonsense", '{"type": "Polygon"}', '{"type": "Point", "coordinates": [1, 2]}']
)
def test_what_holds_no_polygon_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.geojson").write_text(text)
    with pytest.raises(TissueError, match=r"p\.geojson"):
        read_polygons(tmp_path / "p.geojson", GRID)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected polygons at"):
        read_polygons(tmp_path / "p.geojson", GRID)


def test_the_distance_is_negative_inside_and_in_um() -> None:
    region = np.zeros((10, 10), bool)
    region[:, :5] = True
    distance = signed_distance_um(region, (20.0, 10.0))
    assert distance[3].tolist() == [-45, -35, -25, -15, -5, 5, 15, 25, 35, 45]
    below = np.zeros((10, 10), bool)
    below[4:] = True
    assert signed_distance_um(below, (20.0, 10.0))[:, 6].tolist() == [70, 50, 30, 10, -10, -30, -50, -70, -90, -110]


def test_tissue_without_cells_is_not_in_the_domain() -> None:
    cells = np.full((40, 40), 5)
    cells[:, 20:] = 0
    inhabited = cellular(np.ones((40, 40), bool), cells, (20.0, 20.0))
    assert inhabited[:, :19].all()
    assert not inhabited[:, 26:].any()
