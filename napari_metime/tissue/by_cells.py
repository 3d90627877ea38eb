"""Tissue where cells are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.errors import TissueError
from napari_metime.section import CellTable, Grid, Tissue

CELL_REACH_UM = 50.0
"""How far from a cell there still is tissue: a few cell diameters, so that stroma with few cells counts. Our choice."""


def tissue_of_cells(grid: Grid, measured: NDArray[np.bool_], cells: CellTable) -> Tissue:
    """Return the measured pixels whose centre lies within ``CELL_REACH_UM`` of that of a pixel with a cell.

    Parameters
    ----------
    measured : ndarray of shape (rows, cols), bool
    cells : in section µm

    Raises
    ------
    TissueError
        No cell lies near a measured pixel.
    """
    pixel = grid.pixel_of(cells.x, cells.y)
    empty = np.ones(grid.shape, dtype=bool)
    empty.ravel()[pixel[pixel >= 0]] = False
    near = np.zeros(grid.shape, dtype=bool)
    if not empty.all():
        near = ndimage.distance_transform_edt(empty, sampling=grid.spacing_um) <= CELL_REACH_UM
    if not (near & measured).any():
        raise TissueError(
            f"expected cells on the measured pixels for tissue.method: cells, found none of {cells.n_cells:,} there; "
            "check cells.unit, cells.pixel_size_um and align"
        )
    return Tissue(near & measured, "cells", f"pixels within {CELL_REACH_UM:.0f} µm of a cell")
