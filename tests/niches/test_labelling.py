from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_metime.niches.labelling import (
    FORMING_P,
    SMALLEST_P,
    LocalEvidence,
    count_cells,
    family_wise_p,
    find_clusters,
    local_p,
    lower_tails,
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


@pytest.mark.parametrize(("n_cells", "n_effector"), [(1000, 100), (50, 45), (300, 3), (20, 0), (20, 20)])
def test_lower_tails_are_scipys_hypergeometric(n_cells: int, n_effector: int) -> None:
    sizes = np.arange(0, 21)
    x = np.arange(26)
    expected = stats.hypergeom.cdf(x, n_cells, n_effector, sizes[:, None])
    np.testing.assert_allclose(lower_tails(n_cells, n_effector, sizes, 25), expected, rtol=1e-9, atol=1e-12)


def test_none_where_a_few_are_expected_has_the_poisson_probability() -> None:
    # P(0) = (1 - K/N)^n in the limit, e^-E with E = n K / N.
    for expected in (3.0, 5.0, 10.0):
        p = lower_tails(10_000_000, 10_000, np.array([int(1000 * expected)]), 0)[0, 0]
        assert p == pytest.approx(np.exp(-expected), rel=0.01)


@pytest.mark.parametrize(("n_cells", "n_effector"), [(1000, 100), (50, 45), (300, 3)])
def test_the_evidence_is_the_lower_tail_where_it_is_small(n_cells: int, n_effector: int) -> None:
    size, found = np.meshgrid(np.arange(1, 50), np.arange(0, 40))
    evidence = LocalEvidence(n_cells, n_effector, size, np.ones(size.shape, bool))(found)
    tail = stats.hypergeom.cdf(found, n_cells, n_effector, size)
    expected = np.where((tail < FORMING_P) & (tail > 0), -np.log10(np.maximum(tail, 1e-300)), 0)
    possible = (found <= size) & (size - found <= n_cells - n_effector)
    np.testing.assert_allclose(evidence[possible], expected[possible], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("n_cells", "n_effector"), [(1000, 100), (400, 20), (3000, 40)])
def test_the_other_tail_is_of_at_least_so_many(n_cells: int, n_effector: int) -> None:
    size, found = np.meshgrid(np.arange(1, 60), np.arange(0, 15))
    evidence = LocalEvidence(n_cells, n_effector, size, np.ones(size.shape, bool), tail="upper")(found)
    tail = stats.hypergeom.sf(found - 1, n_cells, n_effector, size)
    expected = np.where(tail < FORMING_P, -np.log10(np.maximum(tail, 1e-300)), 0)
    exact = (found <= size) & (tail > 1e-8)  # below, one minus a sum has few digits left
    assert (expected[exact] > 0).any()
    np.testing.assert_allclose(evidence[exact], expected[exact], rtol=1e-4)


def test_the_smallest_tails_are_told_as_far_as_they_can_be_reckoned() -> None:
    size, where = np.array([[1000]]), np.ones((1, 1), bool)  # 100 are expected
    none = LocalEvidence(10_000, 1000, size, where)(np.array([[0]]))
    assert none[0, 0] == pytest.approx(-stats.hypergeom.logcdf(0, 10_000, 1000, 1000) / np.log(10), rel=1e-6)
    many = LocalEvidence(10_000, 1000, size, where, tail="upper")(np.array([[300]]))
    assert many[0, 0] == pytest.approx(-np.log10(SMALLEST_P["upper"]))


def test_windows_that_are_not_assessable_carry_no_evidence() -> None:
    where = np.array([[True, False]])
    evidence = LocalEvidence(1000, 500, np.array([[20, 20]]), where)(np.array([[0, 0]]))
    assert evidence[0, 0] > 5
    assert evidence[0, 1] == 0


def test_local_p_is_the_lower_tail_and_unknown_elsewhere() -> None:
    size, found = np.array([[30, 50, 80]]), np.array([[0, 4, 9]])
    p = local_p(1000, 100, size, found, np.array([[True, True, False]]))
    np.testing.assert_allclose(p[0, :2], stats.hypergeom.cdf([0, 4], 1000, 100, [30, 50]), rtol=1e-9)
    assert np.isnan(p[0, 2])
    assert np.isnan(local_p(1000, 100, size, found, np.zeros((1, 3), bool))).all()


def test_the_mass_of_a_cluster_is_the_sum_of_its_evidence() -> None:
    evidence = np.zeros((9, 12))
    evidence[1:5, 1:5] = 2.0
    evidence[5, 5] = 1.5  # touches by a corner
    evidence[7, :3] = 9.0
    labels, masses = find_clusters(evidence)
    assert masses.tolist() == [16 * 2.0 + 1.5, 27.0]
    assert labels[5, 5] == labels[2, 2] == 1
    assert labels[7, 0] == 2


def test_no_evidence_makes_no_cluster() -> None:
    labels, masses = find_clusters(np.zeros((3, 4)))
    assert not labels.any()
    assert masses.size == 0
    assert family_wise_p(masses, np.array([1.0, 2.0])).size == 0


def test_family_wise_p_counts_the_largest_masses_that_reach_it() -> None:
    null = np.array([1.0, 5.0, 7.0])
    assert family_wise_p(np.array([0.0, 5.0, 6.0, 10.0]), null).tolist() == [1.0, 0.75, 0.5, 0.25]


def test_family_wise_p_is_uniform_under_random_labels() -> None:
    rng = np.random.default_rng(5)
    shape, n_cells, ps = (16, 16), 1500, []
    for _ in range(60):
        pixel = rng.integers(0, 256, n_cells)
        counted = count_cells(pixel, rng.permutation(np.arange(n_cells) < 200), np.ones(shape, bool))
        window = DiscWindow(shape, 3.0, (1.0, 1.0))
        evidence = LocalEvidence(n_cells, 200, window.sum(counted.cells), np.ones(shape, bool))
        masses = find_clusters(evidence(window.sum(counted.effectors)))[1]

        def draw(pixel: np.ndarray = pixel) -> np.ndarray:
            return np.bincount(rng.choice(pixel, 200, replace=False), minlength=256).reshape(shape)

        null = null_masses(draw, window, evidence, n_permutations=39)
        ps.append(family_wise_p(np.array([masses.max(initial=0.0)]), null)[0])
    assert min(ps) >= 1 / 40
    assert max(ps) <= 1
    assert np.mean(np.array(ps) <= 0.1) < 0.25
    # Ties at mass 0 make p conservative, never too small: its mean is at least one half, less noise.
    assert np.mean(ps) > 0.4
