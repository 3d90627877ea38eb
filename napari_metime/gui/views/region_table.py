"""The table of the tissue's regions: a row per label, whose name a person may change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_metime.export.words import area_mm2
from napari_metime.gui.layers.region_layer import region_colours
from napari_metime.gui.widgets.swatches import swatch
from napari_metime.section import TissueRegions

COLUMNS = {
    "": "Colour and number of the label",
    "Name": "Double-click a name to change it. Labels of one name are one region",
    "mm²": "Area of its pixels",
    "Pixels": "How many pixels it has",
    "Top m/z": "The ion that it has most of, compared with the rest of the tissue",
}
NAME = 1
ROW_HEIGHT, MAX_ROWS_SHOWN = 28, 8


class RegionTable(QTableWidget):
    """Colour and number, name, area, pixels, and the ion that the region has most of; equal names are one region."""

    def __init__(self, on_name: Callable[[int, str], None]) -> None:
        super().__init__(0, len(COLUMNS))
        self._labels: NDArray[np.int32] | None = None
        self._n_pixels: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self.setHorizontalHeaderLabels(list(COLUMNS))
        for column, about in enumerate(COLUMNS.values()):
            self.horizontalHeaderItem(column).setToolTip(about)
        self.setAccessibleName("Regions of the tissue")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setShowGrid(False)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.itemChanged.connect(lambda item: on_name(item.row() + 1, item.text()))

    def show_regions(self, regions: TissueRegions, pixel_um2: float) -> None:
        """Show the regions of a tissue, and leave what is being typed alone; ``pixel_um2`` is the area of a pixel."""
        if regions.labels is not self._labels:
            self._labels, self._n_pixels = regions.labels, np.bincount(regions.labels.ravel())
        colours, top = region_colours(regions), _top_ions(regions)
        with QSignalBlocker(self):
            self.setRowCount(len(regions.names))
            for label, name in regions.names.items():
                n_pixels = int(self._n_pixels[label])
                mz, why = top.get(name, ("", ""))
                texts = (str(label), name, area_mm2(n_pixels * pixel_um2), f"{n_pixels:,}", mz)
                for column, text in enumerate(texts):
                    self._item(label - 1, column).setText(text)
                self._item(label - 1, 0).setIcon(swatch(colours[label]))
                self._item(label - 1, len(COLUMNS) - 1).setToolTip(why)
        head = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(ROW_HEIGHT * min(len(regions.names), MAX_ROWS_SHOWN) + head + 4)

    def _item(self, row: int, column: int) -> QTableWidgetItem:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            if column == NAME:
                item.setToolTip("Double-click to name it. Labels of one name are one region")
            else:
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)
        return item


def _top_ions(regions: TissueRegions) -> dict[str, tuple[str, str]]:
    """Return of each region the m/z that it has most of, and how much more; none where nothing is compared."""
    first = regions.markers.groupby("region", sort=False).head(1)
    return {
        str(row["region"]): (
            f"{row['mz']:.4f}",
            f"AUC {row['auc']:.2f}, log2 fold change {row['log2fc']:+.2f} against the rest of the tissue: descriptive, "
            "as the regions were chosen by these ions",
        )
        for row in first.to_dict("records")
    }
