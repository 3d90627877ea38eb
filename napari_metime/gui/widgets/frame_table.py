"""A data frame as a table that sorts, is searched, and is copied to a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QEvent, QModelIndex, QPoint, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QFont, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QMenu, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from napari_metime.export.tables import spreadsheet_text
from napari_metime.export.words import is_known
from napari_metime.gui.widgets.swatches import swatch

ROWS_MEASURED = 20
"""Rows that a column is made wide enough for; more would keep the window waiting. Our own choice."""
MAX_COLUMN_WIDTH, MARGIN, SWATCH_ROOM, ARROW_ROOM = 260, 16, 16, 16
LEAST_NAMES_WIDTH = 112
"""In pixels: of a column and of names, beside its text, of a swatch before it, of the arrow that says how is sorted."""
STAY_MS = 250
"""How long the keyboard stays in a row of a table before what it shows is taken in hand. Our own choice."""
MISSING_KEY = None
"""What a cell without a value is sorted by: it comes last, whichever way is sorted."""


class Column(NamedTuple):
    """A column of a shown table.

    Parameters
    ----------
    key : whose values sort the rows
    write : makes the text of a cell, of its value and those ``beside`` it
    help : what it is, for hovering over the header
    beside : further keys that belong to it; they are written in the same cell, and copied in columns of their own
    colour : of the swatch before the text, of the same values; empty for none
    missing : what stands where there is no value; empty where ``write`` says it
    """

    key: str
    header: str
    write: Callable[..., str]
    help: str = ""
    beside: tuple[str, ...] = ()
    colour: Callable[..., str] | None = None
    missing: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that a cell is written of."""
        return (self.key, *self.beside)


class FrameModel(QAbstractTableModel):
    """A data frame as Qt sees it; the values themselves sort, their texts are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = pd.DataFrame()
        self.columns: Sequence[Column] = ()
        self.n_last = 0
        """How many rows at the end sum the others up: they stay last, however the rows are sorted."""
        self._numeric: set[str] = set()
        self._italic = QFont()
        self._italic.setItalic(True)
        self._values: dict[str, list[Any]] = {}
        """By column: Qt asks for every cell many times, and one value out of a data frame takes a while."""

    def show(self, frame: pd.DataFrame, columns: Sequence[Column], n_last: int = 0) -> None:
        """Show another frame."""
        self.beginResetModel()
        self.frame, self.n_last = frame.reset_index(drop=True), n_last
        self.columns = [column for column in columns if column.key in frame]
        self._numeric = {column.key for column in self.columns if _is_numeric(frame[column.key])}
        keys = {key for column in self.columns for key in column.keys if key in frame}
        self._values = {key: frame[key].tolist() for key in keys}
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self.frame)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, sort value, alignment, letters or swatch of a cell."""
        column, row = self.columns[index.column()], index.row()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self.text(row, index.column())
        if role == Qt.ItemDataRole.UserRole:
            value = self._values[column.key][row]
            if column.key in self._numeric:
                return float(value) if is_known(value) else MISSING_KEY
            return MISSING_KEY if pd.isna(value) or value == "" else natural(str(value))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(column)
        if role == Qt.ItemDataRole.FontRole and self.is_last(row):
            return self._italic
        if role == Qt.ItemDataRole.DecorationRole and column.colour is not None:
            colour = column.colour(*self._cell(column, row))
            return swatch(colour) if colour else None
        return None

    def is_last(self, row: int) -> bool:
        """Whether a row sums the others up."""
        return row >= len(self.frame) - self.n_last

    def text(self, row: int, column_number: int) -> str:
        """Return what is written in a cell."""
        column = self.columns[column_number]
        values = self._cell(column, row)
        if column.missing and pd.isna(values[0]) and not self.is_last(row):
            return column.missing
        return column.write(*values)

    def _cell(self, column: Column, row: int) -> tuple[Any, ...]:
        return tuple(self._values[key][row] if key in self._values else None for key in column.keys)

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
        return " ".join(self.text(row, i) for i in range(len(self.columns))).lower()

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

    def is_last(self, row: int) -> bool:
        """Whether a shown row sums the others up."""
        model = self.sourceModel()
        assert isinstance(model, FrameModel)
        return model.is_last(self.mapToSource(self.index(row, 0)).row())

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Whether one row comes before another; what is missing comes last, whichever way is sorted."""
        role, is_rising = self.sortRole(), self.sortOrder() == Qt.SortOrder.AscendingOrder
        model = self.sourceModel()
        assert isinstance(model, FrameModel)
        if model.is_last(max(left.row(), right.row())):
            return (left.row() < right.row()) == is_rising
        return comes_before(left.data(role), right.data(role), is_rising=is_rising)


def natural(text: str) -> str:
    """Return what a text is sorted by: numbers in it by their value, and capitals as small letters."""
    return re.sub(r"\d+", lambda found: found[0].zfill(12), text).casefold()


def comes_before(left: Any, right: Any, *, is_rising: bool) -> bool:
    """Whether one sort key is the smaller one, ``MISSING_KEY`` being the last of all whichever way is sorted."""
    if left is MISSING_KEY or right is MISSING_KEY:
        return (right is MISSING_KEY and left is not MISSING_KEY) == is_rising and left is not right
    return bool(left < right)


class _Ruled(QStyledItemDelegate):
    """Draws a line above the rows that sum the others up."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw a cell."""
        super().paint(painter, option, index)
        shown = index.model()
        assert isinstance(shown, FrameFilter)
        if index.row() and shown.is_last(index.row()) and not shown.is_last(index.row() - 1):
            colour = option.palette.text().color()
            colour.setAlpha(110)
            painter.setPen(colour)
            painter.drawLine(option.rect.topLeft(), option.rect.topRight())


class FrameView(QTableView):
    """A table whose rows can be chosen; emits the row of the data frame."""

    row_chosen = Signal(int)
    row_current = Signal(int)
    """Another row has become the current one, by mouse or keyboard."""
    row_hovered = Signal(int)
    """The mouse is over another row; -1 where it is over none."""
    resized = Signal()

    def __init__(self, name: str = "Table") -> None:
        super().__init__()
        self.frame_model = FrameModel()
        self.shown = FrameFilter()
        self._is_choosing = False
        self._sorted_by = -1
        self.beside_names = self._names_width = 0
        """Room that names in the first column leave for what must be in sight beside them, in pixels; 0 for none."""
        self.shown.setSourceModel(self.frame_model)
        self.setModel(self.shown)
        self.setSortingEnabled(True)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.horizontalHeader().sortIndicatorChanged.connect(self._on_sorted)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setItemDelegate(_Ruled(self))
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)  # Tab goes on to the next widget, the arrows to the next cell
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._offer_copy)
        self.clicked.connect(self._on_index)
        self.activated.connect(self._on_index)
        self.entered.connect(lambda index: self.row_hovered.emit(self.shown.mapToSource(index).row()))
        self.viewportEntered.connect(lambda: self.row_hovered.emit(-1))
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def show_frame(self, frame: pd.DataFrame, columns: Sequence[Column], n_last: int = 0) -> None:
        """Show another frame, whose last rows may sum the others up."""
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self._sorted_by = -1
        self.frame_model.show(frame, columns, n_last)
        self._fit_columns()

    def choose(self, text: str, wanted: tuple[str, str] | None) -> None:
        """Show the rows that are searched for; which one is the current one is nobody's choice meanwhile."""
        self._is_choosing = True
        self.shown.choose(text, wanted)
        self._is_choosing = False

    def _fit_columns(self) -> None:
        """Make each column as wide as its header and its first texts; Qt leaves room for an arrow in each."""
        font = self.font()
        texts = QFontMetrics(font)
        font.setBold(True)
        bold, model = QFontMetrics(font), self.frame_model
        rows = range(min(len(model.frame), ROWS_MEASURED))
        for i, column in enumerate(model.columns):
            head = max(bold.horizontalAdvance(line) for line in column.header.split("\n"))
            longest = max((model.text(row, i) for row in rows), key=len, default="")
            body = texts.horizontalAdvance(longest) + (SWATCH_ROOM if column.colour is not None else 0)
            self.setColumnWidth(i, min(max(head, body) + MARGIN, MAX_COLUMN_WIDTH))
        self._names_width = self.columnWidth(0) if model.columns else 0
        self._fit_names()

    def _fit_names(self) -> None:
        """Let the names in the first column leave room for the numbers that must be in sight beside them."""
        if self.beside_names and self._names_width:
            room = max(self.viewport().width() - self.beside_names, LEAST_NAMES_WIDTH)
            self.setColumnWidth(0, min(self._names_width, room))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show names in full where there is room."""
        super().resizeEvent(event)
        self._fit_names()
        self.resized.emit()

    def _on_sorted(self, column: int, _: Qt.SortOrder) -> None:
        """Leave room for the arrow above the column by which the rows are sorted."""
        for i, wider in ((self._sorted_by, -ARROW_ROOM), (column, ARROW_ROOM)):
            if 0 <= i < self.frame_model.columnCount():
                self.setColumnWidth(i, self.columnWidth(i) + wider)
        self._sorted_by = column

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

    def bring_forward(self, key: str, behind: int) -> None:
        """Show a column behind the first ones, where there is one of it, and the others in their own order."""
        header, keys = self.horizontalHeader(), [column.key for column in self.frame_model.columns]
        for i in range(len(keys)):
            header.moveSection(header.visualIndex(i), i)
        if key in keys[behind:]:
            header.moveSection(keys.index(key), behind)

    def show_only(self, keys: Collection[str], giving_way: Sequence[str] = ()) -> None:
        """Show some columns, and that by which the rows are sorted.

        Parameters
        ----------
        giving_way : keys of those that are left out, one by one, until the others fit
        """
        columns = self.frame_model.columns
        for i in range(len(columns)):
            self.setColumnHidden(i, False)  # a hidden one has no width
        sorted_by = self.horizontalHeader().sortIndicatorSection()
        shown = {i: self.columnWidth(i) for i, column in enumerate(columns) if column.key in keys or i == sorted_by}
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        room = self.width() - 2 * self.frameWidth() - bar  # without it, a bar would come and go with its own coming
        for key in giving_way:
            if sum(shown.values()) > room:
                shown = {i: width for i, width in shown.items() if columns[i].key != key or i == sorted_by}
        for i in range(len(columns)):
            self.setColumnHidden(i, i not in shown)

    def copy(self, *, everything: bool = False) -> None:
        """Put the selected rows, or all that are shown, on the clipboard: as a spreadsheet takes them."""
        chosen = sorted(index.row() for index in self.selectionModel().selectedRows())
        rows = range(self.shown.rowCount()) if everything or not chosen else chosen
        source = [self.shown.mapToSource(self.shown.index(row, 0)).row() for row in rows]
        keys = [key for column in self.frame_model.columns for key in column.keys]
        keys = [key for key in dict.fromkeys(keys) if key in self.frame_model.frame]
        QGuiApplication.clipboard().setText(spreadsheet_text(self.frame_model.frame[keys].iloc[source]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy whole values by the keys that copy; Qt would copy the text of one cell."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Tell that the mouse is over no row."""
        super().leaveEvent(event)
        self.row_hovered.emit(-1)

    def _offer_copy(self, place: QPoint) -> None:
        menu = QMenu(self)
        selected = menu.addAction("Copy selected rows", self.copy)
        selected.setShortcut(QKeySequence.StandardKey.Copy)
        selected.setEnabled(bool(self.selectionModel().selectedRows()))
        menu.addAction("Copy the whole table", lambda: self.copy(everything=True))
        menu.exec(self.viewport().mapToGlobal(place))

    def _on_current(self, index: QModelIndex) -> None:
        if index.isValid() and not self._is_choosing:
            self.row_current.emit(self.shown.mapToSource(index).row())

    def _on_index(self, index: QModelIndex) -> None:
        self.row_chosen.emit(self.shown.mapToSource(index).row())


def _is_numeric(values: pd.Series[Any]) -> bool:
    """Whether a column holds numbers, with or without gaps; Qt compares only values of one type."""
    return all(isinstance(value, int | float | np.number) for value in values.dropna())
