"""The table of cell types: how many cells each has, and what a person lets it count as."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_metime.export.colours import ROLE_COLOURS
from napari_metime.gui.widgets.editors import ignore_wheel
from napari_metime.section import ROLES, Role

Types = dict[str, tuple[int | None, Role]]
ROW_HEIGHT, MAX_ROWS_SHOWN = 28, 8
ROLE_WIDTH, SWATCH = 126, 12
"""Of the roles and their colours, in px of the screen: what is left is for the names of the types, to be read."""
ROLE_WORDS: dict[Role, str] = {role: "tumour" if role == "tumor" else role for role in ROLES}


def roles_in_words(types: Types) -> str:
    """Say how many cells count as what; those of no other role stand as other, in sight."""
    n_of = dict.fromkeys(ROLES, 0)
    for count, role in types.values():
        n_of[role] += count or 0
    if not sum(n_of.values()):
        return ""
    parts = [f"{n_of[role]:,} {ROLE_WORDS[role]}" for role in ROLES]
    return f"{sum(n_of.values()):,} cells count as {', '.join(parts[:-1])} and {parts[-1]}."


class RoleTable(QWidget):
    """Type, number of cells, role; a field to find a type where there are many."""

    def __init__(self, on_role: Callable[[str, Role], None]) -> None:
        super().__init__()
        self._on_role = on_role
        self._shown: Types = {}
        self._why: Mapping[str, str] = {}
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a type")
        self.search.setAccessibleName("Find a type")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.table = QTableWidget(0, 3)
        self._dress(self.table)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.search)
        box.addWidget(self.table)

    def show_types(self, types: Types, why: Mapping[str, str] | None = None) -> None:
        """Show the types and why they are proposed as what they are; nothing is rebuilt where nothing has changed."""
        if types == self._shown:
            return
        self._why = why or {}
        same_types = list(types) == list(self._shown)
        self._shown = dict(types)
        if not same_types:
            self.search.clear()
            self.search.setVisible(len(types) > MAX_ROWS_SHOWN)
            self.table.setRowCount(len(types))
        for line, (name, (count, role)) in enumerate(types.items()):
            self._show_row(line, name, count, role, is_new=not same_types)
        self._filter(self.search.text())

    def _show_row(self, line: int, name: str, count: int | None, role: Role, *, is_new: bool) -> None:
        number = QTableWidgetItem("" if count is None else f"{count:,}")
        number.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.table.setItem(line, 1, number)
        if is_new:
            item = QTableWidgetItem(name)
            item.setToolTip(f"{name} · {self._why[name]}" if name in self._why else name)
            self.table.setItem(line, 0, item)
            self.table.setCellWidget(line, 2, self._role_box(name, role))
            return
        box = self.table.cellWidget(line, 2)
        assert isinstance(box, QComboBox)
        box.setCurrentIndex(ROLES.index(role))

    def _dress(self, table: QTableWidget) -> None:
        table.setHorizontalHeaderLabels(["Type", "Cells", "Counts as"])
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setAccessibleName("Cell types")
        header = table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
        table.setColumnWidth(2, ROLE_WIDTH)
        table.setShowGrid(False)
        table.setWordWrap(False)  # a name of two words would be cut after the first

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for line, name in enumerate(self._shown):
            fits = all(word in name.casefold() for word in words)
            self.table.setRowHidden(line, not fits)
        # As high as all rows would be: the field must not move while a person types into it.
        rows = min(len(self._shown), MAX_ROWS_SHOWN)
        self.table.setFixedHeight(ROW_HEIGHT * rows + self.table.horizontalHeader().sizeHint().height() + 4)

    def _role_box(self, name: str, role: Role) -> QComboBox:
        box = QComboBox()
        for each in ROLES:
            swatch = QPixmap(SWATCH, SWATCH)
            swatch.fill(QColor(ROLE_COLOURS[each]))
            box.addItem(QIcon(swatch), ROLE_WORDS[each], each)
        box.setIconSize(QSize(SWATCH, SWATCH))
        box.setCurrentIndex(ROLES.index(role))
        box.setAccessibleName(f"Role of {name}")
        box.setToolTip(f"Proposed: {self._why[name]}" if name in self._why else "")
        box.activated.connect(lambda index: self._on_role(name, ROLES[index]))
        ignore_wheel(box)
        return box
