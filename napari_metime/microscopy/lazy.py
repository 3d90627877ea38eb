"""Arrays that are read piece by piece, with the last pieces kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Read = Callable[[tuple[slice, ...]], NDArray[Any]]
"""Given one slice with step 1 for every axis, return what lies there."""
CACHE_BYTES = 64_000_000
"""Decoded pieces that are kept per image."""
AVERAGED_CHUNK = 512
"""Pixels on a side of the pieces in which a level is averaged."""
BAND_PIXELS = 1 << 22
"""Pixels that are averaged at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class LazyArray:
    """An array on disk: sliced as a numpy array is, and read only then.

    Parameters
    ----------
    shape : of (channel, y, x), or of the views (y, x) and (y, x, channel)
    chunks : pixels (y, x) of the pieces in which it is stored
    read : what reads a part of it
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, int]
    read: Read

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read what whole numbers and slices choose."""
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        where, then = zip(*(_one_slice(k, n) for k, n in zip(keys, self.shape, strict=True)), strict=True)
        return np.asarray(self.read(where)[then])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        return np.asarray(self[...], dtype=dtype)

    def plane(self, channel: int) -> LazyArray:
        """Return one channel of (channel, y, x), as (y, x)."""
        first = slice(channel, channel + 1)
        return LazyArray(self.shape[1:], self.dtype, self.chunks, lambda key: self.read((first, *key))[0])

    def as_rgb(self) -> LazyArray:
        """Return (channel, y, x) as (y, x, channel), the order in which colours are shown."""
        return LazyArray(
            (*self.shape[1:], self.shape[0]),
            self.dtype,
            self.chunks,
            lambda key: np.moveaxis(self.read((key[2], key[0], key[1])), 0, -1),
        )


def _one_slice(key: Any, n: int) -> tuple[slice, int | slice]:
    """Return the stretch to read along an axis of length n, and what to take of it."""
    if isinstance(key, slice):
        chosen = range(n)[key]
        low, high = (min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1) if len(chosen) else (0, 0)
        return slice(low, high), slice(None, None, chosen.step)
    at = range(n)[key]
    return slice(at, at + 1), 0


class PieceCache:
    """The decoded pieces that were asked for last, up to a number of bytes; any thread may ask."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes, self._n_bytes = max_bytes, 0
        self._pieces: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._loading: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return a piece, loaded where it is not kept."""
        with self._lock:
            mine = self._loading.setdefault(key, threading.Lock())
        with mine:  # two threads that ask for one piece decode it once
            with self._lock:
                piece = self._pieces.get(key)
            if piece is None:
                piece = load()
            with self._lock:
                self._keep(key, piece)
                self._loading.pop(key, None)
        return piece

    def _keep(self, key: Hashable, piece: NDArray[Any]) -> None:
        if key not in self._pieces:
            self._n_bytes += piece.nbytes
        self._pieces[key] = piece
        self._pieces.move_to_end(key)
        while self._n_bytes > self._max_bytes and len(self._pieces) > 1:
            self._n_bytes -= self._pieces.popitem(last=False)[1].nbytes


def averaged(base: LazyArray, factor: int, cache: PieceCache, *, together: bool) -> LazyArray:
    """Return an image (channel, y, x) averaged over ``factor`` x ``factor`` pixels, computed where it is looked at.

    Parameters
    ----------
    together : whether all channels are averaged when one is looked at, as they are stored in one piece
    """
    n_channels, height, width = base.shape
    shape = (n_channels, -(-height // factor), -(-width // factor))

    def chunk(channels: slice, row: int, col: int) -> NDArray[Any]:
        rows = range(row * AVERAGED_CHUNK, min((row + 1) * AVERAGED_CHUNK, shape[1]))
        cols = slice(col * AVERAGED_CHUNK * factor, min((col + 1) * AVERAGED_CHUNK * factor, width))
        n_at_once = max(1, BAND_PIXELS // (factor * (cols.stop - cols.start) * (channels.stop - channels.start)))
        bands = []
        for first in range(rows.start, rows.stop, n_at_once):
            part = slice(first * factor, min(min(first + n_at_once, rows.stop) * factor, height))
            mean = _block_means(base.read((channels, part, cols)).astype(np.float64), factor)
            bands.append((mean if base.dtype.kind == "f" else np.rint(mean)).astype(base.dtype))
        return np.concatenate(bands, axis=1)

    def piece(channel: int, row: int, col: int) -> NDArray[Any]:
        channels = slice(0, n_channels) if together else slice(channel, channel + 1)
        found = cache.get((factor, channels.start, row, col), lambda: chunk(channels, row, col))
        return np.asarray(found[channel - channels.start])

    def read(key: tuple[slice, ...]) -> NDArray[Any]:
        return gather(key, base.dtype, (AVERAGED_CHUNK, AVERAGED_CHUNK), piece)

    return LazyArray(shape, base.dtype, (AVERAGED_CHUNK, AVERAGED_CHUNK), read)


def gather(
    key: tuple[slice, ...],
    dtype: np.dtype[Any],
    chunks: tuple[int, int],
    piece: Callable[[int, int, int], NDArray[Any]],
) -> NDArray[Any]:
    """Put together a part of (channel, y, x) from pieces, by ``piece(channel, chunk row, chunk column)``."""
    channels, rows, cols = key
    found = np.empty(tuple(k.stop - k.start for k in key), dtype=dtype)
    if not found.size:
        return found
    height, width = chunks
    for row in range(rows.start // height, -(-rows.stop // height)):
        for col in range(cols.start // width, -(-cols.stop // width)):
            top, left = row * height, col * width
            y = slice(max(rows.start, top), min(rows.stop, top + height))
            x = slice(max(cols.start, left), min(cols.stop, left + width))
            for c in range(channels.start, channels.stop):
                found[
                    c - channels.start,
                    y.start - rows.start : y.stop - rows.start,
                    x.start - cols.start : x.stop - cols.start,
                ] = piece(c, row, col)[y.start - top : y.stop - top, x.start - left : x.stop - left]
    return found


@numba.njit(cache=True, nogil=True)
def _block_means(values, factor):  # type: ignore[no-untyped-def]
    """Average blocks of factor x factor pixels, the last ones smaller; NaN is left out."""
    n_channels, height, width = values.shape
    means = np.empty((n_channels, -(-height // factor), -(-width // factor)))
    for k in range(n_channels):
        for r in range(means.shape[1]):
            for c in range(means.shape[2]):
                total, n = 0.0, 0
                for y in range(r * factor, min((r + 1) * factor, height)):
                    for x in range(c * factor, min((c + 1) * factor, width)):
                        if not np.isnan(values[k, y, x]):
                            total += values[k, y, x]
                            n += 1
                means[k, r, c] = total / n if n else np.nan
    return means
