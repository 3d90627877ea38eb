"""Step 4: read the cells and confirm what each type counts as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_metime.export.colours import ROLE_COLOURS
from napari_metime.gui.bench import Bench
from napari_metime.gui.forms import LABEL_WIDTH, PathEditor, Row, TextEditor
from napari_metime.gui.panels.step_panel import StepPanel, looking, wrapped
from napari_metime.recipe import ROLE_KEYS
from napari_metime.section import ROLES, Role

MAX_ROWS_SHOWN = 8


class CellsPanel(StepPanel):
    """Choose the table, then say which types are effectors, suppressors and tumour."""

    step = "cells"
    sentence = "Reads one row per cell: x, y and type, as QuPath and others export them (CSV or TSV)."
    verb = "Read cells"
    rows = (
        Row("cells", "unit", "Unit of x and y", empty="as the header says"),
        Row("cells", "pixel_size_um", "Microscope px", empty="if no landmarks"),
    )
    more_rows = (
        Row("cells", "x", "Column of x", empty="recognised"),
        Row("cells", "y", "Column of y", empty="recognised"),
        Row("cells", "type", "Column of type", empty="recognised"),
    )

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        editor = self.forms[1].editors["cells", "type"]
        assert isinstance(editor, TextEditor)
        self._type_line = editor.line
        self._type_line.editingFinished.connect(self._on_type)

    def build(self, box: QVBoxLayout) -> None:
        """Add the file, the settings and the table of roles."""
        self.file = PathEditor("Cell table (*.csv *.tsv *.txt);;All files (*)", "cells.csv", self._on_file)
        whole = looking(QWidget(), "body")
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        label = QLabel("Cell table")
        label.setMinimumWidth(LABEL_WIDTH)
        row.addWidget(label)
        row.addWidget(self.file.widget(), 1)
        box.addWidget(whole)
        super().build(box)
        self.confirm = wrapped("What each type counts as. Proposed from the names; please confirm.", "dim")
        self.table = RoleTable(self._on_role)
        box.addWidget(self.confirm)
        box.addWidget(self.table)

    def can_run(self) -> bool:
        """Whether a table was chosen."""
        return self.session.get("cells", "path") is not None

    def empty_line(self) -> str:
        """Name the table where one was chosen."""
        path = self.session.get("cells", "path")
        return path.name if path is not None else ""

    def refresh(self) -> None:
        """Show the session."""
        super().refresh()
        self.file.show(self.session.get("cells", "path"))
        for widget in (self.file.widget(), self._type_line):
            widget.setEnabled(self.session.running is None)
        types = self.types()
        self.table.show_types(types)
        for widget in (self.confirm, self.table):
            widget.setVisible(bool(types))

    def types(self) -> dict[str, tuple[int | None, Role]]:
        """Return every known type with its number of cells and its role."""
        roles = self.session.get("cells", "roles")
        role_of: dict[str, Role] = {name: role for role in ROLE_KEYS for name in roles.get(role, ())}
        counts = self.session.cell_types
        names = list(counts) or list(role_of)
        return {name: (counts.get(name), role_of.get(name, "other")) for name in names}

    def _on_file(self, path: Path | None) -> None:
        if path is not None:
            self.bench.look_at_cells(path)

    def _on_type(self) -> None:
        path, column = self.session.get("cells", "path"), self.session.get("cells", "type")
        if path is not None and self._type_line.isModified() and (path, column) != self.session.types_of:
            self.bench.look_at_cells(path)
        self._type_line.setModified(False)

    def _on_role(self, name: str, role: Role) -> None:
        chosen = {n: r for n, (_, r) in self.types().items()} | {name: role}
        roles = {key: tuple(n for n, r in chosen.items() if r == key) for key in ROLE_KEYS}
        self.session.put("cells", "roles", {key: names for key, names in roles.items() if names})


class RoleTable(QTableWidget):
    """Type, number of cells, role."""

    def __init__(self, on_role: Callable[[str, Role], None]) -> None:
        super().__init__(0, 3)
        self._on_role = on_role
        self._shown: dict[str, tuple[int | None, Role]] = {}
        self.setHorizontalHeaderLabels(["Type", "Cells", "Counts as"])
        self.verticalHeader().hide()
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
        self.setColumnWidth(2, 132)
        self.setShowGrid(False)

    def show_types(self, types: dict[str, tuple[int | None, Role]]) -> None:
        """Show the types; nothing is rebuilt where nothing has changed."""
        if types == self._shown:
            return
        self._shown = dict(types)
        self.setRowCount(len(types))
        for line, (name, (count, role)) in enumerate(types.items()):
            item = QTableWidgetItem(name)
            item.setToolTip(name)
            self.setItem(line, 0, item)
            number = QTableWidgetItem("" if count is None else f"{count:,}")
            number.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(line, 1, number)
            self.setCellWidget(line, 2, self._role_box(name, role))
            self.setRowHeight(line, 28)
        height = 28 * min(len(types), MAX_ROWS_SHOWN) + self.horizontalHeader().sizeHint().height() + 4
        self.setFixedHeight(height)

    def _role_box(self, name: str, role: Role) -> QComboBox:
        box = QComboBox()
        for each in ROLES:
            swatch = QPixmap(12, 12)
            swatch.fill(QColor(ROLE_COLOURS[each]))
            box.addItem(QIcon(swatch), "tumour" if each == "tumor" else each, each)
        box.setCurrentIndex(ROLES.index(role))
        box.setAccessibleName(f"Role of {name}")
        box.activated.connect(lambda index: self._on_role(name, ROLES[index]))
        return box
