"""The columns of an index, made in bounded memory whatever the size of the file.

Points of any order: counted by m/z, dealt into buckets that fit into memory, each bucket sorted
(stable: equal m/z keep file order) and appended. One shared axis: tiles of spectra, transposed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError, OutputError
from napari_metime.ims.blocks import Block, load_at, map_blocks, read_points
from napari_metime.ims.compiling import borrowing
from napari_metime.ims.index_format import (
    AXIS,
    BLOCK,
    FIRST_MZ,
    MATRIX,
    POSITION,
    TILES,
    ColumnWriter,
    Header,
    column_dtype,
    digest,
    point_dtypes,
)
from napari_metime.ims.index_sort import gather, sort_mz
from napari_metime.section import Dataset, Progress, share_of

Columns = list[NDArray[Any]]
MIN_BUCKET, MAX_BUCKET, N_BUCKETS = 500_000, 4_000_000, 160
"""Points of a bucket: the fewer, the faster it is sorted; the more, the fewer writes it takes to deal."""
DEALT_POINTS = 2_000_000
MAX_IN_FLIGHT = 12_000_000
MAX_POINTS = 24_000_000
"""Of one bin of m/z, some 10 ppm wide; more cannot be sorted in memory."""
TILE_SPECTRA, TILE_POINTS = 1024, 4_000_000
_BIN_BITS = 18
_SORTERS = 2


class _Bins(NamedTuple):
    """Narrow bins of m/z: the keys of the first and the last one, and by how many bits keys are cut down to bins."""

    first: int
    last: int
    shift: int

    @property
    def size(self) -> int:
        """Number of bins."""
        return ((self.last - self.first) >> self.shift) + 1


class _Plan(NamedTuple):
    """Which bucket a point goes to.

    Parameters
    ----------
    limits : ndarray of shape (n_buckets + 1,), float64; bucket b holds limits[b] <= m/z < limits[b + 1], infinite ones
        included at both ends
    sizes : ndarray of shape (n_buckets,), int64; points of each bucket (where there is one: at most)
    """

    limits: NDArray[np.float64]
    sizes: NDArray[np.int64]


def write_points(dataset: Dataset, folder: Path, on_progress: Progress) -> Header:
    """Write the points of all spectra, sorted by m/z; those whose m/z is NaN are left out.

    Raises
    ------
    OutputError
        More points share one m/z than can be sorted in memory.
    """
    dtypes = point_dtypes(dataset)
    plan = _plan(dataset, share_of(on_progress, 0.0, 0.2))
    first = np.cumsum(plan.sizes) - plan.sizes
    with ColumnWriter(folder, dtypes) as writer:
        sizes = _deal_all(dataset, plan, writer, share_of(on_progress, 0.2, 0.6))
        n_points, n_done = int(sizes.sum()), 0
        for columns in _sorted_buckets(writer, first, sizes):
            n_done += columns[0].size - writer.n_kept
            writer.append(columns)
            on_progress(0.6 + 0.4 * n_done / max(n_points, 1), "sorting points by m/z")
        layout, first_mz = writer.finish()
    (folder / FIRST_MZ).write_bytes(first_mz.tobytes())
    return {**layout, "n_points": n_points, "first_mz": digest(first_mz)}


def write_channels(dataset: Dataset, folder: Path, on_progress: Progress) -> Header:
    """Write the intensities channel by channel within tiles of spectra, and the axis that all of them share."""
    axis = read_points(dataset, 0)[0].astype("<f8")
    dtypes = {MATRIX: column_dtype(dataset.intensity_dtype)}
    tiles = [0]
    with ColumnWriter(folder, dtypes) as writer:
        for stop, tile in map_blocks(
            dataset,
            partial(_turn_block, axis.size, dtypes[MATRIX]),
            max_points=min(TILE_SPECTRA * axis.size, TILE_POINTS),
            text="turning spectra into channels",
            on_progress=on_progress,
        ):
            writer.append([np.concatenate([np.empty(writer.n_kept, tile.dtype), tile])])
            tiles.append(stop)
        layout, _ = writer.finish()
    (folder / AXIS).write_bytes(axis.tobytes())
    bounds = np.array(tiles, "<i8")
    (folder / TILES).write_bytes(bounds.tobytes())
    return {**layout, "n_channels": axis.size, "axis": digest(axis), "n_tiles": len(tiles) - 1, "tiles": digest(bounds)}


def _plan(dataset: Dataset, on_progress: Progress) -> _Plan:
    """Count the points in narrow bins of m/z, and put as many bins into a bucket as it has room for."""
    n_points = int(dataset.intensity_length.sum())
    if n_points <= MIN_BUCKET:
        return _Plan(np.array([-np.inf, np.inf]), np.array([n_points]))
    known = np.isfinite(dataset.mz_range).all()
    lowest, highest = np.array(dataset.mz_range if known else (0, np.inf)).clip(min=0.0)
    bins = _Bins(
        int(_key(lowest)), int(_key(highest)), max(0, int(_key(highest) - _key(lowest)).bit_length() - _BIN_BITS)
    )
    counts = np.zeros(bins.size, np.int64)
    for found in map_blocks(
        dataset, partial(_count_block, bins), text="counting points by m/z", on_progress=on_progress
    ):
        counts += found
    if counts.max() > MAX_POINTS:
        raise OutputError(
            f"expected at most {MAX_POINTS:,} points of one m/z, found {counts.max():,}; work without an index"
        )
    room = min(max(n_points // N_BUCKETS, MIN_BUCKET), MAX_BUCKET)
    ends, bounds = np.cumsum(counts), [0]
    while bounds[-1] < counts.size:
        done = ends[bounds[-1] - 1] if len(bounds) > 1 else 0
        bounds.append(max(bounds[-1] + 1, int(np.searchsorted(ends, done + room, side="right"))))
    inner = (bins.first + (np.array(bounds[1:-1], np.int64) << bins.shift)).view(np.float64)
    return _Plan(np.concatenate([[-np.inf], inner, [np.inf]]), np.add.reduceat(counts, bounds[:-1]))


def _count_block(bins: _Bins, block: Block) -> NDArray[np.int64]:
    counts = np.zeros(bins.size, np.int64)
    _count(block, bins, counts)
    return counts


def _deal_block(plan: _Plan, dtypes: dict[str, np.dtype[Any]], block: Block) -> tuple[NDArray[np.int64], Columns]:
    n_points = int(block.length.sum())
    columns: Columns = [np.empty(n_points, dtype) for dtype in dtypes.values()]
    position = columns[3] if POSITION in dtypes else np.empty(0, np.uint32)
    places = np.zeros(plan.sizes.size + 1, np.int64)
    _count_buckets(block, plan, places)
    starts = np.cumsum(places)
    _deal(block, plan, starts.copy(), *columns[:3], position)
    return starts, columns


def _turn_block(n_channels: int, dtype: np.dtype[Any], block: Block) -> tuple[int, NDArray[Any]]:
    tile = np.empty(n_channels * block.length.size, dtype)
    _turn(block, n_channels, tile)
    return block.stop, tile


def _deal_all(dataset: Dataset, plan: _Plan, writer: ColumnWriter, on_progress: Progress) -> NDArray[np.int64]:
    """Lay the points into the columns bucket after bucket, in file order within each; return the buckets' sizes."""
    ends = np.cumsum(plan.sizes)
    first = ends - plan.sizes
    place = first.copy()
    for starts, columns in map_blocks(
        dataset,
        partial(_deal_block, plan, writer.dtypes),
        max_points=DEALT_POINTS,
        text="dealing points by m/z",
        on_progress=on_progress,
    ):
        counts = np.diff(starts)
        if (place + counts > ends).any():
            raise ImzMLError("expected the .ibd to stay as it was, found it changed while it was read; start again")
        for bucket in np.flatnonzero(counts).tolist():
            run = slice(int(starts[bucket]), int(starts[bucket + 1]))
            writer.put(int(place[bucket]), [column[run] for column in columns])
        place += counts
    return place - first


def _sorted_buckets(writer: ColumnWriter, first: NDArray[np.int64], sizes: NDArray[np.int64]) -> Iterator[Columns]:
    """Sort buckets side by side, as many as memory allows; yield their columns in order, with places kept free."""
    pending: deque[tuple[int, Future[Columns]]] = deque()
    done = np.cumsum(sizes) - sizes
    with ThreadPoolExecutor(_SORTERS) as pool:
        for place, size, n_before in zip(first.tolist(), sizes.tolist(), done.tolist(), strict=True):
            while len(pending) > _SORTERS or (pending and size + sum(n for n, _ in pending) > MAX_IN_FLIGHT):
                yield pending.popleft()[1].result()
            pending.append((size, pool.submit(_sort_bucket, writer, place, size, n_before % BLOCK)))
        while pending:
            yield pending.popleft()[1].result()


def _sort_bucket(writer: ColumnWriter, place: int, size: int, n_free: int) -> Columns:
    names = list(writer.dtypes)
    columns: Columns = [np.empty(n_free + size, dtype) for dtype in writer.dtypes.values()]
    order = sort_mz(writer.read(names[0], place, size), columns[0][n_free:])
    for name, column in zip(names[1:], columns[1:], strict=True):
        gather(writer.read(name, place, size), order, column[n_free:])
    return columns


@borrowing
def _key(mz):  # type: ignore[no-untyped-def]
    """Return an integer that ascends with m/z: the bits of a positive float64 do."""
    bits = np.float64(mz).view(np.int64)
    return bits if bits >= 0 else np.int64(-(bits & 0x7FFFFFFFFFFFFFFF))


@borrowing
def _count(block, bins, counts):  # type: ignore[no-untyped-def]
    """Count the points of each bin; NaN is in none."""
    for i in range(block.length.size):
        for k in range(block.length[i]):
            mz = load_at(block.raw, block.mz_offset[i], k, block.mz_like)
            if mz == mz:
                counts[(min(max(_key(mz), bins.first), bins.last) - bins.first) >> bins.shift] += 1


@borrowing
def _count_buckets(block, plan, counts):  # type: ignore[no-untyped-def]
    """Count the points of a block in each bucket, at the place behind it: summed up, they say where each begins."""
    bucket = 0
    for i in range(block.length.size):
        for k in range(block.length[i]):
            value = load_at(block.raw, block.mz_offset[i], k, block.mz_like)
            if value == value:
                bucket = _bucket(value, plan.limits, bucket)
                counts[bucket + 1] += 1


@borrowing
def _deal(block, plan, places, mz, intensity, spectrum, position):  # type: ignore[no-untyped-def]
    """Lay the points of a block out bucket after bucket, in file order within each, each bucket from its place on."""
    bucket = 0
    for i in range(block.length.size):
        for k in range(block.length[i]):
            value = load_at(block.raw, block.mz_offset[i], k, block.mz_like)
            if value == value:
                bucket = _bucket(value, plan.limits, bucket)
                place = places[bucket]
                places[bucket] += 1
                mz[place] = value
                intensity[place] = load_at(block.raw, block.intensity_offset[i], k, block.intensity_like)
                spectrum[place] = block.spectrum[i]
                if position.size:
                    position[place] = k


@borrowing
def _bucket(mz, limits, hint):  # type: ignore[no-untyped-def]
    """Return the bucket of a point, most often the one of the point before or the next."""
    last = limits.size - 2
    if limits[hint] <= mz:
        if hint == last or mz < limits[hint + 1]:
            return hint
        if hint + 1 == last or mz < limits[hint + 2]:
            return hint + 1
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        if limits[middle] <= mz:
            low = middle
        else:
            high = middle - 1
    return low


@borrowing
def _turn(block, n_channels, tile):  # type: ignore[no-untyped-def]
    """Transpose spectra to channels, a few channels at a time, so that what is written stays in the cache."""
    n_spectra = block.length.size
    for first in range(0, n_channels, 16):
        for i in range(n_spectra):
            for k in range(first, min(first + 16, n_channels)):
                tile[k * n_spectra + i] = load_at(block.raw, block.intensity_offset[i], k, block.intensity_like)
