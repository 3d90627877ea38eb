"""The domain, and distances to its border."""

from __future__ import annotations

import numpy as np

from napari_metime.niches.domain import cellular, signed_distance_um


def test_the_distance_is_negative_inside_and_in_um() -> None:
    region = np.zeros((10, 10), bool)
    region[:, :5] = True
    distance = signed_distance_um(region, (20.0, 10.0))
    assert distance[3].tolist() == [-45, -35, -25, -15, -5, 5, 15, 25, 35, 45]
    below = np.zeros((10, 10), bool)
    below[4:] = True
    assert signed_distance_um(below, (20.0, 10.0))[:, 6].tolist() == [70, 50, 30, 10, -10, -30, -50, -70, -90, -110]


def test_tissue_without_cells_is_not_in_the_domain() -> None:
    cells = np.full((40, 40), 5)
    cells[:, 20:] = 0
    inhabited = cellular(np.ones((40, 40), bool), cells, (20.0, 20.0))
    assert inhabited[:, :19].all()
    assert not inhabited[:, 26:].any()
