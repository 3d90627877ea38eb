"""Plots of the lower dock, and what changes with the distance from a niche."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyqtgraph as pg
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_metime.export.colours import GRADE_COLOURS, grade_of
from napari_metime.gui.style import colours_of

ROLE_WORDS = {"effector": "Effectors", "suppressor": "Suppressors", "tumor": "Tumour cells"}


def new_plot(bottom: str, left: str) -> pg.PlotWidget:
    """Return an empty plot that looks like the others."""
    widget = pg.PlotWidget(background=None)
    widget.setLabel("bottom", bottom)
    if left:
        widget.setLabel("left", left)
    widget.getPlotItem().hideButtons()
    for axis in ("bottom", "left"):
        widget.getPlotItem().getAxis(axis).enableAutoSIPrefix(False)
    widget.setMenuEnabled(False)
    widget.showGrid(x=False, y=True, alpha=0.15)
    return widget


def follow_theme(plot: pg.PlotWidget, theme_id: str) -> None:
    """Give a plot the ground and the lines of one of napari's themes; it takes neither from the style sheet."""
    colours = colours_of(theme_id)
    plot.setBackground(colours["background"])
    for axis in ("bottom", "left"):
        plot.getPlotItem().getAxis(axis).setPen(colours["dim"])
        plot.getPlotItem().getAxis(axis).setTextPen(colours["dim"])


class GradientPlot(QWidget):
    """A quantity against the signed distance from the border of each niche, with its 95 % band."""

    def __init__(self) -> None:
        super().__init__()
        self._frame = pd.DataFrame()
        self._grades: dict[str, str] = {}
        self.choice = QComboBox()
        self.choice.currentIndexChanged.connect(lambda _: self._draw())
        self.plot = new_plot("distance from the niche's border (µm), negative inside", "")
        self._legend = self.plot.addLegend(offset=(-10, 5))
        top = QHBoxLayout()
        top.addWidget(QLabel("Show"))
        top.addWidget(self.choice)
        top.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 2)
        box.setSpacing(2)
        box.addLayout(top)
        box.addWidget(self.plot, 1)

    def show_gradients(self, frame: pd.DataFrame, grades: Mapping[str, str]) -> None:
        """Show the rows of gradients.csv; ``grades`` colour the niches."""
        self._frame, self._grades = frame, dict(grades)
        before = self.choice.currentData()
        self.choice.blockSignals(True)
        self.choice.clear()
        for key in frame.columns:
            if key.startswith(("density_", "mean_")) and not key.endswith(("_low", "_high")):
                self.choice.addItem(_quantity(key), key)
        self.choice.setCurrentIndex(max(self.choice.findData(before), 0))
        self.choice.blockSignals(False)
        self._draw()

    def _draw(self) -> None:
        self.plot.clear()
        key = self.choice.currentData()
        if key is None:
            return
        self.plot.addItem(pg.InfiniteLine(0, pen=pg.mkPen("#888888", style=pg.QtCore.Qt.PenStyle.DashLine)))
        for line, (region, rows) in enumerate(self._frame.groupby("region_id", sort=False)):
            self._draw_niche(str(region), rows, key, line)
        self.plot.autoRange()

    def _draw_niche(self, region: str, rows: pd.DataFrame, key: str, line: int) -> None:
        at = ((rows["band_low_um"] + rows["band_high_um"]) / 2).to_numpy(float)
        value, low, high = (rows[f"{key}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
        grade = grade_of(self._grades.get(region))
        # A lighter tone of the grade's colour: plots are drawn on the theme's dark or light ground.
        colour = QColor(GRADE_COLOURS[grade]).lighter(135)
        styles = (pg.QtCore.Qt.PenStyle.SolidLine, pg.QtCore.Qt.PenStyle.DashLine, pg.QtCore.Qt.PenStyle.DotLine)
        band = QColor(colour)
        band.setAlpha(50)
        ends = [pg.PlotDataItem(at, edge) for edge in (low, high)]
        self.plot.addItem(pg.FillBetweenItem(*ends, brush=band))
        pen = pg.mkPen(colour, width=2, style=styles[line % len(styles)])
        name = f"Niche {region} ({grade})"
        self.plot.plot(at, value, pen=pen, symbol="o", symbolSize=5, symbolBrush=colour, symbolPen=None, name=name)


def _quantity(key: str) -> str:
    if key.startswith("density_"):
        return f"{ROLE_WORDS[key.removeprefix('density_').removesuffix('_per_mm2')]} per mm²"
    return f"{key.removeprefix('mean_')}, mean"
