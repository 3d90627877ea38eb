"""How many regions the spectra of a tissue speak for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metime.section import Progress, no_progress
from napari_metime.tissue.grouping import fit_kmeans, fit_mixture

MAX_PROPOSED = 8
MIN_STRENGTH = 0.85
"""Tibshirani & Walther 2005 take the largest number whose prediction strength is above 0.8 to 0.9."""
N_HALVINGS = 10
MIN_PIXELS_A_GROUP = 20
"""Thinned pixels that a proposed region must hold on average: of fewer, a half holds too few. Our default."""
MAX_PIXELS = 4000


@dataclass(frozen=True, slots=True)
class Proposal:
    """A number of regions, and why.

    Parameters
    ----------
    strengths : prediction strength of 2, 3, ... regions
    reason : half a sentence for the user
    """

    n: int
    strengths: tuple[float, ...]
    reason: str


def propose_number(
    scores: NDArray[np.float64], seed: int, *, on_progress: Progress = no_progress
) -> Proposal:
    """Propose a number of groups that one half of the pixels finds as the other half does, and that lie apart.

    Prediction strength (Tibshirani & Walther 2005, J Comput Graph Stat 14:511), averaged over random halvings: both
    halves are grouped by k-means; of the pairs of pixels that share a group of the second half, the share that the
    grouping of the first also leaves together, for the group where that is least. Numbers at which that mean
    with its standard error reaches 0.85 are found again.

    A long cloud without gaps is cut at the same place by both halves. So of these numbers, and one, that is
    proposed whose mixture of Gaussians describes the pixels best by the integrated likelihood of the complete data
    (ICL: Biernacki, Celeux & Govaert 2000, IEEE Trans Pattern Anal Mach Intell 22:719), which counts against
    groups that overlap. The mixture alone proposes too many: smoothing makes pixels at a border a group of their own.

    Parameters
    ----------
    scores : ndarray of shape (n_pixels, n_components), of pixels so far apart that smoothing ties none to another
    """
    rng = np.random.default_rng(seed)
    if len(scores) > MAX_PIXELS:
        scores = scores[rng.choice(len(scores), MAX_PIXELS, replace=False)]
    most = min(MAX_PROPOSED, len(scores) // MIN_PIXELS_A_GROUP)
    if most < 2:
        return Proposal(1, (), f"{len(scores)} pixels that smoothing leaves independent are too few to tell more")
    found = []
    for n in range(2, most + 1):
        on_progress((n - 2) / most, "looking for the number of regions")
        found.append(_strength(scores, n, rng))
    strengths = tuple(mean for mean, _ in found)
    firm = [n for n, (mean, error) in enumerate(found, start=2) if mean + error >= MIN_STRENGTH]
    if not firm:
        return Proposal(
            1, strengths, f"other halves of the pixels do not find two groups again (prediction strength "
            f"{strengths[0]:.2f}, {MIN_STRENGTH} is asked)"
        )  # fmt: skip
    n = min((1, *firm), key=lambda number: _icl(scores, number, seed))
    if n == 1:
        return Proposal(1, strengths, "the spectra change gradually, without a gap between groups (ICL)")
    return Proposal(n, strengths, f"prediction strength of {n} is {strengths[n - 2]:.2f}")


def _strength(scores: NDArray[np.float64], n: int, rng: np.random.Generator) -> tuple[float, float]:
    """Mean prediction strength of ``n`` groups over halvings, and its standard error."""
    found = []
    for _ in range(N_HALVINGS):
        order = rng.permutation(len(scores))
        one, other = scores[order[::2]], scores[order[1::2]]
        seed = int(rng.integers(2**31))
        groups, predicted = fit_kmeans(other, n, seed).predict(other), fit_kmeans(one, n, seed).predict(other)
        found.append(min(_together(predicted[groups == group]) for group in range(n)))
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(N_HALVINGS))


def _together(predicted: NDArray[np.int64]) -> float:
    """Share of the pairs of a group's pixels that are predicted to be in one group; 0 for a group without pairs."""
    if predicted.size < 2:
        return 0.0
    counts = np.bincount(predicted)
    return float((counts * (counts - 1)).sum() / (predicted.size * (predicted.size - 1)))


def _icl(scores: NDArray[np.float64], n: int, seed: int) -> float:
    """BIC of a mixture of ``n`` Gaussians and twice the entropy of its assignments: the less, the better."""
    mixture = fit_mixture(scores, n, seed)
    shares = mixture.predict_proba(scores)
    return float(mixture.bic(scores) - 2 * np.sum(shares * np.log(np.maximum(shares, 1e-300))))
