"""The tab of the niches: their table, which is searched, sorted and copied, and whose rows point at niches."""

from __future__ import annotations

import numpy as np
import pandas as pd
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_metime.gui.views.tables import FIRST, region_columns
from napari_metime.gui.widgets.frame_table import FrameView
from napari_metime.gui.widgets.searching import TableSearch


class NicheTab(QWidget):
    """The rows of regions.csv; emits the label of the niche whose row a person chose, 0 for the rest and the domain."""

    niche_chosen = Signal(int)
    niche_current = Signal(int)
    """The keyboard, or the mouse, has come to another row."""
    niche_hovered = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.table = FrameView("Niches, the rest and the domain")
        self.search = TableSearch(self.table, "Find in this table", only=("only niches", "kind", "niche"))
        for told, tell in (
            (self.table.row_chosen, self.niche_chosen),
            (self.table.row_current, self.niche_current),
            (self.table.row_hovered, self.niche_hovered),
        ):
            told.connect(lambda row, tell=tell: tell.emit(self._label(row)))
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 2)
        box.setSpacing(3)
        box.addWidget(self.search)
        box.addWidget(self.table, 1)

    def show_regions(self, regions: pd.DataFrame) -> None:
        """Show the rows of regions.csv."""
        n_last = int((regions["kind"] != "niche").sum()) if len(regions) else 0
        self.table.show_frame(regions, region_columns(regions), n_last)

    def bring_forward(self, channel: str) -> None:
        """Show how a channel differs right behind what is asked for first."""
        self.table.bring_forward(f"log2fc_{channel}", FIRST)

    def select(self, label: int) -> None:
        """Select the row of a niche without choosing it; 0 selects none."""
        self.table.select_where("region_id", str(label) if label else "")

    def place_of(self, label: int) -> tuple[tuple[float, float], float]:
        """Return the centre (y, x) of a niche and how large it is, in µm."""
        frame = self.table.frame_model.frame
        row = frame[frame["region_id"].astype(str) == str(label)].iloc[0]
        return (float(row["centroid_y_um"]), float(row["centroid_x_um"])), float(np.sqrt(row["area_um2"]))

    def _label(self, row: int) -> int:
        if row < 0:
            return 0
        region = self.table.frame_model.frame.iloc[row]
        return int(region["region_id"]) if region["kind"] == "niche" else 0
