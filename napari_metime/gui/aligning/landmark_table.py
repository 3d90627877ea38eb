"""The table of landmarks: how far off each is, and which one stands out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QBrush, QColor, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QToolButton

from napari_metime.export.words import MISSING, is_known, number
from napari_metime.gui.aligning.landmark_fit import Judged

HEADERS = (
    ("Pair", "Its number beside the rings"),
    ("Misfit µm", "How far the fit to all pairs misses this one"),
    ("If left out", "How far the fit to all other pairs misses this one, in µm"),
    ("", "A pair that does not fit to the others is marked"),
    ("", ""),
)
ROW_HEIGHT, MAX_ROWS_SHOWN = 26, 6
WIDTHS = (34, 72, 80, 0, 24)
"""Of the columns in screen pixels; 0 takes the rest."""
OUTLYING = "outlier"


class LandmarkTable(QTableWidget):
    """One row per pair; the Delete key or the cross at its end leaves it out."""

    def __init__(self, on_remove: Callable[[int], None]) -> None:
        super().__init__(0, len(HEADERS))
        self._on_remove = on_remove
        self._shown: tuple[int, tuple[int, ...]] = (0, ())
        self.setHorizontalHeaderLabels([words for words, _ in HEADERS])
        for i, (_, tip) in enumerate(HEADERS):
            self.horizontalHeaderItem(i).setToolTip(tip)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setAccessibleName("Landmarks")
        header = self.horizontalHeader()
        for i, width in enumerate(WIDTHS):
            header.setSectionResizeMode(i, QHeaderView.ResizeMode.Fixed if width else QHeaderView.ResizeMode.Stretch)
            if width:
                self.setColumnWidth(i, width)

    def show_pairs(self, n_pairs: int, judged: Judged, colour: str) -> None:
        """Show the pairs; the outlying ones in ``colour`` and in words."""
        fit = judged.alignment
        missing = np.full(n_pairs, np.nan)
        off_um = missing if fit is None else fit.residual_um
        left_out_um = missing if fit is None or fit.leave_one_out_um.size != n_pairs else fit.leave_one_out_um
        self.setRowCount(n_pairs)
        for i in range(n_pairs):
            stands_out = bool(judged.stands_out[i])
            texts = (str(i + 1), _micrometres(off_um[i]), _micrometres(left_out_um[i]), OUTLYING if stands_out else "")
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignLeft if column == 3 else Qt.AlignmentFlag.AlignRight
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                if stands_out:
                    item.setForeground(QBrush(QColor(colour)))
                self.setItem(i, column, item)
            if self.cellWidget(i, 4) is None:
                self.setCellWidget(i, 4, self._remover(i))
        head = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(ROW_HEIGHT * min(max(n_pairs, 1), MAX_ROWS_SHOWN) + head + 4)
        shown = (n_pairs, tuple(np.flatnonzero(judged.stands_out).tolist()))
        if shown != self._shown:
            self._bring_into_sight(n_pairs - self._shown[0], *shown)
            self._shown = shown

    def _bring_into_sight(self, n_more: int, n_pairs: int, marked: tuple[int, ...]) -> None:
        """Scroll to a pair that stands out or that was just set; the pairs of a file are shown from the first on."""
        row = marked[0] if marked else n_pairs - 1 if n_more == 1 else 0
        self.scrollTo(self.model().index(row, 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the selected pair out on Delete."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.currentRow() >= 0:
            self._on_remove(self.currentRow())
            return
        super().keyPressEvent(event)

    def _remover(self, index: int) -> QToolButton:
        button = QToolButton()
        button.setText("✕")
        button.setProperty("look", "chip")
        button.setToolTip(f"Remove pair {index + 1}")
        button.setAccessibleName(f"Remove pair {index + 1}")
        # A removed row takes its button with it, which must not happen while the button is being pressed.
        button.clicked.connect(partial(self._on_remove, index), Qt.ConnectionType.QueuedConnection)
        return button


def _micrometres(value: float) -> str:
    return number(value) if is_known(value) else MISSING
