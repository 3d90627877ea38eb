"""Lines of a form that are no plain field of the recipe."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_metime.gui.widgets.editors import name_control
from napari_metime.gui.widgets.forms import LABEL_WIDTH

ARROW = QSize(10, 10)
"""Of a fold, so small that its words begin near where those of the rows do."""


def labelled(words: str, widget: QWidget, about: str = "") -> QWidget:
    """Return a widget behind its label, in line with the rows of a form; ``about`` says what it is for."""
    whole = QWidget()
    whole.setProperty("look", "body")
    grid = QGridLayout(whole)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setColumnMinimumWidth(0, LABEL_WIDTH)
    grid.setColumnStretch(1, 1)
    label = QLabel(words)
    name_control(label, widget)
    if about:
        whole.setToolTip(about)
        (widget.focusProxy() or widget).setAccessibleDescription(about)
    grid.addWidget(label, 0, 0)
    grid.addWidget(widget, 0, 1)
    return whole


def in_a_row(*widgets: QWidget, stretch_first: bool = False) -> QWidget:
    """Return widgets side by side; the room that is left goes behind them, or to the first one."""
    whole = QWidget()
    whole.setProperty("look", "body")
    box = QHBoxLayout(whole)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(6)
    for i, widget in enumerate(widgets):
        box.addWidget(widget, 1 if stretch_first and i == 0 else 0)
    if not stretch_first:
        box.addStretch(1)
    return whole


class ElidingButton(QPushButton):
    """A button whose words are cut short where it is narrow, and whole in its tooltip and its name."""

    def __init__(self) -> None:
        super().__init__()
        self._words = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)

    def say(self, words: str, tooltip: str = "") -> None:
        """Show words."""
        self._words = words
        self.setAccessibleName(words)
        self.setToolTip(tooltip or words)
        self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the words into the new width."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = self.width() - 24
        cut = self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideMiddle, room)
        self.setText(cut.replace("&", "&&"))


class Fold(QWidget):
    """A heading that opens and closes what stands below it."""

    def __init__(self, words: str, content: QWidget, *, is_open: bool = False) -> None:
        super().__init__()
        self.setProperty("look", "body")
        self.head = QToolButton()
        self.head.setProperty("look", "fold")
        self.head.setText(words)
        self.head.setIconSize(ARROW)
        self.head.setCheckable(True)
        self.head.setAccessibleName(words)
        self.head.setAccessibleDescription("opens and closes what stands below")
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.toggled.connect(self._on_toggled)
        self._content = content
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.head)
        box.addWidget(content)
        self.head.setChecked(is_open)
        self._on_toggled(is_open)

    def _on_toggled(self, is_open: bool) -> None:
        self._content.setVisible(is_open)
        self.head.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)


class Settings(QWidget):
    """The settings of a step: open, or folded into one line that says them, with a button that opens them."""

    def __init__(self, content: QWidget, of: str) -> None:
        super().__init__()
        self.setProperty("look", "body")
        self.said, self.change = QLabel(), QPushButton("Change")
        self.said.setProperty("look", "dim")
        self.said.setWordWrap(True)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.change.setProperty("look", "link")
        self.change.setCheckable(True)
        self.change.setAccessibleName(f"Change the settings of {of}")
        self.change.toggled.connect(self._on_toggled)
        self._content = content
        self._line = QWidget()
        self._line.setProperty("look", "body")
        row = QHBoxLayout(self._line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.said, 1)
        row.addWidget(self.change, 0, Qt.AlignmentFlag.AlignTop)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(self._line)
        box.addWidget(content)
        self.fold(False)

    @property
    def is_changing(self) -> bool:
        """Whether somebody has opened them."""
        return self._is_folded and self.change.isChecked()

    def fold(self, is_folded: bool) -> None:
        """Fold them into a line that says them, or show them without one."""
        self._is_folded = is_folded
        self._line.setVisible(is_folded)
        self.change.setChecked(False)
        self._on_toggled(False)

    def say(self, words: str) -> None:
        """Say what the settings are."""
        self.said.setText(words)

    def _on_toggled(self, is_open: bool) -> None:
        self.change.setText("Close" if is_open else "Change")
        self._content.setVisible(is_open or not self._is_folded)
