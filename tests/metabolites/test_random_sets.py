"""Sets of other ions: matched, without repeats, and a p that is what it says where there is nothing to find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_metime.metabolites.random_sets import Likeness, draw_sets, nearest_ions, p_of_sets
from napari_metime.metabolites.scores import shrunk_correlation, signed_weights


def likeness(n: int, rng: np.random.Generator) -> Likeness:
    return Likeness(rng.uniform(0, 1, n), rng.lognormal(3, 1, n))


def test_members_are_matched_on_both_measures() -> None:
    rng = np.random.default_rng(0)
    pool = likeness(200, rng)
    members = Likeness(np.array([0.05, 0.95]), np.array([2000.0, 0.1]))
    nearest = nearest_ions(members, pool)
    assert nearest.shape == (2, 10)
    assert pool.coverage[nearest[0]].max() < pool.coverage[nearest[1]].min()
    assert pool.mean_intensity[nearest[0]].min() > pool.mean_intensity[nearest[1]].max()


def test_the_most_alike_ion_is_the_ion_itself() -> None:
    pool = likeness(50, np.random.default_rng(1))
    assert np.array_equal(nearest_ions(pool, pool)[:, 0], np.arange(50))


def test_no_set_has_an_ion_twice_and_all_are_near() -> None:
    rng = np.random.default_rng(2)
    nearest = nearest_ions(likeness(5, rng), likeness(40, rng))
    sets = draw_sets(nearest, 40, rng, 200)
    assert all(np.unique(one).size == 5 for one in sets)
    assert all(np.isin(sets[:, i], nearest[i]).all() for i in range(5))
    assert np.array_equal(draw_sets(nearest, 40, np.random.default_rng(3), 9),
                          draw_sets(nearest, 40, np.random.default_rng(3), 9))  # fmt: skip


def test_p_is_by_the_sets_that_differ_as_much_either_way() -> None:
    """Independent ions in sets of one: a set differs by what its ion does."""
    change = np.array([[-3.0, -1.0, 0.0, 1.0, 2.0]])
    sets = np.arange(5)[:, None]
    for contrast, as_much in ((2.0, 2), (-3.0, 1), (0.5, 4), (0.0, 5), (9.0, 0)):
        p = p_of_sets(np.array([contrast]), change, np.eye(5), sets, np.array([1.0]))
        assert p[0] == pytest.approx((1 + as_much) / 6)


def _p_of_nothing(rng: np.random.Generator, *, shift: float = 0.0) -> float:
    """An axis of 3 ions that are drawn as the other 40 are, in a region that has nothing to do with any."""
    common = rng.normal(size=400)
    loading = rng.uniform(-0.8, 0.8, 43)
    z = (loading[:, None] * common + rng.normal(size=(43, 400))).astype(np.float32)
    z[:3, :60] += shift
    change = z[:, :60].mean(axis=1) - z[:, 60:].mean(axis=1)
    alike = likeness(43, rng)
    members, pool = (Likeness(alike.coverage[part], alike.mean_intensity[part]) for part in (slice(3), slice(3, None)))
    sets = draw_sets(nearest_ions(members, pool), 40, rng, 99)
    sign = np.array([1.0, -1.0, 1.0]) if shift == 0 else np.ones(3)
    contrast = signed_weights(shrunk_correlation(z[:3]), sign) @ change[:3]
    return float(p_of_sets(np.array([contrast]), change[None, 3:], shrunk_correlation(z[3:]), sets, sign)[0])


def test_shuffled_ions_have_a_uniform_p() -> None:
    """Negative control, 300 times: the share at 0.05 or less within the binomial's 99.9 %, and no other bent."""
    rng = np.random.default_rng(4)
    p = np.array([_p_of_nothing(rng) for _ in range(300)])
    assert (p <= 0.05).sum() <= stats.binom.ppf(0.999, 300, 0.05)
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_what_is_raised_together_has_the_smallest_p() -> None:
    assert _p_of_nothing(np.random.default_rng(5), shift=1.5) == pytest.approx(0.01)
