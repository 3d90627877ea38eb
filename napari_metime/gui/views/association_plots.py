"""Ranked bars of the associations, and what their plots share: a click chooses a channel, a chosen one is marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QWheelEvent
from qtpy.QtWidgets import QScrollArea

from napari_metime.export.words import interval, p_value, signed
from napari_metime.gui.views.tables import UNTESTED
from napari_metime.gui.widgets.colours import OTHER_TYPES_COLOUR
from napari_metime.section import label_of

QUIET = "#8A8F98"
"""Lines and names, legible on dark and on light ground."""
ROW_HEIGHT = 19
MAX_LABEL = 22
AXIS_COLOURS = ("#6F3FA0", "#B07850", "#D5C0EC", "#6B3A1E", "#A27BCB", "#F9CCBE")
"""Violets and browns, the axes' own: told from each other, and from the colours of roles and grades. Our own choice."""


def axis_colours(frame: pd.DataFrame) -> Mapping[str, str]:
    """Return a colour for each axis with tested channels, the frequent ones first; the others share a grey."""
    counts = frame.loc[frame["axis"] != "", "axis"].value_counts()
    names = sorted(counts.index, key=lambda name: (-counts[name], name))
    return dict(zip(names, AXIS_COLOURS, strict=False))


def tone(axis: str, colours: Mapping[str, str]) -> QColor:
    """Return the colour of an axis, and the grey of the others."""
    return QColor(colours.get(axis, OTHER_TYPES_COLOUR))


def channel_words(row: Mapping[str, Any]) -> str:
    """Say of a row of an association frame which channel it is, and how it goes with coldness."""
    axis = f" ({row['axis']})" if row["axis"] and row["kind"] != "axis" else ""
    limits = interval(row["r_low"], row["r_high"], signed)
    values = f"partial r {signed(row['r_partial'])}" + (f" ({limits})" if limits else "")
    return f"{label_of(str(row['channel']))}{axis}: {values} with coldness, q = {p_value(row['q'])}"


def row_words(row: Mapping[str, Any]) -> str:
    """Say of any row of an association frame how its channel goes with coldness, or why that is not known."""
    if row["status"] == "tested":
        return channel_words(row)
    why = row["reason"] if isinstance(row.get("reason"), str) else ""
    return f"{label_of(str(row['channel']))}: {UNTESTED.get(row['status'], '')}{f', {why}' if why else ''}"


class RankedBars(QScrollArea):
    """Partial correlations with their 95 % intervals, axis by axis, in rows that scroll."""

    channel_chosen = Signal(str)
    told = Signal(str)
    """What is below the mouse, in words."""

    def __init__(self) -> None:
        super().__init__()
        self.plot = _StillPlot("partial r (95 %)", self._on_row)
        self.plot.scene().sigMouseMoved.connect(self._on_moved)
        self._rows: dict[str, dict[str, Any]] = {}
        self.setWidget(self.plot)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setMinimumWidth(150)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.names: list[str] = []
        """The channel of each row; empty where a row names an axis."""
        self._band = pg.BarGraphItem(x0=[-2], x1=[2], y0=[0], y1=[0], brush=QColor(79, 123, 224, 90), pen=None)

    def show_rows(self, tested: pd.DataFrame, colours: Mapping[str, str]) -> None:
        """Show the tested rows of an association frame, each axis below its name, that of the smallest q first."""
        rows, labels = _ranked(tested)
        self.names = [name for name, _ in labels]
        records = ({str(key): value for key, value in row.items()} for row in rows.to_dict("records"))
        self._rows = {str(row["channel"]): row for row in records}
        y = np.array([i for i, name in enumerate(self.names) if name], dtype=float)
        r, low, high = (rows[key].to_numpy(float) for key in ("r_partial", "r_low", "r_high"))
        view = self.plot.plotItem
        view.clear()
        view.addItem(self._band)
        self.mark("")
        view.addItem(pg.InfiniteLine(0, pen=pg.mkPen(QUIET, width=0.8)))
        tones = [tone(axis, colours) for axis in rows["axis"]]
        bars = {"x0": np.minimum(r, 0), "x1": np.maximum(r, 0), "y0": y - 0.32, "y1": y + 0.32}
        view.addItem(pg.BarGraphItem(**bars, brushes=tones, pen=pg.mkPen("#00000088")))
        has = np.isfinite(low)
        if has.any():
            ends = {"left": (r - low)[has], "right": (high - r)[has], "beam": 0.25}
            view.addItem(pg.ErrorBarItem(x=r[has], y=y[has], pen=pg.mkPen(QUIET, width=1.5), **ends))
        view.getAxis("left").setTicks([[(i, label) for i, (_, label) in enumerate(labels)]])
        self.plot.setMinimumHeight(ROW_HEIGHT * len(labels) + 44)
        reach = float(np.nanmax([0.3, *np.abs(low), *np.abs(high), *np.abs(r)]))
        tick = max(step for step in (0.2, 0.4, 0.6, 0.8) if step <= max(0.8 * reach, 0.2))
        view.getAxis("top").setTicks([[(at, f"{at:+g}".replace("-", "−")) for at in (-tick, tick)] + [(0, "0")]])
        view.setXRange(-1.05 * reach, 1.05 * reach, padding=0)
        view.setYRange(-0.7, max(len(labels), 1) - 0.3, padding=0)

    def mark(self, name: str) -> None:
        """Mark the row of a channel and scroll to it; nothing where it has none."""
        if not name or name not in self.names:
            self._band.setOpts(y0=[-9], y1=[-9])
            return
        row = self.names.index(name)
        self._band.setOpts(y0=[row - 0.5], y1=[row + 0.5])
        self.ensureVisible(0, 30 + ROW_HEIGHT * row, 0, 2 * ROW_HEIGHT)

    def _on_moved(self, place: Any) -> None:
        row = round(self.plot.plotItem.vb.mapSceneToView(place).y())
        name = self.names[row] if 0 <= row < len(self.names) else ""
        self.told.emit(channel_words(self._rows[name]) if name else "")

    def _on_row(self, y: float) -> None:
        row = round(y)
        if 0 <= row < len(self.names) and self.names[row]:
            self.channel_chosen.emit(self.names[row])


def _ranked(tested: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Return the rows as they stand, and (channel, label) of every line; a line without channel names an axis."""
    known = tested[tested["r_partial"].notna()]
    first = {axis: i for i, axis in reversed(list(enumerate(known["axis"])))}
    order = known.assign(_axis=known["axis"].map(first))
    rows = order.sort_values(["_axis", "r_partial"], ascending=[True, False], kind="stable")
    lines: list[tuple[str, str]] = []
    for axis, members in rows.groupby("axis", sort=False):
        lines.append(("", f"{short(str(axis) or 'no axis')} ▾"))
        lines += [(name, short(label_of(name))) for name in members["channel"].astype(str)]
    return rows, lines


class _StillPlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """A plot that is scrolled as a whole; neither wheel nor drag move what it shows."""

    def __init__(self, title: str, on_click: Any) -> None:
        super().__init__(background=None)
        view = self.plotItem
        view.hideButtons()
        view.hideAxis("bottom")
        view.showAxis("top")
        view.getAxis("top").setLabel(title)
        self.setAccessibleName("Ranked correlations")
        view.getAxis("top").enableAutoSIPrefix(False)
        view.setMenuEnabled(False)
        view.setMouseEnabled(False, False)
        view.invertY(True)
        view.getAxis("left").setStyle(tickLength=0, autoExpandTextSpace=True)
        self.scene().sigMouseClicked.connect(
            lambda event: on_click(view.vb.mapSceneToView(event.scenePos()).y())
        )  # fmt: skip

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the area around."""
        event.ignore()


def short(name: str) -> str:
    """Return a name as it is written in a plot, cut where it is long."""
    return name if len(name) <= MAX_LABEL else f"{name[: MAX_LABEL - 1]}…"
