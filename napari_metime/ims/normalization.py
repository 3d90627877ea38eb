"""What ion images are normalised by: total ion current, root mean square and median of each pixel."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.ims.blocks import load_at, map_blocks, most_points, pixel_order
from napari_metime.ims.cache import last_change_ns, load_arrays, save_arrays
from napari_metime.section import Dataset, Progress, no_progress

SETTLED_NS = 100_000_000
"""Age from which a file's later change shows in its time; younger ones are not kept in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelVectors:
    """Over all points of all spectra of a pixel: their sum, root mean square and median.

    Parameters
    ----------
    tic, rms, median : ndarray of shape (rows, cols), float64; NaN where no spectrum was taken or an intensity is NaN,
        0 where the spectra have no points
    """

    tic: NDArray[np.float64]
    rms: NDArray[np.float64]
    median: NDArray[np.float64]


def pixel_vectors(dataset: Dataset, *, on_progress: Progress = no_progress) -> PixelVectors:
    """Measure every pixel in one pass, once for each file; sums are float64 in file order."""
    key = _key(dataset)
    kept = load_arrays(key, "vectors")
    if kept is not None:
        return PixelVectors(**kept)
    vectors = np.full((3, *dataset.grid.shape), np.nan)
    flat = vectors.reshape(3, -1)
    passed = map_blocks(
        dataset,
        lambda block: _measure(block, np.empty(0, f"i{block.intensity_like.itemsize}"), most_points(block), flat),
        spectra=pixel_order(dataset),
        text="measuring the pixels",
        on_progress=on_progress,
    )
    for _ in passed:
        pass
    measured = PixelVectors(*vectors)
    if time.time_ns() - dataset.ibd_stamp[1] > SETTLED_NS:
        save_arrays(key, "vectors", {"tic": measured.tic, "rms": measured.rms, "median": measured.median})
    return measured


def scale_factors(f: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what normalises by f: median(f) / f, the median being that of the finite f on the mask.

    Parameters
    ----------
    f : ndarray of shape (rows, cols), float64
    mask : ndarray of shape (rows, cols), bool

    Returns
    -------
    ndarray of shape (rows, cols), float64
        NaN where f is NaN, 0 or negative.
    """
    known = f[mask & np.isfinite(f)]
    typical = np.median(known) if known.size else np.nan
    factors = np.full(f.shape, np.nan)
    np.divide(typical, f, out=factors, where=f > 0)
    return factors


def _key(dataset: Dataset) -> dict[str, Any]:
    """What the vectors of a dataset follow from."""
    digest = hashlib.blake2b()
    for array in (dataset.pixel, dataset.intensity_offset, dataset.intensity_length, dataset.intensity_encoded):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return {
        "ibd": str(dataset.ibd_path.resolve()),
        "stamp": [*dataset.ibd_stamp, last_change_ns(dataset.ibd_path)],
        "dtype": dataset.intensity_dtype.str,
        "shape": dataset.grid.shape,
        "spectra": digest.hexdigest(),
    }


@numba.njit(cache=True, nogil=True)
def _measure(block, bits_like, n_most, vectors):  # type: ignore[no-untyped-def]
    n_spectra, keys = block.length.size, np.empty(n_most, bits_like.dtype)
    tic, squares, n, n_nan = 0.0, 0.0, 0, 0
    for i in range(n_spectra):
        for k in range(block.length[i]):
            value = np.float64(load_at(block.raw, block.intensity_offset[i], k, block.intensity_like))
            tic += value
            squares += value * value
            n_nan += np.isnan(value)
            keys[n] = _in_order(load_at(block.raw, block.intensity_offset[i], k, bits_like), keys.itemsize)
            n += 1
        if i + 1 == n_spectra or block.pixel[i + 1] != block.pixel[i]:
            pixel = block.pixel[i]
            vectors[0, pixel] = tic
            vectors[1, pixel] = np.sqrt(squares / n) if n else 0.0
            vectors[2, pixel] = np.nan if n_nan else _median(keys[:n], block.intensity_like) if n else 0.0
            tic, squares, n, n_nan = 0.0, 0.0, 0, 0


@numba.njit(cache=True, nogil=True)
def _in_order(bits, size):  # type: ignore[no-untyped-def]
    """Turn the bits of a float, read as an integer, into an integer of the same order; and back."""
    largest = (np.int64(1) << (8 * size - 1)) - 1
    return bits ^ ((np.int64(bits) >> 63) & largest)


@numba.njit(cache=True, nogil=True)
def _median(keys, like):  # type: ignore[no-untyped-def]
    """Return the median of some floats of ``like``'s type, given as integers of the same order.

    Halves the range of integers and counts, until one half holds the lower of the middle two and
    what is below it: counting takes a tenth of the time of a partition, and no data make it slow.
    """
    n_wanted = (keys.size + 1) // 2
    low, highest = _range(keys)
    high, n_below = highest, keys.size
    while low < high and n_below > n_wanted:
        middle = (low & high) + ((low ^ high) >> 1)
        count = _count(keys, middle)
        if count < n_wanted:
            low = middle + 1
        else:
            high, n_below = middle, count
    two = np.empty(2, keys.dtype)
    two[0], two[1] = _neighbours(keys, low, high, highest)
    if n_below > n_wanted or keys.size % 2:
        two[1] = two[0]
    two[0], two[1] = _in_order(two[0], keys.itemsize), _in_order(two[1], keys.itemsize)
    lower, upper = two.view(like.dtype)
    if keys.size % 2:  # not by the sum below, which overflows where the value itself does not
        return np.float64(lower)
    return (np.float64(lower) + np.float64(upper)) / 2


# The loops below are functions of their own because they are compiled to vector instructions then.
@numba.njit(cache=True, nogil=True)
def _range(keys):  # type: ignore[no-untyped-def]
    low, high = keys[0], keys[0]
    for i in range(keys.size):
        low, high = min(low, keys[i]), max(high, keys[i])
    return np.int64(low), np.int64(high)


@numba.njit(cache=True, nogil=True)
def _count(keys, bound):  # type: ignore[no-untyped-def]
    """Count the keys up to ``bound``, all in the keys' own type: nothing has to be widened."""
    bound, count = keys.dtype.type(bound), keys.dtype.type(0)
    for i in range(keys.size):
        count = keys.dtype.type(count + keys.dtype.type(keys[i] <= bound))
    return np.int64(count)


@numba.njit(cache=True, nogil=True)
def _neighbours(keys, low, high, highest):  # type: ignore[no-untyped-def]
    """Return the largest key up to ``high`` and the smallest above it."""
    below, above = low, highest
    for i in range(keys.size):
        below = max(below, keys[i] if keys[i] <= high else low)
        above = min(above, keys[i] if keys[i] > high else highest)
    return below, above
