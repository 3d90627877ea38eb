"""Tables of the results, with sensible digits and units in their headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QTableView

from napari_metime.export.colours import GRADE_COLOURS, grade_of
from napari_metime.export.words import MISSING, area_mm2, count, interval, is_known, number, signed
from napari_metime.section import Channel, ChannelSet


class Column(NamedTuple):
    """A column of a shown table: where it comes from and how it is written."""

    key: str
    header: str
    write: Callable[[Any], str]
    help: str = ""


def _text(value: Any) -> str:
    return MISSING if pd.isna(value) or value == "" else str(value)


def _yes_or_no(value: Any) -> str:
    return {"true": "yes", "false": "no"}.get(str(value).lower(), _text(value))


def _mz(value: Any) -> str:
    return f"{value:.4f}" if is_known(value) else MISSING


def _percent(value: Any) -> str:
    return f"{100 * value:.0f} %" if is_known(value) else MISSING


REGION_COLUMNS = (
    Column("region_id", "Region", _text, "Niches by number, then the rest of the domain, then all of it"),
    Column("grade", "Grade", _text, "Desert or excluded, by the surroundings of the niche"),
    Column("suppressed", "Suppressed", _yes_or_no, "Whether suppressors are in excess there, by their own test"),
    Column("area_um2", "Area (mm²)", area_mm2),
    Column("n_cells", "Cells", count),
    Column("n_effector", "Effectors", count),
    Column("expected_effector", "Expected", number, "Effectors that the cells there lead one to expect"),
    Column("rate_ratio", "Rate ratio", number, "Effector share among cells, against the rest"),
    Column("rate_ratio_interval", "95 % interval", _text),
    Column("density_ratio", "Density ratio", number, "Effectors per mm², against the rest"),
    Column("p_region", "p", number, "Family-wise over the section"),
    Column("density_effector_per_mm2", "Effectors per mm²", number),
    Column("density_suppressor_per_mm2", "Suppressors per mm²", number),
    Column("density_tumor_per_mm2", "Tumour cells per mm²", number),
)
CHANNEL_COLUMNS = (
    Column("channel", "Metabolite", _text),
    Column("detected", "Seen", _yes_or_no, "Whether the panel's rule calls it detected; click a row to show its image"),
    Column("mz", "m/z", _mz),
    Column("adduct", "Adduct", _text),
    Column("axis", "Axis", _text, "Metabolic programme"),
    Column("mean_intensity", "Mean intensity", number),
    Column("coverage", "Coverage", _percent, "Share of the tissue pixels that have it"),
    Column("ppm_error", "Error (ppm)", signed),
    Column("conflicts", "Same m/z as", _text),
    Column("reason", "Why not", _text),
)


def region_columns(regions: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of the regions table, those of the channels last."""
    names = [column.removeprefix("log2fc_") for column in regions.columns if _is_change(column)]
    about = "inside the niche against the rest"
    return (*REGION_COLUMNS, *(Column(f"log2fc_{name}", f"log₂ {name}", signed, f"{name}: {about}") for name in names))


def region_frame(regions: pd.DataFrame) -> pd.DataFrame:
    """Return the regions with their interval in one column."""
    ends = zip(regions["rate_ratio_low"], regions["rate_ratio_high"], strict=True)
    return regions.assign(rate_ratio_interval=[interval(low, high) for low, high in ends])


def channel_frame(channels: ChannelSet) -> pd.DataFrame:
    """Return the rows of channels.csv and of the channels that are not in it, those with an image first.

    Only channels.csv says what was detected: a channel that was asked for by itself has no such verdict.
    """
    table = channels.table
    more = [c for c in channels.channels if c.name not in set(table["channel"])]
    rows = pd.DataFrame([_row_of(channel) for channel in more], columns=list(table.columns), dtype=object)
    whole = pd.concat([rows, table.astype(object)], ignore_index=True)
    shown = whole["channel"].isin([channel.name for channel in channels.channels])
    return pd.concat([whole[shown], whole[~shown]], ignore_index=True)


def _row_of(channel: Channel) -> dict[str, Any]:
    mz = float(channel.name.removeprefix("mz:")) if channel.name.startswith("mz:") else np.nan
    is_empty = channel.kind == "ion" and not np.any(channel.image > 0)
    reason = "no intensity within the tolerance" if is_empty else ""
    return {"channel": channel.name, "mz": mz, "reason": reason}


def _is_numeric(values: pd.Series[Any]) -> bool:
    """Whether a column holds numbers, with or without gaps; Qt compares only values of one type."""
    return all(isinstance(value, int | float | np.number) for value in values.dropna())


def _is_change(column: str) -> bool:
    return column.startswith("log2fc_") and not column.startswith(("log2fc_low_", "log2fc_high_"))


class FrameModel(QAbstractTableModel):
    """A data frame as Qt sees it; the values themselves sort, their texts are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = pd.DataFrame()
        self._columns: Sequence[Column] = ()
        self._numeric: set[str] = set()

    def show(self, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
        """Show another frame."""
        self.beginResetModel()
        self.frame = frame.reset_index(drop=True)
        self._columns = [column for column in columns if column.key in frame]
        self._numeric = {column.key for column in self._columns if _is_numeric(frame[column.key])}
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self.frame)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, sort value, alignment or swatch of a cell."""
        column = self._columns[index.column()]
        value = self.frame[column.key].iloc[index.row()]
        value = value.item() if hasattr(value, "item") else value
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return column.write(value)
        if role == Qt.ItemDataRole.UserRole:
            if column.key in self._numeric:
                return float(value) if is_known(value) else float("-inf")
            return "" if pd.isna(value) else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.key in self._numeric and not isinstance(value, bool):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and column.key == "grade" and isinstance(value, str) and value:
            return _swatch(GRADE_COLOURS[grade_of(value)])
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the header and its help."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section].header
        return self._columns[section].help or None if role == Qt.ItemDataRole.ToolTipRole else None


class FrameView(QTableView):
    """A table whose rows can be chosen; emits the row of the data frame."""

    row_chosen = Signal(int)

    def __init__(self, *, sortable: bool = False) -> None:
        super().__init__()
        self.frame_model = FrameModel()
        self._proxy = QSortFilterProxyModel()
        self._proxy.setSortRole(Qt.ItemDataRole.UserRole)
        self._proxy.setSourceModel(self.frame_model)
        self.setModel(self._proxy)
        self.setSortingEnabled(sortable)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.clicked.connect(self._on_index)
        self.activated.connect(self._on_index)

    def show_frame(self, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
        """Show another frame."""
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.frame_model.show(frame, columns)
        self.resizeColumnsToContents()
        for i in range(self.frame_model.columnCount()):
            self.setColumnWidth(i, min(self.columnWidth(i) + 10, 260))

    def select(self, row: int) -> None:
        """Select a row of the data frame without choosing it."""
        index = self._proxy.mapFromSource(self.frame_model.index(row, 0))
        self.selectRow(index.row())
        self.scrollTo(index)

    def _on_index(self, index: QModelIndex) -> None:
        self.row_chosen.emit(self._proxy.mapToSource(index).row())


def _swatch(colour: str) -> QIcon:
    patch = QPixmap(11, 11)
    patch.fill(QColor(colour))
    return QIcon(patch)
