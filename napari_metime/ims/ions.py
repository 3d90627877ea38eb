"""Ion images: summed intensity inside m/z windows, many windows in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError
from napari_metime.ims.blocks import Block, has_one_axis, load_at, map_blocks, pixel_order, read_points
from napari_metime.ims.compiling import borrowing
from napari_metime.ims.index import Index
from napari_metime.ims.mean_spectrum import mean_spectrum
from napari_metime.ims.normalization import pixel_vectors
from napari_metime.section import Dataset, Progress, no_progress, share_of

N_FEATURES = 50
MAX_TOLERANCE = 1_000_000
WALK = 32
FEATURE_WIDTH = 0.5
"""Width of the m/z bins of ``feature_images``; wide enough for any calibration error."""


HELD_PIXELS = 1 << 26
"""Pixels of all ion images that a batch holds at once: 0.25 GB."""


@dataclass(frozen=True, slots=True, eq=False)
class IonImages:
    """Ion images and what was found in their windows.

    Parameters
    ----------
    images : ndarray of shape (n, rows, cols), float32; NaN where no spectrum was taken
    mean_mz : ndarray of shape (n,), float64; intensity-weighted m/z of the window's points on the reference, NaN
        without any
    """

    images: NDArray[np.float32]
    mean_mz: NDArray[np.float64]


class _Windows(NamedTuple):
    """m/z windows, ascending in ``low``; ``row`` is the image of each, ``reach`` the largest ``high`` so far."""

    row: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reach: NDArray[np.float64]


class _Channels(NamedTuple):
    """Windows on an axis that all spectra share: window w holds ``channel[start[w]:start[w + 1]]``."""

    start: NDArray[np.int64]
    channel: NDArray[np.int64]
    mz: NDArray[np.float64]


class _Target(NamedTuple):
    """Images of shape (n, n_pixels) to fill; per pixel the factor, and whether it counts for the mean m/z."""

    images: NDArray[np.float32]
    factor: NDArray[np.float64]
    inside: NDArray[np.bool_]


def batches(dataset: Dataset, n: int, *, images_each: int = 1) -> Iterator[slice]:
    """Divide ``n`` things into parts whose ion images fit into memory together.

    Parameters
    ----------
    images_each : how many images one of them has
    """
    rows, cols = dataset.grid.shape
    at_once = max(1, HELD_PIXELS // (rows * cols * images_each))
    for first in range(0, n, at_once):
        yield slice(first, min(first + at_once, n))


def extract_ions(
    dataset: Dataset,
    mz: NDArray[np.float64],
    *,
    tolerance_ppm: float | None = None,
    tolerance_da: float | None = None,
    factors: NDArray[np.float64] | None = None,
    reference_mask: NDArray[np.bool_] | None = None,
    index: Index | None = None,
    on_progress: Progress = no_progress,
) -> IonImages:
    """Sum the file's own points with m/z in [mz - tolerance, mz + tolerance], both ends included.

    Bounds and sums are float64 in file order, over all spectra of a pixel, times the pixel's
    factor, cast to float32 once. Where a spectrum has an ``mz_scale``, its windows are scaled by it.

    Parameters
    ----------
    mz : ndarray of shape (n,)
    tolerance_ppm, tolerance_da : float
        Half width of the window; give one.
    factors : ndarray of shape (rows, cols), float64, optional
        What to multiply each pixel by, such as ``scale_factors``; default: 1.
    reference_mask : ndarray of shape (rows, cols), bool, optional
        Pixels over which the mean m/z is taken; default: all.
    index : Index, optional
        Of this dataset (``find_index``); the images are the same to the bit, and come at once.

    Raises
    ------
    ImzMLError
        Not exactly one positive tolerance.
    """
    mz = np.asarray(mz, dtype=np.float64)
    half = _half_width(mz, tolerance_ppm, tolerance_da)
    n_pixels = dataset.grid.shape[0] * dataset.grid.shape[1]
    if index is not None and index.serves(dataset):
        flat_factors = None if factors is None else np.array(factors, dtype=np.float64).ravel()
        inside = None if reference_mask is None else np.array(reference_mask, dtype=bool).ravel()
        found = index.extract(mz - half, mz + half, flat_factors, inside)
        if found is not None:
            return _ion_images(*found, dataset.grid.shape)
    target = _Target(
        np.full((mz.size, n_pixels), np.nan, dtype=np.float32),
        np.ones(n_pixels) if factors is None else np.array(factors, dtype=np.float64).ravel(),
        np.ones(n_pixels, dtype=bool) if reference_mask is None else np.array(reference_mask, dtype=bool).ravel(),
    )
    add = _adder(dataset, mz - half, mz + half, target)
    moments = np.zeros((mz.size, 2))
    for part in map_blocks(dataset, add, spectra=pixel_order(dataset), on_progress=on_progress):
        moments += part
    return _ion_images(target.images, moments, dataset.grid.shape)


def _ion_images(images: NDArray[np.float32], moments: NDArray[np.float64], shape: tuple[int, int]) -> IonImages:
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_mz = moments[:, 1] / moments[:, 0]
    return IonImages(images.reshape(len(images), *shape), mean_mz)


def feature_images(dataset: Dataset, *, on_progress: Progress = no_progress) -> NDArray[np.float32]:
    """Images of the strongest m/z bins, for telling tissue from background.

    Returns
    -------
    ndarray of shape (n, rows, cols), float32
        The total ion current first, then up to 50 bins of 0.5 m/z with the largest summed intensity.
    """
    low, high = dataset.mz_range
    tic = pixel_vectors(dataset, on_progress=share_of(on_progress, 0.0, 0.3)).tic
    spectrum = mean_spectrum(dataset, on_progress=share_of(on_progress, 0.3, 0.6))
    n_bins = int(np.clip(np.ceil((high - low) / FEATURE_WIDTH), 1, 100_000))
    position = np.clip((spectrum.mz - low) / FEATURE_WIDTH, 0, n_bins - 1).astype(np.int64)
    totals = np.bincount(position, weights=spectrum.mean, minlength=n_bins)
    strongest = np.sort(np.argsort(totals, kind="stable")[::-1][:N_FEATURES])
    centre = np.asarray(low + (strongest[totals[strongest] > 0] + 0.5) * FEATURE_WIDTH, dtype=np.float64)
    found = extract_ions(
        dataset, centre, tolerance_da=FEATURE_WIDTH / 2, on_progress=lambda d, t: on_progress(0.6 + 0.4 * d, t)
    )
    return np.concatenate([tic[None].astype(np.float32), found.images])


def _half_width(mz: NDArray[np.float64], ppm: float | None, da: float | None) -> NDArray[np.float64]:
    given = [t for t in (ppm, da) if t is not None]
    if len(given) != 1:
        raise ImzMLError(f"expected one m/z tolerance, found ppm={ppm} and Da={da}; give one of them")
    if not 0 < given[0] <= MAX_TOLERANCE:
        raise ImzMLError(
            f"expected an m/z tolerance above 0 and up to {MAX_TOLERANCE:,}, found {given[0]:g}; change it"
        )
    return mz * ppm * 1e-6 if ppm is not None else np.full(mz.shape, float(given[0]))


def _adder(
    dataset: Dataset, low: NDArray[np.float64], high: NDArray[np.float64], target: _Target
) -> Callable[[Block], NDArray[np.float64]]:
    """Return what fills the images from a block; its value is the windows' (sum of intensity, of intensity x m/z)."""
    if has_one_axis(dataset):
        channels = _channels(read_points(dataset, 0)[0], low, high)
        return lambda block: _sum_channels(block, channels, target, np.zeros(low.size), np.zeros((low.size, 2)))
    row = np.argsort(low, kind="stable")
    windows = _Windows(row, low[row], high[row], np.maximum.accumulate(high[row]))

    def add(block: Block) -> NDArray[np.float64]:
        moments = np.empty((row.size, 2))
        moments[row] = _sum_windows(block, windows, target, np.zeros(row.size), np.zeros((row.size, 2)))
        return moments

    return add


def _channels(axis: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> _Channels:
    order = np.argsort(axis, kind="stable")
    left, right = np.searchsorted(axis[order], low), np.searchsorted(axis[order], high, side="right")
    found = [np.sort(order[a:b]) for a, b in zip(left, right, strict=True)]
    start = np.cumsum([0, *(f.size for f in found)])
    return _Channels(start, np.concatenate([*found, np.empty(0, dtype=np.int64)]), axis)


@borrowing
def _sum_channels(block, channels, target, sums, moments):  # type: ignore[no-untyped-def]
    """Fill the images from a block; ``sums`` and ``moments`` begin as zeros, the latter are returned."""
    n_windows, n_spectra = sums.size, block.length.size
    for i in range(n_spectra):
        for w in range(n_windows):
            total, weight, weighted = sums[w], 0.0, 0.0
            for at in range(channels.start[w], channels.start[w + 1]):
                channel = channels.channel[at]
                value = np.float64(load_at(block.raw, block.intensity_offset[i], channel, block.intensity_like))
                total += value
                weight += value
                weighted += value * channels.mz[channel]
            sums[w] = total
            if target.inside[block.pixel[i]]:
                moments[w, 0] += weight
                moments[w, 1] += weighted
        if i + 1 == n_spectra or block.pixel[i + 1] != block.pixel[i]:
            for w in range(n_windows):
                target.images[w, block.pixel[i]] = sums[w] * target.factor[block.pixel[i]]
                sums[w] = 0.0
    return moments


@borrowing
def _sum_windows(block, windows, target, sums, moments):  # type: ignore[no-untyped-def]
    """Fill the images from a block; ``sums`` and ``moments`` begin as zeros, the latter are returned."""
    n_windows, n_spectra = sums.size, block.length.size
    hint = 0
    for i in range(n_spectra):
        if block.ascending[i]:
            hint = _add_ascending(block, i, windows, target.inside[block.pixel[i]], hint, sums, moments)
        else:
            _add_unordered(block, i, windows, target.inside[block.pixel[i]], sums, moments)
        if i + 1 == n_spectra or block.pixel[i + 1] != block.pixel[i]:
            for w in range(n_windows):
                target.images[windows.row[w], block.pixel[i]] = sums[w] * target.factor[block.pixel[i]]
                sums[w] = 0.0
    return moments


@borrowing
def _add_ascending(block, i, windows, inside, hint, sums, moments):  # type: ignore[no-untyped-def]
    """Find the windows of spectrum i one after the other; return where the first of them begins."""
    raw, mz_offset, mz_like = block.raw, block.mz_offset[i], block.mz_like
    intensity_offset, intensity_like = block.intensity_offset[i], block.intensity_like
    length, scale, start = block.length[i], block.mz_scale[i], hint
    for w in range(windows.low.size):
        low, high = windows.low[w] * scale, windows.high[w] * scale
        stop = min(start + WALK, length) if w else start  # the next of many windows is a few points away
        while start < stop and load_at(raw, mz_offset, start, mz_like) < low:
            start += 1
        if start >= stop:
            start = _first_not_below(block, i, low, start)
        if w == 0:
            hint = start
        total, weight, weighted = sums[w], 0.0, 0.0
        k = start
        while k < length:
            mz = np.float64(load_at(raw, mz_offset, k, mz_like))
            if not mz <= high:
                break
            value = np.float64(load_at(raw, intensity_offset, k, intensity_like))
            total += value
            weight += value
            weighted += value * mz
            k += 1
        if k > start:
            sums[w] = total
            if inside:
                moments[w, 0] += weight
                moments[w, 1] += weighted / scale
    return hint


@borrowing
def _first_not_below(block, i, bound, hint):  # type: ignore[no-untyped-def]
    """Return the first point of an ascending spectrum with m/z >= bound: steps that double, away from ``hint``."""
    raw, offset, like, length = block.raw, block.mz_offset[i], block.mz_like, block.length[i]
    left = right = min(hint, length)
    step = 1
    while left > 0 and not load_at(raw, offset, left - 1, like) < bound:
        right = left - 1
        left = max(left - step, 0)
        step *= 2
    if left == right:
        while right < length and load_at(raw, offset, right, like) < bound:
            left = right + 1
            right = min(right + step, length)
            step *= 2
    while left < right:
        middle = (left + right) // 2
        if load_at(raw, offset, middle, like) < bound:
            left = middle + 1
        else:
            right = middle
    return left


@borrowing
def _add_unordered(block, i, windows, inside, sums, moments):  # type: ignore[no-untyped-def]
    """Add each point of spectrum i, in file order, to every window that holds it."""
    scale = block.mz_scale[i]
    for k in range(block.length[i]):
        mz = np.float64(load_at(block.raw, block.mz_offset[i], k, block.mz_like))
        # The windows that begin at or before the point; all that can hold it are among them.
        left, right = 0, windows.low.size
        while left < right:
            middle = (left + right) // 2
            if windows.low[middle] * scale <= mz:
                left = middle + 1
            else:
                right = middle
        for w in range(left - 1, -1, -1):
            if not mz <= windows.reach[w] * scale:
                break
            if mz <= windows.high[w] * scale:
                value = np.float64(load_at(block.raw, block.intensity_offset[i], k, block.intensity_like))
                sums[w] += value
                if inside:
                    moments[w, 0] += value
                    moments[w, 1] += value * (mz / scale)
