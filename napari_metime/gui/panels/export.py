"""Step 7: write the results."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_metime.gui.forms import LABEL_WIDTH, Row
from napari_metime.gui.panels.save_block import SaveBlock
from napari_metime.gui.panels.step_panel import StepPanel, looking, say, wrapped
from napari_metime.gui.work import results_folder


class ExportPanel(StepPanel):
    """Write the folder that a run of the recipe writes."""

    step = "export"
    sentence = "Writes every table and layer, a report, and a recipe that repeats this analysis from the command line."
    verb = "Export"
    rows = (Row("section", "patient", "Patient", empty="not given"),)
    more_rows = (
        Row("section", "site", "Site", empty="not given"),
        Row("section", "timepoint", "Time point", empty="not given"),
        Row("export", "report", "Report"),
    )

    def build(self, box: QVBoxLayout) -> None:
        """Add the folder above the settings, and the way to what was written."""
        whole = looking(QWidget(), "body")
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        label = QLabel("Folder")
        label.setMinimumWidth(LABEL_WIDTH)
        self.folder, change = QElidingLabel(), QPushButton("Change…")
        change.setProperty("look", "link")
        change.clicked.connect(self._on_change)
        for widget, stretch in ((label, 0), (self.folder, 1), (change, 0)):
            row.addWidget(widget, stretch)
        box.addWidget(whole)
        super().build(box)

    def refresh(self) -> None:
        """Show the session and where it would write."""
        super().refresh()
        self.saving.refresh()
        if self.session.running == "export" or self.session.value("data") is None:
            say(self.saved, "")
        if self.session.get("ims", "path") is None:
            self.folder.setText("beside the imzML")
            return
        folder = results_folder(self.session)
        self.folder.setText(folder.name)
        self.folder.setToolTip(str(folder))
        self._offer_to_open()

    def _build_outcome(self, box: QVBoxLayout) -> None:
        super()._build_outcome(box)
        self.saving, self.saved = SaveBlock(self.bench), wrapped("", "plain")
        self.bench.saved.connect(lambda path: say(self.saved, f"Written to {path}"))
        box.addWidget(self.saving)
        box.addWidget(self.saved)

    def _offer_to_open(self) -> None:
        if not hasattr(self, "open_folder"):
            self.open_folder = QPushButton("Open folder")
            self.open_folder.clicked.connect(self._on_open)
            self.button_row.layout().insertWidget(1, self.open_folder)
        self.open_folder.setVisible(self.session.value("export") is not None)

    def _on_change(self) -> None:
        parent = QFileDialog.getExistingDirectory(self, "Write the results folder into")
        if parent:
            self.session.folder = Path(parent) / f"{self.session.get('section', 'id')}_results"
            self.session.changed.emit("export")

    def _on_open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.session.value("export"))))
