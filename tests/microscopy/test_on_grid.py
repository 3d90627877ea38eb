"""Averages on the grid against planted truth, and against polygons cut by shapely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_metime.errors import Cancelled, MicroscopyError
from napari_metime.microscopy import (
    LazyArray,
    MicroscopyImage,
    channel_on_grid,
    footprint_on_grid,
    on_grid,
    open_microscopy,
)
from napari_metime.section import Alignment, Grid

Save = Callable[..., MicroscopyImage]
PX = (1.0, 1.0)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write a plane as a TIFF of small tiles and open it."""

    def write(values: NDArray[Any], n_levels: int = 1) -> MicroscopyImage:
        path = tmp_path / "image.ome.tif"
        with tifffile.TiffWriter(path, ome=True) as file:
            file.write(values, subifds=n_levels - 1, tile=(16, 32), compression="zlib", metadata={"axes": "YX"})
            for _ in range(n_levels - 1):
                height, width = values.shape
                padded = np.pad(values, ((0, height % 2), (0, width % 2)), mode="edge")
                blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
                values = blocks.mean(axis=(1, 3)).astype(values.dtype)
                file.write(values, subfiletype=1, tile=(16, 32), compression="zlib")
        return open_microscopy(path)

    return write


def affine(
    angle: float, scale: float, shift: tuple[float, float], *, mirrored: bool = False, shear: float = 0.0
) -> Any:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[c, -s, shift[0]], [s, c, shift[1]], [0, 0, 1]])
    return Alignment(turn @ np.array([[-1.0 if mirrored else 1.0, shear, 0], [0, 1, 0], [0, 0, 1]]), "matrix")


def grid_of(n_rows: int, n_cols: int, height_um: float = 1.0, width_um: float = 1.0) -> Grid:
    return Grid((n_rows, n_cols), (0, 0), (height_um, width_um))


def by_shapely(
    values: NDArray[Any], alignment: Alignment, grid: Grid, units: tuple[float, float] = PX, n_on_side: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sums of value times share, and of shares: every image pixel a polygon, every grid pixel a box."""
    height_um, width_um = grid.spacing_um
    total, share = np.zeros(grid.shape), np.zeros(grid.shape)
    boxes = [
        shapely.box((c - 0.5) * width_um, (r - 0.5) * height_um, (c + 0.5) * width_um, (r + 0.5) * height_um)
        for r, c in np.ndindex(grid.shape)
    ]
    along = np.linspace(0, 1, n_on_side, endpoint=False)
    ring = np.concatenate([np.column_stack([along, 0 * along]), np.column_stack([0 * along + 1, along])])
    ring = np.concatenate([ring, 1 - ring])  # (x, y) around the unit square
    for r, c in np.ndindex(values.shape):
        x, y = alignment.to_section((ring[:, 0] + c) * units[1], (ring[:, 1] + r) * units[0])
        areas = shapely.area(shapely.intersection(boxes, shapely.Polygon(np.column_stack([x, y])))).reshape(grid.shape)
        total += areas * values[r, c] / (height_um * width_um)
        share += areas / (height_um * width_um)
    return total, share


CASES = {
    "turned": affine(0.4, 0.9, (1.0, -1.0)),
    "mirrored and turned": affine(-2.1, 0.7, (6.0, 4.0), mirrored=True),
    "sheared": affine(1.0, 1.1, (3.0, 0.0), shear=0.6),
    "much larger pixels": affine(0.3, 3.7, (-9.0, -4.0)),
    "just as the grid": affine(0.0, 1.0, (-0.5, -0.5)),
    "along the grid": affine(0.0, 0.5, (0.25, -0.5)),
}


@pytest.mark.parametrize("name", CASES)
def test_areas_are_those_of_shapely(save: Save, name: str) -> None:
    values = np.random.default_rng(3).uniform(1, 9, (7, 9)).astype("float32")
    grid = grid_of(6, 8, 1.0, 1.3)
    units = (1.0, 0.8)
    found = channel_on_grid(save(values), 0, CASES[name], grid, units=units)
    total, share = by_shapely(values, CASES[name], grid, units)
    np.testing.assert_allclose(found.covered, share, atol=1e-6)  # float32
    has_value = share > 0.5 + 1e-9
    assert has_value.sum() > 3
    np.testing.assert_allclose(found.values[has_value], (total / np.where(share, share, 1))[has_value], rtol=1e-6)
    assert np.isnan(found.values[share < 0.5 - 1e-9]).all()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    angle=st.floats(-4, 4),
    scale=st.floats(0.02, 8),
    shear=st.floats(-1, 1),
    mirrored=st.booleans(),
    x=st.floats(-5, 5),
    y=st.floats(-5, 5),
)
def test_nothing_is_lost_and_a_constant_stays(
    constant: MicroscopyImage, angle: float, scale: float, shear: float, mirrored: bool, x: float, y: float
) -> None:
    """All of an image that lies on the grid is there: shares sum to its area in grid pixels."""
    alignment = affine(angle, scale, (20 + x, 20 + y), shear=shear, mirrored=mirrored)
    height, width = constant.shape
    corners = alignment.to_section(np.array([0.0, width, width, 0]), np.array([0.0, 0, height, height]))
    low, high = np.min(corners), np.max(corners)
    size_um = max(high - low, 1.0) / 30
    shifted = alignment.matrix.copy()
    shifted[:2, 2] -= low - size_um
    alignment = Alignment(shifted, "matrix")
    grid = grid_of(34, 34, size_um, size_um)
    found = channel_on_grid(constant, 0, alignment, grid, units=PX)
    area = abs(np.linalg.det(alignment.matrix[:2, :2])) * height * width / size_um**2
    assert found.covered.sum(dtype=np.float64) == pytest.approx(area, rel=1e-5)
    np.testing.assert_allclose(found.values[np.isfinite(found.values)], 7.0, rtol=1e-6)
    np.testing.assert_allclose(found.covered, footprint_on_grid(constant, alignment, grid, units=PX), atol=1e-6)


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> MicroscopyImage:
    path = tmp_path_factory.mktemp("constant") / "a.tif"
    tifffile.imwrite(path, np.full((65, 130), 7, dtype="uint8"), tile=(16, 16))
    return open_microscopy(path)


def ramp(height: int, width: int) -> NDArray[np.float64]:
    """Return 3 x + 5 y at the centres of the pixels."""
    return np.add.outer(5 * (np.arange(height) + 0.5), 3 * (np.arange(width) + 0.5))


@pytest.mark.parametrize("quarter_turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_ramp_is_its_value_at_the_centre(save: Save, quarter_turns: int, mirrored: bool) -> None:
    """Four by four image pixels to a grid pixel, whose borders are theirs."""
    alignment = affine(quarter_turns * np.pi / 2, 0.25, (4.5, 5.5), mirrored=mirrored)
    grid = grid_of(12, 12)
    found = channel_on_grid(save(ramp(24, 40).astype("float32")), 0, alignment, grid, units=PX)
    row, col = np.nonzero(found.covered > 0.99)
    assert row.size > 20
    x, y = alignment.to_source(col.astype(np.float64), row.astype(np.float64))
    np.testing.assert_allclose(found.values[row, col], 3 * x + 5 * y, rtol=1e-6)


def test_a_turned_ramp_is_off_by_less_than_what_lies_on_the_borders(save: Save) -> None:
    """A pixel cut by a border counts with its own centre: off by half a pixel at most, on 4 x sqrt(2) / 20 of all."""
    alignment = affine(0.5, 0.05, (3.0, 1.0))
    found = channel_on_grid(save(ramp(120, 160).astype("float32")), 0, alignment, grid_of(9, 12), units=PX)
    row, col = np.nonzero(found.covered > 0.9999)
    assert row.size > 10
    x, y = alignment.to_source(col.astype(np.float64), row.astype(np.float64))
    bound = np.hypot(3, 5) * np.sqrt(0.5) * 4 * np.sqrt(2) / 20
    assert np.abs(found.values[row, col] - (3 * x + 5 * y)).max() < bound / 4


def test_larger_pixels_are_repeated_not_interpolated(save: Save) -> None:
    values = np.array([[1, 5], [9, 2]], dtype="uint16")
    found = channel_on_grid(save(values), 0, affine(0, 4.0, (-0.5, -0.5)), grid_of(8, 8), units=PX)
    np.testing.assert_array_equal(found.values, np.kron(values, np.ones((4, 4))))
    assert "coarser than the grid" in found.note
    assert "nothing is interpolated" in found.note


def test_outside_of_the_image_there_is_nothing(save: Save) -> None:
    grid = grid_of(6, 6)
    found = channel_on_grid(save(np.ones((4, 4), "uint8")), 0, affine(0, 1.0, (1.7, 1.5)), grid, units=PX)
    # Columns from 2.2 on: the third, 0.8 of it; rows from 2.0 on; to the border of the grid.
    assert found.covered[2, 2:].tolist() == pytest.approx([0.8, 1, 1, 1])
    assert np.isfinite(found.values).sum() == 16
    assert np.isnan(found.values[:2]).all()
    far = channel_on_grid(save(np.ones((4, 4), "uint8")), 0, affine(0, 1.0, (100.0, 1.5)), grid, units=PX)
    assert not far.covered.any()
    assert np.isnan(far.values).all()


def test_a_pixel_has_a_value_from_half_of_it_on(save: Save) -> None:
    found = channel_on_grid(
        save(np.full((1, 1), 4, "uint8")), 0, affine(0, 0.5, (-0.5, -0.5)), grid_of(1, 1), units=(2, 1)
    )
    assert found.covered[0, 0] == 0.5
    assert found.values[0, 0] == 4
    found = channel_on_grid(
        save(np.full((1, 1), 4, "uint8")), 0, affine(0, 0.5, (-0.51, -0.5)), grid_of(1, 1), units=(2, 1)
    )
    assert np.isnan(found.values[0, 0])


def test_nan_of_a_float_image_is_left_out(save: Save) -> None:
    values = np.array([[2, np.nan, 4, 4], [2, 2, np.nan, np.nan], [np.inf, 6, 1, 1], [6, 6, 1, 1]], dtype="float32")
    found = channel_on_grid(save(values), 0, affine(0, 0.5, (-0.5, -0.5)), grid_of(2, 2), units=PX)
    np.testing.assert_array_equal(found.values, [[2, 4], [6, 1]])
    np.testing.assert_array_equal(found.covered, [[0.75, 0.5], [0.75, 1]])


def test_a_coarser_level_is_taken_while_it_is_fine_enough(save: Save) -> None:
    values = np.random.default_rng(1).uniform(0, 100, (201, 403)).astype("float32")
    image = save(values, n_levels=4)
    assert image.factors == ((1, 1), (2, 2), (4, 4), (8, 8))
    # 40 pixels to a grid pixel: 20 of level 1, 10 of level 2.
    alignment = affine(0.2, 1 / 40, (0.5, 0.0))
    grid = grid_of(8, 12)
    found = channel_on_grid(image, 0, alignment, grid, units=PX)
    assert found.note.startswith("averaged over level 1 of 4, its pixels 0.05 of a grid pixel")
    finest = channel_on_grid(replace(image, n_stored=1), 0, alignment, grid, units=PX)
    assert finest.note.startswith("averaged over level 0 of 1")
    # 403 is odd: the last pixel of level 1 is cut where the image ends.
    np.testing.assert_allclose(found.covered, finest.covered, atol=1e-6)
    inside = finest.covered > 0.99
    # What differs is the share that crosses borders: 4 x sqrt(2) / 20 of the pixels, 1,600 to a grid pixel.
    assert np.abs(found.values - finest.values)[inside].max() < 100 / np.sqrt(12) / 40


def test_only_the_last_pixel_of_a_level_is_cut_where_the_image_ends(save: Save) -> None:
    """65 columns are 33 of level 1: the others stay where they are, so that an edge at 32 stays there."""
    values = np.zeros((64, 65), "uint8")
    values[:, 32:] = 100
    found = channel_on_grid(save(values, n_levels=2), 0, affine(0, 1 / 32, (-0.5, -0.5)), grid_of(2, 3), units=PX)
    assert found.note.startswith("averaged over level 1")
    np.testing.assert_array_equal(found.values, [[0, 100, np.nan]] * 2)
    np.testing.assert_allclose(found.covered, [[1, 1, 1 / 32]] * 2, atol=1e-7)


def wavy(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A smooth warp: waves of 0.4 grid pixels over 40."""
    return x + 0.4 * np.sin(y / 6.4), y + 0.4 * np.cos(x / 6.4)


def test_a_warp_is_followed_to_a_thousandth_of_a_pixel(save: Save) -> None:
    values = np.random.default_rng(2).uniform(0, 1, (20, 24)).astype("float32")
    alignment = replace(affine(0.3, 0.5, (3.0, 0.0)), warp=wavy)
    grid = grid_of(14, 16)
    found = channel_on_grid(save(values), 0, alignment, grid, units=PX)
    total, share = by_shapely(values, alignment, grid, n_on_side=8)
    # The outline has 4 sides at most in a pixel, each off by a thousandth; inside it nothing is lost.
    np.testing.assert_allclose(found.covered, share, atol=4e-3)
    np.testing.assert_allclose(found.covered[share > 1 - 1e-9], 1, atol=1e-6)
    inside = share > 0.6
    assert inside.sum() > 60
    np.testing.assert_allclose(found.values[inside], (total / np.where(inside, share, 1))[inside], atol=4e-3)
    np.testing.assert_allclose(footprint_on_grid(save(values), alignment, grid, units=PX), share, atol=4e-3)


def test_a_warp_that_no_lattice_can_follow_ends(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps everywhere: the lattice is made finer only up to a number of places."""
    monkeypatch.setattr(on_grid, "MAX_NODES", 5000)
    n_places = []

    def steps(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        n_places.append(x.size)
        return x + np.floor(x * 7.3), y

    alignment = replace(affine(0, 0.1, (0, 0)), warp=steps)
    share = footprint_on_grid(save(np.ones((300, 300), "uint8")), alignment, grid_of(20, 200), units=PX)
    assert share.max() == 1
    assert max(n_places) < 4 * 5000 + 1000


def watched(image: MicroscopyImage, seen: list[Any]) -> MicroscopyImage:
    """Return the image with every reading of its finest level noted down."""
    level = image.levels[0]

    def read(key: tuple[slice, ...]) -> NDArray[Any]:
        seen.append(key)
        return level.read(key)

    return replace(image, levels=(LazyArray(level.shape, level.dtype, level.chunks, read), *image.levels[1:]))


def test_only_what_lies_on_the_grid_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((6000, 6000), "uint8"), tile=(256, 256), compression="zlib")
    seen: list[Any] = []
    image = watched(open_microscopy(tmp_path / "a.tif"), seen)
    channel_on_grid(image, 0, affine(0, 0.1, (0, 0)), grid_of(100, 50), units=PX)
    n_read = sum((rows.stop - rows.start) * (cols.stop - cols.start) for _, rows, cols in seen)
    assert 1000 * 500 <= n_read <= 2048 * 2048  # of 36 million
    assert max((rows.stop - rows.start) * (cols.stop - cols.start) for _, rows, cols in seen) <= 1 << 22
    seen.clear()
    footprint_on_grid(image, affine(0, 0.1, (0, 0)), grid_of(100, 50), units=PX)
    assert seen == []


def test_cancelling_stops(save: Save) -> None:
    def stop(fraction: float, text: str) -> None:
        raise Cancelled(text)

    with pytest.raises(Cancelled, match=r"averaging image.ome.tif"):
        channel_on_grid(save(np.ones((9, 9), "uint8")), 0, CASES["turned"], grid_of(9, 9), units=PX, on_progress=stop)


def test_a_channel_that_is_not_there(save: Save) -> None:
    with pytest.raises(MicroscopyError, match="found 1; it has 1: 0 = channel 0"):
        channel_on_grid(save(np.ones((9, 9), "uint8")), 1, CASES["turned"], grid_of(9, 9), units=PX)
