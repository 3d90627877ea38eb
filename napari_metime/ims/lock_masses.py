"""How far the points around lock masses lie from them: histograms of ppm deviation, one per grid row."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.ims.blocks import Block, load_at, map_blocks, read_points
from napari_metime.ims.compiling import borrowing
from napari_metime.section import Dataset, Progress

N_BINS = 240
"""Bins of ppm deviation across the search window: 0.25 ppm at a half width of 30 ppm."""
MAX_CELLS = 4_000_000
"""Cells (row, lock mass, bin) of a histogram, 32 MB; beyond it neighbouring rows share one."""
MIN_OF_USUAL = 0.1
"""A row in which fewer spectra show a lock mass than this share of the usual number has not got it. Our default."""

SPACING_STEPS = 8
MAX_UNEVENNESS = 0.2
MAX_STEP = 0.01
"""Points farther apart than this share of their m/z are a list of peaks; the coarsest profiles have 0.001."""


class Deviations(NamedTuple):
    """Where the intensity around each lock mass lies.

    Parameters
    ----------
    histogram : ndarray of shape (bands, k, N_BINS), float64: share of the window's intensity; all 0 where it is empty
    seen : ndarray of shape (bands, k), float64: spectra with an intensity above 0 in the window
    rows_per_band : grid rows that share a histogram
    """

    histogram: NDArray[np.float64]
    seen: NDArray[np.float64]
    rows_per_band: int


def mz_scale(dataset: Dataset) -> NDArray[np.float64]:
    """The file's m/z over the true one, shape (n_spectra,)."""
    return np.ones(dataset.n_spectra) if dataset.mz_scale is None else dataset.mz_scale


def measure_deviations(
    dataset: Dataset, lock_mz: NDArray[np.float64], tolerance_ppm: float, on_progress: Progress
) -> Deviations:
    """Sum the intensities within ``tolerance_ppm`` of each lock mass by their deviation, in one pass."""
    rows, cells = dataset.grid.shape[0], lock_mz.size * N_BINS
    rows_per_band = -(-rows * cells // MAX_CELLS)
    bands = -(-rows // rows_per_band)
    histogram, seen = np.zeros((bands, lock_mz.size, N_BINS)), np.zeros((bands, lock_mz.size))
    band, order = dataset.row // rows_per_band, np.argsort(lock_mz, kind="stable")
    work = _adder(dataset, lock_mz[order], band, tolerance_ppm)
    for first, part, count in map_blocks(dataset, work, text="measuring lock masses", on_progress=on_progress):
        with np.errstate(over="ignore"):  # intensities of a damaged file, left out below
            histogram[first : first + len(part), order] += part
            seen[first : first + len(part), order] += count
    with np.errstate(over="ignore", invalid="ignore"):
        total = histogram.sum(axis=2)
    clear = (seen >= MIN_OF_USUAL * seen.max(axis=0)) & (total > 0) & np.isfinite(total)
    histogram[~clear] = 0.0
    histogram[clear] /= total[clear][:, None]
    return Deviations(histogram, seen * clear, rows_per_band)


def point_spacing_ppm(dataset: Dataset, lock_mz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of the points of a profile at each lock mass, shape (k,); 0 where they are not evenly spaced.

    Taken from the longest spectrum: the eight steps around a lock mass differ by less than a fifth.
    """
    log_mz, _ = read_points(dataset, int(dataset.intensity_length.argmax()))
    log_mz = np.log(np.sort(log_mz[np.isfinite(log_mz) & (log_mz > 0)]))
    if log_mz.size <= SPACING_STEPS:
        return np.zeros(lock_mz.size)
    first = np.searchsorted(log_mz, np.log(lock_mz)) - SPACING_STEPS // 2
    around = np.clip(first, 0, log_mz.size - SPACING_STEPS - 1)[:, None] + np.arange(SPACING_STEPS + 1)
    steps = np.diff(log_mz[around], axis=1)
    usual = np.median(steps, axis=1)
    even = (np.abs(steps - usual[:, None]) <= MAX_UNEVENNESS * usual[:, None]).all(axis=1)
    return np.where(even & (usual <= MAX_STEP), usual * 1e6, 0.0)


def _adder(
    dataset: Dataset, sorted_mz: NDArray[np.float64], band: NDArray[np.int32], tolerance_ppm: float
) -> Callable[[Block], tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    scale = mz_scale(dataset)

    def add(block: Block) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
        here = band[block.spectrum]
        first, stop = int(here.min()), int(here.max()) + 1
        histogram = np.zeros((stop - first, sorted_mz.size, N_BINS))
        seen = np.zeros(histogram.shape[:2])
        ascending = dataset.ascending[block.spectrum]
        _add_block(block, ascending, scale[block.spectrum], here - first, sorted_mz, tolerance_ppm, histogram, seen)
        return first, histogram, seen

    return add


@numba.njit(cache=True, nogil=True)
def _add_block(block, ascending, scale, band, lock_mz, tolerance_ppm, histogram, seen):  # type: ignore[no-untyped-def]
    """Add the intensities above 0 around each lock mass, which ascend."""
    low, high = lock_mz * (1 - tolerance_ppm * 1e-6), lock_mz * (1 + tolerance_ppm * 1e-6)
    last_seen = np.full(lock_mz.size, -1)
    for i in range(block.length.size):
        length, point = block.length[i], 0
        lock = 0  # the first lock mass whose window does not end before the point
        while point < length and lock < lock_mz.size:
            mz = float(load_at(block.raw, block.mz_offset[i], point, block.mz_like)) / scale[i]
            if not ascending[i]:
                lock = 0
            lock += np.searchsorted(high[lock:], mz)
            if lock < lock_mz.size and mz >= low[lock]:
                value = float(load_at(block.raw, block.intensity_offset[i], point, block.intensity_like))
                if value > 0 and value < np.inf:
                    _add_point(
                        mz, value, i, lock, lock_mz, low, tolerance_ppm, histogram[band[i]], seen[band[i]], last_seen
                    )
            point += 1
            if not ascending[i]:
                lock = 0
            elif lock < lock_mz.size and mz < low[lock]:
                point = max(point, _first_at(block, i, low[lock] * scale[i]))


@borrowing
def _add_point(mz, value, spectrum, lock, lock_mz, low, tolerance_ppm, histogram, seen, last_seen):  # type: ignore[no-untyped-def]
    """Add a point to every window that holds it, shared between the two nearest bins: their mean is the point's."""
    n_bins = histogram.shape[1]
    while lock < lock_mz.size and mz >= low[lock]:
        deviation = (mz / lock_mz[lock] - 1) * 1e6
        place = (deviation + tolerance_ppm) / (2 * tolerance_ppm) * n_bins - 0.5
        place = min(max(place, 0.0), n_bins - 1.0)
        left = min(int(place), n_bins - 2)
        histogram[lock, left] += value * (left + 1 - place)
        histogram[lock, left + 1] += value * (place - left)
        if last_seen[lock] != spectrum:
            last_seen[lock] = spectrum
            seen[lock] += 1
        lock += 1


@borrowing
def _first_at(block, spectrum, mz):  # type: ignore[no-untyped-def]
    """Return the first point of an ascending spectrum whose m/z is not below ``mz``."""
    left, right = 0, block.length[spectrum]
    while left < right:
        middle = (left + right) // 2
        if load_at(block.raw, block.mz_offset[spectrum], middle, block.mz_like) < mz:
            left = middle + 1
        else:
            right = middle
    return left
