"""Sum m/z windows from the columns of an index: compiled, in the order of the file, every block checked once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.ims.compiling import borrowing
from napari_metime.ims.index_format import BLOCK, check_block


class Points(NamedTuple):
    """All points in ascending order of m/z.

    Parameters
    ----------
    n_points : records that are points; what follows fills the last block
    first_mz : ndarray of shape (n_blocks,), float64; m/z of each block's first record
    mz, intensity, spectrum : ndarray of shape (n_blocks * BLOCK,)
    position : ndarray of the same shape, the place within the spectrum; empty where m/z tells it
    """

    n_points: int
    first_mz: NDArray[np.float64]
    mz: NDArray[Any]
    intensity: NDArray[Any]
    spectrum: NDArray[np.uint32]
    position: NDArray[np.uint32]


class Channels(NamedTuple):
    """The intensities of spectra with one m/z axis, channel by channel within tiles of spectra.

    Parameters
    ----------
    tiles : ndarray of shape (n_tiles + 1,), int64; the bounds of the tiles among the spectra
    axis : ndarray of shape (n_channels,), float64, as the file has it
    channel, sorted_mz : ndarray of shape (n_channels - NaN,); the axis in ascending order
    matrix : ndarray of shape (n_blocks * BLOCK,)
    """

    tiles: NDArray[np.int64]
    axis: NDArray[np.float64]
    channel: NDArray[np.int64]
    sorted_mz: NDArray[np.float64]
    matrix: NDArray[Any]


class Guard(NamedTuple):
    """The columns as words of eight bytes, the check of each block, and whether it was compared already."""

    words: tuple[NDArray[np.uint64], ...]
    checks: NDArray[np.uint64]
    seen: NDArray[np.bool_]


class Pixels(NamedTuple):
    """Where the spectra of the index lie on the grid.

    Parameters
    ----------
    pixel : ndarray of shape (n_spectra,), int64; flat grid index, -1 for a spectrum that is not asked for
    scale : ndarray of shape (n_spectra,), float64; the file's m/z over the true one; empty: 1
    scale_range : (lowest, highest)
    blank : ndarray of shape (rows * cols,), float64: 0 where there is a spectrum, NaN elsewhere
    shares : whether a pixel has several spectra
    """

    pixel: NDArray[np.int64]
    scale: NDArray[np.float64]
    scale_range: tuple[float, float]
    blank: NDArray[np.float64]
    shares: bool


class Wanted(NamedTuple):
    """What is asked for, and where it goes.

    Parameters
    ----------
    low, high : ndarray of shape (n,), float64; true m/z, both ends included
    factors : ndarray of shape (rows * cols,), float64; empty: 1
    inside : ndarray of shape (rows * cols,), bool
    images : ndarray of shape (n, rows * cols), float32
    moments : ndarray of shape (n, 2), float64
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    factors: NDArray[np.float64]
    inside: NDArray[np.bool_]
    images: NDArray[np.float32]
    moments: NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def sum_points(wanted, points, guard, pixels):  # type: ignore[no-untyped-def]
    """Sum every window; False where a block that it touches is not as it was written."""
    total = np.empty(pixels.blank.size)
    n_blocks = points.first_mz.size
    for window in range(wanted.low.size):
        low, high = wanted.low[window], wanted.high[window]
        reach_low, reach_high = _reach(low, high, pixels.scale_range)
        first = max(_first_at_least(points.first_mz, reach_low, 0, n_blocks) - 1, 0)
        stop = _first_above(points.first_mz, reach_high, first, n_blocks)
        if not _are_intact(guard, first, stop):
            return False
        begin = _first_at_least(points.mz, reach_low, first * BLOCK, min((first + 1) * BLOCK, points.n_points))
        end = _first_above(points.mz, reach_high, max(stop - 1, first) * BLOCK, min(stop * BLOCK, points.n_points))
        order = np.empty(0, np.int64)  # m/z tells the order
        if pixels.shares or points.position.size:
            order = _file_order(points, begin, end)
        total[:] = pixels.blank
        if not _add_points(points, begin, end, order, low, high, pixels, wanted.inside, total, wanted.moments[window]):
            return False
        _finish(total, wanted.factors, wanted.images[window])
    return True


@numba.njit(cache=True, nogil=True)
def sum_channels(wanted, channels, guard, pixels):  # type: ignore[no-untyped-def]
    """Sum every window; False where a block that it touches is not as it was written."""
    total = np.empty(pixels.blank.size)
    for window in range(wanted.low.size):
        low, high = wanted.low[window], wanted.high[window]
        reach_low, reach_high = _reach(low, high, pixels.scale_range)
        first = _first_at_least(channels.sorted_mz, reach_low, 0, channels.sorted_mz.size)
        stop = _first_above(channels.sorted_mz, reach_high, first, channels.sorted_mz.size)
        chosen = np.sort(channels.channel[first:stop])  # in file order
        total[:] = pixels.blank
        for tile in range(channels.tiles.size - 1):
            if not _add_tile(
                channels, chosen, tile, low, high, guard, pixels, wanted.inside, total, wanted.moments[window]
            ):
                return False
        _finish(total, wanted.factors, wanted.images[window])
    return True


@borrowing
def _add_points(points, begin, end, order, low, high, pixels, inside, total, moments):  # type: ignore[no-untyped-def]
    """Add points to their pixels, each if it is in the window of its spectrum; False if one has no such spectrum."""
    intensity, product = 0.0, 0.0
    for i in range(begin, end):
        record = order[i - begin] if order.size else i
        spectrum = np.int64(points.spectrum[record])
        if spectrum >= pixels.pixel.size:
            return False
        pixel, mz = pixels.pixel[spectrum], np.float64(points.mz[record])
        if pixel < 0:
            continue
        if pixels.scale.size:
            scale = pixels.scale[spectrum]
            if not low * scale <= mz <= high * scale:
                continue
            mz /= scale
        value = np.float64(points.intensity[record])
        total[pixel] += value
        if inside[pixel]:
            intensity += value
            product += value * mz
    moments[0] += intensity
    moments[1] += product
    return True


@borrowing
def _add_tile(channels, chosen, tile, low, high, guard, pixels, inside, total, moments):  # type: ignore[no-untyped-def]
    """Add the chosen channels of a tile to their pixels; False where a block is not as it was written."""
    first, n_spectra = channels.tiles[tile], channels.tiles[tile + 1] - channels.tiles[tile]
    base = first * channels.axis.size
    for channel in chosen:
        start = base + channel * n_spectra
        if not _are_intact(guard, start // BLOCK, (start + n_spectra - 1) // BLOCK + 1):
            return False
    # The file goes on spectrum by spectrum; that matters only where spectra share a pixel.
    step = 1 if pixels.shares else n_spectra
    for begin in range(0, n_spectra, step):
        for channel in chosen:
            values = channels.matrix[base + channel * n_spectra : base + (channel + 1) * n_spectra]
            _add_channel(
                values, first, begin, begin + step, channels.axis[channel], low, high, pixels, inside, total, moments
            )
    return True


@borrowing
def _add_channel(values, first, begin, end, mz, low, high, pixels, inside, total, moments):  # type: ignore[no-untyped-def]
    intensity, product = 0.0, 0.0
    for i in range(begin, end):
        pixel, scale = pixels.pixel[first + i], 1.0
        if pixel < 0:
            continue
        if pixels.scale.size:
            scale = pixels.scale[first + i]
            if not low * scale <= mz <= high * scale:
                continue
        value = np.float64(values[i])
        total[pixel] += value
        if inside[pixel]:
            intensity += value
            product += value * (mz / scale)
    moments[0] += intensity
    moments[1] += product


@borrowing
def _finish(total, factors, image):  # type: ignore[no-untyped-def]
    """Multiply, and cast once."""
    for pixel in range(total.size):
        image[pixel] = total[pixel] * (factors[pixel] if factors.size else 1.0)


@numba.njit(cache=True, nogil=True)
def _file_order(points, begin, end):  # type: ignore[no-untyped-def]
    """Return records in the order of the file: by spectrum, then by place within it."""
    keys = np.empty(end - begin, np.int64)
    for i in range(end - begin):
        place = np.int64(points.position[begin + i]) if points.position.size else i
        keys[i] = (np.int64(points.spectrum[begin + i]) << 32) | place
    return np.argsort(keys) + begin


@borrowing
def _reach(low, high, scale_range):  # type: ignore[no-untyped-def]
    """Return the window of the file's own m/z that holds the windows of all spectra."""
    lowest, highest = scale_range
    return min(low * lowest, low * highest), max(high * lowest, high * highest)


@borrowing
def _are_intact(guard, first, stop):  # type: ignore[no-untyped-def]
    for block in range(first, stop):
        if not guard.seen[block]:
            if check_block(guard.words, block, guard.seen.size, block) != guard.checks[block]:
                return False
            guard.seen[block] = True
    return True


@borrowing
def _first_at_least(ascending, value, start, stop):  # type: ignore[no-untyped-def]
    while start < stop:
        middle = (start + stop) // 2
        if ascending[middle] < value:
            start = middle + 1
        else:
            stop = middle
    return start


@borrowing
def _first_above(ascending, value, start, stop):  # type: ignore[no-untyped-def]
    while start < stop:
        middle = (start + stop) // 2
        if ascending[middle] <= value:
            start = middle + 1
        else:
            stop = middle
    return start
