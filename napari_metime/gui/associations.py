"""Which channels go with coldness: volcano, ranked bars and table, which point at each other."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_metime.export.words import plural
from napari_metime.gui.association_plots import RankedBars, Volcano, axis_colours
from napari_metime.gui.colours import OTHER_TYPES_COLOUR
from napari_metime.gui.tables import ASSOCIATION_COLUMNS, FrameView, association_frame, swatch

MAX_NAME_WIDTH = 140
EVERY_AXIS = "every axis"


class AssociationView(QWidget):
    """The associations of a section; emits the name of the channel that a person chose."""

    channel_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._frame = association_frame(pd.DataFrame(), pd.DataFrame())
        self._colours: Mapping[str, str] = {}
        self.axis, self.amount = QComboBox(), QElidingLabel()
        self.axis.setMinimumContentsLength(10)
        self.axis.setAccessibleName("Axis")
        self.amount.setProperty("look", "dim")
        self.volcano, self.bars, self.table = Volcano(), RankedBars(), FrameView(sortable=True)
        self.plot, self.plots = QComboBox(), QStackedWidget()
        self.plot.addItems(["volcano", "ranked bars"])
        for each in (self.volcano.plot, self.bars):
            self.plots.addWidget(each)
        self.plot.currentIndexChanged.connect(self.plots.setCurrentIndex)
        self.axis.currentIndexChanged.connect(lambda _: self._draw())
        self.volcano.points.sigClicked.connect(self._on_points)
        self.bars.channel_chosen.connect(self.channel_chosen)
        self.table.row_chosen.connect(lambda row: self.channel_chosen.emit(self._name(row)))
        self.table.row_current.connect(lambda row: self._mark(self._name(row)))
        top = QHBoxLayout()
        top.addWidget(QLabel("Show"))
        top.addWidget(self.plot)
        top.addWidget(QLabel("of"))
        top.addWidget(self.axis)
        top.addSpacing(8)
        top.addWidget(self.amount, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        for widget in (self.plots, self.table):
            split.addWidget(widget)
        split.setSizes([600, 400])
        split.setChildrenCollapsible(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 2)
        box.setSpacing(2)
        box.addLayout(top)
        box.addWidget(split, 1)

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
        """Mark a channel in both plots and select its row, without choosing it."""
        self.table.select_where("channel", name)
        self._mark(name)

    def _draw(self) -> None:
        axis = self.axis.currentData()
        shown = self._frame[self._frame["axis"] == axis] if axis else self._frame
        tested = shown[shown["status"] == "tested"]
        self.volcano.show(tested, self._colours)
        self.bars.show_rows(tested, self._colours)
        self.table.show_frame(shown, ASSOCIATION_COLUMNS)
        self.table.setColumnWidth(0, min(self.table.columnWidth(0), MAX_NAME_WIDTH))  # the numbers must be in sight
        n = shown["status"].value_counts()
        parts = [f"{plural(len(tested), 'channel')} tested"]
        parts += [f"{n[key]} {words}" for key, words in _UNTESTED.items() if n.get(key)]
        self.amount.setText(" · ".join(parts))
        self.amount.setToolTip(f"{' · '.join(parts)}; the table says why not")

    def _mark(self, name: str) -> None:
        self.volcano.mark(name)
        self.bars.mark(name)

    def _name(self, row: int) -> str:
        return str(self.table.frame_model.frame["channel"].iloc[row])

    def _on_points(self, _: object, points: list[object], *__: object) -> None:
        if len(points):
            self.channel_chosen.emit(str(points[0].data()["channel"]))  # type: ignore[attr-defined]


_UNTESTED = {"not_testable": "not testable", "not_measured": "not measured"}
