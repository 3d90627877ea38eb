"""A tab of the lower dock: words until there is something to show, and a line above it where that is out of date."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_metime.gui.running.words import STEP_NAMES, stale_in_words
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.session import Session
from napari_metime.gui.views.metabolite_tab import NO_FILE

EMPTY = {
    "Spectrum": "The mean spectrum of the section comes here with step 1, which opens a file.",
    "Calibration": "How far the lock masses lay from their true m/z, before and after, comes here with step 1, where "
    "it recalibrates the file (More settings, Recalibrate).",
    "Metabolites": NO_FILE,
    "Niches": "The cold niches come here with step 6, a row each: how large, how cold and how sure.",
    "Gradient": "How cells and metabolites change from inside a niche to outside, and across the tumour margin, comes "
    "here with step 6.",
    "Association": "Which metabolites go with coldness, how strongly and how surely, comes here with step 6.",
}
STEP_OF_TAB: dict[str, Step] = {
    "Spectrum": "data",
    "Calibration": "data",
    "Metabolites": "metabolites",
    "Niches": "niches",
    "Gradient": "niches",
    "Association": "niches",
}
"""Whose result a tab shows."""


class TabPage(QWidget):
    """Shows its words or, behind them, what was put there."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.step = STEP_OF_TAB[name]
        self.stale = QElidingLabel()
        self.stale.setProperty("look", "warning")
        self._banner = QFrame()
        self._banner.setProperty("look", "stale")
        self._banner.hide()
        row = QHBoxLayout(self._banner)
        row.setContentsMargins(8, 3, 8, 3)
        row.addWidget(self.stale)
        words = QLabel(EMPTY[name])
        words.setProperty("look", "dim")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setWordWrap(True)
        words.setContentsMargins(40, 0, 40, 0)
        self._stack = QStackedWidget()
        self._stack.addWidget(words)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self._banner)
        box.addWidget(self._stack, 1)

    def put(self, view: QWidget) -> None:
        """Put behind the words what will be shown."""
        self._stack.addWidget(view)

    def show_view(self, is_there: bool) -> None:
        """Show what was put here, or the words."""
        self._stack.setCurrentIndex(int(is_there))

    def currentWidget(self) -> QWidget | None:
        """Return what is shown."""
        return self._stack.currentWidget()

    def follow(self, session: Session) -> None:
        """Say whether what is shown is out of date, why, and what to run again."""
        words = out_of_date_in_words(session, self.step)
        if words != self.stale.text():
            self.stale.setText(words)
            self.stale.setToolTip(words)
            self._banner.setFixedHeight(self.stale.fontMetrics().height() + 10)  # in the letters of the theme
            self._banner.setVisible(bool(words))


def out_of_date_in_words(session: Session, step: Step) -> str:
    """Return why the result of a step is out of date, and what to run again; empty where it is not."""
    why = stale_in_words(session, step, it=STEP_NAMES[step])
    return f"Out of date: {why[0].lower()}{why[1:]}" if why else ""
