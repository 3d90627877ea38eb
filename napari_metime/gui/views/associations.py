"""Which channels go with coldness: volcano, ranked bars and table, which point at each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_metime.export.plots import Plot, bars_plot, volcano_plot
from napari_metime.export.words import plural
from napari_metime.gui.views.association_plots import RankedBars, axis_colours, channel_words, tones
from napari_metime.gui.views.plots import SaveButton
from napari_metime.gui.views.tables import UNTESTED, association_columns, association_frame
from napari_metime.gui.views.volcano import AxisLegend, Volcano
from napari_metime.gui.widgets.colours import OTHER_TYPES_COLOUR
from napari_metime.gui.widgets.frame_table import FrameView, swatch
from napari_metime.gui.widgets.searching import TableSearch

MAX_NAME_WIDTH = 140
EVERY_AXIS = "every axis"
VOLCANO, BARS = "volcano", "ranked bars"


class AssociationView(QWidget):
    """The associations of a section; emits the name of the channel that a person chose."""

    channel_chosen = Signal(str)
    told = Signal(str)
    """What is below the mouse, in words."""

    def __init__(self) -> None:
        super().__init__()
        self._frame = association_frame(pd.DataFrame(), pd.DataFrame())
        self._colours: Mapping[str, str] = {}
        self._chosen = ""
        self.axis, self.amount = QComboBox(), QElidingLabel()
        self.axis.setAccessibleName("Axis")
        self.amount.setProperty("look", "dim")
        self.volcano, self.bars, self.legend = Volcano(), RankedBars(), AxisLegend()
        self.table = FrameView("Associations with coldness")
        self.search = TableSearch(self.table, "Find a channel", only=("only tested", "status", "tested"))
        self.plot, self.plots = QComboBox(), QStackedWidget()
        self.plot.setAccessibleName("Kind of plot")
        self.plot.addItems([VOLCANO, BARS])
        for chooser, length in ((self.plot, 6), (self.axis, 5)):
            chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            chooser.setMinimumContentsLength(length)
        self.save = SaveButton(self.shown_plot)
        for each in (self.volcano.plot, self.bars):
            self.plots.addWidget(each)
        self._connect()
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(_pane((self.plot, QLabel("of"), self.axis), self.plots))
        split.addWidget(_pane((self.search,), self.table))
        split.setSizes([560, 440])
        split.setChildrenCollapsible(False)
        below = QHBoxLayout()
        below.addWidget(self.amount, 1)
        for button in (self.save, self.search.copy):
            below.addWidget(button)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 0)
        box.setSpacing(0)
        box.addWidget(split, 1)
        box.addWidget(self.legend)
        box.addLayout(below)

    def show_associations(self, associations: pd.DataFrame, channels: pd.DataFrame) -> None:
        """Show the rows of associations.csv; ``channels``: the rows of channels.csv."""
        self._frame = association_frame(associations, channels)
        before = self.axis.currentData()
        self.axis.blockSignals(True)
        self.axis.clear()
        self.axis.addItem(EVERY_AXIS, "")
        tested = self._frame[self._frame["status"] == "tested"]
        self._colours = axis_colours(tested)
        for name in sorted(set(tested["axis"]) - {""}):
            self.axis.addItem(swatch(self._colours.get(name, OTHER_TYPES_COLOUR)), name, name)
        self.axis.setCurrentIndex(max(self.axis.findData(before), 0))
        self.axis.blockSignals(False)
        self._draw()

    def select(self, name: str) -> None:
        """Mark a channel in both plots and select its row, without choosing it; an empty name marks none."""
        self._chosen = name
        self.table.select_where("channel", name)
        self._mark(name)

    def shown_plot(self) -> Plot | None:
        """Return the plot in sight, to be saved; None where nothing is tested."""
        shown = self._shown()
        tested = shown[shown["status"] == "tested"]
        if tested.empty:
            return None
        draw = volcano_plot if self.plot.currentText() == VOLCANO else bars_plot
        order = [name for name in self.bars.names if name]
        rows = tested if self.plot.currentText() == VOLCANO else tested.set_index("channel").loc[order].reset_index()
        return draw(rows, self._colours, OTHER_TYPES_COLOUR)

    def _connect(self) -> None:
        self.plot.currentIndexChanged.connect(self.plots.setCurrentIndex)
        self.axis.currentIndexChanged.connect(lambda _: self._draw())
        self.volcano.points.sigClicked.connect(self._on_points)
        self.volcano.points.sigHovered.connect(self._on_hovered)
        self.bars.channel_chosen.connect(self.channel_chosen)
        self.bars.told.connect(self.told)
        self.table.row_chosen.connect(lambda row: self.channel_chosen.emit(self._name(row)))
        self.table.row_current.connect(lambda row: self._mark(self._name(row)))

    def _shown(self) -> pd.DataFrame:
        axis = self.axis.currentData()
        return self._frame[self._frame["axis"] == axis] if axis else self._frame

    def _draw(self) -> None:
        shown = self._shown()
        tested = shown[shown["status"] == "tested"]
        self.volcano.show(tested, self._colours)
        self.bars.show_rows(tested, self._colours)
        self.legend.show_axes(tested, self._colours)
        self.table.show_frame(shown, association_columns(tones(self._colours)))
        self.table.setColumnWidth(0, min(self.table.columnWidth(0), MAX_NAME_WIDTH))  # the numbers must be in sight
        n = shown["status"].value_counts()
        parts = [f"{plural(len(tested), 'channel')} tested"]
        parts += [f"{n[key]} {words}" for key, words in UNTESTED.items() if n.get(key)]
        self.amount.setText(" · ".join(parts))
        self.amount.setToolTip(f"{' · '.join(parts)}; the table says why not")
        if self._chosen:
            self.select(self._chosen)

    def _mark(self, name: str) -> None:
        self.volcano.mark(name)
        self.bars.mark(name)

    def _name(self, row: int) -> str:
        return str(self.table.frame_model.frame["channel"].iloc[row])

    def _on_points(self, _: object, points: list[Any], *__: object) -> None:
        if len(points):
            self.channel_chosen.emit(str(points[0].data()["channel"]))

    def _on_hovered(self, _: object, points: list[Any], *__: object) -> None:
        self.told.emit(channel_words(points[0].data()) if len(points) else "")


def _pane(controls: Sequence[QWidget], below: QWidget) -> QWidget:
    pane = QWidget()
    pane.setProperty("look", "body")
    line = QHBoxLayout()
    line.setSpacing(4)
    for widget in controls:
        line.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    box = QVBoxLayout(pane)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(2)
    box.addLayout(line)
    box.addWidget(below, 1)
    return pane

