"""Block bootstrap of means over pixels: neighbouring pixels are not independent, so whole tiles are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metime.section import Grid

N_DRAWS = 999
MIN_TILES = 5
"""Fewer tiles than this cannot tell how much a mean varies: no interval then. Our default."""
LEVELS = (0.025, 0.975)


@dataclass(frozen=True, slots=True, eq=False)
class TileSums:
    """Sums of several quantities, and what they are divided by, in each tile of a region.

    Parameters
    ----------
    total, weight : ndarray of shape (n_tiles, n_quantities)
    """

    total: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Total over weight of the whole region, shape (n_quantities,); NaN without weight."""
        return _ratio(self.total.sum(axis=0), self.weight.sum(axis=0))

    def draws(self, rng: np.random.Generator, n_draws: int = N_DRAWS) -> NDArray[np.float64]:
        """Means of ``n_draws`` resamplings of the tiles, shape (n_draws, n_quantities); NaN with too few tiles."""
        n_tiles = self.total.shape[0]
        if n_tiles < MIN_TILES:
            return np.full((n_draws, self.total.shape[1]), np.nan)
        times = rng.multinomial(n_tiles, np.full(n_tiles, 1 / n_tiles), size=n_draws).astype(np.float64)
        return _ratio(times @ self.total, times @ self.weight)


def tile_numbers(grid: Grid, side_um: float) -> NDArray[np.intp]:
    """Number the square tiles of side ``side_um`` over the grid, shape (rows, cols)."""
    height, width = grid.spacing_um
    row = (np.arange(grid.shape[0]) * height // side_um).astype(np.intp)
    col = (np.arange(grid.shape[1]) * width // side_um).astype(np.intp)
    return np.asarray(row[:, None] * (col.max() + 1) + col, dtype=np.intp)


def sum_tiles(
    images: Sequence[NDArray[np.generic]],
    pixel_weights: Sequence[float],
    region: NDArray[np.bool_],
    tiles: NDArray[np.intp],
) -> TileSums:
    """Sum images over the tiles of a region.

    Parameters
    ----------
    images : arrays of shape (rows, cols); NaN counts neither in the sum nor in the weight
    pixel_weights : what a pixel of each image adds to the weight: 1 for a mean, its area for a density
    """
    _, tile = np.unique(tiles[region], return_inverse=True)
    n_tiles = int(tile.max()) + 1 if tile.size else 0
    total, weight = np.empty((n_tiles, len(images))), np.empty((n_tiles, len(images)))
    for k, (image, pixel_weight) in enumerate(zip(images, pixel_weights, strict=True)):
        value = image[region].astype(np.float64)
        known = np.isfinite(value)
        total[:, k] = np.bincount(tile[known], weights=value[known], minlength=n_tiles)
        weight[:, k] = np.bincount(tile[known], minlength=n_tiles) * pixel_weight
    return TileSums(total, weight)


def interval(draws: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 2.5 and 97.5 percentiles of draws of shape (n_draws, n); NaN where any draw has no value."""
    finite = np.isfinite(draws).all(axis=0)
    low, high = (np.full(draws.shape[1], np.nan) for _ in range(2))
    if finite.any():
        low[finite], high[finite] = np.quantile(draws[:, finite], LEVELS, axis=0)
    return low, high


def _ratio(total: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(weight > 0, total / weight, np.nan))
