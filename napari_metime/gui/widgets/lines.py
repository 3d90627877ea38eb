"""Lines to type into that show more, or less, than their text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtCore import QLocale, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QLineEdit, QStyle, QStyleOptionFrame


class UnitLine(QLineEdit):
    """A line with the unit of its number at its end."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        label = QLabel(unit)
        label.setProperty("look", "dim")
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 8, 0)
        row.addWidget(label, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setTextMargins(0, 0, label.sizeHint().width() + 8, 0)


class PathLine(QLineEdit):
    """A path, of which the name of the file is shown while nobody types: its end is what tells it from others."""

    def said(self, room_px: int) -> str:
        """Return the name of the file as it fits into some room."""
        return self.fontMetrics().elidedText(Path(self.text()).name, Qt.TextElideMode.ElideMiddle, room_px)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the name, its middle left out where the line is too narrow."""
        if self.hasFocus() or not self.text():
            super().paintEvent(event)
            return
        option = QStyleOptionFrame()
        self.initStyleOption(option)
        painter, style = QPainter(self), self.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelLineEdit, option, painter, self)
        room = style.subElementRect(QStyle.SubElement.SE_LineEditContents, option, self).adjusted(2, 0, -2, 0)
        words = self.said(room.width())
        where, role = Qt.AlignmentFlag.AlignVCenter, QPalette.ColorRole.Text
        style.drawItemText(painter, room, where, option.palette, self.isEnabled(), words, role)
        painter.end()


class PlainSpinBox(QDoubleSpinBox):
    """Shows 5, not 5.000, and every digit that a value has."""

    def __init__(self) -> None:
        super().__init__()
        self.setLocale(QLocale.c())  # what is shown is read back with the same decimal point

    def textFromValue(self, value: float) -> str:
        return np.format_float_positional(value, trim="-")
