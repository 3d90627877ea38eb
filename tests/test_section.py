from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_metime.errors import AlignmentError, CellTableError, ImzMLError, TissueError
from napari_metime.section import Alignment, CellTable, Grid, Outlines, Tissue


def test_a_pixel_reaches_half_a_pixel_around_its_centre() -> None:
    grid = Grid((2, 3), (1, 1), (20.0, 10.0))
    x = np.array([0.0, 4.9, 5.0, 24.9, 25.0, -5.1, 10.0])
    y = np.array([0.0, 9.9, 0.0, 29.9, 0.0, 0.0, 30.0])
    assert grid.pixel_of(x, y).tolist() == [0, 0, 1, 5, -1, -1, -1]
    assert grid.pixel_area_um2 == 200.0


@pytest.mark.parametrize("size", [(0.0, 1.0), (1.0, -1.0), (np.inf, 1.0), (np.nan, 1.0)])
def test_a_pixel_size_is_positive_and_finite(size: tuple[float, float]) -> None:
    with pytest.raises(ImzMLError, match="pixel size"):
        Grid((1, 1), (1, 1), size)


def test_there_and_back_is_the_same_place() -> None:
    alignment = Alignment(np.array([[0.5, -0.1, 30.0], [0.1, 0.5, -7.0], [0, 0, 1]]), "affine")
    x, y = np.array([0.0, 100.0, -3.0]), np.array([5.0, 1.0, 2.0])
    x_um, y_um = alignment.to_section(x, y)
    assert (x_um[1], y_um[1]) == (0.5 * 100 - 0.1 + 30, 0.1 * 100 + 0.5 - 7)
    np.testing.assert_allclose(alignment.to_source(x_um, y_um), (x, y), atol=1e-9)


def test_a_mask_without_pixels_is_no_tissue() -> None:
    with pytest.raises(TissueError, match="found none"):
        Tissue(np.zeros((2, 2), bool), "auto", "")


@pytest.mark.parametrize("x", [[], [np.nan]])
def test_cells_have_places(x: list[float]) -> None:
    column = np.array(["a"] * len(x), dtype=object)
    with pytest.raises(CellTableError):
        CellTable(column, np.array(x), np.array(x), column, column, "um")


def test_some_cells_keep_their_own_outlines_and_areas() -> None:
    outlines = Outlines(np.arange(14.0).reshape(7, 2), np.array([0, 3, 3, 7]))
    names = np.array(["a", "b", "c"], dtype=object)
    cells = CellTable(
        names, np.arange(3.0), np.arange(3.0), names, names, "um", area=np.array([1.0, 2, 3]), outlines=outlines
    )
    some = cells.only(np.array([False, True, True]))
    assert some.area.tolist() == [2, 3]
    assert some.outlines is not None
    assert some.outlines.start.tolist() == [0, 0, 4]
    np.testing.assert_array_equal(some.outlines.xy, outlines.xy[3:])
    assert some.type_probability.size == 0


def test_a_warp_is_undone() -> None:
    def bend(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return x + 20 * np.sin(y / 200), y + 15 * np.cos(x / 150)

    matrix = np.array([[0.5, 0.1, 30.0], [-0.1, 0.5, 10.0], [0, 0, 1]])
    alignment = Alignment(matrix, "bspline", warp=bend, target_error_um=3.0, extra_error_um=4.0)
    x, y = np.linspace(0, 4000, 50), np.linspace(3000, 0, 50)
    np.testing.assert_allclose(alignment.to_source(*alignment.to_section(x, y)), (x, y), atol=1e-4)
    assert alignment.error_um == 5.0
    assert np.isnan(Alignment(matrix, "matrix").error_um)
    # The area of a small square grows by the determinant of the matrix and of the bend's slopes.
    x_um, y_um = 0.5 * x + 0.1 * y + 30, -0.1 * x + 0.5 * y + 10
    slope = 1 + 0.1 * np.cos(y_um / 200) * 0.1 * np.sin(x_um / 150)
    np.testing.assert_allclose(alignment.area_scale(x, y), 0.26 * slope, rtol=1e-6)


def test_a_warp_is_undone_where_fixed_point_steps_run_away() -> None:
    def turn(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return -y + 5 * np.sin(x / 50), x  # a quarter turn: each fixed-point step goes further astray

    alignment = Alignment(np.eye(3), "bspline", warp=turn)
    x, y = np.linspace(-300, 300, 40), np.linspace(200, -400, 40)
    np.testing.assert_allclose(alignment.to_source(*alignment.to_section(x, y)), (x, y), atol=1e-5)


def test_a_fold_is_refused_not_guessed() -> None:
    def fold(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return x + 400 * np.sin(x / 200), y

    alignment = Alignment(np.eye(3), "thin_plate", warp=fold)
    x = np.linspace(0, 1200, 50)
    for ask in (alignment.area_scale, alignment.to_source):
        with pytest.raises(AlignmentError, match="folds the section; check the landmarks"):
            ask(x, np.zeros(50))
