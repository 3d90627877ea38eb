"""Step 7: write the results."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QTextOption
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_metime.errors import MetimeError
from napari_metime.export.folder import read_provenance, written_at
from napari_metime.export.methods import methods_text
from napari_metime.export.provenance import provenance, provenance_in_words
from napari_metime.export.results import REPORT_NAME
from napari_metime.gui.panels.save_block import SaveBlock
from napari_metime.gui.panels.step_panel import StepPanel, looking, restyle, say, wrapped
from napari_metime.gui.running.control_words import in_the_window
from napari_metime.gui.running.work import results_folder
from napari_metime.gui.widgets.forms import LABEL_WIDTH, Row
from napari_metime.gui.widgets.rows import Fold, in_a_row

PROVENANCE_PX = 220


class ExportPanel(StepPanel):
    """Write the folder that a run of the recipe writes."""

    step = "export"
    sentence = "Writes every table and layer, a report with its figures, and a recipe that repeats this analysis."
    verb = "Export"
    rows = (Row("section", "patient", "Patient", empty="not given", says="patient {}"),)
    more_rows = (
        Row("section", "site", "Site", empty="not given"),
        Row("section", "timepoint", "Time point", empty="not given"),
        Row("export", "report", "Report"),
    )

    def build(self, box: QVBoxLayout) -> None:
        """Add the folder above the settings, and what stands there already."""
        whole = looking(QWidget(), "body")
        column, row = QVBoxLayout(whole), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        row.setSpacing(8)
        label = QLabel("Folder")
        label.setMinimumWidth(LABEL_WIDTH)
        self.folder, change = QElidingLabel(), QPushButton("Change…")
        self.folder.setElideMode(Qt.TextElideMode.ElideMiddle)
        change.setAccessibleName("Change the folder of the results")
        looking(change, "link")
        change.clicked.connect(self._on_change)
        row.addWidget(label, 1)
        row.addWidget(change)
        column.addLayout(row)
        column.addWidget(self.folder)  # in a line of its own: its last two parts are to be read
        box.addWidget(whole)
        self.replaces = wrapped("", "warning")
        box.addWidget(self.replaces)
        super().build(box)

    def settings_in_words(self) -> str:
        """Name the folder before the settings."""
        return " · ".join((self.folder.text(), *self.forms[0].in_words()))

    def refresh(self) -> None:
        """Show the session, where it would write, and what stands there."""
        super().refresh()
        self.saving.refresh()
        self.part_fold.setVisible(self.session.value("data") is not None)
        if self.session.running == "export" or self.session.value("data") is None:
            say(self.saved, "")
        has_result = self.session.value("niches") is not None
        self.for_paper.setVisible(has_result)
        self.methods.setEnabled(self.session.is_current("niches"))
        self.provenance_fold.setVisible(has_result)
        written: Path | None = self.session.value("export")
        self.opening.setVisible(written is not None and self.session.running != "export")
        is_done = self.session.state("export") == "done"
        for button, is_first in ((self.primary, not is_done), (self.open_report, is_done)):
            restyle(button, "look", "primary" if is_first else "second")
        self.open_report.setVisible(written is not None and (written / REPORT_NAME).is_file())
        say(self.copied, "")
        self._show_folder()
        self._show_provenance()

    def copy_methods_text(self) -> None:
        """Put the text for a methods section on the clipboard; settings that did not make the result are not told."""
        if not self.session.is_current("niches"):
            words = "expected niches that are up to date to write of, found none; do steps 1 to 6 first"
            self.session.refuse("export", words)
            return
        try:
            text = methods_text(self.session.recipe(), self.session.section_result())
        except MetimeError as error:
            self.session.refuse("export", str(error))
            return
        QApplication.clipboard().setText(text)
        say(self.copied, f"Copied: {len(text.partition('References')[0].split())} words, with references.")

    def build_answer(self, box: QVBoxLayout) -> None:
        """Add what opens what was written."""
        super().build_answer(box)
        self.open_folder, self.open_report = QPushButton("Open folder"), QPushButton("Open report")
        self.open_folder.clicked.connect(lambda: self._open(self.session.value("export")))
        self.open_report.clicked.connect(lambda: self._open(self.session.value("export") / REPORT_NAME))
        self.opening = in_a_row(self.open_report, self.open_folder)
        box.addWidget(self.opening)

    def build_after(self, box: QVBoxLayout) -> None:
        """Add the text for a paper, the provenance, and parts of the file."""
        self.methods, self.copied = QPushButton("Copy methods text"), wrapped("", "dim")
        self.open_report.setToolTip("Open report.html in the web browser")
        self.open_folder.setToolTip("Show the tables, images and figures in the file manager")
        self.methods.setToolTip("Two paragraphs for a paper: what was done, with parameters, versions and references")
        self.methods.clicked.connect(self.copy_methods_text)
        self.for_paper = in_a_row(self.methods)
        for button in (self.open_folder, self.methods):
            looking(button, "second")
        self.provenance = QPlainTextEdit()
        self.provenance.setReadOnly(True)
        # A checksum is one long word.
        self.provenance.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.provenance.setFixedHeight(PROVENANCE_PX)
        self.provenance.setTabChangesFocus(True)
        self.provenance.setAccessibleName("Provenance")
        self.provenance_fold = Fold("Provenance", self.provenance)
        self.provenance_fold.head.toggled.connect(self._show_provenance)
        self.saving, self.saved = SaveBlock(self.bench), wrapped("", "plain")
        self.bench.saved.connect(self._on_saved)  # the bench outlives this: Qt lets go of a method of a deleted widget
        self.part_fold = Fold("Save a part of the file", self.saving)
        for widget in (self.for_paper, self.copied, self.provenance_fold, self.part_fold, self.saved):
            box.addWidget(widget)

    def _show_folder(self) -> None:
        if self.session.get("ims", "path") is None:
            self.folder.setText("beside the imzML")
            say(self.replaces, "")
            return
        folder = results_folder(self.session)
        self.folder.setText(str(Path(*folder.parts[-2:])))
        self.folder.setToolTip(str(folder))
        # Nobody has to be warned of what this session itself has just written.
        is_own = self.session.running == "export" or folder == self.session.value("export")
        say(self.replaces, "" if is_own else what_it_replaces(folder))

    def _on_saved(self, path: Path) -> None:
        say(self.saved, f"Written to {path}")

    def _show_provenance(self, _: bool = False) -> None:
        """Read it from what was written of these results, else from the session; only while somebody looks."""
        if not self.provenance_fold.head.isChecked() or self.session.value("niches") is None:
            return
        written: Path | None = self.session.value("export") if self.session.is_current("export") else None
        facts = None if written is None else read_provenance(written)
        try:
            facts = facts or provenance(self.session.section_result(), self.session.recipe(), [])
        except MetimeError as error:
            self.provenance.setPlainText(in_the_window(str(error)))
            return
        self.provenance.setPlainText(provenance_in_words(facts))

    def _on_change(self) -> None:
        parent = QFileDialog.getExistingDirectory(self, "Write the results folder into")
        if parent:
            self.session.folder = Path(parent) / f"{self.session.get('section', 'id')}_results"
            self.session.changed.emit("export")

    def _open(self, path: Path) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def what_it_replaces(folder: Path) -> str:
    """Say beforehand what an export into a folder would do to what stands there; empty where nothing does."""
    try:
        stands = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        return f"This folder cannot be read: {error.strerror}."
    if not stands:
        return ""
    when = written_at(folder)
    if when is None:
        return "Other files are there already; choose another folder."
    return f"Replaces the results of {when.day} {when:%b %H:%M} that stand there."
