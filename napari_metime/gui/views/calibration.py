"""What the recalibration found: the lock masses before and after, and the shift along the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyqtgraph as pg
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_metime.export.plots import Plot, shift_plot
from napari_metime.export.words import number
from napari_metime.gui.panels.step_panel import wrapped
from napari_metime.gui.views.plots import SaveButton, nearest_point, new_plot
from napari_metime.gui.widgets.frame_table import Column, FrameView
from napari_metime.ims import Recalibration

SHIFT_COLOUR = "#6A91EC"
CALIBRATION_COLUMNS = (
    Column("lock_mz", "Lock m/z", lambda value: f"{value:.4f}", "The true m/z of the lock mass"),
    Column("before_ppm", "Before (ppm)", number, "Distance from the true m/z, median over the rows"),
    Column("after_ppm", "After (ppm)", number, "The same after the correction"),
)


class CalibrationView(QWidget):
    """A sentence, and below it a table beside a plot."""

    told = Signal(str)
    """What is below the mouse, in words."""

    def __init__(self) -> None:
        super().__init__()
        self.table = FrameView("Lock masses")
        self.note = wrapped("", "plain")
        self.plot = new_plot("pixel row", "shift of m/z (ppm)", name="Shift of m/z along the rows")
        self.save = SaveButton(self.shown_plot)
        self._shift_ppm = np.empty(0)
        self.plot.scene().sigMouseMoved.connect(self._on_moved)
        self._shift = self.plot.plot(pen=pg.mkPen(SHIFT_COLOUR, width=2))
        self.plot.addItem(pg.InfiniteLine(0, angle=0, pen=pg.mkPen("#888888", style=Qt.PenStyle.DashLine)))
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.table)
        below.addWidget(self.plot, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 6)
        box.setSpacing(4)
        top = QHBoxLayout()
        top.addWidget(self.note, 1)
        top.addWidget(self.save, 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(top)
        box.addLayout(below, 1)

    def show_recalibration(self, found: Recalibration) -> None:
        """Show what was estimated."""
        frame = pd.DataFrame(
            {"lock_mz": found.lock_mz, "before_ppm": found.residual_before_ppm, "after_ppm": found.residual_after_ppm}
        )
        missing = frame["before_ppm"].isna()
        self.table.show_frame(pd.concat([frame[~missing], frame[missing]]), CALIBRATION_COLUMNS)
        beside = self.table.verticalScrollBar().sizeHint().width() + 2 * self.table.frameWidth() + 4
        self.table.setFixedWidth(self.table.horizontalHeader().length() + beside)
        self.note.setText(found.note)
        self._shift_ppm = np.asarray(found.shift_ppm, dtype=float)
        self._shift.setData(np.arange(self._shift_ppm.size), self._shift_ppm)
        self.plot.autoRange()

    def shown_plot(self) -> Plot | None:
        """Return the shift along the rows, to be saved; None where there is none."""
        return shift_plot(self._shift_ppm, SHIFT_COLOUR) if self._shift_ppm.size else None

    def _on_moved(self, place: QPointF) -> None:
        found = nearest_point(self.plot, place, np.arange(self._shift_ppm.size, dtype=float), self._shift_ppm)
        self.told.emit("" if found is None else f"pixel row {found}: m/z shifted by {self._shift_ppm[found]:+.2f} ppm")
