"""How sure a mean over a region is: neighbouring pixels are not independent.

What varies is alike over some distance, so a niche that is a few such distances wide holds only a few independent
values, and cutting it into tiles cannot tell how much they vary: tiles of 100 µm held the true mean in 43 to 92 % of
95 % intervals, the less the smoother the image. So how alike two places are is learned from the whole domain (the
autocovariance of what is left when each niche and the rest have lost their mean), and the variance of a mean is the sum
over all pairs of its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from napari_metime.niches.autocorrelation import self_products
from napari_metime.niches.domain import near
from napari_metime.section import Channel, Grid

MIN_EFFECTIVE = 5.0
"""Fewest independent values that the domain must hold for an interval. Our default."""
MIN_CORRELATION = 0.05
"""The first distance at which pixels share less of what the next pixel does ends the correlation. Our default."""
NOISE_ERRORS = 2.0
"""So does the first at which they share less than so many standard errors of what unrelated pixels seem to. Ours."""
_LEAST_LEFT = 0.05
CONFIDENCE = 0.95

Scale = Literal["count", "relative", "absolute"]
Part = tuple[slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An image whose mean is asked.

    Parameters
    ----------
    image : ndarray of shape (rows, cols); NaN where nothing is known
    scale : what it varies with: ``count`` with the root of its mean, ``relative`` with its mean, ``absolute`` with none
    per_pixel : what its mean per pixel is divided by
    """

    image: NDArray[np.generic]
    scale: Scale
    per_pixel: float = 1.0

    @classmethod
    def of_channel(cls, channel: Channel) -> Quantity:
        """A logarithm, and what may be negative, varies alike everywhere; an intensity with its mean."""
        alike = channel.is_logarithmic or float(np.nanmin(channel.image, initial=0.0)) < 0
        return cls(channel.image, "absolute" if alike else "relative")


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Values with their 95 % limits, each of shape (n_quantities,); NaN where nothing can be said."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def as_columns(self) -> NDArray[np.float64]:
        """Return value, low, high of the first, then of the second, shape (3 n_quantities,)."""
        return np.stack([self.value, self.low, self.high], axis=1).ravel()


class SpatialErrors:
    """Means over regions with limits that allow for autocorrelation.

    Parameters
    ----------
    domain : ndarray of shape (rows, cols), bool: where is learned how alike two places are
    labels : ndarray of shape (rows, cols): niches, 0 outside; each loses its own mean
    """

    def __init__(
        self, grid: Grid, domain: NDArray[np.bool_], labels: NDArray[np.int32], quantities: Sequence[Quantity]
    ) -> None:
        self._quantities, self._spacing = tuple(quantities), grid.spacing_um
        self._step = max(grid.spacing_um)
        box = near(domain, 0.0, grid.spacing_um)
        shape = domain[box].shape
        sides = [n * s for n, s in zip(shape, grid.spacing_um, strict=True)]
        self._n_bins = max(int(min(sides, default=0.0) / 2 / self._step), 1) + 1
        # Images are mostly known in the same pixels: what depends on these alone is done once for each such set.
        self._known: list[NDArray[np.bool_]] = []
        self._group = np.array([self._group_of(np.isfinite(q.image)) for q in self._quantities], dtype=np.intp)
        self._covariance = np.zeros((len(self._quantities), self._n_bins))
        self._effective = np.full(len(self._quantities), np.inf)
        if not domain.any():
            return
        lags = _Lags(shape, grid.spacing_um, self._step, self._n_bins)
        pairs = [lags.sums((domain & known)[box].astype(np.float64)) for known in self._known]
        for i, quantity in enumerate(self._quantities):
            known = (domain & self._known[self._group[i]])[box]
            if not known.any():
                continue
            left = _residual(quantity.image[box], known, labels[box], quantity.scale)
            self._covariance[i], self._effective[i] = _covariance(lags.sums(left), pairs[self._group[i]])

    def mean(self, region: NDArray[np.bool_], part: Part) -> Estimates:
        """Means over a region, with limits.

        Parameters
        ----------
        region : ndarray, bool, of the shape of ``part`` of the grid
        """
        value, n = self._means(region, part)
        weights = [_even(region & known[part]) for known in self._known]
        variance, t = self._variance(weights), self._t()
        low, high = np.full((2, value.size), np.nan)
        for i, quantity in enumerate(self._quantities):
            spread = t[i] * np.sqrt(variance[i])
            if not np.isfinite(t[i]) or n[i] == 0:
                continue
            if quantity.scale == "absolute":
                low[i], high[i] = value[i] - spread, value[i] + spread
            elif quantity.scale == "relative" and value[i] > 0:
                low[i], high[i] = value[i] * np.exp(-spread), value[i] * np.exp(spread)
            elif quantity.scale == "count":
                low[i], high[i] = _count_limits(value[i] * n[i], max(variance[i] * n[i], 1.0)) / n[i]
        per_pixel = np.array([q.per_pixel for q in self._quantities])
        return Estimates(value / per_pixel, low / per_pixel, high / per_pixel)

    def contrast(self, region: NDArray[np.bool_], rest: NDArray[np.bool_]) -> Estimates:
        """log2 of the ratio of two means, or their difference where a quantity is absolute, with limits.

        Parameters
        ----------
        region, rest : ndarray of shape (rows, cols), bool
        """
        whole = (slice(None), slice(None))
        (inside, _), (outside, _) = self._means(region, whole), self._means(rest, whole)
        part = near(region | rest, 0.0, self._spacing)
        weights = [_even((region & known)[part]) - _even((rest & known)[part]) for known in self._known]
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.log2(inside) - np.log2(outside)
            unit = np.full(change.size, np.log(2))
            for i, quantity in enumerate(self._quantities):
                if quantity.scale == "absolute":
                    change[i], unit[i] = inside[i] - outside[i], 1.0
            change = np.where(np.isfinite(change), change, np.nan)
            spread = self._t() * np.sqrt(self._variance(weights)) / unit
        return Estimates(change, change - spread, change + spread)

    def _group_of(self, known: NDArray[np.bool_]) -> int:
        for i, other in enumerate(self._known):
            if np.array_equal(known, other):
                return i
        self._known.append(known)
        return len(self._known) - 1

    def _means(self, region: NDArray[np.bool_], part: Part) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean per pixel, NaN without any, and the number of pixels that it is of."""
        here = [np.nonzero(region & known[part]) for known in self._known]
        n = np.array([here[group][0].size for group in self._group], dtype=np.float64)
        pairs = zip(self._quantities, self._group, strict=True)
        total = np.array([q.image[part][here[group]].sum(dtype=np.float64) for q, group in pairs], dtype=np.float64)
        return np.where(n > 0, total / np.maximum(n, 1), np.nan), n

    def _variance(self, weights: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Sum over all pairs of pixels of weight times weight times covariance, shape (n_quantities,)."""
        if not weights or not weights[0].size:
            return np.full(len(self._quantities), np.nan)
        lags = _Lags(weights[0].shape, self._spacing, self._step, self._n_bins)
        sums = np.array([lags.sums(weight) for weight in weights])
        return np.asarray(np.maximum((sums[self._group] * self._covariance).sum(axis=1), 0.0))

    def _t(self) -> NDArray[np.float64]:
        """Return how many standard errors the limits are away; NaN with too few independent values."""
        enough = self._effective >= MIN_EFFECTIVE
        freedom = np.where(enough, self._effective - 1, 1.0)
        return np.where(enough, stats.t.ppf((1 + CONFIDENCE) / 2, freedom), np.nan)


class _Lags:
    """Sums of products of an image with itself, by the distance between the two pixels.

    Parameters
    ----------
    step : width of a class of distances in µm
    """

    def __init__(self, shape: tuple[int, ...], spacing_um: tuple[float, float], step: float, n_bins: int) -> None:
        reach = [min(int(n_bins * step / s), n - 1) for s, n in zip(spacing_um, shape, strict=True)]
        rows, cols = (np.arange(-r, r + 1) for r in reach)
        self._rows, self._cols = rows, cols
        distance = np.hypot(rows[:, None] * spacing_um[0], cols * spacing_um[1])
        self._bins = np.minimum(np.rint(distance / step).astype(np.intp), n_bins).ravel()
        self._n_bins = n_bins

    def sums(self, image: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over all ordered pairs of pixels at each distance, shape (n_bins,)."""
        products = self_products(image, self._rows, self._cols)
        sums = np.bincount(self._bins, weights=products.ravel(), minlength=self._n_bins + 1)[: self._n_bins]
        return np.asarray(sums, dtype=np.float64)


def _even(region: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(region / max(int(region.sum()), 1), dtype=np.float64)


def _residual(
    image: NDArray[np.generic], known: NDArray[np.bool_], labels: NDArray[np.int32], scale: Scale
) -> NDArray[np.float64]:
    """What is left without the mean of its niche or of the rest, in units of what it varies with; 0 where unknown."""
    value, region = image[known].astype(np.float64), labels[known]
    n = np.maximum(np.bincount(region), 1)
    mean = (np.bincount(region, weights=value) / n)[region]
    unit = np.ones_like(mean) if scale == "absolute" else np.sqrt(mean) if scale == "count" else mean
    left = np.zeros(image.shape)
    left[known] = np.where(unit > 0, (value - mean) / np.where(unit > 0, unit, 1.0), 0.0)
    return left


def _covariance(products: NDArray[np.float64], pairs: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Autocovariance by distance, and how many independent values the domain holds.

    Taking the mean away takes the variance V of the mean from every covariance; V is the mean over pairs of
    what then is too little, so V = sum(w C) / (1 - sum(w)) over the distances at which there is any.
    """
    there = np.maximum(pairs, 1.0)
    seen = products / there
    if seen[0] <= 0:
        return np.zeros_like(seen), np.inf
    # Beside what is different in every pixel (ion noise, Poisson counts), correlation is what the next pixel shares.
    noise = NOISE_ERRORS * seen[0] / np.sqrt(there / 2)
    below = np.flatnonzero(seen[1:] < np.maximum(MIN_CORRELATION * seen[1], noise[1:]))
    stop = 1 + int(below[0]) if below.size else seen.size
    share = np.maximum(pairs, 0.0)[:stop] / pairs[0] ** 2
    of_mean = share @ seen[:stop] / max(1 - share.sum(), _LEAST_LEFT)
    covariance = np.zeros_like(seen)
    covariance[:stop] = seen[:stop] + of_mean
    return covariance, float(covariance[0] / of_mean)


def _count_limits(count: float, dispersion: float) -> NDArray[np.float64]:
    """Exact 95 % limits of a Poisson mean (Garwood 1936, Biometrika 28:437) of count / dispersion, times dispersion."""
    tail, fewer = (1 - CONFIDENCE) / 2, count / dispersion
    low = stats.chi2.ppf(tail, 2 * fewer) / 2 if fewer > 0 else 0.0
    return np.array([low, stats.chi2.ppf(1 - tail, 2 * (fewer + 1)) / 2]) * dispersion
