"""One file at a time to the step that it is for; what it would take the place of is asked about first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_metime.gui.arriving.asking import Question
from napari_metime.gui.arriving.dropping import TAKEN_AS, Target, target_of, unknown_in_words
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.ways import choose_way


class Taking:
    """Hands files to the steps of a dock, opens the step, and says what each file was taken for."""

    def __init__(self, bench: Bench, open_step: Callable[[Step], None], is_open: Callable[[Step], bool]) -> None:
        self._bench, self._session = bench, bench.session
        self._open_step, self._is_open = open_step, is_open

    def take(self, path: Path) -> None:
        """Hand a file to the step that it is for, and open that step."""
        session, bench = self._session, self._bench
        bench.asking.tell("")  # of a former file that nothing opens
        wants_cells = self._is_open("cells") and session.get("cells", "path") is None
        target = target_of(path, wants_cells=wants_cells)
        if target is None:
            bench.asking.tell(unknown_in_words([path]))
            bench.viewer.status = ""  # which may still say what became of a former file
        elif wants_cells and target == "data" and session.value("data") is not None:
            session.refuse("cells", f"expected cells, found {path.name}: this is an imzML; open it in step 1")
        elif self._hand_over(path, target):
            self._say(path, target)
        else:
            bench.viewer.status = ""

    def _hand_over(self, path: Path, target: Target) -> bool:
        """Hand a file over; False where it is not taken, or not before a question is answered."""
        if target == "cells":
            return self._take_cells(path)
        if target in ("landmarks", "transform"):
            return self._take_alignment(path, target)
        if target == "microscopy":
            self._open_step("align")
            self._session.put("microscopy", "", {"path": path})
        elif target in ("panel", "annotations"):
            self._open_step("metabolites")
            self._session.put("channels", "extend" if target == "panel" else "metaspace", path)
        else:
            self._bench.arrivals.open_any(path)
            return self._bench.asking.question is None
        return True

    def _say(self, path: Path, target: Target) -> None:
        words = f"{path.name}: taken as {TAKEN_AS[target]}"
        self._session.tell(words)
        self._bench.viewer.status = words

    def _take_cells(self, path: Path) -> bool:
        """Look at a table; where another one was chosen, only if that is wanted."""
        former: Path | None = self._session.get("cells", "path")
        self._open_step("cells")
        if former in (None, path):
            self._bench.look_at_cells(path, keep_roles=former == path)
            return True
        assert former is not None
        new, old = path.name, former.name
        if new == old:
            new, old = f"{path.parent.name}/{new}", f"{former.parent.name}/{old}"
        words = f"Read {new} in place of {old}? {self._lost()}Undo brings it back."

        def go() -> None:
            self._say(path, "cells")
            self._bench.look_at_cells(path)

        self._bench.asking.ask(Question(words, "Read it", "Keep the former", go))
        return False

    def _lost(self) -> str:
        if self._session.value("align") is not None:
            return "The cells have to be read and aligned again then. "
        return "Its roles go. " if self._session.get("cells", "roles") else ""

    def _take_alignment(self, path: Path, target: Target) -> bool:
        """Hand a file to step 5, which aligns by it then; pairs that were set by hand can be brought back."""
        session = self._session
        self._open_step("align")
        if session.running is not None:
            session.tell(f"align: {path.name} not taken, as a step is running")
            return False
        if target == "transform":
            choose_way(session, "path")
            session.put("align", "path", path)
        elif session.pairs.placed and session.pairs_from is None:
            choose_way(session, "landmarks")
            self._bench.landmarking.open(path)
        else:
            choose_way(session, "landmarks")
            session.put("align", "landmarks", path)
        return True
