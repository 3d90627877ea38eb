"""Sort the m/z of some million points, stable, at the speed of the fastest unstable sort there is."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.ims.compiling import borrowing

_MAX_MOVES = 8
"""Moves per point that settling the last bits may take; where it takes more, an ordinary stable sort is faster."""


def sort_mz(mz: NDArray[Any], result: NDArray[Any]) -> NDArray[np.uint32]:
    """Fill ``result`` with m/z (no NaN) in ascending order; return the order, in which equal ones stay as they came."""
    index_bits = max(mz.size - 1, 1).bit_length()
    tagged = _tag(mz, index_bits)
    tagged.sort()
    order = np.empty(mz.size, np.uint32)
    if _untag(tagged, index_bits, mz, order, result) > _MAX_MOVES * mz.size:
        order = np.argsort(mz, kind="stable").astype(np.uint32)
        result[:] = mz[order]
    return order


@numba.njit(cache=True, nogil=True)
def _tag(mz, index_bits):  # type: ignore[no-untyped-def]
    """Return one integer per point: above, as many bits as fit of a key that ascends with m/z; below, its place.

    So the fastest sort there is, which need not be stable and carries nothing along, does nearly all of the work.
    """
    sign = np.uint64(1 << 63)
    tagged = np.empty(mz.size, np.uint64)
    lowest, highest = ~np.uint64(0), np.uint64(0)
    for i in range(mz.size):
        bits = np.float64(mz[i] + 0.0).view(np.uint64)  # + 0.0 makes -0 the same as 0
        tagged[i] = ~bits if bits & sign else bits | sign
        lowest, highest = min(lowest, tagged[i]), max(highest, tagged[i])
    key_bits = 0
    while key_bits < 64 and (highest - lowest) >> np.uint64(key_bits):
        key_bits += 1
    down, up = np.uint64(max(0, key_bits + index_bits - 64)), np.uint64(index_bits)
    for i in range(mz.size):
        tagged[i] = (((tagged[i] - lowest) >> down) << up) | np.uint64(i)
    return tagged


@borrowing
def _untag(tagged, index_bits, mz, order, result):  # type: ignore[no-untyped-def]
    """Take the places out again and settle, by insertion, what the lower bits of the keys decide; return the moves."""
    mask = np.uint64((1 << index_bits) - 1)
    n_moves = 0
    for i in range(tagged.size):
        place = np.int64(tagged[i] & mask)
        value, free = mz[place], i
        while free > 0 and result[free - 1] > value and n_moves <= _MAX_MOVES * tagged.size:
            result[free], order[free] = result[free - 1], order[free - 1]
            free -= 1
            n_moves += 1
        result[free], order[free] = value, place
    return n_moves


@borrowing
def gather(values, order, result):  # type: ignore[no-untyped-def]
    for i in range(order.size):
        result[i] = values[order[i]]
