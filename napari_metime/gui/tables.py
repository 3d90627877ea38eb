"""Tables of the results, with sensible digits and units in their headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QTableView

from napari_metime.export.associations import axis_of, panel_axes, r_limits, rank_of
from napari_metime.export.colours import GRADE_COLOURS, grade_of
from napari_metime.export.words import MISSING, area_mm2, count, interval, is_known, number, p_value, ratio, signed
from napari_metime.section import DESCRIPTIVE_COLUMNS


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


def _status(value: Any) -> str:
    return {"tested": "yes", "not_testable": "not testable", "not_measured": "not measured"}.get(value, _text(value))


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
    Column("p_region", "p", p_value, "Family-wise over the section, against the section's own null"),
    Column("density_effector_per_mm2", "Effectors per mm²", number),
    Column("density_suppressor_per_mm2", "Suppressors per mm²", number),
    Column("density_tumor_per_mm2", "Tumour cells per mm²", number),
)
FURTHER_REGION_COLUMNS = (
    Column("p_region_labelling", "p, plain labels", p_value, "Family-wise, against random labelling of the cells"),
    Column("stability", "Overlap", ratio, "Least Dice overlap with the searches by windows two thirds and 1.5 as wide"),
    Column("called_share", "Called again", _percent, "Share of the redrawn sections in which it is called"),
    Column("area_core_um2", "Core (mm²)", area_mm2, "Pixels that belong to the niche with a probability of 0.8"),
    Column("membership_mean", "Membership", ratio, "Mean probability of its pixels to belong to a cold region"),
    Column("ring_to_core", "Ring / niche", number, "Effectors per mm² around the niche over those in it"),
    Column("q_suppressed", "q, suppressed", p_value, "Random labelling within suppressors and effectors"),
    Column("distance_to_margin_um", "To margin (µm)", number, "Median distance to the domain's border; inside < 0"),
    Column("distance_to_lymphoid_um", "To lymphoid (µm)", number, "Distance to the nearest lymphoid structure"),
)
DESCRIPTIVE_SIGN = " †"
DESCRIPTIVE = "Descriptive: regions were chosen by this, or by what it follows from; do not test it again."
ASSOCIATION_COLUMNS = (
    Column("channel", "Channel", _text, "Click a row to show its image"),
    Column("r_partial", "Partial r", signed, "Correlation with coldness, once the covariates are taken out of both"),
    Column("r_interval", "95 % interval", _text, "Of the partial r, by the effective sample"),
    Column("q", "q", p_value, "Benjamini-Hochberg of the larger p, within axis scores and within other channels"),
    Column("status", "Tested", _status),
    Column("reason", "Why not, or how", _text),
    Column("axis", "Axis", _text, "Metabolic programme"),
    Column("kind", "Kind", _text),
    Column("ess", "Effective sample", count, "How many independent pixels the maps are worth"),
    Column("p_shift", "p, shifts", p_value, "By random shifts of one map over the other"),
    Column("p_modified_t", "p, modified t", p_value, "Clifford-Richardson-Hémon and Dutilleul: the screen"),
    Column("r", "r", signed, "Correlation with coldness, nothing taken out"),
    Column("peak_shift_um", "Peak at (µm)", number, "The shift at which it correlates most; 0 if well aligned"),
)


def region_columns(regions: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of the regions table, those of the channels last; what a region was chosen by is marked."""
    known = [column for column in FURTHER_REGION_COLUMNS if column.key in regions and regions[column.key].notna().any()]
    names = [column.removeprefix("log2fc_") for column in regions.columns if _is_change(column)]
    about = "inside the niche against the rest"
    changes = [column for name in names for column in _of_channel(name, about)]
    return tuple(_marked(column) for column in (*REGION_COLUMNS, *known, *changes))


def _of_channel(name: str, about: str) -> tuple[Column, ...]:
    """Return the columns of a channel; a table without the last two shows the first."""
    return (
        Column(f"log2fc_{name}", f"log₂ {name}", signed, f"{name}: {about}"),
        Column(f"matched_log2fc_{name}", "matched", signed, f"{name}: against tissue as deep and as tumour-rich"),
        Column(f"p_moved_{name}", "p, moved", p_value, f"{name}: the same shape moved to other places of the domain"),
    )


def _marked(column: Column) -> Column:
    if column.key not in DESCRIPTIVE_COLUMNS:
        return column
    told = f"{column.help}. {DESCRIPTIVE}" if column.help else DESCRIPTIVE
    return column._replace(header=column.header + DESCRIPTIVE_SIGN, help=told)


def association_frame(associations: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of associations.csv with axis and interval: tested ones by their q, then the others.

    Parameters
    ----------
    channels : the rows of channels.csv, which name the axis of a channel
    """
    of_panel = panel_axes(channels)
    rows = [{str(key): value for key, value in row.items()} for row in associations.to_dict("records")]
    order = {"tested": 0, "not_testable": 1}
    rows.sort(key=lambda row: (order.get(row["status"], 2), *rank_of(row)))
    for row in rows:
        row["axis"] = axis_of(str(row["channel"]), of_panel)
        row["r_low"], row["r_high"] = r_limits(row)
        row["r_interval"] = interval(row["r_low"], row["r_high"], signed)
    needed = ["channel", "kind", "status", "r_partial", "q", "axis", "r_low", "r_high", "r_interval"]
    return pd.DataFrame(rows, columns=list(dict.fromkeys([*associations.columns, *needed])))


def region_frame(regions: pd.DataFrame) -> pd.DataFrame:
    """Return the regions with their interval in one column."""
    ends = zip(regions["rate_ratio_low"], regions["rate_ratio_high"], strict=True)
    return regions.assign(rate_ratio_interval=[interval(low, high) for low, high in ends])


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
            return swatch(GRADE_COLOURS[grade_of(value)])
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
    row_current = Signal(int)
    """Another row has become the current one, by mouse or keyboard."""

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
        self.selectionModel().currentRowChanged.connect(self._on_current)

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

    def select_where(self, key: str, value: str) -> None:
        """Select the first row of the data frame with a text in a column, where there is one."""
        frame = self.frame_model.frame
        if key in frame and (is_it := frame[key].astype(str) == value).any():
            self.select(int(np.flatnonzero(is_it)[0]))

    def _on_current(self, index: QModelIndex) -> None:
        if index.isValid():
            self.row_current.emit(self._proxy.mapToSource(index).row())

    def _on_index(self, index: QModelIndex) -> None:
        self.row_chosen.emit(self._proxy.mapToSource(index).row())


def swatch(colour: str) -> QIcon:
    """Return a patch of one colour."""
    patch = QPixmap(11, 11)
    patch.fill(QColor(colour))
    return QIcon(patch)
