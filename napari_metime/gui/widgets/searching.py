"""The line above a table that says which of its rows are shown."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_metime.gui.widgets.frame_table import FrameView


class TableSearch(QWidget):
    """A field to search a table by, a box that leaves one kind of rows, and a way to copy what is shown.

    Parameters
    ----------
    only : words of the box, and the column and value of the rows that it leaves
    """

    chosen = Signal()
    """Other rows may be shown now."""

    def __init__(self, table: FrameView, placeholder: str, *, only: tuple[str, str, str]) -> None:
        super().__init__()
        self._table, self._wanted = table, only[1:]
        self.field, self.only, self.copy = QLineEdit(), QCheckBox(only[0]), QPushButton("Copy table")
        self.field.setPlaceholderText(placeholder)
        self.field.setAccessibleName(placeholder)
        self.field.setClearButtonEnabled(True)
        self.field.setMinimumWidth(70)
        self.copy.setProperty("look", "link")
        self.copy.setToolTip("Copy the rows that are shown, to paste into a spreadsheet; Ctrl+C copies selected ones")
        self.field.textChanged.connect(lambda _: self._choose())
        self.only.toggled.connect(lambda _: self._choose())
        self.copy.clicked.connect(lambda: table.copy(everything=True))
        self.field.installEventFilter(self)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.field, 1)
        box.addWidget(self.only)
        box.addWidget(self.copy)
        self._box = box

    def add(self, widget: QWidget) -> None:
        """Add a widget in front of what copies."""
        self._box.insertWidget(self._box.indexOf(self.copy), widget)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Go from the field to the table by the arrow, and empty it by Escape."""
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down and self._table.shown.rowCount():
                self._table.setFocus()
                self._table.selectRow(max(self._table.currentIndex().row(), 0))
                return True
            if event.key() == Qt.Key.Key_Escape and self.field.text():
                self.field.clear()
                return True
        return super().eventFilter(watched, event)

    def _choose(self) -> None:
        wanted = (self._wanted[0], self._wanted[1]) if self.only.isChecked() else None
        self._table.choose(self.field.text(), wanted)
        self.chosen.emit()
