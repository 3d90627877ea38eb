"""Polygons follow the pixel edges exactly, in section µm and in the cells' own pixels."""

from __future__ import annotations

import json
import uuid

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from napari_metime.export.polygons import mask_outline, niches_geojson
from napari_metime.section import Grid, SectionResult

GRID = Grid((12, 9), (1, 1), (20.0, 25.0))


def _features(result: SectionResult, *, source: bool = False) -> list[dict]:
    niches = result.niches
    text = niches_geojson(
        niches.map.labels, result.dataset.grid, niches.regions, section_id="S1",
        to_frame=result.alignment.to_source if source else None,
    )  # fmt: skip
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))["features"]


def _covered(outline: shapely.Geometry, grid: Grid) -> NDArray[np.bool_]:
    """Return which pixels have their centre inside the outline."""
    rows, cols = np.indices(grid.shape)
    height, width = grid.spacing_um
    return shapely.contains_xy(outline, cols * width, rows * height)


@pytest.mark.parametrize("seed", range(5))
def test_a_random_mask_is_covered_exactly(seed: int) -> None:
    mask = np.random.default_rng(seed).random(GRID.shape) < 0.6
    outline = mask_outline(mask, GRID)
    assert outline.is_valid
    assert outline.area == pytest.approx(mask.sum() * 500.0, rel=1e-12)
    np.testing.assert_array_equal(_covered(outline, GRID), mask)


def test_a_rectangle_has_four_corners() -> None:
    mask = np.zeros(GRID.shape, bool)
    mask[2:5, 1:4] = True
    outline = mask_outline(mask, GRID)
    assert outline.bounds == (12.5, 30.0, 87.5, 90.0)
    assert len(shapely.get_coordinates(outline)) == 5


def test_features_cover_the_labels_and_keep_holes(result: SectionResult) -> None:
    labels, grid = result.niches.map.labels, result.dataset.grid
    features = _features(result)
    assert [f["geometry"]["type"] for f in features] == ["Polygon", "MultiPolygon"]
    for number, feature in enumerate(features, start=1):
        outline = shape(feature["geometry"])
        assert outline.area == pytest.approx(feature["properties"]["n_pixels"] * grid.pixel_area_um2, rel=1e-12)
        np.testing.assert_array_equal(_covered(outline, grid), labels == number)
    assert len(features[0]["geometry"]["coordinates"]) == 2


def test_source_polygons_map_back_onto_the_section(result: SectionResult) -> None:
    for here, there in zip(_features(result), _features(result, source=True), strict=True):
        outline = shape(there["geometry"])
        back = shapely.transform(outline, lambda at: np.stack(result.alignment.to_section(at[:, 0], at[:, 1]), axis=1))
        assert back.symmetric_difference(shape(here["geometry"])).area < 1e-6
        # The transform halves lengths on the way to the section, so areas in the source are four times as large.
        assert outline.area == pytest.approx(4 * shape(here["geometry"]).area)


def test_a_mirroring_transform_keeps_outer_rings_counterclockwise(result: SectionResult) -> None:
    niches = result.niches
    text = niches_geojson(
        niches.map.labels, result.dataset.grid, niches.regions, section_id="S1", to_frame=lambda x, y: (-x, y)
    )
    ring = json.loads(text)["features"][0]["geometry"]["coordinates"][0]
    assert shapely.is_ccw(shapely.linearrings(ring))


def test_a_feature_is_an_annotation_with_its_row(result: SectionResult) -> None:
    first, second = _features(result)
    properties = first["properties"]
    assert str(uuid.UUID(first["id"])) == first["id"] != second["id"]
    assert properties["objectType"] == "annotation"
    assert properties["name"] == "Niche 1"
    assert properties["classification"] == {"name": "desert", "color": [0, 114, 178]}
    assert properties["rate_ratio"] == properties["measurements"]["rate_ratio"] == 0.1047
    assert properties["suppressed"] == "true"
    assert "suppressed" not in properties["measurements"]


def test_what_is_not_available_is_null_and_no_measurement(result: SectionResult) -> None:
    properties = _features(result)[1]["properties"]
    assert properties["rate_ratio_low"] is None
    assert "rate_ratio_low" not in properties["measurements"]


def test_no_niche_is_an_empty_collection(without_niches: SectionResult) -> None:
    assert _features(without_niches) == []
