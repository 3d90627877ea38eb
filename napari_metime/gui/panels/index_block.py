"""The offer to index the open file, its progress, and what became of it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_metime.gui.panels.step_panel import looking, say, wrapped
from napari_metime.gui.running.control_words import in_the_window
from napari_metime.gui.running.indexing import Indexing


class IndexBlock(QWidget):
    """Stands below the outcome of the first step, as soon as a file is open."""

    def __init__(self, indexing: Indexing) -> None:
        super().__init__()
        looking(self, "body")
        self._indexing = indexing
        self.words, self.error = wrapped("", "dim"), wrapped("", "error")
        self.start, self.bar, self.cancel = QPushButton("Index for speed"), QProgressBar(), QPushButton("Cancel")
        looking(self.start, "second")
        self.start.clicked.connect(indexing.build)
        self.start.setToolTip("Sort the file by m/z once, in the background; the steps go on meanwhile")
        self.cancel.clicked.connect(indexing.cancel)
        self.bar.setRange(0, 100)
        self.bar.setAccessibleName("Progress of the index")
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.bar, 1)
        line.addWidget(self.cancel)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.words)
        box.addWidget(self.error)
        box.addWidget(self.start, 0, Qt.AlignmentFlag.AlignLeft)
        box.addLayout(line)
        indexing.changed.connect(self.refresh)
        indexing.progressed.connect(self._on_progress)
        self.refresh()

    def refresh(self) -> None:
        """Show the state of the index."""
        state = self._indexing.state
        self.setVisible(self._indexing.can_build or state != "none")
        say(self.error, f"✕ {in_the_window(self._indexing.error)}" if self._indexing.error else "")
        say(self.words, self._indexing.in_words())
        self.start.setVisible(state == "none")
        for widget in (self.bar, self.cancel):
            widget.setVisible(state == "building")
        if state != "building":
            self._on_progress(0.0, "")

    def _on_progress(self, fraction: float, text: str) -> None:
        percent = int(100 * fraction)
        self.bar.setValue(percent)
        self.bar.setFormat(f"Indexing {percent} %")
        self.bar.setToolTip(text)
