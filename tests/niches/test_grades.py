from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_metime.niches.grades import grade_niche, log2_suppression, rate_ratio, suppression_flags


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


def test_the_lower_limit_is_scipys_exact_binomial_one() -> None:
    ratio, low = rate_ratio((30, 2.0), (40, 5.0))
    share = stats.binomtest(30, 70).proportion_ci(0.95, method="exact").low
    assert ratio == pytest.approx((30 / 2) / (40 / 5))
    assert low == pytest.approx(share / (1 - share) * 5 / 2)


def test_suppression_needs_effectors_an_effect_and_a_small_q() -> None:
    suppressors, effectors = np.array([40.0, 40, 6, 20]), np.array([5.0, 0, 3, 15])
    assert suppression_flags(suppressors, effectors, (300, 300)) == ["true", "undetermined", "false", "false"]
    assert log2_suppression(suppressors, effectors)[0] == np.log2(40.5 / 5.5)
