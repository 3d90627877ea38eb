"""Tissue where cells are."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.errors import TissueError
from napari_metime.section import CellTable, Grid
from napari_metime.tissue import tissue_of_cells

GRID = Grid((21, 31), (1, 1), (20.0, 10.0))
MEASURED = np.ones(GRID.shape, dtype=bool)


def one_cell(x_um: float, y_um: float) -> CellTable:
    word = np.array(["a"], dtype=object)
    return CellTable(word, np.array([x_um]), np.array([y_um]), word, np.array(["other"], dtype=object), "um")


def test_a_cell_makes_a_disc_of_50_um() -> None:
    row, col = np.indices(GRID.shape)
    expected = np.hypot((row - 10) * 20, (col - 15) * 10) <= 50
    found = tissue_of_cells(GRID, MEASURED, one_cell(153.0, 196.0))  # within pixel (10, 15)
    assert np.array_equal(found.mask, expected)
    assert found.method == "cells"


def test_what_was_not_measured_is_no_tissue() -> None:
    measured = MEASURED.copy()
    measured[10, 15] = False
    assert not tissue_of_cells(GRID, measured, one_cell(150.0, 200.0)).mask[10, 15]


@pytest.mark.parametrize("x_um", [-500.0, 1e6])
def test_cells_that_all_lie_elsewhere_are_an_error(x_um: float) -> None:
    with pytest.raises(TissueError, match=r"found none of 1 there; check cells\.unit"):
        tissue_of_cells(GRID, MEASURED, one_cell(x_um, 100.0))
