"""Pages of memory-mapped files, given back while compiled code walks through them."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS = 0.02


@contextmanager
def giving_back(mapped: mmap.mmap) -> Iterator[None]:
    """Give the pages of a file back again and again, in a thread of its own, or one huge tag would fill the memory.

    What is still needed is read anew, from the system's cache. Does nothing where the system knows no ``madvise``.
    """
    done = threading.Event()

    def give_back() -> None:
        while not done.wait(_SECONDS):
            mapped.madvise(mmap.MADV_DONTNEED)

    thread = threading.Thread(target=give_back, daemon=True)
    if hasattr(mmap, "MADV_DONTNEED"):
        thread.start()
    try:
        yield
    finally:
        done.set()
        if thread.ident is not None:
            thread.join()
