"""The spectrum: the section's mean in grey, over it that of a pixel or region, and the ions that are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_metime.export.plots import Plot, spectrum_plot
from napari_metime.export.words import number
from napari_metime.gui.views.plots import new_plot
from napari_metime.gui.views.sticks import Sticks
from napari_metime.gui.widgets.style import ACCENT
from napari_metime.section import label_of

MEAN_COLOUR = "#8C929B"
OVERLAY_COLOUR = ACCENT
"""Of a pixel or a region that has no colour of its own."""
PEAK_COLOUR = "#8C929BA0"
ION_COLOUR = "#707783"
REACH_PX = 6
"""How far beside a stick a click still means it."""
HEADROOM, NAMED_HEADROOM = 1.12, 1.35
"""Room above the highest stick in sight for the marks on top of it, without and with a name."""


class Window(NamedTuple):
    """An m/z window whose ion image is shown, and its colour."""

    low: float
    high: float
    colour: str


class SpectrumPlot(QWidget):
    """Sticks that follow the range in sight; wheel and drag change it, a double click shows all of it."""

    channel_chosen = Signal(str)
    mz_chosen = Signal(float)
    told = Signal(str)
    """What is below the mouse, in words."""

    def __init__(self) -> None:
        super().__init__()
        self.plot = new_plot("m/z", "intensity", name="Spectrum plot")
        self.view = self.plot.getPlotItem().getViewBox()
        self.view.setMouseEnabled(x=True, y=False)
        self.mean, self.overlay, self.peaks = _no_sticks(), _no_sticks(), _no_sticks()
        self._ions: dict[str, float] = {}
        self._tolerance_ppm = 0.0
        self._windows: list[pg.LinearRegionItem] = []
        self._overlay_colour = OVERLAY_COLOUR
        self._mean = self.plot.plot(pen=pg.mkPen(MEAN_COLOUR, width=1), connect="pairs")
        self._overlay = self.plot.plot(pen=pg.mkPen(OVERLAY_COLOUR, width=1), connect="pairs")
        self._peaks = pg.ScatterPlotItem(size=3, symbol="o", pen=None, brush=PEAK_COLOUR)
        self._marks = pg.ScatterPlotItem(size=9, symbol="t", pen=None, brush=ION_COLOUR, hoverable=True, tip=_tip)
        self._chosen: tuple[str, float] | None = None
        self._ring = pg.ScatterPlotItem(size=15, symbol="t", brush=None, pen=pg.mkPen(ACCENT, width=2))
        self._name = pg.TextItem(color=ION_COLOUR)
        self.plot.addItem(self._peaks)
        self.plot.addItem(self._marks)
        self.plot.addItem(self._ring)
        self.plot.addItem(self._name, ignoreBounds=True)
        self._marks.sigClicked.connect(self._on_mark)
        self.view.sigXRangeChanged.connect(self._draw)
        self.view.sigResized.connect(self._draw)
        self.plot.scene().sigMouseClicked.connect(self._on_click)
        self.plot.scene().sigMouseMoved.connect(self._on_moved)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.plot)

    def show_mean(self, sticks: Sticks, peaks: Sticks) -> None:
        """Show the mean spectrum of a section and its peaks, over its whole range."""
        self.mean, self.peaks = sticks, peaks
        self.show_all()

    def show_overlay(self, sticks: Sticks, colour: str = OVERLAY_COLOUR) -> None:
        """Show the spectrum of a pixel or region over the mean; an empty one takes it away."""
        was_empty = self.mean.mz.size == 0 and self.overlay.mz.size == 0
        self.overlay, self._overlay_colour = sticks, colour
        self._overlay.setPen(pg.mkPen(colour, width=1))
        if was_empty:
            self.show_all()
        self._draw()

    def mark_ions(self, ions: Mapping[str, float], tolerance_ppm: float) -> None:
        """Mark ions by their names, where there is a stick within the tolerance."""
        self._ions, self._tolerance_ppm = dict(ions), tolerance_ppm
        self._draw()

    def mark_channel(self, name: str, mz: float | None) -> None:
        """Name the ion of the channel in hand, and bring it into sight; without an m/z none is named."""
        self._chosen = None if mz is None else (name, mz)
        if mz is not None:
            self.make_visible(mz)
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

    def shown_plot(self, titles: tuple[str, str]) -> Plot | None:
        """Return what is in sight, with every point of it; ``titles`` are those of the mean and of what is over it."""
        low, high = self.view.viewRange()[0]
        both = zip(titles, (self.mean, self.overlay), (MEAN_COLOUR, self._overlay_colour), strict=True)
        shown = [(title, sticks.between(low, high), colour) for title, sticks, colour in both if sticks.mz.size]
        if not shown:
            return None
        marks = {label_of(spot["data"]): spot["pos"][0] for spot in self._spots(low, high)}
        spectra = {title: (sticks.mz, sticks.intensity) for title, sticks, _ in shown}
        return spectrum_plot(spectra, marks, "intensity", {title: colour for title, _, colour in shown})

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
        self._mark_chosen(low, high)
        top = max((float(sticks.intensity.max()) for sticks in seen if sticks.mz.size), default=0.0)
        if top > 0:
            named = self._chosen is not None and low <= self._chosen[1] <= high
            self.view.setYRange(0, top * (NAMED_HEADROOM if named else HEADROOM), padding=0)

    def _spots(self, low: float, high: float) -> list[dict[str, Any]]:
        spots = []
        shown = self.overlay if self.overlay.mz.size else self.mean
        for name, mz in self._ions.items():
            half = mz * self._tolerance_ppm * 1e-6
            near = shown.between(mz - half, mz + half)
            if low <= mz <= high and near.mz.size:
                spots.append({"pos": (mz, float(near.intensity.max())), "data": name})
        return spots

    def _mark_chosen(self, low: float, high: float) -> None:
        is_in_sight = self._chosen is not None and low <= self._chosen[1] <= high
        self._name.setVisible(is_in_sight)
        self._ring.setVisible(is_in_sight)
        if self._chosen is None or not is_in_sight:
            return
        name, mz = self._chosen
        height = self._height_at(mz)
        self._ring.setData([{"pos": (mz, height)}])
        self._name.setText(label_of(name))
        place = (mz - low) / (high - low)
        self._name.setAnchor((0.0 if place < 0.2 else 1.0 if place > 0.8 else 0.5, 1.15))  # nothing of it lies outside
        self._name.setPos(mz, height)

    def _height_at(self, mz: float) -> float:
        shown = self.overlay if self.overlay.mz.size else self.mean
        half = mz * self._tolerance_ppm * 1e-6
        near = shown.between(mz - half, mz + half)
        return float(near.intensity.max()) if near.mz.size else 0.0

    def _reach(self) -> float:
        low, high = self.view.viewRange()[0]
        return float((high - low) * REACH_PX / max(self.view.width(), 1))

    def _on_moved(self, place: QPointF) -> None:
        at, reach = self.view.mapSceneToView(place).x(), self._reach()
        mz = self.nearest(at, reach)
        if mz is None:
            self.told.emit("")
            return
        named = {abs(ion - mz): name for name, ion in self._ions.items() if abs(ion - mz) <= self._half(ion)}
        name = f"{label_of(named[min(named)])}, " if named else ""
        values = []
        for words, sticks in (("here", self.overlay), ("mean of the section", self.mean)):
            near = sticks.between(mz - self._half(mz), mz + self._half(mz))
            if near.mz.size:
                values.append(f"{number(float(near.intensity.max()), 3)} ({words})")
        self.told.emit(f"{name}m/z {mz:.4f}: intensity {', '.join(values) or '0'}; click to show where it is")

    def _half(self, mz: float) -> float:
        return mz * max(self._tolerance_ppm, 1.0) * 1e-6

    def _on_mark(self, _: object, points: Sequence[pg.SpotItem], event: Any) -> None:
        if len(points):
            event.accept()
            self.channel_chosen.emit(points[0].data())

    def _on_click(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or event.isAccepted():
            return
        if event.double():
            self.show_all()
            return
        place = self.view.mapSceneToView(QPointF(event.scenePos()))
        mz = self.nearest(place.x(), self._reach())
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
    return f"<p>{escape(label_of(str(data)))}, m/z {x:.4f}; click to show its image</p>"
