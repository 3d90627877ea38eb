"""The table of the Metabolites tab: axes that fold, with what belongs to them; a click or Enter shows a row's image."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from qtpy.QtCore import QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QTreeView

from napari_metime.export.tables import spreadsheet_text
from napari_metime.gui.layers.thumbnails import SIZE, Thumbnails
from napari_metime.gui.views.metabolite_model import ENTRY_ROLE, MetaboliteFilter, MetaboliteModel
from napari_metime.gui.views.metabolite_rows import AxisGroup, Entry

WIDTHS = (176, 84, 80, 92, 82, 82, 92, 112, 420)
"""Of the columns, in pixels: measured ones would make every picture at once."""
MAX_NAME_WIDTH, WIDE_VERDICT = 300, 152
WIDE = 520
"""From this width of the table on, a verdict is written in full; below, so that the m/z is in sight, it is elided."""


class MetaboliteTable(QTreeView):
    """Emits the entry that was chosen, and the one that became the current one."""

    entry_chosen = Signal(object)
    entry_current = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.thumbnails = Thumbnails()
        self.entries = MetaboliteModel(self.thumbnails)
        self.shown = MetaboliteFilter()
        self.shown.setSourceModel(self.entries)
        self.setModel(self.shown)
        self.setSortingEnabled(True)
        self.setUniformRowHeights(True)
        self.setIconSize(SIZE)
        self.setIndentation(9)
        self.setExpandsOnDoubleClick(False)  # a click on a heading folds it already
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Metabolites, axis by axis")
        for column, width in enumerate(WIDTHS):
            self.setColumnWidth(column, width)
        self.clicked.connect(self._on_clicked)
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def show_groups(self, groups: Sequence[AxisGroup]) -> None:
        """Show other axes, in the order in which they come."""
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.entries.show(groups)
        self._fold()

    def choose(self, text: str, verdicts: frozenset[str]) -> None:
        """Show what is searched for and has one of some verdicts, and unfold it."""
        was_on = self.shown.is_on
        self.shown.choose(text, verdicts)
        if self.shown.is_on:
                self.expandAll()
        elif was_on:
            self._fold()
        self.scrollTo(self.currentIndex())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be shown."""
        return self.shown.rowCount() == 0

    def entry_of(self, text: str) -> Entry | None:
        """Return the shown entry with this title, or the only one that is left by the search; None without either."""
        axes = [self.shown.index(row, 0) for row in range(self.shown.rowCount())]
        left = [self.shown.index(row, 0, axis) for axis in axes for row in range(self.shown.rowCount(axis))]
        entries: list[Entry] = [index.data(ENTRY_ROLE) for index in left]
        named = [entry for entry in entries if entry.title.casefold() == text.casefold()]
        return (named or entries)[0] if named or len(entries) == 1 else None

    def select(self, channel: str) -> None:
        """Select the row of a channel without choosing it; none where it is not listed, or filtered away."""
        index = self.shown.mapFromSource(self.entries.index_of(channel))
        if not index.isValid():
            self.clearSelection()
        elif index != self.currentIndex().siblingAtColumn(0) or not self.selectionModel().hasSelection():
            self.setCurrentIndex(index)
            self.scrollTo(index)

    def select_first(self) -> None:
        """Go to the first entry that is shown."""
        heading = self.shown.index(0, 0)
        first = self.shown.index(0, 0, heading)
        self.setCurrentIndex(first if first.isValid() and self.isExpanded(heading) else heading)
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose the current row by Enter, on every system; copy what is known of it by the keys that copy."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._on_clicked(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def copy(self, *, everything: bool = False) -> None:
        """Put the selected row, or all that are shown, on the clipboard: as a spreadsheet takes them."""
        axes = [self.shown.index(row, 0) for row in range(self.shown.rowCount())]
        lines = [self.shown.index(row, 0, axis) for axis in axes for row in range(self.shown.rowCount(axis))]
        if not everything:
            lines = [index for index in self.selectionModel().selectedRows() if index.isValid()]
        entries: list[Entry] = [index.data(ENTRY_ROLE) for index in lines]
        rows = [
            {"name": each.title, "kind": each.kind, **each.row, "channel": each.channel or each.row.get("channel")}
            for each in entries
        ]
        QGuiApplication.clipboard().setText(spreadsheet_text(pd.DataFrame(rows)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show names and verdicts in full where there is room."""
        super().resizeEvent(event)
        width = event.size().width()
        self.setColumnWidth(0, min(max(WIDTHS[0], width // 4), MAX_NAME_WIDTH))
        self.setColumnWidth(1, WIDE_VERDICT if width >= WIDE else WIDTHS[1])

    def sizeHint(self) -> QSize:
        """Ask for little; the splitter gives what there is."""
        return QSize(300, 100)

    def _fold(self) -> None:
        """Fold the axes of which nothing can be looked at."""
        for row in range(self.shown.rowCount()):
            axis = self.shown.index(row, 0)
            group = self.entries.groups[self.shown.mapToSource(axis).row()]
            self.setExpanded(axis, group.has_seen)

    def _on_clicked(self, index: QModelIndex) -> None:
        entry: Entry = index.data(ENTRY_ROLE)
        if entry.kind == "axis" and not entry.channel:
            self.setExpanded(index, not self.isExpanded(index))
        self.entry_chosen.emit(entry)

    def _on_current(self, index: QModelIndex) -> None:
        if index.isValid():
            self.entry_current.emit(index.data(ENTRY_ROLE))
