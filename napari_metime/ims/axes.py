"""One pass over the m/z of a file: which spectra ascend, and what range they span."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError
from napari_metime.ims.blocks import Block, load_at, map_blocks
from napari_metime.section import Dataset, Progress, no_progress

MAX_MZ = 1_000_000.0


class Axes(NamedTuple):
    """What the m/z of a file are like.

    Parameters
    ----------
    ascending : ndarray of shape (n_spectra,), bool
    low, high : lowest and highest m/z above 0 and up to a million; 0 where there are no points
    n_impossible : points of any other m/z
    """

    ascending: NDArray[np.bool_]
    low: float
    high: float
    n_impossible: int


def read_axes(dataset: Dataset, *, on_progress: Progress = no_progress) -> Axes:
    """Read all m/z once.

    Raises
    ------
    ImzMLError
        Half of the points or more have no m/z above 0 and up to a million: these are no spectra.
    """
    shared = dataset.mode == "continuous"
    spectra = np.zeros(1, dtype=np.int64) if shared else None
    ascending, low, high, n_points, n_possible = [], np.inf, -np.inf, 0, 0
    for found in map_blocks(dataset, _axes_of, spectra=spectra, text="reading m/z", on_progress=on_progress):
        ascending.append(found[0])
        low, high = min(low, found[1]), max(high, found[2])
        n_points, n_possible = n_points + found[3], n_possible + found[4]
    if n_points == 0:
        low, high = 0.0, 0.0
    elif 2 * n_possible <= n_points:
        raise ImzMLError(
            f"expected spectra with m/z above 0 in {dataset.ibd_path.name}, found {n_possible:,} such points of "
            f"{n_points:,}; the .ibd is damaged or belongs to another imzML, copy or export the pair again"
        )
    flags = np.concatenate(ascending)
    return Axes(np.full(dataset.n_spectra, flags[0]) if shared else flags, low, high, n_points - n_possible)


def _axes_of(block: Block) -> tuple[NDArray[np.bool_], float, float, int, int]:
    ascending = np.empty(block.spectrum.size, dtype=np.bool_)
    low, high, n_possible = _scan_axes(block.raw, block.mz_offset, block.length, block.mz_like, ascending)
    return ascending, float(low), float(high), int(block.length.sum()), int(n_possible)


@numba.njit(cache=True, nogil=True)
def _scan_axes(raw, offset, length, like, ascending):  # type: ignore[no-untyped-def]
    low, high, n_possible = np.inf, -np.inf, 0
    for i in range(offset.size):
        n, start = length[i], offset[i]
        n_falling = 0
        for k in range(1, n):
            # Not "next < last": that would let NaN pass.
            n_falling += not (load_at(raw, start, k, like) >= load_at(raw, start, k - 1, like))
        ascending[i] = n_falling == 0 and (n != 1 or not np.isnan(load_at(raw, start, 0, like)))
        if n == 0:
            continue
        first, last = np.float64(load_at(raw, start, 0, like)), np.float64(load_at(raw, start, n - 1, like))
        if ascending[i] and first > 0 and last <= MAX_MZ:
            low, high, n_possible = min(low, first), max(high, last), n_possible + n
            continue
        for k in range(n):
            mz = np.float64(load_at(raw, start, k, like))
            if mz > 0 and mz <= MAX_MZ:
                low, high, n_possible = min(low, mz), max(high, mz), n_possible + 1
    return low, high, n_possible
