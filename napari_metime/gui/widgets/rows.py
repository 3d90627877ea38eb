"""Lines of a form that are no plain field of the recipe."""

from __future__ import annotations

from qtpy.QtCore import Qt
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


def labelled(words: str, widget: QWidget) -> QWidget:
    """Return a widget behind its label, in line with the rows of a form."""
    whole = QWidget()
    whole.setProperty("look", "body")
    grid = QGridLayout(whole)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setColumnMinimumWidth(0, LABEL_WIDTH)
    grid.setColumnStretch(1, 1)
    label = QLabel(words)
    name_control(label, widget)
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
