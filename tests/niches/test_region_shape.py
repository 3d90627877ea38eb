"""Forms whose measures are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.niches.domain import near, signed_distance_um
from napari_metime.niches.region_shape import distance_to_um, shape_of, touches_edge
from napari_metime.section import Grid

GRID = Grid((40, 50), (1, 1), (10.0, 20.0))
ROW, COL = np.mgrid[:40, :50]
FAR = np.zeros(GRID.shape)


def test_a_disc_is_solid_and_a_corner_is_not() -> None:
    disc = np.hypot((ROW - 20) * 10, (COL - 25) * 20) <= 150
    found = shape_of(GRID, disc, FAR)
    assert found["equivalent_diameter_um"] == pytest.approx(300, rel=0.02)
    assert found["solidity"] > 0.93
    # Three of four squares: the hull adds half a square of the fourth.
    corner = (ROW < 20) & (COL < 20) & ~((ROW >= 10) & (COL >= 10))
    assert shape_of(GRID, corner, FAR)["solidity"] == pytest.approx(3 / 3.5)


def test_a_region_touches_the_edge_where_no_tissue_is_next_to_it() -> None:
    tissue = np.ones(GRID.shape, bool)
    tissue[:, 40:] = False
    for cols, touches in ((slice(10, 20), False), (slice(30, 40), True), (slice(0, 5), True), (slice(28, 39), False)):
        region = np.zeros(GRID.shape, bool)
        region[10:20, cols] = True
        assert touches_edge(region, tissue) is touches
    last = np.zeros(GRID.shape, bool)
    last[30:, 10:20] = True
    assert touches_edge(last, np.ones(GRID.shape, bool))


def test_the_distance_to_others_is_to_their_border() -> None:
    region, others = COL < 10, COL >= 20
    # From the last centre at 9 to the border at 19.5 pixels of 20 µm.
    assert distance_to_um(region, others, GRID.spacing_um) == pytest.approx(10.5 * 20)
    assert distance_to_um(others, others, GRID.spacing_um) == 0
    assert np.isnan(distance_to_um(region, np.zeros_like(others), GRID.spacing_um))


def test_what_is_near_is_measured_in_a_part_as_in_the_whole() -> None:
    region = (abs(ROW - 12) < 4) & (abs(COL - 45) < 3)
    part = near(region, 100.0, GRID.spacing_um)
    whole, there = signed_distance_um(region, GRID.spacing_um), signed_distance_um(region[part], GRID.spacing_um)
    np.testing.assert_array_equal(there, whole[part])
    outside = np.ones_like(region)
    outside[part] = False
    assert whole[outside].min() > 100
    assert region[near(np.zeros_like(region), 5.0, GRID.spacing_um)].size == 0
