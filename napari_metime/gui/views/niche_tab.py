"""The tab of the niches: their table, which is searched, sorted and copied, and whose rows point at niches."""

from __future__ import annotations

import numpy as np
import pandas as pd
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from napari_metime.gui.views.tables import FIRST, FOOTNOTE, GIVES_WAY, REGION_COLUMNS, region_columns
from napari_metime.gui.widgets.frame_table import FrameView
from napari_metime.gui.widgets.searching import TableSearch

HOVER_MS = 150
"""How long the mouse stays over a row before its niche is to stand out on the canvas. Our own choice."""
NO_NICHE = "No cold niche was found here. Below stands what the rest and the whole of the domain hold; step 6 says why."


class NicheTab(QWidget):
    """The rows of regions.csv; emits the label of the niche whose row a person chose, 0 for the rest and the domain."""

    niche_chosen = Signal(int)
    niche_current = Signal(int)
    """The keyboard, or the mouse, has come to another row."""
    niche_hovered = Signal(int)
    niche_stayed = Signal(int)
    """The mouse has stayed for a while where ``niche_hovered`` has told of it; 0 over none."""

    def __init__(self) -> None:
        super().__init__()
        self.table = FrameView("Niches, the rest and the domain")
        self.search = TableSearch(self.table, "Find in this table", only=("only niches", "kind", "niche"))
        self.more = QCheckBox("more columns")
        self.more.setToolTip("Show every column of regions.csv: densities, cores, distances and all channels")
        self.search.add(self.more)
        self._channel = ""
        self.more.toggled.connect(self._choose_columns)
        self.table.resized.connect(self._choose_columns)
        self.table.horizontalHeader().sortIndicatorChanged.connect(self._choose_columns)
        for told, tell in (
            (self.table.row_chosen, self.niche_chosen),
            (self.table.row_current, self.niche_current),
            (self.table.row_hovered, self.niche_hovered),
        ):
            told.connect(lambda row, tell=tell: tell.emit(self._label(row)))
        self._niche = self._hovered = 0
        self._stay = QTimer(self, singleShot=True, interval=HOVER_MS)
        self._stay.timeout.connect(lambda: self.niche_stayed.emit(self._hovered))
        self.niche_hovered.connect(self._on_hovered)
        self.search.chosen.connect(lambda: self.select(self._niche))
        self.words = QLabel(NO_NICHE)
        self.words.setProperty("look", "dim")
        self.words.setWordWrap(True)
        self.words.hide()
        self.footnote = QLabel(FOOTNOTE)
        self.footnote.setProperty("look", "dim")
        self.footnote.setWordWrap(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 2)
        box.setSpacing(3)
        box.addWidget(self.search)
        box.addWidget(self.words)
        box.addWidget(self.table, 1)
        box.addWidget(self.footnote)

    def show_regions(self, regions: pd.DataFrame) -> None:
        """Show the rows of regions.csv."""
        n_last = int((regions["kind"] != "niche").sum()) if len(regions) else 0
        self.words.setVisible(0 < len(regions) == n_last)
        self.table.show_frame(regions, region_columns(regions), n_last)
        self._choose_columns()

    def bring_forward(self, channel: str) -> None:
        """Show how a channel differs right behind what is asked for first."""
        self._channel = channel
        self.table.bring_forward(f"log2fc_{channel}", FIRST)
        self._choose_columns()

    def select(self, label: int) -> None:
        """Select the row of a niche without choosing it; 0 selects none, and lets the rest and the domain be."""
        self._niche = label
        rows = [self.table.shown.mapToSource(index).row() for index in self.table.selectionModel().selectedRows()]
        if not label and any(self._label(row) == 0 for row in rows):
            return
        self.table.select_where("region_id", str(label) if label else "")

    def place_of(self, label: int) -> tuple[tuple[float, float], float]:
        """Return the centre (y, x) of a niche and how large it is, in µm."""
        frame = self.table.frame_model.frame
        row = frame[frame["region_id"].astype(str) == str(label)].iloc[0]
        return (float(row["centroid_y_um"]), float(row["centroid_x_um"])), float(np.sqrt(row["area_um2"]))

    def _choose_columns(self, *_: object) -> None:
        """Show what a reader asks for first and the channel in hand, whole; or every column."""
        in_hand = f"log2fc_{self._channel}"
        if self.more.isChecked():
            self.table.show_only([column.key for column in self.table.frame_model.columns])
        else:
            self.table.show_only([*(column.key for column in REGION_COLUMNS[:FIRST]), in_hand], GIVES_WAY)

    def _on_hovered(self, label: int) -> None:
        self._hovered = label
        self._stay.start()

    def _label(self, row: int) -> int:
        if row < 0:
            return 0
        region = self.table.frame_model.frame.iloc[row]
        return int(region["region_id"]) if region["kind"] == "niche" else 0
