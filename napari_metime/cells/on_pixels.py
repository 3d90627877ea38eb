"""Cells on the pixels of the imaging grid, and the channels of the grid at the cells, both weighted by area."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.overlaps import iterate_overlaps
from napari_metime.errors import CellTableError
from napari_metime.section import ROLES, CellTable, Grid

MAX_COUNTS = 500_000_000
"""Types times pixels: 4 GB. A column that is no type has another one in every row."""


@dataclass(frozen=True, slots=True, eq=False)
class CellsOnGrid:
    """How many cells lie in each pixel: every cell counts 1 in all, by the share of its area in each pixel.

    Parameters
    ----------
    by_role : ndarray of shape (n_roles, rows, cols), float64, in the order of ROLES
    types : the distinct types, sorted
    by_type : ndarray of shape (n_types, rows, cols), float64; where types are uncertain, the sure part only
    n_measured : ndarray of shape (rows, cols), float64: cells in the pixel, the sum over the roles
    purity : ndarray of shape (rows, cols), float64: share of the most frequent type among them; NaN without cells
    outside : ndarray of shape (n_roles,), float64: what of the cells lies off the grid
    """

    by_role: NDArray[np.float64]
    types: tuple[str, ...]
    by_type: NDArray[np.float64]
    n_measured: NDArray[np.float64]
    purity: NDArray[np.float64]
    outside: NDArray[np.float64]


def cells_on_grid(cells: CellTable, grid: Grid) -> CellsOnGrid:
    """Count the cells in each pixel by the overlap of their areas with it.

    A cell whose type is right with probability p counts p for its role and type and 1 - p as other. The counts of
    the roles and ``outside`` sum to the number of cells.

    Parameters
    ----------
    cells : in section µm; outline, disc of its area, or point (see ``iterate_overlaps``)

    Raises
    ------
    ImzMLError
        The pixel size is unknown.
    CellTableError
        The cells are not in µm, or there are more types than could be held as images.
    """
    type_of, names = pd.factorize(cells.type, sort=True)
    n_pixels = grid.shape[0] * grid.shape[1]
    if len(names) * n_pixels > MAX_COUNTS:
        raise CellTableError(
            f"expected at most {MAX_COUNTS // n_pixels:,} cell types to count on {n_pixels:,} pixels, "
            f"found {len(names):,}; set cells.type to the column of the type"
        )
    role_of = _role_codes(cells)
    sure = cells.type_probability if cells.type_probability.size else np.ones(cells.n_cells)
    by_role, by_type = np.zeros((len(ROLES), n_pixels)), np.zeros((len(names), n_pixels))
    outside = np.zeros(len(ROLES))
    other, type_of = ROLES.index("other"), type_of.astype(np.int64)
    for part in iterate_overlaps(cells, grid):
        taken = slice(part.first, part.first + part.start.size - 1)
        _count(
            *(part.start, part.pixel, part.share, role_of[taken], type_of[taken], sure[taken], other),
            *(by_role, by_type, outside),
        )
    total = by_role.sum(axis=0)
    with np.errstate(invalid="ignore"):
        purity = np.where(total > 0, by_type.max(axis=0) / total, np.nan)
    return CellsOnGrid(
        by_role=by_role.reshape(-1, *grid.shape),
        types=tuple(str(name) for name in names),
        by_type=by_type.reshape(-1, *grid.shape),
        n_measured=total.reshape(grid.shape),
        purity=purity.reshape(grid.shape),
        outside=outside,
    )


def channels_at_cells(
    cells: CellTable, images: NDArray[np.float32], grid: Grid
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average each channel over the area of each cell.

    Parameters
    ----------
    cells : in section µm
    images : ndarray of shape (n_channels, rows, cols), float32; NaN where not measured

    Returns
    -------
    values : ndarray of shape (n_cells, n_channels), float64; mean over the pixels that the channel measured, weighted
        by the share of the cell in them; NaN where there is none
    covered_fraction : ndarray of shape (n_cells,), float64: share of the cell on pixels that any channel measured

    Raises
    ------
    ImzMLError
        The pixel size is unknown.
    CellTableError
        The cells are not in µm, or the images are not of the grid's shape.
    """
    if images.ndim != 3 or images.shape[1:] != grid.shape:
        raise CellTableError(f"expected images of shape (n, {grid.shape[0]}, {grid.shape[1]}), found {images.shape}")
    n_channels = images.shape[0]
    by_pixel = np.ascontiguousarray(images.reshape(n_channels, -1).T, dtype=np.float32)
    is_measured = np.isfinite(by_pixel).any(axis=1)
    values, covered = np.empty((cells.n_cells, n_channels)), np.empty(cells.n_cells)
    for part in iterate_overlaps(cells, grid):
        taken = slice(part.first, part.first + part.start.size - 1)
        _average(part.start, part.pixel, part.share, by_pixel, is_measured, values[taken], covered[taken])
    return values, covered


def _role_codes(cells: CellTable) -> NDArray[np.int64]:
    codes = np.full(cells.n_cells, ROLES.index("other"), dtype=np.int64)
    for i, role in enumerate(ROLES):
        codes[cells.has_role(role)] = i
    return codes


@numba.njit(cache=True, nogil=True)
def _count(  # type: ignore[no-untyped-def]
    start, pixel, share, role_of, type_of, sure, other, by_role, by_type, outside
):
    for i in range(role_of.size):
        role, kind, p = role_of[i], type_of[i], sure[i]
        inside = 0.0
        for k in range(start[i], start[i + 1]):
            at, part = pixel[k], share[k]
            by_role[role, at] += p * part
            by_role[other, at] += (1.0 - p) * part
            by_type[kind, at] += p * part
            inside += part
        left = max(1.0 - inside, 0.0)
        outside[role] += p * left
        outside[other] += (1.0 - p) * left


@numba.njit(cache=True, nogil=True)
def _average(start, pixel, share, by_pixel, is_measured, values, covered):  # type: ignore[no-untyped-def]
    n_channels = by_pixel.shape[1]
    weight = np.empty(n_channels)
    for i in range(covered.size):
        weight[:] = 0.0
        values[i, :] = 0.0
        covered[i] = 0.0
        for k in range(start[i], start[i + 1]):
            at, part = pixel[k], share[k]
            if not is_measured[at]:
                continue
            covered[i] += part
            for c in range(n_channels):
                value = by_pixel[at, c]
                if np.isfinite(value):
                    values[i, c] += part * value
                    weight[c] += part
        covered[i] = min(covered[i], 1.0)
        for c in range(n_channels):
            values[i, c] = values[i, c] / weight[c] if weight[c] > 0.0 else np.nan
