"""Patches of one colour, as icons beside words."""

from __future__ import annotations

from qtpy.QtGui import QColor, QIcon, QPixmap

SIDE_PX = 11


def swatch(colour: str) -> QIcon:
    """Return a patch of one colour, which it keeps where its row is selected."""
    patch = QPixmap(SIDE_PX, SIDE_PX)
    patch.fill(QColor(colour))
    icon = QIcon(patch)
    icon.addPixmap(patch, QIcon.Mode.Selected)
    return icon
