"""Step 2: outline the tissue, and leave out what is none."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_metime.export.placed_landmarks import LEFT_OUT
from napari_metime.export.words import area_mm2, plural
from napari_metime.gui.panels.regions_block import RegionsBlock
from napari_metime.gui.panels.step_panel import StepPanel, looking, restyle, say, wrapped
from napari_metime.gui.widgets.editors import ChoiceEditor, PathEditor
from napari_metime.gui.widgets.forms import Row, field_of
from napari_metime.gui.widgets.rows import Fold, labelled
from napari_metime.section import Tissue

METHODS = [
    ("automatic", "auto"),
    ("by total ion current (Otsu)", "otsu"),
    ("by spectra (two clusters)", "clusters"),
    ("where cells are", "cells"),
    ("every measured pixel", "none"),
]
METHOD_WORDS = {"auto": "automatic", "none": "every measured pixel"}
"""Of those that the header names otherwise than the recipe; it is narrow."""
AREA_FILES = "Mask image or polygons (*.tif *.tiff *.npy *.png *.geojson *.json)"


class TissuePanel(StepPanel):
    """Find the tissue; a person may repaint it, and leave out folds, holes and necrosis."""

    step = "tissue"
    sentence = "Tells tissue from the matrix around it. Only tissue is analysed."
    verb = "Find tissue"
    rows = (Row("tissue", "method", "Method", choices=METHODS, files=AREA_FILES, says="method: {}"),)

    def build(self, box: QVBoxLayout) -> None:
        """Add the file of what is left out below the settings."""
        super().build(box)
        self.left_out = PathEditor(AREA_FILES, "nothing", self._on_left_out)
        box.addWidget(labelled("Left out", self.left_out.widget(), field_of("tissue", "exclude").description or ""))

    def build_after(self, box: QVBoxLayout) -> None:
        """Add the brush, what is left out by it, and the regions."""
        painting = self.bench.painting
        self.paint, self.draw, self.clear = _link("Repaint by hand"), _link("Leave out areas"), _link("Clear")
        self.paint.setToolTip("Select the tissue layer and its brush; label 1 is tissue, the eraser removes it")
        self.draw.setToolTip("Draw around folds, holes and necrosis: nothing is said there, neither cold nor not")
        self.clear.setToolTip("Leave nothing out any more")
        self.paint.clicked.connect(lambda: painting.toggle("tissue"))
        self.draw.clicked.connect(lambda: painting.toggle("left out"))
        self.clear.clicked.connect(painting.clear_left_out)
        self.hand = looking(QWidget(), "body")
        row = QHBoxLayout(self.hand)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        for button in (self.paint, self.draw, self.clear):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        row.addStretch(1)
        self.how, self.amount = wrapped("", "dim"), wrapped("", "plain")
        self.regions = RegionsBlock(self.bench)
        self.fold = Fold("Regions by spectra", self.regions)
        for widget in (self.hand, self.how, self.amount, self.fold):
            box.addWidget(widget)

    def settings_in_words(self) -> str:
        """Say how tissue is found, and by which file something is left out."""
        exclude = self.session.get("tissue", "exclude")
        left_out = "" if exclude is None else self.left_out.in_words()
        return " · ".join((*self.forms[0].in_words(), f"{left_out or 'nothing'} left out"))

    def refresh(self) -> None:
        """Show the session; the tools only once there is a mask."""
        super().refresh()
        painting, exclude = self.bench.painting, self.session.get("tissue", "exclude")
        can_paint = self.session.value("tissue") is not None and self.session.is_current("data")
        self.hand.setVisible(can_paint)
        self.left_out.line.setPlaceholderText("drawn here" if exclude == LEFT_OUT else "nothing")
        self.left_out.show(None if exclude == LEFT_OUT else exclude)
        has_left_out = can_paint and bool(self.session.left_out_mask.any())
        self.clear.setVisible(has_left_out)
        _show_tool(self.paint, "Repaint by hand", "Done painting", is_on=painting.is_on("tissue"))
        words = "Leave out more" if has_left_out else "Leave out areas"
        _show_tool(self.draw, words, "Done leaving out", is_on=painting.is_on("left out"))
        say(self.how, self._instruction() if can_paint else "")
        say(self.amount, self._amount() if has_left_out else "")
        editor = self.forms[0].editors["tissue", "method"]
        assert isinstance(editor, ChoiceEditor)
        names = self.session.get("microscopy", "channels") or {}
        bright = [(f"where {name} is bright", f"microscopy:{name}") for name in names]
        editor.offer([*METHODS, *bright])
        editor.show(self.session.get("tissue", "method"))
        self.regions.refresh()

    def line_of(self, value: object) -> str:
        """Return the area in mm²."""
        assert isinstance(value, Tissue)
        method = METHOD_WORDS.get(value.method, value.method)
        text = f"{area_mm2(value.mask.sum() * self._pixel_um2)} mm² on tissue · {method}"
        divided = "" if value.regions is None else f" · {plural(len(value.regions.labels_of), 'region')}"
        return f"{text}{divided} · parts left out" if value.left_out else f"{text}{divided}"

    @property
    def _pixel_um2(self) -> float:
        area_um2: float = self.session.value("data").dataset.grid.pixel_area_um2
        return area_um2

    def _instruction(self) -> str:
        painting = self.bench.painting
        if painting.is_on("left out"):
            return (
                "Click around a fold, hole or necrosis; a double click closes the outline. The brush (key 2) and "
                "eraser (key 1) of the layer work too. What is left out counts nowhere."
            )
        if painting.is_on("tissue"):
            return "Brush on the tissue layer; the eraser (key 1) removes. Every stroke counts."
        return ""

    def _amount(self) -> str:
        outlined = self.session.outlined
        if outlined is None:
            return ""
        lost, whole = (outlined.whole.mask & outlined.left_out).sum(), outlined.whole.mask.sum()
        share = f"{100 * lost / whole:.1f} % of the tissue"
        return f"{area_mm2(lost * self._pixel_um2)} mm² left out, {share}: not assessable, for everything that follows."

    def _on_left_out(self, path: object) -> None:
        self.session.put("tissue", "exclude", path)


def _show_tool(button: QPushButton, words: str, done: str, *, is_on: bool) -> None:
    """Let a button say how to end while its tool is in hand."""
    button.setText(done if is_on else words)
    restyle(button, "look", "primary" if is_on else "link")


def _link(words: str) -> QPushButton:
    button = QPushButton(words)
    button.setProperty("look", "link")
    return button
