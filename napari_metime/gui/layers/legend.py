"""What the colours mean, as swatches with words: napari has no legend of its own."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QLinearGradient, QPainter, QPaintEvent
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QElidingLabel, QFlowLayout

from napari_metime.export.colours import COLDNESS_COLOURS, GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.export.words import plural
from napari_metime.gui.layers.cell_layers import type_colours
from napari_metime.gui.state.made import Aligned
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.colours import (
    LEFT_OUT_COLOUR,
    LYMPHOID_COLOUR,
    NOT_ASSESSABLE_COLOUR,
    OTHER_TYPES_COLOUR,
)
from napari_metime.section import NicheResult


class Legend(QWidget):
    """Roles or types, grades, what is left out and coldness, each once there is something of it in the layers."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        words = {"tumor": "tumour"}
        self.roles = _line([(words.get(role, role), colour) for role, colour in ROLE_COLOURS.items()])
        self.types = TypeGrid()
        self.grades = {grade: _line([(f"{grade} niche", colour)]) for grade, colour in GRADE_COLOURS.items()}
        self.left_out = _line([("left out", LEFT_OUT_COLOUR)])
        self.lymphoid = _line([("lymphoid structure", LYMPHOID_COLOUR)])
        self.inflamed = _line([("inflamed region", ROLE_COLOURS["effector"])])
        self.coldness = ColdnessBar()
        outlines = QFlowLayout()
        outlines.setContentsMargins(0, 0, 0, 0)
        outlines.setHorizontalSpacing(10)
        outlines.setVerticalSpacing(4)
        for widget in (*self.grades.values(), self.lymphoid, self.inflamed, self.left_out):
            outlines.addWidget(widget)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 6, 10, 4)
        box.setSpacing(4)
        box.addWidget(self.roles)
        box.addWidget(self.types)
        box.addLayout(outlines)
        box.addWidget(self.coldness)
        self.refresh()

    def refresh(self) -> None:
        """Show what there is in the layers."""
        aligned: Aligned | None = self._session.value("align")
        niches: NicheResult | None = self._session.value("niches")
        found = set() if niches is None else {grade_of(g) for g in niches.regions["grade"][: niches.map.n_niches]}
        by_type = self._session.colour_by == "type"
        shows_cells = aligned is not None or self._session.is_placing
        self.roles.setVisible(shows_cells and not (by_type and aligned is not None))
        self.types.setVisible(aligned is not None and by_type)
        if aligned is not None and by_type:
            self.types.show_types(list(self._session.cell_types))
        for grade, widget in self.grades.items():
            widget.setVisible(grade in found)
        self.coldness.setVisible(niches is not None and bool(niches.map.assessable.any()))
        structures = None if niches is None else niches.map.lymphoid
        inflamed = None if niches is None else niches.map.hot_labels
        for line, labels in ((self.lymphoid, structures), (self.inflamed, inflamed)):
            line.setVisible(labels is not None and bool(labels.any()))
        has_left_out = self._session.outlined is not None and bool(self._session.outlined.left_out.any())
        self.left_out.setVisible(has_left_out)
        self.setVisible(shows_cells or niches is not None or has_left_out)


def _line(entries: list[tuple[str, str]]) -> QWidget:
    whole = QWidget()
    box = QHBoxLayout(whole)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(4)
    for words, colour in entries:
        box.addWidget(Swatch(colour))
        box.addWidget(QLabel(words))
        box.addSpacing(6)
    box.addStretch(1)
    return whole


class TypeGrid(QWidget):
    """The types that have a colour of their own, in two columns, and how many share the grey."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(4)
        self._grid.setVerticalSpacing(2)
        for column in (1, 3):
            self._grid.setColumnStretch(column, 1)
        self._shown: list[tuple[str, str]] = []

    def show_types(self, types: Sequence[str]) -> None:
        """Show the types, the frequent ones first; nothing is rebuilt where nothing has changed."""
        entries = list(type_colours(types).items())
        if len(types) > len(entries):
            entries.append((plural(len(types) - len(entries), "other type"), OTHER_TYPES_COLOUR))
        if entries == self._shown:
            return
        self._shown = entries
        while (item := self._grid.takeAt(0)) is not None:
            item.widget().deleteLater()
        for i, (words, colour) in enumerate(entries):
            label = QElidingLabel(words)
            label.setToolTip(words)
            self._grid.addWidget(Swatch(colour), i // 2, 2 * (i % 2))
            self._grid.addWidget(label, i // 2, 2 * (i % 2) + 1)


class Swatch(QWidget):
    """A patch of one colour."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = QColor(colour)
        self.setFixedSize(11, 11)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the patch."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(self._colour))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
        painter.end()


class ColdnessBar(QWidget):
    """The scale of coldness between words, and the grey of what cannot be said."""

    def __init__(self) -> None:
        super().__init__()
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(QLabel("as expected"))
        box.addWidget(_Gradient(), 1)
        box.addWidget(QLabel("cold"))
        box.addSpacing(6)
        box.addWidget(Swatch(NOT_ASSESSABLE_COLOUR))
        box.addWidget(QLabel("not assessable"))


class _Gradient(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(11)
        self.setMinimumWidth(24)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        gradient = QLinearGradient(0, 0, self.width(), 0)
        for i, colour in enumerate(COLDNESS_COLOURS):
            gradient.setColorAt(i / (len(COLDNESS_COLOURS) - 1), QColor(colour))
        painter.fillRect(self.rect(), gradient)
        painter.end()
