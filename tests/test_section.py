from __future__ import annotations

import numpy as np
import pytest

from napari_metime.errors import CellTableError, ImzMLError, TissueError
from napari_metime.section import Alignment, CellTable, Grid, Tissue


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
