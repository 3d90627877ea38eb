"""Cancel every step at random moments in the real window: how soon it answers, and what is left.

Part of window.py. Each step is run to its end once, which says how long its thread works, then started again and
cancelled, each time at a moment that all of this time is equally likely for. The window is free once the step no longer
says that it runs and the next events have been handled; the thread ends at its next report of progress. Then the former
result must be the current one still, the results folder byte for byte as it was, and nothing else be in the folder.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton
from window_clock import rest, run_until

from napari_metime.gui.state.chain import Step

if TYPE_CHECKING:
    from window import Window

TRIES = 4
"""So many starts for one cancel: the thread may be done before its moment, as another start may take less time."""


@dataclass(frozen=True)
class Cancel:
    """One cancelled run.

    Parameters
    ----------
    free_s, gone_s : from the click until the window was free again, and until its thread was gone
    stands : the former result stands as it stood, in the window and on disk, and nothing else is left
    """

    step: str
    free_s: float
    gone_s: float
    stands: bool


@dataclass(frozen=True)
class Cancelled:
    """The cancelled runs of one step, and how long its thread works."""

    name: str
    seconds: float
    runs: list[Cancel]


@dataclass(frozen=True)
class Start:
    """How a step is started, stopped and looked at."""

    name: str
    step: Step
    start: Callable[[], object]
    cancel: QPushButton
    is_over: Callable[[], bool]
    job: Callable[[], threading.Event]


def cancel_each(window: Window, times: int) -> list[Cancelled]:
    """Cancel every step at random moments."""
    rng, told = np.random.default_rng(0), []
    for start in _starts(window):
        window.press(window.dock.panels[start.step].header)
        rest(0.3)
        if start.name == "index":
            _forget_index(window)
        whole_s, runs = _working_s(start), []
        rest(0.3)
        for share in rng.uniform(0.0, 1.0, TRIES * times):
            if len(runs) == times:
                break
            runs.extend(_cancel(window, start, share * whole_s))
        told.append(Cancelled(start.name, whole_s, runs))
        print(f"{start.name}: {whole_s:.2f} s, {len(runs)} times cancelled", flush=True)
    return told


def _starts(window: Window) -> list[Start]:
    bench, panels, blocks = window.bench, window.dock.panels, window.dock.panels["align"]
    steps: list[tuple[str, Step, Callable[[], object]]] = [
        ("open", "data", lambda: bench.run("data")),  # its button is there only before the file is open
        ("tissue", "tissue", lambda: window.press(panels["tissue"].primary)),
        ("find regions", "tissue", lambda: window.press(panels["tissue"].regions.start)),
        ("metabolites", "metabolites", lambda: window.press(panels["metabolites"].primary)),
        ("cells", "cells", lambda: window.press(panels["cells"].primary)),
        ("align", "align", lambda: window.press(panels["align"].primary)),
        ("refine", "align", lambda: window.press(blocks.refine.refine)),
        ("niches", "niches", lambda: window.press(panels["niches"].primary)),
        ("export", "export", lambda: window.press(panels["export"].primary)),
    ]
    starts = [
        Start(name, step, start, panels[step].cancel, window.idle, lambda: bench._job.over)
        for name, step, start in steps
    ]
    indexing, block = bench.indexing, panels["data"].index
    is_over = lambda: indexing.state != "building"  # noqa: E731
    index = Start("index", "data", lambda: window.press(block.start), block.cancel, is_over, lambda: indexing._job.over)
    return [starts[0], index, *starts[1:]]


def _forget_index(window: Window) -> None:
    """Take away the index that may be there, and let the window see that."""
    indexing = window.bench.indexing
    if indexing.index is not None:
        shutil.rmtree(indexing.index.folder)
        indexing.look_for(window.session.value("data").dataset)
        rest(0.3)
    assert indexing.can_build


def _working_s(start: Start) -> float:
    """Run a step, and return how long its thread was at work: what napari draws afterwards cannot be cancelled."""
    begin_s, ends_s = time.monotonic(), []
    start.start()
    over = start.job()
    waiting = threading.Thread(target=lambda: ends_s.append(over.wait() and time.monotonic()))
    waiting.start()
    run_until(start.is_over)
    waiting.join()
    return ends_s[0] - begin_s


def _cancel(window: Window, start: Start, after_s: float) -> list[Cancel]:
    """Start a step and click Cancel after a while; nothing where it was done by then."""
    if start.name == "index":
        _forget_index(window)
    before = _state(window, start.step)
    click_s = time.monotonic() + after_s
    start.start()
    over = start.job()
    run_until(lambda: time.monotonic() >= click_s or over.is_set())
    if over.is_set():
        run_until(start.is_over)
        rest(0.1)
        return []
    click_s = time.monotonic()
    QTest.mouseClick(start.cancel, Qt.MouseButton.LeftButton)
    run_until(lambda: start.is_over() and not start.cancel.isVisible())
    free_s = time.monotonic() - click_s
    over.wait()
    gone_s = time.monotonic() - click_s
    rest(0.2)
    return [Cancel(start.name, free_s, gone_s, _state(window, start.step) == before)]


def _state(window: Window, step: Step) -> tuple[object, ...]:
    """Return the result of a step, by identity, its state, and the names and checksums of all files."""
    session, folder = window.session, window.recipe.parent
    value = session.value(step)
    return id(value), session.state(step), session.is_current(step), _digests(folder)


def _digests(folder: Path) -> dict[str, str]:
    """Checksums of the files of a folder, but for what it was made of; of a file of 0 bytes too, and of folders."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            continue
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


def cancel_table(cancels: list[Cancelled]) -> str:
    """Return the table of the cancelled runs."""
    lines = [
        "| step | its thread takes (s) | cancelled | window free again: median, longest (ms) "
        "| thread gone: median, longest (ms) | former result and files as before |",
        "|---|---|---|---|---|---|",
    ]
    for each in cancels:
        cells = [each.name, f"{each.seconds:.2f}", str(len(each.runs))]
        for key in ("free_s", "gone_s"):
            seconds = np.array([getattr(run, key) for run in each.runs])
            cells.append(f"{1000 * np.median(seconds):.0f}, {1000 * seconds.max():.0f}" if seconds.size else "–")
        cells.append(f"{sum(run.stands for run in each.runs)} of {len(each.runs)}" if each.runs else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
