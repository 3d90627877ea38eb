"""Peaks of a mean spectrum: where it rises out of its own noise, and the m/z of each rise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import find_peaks

from napari_metime.errors import ImzMLError
from napari_metime.ims.mean_spectrum import MeanSpectrum

MIN_SNR = 6.0
"""The default of Cardinal's peakPick; MALDIquant's 2 is for spectra that were smoothed before."""
MERGE_PPM = 8.0
"""The widest bin of a mean spectrum of processed data: neighbours within it may be one peak."""
MIN_RISE = 0.3
"""Share of its height that a peak rises above the valley to a higher neighbour; our default."""
_BLOCK_WIDTH = 0.02
"""Width of a noise block in log m/z: 10 at m/z 500, so it holds peak-free stretches at every nominal mass."""
_MIN_BLOCK_POINTS = 100
_CHANCE_POINTS = 2.0
"""Points of one pixel each that count as noise where most places are empty; our default: a mean of few random points
is skewed; one point let 1 in 250 places through, two 1 in 8,000 or fewer (measured on uniform noise)."""
_FEW_PIXELS = 200
_REACH = 1001
"""Points within which a prominence is looked for; keeps the time linear in the points."""
_FOOT = 0.3
"""A profile peak is centred on what rises above this share of its height, or a low tail would pull; our default."""
_MAD_TO_SD = 1.4826
_MAX_MERGE_PPM = 1e5
_MIN_AXIS, _AXIS_WINDOW, _AXIS_JITTER, _AXIS_SHARE = 20, 11, 0.2, 0.9
"""A profile has at least 20 steps, 9 in 10 of them within 20 % of the median of 11 neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """Peaks of a mean spectrum, m/z ascending.

    Parameters
    ----------
    mz : ndarray of shape (n,), float64; intensity-weighted centre
    intensity : ndarray of shape (n,), float64; apex of a profile, sum of the merged bins of centroids
    snr : ndarray of shape (n,), float64; height above the local baseline over the local noise
    """

    mz: NDArray[np.float64]
    intensity: NDArray[np.float64]
    snr: NDArray[np.float64]


def pick_peaks(
    spectrum: MeanSpectrum, *, min_snr: float = MIN_SNR, merge_ppm: float = MERGE_PPM, min_rise: float = MIN_RISE
) -> Peaks:
    """Find the peaks of a mean spectrum, profile or centroid.

    An m/z axis whose spacing changes smoothly is a profile; other points farther apart than
    ``merge_ppm`` have nothing between them. Baseline and noise are the median and the scaled median
    absolute deviation in blocks of log m/z, empty places counted as 0. Where most places are empty the
    noise is what two points of one pixel each add to the mean, or points in 1 % of the pixels where these
    are fewer than 200.

    Parameters
    ----------
    min_snr : float
        Height above the baseline over the noise.
    merge_ppm : float
        Centroids nearer than this with no valley between are one peak.
    min_rise : float, 0 to 1
        A peak beside a higher one rises out of the valley by this share of its height.

    Raises
    ------
    ImzMLError
        A setting is out of its range.
    """
    _check(min_snr, merge_ppm, min_rise)
    usable = np.isfinite(spectrum.mz) & (spectrum.mz > 0)
    mz = spectrum.mz[usable]
    height, maximum = (np.nan_to_num(a[usable], posinf=0.0, neginf=0.0) for a in (spectrum.mean, spectrum.maximum))
    if not (height > 0).any():
        return Peaks(np.empty(0), np.empty(0), np.empty(0))
    is_profile, empty = _empty_places(np.log(mz), merge_ppm)
    chance = _CHANCE_POINTS * maximum / spectrum.n_pixels * min(1.0, spectrum.n_pixels / _FEW_PIXELS)
    baseline, noise = _noise(np.log(mz), height, chance, empty)
    points = np.stack([mz, height, baseline, noise])
    mz, height, baseline, noise = points if is_profile else _with_gaps(points, empty)
    least = min_snr * noise * (1.0 if is_profile else 0.5)  # half a peak may lie in the neighbouring bin
    apex, _ = find_peaks(
        height,
        plateau_size=(None, _REACH // 2),
        height=baseline + least,
        prominence=np.maximum(least, min_rise * (height - baseline)),
        wlen=_REACH,
    )
    centre, total = _centres(mz, height, baseline, noise, apex, _FOOT if is_profile else 0.0)
    above = height[apex] - baseline[apex] if is_profile else total
    snr = above / noise[apex]
    chosen = snr >= min_snr
    return Peaks(centre[chosen], (above + baseline[apex])[chosen], snr[chosen])


def _check(min_snr: float, merge_ppm: float, min_rise: float) -> None:
    if not min_snr > 0:
        raise ImzMLError(f"expected a signal-to-noise ratio above 0, found {min_snr:g}; change min_snr")
    if not 0 < merge_ppm <= _MAX_MERGE_PPM:
        raise ImzMLError(f"expected merge_ppm above 0 and up to {_MAX_MERGE_PPM:g}, found {merge_ppm:g}; change it")
    if not 0 <= min_rise <= 1:
        raise ImzMLError(f"expected a share from 0 to 1, found {min_rise:g}; change min_rise")


def _empty_places(log_mz: NDArray[np.float64], merge_ppm: float) -> tuple[bool, NDArray[np.float64]]:
    """Tell whether the axis is a profile's, and how many places without a point follow each point, shape (n,)."""
    step = np.diff(log_mz)
    if step.size >= _MIN_AXIS:
        usual = np.maximum(median_filter(step, _AXIS_WINDOW, mode="nearest"), np.finfo(np.float64).eps)
        if np.mean(np.abs(step - usual) <= _AXIS_JITTER * usual) >= _AXIS_SHARE:
            return True, np.append(np.where(step > 3 * usual, np.floor(step / usual), 0.0), 0.0)
    bins = step / (merge_ppm * 1e-6)
    return False, np.append(np.where(bins > 1, np.floor(bins), 0.0), 1.0)


def _noise(
    log_mz: NDArray[np.float64],
    height: NDArray[np.float64],
    chance: NDArray[np.float64],
    empty: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Baseline and noise at every point, interpolated between the middles of blocks."""
    n_blocks = max(1, min(math.ceil((log_mz[-1] - log_mz[0]) / _BLOCK_WIDTH), log_mz.size // _MIN_BLOCK_POINTS))
    edges = np.linspace(log_mz[0], log_mz[-1], n_blocks + 1)
    starts = np.searchsorted(log_mz, edges[:-1])
    stops = np.append(starts[1:], log_mz.size)
    middle, baseline, noise = [], [], []
    for low, high, left, right in zip(starts.tolist(), stops.tolist(), edges[:-1], edges[1:], strict=True):
        filled = height[low:high] > 0
        if not filled.any():
            continue
        n_empty = float(empty[low:high].sum())
        level = _median(height[low:high], 0.0, n_empty)
        spread = _median(np.abs(height[low:high] - level), abs(level), n_empty)
        middle.append((left + right) / 2)
        baseline.append(max(level, 0.0))
        rounding = float(np.finfo(np.float32).eps * height[low:high].max())  # where nothing else varies
        noise.append(max(_MAD_TO_SD * spread, float(np.median(chance[low:high][filled])), rounding))
    return np.interp(log_mz, middle, baseline), np.interp(log_mz, middle, noise)


def _median(values: NDArray[np.float64], other: float, n_others: float) -> float:
    """Median of ``values`` and ``n_others`` times ``other``."""
    together = np.append(values, other)
    count = np.append(np.ones(values.size), n_others)
    order = np.argsort(together, kind="stable")
    reached = np.cumsum(count[order])
    return float(together[order][np.searchsorted(reached, reached[-1] / 2)])


def _with_gaps(points: NDArray[np.float64], empty: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put a point of height 0 into every gap and at both ends; points are columns (m/z, height, ...)."""
    before = np.append(0, np.flatnonzero(empty) + 1)
    zeros = points[:, np.minimum(before, points.shape[1] - 1)]
    zeros[1] = 0.0
    return np.insert(points, before, zeros, axis=1)


@numba.njit(cache=True, nogil=True)
def _centres(mz, height, baseline, noise, apex, foot):  # type: ignore[no-untyped-def]
    """Weighted m/z of each peak, and its sum above the baseline.

    A peak reaches down both sides to its foot (a share of its height, but no less than the noise), and no
    farther than the lowest point before the next peak. A point weighs what it rises above the foot.
    """
    centre, total = np.empty(apex.size), np.empty(apex.size)
    left_end = 0
    for i in range(apex.size):
        top = apex[i]
        right_end = height.size - 1
        if i + 1 < apex.size:
            right_end = top + np.argmin(height[top : apex[i + 1]])
        rise = height[top] - baseline[top]
        level = baseline[top] + max(foot * rise, min(noise[top], 0.5 * rise))
        floor = baseline[top] + foot * rise
        first, last = top, top
        while first > left_end and height[first - 1] > level:
            first -= 1
        while last < right_end and height[last + 1] > level:
            last += 1
        weights, moment, above = 0.0, 0.0, 0.0
        for j in range(first, last + 1):
            weights += height[j] - floor
            moment += (height[j] - floor) * (mz[j] - mz[top])
            above += height[j] - baseline[top]
        centre[i], total[i] = mz[top] + moment / weights, above
        left_end = right_end
    return centre, total
