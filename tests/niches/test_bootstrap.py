from __future__ import annotations

import numpy as np
import pytest

from napari_metime.niches.bootstrap import interval, sum_tiles, tile_numbers
from napari_metime.section import Grid

GRID = Grid((20, 30), (1, 1), (10.0, 20.0))


def test_tiles_are_squares_in_um() -> None:
    tiles = tile_numbers(GRID, 100.0)
    assert np.unique(tiles).size == 2 * 6
    assert (tiles[:10, :5] == tiles[0, 0]).all()
    assert tiles[10, 0] != tiles[9, 0] != tiles[9, 5]


def test_the_mean_is_total_over_weight_without_what_was_not_measured() -> None:
    totals = np.ones((2, 20, 30))
    totals[0, 0, 0] = np.nan
    totals[1] = 3.0
    sums = sum_tiles(totals, [2.0, 2.0], np.ones((20, 30), bool), tile_numbers(GRID, 100.0))
    assert sums.mean.tolist() == [0.5, 1.5]
    assert sums.weight.sum(axis=0).tolist() == [2 * 599, 2 * 600]


def test_too_few_tiles_give_no_interval() -> None:
    region = np.zeros((20, 30), bool)
    region[:10, :20] = True
    sums = sum_tiles([np.ones((20, 30))], [1.0], region, tile_numbers(GRID, 100.0))
    low, high = interval(sums.draws(np.random.default_rng(0)))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_intervals_of_white_noise_have_the_width_of_the_normal_ones() -> None:
    rng = np.random.default_rng(0)
    grid = Grid((100, 100), (1, 1), (10.0, 10.0))
    noise = rng.normal(size=(1, 100, 100))
    sums = sum_tiles(noise, [1.0], np.ones((100, 100), bool), tile_numbers(grid, 50.0))
    low, high = interval(sums.draws(rng, 4000))
    assert (high - low)[0] == pytest.approx(2 * 1.96 / 100, rel=0.1)
    assert low[0] < noise.mean() < high[0]
