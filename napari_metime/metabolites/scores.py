"""Axis scores: how high the members of a metabolic axis stand together, by pixel.

S1, the score: a weighted mean of the members' robust z, by their signs for the activity of the axis (never those for
immune suppression), scaled by their correlation. S2, beside it in the table: the rank of the members among all detected
ions of the pixel. See ``docs/scores.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

CORRELATION_PIXELS = 50_000
"""Pixels, evenly spread over the tissue, that correlations are taken from: more would not change them."""
RANKED_AT_ONCE = 4_000_000
"""Values that are ranked at a time."""
CANCELLED = 0.01
"""Share of the variance of independent members below which members cancel each other out: what is left is noise. Our
default."""


def shrunk_correlation(z: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the correlation of ions, shrunk towards none by as much as Ledoit & Wolf 2004 find best.

    J. Multivariate Anal. 88:365; on standardised values the target is the identity. Pixels are taken as independent,
    which they are not, so it is slight; it keeps the matrix invertible.

    Parameters
    ----------
    z : ndarray of shape (n_ions, n_pixels); pixels where any is NaN count nowhere
    """
    from sklearn.covariance import ledoit_wolf

    x = z[:, _spread_out(np.flatnonzero(np.isfinite(z).all(axis=0)))].astype(np.float64)
    if x.shape[1] < 2:
        return np.eye(len(x))
    x -= x.mean(axis=1, keepdims=True)
    sd = x.std(axis=1, keepdims=True)
    shrunk, _ = ledoit_wolf(x.T / np.where(sd > 0, sd, 1.0).T, assume_centered=True)
    np.fill_diagonal(shrunk, 1.0)
    return np.asarray(shrunk)


def _spread_out(pixels: NDArray[np.intp]) -> NDArray[np.intp]:
    if pixels.size <= CORRELATION_PIXELS:
        return pixels
    return np.asarray(pixels[np.linspace(0, pixels.size - 1, CORRELATION_PIXELS).astype(np.intp)])


def signed_weights(correlation: NDArray[np.float64], sign: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return v with which the score is the sum of v z: v = w s / sqrt((w s)' R (w s)), w = 1 / sum_j |R_ij|.

    k members that are one (|R| = 1) weigh 1/k each, so together what one other does; members that have nothing in
    common weigh 1 each. Our choice: unlike R⁻¹ it gives no member a negative weight. NaN where the members cancel.

    Parameters
    ----------
    correlation : ndarray of shape (..., n, n)
    sign : ndarray of shape (n,), 1 or -1

    Returns
    -------
    ndarray of shape (..., n)
    """
    v = sign / np.abs(correlation).sum(axis=-1)
    variance = (v * (correlation @ v[..., None])[..., 0]).sum(axis=-1, keepdims=True)
    independent = (v**2).sum(axis=-1, keepdims=True)
    return np.asarray(v / np.sqrt(np.where(variance > CANCELLED * independent, variance, np.nan)))


@dataclass(frozen=True, slots=True)
class Jackknife:
    """What a contrast would be without each of the members in turn.

    Parameters
    ----------
    low, high : the smallest and largest; NaN with fewer than two members
    most_moving : place of the member without which it differs most; -1 with fewer than two
    """

    low: float
    high: float
    most_moving: int


def jackknife(change: NDArray[np.float64], correlation: NDArray[np.float64], sign: NDArray[np.float64]) -> Jackknife:
    """Leave each member out of a contrast of scores.

    Parameters
    ----------
    change : ndarray of shape (n,): by how much the mean z of each member differs
    """
    n = change.size
    if n < 2:
        return Jackknife(np.nan, np.nan, -1)
    whole = float(signed_weights(correlation, sign) @ change)
    kept = [np.delete(np.arange(n), i) for i in range(n)]
    without = np.array([signed_weights(correlation[np.ix_(k, k)], sign[k]) @ change[k] for k in kept])
    return Jackknife(float(np.min(without)), float(np.max(without)), int(np.argmax(np.abs(without - whole))))


def rank_scores(
    z: NDArray[np.float32], sets: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]
) -> NDArray[np.float64]:
    """Rank the ions of each pixel, and say how high the members of each set stand among them.

    The singscore of Foroutan et al. 2018 (BMC Bioinformatics 19:404), on z instead of expression: for n of M ions,
    (mean rank - (n + 1)/2) / ((2M - n + 1)/2 - (n + 1)/2) - 1/2, so -1/2 lowest and 1/2 highest. Members that go down
    with the axis are ranked from the top and their score is added. Ties have their mean rank.

    Parameters
    ----------
    z : ndarray of shape (n_ions, n_pixels)
    sets : of each set the places of the ions that go up and of those that go down

    Returns
    -------
    ndarray of shape (n_sets, n_pixels); NaN where an ion was not measured, or where the members are all ions
    """
    n_ions, n_pixels = z.shape
    scores = np.full((len(sets), n_pixels), np.nan)
    at_once = max(RANKED_AT_ONCE // max(n_ions, 1), 1)
    for start in range(0, n_pixels, at_once):
        part = slice(start, start + at_once)
        known = np.isfinite(z[:, part]).all(axis=0)
        ranks = rankdata(z[:, part][:, known], axis=0)
        for i, (up, down) in enumerate(sets):
            whole = np.zeros(int(known.sum()))
            for members, of_members in ((up, ranks[up]), (down, n_ions + 1 - ranks[down])):
                if members.size:
                    whole += _singscore(of_members, n_ions)
            scores[i, part][known] = whole
    return scores


def _singscore(ranks: NDArray[np.float64], n_ions: int) -> NDArray[np.float64]:
    n = len(ranks)
    lowest, highest = (n + 1) / 2, (2 * n_ions - n + 1) / 2
    if highest <= lowest:
        return np.full(ranks.shape[1], np.nan)
    return np.asarray((ranks.mean(axis=0) - lowest) / (highest - lowest) - 0.5)
