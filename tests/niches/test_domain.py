"""The domain, and distances to its border."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.errors import TissueError
from napari_metime.niches.domain import cellular, signed_distance_um, tumor_bed, tumor_fraction

SPACING = (20.0, 20.0)


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


def _section(hole_um: float = 0.0, piece_um: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tissue, cells and tumour cells on 80 x 80 pixels of 20 µm: tumour to the left, with a hole of stroma; a piece."""
    row, col = np.mgrid[:80, :80] * 20.0
    tumor = col < 900
    tumor &= np.hypot(row - 800, col - 450) > hole_um
    tumor |= np.hypot(row - 800, col - 1350) < piece_um
    cells = np.full((80, 80), 4)
    return np.ones((80, 80), bool), cells, np.where(tumor, 3, 0)


def test_the_tumour_bed_is_where_half_of_the_cells_are_tumour() -> None:
    tissue, cells, tumor = _section()
    bed = tumor_bed(tissue, cells, tumor, SPACING)
    # The fraction is 0.75 left of the border at 890 µm; blurred it is one half at Phi^-1(1 / 3) = -0.43 sigma from it.
    assert bed[40].sum() == round((890 - 0.43 * 50) / 20 + 0.5)
    assert bed[:, :40].all()


def test_the_cut_off_of_the_tumour_fraction_is_a_setting() -> None:
    areas = [tumor_bed(*_section(), SPACING, min_fraction=f).sum() for f in (0.2, 0.5, 0.7)]
    assert areas[0] > areas[1] > areas[2]
    with pytest.raises(TissueError, match=r"at least 80% tumor cells.*niches\.min_tumor_fraction"):
        tumor_bed(*_section(), SPACING, min_fraction=0.8)


def test_the_fraction_does_not_fall_at_the_edge_of_the_tissue() -> None:
    tissue, cells, tumor = _section()
    tissue[:, :10] = False
    tissue[:20] = False
    fraction = tumor_fraction(tissue, cells, tumor, SPACING)
    np.testing.assert_allclose(fraction[20:, 10:30], 0.75)
    assert np.isnan(fraction[:20]).all()


def test_small_holes_are_filled_large_ones_stay_and_small_pieces_go() -> None:
    small = _section(hole_um=50)
    assert tumor_fraction(*small, SPACING)[40, 22] < 0.5
    assert tumor_bed(*small, SPACING)[40, 22]
    assert not tumor_bed(*_section(hole_um=200), SPACING)[40, 22]
    assert not tumor_bed(*_section(piece_um=60), SPACING)[:, 60:].any()
    assert tumor_bed(*_section(piece_um=200), SPACING)[40, 67]


def test_necrosis_in_the_bed_is_no_bed() -> None:
    tissue, cells, tumor = _section()
    row, col = np.mgrid[:80, :80] * 20.0
    dead = np.hypot(row - 800, col - 450) < 200
    bed = tumor_bed(tissue, np.where(dead, 0, cells), np.where(dead, 0, tumor), SPACING)
    assert not bed[40, 22]
    assert bed[10, 22]
