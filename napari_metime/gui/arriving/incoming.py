"""Files that come together, by a drop or a choice: each goes to the step that it is for, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from npe2 import PluginManager
from qtpy.QtCore import QObject

from napari_metime.gui.arriving.dropping import DELIMITED, Target, target_of, unknown_in_words
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.docked import disconnecting
from napari_metime.gui.widgets.later import later

ORDER: tuple[Target, ...] = ("project", "recipe", "data", "panel", "annotations", "cells", "microscopy", "landmarks",
                             "transform")  # fmt: skip
"""What comes first: a section makes room for itself, so what belongs to it comes after it."""
_AT_ONCE: tuple[Target, ...] = ("project", "recipe", "data")
_NAMED_BY: dict[Target, tuple[str, str]] = {
    "cells": ("cells", "path"),
    "microscopy": ("microscopy", "path"),
    "landmarks": ("align", "landmarks"),
    "transform": ("align", "path"),
    "panel": ("channels", "extend"),
    "annotations": ("channels", "metaspace"),
}


def in_turn(paths: Sequence[Path]) -> tuple[list[tuple[Target, Path]], list[Path]]:
    """Return files with what they are for, in the order in which they are taken, and those that are for nothing."""
    found = [(target_of(path, wants_cells=False), path) for path in paths]
    known = [(target, path) for target, path in found if target is not None]
    return sorted(known, key=lambda pair: ORDER.index(pair[0])), [path for target, path in found if target is None]


def are_ours(paths: Sequence[Path], session: Session) -> bool:
    """Whether files that are dropped on the canvas are for the stepper, and not for napari or another plugin.

    Images are what napari opens by itself: they are ours beside a file that is, and where a section waits for one.
    A table always is, known or not, and so is what nothing reads: here it is told in words, napari shows a traceback.
    """
    wants_image = session.get("ims", "path") is not None and session.get("microscopy", "path") is None
    known, unknown = in_turn(paths)
    if any(target != "microscopy" or wants_image for target, _ in known):
        return True
    has_table = any(path.suffix.lower() in DELIMITED for path in unknown)
    return has_table or (bool(unknown) and not known and not any(_has_reader(path) for path in unknown))


def _has_reader(path: Path) -> bool:
    """Whether napari or one of its plugins offers to read a file."""
    return next(PluginManager.instance().iter_compatible_readers([str(path)]), None) is not None


class Incoming(QObject):
    """The files that are still to be taken: cells wait until the section that came with them is open."""

    def __init__(self, bench: Bench, take: Callable[[Path], None], after: Callable[[Step | None], None]) -> None:
        super().__init__()
        self._bench, self._session, self._take, self._after = bench, bench.session, take, after
        self._waiting: deque[tuple[Target, Path]] = deque()
        self._unknown: list[Path] = []
        self._failed: list[Step] = []
        """The steps that told an error of a file that came."""
        self._is_taking = self._has_taken = self._is_due = self._is_one = False
        self._session.changed.connect(self._on_changed)
        self._session.refused.connect(self._on_refused)
        bench.asking.changed.connect(self._on_changed)
        bench.microscope.changed.connect(self._on_changed)

    def end(self) -> Callable[[], None]:
        """Return what ends this; it does not hold it."""
        changed = disconnecting(partial(self._session.changed.disconnect, missing_ok=True), self._on_changed)
        refused = disconnecting(partial(self._session.refused.disconnect, missing_ok=True), self._on_refused)

        def end() -> None:
            changed()
            refused()

        return end

    def take(self, paths: Sequence[Path]) -> None:
        """Take files of any kind, in their order; what is none of ours is told in words once all others are in.

        A file that fails keeps no other one back; its step stands open at the end, with its error.
        """
        known, unknown = in_turn(paths)
        self._waiting, self._unknown, self._has_taken, self._failed = deque(known), unknown, False, []
        self._is_one = len(paths) == 1
        self._go_on()

    def _on_refused(self, step: Step) -> None:
        if (self._waiting or self._has_taken) and self._session.error(step):
            self._failed.append(step)

    def _on_changed(self, _: str = "") -> None:
        """Go on once what changed has been dealt with: a step that ends has not handed its result over yet."""
        if not self._is_due and (self._waiting or self._unknown or self._has_taken):
            self._is_due = True
            later(self, self._go_on)

    def _go_on(self) -> None:
        self._is_due = False
        if self._is_taking or not (self._waiting or self._unknown or self._has_taken):
            return
        self._is_taking = True
        while self._waiting and self._is_free(self._waiting[0][0]):
            target, path = self._waiting.popleft()
            self._has_taken = True
            if not self._is_named(target, path):
                self._take(path)
        self._is_taking = False
        if not self._waiting and self._is_free("cells") and not self._bench.microscope.is_opening:
            self._finish()

    def _is_free(self, target: Target) -> bool:
        is_idle = self._session.running is None and self._bench.asking.question is None
        return is_idle or target in _AT_ONCE

    def _is_named(self, target: Target, path: Path) -> bool:
        """Whether a recipe that came along names the file already, with settings of its own."""
        key = _NAMED_BY.get(target)
        return key is not None and self._session.get(*key) == path

    def _finish(self) -> None:
        """Bring the first step into sight that could not take its file, else the next one to do."""
        unknown, has_taken = self._unknown, self._has_taken
        failed = [step for step in self._failed if self._session.error(step)]
        if has_taken and self._bench.microscope.problem:
            failed.append("align")
        self._unknown, self._has_taken, self._failed = [], False, []
        if unknown:
            self._bench.asking.tell(unknown_in_words(unknown))
        if has_taken and (failed or not self._is_one):  # a single one stands in the step that took it
            self._after(failed[0] if failed else None)
