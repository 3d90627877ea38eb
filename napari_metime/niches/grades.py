"""Of which kind a niche is: what lies around it, and which cells suppress in it.

Grades are never certain: manual readers of tumour sections agree in three of four cases
(automated immunophenotyping in POPLAR, OAK and IMpassion130). Cut-offs are our defaults.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Grade = Literal["desert", "excluded", "mixed", "undetermined"]
Flag = Literal["true", "false", "undetermined"]

RING_UM = (50.0, 200.0)
"""Where the ring around a niche begins and ends; a called border lies some 50 µm inside the true one."""
MIN_RING_EXPECTED = 3.0
MIN_RING_TO_CORE = 3.0
MIN_RING_TO_REST = 1.5
MIN_LOG2_SUPPRESSION = 1.0
MAX_Q = 0.05


def grade_niche(core: tuple[int, float], ring: tuple[int, float], rest: tuple[int, float]) -> Grade:
    """Grade a niche from its effectors and those around it, each given as (effectors, area in mm²).

    excluded: the ring holds more effectors per mm² than the rest (at least 1.5 times, lower 95 %
    limit above 1) and than the niche (at least 3 times, lower limit above 1.5). desert: the ring
    does not hold significantly more than the rest (lower limit at most 1). mixed: in between.
    undetermined: fewer than three effectors would be expected in the ring at the rest's density.

    Parameters
    ----------
    core, ring, rest : (number of effectors, area in mm²)
    """
    if rest[1] <= 0 or ring[1] * rest[0] / rest[1] < MIN_RING_EXPECTED:
        return "undetermined"
    to_rest, to_rest_low = rate_ratio(ring, rest)
    to_core, to_core_low = rate_ratio(ring, core)
    if to_rest >= MIN_RING_TO_REST and to_rest_low > 1 and to_core >= MIN_RING_TO_CORE and to_core_low > 1.5:
        return "excluded"
    return "desert" if to_rest_low <= 1 else "mixed"


def rate_ratio(one: tuple[int, float], other: tuple[int, float]) -> tuple[float, float]:
    """Ratio of two Poisson rates, each (count, exposure), and its lower 95 % limit.

    Given the sum of the counts the first is binomial (Przyborowski & Wilenski 1940); the limit is
    the exact one (Clopper & Pearson 1934).
    """
    (x, a), (y, b) = one, other
    ratio = (x / a) / (y / b) if y and a and b else np.inf
    if x == 0:
        return (0.0, 0.0) if y else (np.nan, 0.0)
    share = stats.beta.ppf(0.025, x, y + 1)
    return float(ratio), float(share / (1 - share) * b / a)


def log2_suppression(n_suppressor: NDArray[np.float64], n_effector: NDArray[np.float64]) -> NDArray[np.float64]:
    """log2((S + 0.5) / (E + 0.5)): how far suppressors outnumber effectors."""
    return np.asarray(np.log2((n_suppressor + 0.5) / (n_effector + 0.5)))


def suppression_flags(
    n_suppressor: NDArray[np.float64], n_effector: NDArray[np.float64], rest: tuple[float, float]
) -> list[Flag]:
    """Say of each niche whether its suppressors outnumber its effectors more than in the rest.

    true: log2((S + 0.5) / (E + 0.5)) is at least 1 above the rest's and q < 0.05 by random labelling
    within S and E (hypergeometric, upper tail; Benjamini-Hochberg over the niches). undetermined: a
    niche without effectors has no information for that test.

    Parameters
    ----------
    n_suppressor, n_effector : ndarray of shape (n_niches,)
    rest : (suppressors, effectors) of the rest
    """
    s, e = n_suppressor, n_effector
    excess = log2_suppression(s, e) - np.log2((rest[0] + 0.5) / (rest[1] + 0.5))
    p = stats.hypergeom.sf(s - 1, (s + e + sum(rest)).astype(int), (s + rest[0]).astype(int), (s + e).astype(int))
    q = stats.false_discovery_control(p) if p.size else p
    return [
        "undetermined" if e[i] == 0 else "true" if excess[i] >= MIN_LOG2_SUPPRESSION and q[i] < MAX_Q else "false"
        for i in range(s.size)
    ]
