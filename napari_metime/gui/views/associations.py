"""Which channels go with coldness: volcano, ranked bars and table, which point at each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_metime.export.plots import CALLED_Q, Plot, bars_plot, volcano_plot
from napari_metime.gui.running.in_turn import InTurn
from napari_metime.gui.views.association_plots import RankedBars, axis_colours, channel_words, row_words
from napari_metime.gui.views.plots import SaveButton
from napari_metime.gui.views.tables import UNTESTED, association_columns, association_frame
from napari_metime.gui.views.volcano import AxisLegend, Volcano
from napari_metime.gui.widgets.colours import OTHER_TYPES_COLOUR
from napari_metime.gui.widgets.eliding_combo import ElidingCombo
from napari_metime.gui.widgets.frame_table import STAY_MS, FrameView
from napari_metime.gui.widgets.searching import TableSearch
from napari_metime.gui.widgets.swatches import swatch

BESIDE_NAMES = 136
"""Of the numbers that must be in sight beside the names, in pixels."""
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
        self.axis, self.amount = ElidingCombo("Axis", 5), QElidingLabel()
        self.amount.setProperty("look", "dim")
        self.volcano, self.bars, self.legend = Volcano(), RankedBars(), AxisLegend()
        self.table = FrameView("Associations with coldness")
        self.table.beside_names = BESIDE_NAMES
        self.search = TableSearch(self.table, "Find a channel", only=("only tested", "status", "tested"))
        self.plot, self.plots = ElidingCombo("Kind of plot", 6), QStackedWidget()
        self.plot.addItems([VOLCANO, BARS])
        self.save = SaveButton(self.shown_plot)
        for each in (self.volcano.plot, self.bars):
            self.plots.addWidget(each)
        self._in_turn = InTurn(self)
        # Holding an arrow key must not bring each image on the way into sight.
        self._stay = QTimer(self, singleShot=True, interval=STAY_MS)
        self._connect()
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(_pane((self.plot, QLabel("of"), self.axis), self.plots))
        split.addWidget(_pane((self.search,), self.table))
        split.setSizes([520, 480])
        split.setChildrenCollapsible(False)
        below = QHBoxLayout()
        below.setSpacing(12)
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

    def finish(self) -> None:
        """Draw now what stands in turn."""
        for name in self._pieces():
            self._in_turn.now(name)

    def select(self, name: str) -> None:
        """Mark a channel in both plots and select its row, without choosing it; an empty name marks none."""
        self._chosen = name
        self._select_row()
        self._mark(name)

    def shown_plot(self) -> Plot | None:
        """Return the plot in sight, to be saved; None where nothing is tested."""
        self.finish()
        tested = self._tested()
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
        self.table.row_chosen.connect(lambda row: self._choose(self._name(row)))
        self.table.row_current.connect(self._on_current)
        self.table.row_hovered.connect(self._on_row_hovered)
        self.search.chosen.connect(self._select_row)
        self._stay.timeout.connect(lambda: self._choose(self._chosen))

    def _choose(self, name: str) -> None:
        self._stay.stop()
        self.channel_chosen.emit(name)

    def _select_row(self) -> None:
        """Select the row of the channel in hand, where it is shown: nobody has chosen it there."""
        self.table.select_where("channel", self._chosen)
        self._stay.stop()

    def _on_current(self, row: int) -> None:
        self._chosen = self._name(row)
        self._mark(self._chosen)
        self._stay.start()

    def _on_row_hovered(self, number: int) -> None:
        if number < 0:
            self.told.emit("")
            self.volcano.mark(self._chosen)
            return
        row = self.table.frame_model.frame.iloc[number]
        self.told.emit(row_words({str(key): value for key, value in row.items()}))
        self.volcano.mark(str(row["channel"]))

    def _tested(self) -> pd.DataFrame:
        shown = self._shown()
        return shown[shown["status"] == "tested"]

    def _shown(self) -> pd.DataFrame:
        axis = self.axis.currentData()
        return self._frame[self._frame["axis"] == axis] if axis else self._frame

    def _pieces(self) -> dict[str, Callable[[], None]]:
        """What is drawn, a piece a turn of the event loop: together they would keep the window waiting."""
        return {"volcano": self._draw_volcano, "table": self._draw_table, "bars": self._draw_bars}

    def _draw(self) -> None:
        for name, draw in self._pieces().items():
            self._in_turn.put(name, draw)

    def _draw_volcano(self) -> None:
        self.volcano.show(self._tested(), self._colours)
        self.legend.show_axes(self._tested(), self._colours)
        self.volcano.mark(self._chosen)

    def _draw_bars(self) -> None:
        self.bars.show_rows(self._tested(), self._colours)
        self.bars.mark(self._chosen)

    def _draw_table(self) -> None:
        shown = self._shown()
        self.table.show_frame(shown, association_columns(self._colours))
        self._select_row()
        words = amount_in_words(shown)
        self.amount.setText(words)
        n = shown["status"].value_counts()
        parts = [f"{n[key]:,} {why}" for key, why in UNTESTED.items() if n.get(key)]
        self.amount.setToolTip(f"{words}: {', '.join(parts)}; the table says why" if parts else words)

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


def amount_in_words(shown: pd.DataFrame) -> str:
    """Say how many channels of an association frame go with coldness, and how many were not tested."""
    tested = shown[shown["status"] == "tested"]
    called, n_untested = int((tested["q"] <= CALLED_Q).sum()), len(shown) - len(tested)
    many = f"{called:,} of {len(tested):,}" if called else f"None of {len(tested):,}"
    goes = f"{many} {'goes' if called < 2 else 'go'} with coldness (q ≤ {CALLED_Q:g})"
    parts = [goes if len(tested) else "No channel could be tested"]
    return " · ".join([*parts, f"{n_untested:,} not tested"] if n_untested and len(tested) else parts)


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
