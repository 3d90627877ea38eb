"""Mean and maximum spectrum of the pixels of a dataset, or of some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import TissueError
from napari_metime.ims.blocks import Block, has_one_axis, load_at, map_blocks, pixel_order, read_points
from napari_metime.ims.compiling import borrowing
from napari_metime.section import Dataset, Progress, no_progress

_Columns = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
BIN_SHIFT = 6
"""Bits of a float32 that a bin leaves out: it is 2**-17 (7.6 ppm) to 2**-18 of its m/z wide."""
BINS_AT_ONCE = 1 << 17
"""Bins that a thread goes over at a time: 3 MB, which caches hold."""
MIN_MZ = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class MeanSpectrum:
    """Mean and maximum intensity over some pixels.

    Parameters
    ----------
    mz : ndarray of shape (n,), float64, ascending
    mean : ndarray of shape (n,), float64; sum over the pixels / ``n_pixels``
    maximum : ndarray of shape (n,), float64; the largest of a pixel, at least 0
    n_pixels : pixels with a spectrum that were taken
    """

    mz: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    n_pixels: int


def mean_spectrum(
    dataset: Dataset, *, mask: NDArray[np.bool_] | None = None, on_progress: Progress = no_progress
) -> MeanSpectrum:
    """Average the spectra of pixels in one pass.

    Spectra that share one m/z axis are averaged channel by channel. Others, and recalibrated ones,
    are summed in bins narrower than 8 ppm, each of which stands at the intensity-weighted m/z of
    its points; empty bins are dropped. Points whose intensity is no finite number, or whose m/z is
    outside ``dataset.mz_range`` or below 1, are left out.

    Parameters
    ----------
    mask : ndarray of shape (rows, cols), bool, optional
        Which pixels; default: all.

    Raises
    ------
    TissueError
        No pixel of the mask has a spectrum.
    """
    n_pixels = int(np.count_nonzero(dataset.measured if mask is None else dataset.measured & mask))
    if n_pixels == 0:
        raise TissueError("expected a spectrum in the chosen pixels, found none; choose pixels that were measured")
    average = _by_channel if has_one_axis(dataset) else _by_bins
    mz, total, maximum = average(dataset, pixel_order(dataset, mask), on_progress)
    return MeanSpectrum(mz, total / n_pixels, maximum, n_pixels)


def _by_channel(dataset: Dataset, spectra: NDArray[np.int64] | None, on_progress: Progress) -> _Columns:
    axis, _ = read_points(dataset, 0)
    total, maximum = np.zeros(axis.size), np.zeros(axis.size)
    for part in map_blocks(
        dataset,
        lambda block: _add_channels(block, np.zeros((2, axis.size)), np.zeros(axis.size)),
        spectra=spectra,
        text="averaging spectra",
        on_progress=on_progress,
    ):
        total += part[0]
        np.maximum(maximum, part[1], out=maximum)
    order = np.argsort(axis, kind="stable")
    low, high = dataset.mz_range
    order = order[(axis[order] >= max(low, MIN_MZ)) & (axis[order] <= high)]
    return axis[order], total[order], maximum[order]


def _by_bins(dataset: Dataset, spectra: NDArray[np.int64] | None, on_progress: Progress) -> _Columns:
    low, high = dataset.mz_range
    if dataset.mz_scale is not None:
        low, high = low / float(dataset.mz_scale.max()), high / float(dataset.mz_scale.min())
    low = max(low, MIN_MZ)
    first, last = (np.array([low, high], dtype=np.float32).view(np.int32) >> BIN_SHIFT).tolist()
    n_bins = max(last - first + 1, 0)
    bins = np.zeros((n_bins, 3))
    for part in map_blocks(
        dataset,
        lambda block: _binned(_merged(block), low, high, first, n_bins),
        spectra=spectra,
        text="averaging spectra",
        on_progress=on_progress,
    ):
        _join(bins, part)
    found = np.flatnonzero(bins[:, 0])
    total, moment, maximum = bins[found].T
    mz, (low_edge, high_edge) = moment / total, (_edge(first + found), _edge(first + found + 1))
    # Negative intensities may take a weighted mean anywhere.
    mz = np.where((mz >= low_edge) & (mz < high_edge), mz, (low_edge + high_edge) / 2)
    return mz, total, maximum


def _binned(block: Block, low: float, high: float, first: int, n_bins: int) -> NDArray[np.float64]:
    bins = np.zeros((n_bins, 3))
    _add_bins(block, low, high, first, np.zeros(block.length.size, np.int64), bins)
    return bins


def _edge(place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where bins begin: half-way between two float32, from where on m/z is rounded to the upper one."""
    above = (place << BIN_SHIFT).astype(np.int32)
    return (above.view(np.float32).astype(np.float64) + (above - 1).view(np.float32)) / 2


@borrowing
def _add_channels(block, sums, pixel):  # type: ignore[no-untyped-def]
    """Return the sum and the maximum over the pixels of a block: ``sums``, shape (2, n_channels), zero before."""
    n_channels, n_spectra = block.length[0], block.length.size
    for i in range(n_spectra):
        for k in range(n_channels):
            value = np.float64(load_at(block.raw, block.intensity_offset[i], k, block.intensity_like))
            pixel[k] += value if np.isfinite(value) else 0.0
        if i + 1 == n_spectra or block.pixel[i + 1] != block.pixel[i]:
            for k in range(n_channels):
                sums[0, k] += pixel[k]
                sums[1, k] = max(sums[1, k], pixel[k])
                pixel[k] = 0.0
    return sums


@borrowing
def _join(bins, part):  # type: ignore[no-untyped-def]
    """Add the bins of other pixels."""
    for i in range(bins.shape[0]):
        bins[i, 0] += part[i, 0]
        bins[i, 1] += part[i, 1]
        bins[i, 2] = max(bins[i, 2], part[i, 2])


@borrowing
def _add_bins(block, low, high, first, point, bins):  # type: ignore[no-untyped-def]
    """Add a block, one ascending spectrum a pixel, to the bins: sum of intensity, of intensity x m/z, largest pixel.

    The three of a bin lie side by side: they are wanted together. As many bins at a time as stay in the cache of a
    core, for all spectra, then the next ones; ``point`` says where each spectrum goes on.
    """
    for stop in range(BINS_AT_ONCE, bins.shape[0] + BINS_AT_ONCE, BINS_AT_ONCE):
        for i in range(block.length.size):
            point[i] = _add_until(block, i, point[i], min(stop, bins.shape[0]), low, high, first, bins)


@borrowing
def _add_until(block, i, point, stop, low, high, first, bins):  # type: ignore[no-untyped-def]
    """Add spectrum i from a point on to where bin ``stop`` begins; return that point."""
    raw, mz_offset, intensity_offset = block.raw, block.mz_offset[i], block.intensity_offset[i]
    length, factor = block.length[i], 1 / block.mz_scale[i]
    current, total = -1, 0.0
    while point < length:
        mz = load_at(raw, mz_offset, point, block.mz_like) * factor
        place = _bin(mz) - first
        if place >= stop:
            break
        value = np.float64(load_at(raw, intensity_offset, point, block.intensity_like))
        point += 1
        if not (low <= mz <= high and np.isfinite(value)):
            continue
        if place != current:
            if current >= 0:
                bins[current, 2] = max(bins[current, 2], total)
            current, total = place, 0.0
        total += value
        bins[place, 0] += value
        bins[place, 1] += value * mz
    if current >= 0:
        bins[current, 2] = max(bins[current, 2], total)
    return point


@borrowing
def _bin(mz):  # type: ignore[no-untyped-def]
    return np.int64(np.float32(mz).view(np.int32)) >> BIN_SHIFT


def _merged(block: Block) -> Block:
    """Return a block with one ascending spectrum a pixel, as which most files come anyway."""
    if block.ascending.all() and (np.diff(block.pixel) != 0).all():
        return block
    points = np.empty((2, int(block.length.sum())))
    _copy(block, points)
    last = np.flatnonzero(np.diff(block.pixel, append=-1))
    stop = np.cumsum(block.length)[last]
    start = np.concatenate([[0], stop[:-1]])
    for first, end in zip(start.tolist(), stop.tolist(), strict=True):
        points[:, first:end] = points[:, first + np.argsort(points[0, first:end], kind="stable")]
    raw = points.reshape(-1).view(np.uint8)
    arrays = {
        "pixel": block.pixel[last],
        "raw": raw,
        "mz_offset": start * 8,
        "intensity_offset": start * 8 + raw.size // 2,
        "length": stop - start,
        "ascending": np.ones(last.size, dtype=bool),
        "mz_scale": np.ones(last.size),
    }
    for array in arrays.values():
        array.setflags(write=False)
    return block._replace(**arrays, mz_like=np.empty(0), intensity_like=np.empty(0))


@borrowing
def _copy(block, points):  # type: ignore[no-untyped-def]
    """Fill ``points`` of shape (2, n) with true m/z and intensities."""
    n = 0
    for i in range(block.length.size):
        for k in range(block.length[i]):
            points[0, n] = load_at(block.raw, block.mz_offset[i], k, block.mz_like) / block.mz_scale[i]
            points[1, n] = load_at(block.raw, block.intensity_offset[i], k, block.intensity_like)
            n += 1
