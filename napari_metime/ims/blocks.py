"""The .ibd as blocks of spectra: every pass over a file goes through here.

Arrays that lie in the file as 32 or 64 bit floats are read where they lie (memory-mapped, any
alignment); compressed and integer arrays are decoded block by block. Compiled functions take a
``Block`` apart and release the GIL, so threads work on blocks side by side.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba.core.cgutils import create_struct_proxy
from numba.extending import intrinsic
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.ims.compiling import borrowing
from napari_metime.section import Dataset, Progress, no_progress

Value = TypeVar("Value")
BLOCK_POINTS, DECODED_BLOCK_POINTS = 8_000_000, 2_000_000
"""Points of a block that is read where it lies, and of one that is decoded into memory first. Our own choice."""
MAX_PIXEL_POINTS = 1 << 25
N_THREADS = min(os.cpu_count() or 1, 8)
RELEASE_BYTES = 1 << 26
_FLOATS = (np.dtype("<f4"), np.dtype("<f8"))


class Block(NamedTuple):
    """Consecutive spectra, ready for a compiled function; ``load_at(raw, offset, i, like)`` reads a value.

    Parameters
    ----------
    first, stop : the block holds ``spectra[first:stop]`` of the pass
    spectrum : ndarray of shape (n,), int64; number of each spectrum in the dataset
    pixel : ndarray of shape (n,), int64; flat grid index of each spectrum
    raw : ndarray of uint8, read-only
    mz_offset, intensity_offset : ndarray of shape (n,), int64; byte offsets in ``raw``
    length : ndarray of shape (n,), int64; points of each spectrum
    ascending : ndarray of shape (n,), bool; as in the dataset
    mz_scale : ndarray of shape (n,), float64; as in the dataset, 1 where that has none
    mz_like, intensity_like : empty arrays, float32 or float64, that carry the type of the values
    """

    first: int
    stop: int
    spectrum: NDArray[np.int64]
    pixel: NDArray[np.int64]
    raw: NDArray[np.uint8]
    mz_offset: NDArray[np.int64]
    intensity_offset: NDArray[np.int64]
    length: NDArray[np.int64]
    ascending: NDArray[np.bool_]
    mz_scale: NDArray[np.float64]
    mz_like: NDArray[np.floating[Any]]
    intensity_like: NDArray[np.floating[Any]]


@intrinsic
def load_at(typing_context, raw, offset, number, like):  # type: ignore[no-untyped-def]
    """Read value ``number`` of an array of ``like``'s type that begins at a byte offset; nothing is checked here."""
    kind = like.dtype
    signature = kind(raw, offset, number, like)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        llvm_type = context.get_data_type(kind)
        start = builder.bitcast(builder.gep(array.data, [arguments[1]]), llvm_type.as_pointer())
        return builder.load(builder.gep(start, [arguments[2]]), align=1, typ=llvm_type)

    return signature, generate


def map_ibd(dataset: Dataset) -> tuple[mmap.mmap, NDArray[np.uint8]]:
    """Memory-map the .ibd, read-only.

    Raises
    ------
    MissingFileError
        It cannot be read.
    ImzMLError
        It is not the file any more that was opened: reading on could read beyond its end.
    """
    try:
        with dataset.ibd_path.open("rb") as file:
            stamp = file_stamp(os.fstat(file.fileno()))
            if stamp != dataset.ibd_stamp:
                raise ImzMLError(
                    f"expected {dataset.ibd_path.name} as it was when it was opened, found it changed; open it again"
                )
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if hasattr(mmap, "MADV_HUGEPAGE"):
                # A file that comes from the disk lies in large pages then: read in half the time, and mapped at once
                # by every later pass. Not every kernel can.
                with suppress(OSError):
                    mapped.madvise(mmap.MADV_HUGEPAGE)
    except (OSError, ValueError) as error:
        if isinstance(error, ImzMLError):
            raise
        raise MissingFileError(
            f"expected to read {dataset.ibd_path}, found {error}; check that the file is still there"
        ) from error
    return mapped, np.frombuffer(mapped, np.uint8)


def file_stamp(status: os.stat_result) -> tuple[int, int]:
    """Return the size and time of a file, by which a changed one is known."""
    return status.st_size, status.st_mtime_ns


def map_blocks(
    dataset: Dataset,
    work: Callable[[Block], Value],
    *,
    spectra: NDArray[np.int64] | None = None,
    max_points: int | None = None,
    text: str = "reading spectra",
    on_progress: Progress = no_progress,
) -> Iterator[Value]:
    """Call ``work`` on block after block, several at a time, and yield what it returns in order.

    Neighbouring spectra of one pixel are never cut into two blocks. Where blocks are cut does not
    depend on the machine, so what is added up block by block repeats to the bit.

    Parameters
    ----------
    work : callable
        Runs on several threads at once; should release the GIL.
    spectra : ndarray of shape (n,), int64, optional
        Which spectra, in which order; default: all, as the file has them.
    max_points : int, optional
        Points of a block; a longer pixel is a block by itself. Default: as many as memory bears.

    Raises
    ------
    MissingFileError, ImzMLError
        The .ibd cannot be read, is not what was opened, or holds more points in one pixel than memory should bear.
    """
    mapped, raw = map_ibd(dataset)
    if max_points is None:
        max_points = BLOCK_POINTS if _is_native(dataset) else DECODED_BLOCK_POINTS
    pixel = dataset.pixel.astype(np.int64, copy=False)
    lengths = dataset.intensity_length
    if spectra is not None:
        pixel, lengths = pixel[spectra], lengths[spectra]
    pending: deque[tuple[int, Future[Value]]] = deque()
    with ThreadPoolExecutor(N_THREADS) as pool:
        try:
            for first, stop in _ranges(lengths, pixel, max_points):
                chosen = slice(first, stop) if spectra is None else spectra[first:stop]
                task = pool.submit(_work_on, work, dataset, mapped, raw, chosen, first, pixel[first:stop])
                pending.append((stop, task))
                if len(pending) > N_THREADS + 1:
                    yield _finish(pending, pixel.size, text, on_progress)
            while pending:
                yield _finish(pending, pixel.size, text, on_progress)
        finally:
            for _, task in pending:
                task.cancel()


def pixel_order(dataset: Dataset, mask: NDArray[np.bool_] | None = None) -> NDArray[np.int64] | None:
    """Order the spectra so that those of one pixel follow each other, in file order; None = as the file has them.

    Parameters
    ----------
    mask : ndarray of shape (rows, cols), bool, optional
        Pixels whose spectra are wanted; default: all.
    """
    shared = np.count_nonzero(dataset.measured) < dataset.n_spectra
    if mask is None and not shared:
        return None
    chosen = np.arange(dataset.n_spectra) if mask is None else np.flatnonzero(mask[dataset.row, dataset.col])
    return chosen[np.argsort(dataset.pixel[chosen], kind="stable")] if shared else chosen


def has_one_axis(dataset: Dataset) -> bool:
    """Whether all spectra have the m/z array of the first one, and it was not recalibrated."""
    if dataset.mode != "continuous" or dataset.mz_scale is not None:
        return False
    arrays = (dataset.mz_offset, dataset.intensity_length)
    return all(bool((array == array[0]).all()) for array in arrays)


def most_points(block: Block) -> int:
    """Return the points of the pixel that has most of them."""
    ends = np.append(np.flatnonzero(np.diff(block.pixel)), block.pixel.size - 1)
    return int(np.diff(np.cumsum(block.length)[ends], prepend=0).max())


def read_points(dataset: Dataset, spectrum: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the (m/z, intensity) points of one spectrum, float64, in file order."""
    _, raw = map_ibd(dataset)
    block = _block(dataset, raw, slice(spectrum, spectrum + 1), 0, dataset.pixel[spectrum : spectrum + 1])
    mz = np.frombuffer(block.raw, block.mz_like.dtype, block.length[0], block.mz_offset[0])
    intensity = np.frombuffer(block.raw, block.intensity_like.dtype, block.length[0], block.intensity_offset[0])
    with np.errstate(invalid="ignore"):  # a signalling NaN of a damaged file
        return mz.astype(np.float64), intensity.astype(np.float64)


def iterate_spectra(dataset: Dataset, spectra: NDArray[np.int64]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield the (m/z, intensity) of each spectrum as the file has them: own types, own order, to the bit."""
    mapped, raw = map_ibd(dataset)
    unreleased = 0
    for spectrum in spectra.tolist():
        mz, intensity = (_read_array(dataset, raw, spectrum, name) for name in ("mz", "intensity"))
        yield mz, intensity
        unreleased += mz.nbytes + intensity.nbytes
        if unreleased > RELEASE_BYTES and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
            unreleased = 0


def _finish(pending: deque[tuple[int, Future[Value]]], n_spectra: int, text: str, on_progress: Progress) -> Value:
    stop, task = pending.popleft()
    value = task.result()
    on_progress(stop / n_spectra, text)
    return value


def _work_on(
    work: Callable[[Block], Value],
    dataset: Dataset,
    mapped: mmap.mmap,
    raw: NDArray[np.uint8],
    chosen: slice | NDArray[np.int64],
    first: int,
    pixel: NDArray[np.int64],
) -> Value:
    extents = [_extent(dataset, raw.size, chosen, name) for name in ("mz", "intensity")]
    value = work(_block(dataset, raw, chosen, first, pixel))
    if hasattr(mmap, "MADV_DONTNEED"):
        for start, end in extents:  # give the pages back, or a pass over a large file would fill the memory with it
            if end > start:
                mapped.madvise(mmap.MADV_DONTNEED, start, end - start)
    return value


def _extent(dataset: Dataset, n_bytes: int, chosen: slice | NDArray[np.int64], name: str) -> tuple[int, int]:
    """Return the page that the arrays of some spectra begin in, and their end."""
    encoded, dtype = getattr(dataset, f"{name}_encoded"), getattr(dataset, f"{name}_dtype")
    size, itemsize = (dataset.intensity_length, dtype.itemsize) if encoded is None else (encoded, 1)
    start, end = _span(getattr(dataset, f"{name}_offset")[chosen], size[chosen], itemsize, n_bytes)
    if start < 0:
        raise ImzMLError(f"expected arrays within {dataset.ibd_path.name}, found some beyond its end; export it again")
    return start - start % mmap.PAGESIZE, end


@borrowing
def _span(offset, size, itemsize, n_bytes):  # type: ignore[no-untyped-def]
    """Return the first byte and the end of the arrays together; -1, -1 where one lies outside the file."""
    start, end = n_bytes, 0
    for i in range(offset.size):
        if not (0 <= offset[i] <= n_bytes and 0 <= size[i] <= (n_bytes - offset[i]) // itemsize):
            return -1, -1
        start = min(start, offset[i])
        end = max(end, offset[i] + size[i] * itemsize)
    return start, end


def _ranges(lengths: NDArray[np.int64], pixel: NDArray[np.int64], max_points: int) -> Iterator[tuple[int, int]]:
    """Cut the spectra of a pass into blocks of at most ``max_points``, never within a pixel."""
    pixel_ends = np.append(np.flatnonzero(pixel[1:] != pixel[:-1]) + 1, pixel.size) if pixel.size else pixel
    points = np.cumsum(lengths)[pixel_ends - 1] if pixel.size else lengths
    if np.diff(points, prepend=0).max(initial=0) > MAX_PIXEL_POINTS:
        raise ImzMLError(f"expected at most {MAX_PIXEL_POINTS:,} points in a pixel, found more; export fewer")
    first, done, at = 0, 0, 0
    while at < pixel_ends.size:
        at = max(at + 1, int(np.searchsorted(points, done + max_points, side="right")))
        stop, done = int(pixel_ends[at - 1]), int(points[at - 1])
        yield first, stop
        first = stop


def _block(
    dataset: Dataset, raw: NDArray[np.uint8], chosen: slice | NDArray[np.int64], first: int, pixel: NDArray[np.int64]
) -> Block:
    spectrum = np.arange(chosen.start, chosen.stop) if isinstance(chosen, slice) else chosen
    length = dataset.intensity_length[chosen]
    scale = np.ones(length.size) if dataset.mz_scale is None else dataset.mz_scale[chosen]
    if _is_native(dataset):
        mz_like, intensity_like = np.empty(0, dataset.mz_dtype), np.empty(0, dataset.intensity_dtype)
        mz_offset, intensity_offset = dataset.mz_offset[chosen], dataset.intensity_offset[chosen]
    else:
        mz_like = intensity_like = np.empty(0)
        raw, mz_offset, intensity_offset = _decode(dataset, raw, spectrum)
    arrays = (spectrum, pixel, raw, mz_offset, intensity_offset, length, dataset.ascending[chosen], scale)
    for array in arrays:
        array.setflags(write=False)  # views and copies alike are of one compiled type then
    return Block(first, first + spectrum.size, *arrays, mz_like, intensity_like)


def _is_native(dataset: Dataset) -> bool:
    compressed = dataset.mz_encoded is not None or dataset.intensity_encoded is not None
    return not compressed and dataset.mz_dtype in _FLOATS and dataset.intensity_dtype in _FLOATS


def _decode(
    dataset: Dataset, raw: NDArray[np.uint8], spectra: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Return the arrays of the spectra as float64, and the byte offsets of m/z and intensities in them."""
    length = dataset.intensity_length[spectra]
    start = np.cumsum(length) - length
    mz_offset = dataset.mz_offset[spectra]
    is_shared = bool((mz_offset == mz_offset[0]).all() and (length == length[0]).all())
    axes, mz_start = (spectra[:1], np.zeros_like(start)) if is_shared else (spectra, start)
    n_mz = int(dataset.intensity_length[axes].sum())
    values = np.empty(n_mz + int(length.sum()))
    with np.errstate(invalid="ignore"):  # a signalling NaN of a damaged file
        for name, places, wanted in (("mz", mz_start, axes), ("intensity", n_mz + start, spectra)):
            for spectrum, place in zip(wanted.tolist(), places.tolist(), strict=False):
                array = _read_array(dataset, raw, spectrum, name)
                values[place : place + array.size] = array
    return values.view(np.uint8), mz_start * 8, (n_mz + start) * 8


def _read_array(dataset: Dataset, raw: NDArray[np.uint8], spectrum: int, name: str) -> NDArray[Any]:
    """Read the ``mz`` or ``intensity`` array of a spectrum in its own type, to the bit."""
    offset, length = getattr(dataset, f"{name}_offset"), getattr(dataset, f"{name}_length")
    encoded, dtype = getattr(dataset, f"{name}_encoded"), getattr(dataset, f"{name}_dtype")
    first, n_bytes = int(offset[spectrum]), int(length[spectrum]) * dtype.itemsize
    if encoded is None:
        return np.frombuffer(raw[first : first + n_bytes].tobytes(), dtype)
    data = raw[first : first + int(encoded[spectrum])].tobytes()
    return np.frombuffer(_inflate(dataset, data, n_bytes, spectrum), dtype)


def _inflate(dataset: Dataset, data: bytes, n_bytes: int, spectrum: int) -> bytes:
    """Decompress ``n_bytes``: hardly more is ever taken into memory than the XML declares."""
    try:
        found = zlib.decompressobj().decompress(data, n_bytes + 1)
    except zlib.error as error:
        raise ImzMLError(
            f"expected a zlib array at {dataset.place(spectrum)} of {dataset.ibd_path.name}, found {error}; "
            "copy or export the pair again"
        ) from error
    if len(found) != n_bytes:
        told = f"{len(found):,}" if len(found) < n_bytes else "more"
        raise ImzMLError(
            f"expected {n_bytes:,} bytes in the zlib array at {dataset.place(spectrum)}, found {told}; "
            "copy or export the pair again"
        )
    return found
