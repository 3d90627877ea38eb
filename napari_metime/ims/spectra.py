"""Spectra from the memory-mapped .ibd, in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.section import Dataset

CHUNK_POINTS = 4_000_000


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


def mz_range(dataset: Dataset) -> tuple[float, float]:
    """Lowest and highest m/z of the file; raises ImzMLError where there is not one finite m/z."""
    raw, low, high = map_ibd(dataset), np.inf, -np.inf
    for first, stop in [(0, 1)] if dataset.mode == "continuous" else _ranges(dataset):
        mz = _read(dataset, raw, first, stop, "mz")
        finite = mz[np.isfinite(mz)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if high < low or high <= 0:
        found = "none" if high < low else "m/z of 0 only"
        raise ImzMLError(f"expected spectra with points in {dataset.path.name}, found {found}; export it again")
    return low, high


def _read(dataset: Dataset, raw: NDArray[np.uint8], first: int, stop: int, name: str) -> NDArray[np.float64]:
    offset, length = getattr(dataset, f"{name}_offset"), getattr(dataset, f"{name}_length")
    dtype = getattr(dataset, f"{name}_dtype")
    pieces = [np.frombuffer(raw, dtype, int(length[i]), int(offset[i])) for i in range(first, stop) if length[i]]
    return np.concatenate(pieces).astype(np.float64) if pieces else np.empty(0)
