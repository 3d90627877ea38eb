"""Step 2: outline the tissue."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout

from napari_metime.gui.forms import Row
from napari_metime.gui.panels.step_panel import StepPanel, wrapped
from napari_metime.section import Tissue

METHODS = [
    ("automatic", "auto"),
    ("by total ion current (Otsu)", "otsu"),
    ("by spectra (two clusters)", "clusters"),
    ("every measured pixel", "none"),
]


class TissuePanel(StepPanel):
    """Find the tissue; a person may repaint it."""

    step = "tissue"
    sentence = "Tells tissue from the matrix around it. Only tissue is analysed."
    verb = "Find tissue"
    rows = (Row("tissue", "method", "Method", choices=METHODS, files="Mask image (*.tif *.tiff *.npy *.png)"),)

    def build(self, box: QVBoxLayout) -> None:
        """Add the way to the brush below the settings."""
        super().build(box)
        self.paint = QPushButton("Repaint by hand")
        self.paint.setProperty("look", "link")
        self.paint.setToolTip("Select the tissue layer and its brush; label 1 is tissue, the eraser removes it")
        self.paint.clicked.connect(self.bench.start_painting)
        self.painted = wrapped("Brush on the tissue layer; the eraser (key 1) removes. Every stroke counts.", "dim")
        box.addWidget(self.paint, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self.painted)

    def refresh(self) -> None:
        """Show the session; the brush only once there is a mask."""
        super().refresh()
        can_paint = self.session.value("tissue") is not None and self.session.is_current("data")
        self.paint.setVisible(can_paint)
        self.painted.setVisible(can_paint and self.bench.is_painting())

    def line_of(self, value: object) -> str:
        """Return the area in mm²."""
        assert isinstance(value, Tissue)
        area_mm2 = value.mask.sum() * self.session.value("data").dataset.grid.pixel_area_um2 / 1e6
        return f"{area_mm2:.3g} mm² on tissue · {value.method}"
