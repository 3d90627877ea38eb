"""Cells on pixels: every cell counts 1 in all, and each pixel has the share that geometry says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_metime.cells import overlaps
from napari_metime.cells.on_pixels import cells_on_grid, channels_at_cells
from napari_metime.errors import CellTableError, ImzMLError
from napari_metime.section import CellTable, Grid, Outlines

GRID = Grid((6, 8), (0, 0), (10.0, 20.0))
"""Pixels of 20 µm x 10 µm (x, y): the grid reaches from (-10, -5) to (150, 55)."""


def table(
    x: list[float],
    y: list[float],
    *,
    role: list[str] | None = None,
    kind: list[str] | None = None,
    area: list[float] | None = None,
    rings: list[list[tuple[float, float]]] | None = None,
    probability: list[float] | None = None,
) -> CellTable:
    n = len(x)
    start = np.cumsum([0] + [len(ring) for ring in rings or []])
    points = [point for ring in rings or [] for point in ring]
    return CellTable(
        cell_id=np.array([str(i) for i in range(n)], dtype=object),
        x=np.array(x, dtype=np.float64),
        y=np.array(y, dtype=np.float64),
        type=np.array(kind or ["CD8"] * n, dtype=object),
        role=np.array(role or ["effector"] * n, dtype=object),
        unit="um",
        area=np.array(area or [], dtype=np.float64),
        type_probability=np.array(probability or [], dtype=np.float64),
        outlines=None if rings is None else Outlines(np.array(points, dtype=np.float64).reshape(-1, 2), start),
    )


def expected_shares(shape: shapely.Geometry, grid: Grid) -> NDArray[np.float64]:
    """What shapely says of each pixel."""
    height, width = grid.spacing_um
    rows, cols = np.mgrid[: grid.shape[0], : grid.shape[1]]
    left, top = (cols - 0.5) * width, (rows - 0.5) * height
    boxes = shapely.box(left, top, left + width, top + height)
    return np.asarray(shapely.area(shapely.intersection(boxes, shape)) / shapely.area(shape))


def test_a_square_cell_is_shared_by_its_four_pixels() -> None:
    # Its corner pixel borders lie at x = 30 and y = 15: 3/4 of it left of, 1/4 above.
    square = [(24.0, 13.0), (32.0, 13.0), (32.0, 21.0), (24.0, 21.0)]
    found = cells_on_grid(table([28], [17], rings=[square]), GRID)
    expected = np.zeros(GRID.shape)
    expected[1, 1], expected[1, 2], expected[2, 1], expected[2, 2] = 0.1875, 0.0625, 0.5625, 0.1875
    np.testing.assert_allclose(found.by_role[0], expected, atol=1e-12)
    np.testing.assert_allclose(found.n_measured, expected, atol=1e-12)
    np.testing.assert_array_equal(found.by_role[1:], 0)


def test_a_disc_on_a_corner_gives_each_pixel_a_quarter() -> None:
    found = cells_on_grid(table([30], [15], area=[80.0]), GRID)
    np.testing.assert_allclose(found.n_measured[1:3, 1:3], 0.25, atol=1e-12)
    assert found.n_measured.sum() == pytest.approx(1, abs=1e-12)


def test_a_disc_across_a_border_gives_the_area_of_its_segment() -> None:
    # A circle of radius r cut at distance d from its centre: segment = r² acos(d/r) - d sqrt(r² - d²).
    radius, distance = 4.0, 1.5
    found = cells_on_grid(table([30 - distance], [20], area=[np.pi * radius**2]), GRID)
    segment = radius**2 * np.arccos(distance / radius) - distance * np.sqrt(radius**2 - distance**2)
    assert found.n_measured[2, 2] == pytest.approx(segment / (np.pi * radius**2), abs=1e-12)
    assert found.n_measured[2, 1] == pytest.approx(1 - segment / (np.pi * radius**2), abs=1e-12)


def test_cells_without_an_area_lie_whole_in_the_pixel_of_their_centre() -> None:
    x, y = [-10.0, 30.0, 29.999, 149.999, 150.0, -10.001], [-5.0, 15.0, 14.999, 54.999, 0.0, 0.0]
    found = cells_on_grid(table(x, y, area=[np.nan, 0, np.nan, np.nan, np.nan, np.nan]), GRID)
    expected = np.zeros(GRID.shape)
    expected[0, 0] = expected[2, 2] = expected[1, 1] = expected[5, 7] = 1
    np.testing.assert_array_equal(found.n_measured, expected)
    assert found.outside.tolist() == [2, 0, 0, 0]
    inside = GRID.pixel_of(np.array(x), np.array(y))
    np.testing.assert_array_equal(np.bincount(inside[inside >= 0], minlength=48), found.n_measured.ravel())


def test_a_cell_over_the_rim_counts_outside_by_what_is_outside() -> None:
    square = [(140.0, 40.0), (160.0, 40.0), (160.0, 60.0), (140.0, 60.0)]  # a half beyond x, a quarter beyond y
    found = cells_on_grid(table([150], [50], rings=[square], role=["tumor"]), GRID)
    assert found.n_measured.sum() == pytest.approx(0.5 * 0.75, abs=1e-12)
    np.testing.assert_allclose(found.outside, [0, 0, 1 - 0.375, 0], atol=1e-12)


@pytest.mark.parametrize("pixel_um", [(0.7, 1.3), (10.0, 20.0), (300.0, 200.0)])
def test_concave_outlines_agree_with_shapely_for_small_and_large_pixels(pixel_um: tuple[float, float]) -> None:
    star = [
        (30 + r * np.cos(a), 25 + r * np.sin(a)) for a, r in zip(np.arange(0, 6.2, 0.3), [14, 4] * 11, strict=False)
    ]
    bent = [(2.0, 2.0), (60.0, 2.0), (60.0, 40.0), (50.0, 40.0), (50.0, 8.0), (2.0, 8.0)]
    grid = Grid((max(int(60 / pixel_um[0]), 1), max(int(70 / pixel_um[1]), 1)), (0, 0), pixel_um)
    for ring in (star, star[::-1], bent):
        centre = shapely.Polygon(ring).centroid
        found = cells_on_grid(table([centre.x], [centre.y], rings=[ring]), grid)
        np.testing.assert_allclose(found.n_measured, expected_shares(shapely.Polygon(ring), grid), atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-60, 220), st.floats(-60, 120)), min_size=3, max_size=12),
    st.floats(0.6, 40),
    st.floats(0.6, 40),
)
def test_any_outline_that_is_valid_agrees_with_shapely(
    points: list[tuple[float, float]], height: float, width: float
) -> None:
    shape = shapely.Polygon(points)
    if not shape.is_valid or shape.area < 1:
        shape = shape.convex_hull
    if shape.area < 1:
        return
    ring = list(shape.exterior.coords)[:-1]
    grid = Grid((17, 13), (0, 0), (height, width))
    found = cells_on_grid(table([shape.centroid.x], [shape.centroid.y], rings=[ring]), grid)
    np.testing.assert_allclose(found.n_measured, expected_shares(shape, grid), atol=1e-9)
    assert found.n_measured.sum() + found.outside.sum() == pytest.approx(1, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.floats(-40, 180), st.floats(-40, 90), st.floats(0.05, 90), st.floats(0.6, 40), st.floats(0.6, 40))
def test_any_disc_agrees_with_a_polygon_of_4096_corners(
    x: float, y: float, radius: float, height: float, width: float
) -> None:
    grid = Grid((17, 13), (0, 0), (height, width))
    found = cells_on_grid(table([x], [y], area=[np.pi * radius**2]), grid)
    disc = shapely.Point(x, y).buffer(radius, quad_segs=1024)
    np.testing.assert_allclose(found.n_measured, expected_shares(disc, grid), atol=2e-6)


def test_mass_is_conserved_over_discs_outlines_and_points() -> None:
    rng = np.random.default_rng(5)
    n = 3000
    x, y = rng.uniform(10, 130, n), rng.uniform(10, 40, n)
    angles = np.sort(rng.uniform(0, 2 * np.pi, (n, 9)), axis=1)
    radii = rng.uniform(1, 9, (n, 9))
    rings = [
        list(zip(cx + r * np.cos(a), cy + r * np.sin(a), strict=True)) if i % 3 else []
        for i, (cx, cy, a, r) in enumerate(zip(x, y, angles, radii, strict=True))
    ]
    area = np.where(np.arange(n) % 2, 60.0, np.nan).tolist()
    roles = np.array(["effector", "suppressor", "tumor", "other"])[np.arange(n) % 4].tolist()
    found = cells_on_grid(table(x.tolist(), y.tolist(), rings=rings, area=area, role=roles), GRID)
    assert found.by_role.sum() == pytest.approx(n, abs=1e-9)  # every cell lies inside
    np.testing.assert_allclose(found.by_role.sum(axis=(1, 2)), n / 4, atol=1e-9)
    np.testing.assert_allclose(found.by_type.sum(axis=0), found.n_measured, atol=1e-12)


def test_many_small_blocks_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    cells = table(rng.uniform(-30, 170, 500).tolist(), rng.uniform(-20, 70, 500).tolist(), area=[50.0] * 500)
    whole = cells_on_grid(cells, GRID)
    monkeypatch.setattr(overlaps, "BLOCK_OVERLAPS", 7)
    parts = cells_on_grid(cells, GRID)
    np.testing.assert_array_equal(parts.by_role, whole.by_role)
    np.testing.assert_array_equal(parts.outside, whole.outside)


def test_types_and_purity() -> None:
    cells = table([0, 0, 0, 40], [0, 0, 0, 0], kind=["b", "a", "a", "b"])
    found = cells_on_grid(cells, GRID)
    assert found.types == ("a", "b")
    assert found.by_type[:, 0, 0].tolist() == [2, 1]
    assert found.purity[0, 0] == pytest.approx(2 / 3)
    assert found.purity[0, 2] == 1
    assert np.isnan(found.purity[1, 1])


def test_an_uncertain_type_counts_as_other_by_its_doubt() -> None:
    found = cells_on_grid(table([0, 300], [0, 0], probability=[0.75, 0.5]), GRID)
    assert found.by_role[:, 0, 0].tolist() == [0.75, 0, 0, 0.25]
    assert found.by_type[0, 0, 0] == 0.75
    assert found.n_measured[0, 0] == 1
    assert found.outside.tolist() == [0.5, 0, 0, 0.5]


def test_outlines_that_are_none_or_cross_themselves_do_not_break_the_sum() -> None:
    line = [(0.0, 0.0), (10.0, 10.0), (5.0, 5.0)]
    eight = [(0.0, 0.0), (30.0, 30.0), (30.0, 0.0), (0.0, 31.0)]
    bad = [(0.0, 0.0), (np.nan, 3.0), (4.0, 4.0)]
    found = cells_on_grid(table([40, 40, 40], [20, 20, 20], rings=[line, eight, bad]), GRID)
    assert found.n_measured[2, 2] == 3
    assert found.n_measured.sum() == 3


def test_far_away_cells_are_outside() -> None:
    ring = [(1e11, 1e11), (1e11 + 9, 1e11), (1e11, 1e11 + 9)]
    found = cells_on_grid(table([1e11, -1e12], [1e11, 1e12], rings=[ring, []], area=[np.nan, 9.0]), GRID)
    assert found.n_measured.sum() == 0
    assert found.outside[0] == pytest.approx(2)


def test_too_many_types_are_refused_in_one_line() -> None:
    grid = Grid((20_000, 20_000), (0, 0), (1.0, 1.0))
    with pytest.raises(CellTableError, match=r"expected at most 1 cell types .* found 2; set cells.type"):
        cells_on_grid(table([0, 1], [0, 1], kind=["a", "b"]), grid)


def test_an_unknown_pixel_size_is_refused() -> None:
    with pytest.raises(ImzMLError, match=r"set ims\.pixel_size_um"):
        cells_on_grid(table([0], [0]), Grid((2, 2), (0, 0), None))


def test_cells_in_pixels_of_their_own_image_are_refused() -> None:
    with pytest.raises(CellTableError, match="expected cells in section µm, found px; align them first"):
        cells_on_grid(replace(table([0], [0]), unit="px"), GRID)


def test_channels_are_weighted_by_area_and_skip_what_was_not_measured() -> None:
    images = np.zeros((2, *GRID.shape), dtype=np.float32)
    images[0, 2, 1], images[0, 2, 2] = 4, 8
    images[1] = 3
    images[1, 2, 1] = np.nan
    images[:, 1, :] = np.nan
    square = [(24.0, 13.0), (32.0, 13.0), (32.0, 21.0), (24.0, 21.0)]
    values, covered = channels_at_cells(table([28, 500, 0], [17, 0, 10], rings=[square, [], []]), images, GRID)
    assert values.dtype == covered.dtype == np.float64
    assert values[0] == pytest.approx([(0.5625 * 4 + 0.1875 * 8) / 0.75, 3])
    np.testing.assert_allclose(covered, [0.75, 0, 0], atol=1e-12)
    assert np.isnan(values[1:]).all()


def test_a_constant_channel_comes_back_constant() -> None:
    rng = np.random.default_rng(3)
    cells = table(rng.uniform(0, 130, 400).tolist(), rng.uniform(0, 40, 400).tolist(), area=[70.0] * 400)
    values, covered = channels_at_cells(cells, np.full((1, *GRID.shape), 2.5, dtype=np.float32), GRID)
    np.testing.assert_allclose(values, 2.5, rtol=1e-12)
    assert (covered > 0.49).all()


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(CellTableError, match=r"expected images of shape \(n, 6, 8\), found \(1, 8, 6\)"):
        channels_at_cells(table([0], [0]), np.zeros((1, 8, 6), np.float32), GRID)
