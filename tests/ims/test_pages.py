"""That pages of a mapped file go back while others work on it."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path

import pytest

from napari_metime.ims.pages import giving_back

pytestmark = pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system gives no pages back")


class Watched(mmap.mmap):
    """A mapped file that notes when its pages are given back."""

    given_back = threading.Event()

    def madvise(self, *args: int) -> None:
        super().madvise(*args)
        self.given_back.set()


@pytest.fixture
def mapped(tmp_path: Path) -> Watched:
    (tmp_path / "a").write_bytes(b"ab" * mmap.PAGESIZE)
    with (tmp_path / "a").open("rb") as file:
        return Watched(file.fileno(), 0, access=mmap.ACCESS_READ)


def test_pages_go_back_for_as_long_as_the_work_takes_and_nothing_is_lost(mapped: Watched) -> None:
    n_threads = threading.active_count()
    with giving_back(mapped):
        for _ in range(2):
            mapped.given_back.clear()
            assert mapped.given_back.wait(60)
        assert mapped[:] == b"ab" * mmap.PAGESIZE
    assert threading.active_count() == n_threads


def test_an_error_ends_it_too(mapped: Watched) -> None:
    n_threads = threading.active_count()
    with pytest.raises(KeyError), giving_back(mapped):
        raise KeyError
    assert threading.active_count() == n_threads
