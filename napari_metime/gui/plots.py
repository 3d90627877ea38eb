"""Plots of the lower dock, and what changes with the distance from a niche."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyqtgraph as pg
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_metime.export.colours import GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.gui.style import colours_of

NICHE_BORDER, TUMOUR_MARGIN = "niche border", "tumour margin"
BORDERS = {
    NICHE_BORDER: "distance from the niche's border (µm), negative inside",
    TUMOUR_MARGIN: "distance from the border of the domain (µm), negative inside",
}
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
    for axis in ("bottom", "left", "top"):
        plot.getPlotItem().getAxis(axis).setPen(colours["dim"])
        plot.getPlotItem().getAxis(axis).setTextPen(colours["dim"])


class GradientPlot(QWidget):
    """A quantity against the signed distance from the border of each niche, or of the domain, with its 95 % band."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = {border: pd.DataFrame() for border in BORDERS}
        self._grades: dict[str, str] = {}
        self.border, self.choice = QComboBox(), QComboBox()
        for border in BORDERS:
            self.border.addItem(border)
        self.border.currentIndexChanged.connect(lambda _: self._draw())
        self.choice.currentIndexChanged.connect(lambda _: self._draw())
        self.plot = new_plot(BORDERS[NICHE_BORDER], "")
        self._legend = self.plot.addLegend(offset=(-10, 5))
        top = QHBoxLayout()
        top.addWidget(QLabel("Show"))
        top.addWidget(self.choice)
        top.addWidget(QLabel("across the"))
        top.addWidget(self.border)
        top.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 2)
        box.setSpacing(2)
        box.addLayout(top)
        box.addWidget(self.plot, 1)

    def show_gradients(self, frame: pd.DataFrame, grades: Mapping[str, str], margin: pd.DataFrame) -> None:
        """Show the rows of gradients.csv and margin.csv; ``grades`` colour the niches."""
        self._frames, self._grades = {NICHE_BORDER: frame, TUMOUR_MARGIN: margin}, dict(grades)
        before = self.choice.currentData()
        self.choice.blockSignals(True)
        self.choice.clear()
        for key in dict.fromkeys([*frame.columns, *margin.columns]):
            if key.startswith(("density_", "mean_")) and not key.endswith(("_low", "_high")):
                self.choice.addItem(_quantity(key), key)
        self.choice.setCurrentIndex(max(self.choice.findData(before), 0))
        self.choice.blockSignals(False)
        if frame.empty and len(margin):
            self.border.setCurrentText(TUMOUR_MARGIN)
        self._draw()

    def show_channel(self, name: str) -> None:
        """Show a channel, where there are bands of it."""
        at = self.choice.findData(f"mean_{name}")
        if at >= 0:
            self.choice.setCurrentIndex(at)

    def _draw(self) -> None:
        self.plot.clear()
        key, border = self.choice.currentData(), self.border.currentText()
        frame = self._frames[border]
        self.plot.setLabel("bottom", BORDERS[border])
        if key is None or key not in frame:
            return
        self.plot.setLabel("left", self.choice.currentText())
        self.plot.addItem(pg.InfiniteLine(0, pen=pg.mkPen("#888888", style=pg.QtCore.Qt.PenStyle.DashLine)))
        for line, (region, rows) in enumerate(frame.groupby("region_id", sort=False)):
            self._draw_niche(str(region), rows, key, line)
        self.plot.autoRange()

    def _draw_niche(self, region: str, rows: pd.DataFrame, key: str, line: int) -> None:
        at = ((rows["band_low_um"] + rows["band_high_um"]) / 2).to_numpy(float)
        value, low, high = (rows[f"{key}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
        grade = grade_of(self._grades.get(region))
        # A lighter tone of the grade's colour: plots are drawn on the theme's dark or light ground.
        colour = QColor(GRADE_COLOURS[grade] if region in self._grades else ROLE_COLOURS["other"]).lighter(135)
        styles = (pg.QtCore.Qt.PenStyle.SolidLine, pg.QtCore.Qt.PenStyle.DashLine, pg.QtCore.Qt.PenStyle.DotLine)
        band = QColor(colour)
        band.setAlpha(50)
        ends = [pg.PlotDataItem(at, edge) for edge in (low, high)]
        self.plot.addItem(pg.FillBetweenItem(*ends, brush=band))
        pen = pg.mkPen(colour, width=2, style=styles[line % len(styles)])
        name = f"Niche {region} ({grade})" if region in self._grades else "tissue across the margin"
        self.plot.plot(at, value, pen=pen, symbol="o", symbolSize=5, symbolBrush=colour, symbolPen=None, name=name)


def _quantity(key: str) -> str:
    if key.startswith("density_"):
        return f"{ROLE_WORDS[key.removeprefix('density_').removesuffix('_per_mm2')]} per mm²"
    return f"{key.removeprefix('mean_')}, mean"
