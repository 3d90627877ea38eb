"""Step 3: measure the metabolites."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout

from napari_metime.gui.panels.step_panel import StepPanel
from napari_metime.gui.widgets.forms import Row

PANELS = [("built-in metabolites", "builtin"), ("no panel", None)]
NORMALIZATIONS = [
    ("total ion current", "tic"),
    ("root mean square", "rms"),
    ("median", "median"),
    ("a reference ion", "reference"),
    ("a table", "table"),
    ("nothing", "none"),
]


class MetabolitesPanel(StepPanel):
    """Measure the panel and further m/z."""

    step = "metabolites"
    sentence = "Takes the ion image of each metabolite of the panel that this file can show."
    verb = "Measure"
    rows = (
        Row("channels", "panel", "Panel", choices=PANELS, files="Panel table (*.csv)"),
        Row("channels", "mz", "Further m/z", empty="89.0244, 175.119, …", says=""),
        Row("ims", "tolerance_ppm", "Tolerance"),
        Row("ims", "normalize", "Normalise by", choices=NORMALIZATIONS, says="by {}"),
        Row("ims", "reference_mz", "Reference m/z", empty="for example 760.5851", says="m/z {}"),
        Row("ims", "normalize_table", "Table", empty="x, y, value", files="Table of x, y and value (*.csv)"),
    )

    more_rows = (
        Row("channels", "extend", "Extend panel", empty="none", files="Panel table (*.csv)"),
        Row("channels", "metaspace", "METASPACE", empty="none", files="METASPACE annotations (*.csv)"),
    )

    def build_after(self, box: QVBoxLayout) -> None:
        """Add the look at what is divided by."""
        self.look = QPushButton("Show what it divides by")
        self.look.setProperty("look", "link")
        self.look.setToolTip("Show the normalisation as an image, for quality control")
        self.look.clicked.connect(self.bench.ions.show_normalization)
        box.addWidget(self.look, 0, Qt.AlignmentFlag.AlignLeft)

    def refresh(self) -> None:
        """Show the session, and only what the chosen normalisation needs."""
        super().refresh()
        way = self.session.get("ims", "normalize")
        self.forms[0].set_row_visible("ims", "reference_mz", way == "reference")
        self.forms[0].set_row_visible("ims", "normalize_table", way == "table")
        self.look.setVisible(way != "none" and self.session.value("data") is not None)
