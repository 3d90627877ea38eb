"""The posterior of one niche, on lattices with a planted one and plenty of effectors."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.niches.membership import Membership, sample_membership

RADIUS_UM, STEP_UM = 150.0, 30.0
SIDE, DISC = 50, 10.0
ROW, COL = np.indices((SIDE, SIDE)) - SIDE // 2
AWAY = np.hypot(ROW, COL)
FREE = AWAY <= 20


def sample(rate: np.ndarray, seed: int, *, per_place: float = 1.0, max_rate: float = 0.5) -> Membership:
    rng = np.random.default_rng(seed)
    expected = np.full((SIDE, SIDE), per_place)
    return sample_membership(
        rng.poisson(rate * expected),
        expected,
        AWAY <= 5,
        FREE,
        radius_um=RADIUS_UM,
        step_um=STEP_UM,
        max_rate=max_rate,
        n_draws=4000,
        rng=rng,
    )


@pytest.fixture(scope="module")
def discs() -> list[Membership]:
    return [sample(np.where(AWAY <= DISC, 0.1, 1.0), seed) for seed in range(6)]


def test_a_place_belongs_inside_and_not_outside(discs: list[Membership]) -> None:
    for found in discs:
        assert found.probability[AWAY <= DISC - 3].min() > 0.9
        outside = found.probability[(AWAY >= DISC + 3) & FREE]
        assert (outside < 0.1).mean() > 0.95  # a dip far off may be another niche
        assert outside.mean() < 0.05
        assert (found.probability[~FREE] == 0).all()


def test_the_border_is_where_it_was_planted(discs: list[Membership]) -> None:
    area = np.mean([(found.probability >= 0.5).sum() for found in discs])
    assert area == pytest.approx((AWAY <= DISC).sum(), rel=0.1)


def test_the_draws_are_those_of_the_probability(discs: list[Membership]) -> None:
    for found in discs:
        assert found.inside.shape == (found.rate.size, FREE.sum())
        # 150 kept draws of 3,000 that the probability counts; they are alike, so few are worth less.
        assert found.inside.mean() == pytest.approx(found.probability[FREE].mean(), abs=0.03)
        assert ((found.rate > 0) & (found.rate <= 0.5)).all()
        assert found.rate.mean() == pytest.approx(0.1, abs=0.05)


def test_the_ratio_of_a_region_is_drawn_around_the_true_one(discs: list[Membership]) -> None:
    expected = np.ones((SIDE, SIDE))
    held = 0
    for region in (AWAY <= 8, AWAY <= 12):  # inside the border, and beyond it
        true = np.where(AWAY <= DISC, 0.1, 1.0)[region].mean()
        for found in discs:
            low, high = np.quantile(found.ratio_draws(region, expected), [0.025, 0.975])
            assert 0 < low < high
            held += low <= true <= high
    assert held >= 9  # of 12


def test_the_ratio_draws_by_hand() -> None:
    free = np.array([[True, True, False, True]])
    inside = np.array([[True, False, True], [True, True, False]])
    found = Membership(np.zeros((1, 4)), inside, np.array([0.1, 0.2]), np.array([1.0, 2.0, 1.5]), free)
    expected = np.array([[3.0, 1.0, 9.0, 5.0]])
    region = np.array([[True, True, True, False]])
    assert found.ratio_draws(region, expected) == pytest.approx([(0.1 * 3 + 2.0) / 4, (0.2 * 3 + 0.2) / 4])
    nowhere = found.ratio_draws(np.array([[False, False, True, False]]), expected)
    assert nowhere.tolist() == [0.0, 0.0]


def test_the_rate_at_the_border_by_hand() -> None:
    free = np.array([[True, True, True, True, False]])
    around = np.array([5.0, 2.0, 1.0, 7.0])
    found = Membership(np.array([[0.95, 0.5, 0.2, 0.05, 0.5]]), np.ones((1, 4), bool), np.ones(1), around, free)
    assert found.rate_at_border == 1.5  # of the second and third place alone
    sure = Membership(np.array([[0.95, 1.0, 0.0, 0.05, 0.5]]), np.ones((1, 4), bool), np.ones(1), around, free)
    assert sure.rate_at_border == 1.0


def test_a_ring_of_effectors_raises_what_lies_around() -> None:
    rate = np.where(AWAY <= DISC, 0.1, np.where(AWAY <= DISC + 4, 2.5, 1.0))
    found = sample(rate, 0, per_place=3.0)
    around = np.zeros((SIDE, SIDE))
    around[FREE] = found.around
    assert around[FREE].min() >= 1.0  # no dip is taken for normal
    assert np.median(around[(AWAY > DISC) & (AWAY < DISC + 3)]) > 1.8
    assert np.median(around[(AWAY > DISC + 9) & FREE]) < 1.3


def test_the_rate_inside_stays_below_its_limit() -> None:
    found = sample(np.where(AWAY <= DISC, 0.4, 1.0), 0, max_rate=0.3)
    assert found.rate.max() <= 0.3


def test_the_same_generator_gives_the_same_draws() -> None:
    first, second = (sample(np.where(AWAY <= DISC, 0.1, 1.0), 3) for _ in range(2))
    assert np.array_equal(first.probability, second.probability)
    assert np.array_equal(first.inside, second.inside)
    assert np.array_equal(first.rate, second.rate)


def test_a_niche_in_the_corner_of_a_small_grid() -> None:
    free = np.ones((4, 3), dtype=bool)
    start = np.zeros((4, 3), dtype=bool)
    start[0, 0] = True
    found = sample_membership(
        np.zeros((4, 3), np.int64),
        np.ones((4, 3)),
        start,
        free,
        radius_um=RADIUS_UM,
        step_um=STEP_UM,
        max_rate=0.5,
        n_draws=1500,
        rng=np.random.default_rng(0),
    )
    assert found.probability.shape == (4, 3)
    assert found.probability.min() > 0.5  # twelve effectors expected, none found
    assert found.probability.max() <= 1
