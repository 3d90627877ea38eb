"""The part of step 5 where landmarks are set: its buttons, what to click next, the table and what the fit says."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_metime.export.placed_landmarks import PLACED
from napari_metime.gui.aligning.landmark_fit import in_words, instruction
from napari_metime.gui.aligning.landmark_table import LandmarkTable
from napari_metime.gui.panels.step_panel import looking, restyle, say, wrapped
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.running.control_words import in_the_window
from napari_metime.gui.widgets.rows import in_a_row
from napari_metime.gui.widgets.style import colours_of

FILES = "Landmarks (*.csv)"
TEACHES = (
    "Find a place on the section again among the cells, and click on both. Two pairs are enough to begin with; six or "
    "more, spread over the tissue, tell how good the fit is. An ion image with a clear edge helps."
)


class LandmarkBlock(QWidget):
    """Shows the pairs of the session and hands its buttons to the bench."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        looking(self, "body")
        self.bench, self.session = bench, bench.session
        landmarking = bench.landmarking
        self.add, self.undo = QPushButton("Add pairs"), QPushButton("Undo")
        self.open, self.save = QPushButton("Open…"), QPushButton("Save…")
        self.add.setCheckable(True)
        self.add.clicked.connect(landmarking.toggle)
        self.add.setToolTip("Click on a place of the section, then on the same place among the cells")
        self.undo.clicked.connect(landmarking.undo)
        self.undo.setToolTip("Take the last click or pair back (Ctrl+Z on the canvas)")
        self.open.clicked.connect(self._on_open)
        self.open.setToolTip("Take the pairs of a landmarks.csv in place of those here; Undo brings these back")
        self.save.clicked.connect(self._on_save)
        self.save.setToolTip("Write the pairs as landmarks.csv; an export writes them beside its recipe by itself")
        for button in (self.undo, self.open, self.save):
            looking(button, "tight")
        self.next_click, self.waits, self.source = wrapped("", "next"), wrapped("", "dim"), wrapped("", "dim")
        self.table = LandmarkTable(landmarking.remove)
        self.fit = wrapped("", "plain")
        self.mirror = QPushButton("Fit mirrored")
        self.mirror.setToolTip("Turn one of the images over, or back; the recipe says so")
        self.mirror.clicked.connect(self._on_mirror)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(in_a_row(self.add, self.undo, self.open, self.save))
        for widget in (self.next_click, self.waits, self.source, self.fit, in_a_row(self.mirror)):
            box.addWidget(widget)
        box.addWidget(self.table)  # last: it grows, and what must be seen stands above it

    def refresh(self) -> None:
        """Show the session."""
        session, landmarking = self.session, self.bench.landmarking
        pairs, judged = session.pairs, landmarking.judged
        can_start, idle = landmarking.can_start, session.running is None
        self.add.setEnabled(session.is_placing or (can_start and idle))
        self.add.setChecked(session.is_placing)
        self.add.setText("Stop" if session.is_placing else "Add pairs")
        is_first = can_start and not session.is_placing and not pairs.placed
        restyle(self.add, "look", "primary" if is_first else "second")
        self.undo.setEnabled(landmarking.can_undo)
        self.open.setEnabled(idle)
        self.save.setEnabled(bool(pairs.placed))
        told = instruction(session, is_out_of_turn=landmarking.is_out_of_turn)
        say(self.next_click, f"▸ {told}" if session.is_placing else "")
        say(self.waits, self._waits())
        named = session.get("align", "landmarks")
        say(self.source, "" if named in (None, PLACED) or not pairs.placed else f"Pairs of {Path(named).name}.")
        self.table.setVisible(bool(pairs.placed))
        self.table.show_pairs(len(pairs.placed), judged, colours_of(self.bench.viewer.theme)["stale"])
        shows_fit = bool(pairs.placed) or session.is_placing
        told = in_words(judged, mirrored=self._is_mirrored())
        say(self.fit, in_the_window(told + self._of_before_refining()) if shows_fit else "")
        self.mirror.setVisible(bool(pairs.placed) and (judged.is_mirrored or self._is_mirrored()))
        self.mirror.setText("Fit unmirrored" if self._is_mirrored() else "Fit mirrored")
        restyle(self.mirror, "look", "primary" if judged.is_mirrored else "second")

    def _waits(self) -> str:
        if not self.bench.landmarking.can_start:
            return "Pairs can be set once steps 1 and 4 are done."
        return "" if self.session.pairs.placed or self.session.is_placing else TEACHES

    def _of_before_refining(self) -> str:
        aligned = self.session.value("align") if self.session.is_current("align") else None
        is_refined = aligned is not None and aligned.refined_from is not None and aligned.refined_from.accepted
        return " This is the fit to the pairs alone, before it was refined." if is_refined else ""

    def _is_mirrored(self) -> bool:
        return bool(self.session.get("align", "mirrored"))

    def _on_mirror(self) -> None:
        self.bench.landmarking.mend()
        self.session.put("align", "mirrored", not self._is_mirrored())

    def _on_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open landmarks", "", FILES)
        if path:
            self.bench.landmarking.open(Path(path))

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save landmarks", "landmarks.csv", FILES)
        if path:
            self.bench.landmarking.save(Path(path))
