"""Where a niche ends: the probability that each place belongs to it.

A niche is where a smooth random field of variance one lies above a threshold; there effectors come at one low rate,
elsewhere at that of their surroundings. The field is drawn from its posterior by elliptical slice sampling (Murray,
Adams & MacKay 2010, AISTATS, PMLR 9:541), so that the border is as sure as the cells make it. The model is our own;
docs/decisions.md says how it was chosen, docs/calibration.md how often it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SMOOTHNESS = 1.6
"""Correlation length of the field in radii of the window: how smooth a border is taken to be. Our default."""
THRESHOLD = 0.6
"""What the field must exceed: how much of the neighbourhood is taken for cold beforehand (27 %). Our default."""
REACH = 3.0
"""How far from its significant windows a niche may reach, in radii of the window. Our default."""
SURROUNDINGS = 0.7
"""Bandwidth of the rate of a niche's surroundings, in radii of the window. Our default."""
RING, RING_WEIGHT = 0.5, 8.0
"""Width of the ring around a niche that is looked at, in radii of the window; weight of a rate of one. Our default."""
PRIOR_EFFECTORS = 6.0
"""Weight of the common rate against that of the surroundings, in expected effectors. Our default."""
N_DRAWS = 6000
"""Draws of a border. Fewer move it: 2,000 lay 4 % more of an ellipse's call outside. Our default."""
UNSURE = (0.1, 0.9)
"""Probabilities between which a place lies at the border."""
N_BURN = 1000
MAX_CHUNK, MAX_CHUNK_VALUES = 500, 20_000_000  # draws of the field that are held at once: 80 MB
KEEP_EVERY = 20
MAX_SURROUNDINGS = 10.0
RATE_SHAPE, RATE_WEIGHT = 1.0, 3.0  # prior of the rate inside: Gamma of mean a third
MAX_TRIES = 50
MIN_EIGENVALUE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """The posterior of one niche, on a lattice.

    Parameters
    ----------
    probability : ndarray of shape (rows, cols), float64: 0 where the niche cannot reach
    inside : ndarray of shape (n_kept, n_free), bool: draws of the niche
    rate : ndarray of shape (n_kept,): draws of the rate inside, relative to the expected
    around : ndarray of shape (n_free,): rate of the surroundings, relative to the expected
    free : ndarray of shape (rows, cols), bool: where the niche may be; its pixels are the columns of ``inside``
    """

    probability: NDArray[np.float64]
    inside: NDArray[np.bool_]
    rate: NDArray[np.float64]
    around: NDArray[np.float64]
    free: NDArray[np.bool_]

    @property
    def rate_at_border(self) -> float:
        """Rate of the surroundings where it is unsure what belongs to the niche; 1 where nothing is."""
        probability = self.probability[self.free]
        unsure = (probability > UNSURE[0]) & (probability < UNSURE[1])
        return float(self.around[unsure].mean()) if unsure.any() else 1.0

    def ratio_draws(self, region: NDArray[np.bool_], expected: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw the true rate of a region relative to the expected: effectors there, were the labels drawn again.

        Parameters
        ----------
        region : ndarray of shape (rows, cols), bool
        expected : ndarray of shape (rows, cols): effectors expected of the cells at the rate of the rest
        """
        here = region[self.free]
        weight = expected[self.free][here]
        inside = self.inside[:, here]
        rate = np.where(inside, self.rate[:, None], self.around[here])
        return np.asarray((rate * weight).sum(axis=1) / max(float(weight.sum()), 1e-12))


def sample_membership(
    effectors: NDArray[np.int64],
    expected: NDArray[np.float64],
    start: NDArray[np.bool_],
    free: NDArray[np.bool_],
    *,
    radius_um: float,
    step_um: float,
    max_rate: float,
    n_draws: int = N_DRAWS,
    rng: np.random.Generator,
) -> Membership:
    """Sample where the niche around ``start`` lies.

    Parameters
    ----------
    effectors, expected : ndarray of shape (rows, cols): effectors found, and expected at the rate of the rest
    start : ndarray of shape (rows, cols), bool: a first guess of the niche
    free : ndarray of shape (rows, cols), bool: where it may be
    radius_um : of the search's window: what the smoothness is measured in
    step_um : of the lattice
    max_rate : largest rate inside, relative to the expected
    n_draws : of the border, at least 1,500
    """
    box = _box_around(free, int(np.ceil(4 * SURROUNDINGS * radius_um / step_um)))
    here = free[box]
    length = SMOOTHNESS * radius_um / step_um
    found, hoped = effectors[box].astype(np.float64), expected[box].astype(np.float64)
    x, e = found[here].astype(np.float32), hoped[here].astype(np.float32)
    sides = [_square_root(n, length) for n in here.shape]
    guess = ndimage.gaussian_filter(start[box].astype(np.float64), length / 3)
    field = (THRESHOLD + 3 * (guess - 0.4))[here].astype(np.float32)
    belongs = start[box].astype(np.float64)
    rate, total, n_summed = 0.3 * max_rate, np.zeros(x.size), 0
    kept, rates = [], []
    around = np.ones(x.size, np.float32)
    n_chunk = int(np.clip(MAX_CHUNK_VALUES // here.size // KEEP_EVERY * KEEP_EVERY, KEEP_EVERY, MAX_CHUNK))
    for chunk in range(n_draws // n_chunk):
        around = _surroundings(found, hoped, belongs, radius_um / step_um)[here].astype(np.float32)
        noise = rng.standard_normal((n_chunk, sides[0].shape[1], sides[1].shape[1]), dtype=np.float32)
        prior = np.ascontiguousarray((sides[0] @ noise @ sides[1].T)[:, here])
        share = np.zeros(x.size)
        inside, drawn = np.zeros((n_chunk // KEEP_EVERY, x.size), dtype=np.bool_), np.empty(n_chunk // KEEP_EVERY)
        rate = float(_advance(prior, field, x, e, around, rate, max_rate, THRESHOLD, share, inside, drawn, rng))
        share /= n_chunk
        if chunk * n_chunk >= N_BURN:
            total += share
            n_summed += 1
            kept.append(inside)
            rates.append(drawn)
        belongs = np.zeros(here.shape)
        belongs[here] = total / n_summed if n_summed else share
    probability = np.zeros(free.shape)
    probability[box] = belongs
    return Membership(
        probability, np.concatenate(kept), np.concatenate(rates), around.astype(np.float64), free.copy()
    )


def _box_around(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(cols[0]) - margin, 0), int(cols[-1]) + margin + 1),
    )


def _square_root(n: int, length: float) -> NDArray[np.float32]:
    """Return A, shape (n, k), with A A' the covariance exp(-d² / 2 length²) of n points in a row.

    The covariance in the plane is the product of those of rows and columns, so A noise B' has it.
    """
    at = np.arange(n)
    value, vector = np.linalg.eigh(np.exp(-((at[:, None] - at) ** 2) / (2 * length**2)))
    used = value > MIN_EIGENVALUE * value[-1]
    return np.asarray(vector[:, used] * np.sqrt(value[used]), dtype=np.float32)


def _surroundings(
    found: NDArray[np.float64], hoped: NDArray[np.float64], belongs: NDArray[np.float64], radius: float
) -> NDArray[np.float64]:
    """Rate of what lies around a niche, relative to the expected: at least one, so that no dip is taken for normal.

    A Gaussian mean of the effectors outside the niche over the expected ones, drawn towards that of the ring around the
    whole niche, and far from it towards one. ``radius`` is the window's, in steps.
    """
    outside = 1 - belongs
    sigma = SURROUNDINGS * radius

    def near(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndimage.gaussian_filter(image * outside, sigma, mode="constant") * 4 * np.pi * sigma**2)

    inside = belongs >= 0.5
    usual: NDArray[np.float64] = np.ones(belongs.shape)
    if inside.any():
        close = ndimage.distance_transform_edt(~inside) <= RING * radius
        ring = close & ~inside
        seen, usually = (float((image * outside)[ring].sum()) for image in (found, hoped))
        rate = (seen + RING_WEIGHT) / (usually + RING_WEIGHT)
        usual = 1 + max(rate - 1, 0.0) * ndimage.gaussian_filter(close.astype(np.float64), RING * radius / 2)
    around = (near(found) + PRIOR_EFFECTORS * usual) / (near(hoped) + PRIOR_EFFECTORS)
    return np.clip(around, 1.0, MAX_SURROUNDINGS)


@numba.njit(cache=True, nogil=True)
def _advance(prior, field, x, e, around, rate, max_rate, threshold, share, inside, rates, rng):  # type: ignore[no-untyped-def]
    """Draw the field (in place) once per row of ``prior``, and the rate after each; return the last rate.

    ``share``, shape (n_free,), counts the draws inside; ``inside`` and ``rates`` keep every 20th.
    """
    n_draws, n = prior.shape
    log_around = np.log(around)
    weight = np.empty(n, np.float32)
    proposed = np.empty(n, np.float32)
    for draw in range(n_draws):
        log_rate = np.log(rate)
        now = 0.0
        for i in range(n):
            weight[i] = x[i] * (log_rate - log_around[i]) - (rate - around[i]) * e[i]
            if field[i] > threshold:
                now += weight[i]
        level = now + np.log(rng.random())
        angle = 2 * np.pi * rng.random()
        low, high = angle - 2 * np.pi, angle
        while True:
            cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
            reached = 0.0
            for i in range(n):
                proposed[i] = field[i] * cosine + prior[draw, i] * sine
                if proposed[i] > threshold:
                    reached += weight[i]
            if reached > level or high - low < 1e-9:
                break
            if angle < 0:
                low = angle
            else:
                high = angle
            angle = low + rng.random() * (high - low)
        n_found, n_expected = 0.0, 0.0
        for i in range(n):
            field[i] = proposed[i]
            if field[i] > threshold:
                share[i] += 1
                n_found += x[i]
                n_expected += e[i]
        for _ in range(MAX_TRIES):
            rate = rng.standard_gamma(RATE_SHAPE + n_found) / (RATE_WEIGHT + n_expected)
            if rate < max_rate:
                break
        rate = min(rate, max_rate)
        if draw % KEEP_EVERY == 0:
            inside[draw // KEEP_EVERY] = field > threshold
            rates[draw // KEEP_EVERY] = rate
    return rate
