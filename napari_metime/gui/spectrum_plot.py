"""The spectrum: the section's mean in grey, over it that of a pixel or region, and the ions that are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_metime.gui.plots import new_plot
from napari_metime.gui.sticks import Sticks

MEAN_COLOUR = "#8C929B"
OVERLAY_COLOUR = "#20B2AA"
PEAK_COLOUR = "#8C929BA0"
ION_COLOUR = "#E69F00"
REACH_PX = 6
"""How far beside a stick a click still means it."""
HEADROOM = 1.12
"""Room above the highest stick in sight for the marks on top of it."""


class Window(NamedTuple):
    """An m/z window whose ion image is shown, and its colour."""

    low: float
    high: float
    colour: str


class SpectrumPlot(QWidget):
    """Sticks that follow the range in sight; wheel and drag change it, a double click shows all of it."""

    ion_chosen = Signal(str)
    mz_chosen = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.plot = new_plot("m/z", "intensity")
        self.view = self.plot.getPlotItem().getViewBox()
        self.view.setMouseEnabled(x=True, y=False)
        self.mean, self.overlay, self.peaks = _no_sticks(), _no_sticks(), _no_sticks()
        self._ions: dict[str, float] = {}
        self._tolerance_ppm = 0.0
        self._windows: list[pg.LinearRegionItem] = []
        self._mean = self.plot.plot(pen=pg.mkPen(MEAN_COLOUR, width=1), connect="pairs")
        self._overlay = self.plot.plot(pen=pg.mkPen(OVERLAY_COLOUR, width=1), connect="pairs")
        self._peaks = pg.ScatterPlotItem(size=3, symbol="o", pen=None, brush=PEAK_COLOUR)
        self._marks = pg.ScatterPlotItem(size=9, symbol="t", pen=None, brush=ION_COLOUR, hoverable=True, tip=_tip)
        self.plot.addItem(self._peaks)
        self.plot.addItem(self._marks)
        self._marks.sigClicked.connect(self._on_mark)
        self.view.sigXRangeChanged.connect(self._draw)
        self.view.sigResized.connect(self._draw)
        self.plot.scene().sigMouseClicked.connect(self._on_click)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.plot)

    def show_mean(self, sticks: Sticks, peaks: Sticks) -> None:
        """Show the mean spectrum of a section and its peaks, over its whole range."""
        self.mean, self.peaks = sticks, peaks
        self.show_all()

    def show_overlay(self, sticks: Sticks) -> None:
        """Show the spectrum of a pixel or region over the mean; an empty one takes it away."""
        was_empty = self.mean.mz.size == 0 and self.overlay.mz.size == 0
        self.overlay = sticks
        if was_empty:
            self.show_all()
        self._draw()

    def mark_ions(self, ions: Mapping[str, float], tolerance_ppm: float) -> None:
        """Mark ions by their names, where there is a stick within the tolerance."""
        self._ions, self._tolerance_ppm = dict(ions), tolerance_ppm
        self._draw()

    def mark_windows(self, windows: Sequence[Window]) -> None:
        """Mark the m/z windows of the ion images that are shown."""
        for item in self._windows:
            self.plot.removeItem(item)
        self._windows = [_region(window) for window in windows]
        for item in self._windows:
            item.setZValue(10)  # where the window is narrower than a stick, it must not vanish behind it
            self.plot.addItem(item, ignoreBounds=True)

    def show_all(self) -> None:
        """Show the whole m/z range."""
        ends = [s.mz[[0, -1]] for s in (self.mean, self.overlay) if s.mz.size]
        if not ends:
            return
        low, high = float(np.min(ends)), float(np.max(ends))
        margin = 0.01 * (high - low) or 1.0
        self.view.setLimits(xMin=low - margin, xMax=high + margin)
        self.view.setXRange(low - margin, high + margin, padding=0)
        self._draw()

    def make_visible(self, mz: float) -> None:
        """Move the range in sight where an m/z lies outside it."""
        low, high = self.view.viewRange()[0]
        if not low <= mz <= high:
            half = (high - low) / 2
            self.view.setXRange(mz - half, mz + half, padding=0)

    def nearest(self, mz: float, reach: float) -> float | None:
        """Return the m/z that a click means: the strongest peak within reach, else the strongest stick."""
        for sticks in (self.peaks, self.overlay, self.mean):
            near = sticks.between(mz - reach, mz + reach)
            if near.mz.size:
                return float(near.mz[np.argmax(near.intensity)])
        return None

    def _draw(self, *_: object) -> None:
        (low, high), n_columns = self.view.viewRange()[0], max(int(self.view.width()), 1)
        seen = [sticks.strongest(low, high, n_columns) for sticks in (self.mean, self.overlay)]
        for item, sticks in zip((self._mean, self._overlay), seen, strict=True):
            item.setData(*sticks.lines())
        peaks = self.peaks.strongest(low, high, max(n_columns // 4, 1))
        self._peaks.setData(peaks.mz, peaks.intensity)
        self._marks.setData(self._spots(low, high))
        top = max((float(sticks.intensity.max()) for sticks in seen if sticks.mz.size), default=0.0)
        if top > 0:
            self.view.setYRange(0, top * HEADROOM, padding=0)

    def _spots(self, low: float, high: float) -> list[dict[str, Any]]:
        spots = []
        shown = self.overlay if self.overlay.mz.size else self.mean
        for name, mz in self._ions.items():
            half = mz * self._tolerance_ppm * 1e-6
            near = shown.between(mz - half, mz + half)
            if low <= mz <= high and near.mz.size:
                spots.append({"pos": (mz, float(near.intensity.max())), "data": name})
        return spots

    def _on_mark(self, _: object, points: Sequence[pg.SpotItem], event: Any) -> None:
        if len(points):
            event.accept()
            self.ion_chosen.emit(points[0].data())

    def _on_click(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or event.isAccepted():
            return
        if event.double():
            self.show_all()
            return
        place = self.view.mapSceneToView(QPointF(event.scenePos()))
        low, high = self.view.viewRange()[0]
        mz = self.nearest(place.x(), (high - low) * REACH_PX / max(self.view.width(), 1))
        if mz is not None:
            self.mz_chosen.emit(mz)


def _no_sticks() -> Sticks:
    nothing: NDArray[np.float64] = np.empty(0)
    return Sticks(nothing, nothing)


def _region(window: Window) -> pg.LinearRegionItem:
    fill = QColor(window.colour)
    fill.setAlpha(40)
    return pg.LinearRegionItem(
        (window.low, window.high), movable=False, brush=fill, pen=pg.mkPen(window.colour, width=1)
    )


def _tip(x: float, y: float, data: object) -> str:
    return f"{data}, m/z {x:.4f}; click to show its image"
