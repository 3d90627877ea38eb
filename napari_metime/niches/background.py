"""The null of a section: what its effectors do where no niche is. They thin with depth, and they clump by themselves.

Fitted outside candidates, lymphoid structures and whatever surrounds them, so that a niche is not taken for clumping;
then drawn from, so that the same search tells how large a cluster such a section makes by chance. The parametric
bootstrap of a fitted point process is described in Baddeley et al. 2015 (Spatial Point Patterns, ch. 10 and 12); that
it is fitted with the candidates left out is our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_metime.niches.autocorrelation import self_products
from napari_metime.niches.labelling import CountedCells
from napari_metime.section import NicheNull

SCALES_UM = (20.0, 30.0, 45.0, 60.0, 80.0, 110.0, 150.0)
"""Scales of clumping that are tried; wider ones are niches, or gradients. Our default."""
MAX_LAG_UM = 400.0
MAX_VARIANCE = 2.0
N_VARIANCES = 81
MIN_CLUMPING_EVIDENCE = 2.0
"""By how much, in chi-squared, clumping must improve the fit of the pair correlation. Our default."""
MIN_SLOPE_Z = 1.5
"""How many standard errors the slope with depth must be from none, the effectors' clumping allowed for. Our default."""
CLUMPING_CORRECTION = 1.65
"""What the fitted s.d. of clumping is multiplied by: leaving out the deepest dips makes it too small, and it scatters.
Measured on 1,000 simulated sections without niches (s.d. 0.6 at 60 µm, fitted as 0.46 to 0.48 on average): 7.0 % were
called when multiplied by 1.5, 5.3 % by this."""
MIN_PIXELS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Odds of each cell to be an effector where no niche is, and how they clump.

    Parameters
    ----------
    odds : ndarray of shape (rows, cols): relative rate of effectors per cell; mean one over the cells that were fitted
    share : effectors among the cells that were fitted, all over ``odds``
    null : the numbers behind it
    """

    odds: NDArray[np.float64]
    share: float
    null: NicheNull


def fit_background(
    counted: CountedCells,
    fitted: NDArray[np.bool_],
    depth_um: NDArray[np.float64],
    fragment: NDArray[np.int64],
    spacing_um: tuple[float, float],
) -> Background:
    """Fit depth and clumping to the cells of some pixels.

    log rate = a + b depth (Poisson), then the pair correlation of the residuals by minimum contrast to that of a
    log-Gaussian Cox process, g(r) - 1 = exp(sd² exp(-r² / 4 scale²)) - 1 (Moller, Syversveen & Waagepetersen 1998,
    Scand J Stat 25:451).

    Parameters
    ----------
    fitted : ndarray of shape (rows, cols), bool: without candidates and what surrounds them
    depth_um : ndarray of shape (rows, cols): distance from the margin of the domain
    fragment : ndarray of shape (rows, cols), int: pieces of tissue; each has a rate of its own
    """
    own = fragment_odds(counted, fragment, fitted)
    flat = Background(own, counted.share, NicheNull())
    n, x = counted.cells * fitted, counted.effectors * fitted
    if (n > 0).sum() < MIN_PIXELS or x.sum() < 10:
        return flat
    deepest = float(depth_um[fitted].max())
    depth_mm = np.minimum(depth_um, deepest) / 1000
    even = own
    variance, scale_um, factor = fit_clumping(n, x, even, fitted, spacing_um)
    slope, error = _depth_slope((n * own)[fitted], x[fitted], depth_mm[fitted])
    if abs(slope) > MIN_SLOPE_Z * error * np.sqrt(max(factor, 1.0)):
        even = own * np.exp(slope * depth_mm)
        variance, scale_um, factor = fit_clumping(n, x, even, fitted, spacing_um)
    else:
        slope = 0.0
    mean = float((even * n).sum() / n.sum())
    null = NicheNull(slope, CLUMPING_CORRECTION * float(np.sqrt(variance)), scale_um if variance else 0.0, factor)
    return Background(even / mean, float(x.sum() / n.sum()), null)


def fragment_odds(
    counted: CountedCells, fragment: NDArray[np.int64], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Effectors per cell of each piece of tissue over that of all, counted in some places; shape (rows, cols).

    A niche is colder than its own piece of tissue: labels are exchanged within pieces only (in expectation).
    """
    n = np.bincount(fragment[where], weights=counted.cells[where], minlength=int(fragment.max()) + 1)
    x = np.bincount(fragment[where], weights=counted.effectors[where], minlength=n.size)
    share = x.sum() / max(n.sum(), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.where((n > 0) & (x > 0) & (share > 0), x / n / share, 1.0)
    return np.asarray(odds[fragment])


def _depth_slope(
    n: NDArray[np.float64], x: NDArray[np.int64], depth_mm: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope of the log rate with depth and its standard error, by Newton's method on the Poisson likelihood."""
    slope = 0.0
    error = np.inf
    for _ in range(25):
        weight = n * np.exp(slope * (depth_mm - depth_mm.mean()))
        mean = (weight * depth_mm).sum() / weight.sum()
        spread = (weight * (depth_mm - mean) ** 2).sum() / weight.sum()
        if spread <= 0:
            return 0.0, np.inf
        step = ((x * depth_mm).sum() / x.sum() - mean) / spread
        slope = float(np.clip(slope + step, -20, 20))
        error = float(1 / np.sqrt(x.sum() * spread))
        if abs(step) < 1e-8:
            break
    return slope, error


def fit_clumping(
    n: NDArray[np.int64],
    x: NDArray[np.int64],
    odds: NDArray[np.float64],
    fitted: NDArray[np.bool_],
    spacing_um: tuple[float, float],
) -> tuple[float, float, float]:
    """Return variance and scale (µm) of the clumping, and by how much it widens the variance of a smooth contrast.

    Pair correlation of counts: sum of (x - e)(x' - e') over pairs of pixels at a distance, over the sum of e e';
    within a pixel without the Poisson part.
    """
    expected = np.where(fitted, n * odds, 0.0)
    expected *= x.sum() / expected.sum()
    residual = np.where(fitted, x - expected, 0.0)
    lag_um, pairs = _by_lag(expected, spacing_um)
    _, products = _by_lag(residual, spacing_um)
    products[0] -= x.sum()  # of each effector with itself
    used = (pairs > 0) & (lag_um <= MAX_LAG_UM)
    lag_um, pairs, products = lag_um[used], pairs[used], products[used]
    excess = products / pairs
    variances = np.linspace(0, MAX_VARIANCE, N_VARIANCES)
    best = (np.inf, 0.0, 0.0)
    for scale_um in SCALES_UM:
        model = np.expm1(variances[:, None] * np.exp(-(lag_um**2) / (4 * scale_um**2)))
        misfit = (pairs * (excess - model) ** 2).sum(axis=1)
        k = int(misfit.argmin())
        if misfit[k] < best[0] - 1e-12:
            best = (float(misfit[k]), float(variances[k]), scale_um)
    misfit, variance, scale_um = best
    # Each pair of pixels stands in the sums twice, so the variance of an excess is 2 / pairs without clumping.
    if ((pairs * excess**2).sum() - misfit) / 2 < MIN_CLUMPING_EVIDENCE:
        return 0.0, 0.0, 1.0
    model = np.expm1(variance * np.exp(-(lag_um**2) / (4 * scale_um**2)))
    return variance, scale_um, 1 + float((pairs * model).sum() / x.sum())


def _by_lag(
    image: NDArray[np.float64], spacing_um: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of products of all ordered pairs of pixels, by their distance: distances (µm, rising) and sums."""
    reach = [min(int(MAX_LAG_UM / s) + 1, n - 1) for s, n in zip(spacing_um, image.shape, strict=True)]
    dy, dx = (np.concatenate([np.arange(0, r + 1), np.arange(-r, 0)]) for r in reach)
    sums = self_products(image, dy, dx)
    lag_um = np.hypot(*np.meshgrid(dy * spacing_um[0], dx * spacing_um[1], indexing="ij"))
    lags, place = np.unique(np.round(lag_um, 6), return_inverse=True)
    totals = np.bincount(place.ravel(), weights=sums.ravel(), minlength=lags.size)
    return np.asarray(lags, dtype=np.float64), np.asarray(totals, dtype=np.float64)


def gaussian_field(
    shape: tuple[int, ...], scale_um: float, spacing_um: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a Gaussian field of variance one with correlation exp(-r² / 4 scale²), shape (rows, cols)."""
    margin = [int(np.ceil(4 * scale_um / s)) for s in spacing_um]
    padded = [fft.next_fast_len(n + m, real=True) for n, m in zip(shape, margin, strict=True)]
    ky = fft.fftfreq(padded[0], spacing_um[0])[:, None]
    kx = fft.rfftfreq(padded[1], spacing_um[1])
    amplitude = np.exp(-2 * (np.pi * scale_um) ** 2 * (ky**2 + kx**2))
    weight = np.full(kx.size, 2.0)
    weight[0] = 1.0
    if padded[1] % 2 == 0:
        weight[-1] = 1.0
    total = float((amplitude**2 * weight).sum()) / np.prod(padded)
    noise = fft.rfft2(rng.standard_normal(padded))
    return np.asarray(fft.irfft2(noise * amplitude, padded)[: shape[0], : shape[1]] / np.sqrt(total))


def draw_effectors(
    counted: CountedCells, background: Background, spacing_um: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw as many effectors as there are among the cells, by the odds of the null; shape (rows, cols).

    Successive sampling without replacement: the K smallest of independent exponential times with the odds as rates.
    """
    time = rng.standard_exponential(counted.pixel.size)
    odds = background.odds
    null = background.null
    if null.clumping_sd:
        field = gaussian_field(odds.shape, null.clumping_scale_um, spacing_um, rng)
        odds = odds * np.exp(null.clumping_sd * field)
    if np.ptp(odds) > 0:
        time /= odds.ravel()[counted.pixel]
    chosen = np.argpartition(time, counted.n_effector - 1)[: counted.n_effector]
    return np.bincount(counted.pixel[chosen], minlength=odds.size).reshape(odds.shape)
