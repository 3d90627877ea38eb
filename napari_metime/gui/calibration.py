"""What the recalibration found: the lock masses before and after, and the shift along the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_metime.export.words import number
from napari_metime.gui.panels.step_panel import wrapped
from napari_metime.gui.plots import new_plot
from napari_metime.gui.tables import Column, FrameView
from napari_metime.ims import Recalibration

SHIFT_COLOUR = "#6A91EC"
CALIBRATION_COLUMNS = (
    Column("lock_mz", "Lock m/z", lambda value: f"{value:.4f}"),
    Column("before_ppm", "Before (ppm)", number, "Distance from the true m/z, median over the rows"),
    Column("after_ppm", "After (ppm)", number, "The same after the correction"),
)


class CalibrationView(QWidget):
    """A sentence, and below it a table beside a plot."""

    def __init__(self) -> None:
        super().__init__()
        self.table = FrameView(sortable=True)
        self.note = wrapped("", "plain")
        self.plot = new_plot("pixel row", "shift (ppm)")
        self._shift = self.plot.plot(pen=pg.mkPen(SHIFT_COLOUR, width=2))
        self.plot.addItem(pg.InfiniteLine(0, angle=0, pen=pg.mkPen("#888888", style=Qt.PenStyle.DashLine)))
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.table)
        below.addWidget(self.plot, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 6)
        box.setSpacing(4)
        box.addWidget(self.note)
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
        self._shift.setData(np.arange(found.shift_ppm.size), found.shift_ppm)
        self.plot.autoRange()
