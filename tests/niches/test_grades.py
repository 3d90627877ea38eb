from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_metime.niches.grades import grade_niche, log2_suppression, rate_ratio, suppression
from napari_metime.recipe import GradesRecipe


@pytest.mark.parametrize(
    ("core", "ring", "rest", "grade"),
    [
        ((4, 0.28), (30, 0.2), (450, 3.0), "desert"),
        ((4, 0.28), (90, 0.2), (450, 3.0), "excluded"),
        ((30, 0.28), (120, 0.6), (450, 3.0), "mixed"),
        ((4, 0.28), (0, 0.01), (450, 3.0), "undetermined"),
        ((0, 0.28), (0, 0.2), (0, 3.0), "undetermined"),
        ((0, 0.28), (90, 0.2), (450, 3.0), "excluded"),
        ((4, 0.28), (5, 0.2), (0, 0.0), "undetermined"),
    ],
)
def test_the_ring_decides_the_grade(
    core: tuple[int, float], ring: tuple[int, float], rest: tuple[int, float], grade: str
) -> None:
    assert grade_niche(core, ring, rest) == grade


def test_every_cut_off_of_a_niche_can_be_set() -> None:
    excluded = ((4, 0.28), (90, 0.2), (450, 3.0))
    assert grade_niche(*excluded, GradesRecipe(min_ring_to_rest=4)) == "mixed"
    assert grade_niche(*excluded, GradesRecipe(min_ring_to_core=40)) == "mixed"
    assert grade_niche(*excluded, GradesRecipe(min_ring_to_core_low=30)) == "mixed"
    assert grade_niche(*excluded, GradesRecipe(min_ring_expected=40)) == "undetermined"


def test_a_ring_of_clumped_effectors_says_less() -> None:
    """90 where 30 were expected: of counts that vary 20 times as much as Poisson's that is no more than chance."""
    excluded = ((4, 0.28), (90, 0.2), (450, 3.0))
    assert grade_niche(*excluded, dispersion=2.0) == "excluded"
    assert grade_niche(*excluded, dispersion=20.0) == "desert"


def test_the_limits_are_scipys_exact_binomial_ones() -> None:
    ratio = rate_ratio((30, 2.0), (40, 5.0))
    share = stats.binomtest(30, 70).proportion_ci(0.95, method="exact")
    assert ratio.value == pytest.approx((30 / 2) / (40 / 5))
    assert ratio.low == pytest.approx(share.low / (1 - share.low) * 5 / 2)
    assert ratio.high == pytest.approx(share.high / (1 - share.high) * 5 / 2)


def test_dispersed_counts_widen_the_limits_by_its_square_root() -> None:
    """With large counts the limits are symmetric on the logarithm, so their widths are those of the normal ones."""
    plain, wide = (np.log(rate_ratio((4000, 1.0), (5000, 1.0), dispersion=phi)) for phi in (1.0, 4.0))
    assert plain[2] - plain[1] == pytest.approx(2 * 1.96 * np.sqrt(1 / 4000 + 1 / 5000), rel=0.01)
    assert wide[2] - wide[1] == pytest.approx(2 * (plain[2] - plain[1]), rel=0.01)
    assert wide[0] == plain[0]
    for no_more in (0.3, float("nan")):
        assert rate_ratio((40, 1.0), (50, 1.0), dispersion=no_more) == rate_ratio((40, 1.0), (50, 1.0))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((0, 1.0), (5, 1.0), (0.0, 0.0)), ((5, 1.0), (0, 1.0), (np.inf, None)), ((0, 1.0), (0, 1.0), (np.nan, 0.0))],
)
def test_nothing_counted_leaves_one_limit_open(
    one: tuple[int, float], other: tuple[int, float], expected: tuple[float, float | None]
) -> None:
    ratio = rate_ratio(one, other)
    np.testing.assert_equal(ratio.value, expected[0])
    if expected[1] is None:
        # Clopper-Pearson: (0.025)^(1 / 5) of five trials that all came out one way.
        share = 0.025 ** (1 / 5)
        assert ratio.low == pytest.approx(share / (1 - share))
        assert ratio.high == np.inf
    else:
        assert ratio.low == expected[1]


def test_suppression_needs_effectors_an_effect_and_a_small_q() -> None:
    suppressors, effectors = np.array([40.0, 40, 6, 20]), np.array([5.0, 0, 3, 15])
    flags, q = suppression(suppressors, effectors, (300, 300))
    assert flags == ["true", "undetermined", "false", "false"]
    assert log2_suppression(suppressors, effectors)[0] == np.log2(40.5 / 5.5)
    # Benjamini-Hochberg over the three that have a p, each the chance of so many suppressors among those drawn.
    p = [stats.hypergeom.sf(39, 645, 340, 45), stats.hypergeom.sf(5, 609, 306, 9), stats.hypergeom.sf(19, 635, 320, 35)]
    np.testing.assert_allclose(q[[0, 2, 3]], stats.false_discovery_control(p))
    assert np.isnan(q[1])
    assert suppression(suppressors, effectors, (300, 300), GradesRecipe(min_log2_suppression=4))[0][0] == "false"


def test_no_niche_has_no_flag() -> None:
    flags, q = suppression(np.empty(0), np.empty(0), (300, 300))
    assert flags == []
    assert q.size == 0
