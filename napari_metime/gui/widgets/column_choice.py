"""Columns of a table: its first rows, and a choice of one that may be typed too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_metime.gui.widgets.editors import ignore_wheel

ROW_HEIGHT, MAX_WIDTH, MAX_COLUMNS, MAX_LETTERS = 20, 140, 200, 60


class ColumnEditor:
    """The name of a column: chosen among those of a table, or typed and taken once that is finished."""

    def __init__(self, put: Callable[[str | None], None]) -> None:
        self._put = put
        self._value: str | None = None
        self._offered: tuple[str, ...] = ()
        self.box = QComboBox()
        self.box.setEditable(True)
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.box.setMinimumContentsLength(6)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.line = self.box.lineEdit()
        self.line.setAcceptDrops(False)
        self.box.activated.connect(self._on_activated)
        self.line.editingFinished.connect(self._on_edited)
        ignore_wheel(self.box)

    def offer(self, names: Sequence[str], empty: str) -> None:
        """Change what can be chosen; ``empty`` says what is taken where nothing is chosen."""
        offered = (empty, *names)
        if offered == self._offered:
            return
        self._offered = offered
        with QSignalBlocker(self.box):
            self.box.clear()
            self.box.addItems(offered)
            for at, name in enumerate(offered):
                self.box.setItemData(at, name, Qt.ItemDataRole.ToolTipRole)
        self.line.setPlaceholderText(empty)
        self.line.setText(self._value or "")
        self.line.setModified(False)

    def widget(self) -> QWidget:
        """Return the box."""
        return self.box

    def show(self, value: Any) -> None:
        """Show a value, but leave what is being typed alone."""
        self._value = value
        if not self.line.isModified() and self.line.text() != (value or ""):
            self.line.setText(value or "")
        self.line.setCursorPosition(0)
        self.box.setToolTip(value or self.line.placeholderText())

    def in_words(self) -> str:
        """Return the column, or what is taken where none is chosen."""
        return self.line.text().strip() or self.line.placeholderText()

    def _on_activated(self, index: int) -> None:
        self.line.setText("" if index == 0 else self._offered[index])
        self.line.setModified(True)
        self._on_edited()

    def _on_edited(self) -> None:
        if not self.line.isModified():  # leaving the field is no choice
            return
        self.line.setModified(False)
        value = self.line.text().strip() or None
        if value != self._value:
            self._put(value)


class FirstRows(QTableWidget):
    """The first rows of a table, small, with what each of its columns is taken for."""

    def __init__(self) -> None:
        super().__init__(0, 0)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setStretchLastSection(True)
        self.setAccessibleName("First rows of the table")
        self._shown: object = None

    def show_rows(self, header: Sequence[str], rows: Sequence[Sequence[str]], taken: Mapping[str, str]) -> None:
        """Show rows; ``taken`` says what a column counts as, by its name."""
        if (shown := (header, rows, dict(taken))) == self._shown:
            return
        self._shown = shown
        header = header[:MAX_COLUMNS]
        self.setRowCount(len(rows))
        self.setColumnCount(len(header))
        for column, name in enumerate(header):
            words = f"{taken[name]} = {name}" if name in taken else name
            item = QTableWidgetItem(words[:MAX_LETTERS])
            item.setToolTip(words[:1000])
            item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            self.setHorizontalHeaderItem(column, item)
            for line, row in enumerate(rows):
                self.setItem(line, column, QTableWidgetItem(row[column][:MAX_LETTERS]))
        self.resizeColumnsToContents()
        for column in range(len(header)):
            self.setColumnWidth(column, min(self.columnWidth(column), MAX_WIDTH))
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + ROW_HEIGHT * len(rows) + bar + 4)
