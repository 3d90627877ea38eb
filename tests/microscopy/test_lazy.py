"""Lazy arrays slice as numpy arrays do, and read no more than they are asked for."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from napari_metime.microscopy.lazy import LazyArray, PieceCache, gather

VALUES = np.arange(3 * 20 * 30).reshape(3, 20, 30)


@pytest.fixture
def lazy() -> LazyArray:
    return LazyArray(VALUES.shape, VALUES.dtype, (7, 8), lambda key: VALUES[key])


@pytest.mark.parametrize(
    "key",
    [
        1,
        -1,
        (slice(None), 3),
        (..., 5),
        (0, ..., slice(2, 9)),
        (slice(None), slice(3, 17, 4), slice(None, None, -3)),
        (2, slice(5, 5)),
        (slice(-2, None), slice(100), np.int64(4)),
        ...,
        slice(1, 1),
    ],
)
def test_slices_are_those_of_numpy(lazy: LazyArray, key: Any) -> None:
    np.testing.assert_array_equal(lazy[key], VALUES[key])


def test_views_are_those_of_numpy(lazy: LazyArray) -> None:
    np.testing.assert_array_equal(lazy.plane(2)[4:6], VALUES[2, 4:6])
    np.testing.assert_array_equal(lazy.as_rgb()[4:6, ::2, 1], np.moveaxis(VALUES, 0, -1)[4:6, ::2, 1])
    np.testing.assert_array_equal(np.asarray(lazy), VALUES)
    assert (lazy.ndim, lazy.size, lazy.as_rgb().shape) == (3, 1800, (20, 30, 3))


@pytest.mark.parametrize("key", [3, (0, 20), (0, 0, 0, 0)])
def test_outside_is_an_error(lazy: LazyArray, key: Any) -> None:
    with pytest.raises((IndexError, ValueError)):
        lazy[key]


def test_only_the_pieces_that_are_needed_are_read() -> None:
    seen = []

    def piece(channel: int, row: int, col: int) -> Any:
        seen.append((channel, row, col))
        return VALUES[channel, row * 7 : row * 7 + 7, col * 8 : col * 8 + 8]

    part = (slice(1, 2), slice(6, 14), slice(8, 24))
    np.testing.assert_array_equal(gather(part, VALUES.dtype, (7, 8), piece), VALUES[part])
    assert seen == [(1, 0, 1), (1, 0, 2), (1, 1, 1), (1, 1, 2)]


def test_pieces_are_kept_up_to_their_bytes() -> None:
    cache, loaded = PieceCache(max_bytes=250), []

    def get(key: str) -> None:
        def load() -> Any:
            loaded.append(key)
            return np.zeros(100, "uint8")

        cache.get(key, load)

    for key in "aabacab":
        get(key)
    assert loaded == ["a", "b", "c", "b"]  # b was used last when c came, and not kept


def test_threads_that_ask_for_one_piece_decode_it_once() -> None:
    cache, loaded = PieceCache(), []
    begin = threading.Barrier(4)

    def load() -> Any:
        loaded.append(1)
        time.sleep(0.02)
        return np.zeros(3)

    def ask(_: int) -> Any:
        begin.wait()
        return cache.get("a", load)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert len(loaded) == 1
    assert all(f is found[0] for f in found)
