from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_metime.niches.labelling import (
    FORMING_P,
    LocalEvidence,
    count_cells,
    find_clusters,
    label_dispersion,
    null_masses,
)
from napari_metime.niches.windows import DiscWindow


def test_cells_outside_the_domain_or_the_grid_do_not_count() -> None:
    domain = np.array([[True, False], [True, True]])
    counted = count_cells(np.array([0, 0, 1, 3, -1]), np.array([True, False, True, True, True]), domain)
    assert counted.cells.tolist() == [[2, 0], [0, 1]]
    assert counted.effectors.tolist() == [[1, 0], [0, 1]]
    assert (counted.pixel.size, counted.n_effector) == (3, 2)
    assert counted.share == pytest.approx(2 / 3)


@pytest.mark.parametrize(("n_cells", "n_effector"), [(1000, 100), (50, 45), (300, 3)])
def test_the_evidence_is_scipys_hypergeometric_tail(n_cells: int, n_effector: int) -> None:
    size, found = np.meshgrid(np.arange(1, 50), np.arange(0, 40))
    evidence = LocalEvidence(n_cells, n_effector, size, np.ones(size.shape, bool))(found)
    tail = stats.hypergeom.cdf(found, n_cells, n_effector, size)
    expected = np.where((tail < FORMING_P) & (tail > 0), -np.log10(np.maximum(tail, 1e-300)), 0)
    possible = (found <= size) & (size - found <= n_cells - n_effector)
    np.testing.assert_allclose(evidence[possible], expected[possible], rtol=1e-7, atol=1e-9)


def test_windows_that_are_not_assessable_carry_no_evidence() -> None:
    where = np.array([[True, False]])
    evidence = LocalEvidence(1000, 500, np.array([[20, 20]]), where)(np.array([[0, 0]]))
    assert evidence[0, 0] > 5
    assert evidence[0, 1] == 0


def test_clusters_are_opened_by_a_pixel_and_their_mass_is_the_sum() -> None:
    evidence = np.zeros((9, 12))
    evidence[1:5, 1:5] = 2.0
    evidence[7, :8] = 9.0  # a line is no region
    evidence[5:9, 8:12] = 3.0
    labels, masses = find_clusters(evidence)
    assert masses.tolist() == [16 * 2.0, 16 * 3.0]
    assert (labels[7, :7] == 0).all()


def test_family_wise_p_is_uniform_under_random_labels() -> None:
    rng = np.random.default_rng(5)
    shape, n_cells, ps = (16, 16), 1500, []
    for _ in range(60):
        pixel = rng.integers(0, 256, n_cells)
        counted = count_cells(pixel, rng.permutation(np.arange(n_cells) < 200), np.ones(shape, bool))
        window = DiscWindow(shape, 3.0, (1.0, 1.0))
        in_window = window.sum(counted.cells.astype(float))
        evidence = LocalEvidence(n_cells, 200, in_window, np.ones(shape, bool))
        masses = find_clusters(evidence(window.sum(counted.effectors.astype(float))))[1]
        null = null_masses(counted, window, evidence, n_permutations=39, rng=rng)
        ps.append((1 + (null >= masses.max(initial=0.0)).sum()) / 40)
    assert np.mean(np.array(ps) <= 0.1) < 0.25
    # Ties at mass 0 make p conservative, never too small: its mean is at least one half, less noise.
    assert np.mean(ps) > 0.4


def test_the_dispersion_is_one_for_random_labels_and_more_where_they_clump() -> None:
    rng = np.random.default_rng(0)
    pixel, tiles, where = rng.integers(0, 400, 8000), np.arange(400).reshape(20, 20), np.ones((20, 20), bool)
    random = count_cells(pixel, rng.random(8000) < 0.2, where)
    assert label_dispersion(random, where, tiles) == pytest.approx(1.0, abs=4 * np.sqrt(2 / 400))
    clumped = count_cells(pixel, rng.random(8000) < np.where(pixel % 2, 0.35, 0.05), where)
    # Between-tile variance added: 20 cells a tile, share 0.2 +- 0.15: 1 + 20 * 0.15^2 / 0.16, less the lost within.
    assert label_dispersion(clumped, where, tiles) > 2.5


def test_the_dispersion_of_two_tiles_by_hand() -> None:
    counted = count_cells(
        np.array([0] * 10 + [1] * 10), np.array([True] * 6 + [False] * 12 + [True] * 2), np.ones((1, 2), bool)
    )
    variance = 10 * 0.4 * 0.6 * 10 / 19
    tiles = np.array([[0, 1]])
    assert label_dispersion(counted, np.ones((1, 2), bool), tiles) == pytest.approx(4 / variance)
