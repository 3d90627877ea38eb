"""The axes and their members as Qt sees them: two levels, searched, filtered by verdict and sorted within an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any, NamedTuple

from qtpy.QtCore import QAbstractItemModel, QModelIndex, QSize, QSortFilterProxyModel, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPixmap

from napari_metime.export.colours import VERDICT_COLOURS
from napari_metime.export.words import MISSING, is_known, number, signed
from napari_metime.gui.layers.thumbnails import SIZE, Thumbnails
from napari_metime.gui.views.evidence_words import VERDICT_SIGNS, VERDICTS, axis_words
from napari_metime.gui.views.metabolite_rows import AxisGroup, Entry
from napari_metime.gui.widgets.frame_table import MISSING_KEY, comes_before

SortKey = float | str | None
NOTHING = QModelIndex()


class EntryColumn(NamedTuple):
    """A column: its header and help, how an entry is written in it, and what it is sorted by."""

    header: str
    help: str
    write: Callable[[Entry], str]
    key: Callable[[Entry], SortKey]


def _number_column(header: str, key: str, write: Callable[[Any], str], about: str) -> EntryColumn:
    def value(entry: Entry) -> SortKey:
        known = entry.row.get(key)
        return float(known) if is_known(known) else MISSING_KEY

    def text(entry: Entry) -> str:
        if entry.kind == "axis":  # its coverage is a share of members, no share of pixels
            return ""
        return write(entry.row[key]) if is_known(entry.row.get(key)) else MISSING

    return EntryColumn(header, about, text, value)


def _why(entry: Entry) -> str:
    row = entry.row
    conflicts = row.get("conflicts")
    parts = [row.get("definition"), row.get("reason"), f"same m/z as {conflicts}" if conflicts else ""]
    return "; ".join(part for part in parts if isinstance(part, str) and part and part != "same m/z as nan")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _ion(entry: Entry) -> str:
    adduct = entry.row.get("adduct")
    return adduct if isinstance(adduct, str) and adduct else "" if entry.kind == "axis" else entry.kind


COLUMNS = (
    EntryColumn("Metabolite", "Click a row to show its image", lambda e: e.title, lambda e: e.title.lower()),
    EntryColumn(
        "Verdict",
        "What all evidence that this file can give says; the selected row tells it in words",
        lambda e: e.verdict or MISSING,
        lambda e: float(VERDICTS.index(e.verdict)) if e.verdict in VERDICTS else len(VERDICTS) + (e.channel == ""),
    ),
    _number_column("m/z", "mz", lambda mz: f"{mz:.4f}", "Expected, by formula and ion"),
    EntryColumn("Ion", "The form in which it flies", _ion, _ion),
    _number_column("On tissue", "coverage", _percent, "Share of the tissue pixels that have it"),
    _number_column("Beside it", "off_coverage", _percent, "Share of the pixels off the tissue that have it"),
    _number_column("Error (ppm)", "ppm_error", signed, "Of its peak, against the expected m/z"),
    _number_column("Mean intensity", "mean_intensity", number, "Over the tissue"),
    EntryColumn("Why", "Why it is not seen, and what has the same m/z", lambda e: _why(e) or MISSING, _why),
)
NUMERIC = (2, 4, 5, 6, 7)
ROW_SIZE = QSize(40, SIZE.height())
ENTRY_ROLE = Qt.ItemDataRole.UserRole + 1


class MetaboliteModel(QAbstractItemModel):
    """Axes as headings, what belongs to them below; the internal id of an entry is the row of its axis plus one."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.groups: Sequence[AxisGroup] = ()
        self._thumbnails = thumbnails
        self._bold = QFont()
        self._bold.setBold(True)
        thumbnails.made.connect(self._on_made)

    def show(self, groups: Sequence[AxisGroup]) -> None:
        """Show other axes."""
        self.beginResetModel()
        self.groups = groups
        self.endResetModel()

    def entry(self, index: QModelIndex) -> Entry:
        """Return the line of an index."""
        if index.internalId() == 0:
            return self.groups[index.row()].heading
        return self.groups[index.internalId() - 1].entries[index.row()]

    def index_of(self, channel: str) -> QModelIndex:
        """Return the index of a channel or, where it has no image, of the member of that name; invalid without any."""
        if not channel:
            return QModelIndex()
        for i, group in enumerate(self.groups):
            if group.heading.channel == channel:
                return self.createIndex(i, 0, 0)
            for j, entry in enumerate(group.entries):
                if channel in (entry.channel, entry.title, entry.row.get("ratio")):
                    return self.createIndex(j, 0, i + 1)
        return QModelIndex()

    def index(self, row: int, column: int, parent: QModelIndex = NOTHING) -> QModelIndex:
        """Return the index of a cell."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: QModelIndex) -> QModelIndex:
        """Return the axis of an entry."""
        if not index.isValid() or index.internalId() == 0:
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, 0)

    def rowCount(self, parent: QModelIndex = NOTHING) -> int:
        """Return the number of axes, or of what belongs to one."""
        if not parent.isValid():
            return len(self.groups)
        is_axis = parent.internalId() == 0 and parent.column() == 0
        return len(self.groups[parent.row()].entries) if is_axis else 0

    def columnCount(self, parent: QModelIndex = NOTHING) -> int:
        """Return the number of columns."""
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, picture, sort value or entry of a cell; a picture is made once Qt asks for it."""
        entry, column, is_heading = self.entry(index), index.column(), index.internalId() == 0
        if role == ENTRY_ROLE:
            return entry
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip(entry)
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[column].write(entry)
        if role == Qt.ItemDataRole.UserRole:
            return COLUMNS[column].key(entry)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in NUMERIC:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and column == 0 and (entry.channel or not is_heading):
            return self._thumbnails.picture(entry.channel)
        if role == Qt.ItemDataRole.SizeHintRole:
            return ROW_SIZE
        if role == Qt.ItemDataRole.FontRole and is_heading:
            return self._bold
        if role == Qt.ItemDataRole.DecorationRole and column == 1 and entry.verdict in VERDICT_COLOURS:
            return badge(entry.verdict)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the header and its help."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].header
        if role == Qt.ItemDataRole.TextAlignmentRole and section in NUMERIC:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return COLUMNS[section].help if role == Qt.ItemDataRole.ToolTipRole else None

    def _on_made(self, channel: str) -> None:
        index = self.index_of(channel)
        if index.isValid():
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])


class MetaboliteFilter(QSortFilterProxyModel):
    """What is searched for and has one of the chosen verdicts; the axes keep their order, what they hold is sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.words: tuple[str, ...] = ()
        self.verdicts: frozenset[str] = frozenset()
        self.setSortRole(Qt.ItemDataRole.UserRole)
        self.setRecursiveFilteringEnabled(True)

    @property
    def is_on(self) -> bool:
        """Whether anything is left out."""
        return bool(self.words or self.verdicts)

    def choose(self, text: str, verdicts: frozenset[str]) -> None:
        """Show what holds every word of a text and has one of some verdicts; no verdict stands for all."""
        self.words, self.verdicts = tuple(text.lower().split()), verdicts
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        """Whether an entry is shown; an axis is where one of its entries is."""
        model = self.sourceModel()
        assert isinstance(model, MetaboliteModel)
        if not parent.isValid():
            return not self.is_on
        group = model.groups[parent.row()]
        entry = group.entries[row]
        text = f"{entry.search_text} {axis_words(group.axis).lower()}"
        return (not self.verdicts or entry.verdict in self.verdicts) and all(word in text for word in self.words)

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Whether one entry comes before another; axes stay as they are, whichever way is sorted."""
        if not left.parent().isValid():
            return (left.row() < right.row()) == (self.sortOrder() == Qt.SortOrder.AscendingOrder)
        role, order = self.sortRole(), self.sortOrder()
        return comes_before(left.data(role), right.data(role), is_rising=order == Qt.SortOrder.AscendingOrder)


def tooltip(entry: Entry) -> str:
    """Return what is known of an entry, for hovering."""
    lines = "".join(f"<p style='margin: 3px 0px'>{escape(text)}</p>" for text in entry.about)
    return f"<div style='width: 340px'><b>{escape(entry.title)}</b> {escape(entry.subtitle)}{lines}</div>"


@cache
def badge(verdict: str) -> QPixmap:
    """Return the sign of a verdict on its colour."""
    image = QPixmap(32, 32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(VERDICT_COLOURS[verdict]))
    painter.drawEllipse(1, 1, 30, 30)
    font = painter.font()
    font.setPixelSize(22)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor("#000000"))
    painter.drawText(image.rect(), Qt.AlignmentFlag.AlignCenter, VERDICT_SIGNS[verdict])
    painter.end()
    image.setDevicePixelRatio(2.0)
    return image
