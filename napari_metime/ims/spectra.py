"""Spectra from the memory-mapped .ibd, in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.section import Dataset

CHUNK_POINTS = 4_000_000
MAX_MZ = 1_000_000.0


class Chunk(NamedTuple):
    """Consecutive spectra: spectrum ``first + i`` holds points ``start[i]`` to ``start[i + 1]``.

    mz and intensity are float64, in file order.
    """

    first: int
    start: NDArray[np.int64]
    mz: NDArray[np.float64]
    intensity: NDArray[np.float64]


def map_ibd(dataset: Dataset) -> NDArray[np.uint8]:
    """Memory-map the .ibd, read-only."""
    try:
        return np.memmap(dataset.ibd_path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise MissingFileError(
            f"expected to read {dataset.ibd_path}, found {error}; check that the file is still there"
        ) from error


def iterate_chunks(dataset: Dataset, *, max_points: int = CHUNK_POINTS) -> Iterator[Chunk]:
    """Yield all spectra in file order, about ``max_points`` points at a time."""
    raw = map_ibd(dataset)
    for first, stop in _ranges(dataset, max_points):
        start = np.concatenate([[0], np.cumsum(dataset.intensity_length[first:stop])]).astype(np.int64)
        yield Chunk(first, start, _read(dataset, raw, first, stop, "mz"), _read(dataset, raw, first, stop, "intensity"))


def _ranges(dataset: Dataset, max_points: int = CHUNK_POINTS) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(dataset.intensity_length)
    first = 0
    while first < dataset.n_spectra:
        done = ends[first - 1] if first else 0
        stop = max(first + 1, int(np.searchsorted(ends, done + max_points, side="right")))
        yield first, stop
        first = stop


def read_spectrum(dataset: Dataset, row: int, col: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the (m/z, intensity) points of one pixel, ascending in m/z; empty where nothing was measured."""
    raw = map_ibd(dataset)
    here = np.flatnonzero((dataset.row == row) & (dataset.col == col)).tolist()
    mz = np.concatenate([np.empty(0)] + [_read(dataset, raw, i, i + 1, "mz") for i in here])
    intensity = np.concatenate([np.empty(0)] + [_read(dataset, raw, i, i + 1, "intensity") for i in here])
    order = np.argsort(mz, kind="stable")
    return mz[order], intensity[order]


def mz_range(dataset: Dataset) -> tuple[tuple[float, float], int]:
    """Return the lowest and highest m/z of the file, and how many points have an impossible one.

    Raises
    ------
    ImzMLError
        Half of the points or more have no m/z above 0 and up to a million: these are no spectra.
    """
    raw, low, high, n_points, n_possible = map_ibd(dataset), np.inf, -np.inf, 0, 0
    for first, stop in [(0, 1)] if dataset.mode == "continuous" else _ranges(dataset):
        mz = _read(dataset, raw, first, stop, "mz")
        possible = mz[(mz > 0) & (mz <= MAX_MZ)]
        n_points, n_possible = n_points + mz.size, n_possible + possible.size
        if possible.size:
            low, high = min(low, float(possible.min())), max(high, float(possible.max()))
    if 2 * n_possible <= n_points:
        raise ImzMLError(
            f"expected spectra with m/z above 0 in {dataset.ibd_path.name}, found {n_possible:,} such points of "
            f"{n_points:,}; the .ibd is damaged or belongs to another imzML, copy or export the pair again"
        )
    return (low, high), n_points - n_possible


def _read(dataset: Dataset, raw: NDArray[np.uint8], first: int, stop: int, name: str) -> NDArray[np.float64]:
    offset, length = getattr(dataset, f"{name}_offset"), getattr(dataset, f"{name}_length")
    dtype = getattr(dataset, f"{name}_dtype")
    pieces = [np.frombuffer(raw, dtype, int(length[i]), int(offset[i])) for i in range(first, stop) if length[i]]
    with np.errstate(invalid="ignore"):  # a signalling NaN of a damaged file
        return np.concatenate(pieces).astype(np.float64) if pieces else np.empty(0)
