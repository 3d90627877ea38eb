"""Step 4: read the cells and confirm what each type counts as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QVBoxLayout

from napari_metime.cells import NO_RULE, UNASSIGNED
from napari_metime.gui.panels.columns_block import ColumnsBlock, missing_columns
from napari_metime.gui.panels.step_panel import StepPanel, restyle, say, wrapped
from napari_metime.gui.running.control_words import NO_EFFECTOR
from napari_metime.gui.running.words import listed
from napari_metime.gui.widgets.editors import ChoiceEditor, PathEditor
from napari_metime.gui.widgets.forms import Row, field_of
from napari_metime.gui.widgets.role_table import RoleTable, Types, roles_in_words
from napari_metime.gui.widgets.rows import Fold, labelled
from napari_metime.recipe import ROLE_KEYS
from napari_metime.section import Role

FILES = (
    "Cells (*.csv *.tsv *.txt *.geojson *.json *.h5ad *.zarr *.parquet *.geoparquet *.tif *.tiff "
    "zarr.json .zattrs .zgroup .zmetadata);;All files (*)"
)
ZARR_FILES = ("zarr.json", ".zattrs", ".zgroup", ".zmetadata")
"""A file dialog gives no folders: one of these stands for the .zarr that it lies in."""
TEACHES = (
    "Drop a file here, or choose one: a table from QuPath, HALO, inForm, MCMICRO, scimap, CellProfiler, steinbock or "
    "CODEX, GeoJSON, AnnData (.h5ad), SpatialData (.zarr), GeoParquet, or a label mask (TIFF). You see what it was "
    "recognised as before anything is used."
)
UNITS = [("pixels (px)", "px"), ("micrometres (µm)", "um")]
UNSEEN = "They are shown once aligned (step 5)."
COLOUR_BY = [("role", "role"), ("type", "type")]


class CellsPanel(StepPanel):
    """Choose the table, then say which types are effectors, suppressors and tumour."""

    step = "cells"
    sentence = "Reads where each cell lies and of what type it is."
    brings = "Needs a table of cells, or a label mask."
    verb = "Read cells"
    rows = (Row("cells", "pixel_size_um", "Microscope pixel", empty="if known"),)
    more_rows = (
        Row("cells", "type_probability", "Column of certainty", empty="none: taken as sure"),
        Row("cells", "labels", "Label mask", empty="none", files="Label mask (*.tif *.tiff)"),
    )

    def build(self, box: QVBoxLayout) -> None:
        """Add the file, what it was recognised as, the settings and the table of roles."""
        self.file = PathEditor(FILES, "none yet", self._on_file)
        self.unit = ChoiceEditor(UNITS, self._on_unit)
        self._told_unit = ""
        self._is_unfolded: dict[Fold, bool] = {}
        self._shown_path: Path | None = None
        self.unit.widget().setToolTip(field_of("cells", "unit").description or "")
        self.note, self.question = wrapped("", "dim"), wrapped("", "warning")
        self.teaches, self.gates = wrapped(TEACHES, "dim"), wrapped("", "dim")
        box.addWidget(self.teaches)
        box.addWidget(labelled("Cell table", self.file.widget()))
        box.addWidget(self.note)
        self.columns = ColumnsBlock(self.session, self._on_column)
        self.columns_fold = Fold("Columns", self.columns)
        self.columns_fold.head.clicked.connect(self._on_columns_opened)
        box.addWidget(self.columns_fold)
        self.unit_row = labelled("Unit of x and y", self.unit.widget())
        box.addWidget(self.unit_row)
        box.addWidget(self.question)
        super().build(box)
        self.confirm = wrapped("What each type counts as. Proposed from the names; please confirm.", "dim")
        self.table = RoleTable(self._on_role)
        self.unknown, self.sums = wrapped("", "warning"), wrapped("", "dim")
        for widget in (self.confirm, self.gates, self.unknown, self.table, self.sums):
            box.addWidget(widget)

    def build_answer(self, box: QVBoxLayout) -> None:
        """Add where the cells are seen."""
        super().build_answer(box)
        self.unseen = wrapped("", "dim")
        box.addWidget(self.unseen)

    def build_after(self, box: QVBoxLayout) -> None:
        """Add how the cells are coloured."""
        self.colour = ChoiceEditor(COLOUR_BY, self.bench.colour_cells)
        self.colour_row = labelled("Colour cells by", self.colour.widget())
        box.addWidget(self.colour_row)

    def run(self) -> None:
        """Read the cells; before a file was chosen, choose it."""
        known = self.session.get("cells", "path")
        if known is not None:
            self._read(known)
            return
        path, _ = QFileDialog.getOpenFileName(self, "Open cells", "", FILES)
        self._on_file(Path(path) if path else None)

    def _read(self, path: Path) -> None:
        session = self.session
        if session.get("cells", "roles").get("effector"):
            super().run()
        elif not session.cell_types or session.error("cells") not in ("", NO_EFFECTOR):
            # The file itself was refused: that is told again, not what follows from it, or it is mended by now.
            self.bench.look_at_cells(path, keep_roles=bool(session.cell_types))
        else:
            session.refuse("cells", NO_EFFECTOR)

    def can_run(self) -> bool:
        """Whether a table can be chosen, or was chosen and its columns and its unit are known."""
        return not self.asks()

    def asks(self) -> bool:
        """Whether columns or the unit have to be chosen."""
        return self.asks_unit() or bool(missing_columns(self.session))

    def settings_in_words(self) -> str:
        """Name the table, the unit of its places and its pixels."""
        unit = "" if self.session.get("cells", "unit") is None else self.unit.in_words()
        size = self.session.get("cells", "pixel_size_um")
        pixel = self.forms[0].in_words() if size is not None and not self._is_in_um() else ()
        return " · ".join(filter(None, (self.file.in_words(), unit, *pixel)))

    def line_of(self, value: object) -> str:
        """Return the header's second line: of what was read, unless another table was chosen since."""
        return f"{self.empty_line()}: not read yet" if self._is_of_another() else super().line_of(value)

    def _is_of_another(self) -> bool:
        """Whether the cells that were read are of another table than the one that is chosen."""
        session = self.session
        was_read = session.value("cells") is not None
        return was_read and session.made_with("cells", "cells", "path") != session.get("cells", "path")

    def _is_in_um(self) -> bool:
        """Whether x and y are known to be lengths, so that no pixel has a size."""
        preview = self.session.preview
        return self.session.get("cells", "unit") == "um" or (preview is not None and preview.is_um)

    def asks_unit(self) -> bool:
        """Whether a person has to say what unit x and y are in."""
        return self.session.asks_unit and self.session.get("cells", "unit") is None

    def empty_line(self) -> str:
        """Name the table where one was chosen."""
        path = self.session.get("cells", "path")
        return path.name if path is not None else ""

    def refresh(self) -> None:
        """Show the session."""
        super().refresh()
        session = self.session
        is_unseen = session.value("cells") is not None and session.value("align") is None
        say(self.unseen, UNSEEN if is_unseen else "")
        if self.asks() and session.running != "cells" and not session.error("cells"):
            wanted = "columns" if missing_columns(session) else "the unit"
            self.header.show_state("warned", f"? choose {wanted}", self.header.line.text())
        self.file.show(session.get("cells", "path"))
        for widget in (self.file.widget(), self.unit.widget()):
            widget.setEnabled(session.running is None)
        path, told = session.get("cells", "path"), session.error("cells")
        self.teaches.setVisible(path is None)
        is_table = path is not None and not (told and session.preview is None and not session.cell_types)
        for part in (self.columns_fold, self.unit_row, self.more):
            part.setVisible(is_table)
        self.forms[0].setVisible(is_table and not self._is_in_um())
        if path is None:
            self.primary.setText("Choose cells…")
        elif self._is_of_another():
            self.primary.setText(self.verb)
        for label in (self.result, self.warnings, self.notes):
            label.setVisible(bool(label.text()) and not self._is_of_another())
        if path != self._shown_path:
            self._shown_path = path
            self.columns_fold.head.setChecked(False)
        self.columns.refresh()
        self._unfold(self.columns_fold, bool(missing_columns(session)))
        self._unfold(self.more, "cells.type_probability" in told or "cells.labels" in told)
        self._refresh_unit()
        is_read = session.is_current("cells")
        named = any(session.get("cells", key) for key in self.columns.editors)
        how = "Taken as" if named else "Recognised"
        say(self.note, "" if is_read or not session.cells_note else f"{how}: {session.cells_note}.")
        types = self.types()
        self.table.show_types(types, session.why_roles)
        say(self.unknown, unknown_in_words([name for name, (_, role) in types.items() if self._is_unknown(name, role)]))
        gates: dict[str, tuple[str, ...]] = session.get("cells", "gates") or {}
        rules = "; ".join(f"{name}: {' '.join(markers)}" for name, markers in gates.items())
        say(self.gates, f"Types by markers, the first that holds: {rules}." if rules and types else "")
        for widget in (self.confirm, self.table):
            widget.setVisible(bool(types))
        say(self.sums, roles_in_words(types))
        self.colour.show(session.colour_by)
        self.colour_row.setVisible(session.value("align") is not None)

    def _unfold(self, fold: Fold, is_needed: bool) -> None:
        """Show what is asked for; who has opened or closed it since is not overruled."""
        if is_needed != self._is_unfolded.get(fold, False):
            self._is_unfolded[fold] = is_needed
            if is_needed:
                fold.head.setChecked(True)

    def _is_unknown(self, name: str, role: Role) -> bool:
        """Whether a type counts as other only because its name says nothing to us."""
        return role == "other" and name != UNASSIGNED and self.session.why_roles.get(name) == NO_RULE

    def types(self) -> Types:
        """Return every known type with its number of cells and its role; first those whose names tell no role."""
        roles = self.session.get("cells", "roles")
        role_of: dict[str, Role] = {name: role for role in ROLE_KEYS for name in roles.get(role, ())}
        counts = self.session.cell_types
        names = sorted(counts or role_of, key=lambda name: not self._is_unknown(name, "other"))
        return {name: (counts.get(name), role_of.get(name, "other")) for name in names}

    def _refresh_unit(self) -> None:
        asks, preview = self.asks_unit(), self.session.preview
        told = "not known: choose" if asks else preview.unit if preview is not None else ""
        if not told:
            told = "as the file says" if self.session.cells_note else "not known yet"
        if told != self._told_unit:
            self._told_unit = told
            self.unit.offer([(told, None), *UNITS])
        self.unit.show(self.session.get("cells", "unit"))
        self.unit.widget().setToolTip(f"{told}\n{field_of('cells', 'unit').description}")
        restyle(self.unit.widget(), "look", "asks" if asks else "")
        say(
            self.question,
            "? Nothing in the table says whether x and y are pixels or µm, and it is not guessed. "
            "Choose the unit; the program that wrote the table can tell. A table in mm: name its columns x_mm and y_mm."
            if asks
            else "",
        )

    def _on_file(self, path: Path | None) -> None:
        if path is not None:
            self.bench.look_at_cells(zarr_of(path))

    def _on_unit(self, unit: Any) -> None:
        self.session.put("cells", "unit", unit)
        path = self.session.get("cells", "path")
        if path is not None and self.session.asks_unit:
            self.bench.look_at_cells(path, keep_roles=True)

    def _on_column(self, key: str, column: str | None) -> None:
        """Take a column, and look again at what the table says with it: another one of the type has other roles."""
        self.session.put("cells", key, column)
        path = self.session.get("cells", "path")
        if path is not None:
            is_same_type = (path, self.session.get("cells", "type")) == self.session.types_of
            self.bench.look_at_cells(path, keep_roles=is_same_type)

    def _on_columns_opened(self, is_open: bool) -> None:
        """Look at a table that came with a recipe or a project, so that there is something to choose from."""
        path = self.session.get("cells", "path")
        if is_open and path is not None and self.session.preview is None and self.session.running is None:
            self.bench.look_at_cells(path, keep_roles=True)

    def _on_role(self, name: str, role: Role) -> None:
        if self.session.error("cells") == NO_EFFECTOR:
            self.session.refuse("cells", "")
        chosen = {n: r for n, (_, r) in self.types().items()} | {name: role}
        roles = {key: tuple(n for n, r in chosen.items() if r == key) for key in ROLE_KEYS}
        self.session.assign_roles({key: names for key, names in roles.items() if names}, f"role of {name:.40}")


def unknown_in_words(names: list[str]) -> str:
    """Say which types count as other only because nobody has said more."""
    if not names:
        return ""
    if len(names) == 1:
        return f"? The name {names[0]:.30} tells no role: it stands first, and counts as other until you choose."
    told = f"{len(names)} names tell no role." if len(names) > 3 else f"No role is told by the names {listed(names)}."
    return f"? {told} They stand first, and count as other until you choose."


def zarr_of(path: Path) -> Path:
    """Return the .zarr folder of one of its own files; any other path as it is."""
    if path.name not in ZARR_FILES:
        return path
    return next((folder for folder in path.parents if folder.suffix == ".zarr"), path)
