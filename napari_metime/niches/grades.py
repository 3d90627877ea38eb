"""Of which kind a niche is: what lies around it, and which cells suppress in it.

Grades are never certain: manual readers of tumour sections agree in three of four cases
(automated immunophenotyping in POPLAR, OAK and IMpassion130). The cut-offs are the recipe's ``niches.grades``:
each of them is our default.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from napari_metime.recipe import GradesRecipe

Grade = Literal["desert", "excluded", "mixed", "undetermined"]
Flag = Literal["true", "false", "undetermined"]
OUR_CUTOFFS = GradesRecipe()


def grade_niche(
    core: tuple[int, float],
    ring: tuple[int, float],
    rest: tuple[int, float],
    cutoffs: GradesRecipe = OUR_CUTOFFS,
    *,
    dispersion: float = 1.0,
) -> Grade:
    """Grade a niche from its effectors and those around it, each given as (effectors, area in mm²).

    excluded: the ring holds more effectors per mm² than the rest (at least 1.5 times, lower 95 %
    limit above 1) and than the niche (at least 3 times, lower limit above 1.5). desert: the ring
    does not hold significantly more than the rest (lower limit at most 1). mixed: in between.
    undetermined: fewer than three effectors would be expected in the ring at the rest's density.

    Parameters
    ----------
    core, ring, rest : (number of effectors, area in mm²)
    dispersion : as of ``rate_ratio``
    """
    if rest[1] <= 0 or ring[1] * rest[0] / rest[1] < cutoffs.min_ring_expected:
        return "undetermined"
    to_rest = rate_ratio(ring, rest, dispersion=dispersion)
    to_core = rate_ratio(ring, core, dispersion=dispersion)
    more_than_rest = to_rest.value >= cutoffs.min_ring_to_rest and to_rest.low > 1
    more_than_core = to_core.value >= cutoffs.min_ring_to_core and to_core.low > cutoffs.min_ring_to_core_low
    if more_than_rest and more_than_core:
        return "excluded"
    return "desert" if to_rest.low <= 1 else "mixed"


class Ratio(NamedTuple):
    """A ratio with its 95 % limits; infinite where nothing is in the denominator, NaN where nothing is in either."""

    value: float
    low: float
    high: float


def rate_ratio(one: tuple[int, float], other: tuple[int, float], *, dispersion: float = 1.0) -> Ratio:
    """Ratio of two rates, each (count, exposure), and its 95 % limits.

    Given the sum of two Poisson counts the first is binomial (Przyborowski & Wilenski 1940, Biometrika
    31:313); the limits are the exact ones (Clopper & Pearson 1934, Biometrika 26:404). Counts that vary
    ``dispersion`` times as much as Poisson's tell as much as so many times fewer: the limits are those
    of count / dispersion, wider by its square root (quasi-likelihood; Wedderburn 1974, Biometrika 61:439).

    Parameters
    ----------
    dispersion : variance over mean; below 1 and NaN count as 1
    """
    (x, a), (y, b) = one, other
    if not (a > 0 and b > 0 and x + y > 0):
        return Ratio(np.nan, 0.0, np.inf)
    phi = max(np.nan_to_num(dispersion, nan=1.0), 1.0)
    value = (x / a) / (y / b) if y else np.inf
    low = stats.beta.ppf(0.025, x / phi, y / phi + 1) if x else 0.0
    high = stats.beta.ppf(0.975, x / phi + 1, y / phi) if y else 1.0
    odds_low, odds_high = low / (1 - low) if low < 1 else np.inf, high / (1 - high) if high < 1 else np.inf
    return Ratio(float(value), float(odds_low * b / a), float(odds_high * b / a))


def log2_suppression(n_suppressor: NDArray[np.float64], n_effector: NDArray[np.float64]) -> NDArray[np.float64]:
    """log2((S + 0.5) / (E + 0.5)): how far suppressors outnumber effectors."""
    return np.asarray(np.log2((n_suppressor + 0.5) / (n_effector + 0.5)))


def suppression(
    n_suppressor: NDArray[np.float64],
    n_effector: NDArray[np.float64],
    rest: tuple[float, float],
    cutoffs: GradesRecipe = OUR_CUTOFFS,
) -> tuple[list[Flag], NDArray[np.float64]]:
    """Say of each niche whether its suppressors outnumber its effectors more than in the rest, and how sure (q).

    true: log2((S + 0.5) / (E + 0.5)) is at least 1 above the rest's and q < 0.05 by random labelling
    within S and E (hypergeometric, upper tail; Benjamini-Hochberg over the niches). undetermined: a
    niche without effectors has no information for that test; its q is NaN.

    Parameters
    ----------
    n_suppressor, n_effector : ndarray of shape (n_niches,)
    rest : (suppressors, effectors) of the rest
    """
    s, e = n_suppressor, n_effector
    excess = log2_suppression(s, e) - np.log2((rest[0] + 0.5) / (rest[1] + 0.5))
    p = stats.hypergeom.sf(s - 1, (s + e + sum(rest)).astype(int), (s + rest[0]).astype(int), (s + e).astype(int))
    q, informed = np.full(s.size, np.nan), e > 0
    if informed.any():
        q[informed] = stats.false_discovery_control(p[informed])
    suppressed = (excess >= cutoffs.min_log2_suppression) & (q < cutoffs.max_q_suppression)
    words = np.where(informed, np.where(suppressed, "true", "false"), "undetermined")
    return words.tolist(), q
