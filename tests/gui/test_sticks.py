from __future__ import annotations

import numpy as np
import pytest

from napari_metime.gui.views.sticks import Sticks


@pytest.fixture
def many() -> Sticks:
    rng = np.random.default_rng(3)
    return Sticks.of(np.sort(rng.uniform(100, 1000, 50_000)), rng.lognormal(0, 2, 50_000))


def test_each_column_shows_its_strongest_stick(many):
    seen = many.strongest(200, 600, 137)
    column = np.floor((many.mz - 200) * 137 / 400).astype(int)
    highest = [many.intensity[(column == i) & (many.mz <= 600)].max() for i in range(137)]
    assert seen.intensity.tolist() == highest
    assert np.isin(seen.mz, many.mz).all()
    assert np.all(np.diff(seen.mz) > 0)


def test_few_sticks_are_all_shown(many):
    low, high = many.mz[[100, 149]]
    seen = many.strongest(low, high, 50)
    assert np.array_equal(seen.mz, many.mz[100:150])
    assert np.array_equal(seen.intensity, many.intensity[100:150])


def test_equal_sticks_of_a_column_are_one():
    flat = Sticks.of(np.linspace(1, 2, 1000), np.ones(1000))
    assert flat.strongest(1, 2, 10).mz.size == pytest.approx(10, abs=1)  # the very end is a column of its own


def test_points_in_any_order_and_without_a_number_can_be_drawn():
    sticks = Sticks.of(np.array([3.0, 1.0, np.nan, 2.0]), np.array([30.0, 10.0, 5.0, np.nan]))
    assert (sticks.mz.tolist(), sticks.intensity.tolist()) == ([1.0, 3.0], [10.0, 30.0])
    assert sticks.lines()[0].tolist() == [1.0, 1.0, 3.0, 3.0]
    assert sticks.lines()[1].tolist() == [0.0, 10.0, 0.0, 30.0]


def test_the_height_of_a_peak_is_that_of_its_highest_stick():
    sticks = Sticks.of(np.array([100.0, 100.0004, 200.0, 300.0]), np.array([4.0, 7.0, 2.0, 9.0]))
    mz = np.array([100.0002, 150.0, 300.0, 400.0])
    assert sticks.heights(mz, 10.0).tolist() == [7.0, 0.0, 9.0, 0.0]
    assert sticks.heights(np.empty(0), 10.0).size == 0


def test_an_empty_spectrum_has_nothing_to_show():
    empty = Sticks.of(np.empty(0), np.empty(0))
    assert empty.strongest(1, 2, 10).mz.size == 0
    assert empty.between(0, 1e6).mz.size == 0
