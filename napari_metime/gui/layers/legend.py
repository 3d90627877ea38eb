"""What the colours mean, as swatches with words: napari has no legend of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.layers import Points
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QLinearGradient, QPainter, QPaintEvent
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QElidingLabel, QFlowLayout

from napari_metime.export.colours import COLDNESS_COLOURS, GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.export.words import plural
from napari_metime.gui.layers.cell_layers import drawn, type_colours
from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.colours import (
    DOMAIN_COLOUR,
    LEFT_OUT_COLOUR,
    LYMPHOID_COLOUR,
    NOT_ASSESSABLE_COLOUR,
    OTHER_TYPES_COLOUR,
)
from napari_metime.section import NicheResult

if TYPE_CHECKING:
    from napari.components import LayerList


RESEARCH = "For research use only"
GAP = 10
"""Between two entries, in px of the screen: a part of each, so that one that is hidden takes no room."""
ROLE_WORDS = {"tumor": "tumour"}
DOMAIN_WORDS, BED_WORDS = "area searched", "tumour bed (searched)"


class Legend(QWidget):
    """Roles or types, grades, what is left out and coldness: of each what is in sight on the canvas."""

    def __init__(self, session: Session, layers: LayerList) -> None:
        super().__init__()
        self._session, self._layers = session, layers
        self.types = TypeGrid()
        self.roles = {role: entry(ROLE_WORDS.get(role, role), colour) for role, colour in ROLE_COLOURS.items()}
        self.grades = {grade: entry(f"{grade} niche", colour) for grade, colour in GRADE_COLOURS.items()}
        self.lymphoid = entry("lymphoid structure", LYMPHOID_COLOUR)
        self.inflamed = entry("inflamed region", ROLE_COLOURS["effector"])
        self.left_out = entry("left out", LEFT_OUT_COLOUR)
        self.domain = entry(DOMAIN_WORDS, DOMAIN_COLOUR)
        self.coldness = ColdnessBar()
        self.not_assessable = entry("not assessable", NOT_ASSESSABLE_COLOUR)
        research = QLabel(RESEARCH)
        research.setProperty("look", "legend")
        outlines = (*self.grades.values(), self.lymphoid, self.inflamed, self.left_out, self.domain)
        last = QHBoxLayout()
        last.setSpacing(GAP)
        last.addLayout(_row(self.coldness, self.not_assessable), 1)
        last.addWidget(research, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 4, 10, 4)
        box.setSpacing(2)
        box.addWidget(self.types)
        for line in (_row(*self.roles.values()), _row(*outlines), last):
            box.addLayout(line)
        self.refresh()

    def refresh(self) -> None:
        """Show what is in sight."""
        session = self._session
        seen = {layer.metadata.get(KEY) for layer in self._layers if layer.visible}
        niches: NicheResult | None = session.value("niches")
        found = set() if niches is None else {grade_of(g) for g in niches.regions["grade"][: niches.map.n_niches]}
        by_type = session.colour_by == "type" and "cells" in seen
        cells = next((layer for layer in self._layers if layer.visible and layer.metadata.get(KEY) == "cells"), None)
        here = drawn(cells, session.colour_by) if isinstance(cells, Points) else self._roles_here()
        for role, line in self.roles.items():
            shows = "cells" in seen or "cells to align" in seen
            line.setVisible(shows and not by_type and role in here)
        self.types.setVisible(by_type)
        if by_type:
            self.types.show_types(list(session.cell_types), here)
        for grade, line in self.grades.items():
            line.setVisible("niches" in seen and grade in found)
        kinds = {
            "lymphoid structures": self.lymphoid,
            "inflamed regions": self.inflamed,
            "domain outline": self.domain,
            "coldness": self.coldness,
            "not assessable": self.not_assessable,
        }
        for kind, line in kinds.items():
            line.setVisible(kind in seen)
        of_bed = niches is not None and session.made_with("niches", "niches", "domain") == "tumor_bed"
        words = self.domain.findChild(QLabel)
        assert words is not None
        words.setText(BED_WORDS if of_bed else DOMAIN_WORDS)
        has_left_out = session.outlined is not None and bool(session.outlined.left_out.any())
        self.left_out.setVisible(has_left_out and "left out" in seen)

    def _roles_here(self) -> set[str]:
        """Return what the types of this section count as; all where nobody knows them yet."""
        roles = self._session.get("cells", "roles")
        role_of = {name: role for role, names in roles.items() for name in names}
        return {role_of.get(name, "other") for name in self._session.cell_types} or set(ROLE_COLOURS)


def _row(*entries: QWidget) -> QFlowLayout:
    """Return entries side by side, in further lines where they do not fit."""
    row = QFlowLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setHorizontalSpacing(0)
    row.setVerticalSpacing(2)
    for each in entries:
        row.addWidget(each)
    return row


def entry(words: str, colour: str) -> QWidget:
    """Return a patch of a colour with its words."""
    whole = QWidget()
    box = QHBoxLayout(whole)
    box.setContentsMargins(0, 0, GAP, 0)
    box.setSpacing(4)
    label = QLabel(words)
    label.setProperty("look", "legend")
    box.addWidget(Swatch(colour))
    box.addWidget(label)
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

    def show_types(self, types: Sequence[str], here: set[str]) -> None:
        """Show the types that are drawn, the frequent ones first; nothing is rebuilt where nothing has changed."""
        colours = type_colours(types)
        entries = [(name, colour) for name, colour in colours.items() if name in here]
        if others := here.difference(colours):
            entries.append((plural(len(others), "other type"), OTHER_TYPES_COLOUR))
        if entries == self._shown:
            return
        self._shown = entries
        while (item := self._grid.takeAt(0)) is not None:
            item.widget().deleteLater()
        for i, (words, colour) in enumerate(entries):
            label = QElidingLabel(words)
            label.setProperty("look", "legend")
            label.setToolTip(words)
            self._grid.addWidget(Swatch(colour), i // 2, 2 * (i % 2))
            self._grid.addWidget(label, i // 2, 2 * (i % 2) + 1)


class Swatch(QWidget):
    """A patch of one colour."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = QColor(colour)
        self.setFixedSize(10, 10)

    def show_colour(self, colour: str) -> None:
        """Take another colour."""
        self._colour = QColor(colour)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the patch."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(self._colour))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
        painter.end()


class ColdnessBar(QWidget):
    """The scale of coldness between its words."""

    def __init__(self) -> None:
        super().__init__()
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, GAP, 0)
        box.setSpacing(4)
        for part in (QLabel("as expected"), _Gradient(), QLabel("cold")):
            part.setProperty("look", "legend")
            box.addWidget(part)


class _Gradient(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(48, 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        gradient = QLinearGradient(0, 0, self.width(), 0)
        for i, colour in enumerate(COLDNESS_COLOURS):
            gradient.setColorAt(i / (len(COLDNESS_COLOURS) - 1), QColor(colour))
        painter.fillRect(self.rect(), gradient)
        painter.end()
