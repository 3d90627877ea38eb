"""How strongly each channel goes with coldness against how surely: the volcano plot, its names and its legend."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import pyqtgraph as pg
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget
from superqt import QFlowLayout

from napari_metime.export.plots import CALLED_Q, LEAST_Q, OTHER_AXES
from napari_metime.gui.layers.legend import Swatch
from napari_metime.gui.views.association_plots import QUIET, channel_words, short, tone
from napari_metime.gui.views.naming import place_names
from napari_metime.gui.views.plots import new_plot
from napari_metime.gui.widgets.style import ACCENT
from napari_metime.section import label_of

SYMBOLS = {"ion": "o", "ratio": "s", "axis": "star", "image": "t"}
SIGNS = {"ion": "● ion", "ratio": "■ ratio", "axis": "★ score", "image": "▲ image"}
POINT_PX, LINE_WORDS_PX = 5.0, (58.0, 20.0)
"""What names leave free: half of it around a point, width and height of the words below the line."""
N_AT_LEAST, N_NAMED = 5, 8
"""Channels that are named, the surest first: these at least, and so many of those that are called. Our own choice."""
ACROSS = "less ← where cold → more (partial r)"
UP = "surer → −log₁₀ q"
HELP = (
    "Each point is a channel. To the right: there is more of it where it is cold; to the left: less. The higher, the "
    "surer: above the dashed line q is at most 0.05. q is the p corrected for the number of channels."
)


class Volcano:
    """A point a channel; the surest are named, and the one in hand is ringed."""

    def __init__(self) -> None:
        self.plot = new_plot(ACROSS, UP, name="Volcano plot")
        self.plot.setMinimumWidth(130)
        self.plot.setToolTip(f"<p>{escape(HELP)}</p>")
        self.points = pg.ScatterPlotItem(hoverable=True, hoverSize=12, tip=_tip)
        self.ring = pg.ScatterPlotItem(size=17, brush=None, pen=pg.mkPen(ACCENT, width=2.5))
        self._line = pg.InfiniteLine(
            -np.log10(CALLED_Q), angle=0, pen=pg.mkPen(QUIET, style=Qt.PenStyle.DashLine), label="q = 0.05",
            labelOpts={"position": 0.02, "anchors": [(0, 0), (0, 0)], "color": QUIET},
        )  # fmt: skip
        self._zero = pg.InfiniteLine(0, pen=pg.mkPen(QUIET, width=0.8))
        self._leaders = pg.PlotCurveItem(pen=pg.mkPen(QUIET, width=0.8), connect="pairs")
        for item in (self._line, self._zero, self._leaders, self.points, self.ring):
            self.plot.addItem(item)
        self._at: dict[str, tuple[float, float]] = {}
        self._surest: list[str] = []
        self._chosen = ""
        self.names = [_name_item() for _ in range(N_NAMED + 1)]
        for name in self.names:
            self.plot.addItem(name, ignoreBounds=True)
        view = self.plot.getPlotItem().getViewBox()
        view.sigRangeChanged.connect(lambda *_: self._place())
        view.sigResized.connect(lambda *_: self._place())

    def show(self, tested: pd.DataFrame, colours: Mapping[str, str]) -> None:
        """Show the tested rows of an association frame, the surest first."""
        x, y = tested["r_partial"].to_numpy(float), -np.log10(np.maximum(tested["q"].to_numpy(float), LEAST_Q))
        names = tested["channel"].astype(str).tolist()
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        self._at = {names[i]: (float(x[i]), float(y[i])) for i in known}
        self._surest = sorted(self._at, key=lambda name: (-self._at[name][1], -abs(self._at[name][0])))
        n_called = sum(y >= -np.log10(CALLED_Q) for _, y in self._at.values())
        self._surest = self._surest[: min(max(n_called, N_AT_LEAST), N_NAMED)]
        rows = tested.iloc[known]
        kinds, axes = rows["kind"].tolist(), rows["axis"].tolist()
        brushes = {axis: pg.mkBrush(tone(axis, colours)) for axis in dict.fromkeys(axes)}
        self.points.setData(
            x=x[known], y=y[known], data=rows.to_dict("records"), pen=pg.mkPen("#00000088"),
            symbol=[SYMBOLS.get(kind, "o") for kind in kinds], size=[14 if kind == "axis" else 9 for kind in kinds],
            brush=[brushes[axis] for axis in axes],
        )  # fmt: skip
        reach = max([0.3, *(abs(a) for a, _ in self._at.values())])
        top = max([2.0, *(b for _, b in self._at.values())])
        self._chosen = ""
        self.ring.setData([])
        across, up = (-1.2 * reach, 1.2 * reach), (-0.07 * top, 1.3 * top)
        self.plot.setRange(xRange=across, yRange=up, padding=0, disableAutoRange=True)
        self._place()

    def mark(self, name: str) -> None:
        """Mark a channel and name it; nothing where it is not drawn."""
        self._chosen = name if name in self._at else ""
        self.ring.setData([{"pos": self._at[name]}] if self._chosen else [])
        self._place()

    @property
    def named(self) -> list[str]:
        """The channels whose names are to be seen, the one in hand first."""
        wanted = [self._chosen, *self._surest] if self._chosen else self._surest
        return list(dict.fromkeys(wanted))

    def _place(self) -> None:
        """Put the names where there is room, each with a line to its point."""
        view, named = self.plot.getPlotItem().getViewBox(), self.named
        for item, name in zip(self.names, named, strict=False):
            item.setText(short(label_of(name)))
        sizes = np.array([_size_of(item) for item in self.names[: len(named)]]).reshape(-1, 2)
        at_px = {name: view.mapFromView(QPointF(*place)) for name, place in self._at.items()}
        points = np.array([(at.x(), at.y()) for at in at_px.values()]).reshape(-1, 2)
        wanted = np.array([(at_px[name].x(), at_px[name].y()) for name in named]).reshape(-1, 2)
        line = view.mapFromView(QPointF(0.0, -np.log10(CALLED_Q))).y()
        words = np.array([[0.0, line, 0.02 * view.width() + LINE_WORDS_PX[0], line + LINE_WORDS_PX[1]]])
        taken = np.vstack([np.concatenate([points - POINT_PX, points + POINT_PX], axis=1), words])
        room = (view.width(), view.height())
        places = place_names(wanted, sizes, taken, room)
        n_placed = sum(place is not None for place in places)
        if n_placed < min(N_AT_LEAST, len(named)):  # points lie everywhere: only the names are kept apart
            places = place_names(wanted[:N_AT_LEAST], sizes[:N_AT_LEAST], words, room)
            places += [None] * (len(named) - len(places))
        ends: list[tuple[float, float]] = []
        for item in self.names[len(named) :]:
            item.setVisible(False)
        for item, name, place, size in zip(self.names, named, places, sizes, strict=False):
            item.setVisible(place is not None)
            if place is not None:
                item.setPos(view.mapToView(QPointF(*place)))
                near = np.clip([at_px[name].x(), at_px[name].y()], place, np.array(place) + size)
                end = view.mapToView(QPointF(*near))
                ends += [self._at[name], (end.x(), end.y())]
        x, y = np.array(ends).reshape(-1, 2).T
        self._leaders.setData(x, y)


class AxisLegend(QWidget):
    """What the colours and the shapes of the points stand for."""

    def __init__(self) -> None:
        super().__init__()
        self._box = QFlowLayout(self)
        self._box.setContentsMargins(2, 0, 2, 0)
        self._box.setHorizontalSpacing(8)
        self._box.setVerticalSpacing(1)

    def show_axes(self, tested: pd.DataFrame, colours: Mapping[str, str]) -> None:
        """Name the axes of the tested rows of an association frame, and their kinds."""
        while self._box.count():
            item = self._box.takeAt(0)
            item.widget().deleteLater()
        axes = set(tested["axis"])
        for axis in colours:
            if axis in axes:
                self._box.addWidget(_entry(axis, tone(axis, colours).name()))
        if axes - set(colours):
            self._box.addWidget(_entry(OTHER_AXES, tone("", colours).name()))
        kinds = [words for kind, words in SIGNS.items() if kind in set(tested["kind"])]
        if len(kinds) > 1:
            self._box.addWidget(_words("   ".join(kinds)))


def _entry(words: str, colour: str) -> QWidget:
    entry = QWidget()
    entry.setProperty("look", "body")
    box = QHBoxLayout(entry)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(4)
    box.addWidget(Swatch(colour))
    box.addWidget(_words(short(words)))
    return entry


def _words(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("look", "legend")
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _name_item() -> pg.TextItem:
    item = pg.TextItem(color=QUIET, anchor=(0, 0))
    item.textItem.document().setDocumentMargin(1)
    font = QFont()
    font.setPointSizeF(8.0)
    item.setFont(font)
    item.setZValue(5)
    return item


def _size_of(item: pg.TextItem) -> tuple[float, float]:
    box = item.textItem.boundingRect()
    return box.width(), box.height()


def _tip(x: float, y: float, data: Any) -> str:
    # As rich text and escaped: Qt would take a name with a tag in it for rich text.
    return f"<p>{escape(channel_words(data))}</p>"
