"""What changes with the distance from a niche: a curve a niche, each of which can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_metime.export.colours import GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.export.plots import Plot, gradient_plot
from napari_metime.export.words import interval, number
from napari_metime.gui.views.naming import freest_corner
from napari_metime.gui.views.plots import SaveButton, nearest_point, new_plot
from napari_metime.gui.widgets.eliding_combo import ElidingCombo
from napari_metime.gui.widgets.style import is_dark
from napari_metime.section import label_of

NICHE_BORDER, TUMOUR_MARGIN = "niche border", "tumour margin"
BORDERS = (NICHE_BORDER, TUMOUR_MARGIN)
BORDER_OF = {"tumor_bed": TUMOUR_MARGIN, "tissue": "tissue border"}
"""What the border of a domain is called; of a region or a mask it is that of the area."""
ROLE_WORDS = {"effector": "Effectors", "suppressor": "Suppressors", "tumor": "Tumour cells"}
STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
MAX_LINE = 20
FADED, FADED_BAND, BAND = 165, 22, 50
"""How opaque a curve and its band are while another one is chosen, and a band else, of 255."""
N_LEGEND = 100
"""Places along a curve at which it may be covered by the legend. Our own choice."""
PALE = 0.55
"""From this lightness on a colour is pale on a light ground. Our own choice."""
MANY = 6
"""Curves that are told apart by a legend and bands of their own; of more, only the chosen one has them."""
_MEAN = "mean_"


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    region: str
    at_um: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class GradientPlot(QWidget):
    """A quantity against the signed distance from the border of each niche, or of the domain, with its 95 % band."""

    niche_chosen = Signal(int)
    channel_chosen = Signal(str)
    told = Signal(str)
    """What is below the mouse, in words."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = {border: pd.DataFrame() for border in BORDERS}
        self._grades: dict[str, str] = {}
        self._units: Mapping[str, str] = {}
        self._niche = ""
        self._curves: list[_Curve] = []
        self._is_dark = True
        self.border, self.choice = ElidingCombo("Border", 9), ElidingCombo("Quantity", 10)
        for border in BORDERS:
            self.border.addItem(border, border)
        self.border.currentIndexChanged.connect(lambda _: self._draw())
        self.choice.currentIndexChanged.connect(lambda _: self._draw())
        self.choice.activated.connect(lambda _: self._on_choice())
        self.plot = new_plot(self._across(), "", name="Gradient plot")
        self._legend = self.plot.addLegend(offset=(-10, 5))
        self.plot.getPlotItem().getViewBox().sigResized.connect(lambda _: self._place_legend())
        self.plot.scene().sigMouseClicked.connect(self._on_click)
        self.plot.scene().sigMouseMoved.connect(self._on_moved)
        self.save = SaveButton(self.shown_plot)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(QLabel("Show"))
        top.addWidget(self.choice, 3)
        top.addWidget(QLabel("across the"))
        top.addWidget(self.border)
        top.addWidget(self.save)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 2)
        box.setSpacing(2)
        box.addLayout(top)
        box.addWidget(self.plot, 1)

    def show_gradients(
        self,
        frame: pd.DataFrame,
        grades: Mapping[str, str],
        margin: pd.DataFrame,
        units: Mapping[str, str] | None = None,
        domain: str = "tumor_bed",
    ) -> None:
        """Show the rows of gradients.csv and margin.csv; ``grades`` colour the niches, ``units`` are of channels."""
        is_first = self._frames[NICHE_BORDER].empty
        self._frames, self._grades = {NICHE_BORDER: frame, TUMOUR_MARGIN: margin}, dict(grades)
        self._units, self._niche = units or {}, ""
        before = self.choice.currentData()
        self.choice.blockSignals(True)
        self.choice.clear()
        for key in dict.fromkeys([*frame.columns, *margin.columns]):
            if key.startswith(("density_", _MEAN)) and not key.endswith(("_low", "_high")):
                self.choice.addItem(self._quantity(key), key)
        self.choice.setCurrentIndex(max(self.choice.findData(before), 0))
        self.choice.blockSignals(False)
        self.border.setItemText(BORDERS.index(TUMOUR_MARGIN), BORDER_OF.get(domain, "border of the area"))
        if frame.empty and len(margin):
            self._choose_border(TUMOUR_MARGIN)
        elif is_first and len(frame):
            self._choose_border(NICHE_BORDER)
        self._draw()

    def show_channel(self, name: str) -> None:
        """Show a channel, where there are bands of it."""
        at = self.choice.findData(f"{_MEAN}{name}")
        if at >= 0:
            self.choice.setCurrentIndex(at)

    def mark_niche(self, label: int) -> None:
        """Let the curves of the other niches fade; with 0 none does."""
        self._niche = str(label) if label else ""
        if self._niche in self._grades:  # its curve stands there alone
            self._choose_border(NICHE_BORDER)
        self._draw()

    def shown_plot(self) -> Plot | None:
        """Return what is shown, to be saved; None where nothing is."""
        key, frame = self.choice.currentData(), self._frames[self.border.currentData()]
        if key is None or key not in frame:
            return None
        return gradient_plot(frame, key, self._grades, (self._across(), self._title()))

    def _choose_border(self, border: str) -> None:
        self.border.setCurrentIndex(BORDERS.index(border))

    def _across(self) -> str:
        """Return what the axis of the distance is called."""
        is_niche = self.border.currentData() == NICHE_BORDER
        words = "niche's border" if is_niche else self.border.currentText()
        return f"distance from the {words} (µm), negative inside"

    def _draw(self) -> None:
        self.plot.clear()
        self._curves = []
        key, frame = self.choice.currentData(), self._frames[self.border.currentData()]
        self.plot.setLabel("bottom", self._across())
        self.choice.setToolTip(f"<p>{escape(self.choice.currentText())}</p>")
        if key is None or key not in frame:
            return
        self.plot.setLabel("left", "<br>".join(map(escape, _lines(self._title()))))
        self.plot.addItem(pg.InfiniteLine(0, pen=pg.mkPen("#888888", style=Qt.PenStyle.DashLine)))
        for line, (region, rows) in enumerate(frame.groupby("region_id", sort=False)):
            at = ((rows["band_low_um"] + rows["band_high_um"]) / 2).to_numpy(float)
            value, low, high = (rows[f"{key}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
            self._curves.append(_Curve(str(region), at, value, low, high))
            self._draw_curve(self._curves[-1], STYLES[line % len(STYLES)])
        self.plot.autoRange()
        self._place_legend()

    def _place_legend(self) -> None:
        """Put the legend where it covers least of the curves."""
        view = self.plot.getPlotItem().getViewBox()
        if not self._curves or view.width() <= 0 or view.height() <= 0:
            return
        (left, right), (low, high) = view.viewRange()
        x = np.linspace(left, right, N_LEGEND)
        lines = [
            np.column_stack([(x - left) / (right - left), (high - np.interp(x, curve.at_um, value)) / (high - low)])
            for curve in self._curves
            for value in (curve.low, curve.value, curve.high)
        ]
        across, down = freest_corner(
            np.concatenate(lines), (self._legend.width() / view.width(), self._legend.height() / view.height())
        )
        corner = (across, down)
        self._legend.anchor(corner, corner, offset=(-10 if across else 10, -5 if down else 5))

    def _draw_curve(self, curve: _Curve, style: Qt.PenStyle) -> None:
        is_niche, is_chosen = curve.region in self._grades, curve.region == self._niche
        grade = grade_of(self._grades.get(curve.region))
        is_faded = bool(self._niche) and is_niche and not is_chosen
        colour = self._tone(GRADE_COLOURS[grade] if is_niche else ROLE_COLOURS["other"])
        if is_chosen or len(self._grades) <= MANY or not is_niche:
            band = QColor(colour)
            band.setAlpha(FADED_BAND if is_faded else BAND)
            ends = [pg.PlotDataItem(curve.at_um, edge) for edge in (curve.low, curve.high)]
            self.plot.addItem(pg.FillBetweenItem(*ends, brush=band))
        colour.setAlpha(FADED if is_faded else 255)
        pen = pg.mkPen(colour, width=3.5 if is_chosen else 2 if len(self._grades) <= MANY else 1.2, style=style)
        symbol = {"symbol": "o", "symbolSize": 8 if is_chosen else 5, "symbolBrush": colour, "symbolPen": None}
        item = self.plot.plot(curve.at_um, curve.value, pen=pen, name=self._name_in_legend(curve), **symbol)
        item.setZValue(1 if is_chosen else 0)

    def _tone(self, colour: str) -> QColor:
        """Return a tone of a colour that can be seen on the theme's ground."""
        tone = QColor(colour)
        if self._is_dark:
            return tone.lighter(135) if tone.lightnessF() < PALE else tone
        return tone.darker(145) if tone.lightnessF() >= PALE else tone

    def follow_theme(self, theme_id: str) -> None:
        """Draw in tones that can be seen in one of napari's themes."""
        if is_dark(theme_id) != self._is_dark:
            self._is_dark = is_dark(theme_id)
            self._draw()

    def _name_in_legend(self, curve: _Curve) -> str | None:
        """Return what the legend says of a curve; of many niches it names the one in hand, and one of each grade."""
        if curve.region not in self._grades:
            return f"across the {self.border.currentText()}"
        grade = grade_of(self._grades[curve.region])
        if curve.region == self._niche or len(self._grades) <= MANY:
            return f"Niche {curve.region} ({grade})"
        others = [each for each in self._grades if each != self._niche and grade_of(self._grades[each]) == grade]
        if curve.region != others[0]:
            return None
        return f"{len(others)} {grade}" if len(others) > 1 else f"Niche {curve.region} ({grade})"

    def _quantity(self, key: str) -> str:
        if key.startswith("density_"):
            return f"{ROLE_WORDS[key.removeprefix('density_').removesuffix('_per_mm2')]} per mm²"
        name = key.removeprefix(_MEAN)
        unit = self._units.get(name, "")
        return label_of(name) + (f" ({unit})" if unit else "")

    def _title(self) -> str:
        """Return what the axis of the quantity is called, with its unit."""
        key, words = self.choice.currentData(), self.choice.currentText()
        return f"mean {words}" if key is not None and key.startswith(_MEAN) else words

    def _nearest(self, place: QPointF) -> tuple[_Curve, int] | None:
        if not self._curves:
            return None
        x, y = (np.concatenate([getattr(curve, key) for curve in self._curves]) for key in ("at_um", "value"))
        found = nearest_point(self.plot, place, x, y)
        if found is None:
            return None
        for curve in self._curves:
            if found < curve.at_um.size:
                return curve, found
            found -= curve.at_um.size
        return None

    def _on_moved(self, place: QPointF) -> None:
        found = self._nearest(place)
        self.told.emit("" if found is None else self._words(*found))

    def _words(self, curve: _Curve, i: int) -> str:
        is_niche = curve.region in self._grades
        border = f"the border of niche {curve.region}" if is_niche else f"the {self.border.currentText()}"
        at = curve.at_um[i]
        limits = interval(curve.low[i], curve.high[i])
        value = f"{self.choice.currentText()}: {number(curve.value[i], 3)}" + (f" ({limits})" if limits else "")
        return f"{number(abs(at))} µm {'inside' if at < 0 else 'outside'} {border}: {value}"

    def _on_click(self, event: Any) -> None:
        found = self._nearest(event.scenePos()) if event.button() == Qt.MouseButton.LeftButton else None
        if found is not None and found[0].region in self._grades:
            self.niche_chosen.emit(int(found[0].region))

    def _on_choice(self) -> None:
        key = self.choice.currentData()
        if key is not None and key.startswith(_MEAN):
            self.channel_chosen.emit(key.removeprefix(_MEAN))


def _lines(title: str) -> list[str]:
    """Return a title with its unit in a line of its own: the plot is low."""
    name, bracket, unit = title.rpartition(" (")
    return [name, f"({unit}"] if bracket and len(title) > MAX_LINE else [title]
