"""A data frame as a table that sorts, is searched, and is copied to a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPoint, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QGuiApplication, QIcon, QKeyEvent, QKeySequence, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QMenu, QTableView

from napari_metime.export.colours import GRADE_COLOURS, grade_of
from napari_metime.export.tables import spreadsheet_text
from napari_metime.export.words import is_known

ROWS_MEASURED = 40
"""Rows that a column is made wide enough for; more would keep the window waiting. Our own choice."""
MAX_COLUMN_WIDTH = 260
MISSING_KEY = None
"""What a cell without a value is sorted by: it comes last, whichever way is sorted."""


class Column(NamedTuple):
    """A column of a shown table: where it comes from and how it is written; ``copied`` are the keys to copy for it."""

    key: str
    header: str
    write: Callable[[Any], str]
    help: str = ""
    copied: tuple[str, ...] = ()


class FrameModel(QAbstractTableModel):
    """A data frame as Qt sees it; the values themselves sort, their texts are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = pd.DataFrame()
        self.columns: Sequence[Column] = ()
        self._numeric: set[str] = set()
        self._values: dict[str, list[Any]] = {}
        """By column: Qt asks for every cell many times, and one value out of a data frame takes a while."""

    def show(self, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
        """Show another frame."""
        self.beginResetModel()
        self.frame = frame.reset_index(drop=True)
        self.columns = [column for column in columns if column.key in frame]
        self._numeric = {column.key for column in self.columns if _is_numeric(frame[column.key])}
        self._values = {column.key: frame[column.key].tolist() for column in self.columns}
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self.frame)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, sort value, alignment or swatch of a cell."""
        column = self.columns[index.column()]
        value = self._values[column.key][index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return column.write(value)
        if role == Qt.ItemDataRole.UserRole:
            if column.key in self._numeric:
                return float(value) if is_known(value) else MISSING_KEY
            return MISSING_KEY if pd.isna(value) or value == "" else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, bool):
            return self._alignment(column)
        if role == Qt.ItemDataRole.DecorationRole and column.key == "grade" and isinstance(value, str) and value:
            return swatch(GRADE_COLOURS[grade_of(value)])
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the header, its help and where it stands: above its numbers."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].header
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(self.columns[section])
        return self.columns[section].help or None if role == Qt.ItemDataRole.ToolTipRole else None

    def text_of(self, row: int) -> str:
        """Return what is written in a row, in lower case."""
        return " ".join(column.write(self._values[column.key][row]) for column in self.columns).lower()

    def _alignment(self, column: Column) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if column.key in self._numeric else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter


class FrameFilter(QSortFilterProxyModel):
    """The rows that hold every word that is searched for, and that are of the kind that is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self._words: tuple[str, ...] = ()
        self._wanted: tuple[str, str] | None = None
        self.setSortRole(Qt.ItemDataRole.UserRole)

    def choose(self, text: str, wanted: tuple[str, str] | None) -> None:
        """Show the rows that hold every word of a text and, where it is given, have a value in a column."""
        self._words, self._wanted = tuple(text.lower().split()), wanted
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        """Whether a row is shown."""
        model = self.sourceModel()
        assert isinstance(model, FrameModel)
        if self._wanted is not None:
            key, value = self._wanted
            if key in model.frame and model.frame[key].iloc[row] != value:
                return False
        text = model.text_of(row) if self._words else ""
        return all(word in text for word in self._words)

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Whether one row comes before another; what is missing comes last, whichever way is sorted."""
        role, order = self.sortRole(), self.sortOrder()
        return comes_before(left.data(role), right.data(role), is_rising=order == Qt.SortOrder.AscendingOrder)


def comes_before(left: Any, right: Any, *, is_rising: bool) -> bool:
    """Whether one sort key is the smaller one, ``MISSING_KEY`` being the last of all whichever way is sorted."""
    if left is MISSING_KEY or right is MISSING_KEY:
        return (right is MISSING_KEY and left is not MISSING_KEY) == is_rising and left is not right
    return bool(left < right)


class FrameView(QTableView):
    """A table whose rows can be chosen; emits the row of the data frame."""

    row_chosen = Signal(int)
    row_current = Signal(int)
    """Another row has become the current one, by mouse or keyboard."""

    def __init__(self, name: str = "Table") -> None:
        super().__init__()
        self.frame_model = FrameModel()
        self.shown = FrameFilter()
        self.shown.setSourceModel(self.frame_model)
        self.setModel(self.shown)
        self.setSortingEnabled(True)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.horizontalHeader().setResizeContentsPrecision(ROWS_MEASURED)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)  # Tab goes on to the next widget, the arrows to the next cell
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._offer_copy)
        self.clicked.connect(self._on_index)
        self.activated.connect(self._on_index)
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def show_frame(self, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
        """Show another frame."""
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.frame_model.show(frame, columns)
        self.resizeColumnsToContents()
        for i in range(self.frame_model.columnCount()):
            self.setColumnWidth(i, min(self.columnWidth(i) + 10, MAX_COLUMN_WIDTH))

    def select(self, row: int) -> None:
        """Select a row of the data frame without choosing it; nothing where it is filtered away."""
        index = self.shown.mapFromSource(self.frame_model.index(row, max(self.currentIndex().column(), 0)))
        if index.isValid():
            self.selectRow(index.row())
            self.scrollTo(index)
        else:
            self.clearSelection()

    def select_where(self, key: str, value: str) -> None:
        """Select the first row of the data frame with a text in a column; none where there is none."""
        frame = self.frame_model.frame
        if key in frame and (is_it := frame[key].astype(str) == value).any():
            self.select(int(np.flatnonzero(is_it)[0]))
        else:
            self.clearSelection()

    def bring_forward(self, key: str, behind: int = 2) -> None:
        """Show a column behind the first ones, where there is one of it, and the others in their own order."""
        header, keys = self.horizontalHeader(), [column.key for column in self.frame_model.columns]
        for i in range(len(keys)):
            header.moveSection(header.visualIndex(i), i)
        if key in keys[behind:]:
            header.moveSection(keys.index(key), behind)

    def copy(self, *, everything: bool = False) -> None:
        """Put the selected rows, or all that are shown, on the clipboard: as a spreadsheet takes them."""
        chosen = sorted(index.row() for index in self.selectionModel().selectedRows())
        rows = range(self.shown.rowCount()) if everything or not chosen else chosen
        source = [self.shown.mapToSource(self.shown.index(row, 0)).row() for row in rows]
        keys = [key for column in self.frame_model.columns for key in column.copied or (column.key,)]
        keys = [key for key in dict.fromkeys(keys) if key in self.frame_model.frame]
        QGuiApplication.clipboard().setText(spreadsheet_text(self.frame_model.frame[keys].iloc[source]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy whole values by the keys that copy; Qt would copy the text of one cell."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def _offer_copy(self, place: QPoint) -> None:
        menu = QMenu(self)
        selected = menu.addAction("Copy selected rows", self.copy)
        selected.setShortcut(QKeySequence.StandardKey.Copy)
        selected.setEnabled(bool(self.selectionModel().selectedRows()))
        menu.addAction("Copy the whole table", lambda: self.copy(everything=True))
        menu.exec(self.viewport().mapToGlobal(place))

    def _on_current(self, index: QModelIndex) -> None:
        if index.isValid():
            self.row_current.emit(self.shown.mapToSource(index).row())

    def _on_index(self, index: QModelIndex) -> None:
        self.row_chosen.emit(self.shown.mapToSource(index).row())


def _is_numeric(values: pd.Series[Any]) -> bool:
    """Whether a column holds numbers, with or without gaps; Qt compares only values of one type."""
    return all(isinstance(value, int | float | np.number) for value in values.dropna())


def swatch(colour: str) -> QIcon:
    """Return a patch of one colour."""
    patch = QPixmap(11, 11)
    patch.fill(QColor(colour))
    return QIcon(patch)
