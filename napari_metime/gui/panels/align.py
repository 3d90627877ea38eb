"""Step 5: bring the cells onto the section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_metime.alignment.transform_files import Format
from napari_metime.alignment.transforms import FEWEST
from napari_metime.export.words import plural
from napari_metime.gui.panels.landmark_block import LandmarkBlock
from napari_metime.gui.panels.microscopy_block import MicroscopyBlock
from napari_metime.gui.panels.refine_block import RefineBlock
from napari_metime.gui.panels.step_panel import StepPanel, looking
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.state.ways import choose_way, is_empty, way_of
from napari_metime.gui.widgets.editors import ChoiceEditor, NumberEditor, PathEditor
from napari_metime.gui.widgets.forms import Form, Row, field_of
from napari_metime.gui.widgets.rows import Fold, labelled
from napari_metime.section import CellTable

WAYS = [
    ("by landmarks", "landmarks"),
    ("by a transform file", "path"),
    ("by a matrix", "matrix"),
    ("already in µm", "none"),
]
ABOUT_WAYS = (
    "How the cells come onto the section: by places clicked in both, by a transform or matrix from another program, or "
    "not at all, as they are in µm of the section already"
)
TRANSFORMS = [
    ("rigid (no scaling)", "rigid"),
    ("similarity (scaled)", "similarity"),
    ("affine (sheared)", "affine"),
    ("thin plate (bends)", "thin_plate"),
]
TRANSFORM_FILES = "Transform (*.json *.txt *.csv *.tfm *.yaml *.yml);;All files (*)"
PATH_ROWS = (
    Row("align", "inverse", "Other way round"),
    Row("align", "source_pixel_um", "Cells' pixel", empty="the file counts px"),
    Row("align", "target_pixel_um", "Section's pixel", empty="the file counts µm"),
)
SAVED_FORMS: dict[str, Format] = {
    "3 x 3 matrix (*.csv)": "matrix_csv",
    "3 x 3 matrix (*.json)": "matrix_json",
    "QuPath affine (*.txt)": "qupath",
    "QuPath affine (*.qupath.json)": "qupath_json",
    "ITK transform (*.tfm)": "itk",
}
SERIAL_ERROR_UM = 20.0
"""What stands in the field first, to be changed: how far structures differ between sections nobody can know here."""


class AlignPanel(StepPanel):
    """Landmarks, a matrix, a file, or nothing to do."""

    step = "align"
    sentence = "Brings the cells into the µm of the section, and says how well."
    verb = "Align cells"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        bench.microscope.changed.connect(self._on_image)
        self.refresh()

    def build(self, box: QVBoxLayout) -> None:
        """Add the choice of the way and what it needs."""
        self.microscopy = MicroscopyBlock(self.bench)
        self.way = ChoiceEditor(WAYS, self._on_way)
        fits = [(words, kind) for words, kind in TRANSFORMS if kind in FEWEST]
        self.transform = ChoiceEditor(fits, lambda value: self._put(transform=value))
        self.matrix = QLineEdit()
        self.matrix.setPlaceholderText("a, b, c, d, e, f")
        self.matrix.textEdited.connect(self._on_matrix)
        self.file = PathEditor(TRANSFORM_FILES, "matrix, QuPath, ITK, …", lambda path: self._put(path=path))
        self.block = LandmarkBlock(self.bench)
        box.addWidget(self.microscopy)
        box.addWidget(labelled("Alignment", self.way.widget(), ABOUT_WAYS))
        self.already = QPushButton("The cells lie on the section already")
        looking(self.already, "link")
        self.already.setToolTip("Takes their places as they are, in µm of the section: Alignment “already in µm”")
        self.already.clicked.connect(lambda: self._on_way("none"))
        box.addWidget(self.already, 0, Qt.AlignmentFlag.AlignLeft)
        self._lines: dict[str, QWidget] = {
            "landmarks": labelled("Fit", self.transform.widget()),
            "matrix": labelled("Matrix", self.matrix),
            "path": labelled("Transform", self.file.widget()),
        }
        for key, line in self._lines.items():
            about = "transform" if key == "landmarks" else key
            line.setToolTip(field_of("align", about).description or "")
            box.addWidget(line)
        self.path_rows = Form(self.session, PATH_ROWS, self._put_row)
        box.addWidget(self.path_rows)
        self.matrix.setToolTip("x µm = a x + b y + c and y µm = d x + e y + f, from the cell table's own unit")
        box.addWidget(self.block)
        box.addWidget(self._build_serial())

    def _build_serial(self) -> QWidget:
        about = field_of("align", "extra_error_um")
        self.serial = QCheckBox("Serial section, off by")
        self.serial.setToolTip("The cells are from a neighbouring section; what lies between them adds to the error")
        self.serial.clicked.connect(lambda on: self._put(extra_error_um=SERIAL_ERROR_UM if on else 0.0))
        self.extra = NumberEditor(float, about, "extra_error_um", lambda value: self._put(extra_error_um=value))
        self.extra.widget().setMinimumWidth(80)
        self.extra.widget().setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.extra.widget().setAccessibleName("Extra error of a serial section")
        self.extra.widget().setToolTip(about.description or "")
        whole = looking(QWidget(), "body")
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.serial)
        row.addWidget(self.extra.widget(), 1)
        return whole

    def build_after(self, box: QVBoxLayout) -> None:
        """Add what can be done with an alignment."""
        self.save = QPushButton("Save transform…")
        looking(self.save, "link")
        self.save.setToolTip("Write the matrix for QuPath, ITK and others")
        self.save.clicked.connect(self._on_save)
        box.addWidget(self.save, 0, Qt.AlignmentFlag.AlignLeft)
        self.refine = RefineBlock(self.bench)
        self.refine_fold = Fold("Refine by the images", self.refine)
        box.addWidget(self.refine_fold)

    def asks(self) -> bool:
        """Whether pairs are being set, or the image wants its scale."""
        return self.session.is_placing or self.bench.microscope.asks_scale

    def settings_in_words(self) -> str:
        """Name the way, what it takes and the image."""
        way = way_of(self.session.get("align"))
        told = [self.way.in_words()]
        if way == "landmarks":
            told += [plural(len(self.session.pairs.placed), "pair"), self.transform.in_words()]
        elif way == "path":
            told.append(self.file.in_words())
        image = self.session.get("microscopy", "path")
        return " · ".join([*told, f"image {image.name}"] if image is not None else told)

    def can_run(self) -> bool:
        """Whether there is something to align, by landmarks a fit, and a size of the pixels of an image in µm."""
        by_landmarks = way_of(self.session.get("align")) == "landmarks"
        has_fit = not by_landmarks or self.bench.landmarking.judged.alignment is not None
        return super().can_run() and has_fit and not self.bench.microscope.asks_size

    def refresh(self) -> None:
        """Show the session, and only what the chosen way needs."""
        super().refresh()
        if self.bench.microscope.asks_scale and self.session.running != "align" and not self.session.error("align"):
            self.header.show_state("warned", "? give the image's scale", self.header.line.text())
        align = self.session.get("align")
        way = way_of(align)
        self.way.show(way)
        for key, line in self._lines.items():
            line.setVisible(key == way)
        cells: CellTable | None = self.session.value("cells")
        self.already.setVisible(cells is not None and cells.unit == "um" and is_empty(align))
        self.path_rows.setVisible(way == "path")
        self.path_rows.refresh()
        self.block.setVisible(way == "landmarks")
        if way == "landmarks":
            self.transform.show(align.get("transform", "similarity"))
            self.block.refresh()
        elif way == "path":
            self.file.show(align.get("path"))
        elif way == "matrix" and _matrix(self.matrix.text()) != align["matrix"]:
            numbers = (value for row in (align["matrix"] or ())[:2] for value in row)
            self.matrix.setText(", ".join(v if isinstance(v, str) else f"{v:.10g}" for v in numbers))
        extra_um = 0.0 if way == "none" else align.get("extra_error_um", 0.0)
        self.serial.parentWidget().setVisible(way != "none")
        self.serial.setChecked(extra_um > 0 or (self.serial.isChecked() and self.extra.box.hasFocus()))
        self.extra.widget().setVisible(self.serial.isChecked())
        self.extra.show(extra_um)
        self.microscopy.refresh()
        self.save.setVisible(self.session.is_current("align"))
        self.refine_fold.setVisible(way != "none" and self.session.value("align") is not None)
        self.refine.refresh()

    def _on_image(self) -> None:
        """Show an image that has come; one that wants its scale asks for it at once."""
        self.refresh()
        self.settle()

    def _on_save(self) -> None:
        text, kind = QFileDialog.getSaveFileName(self, "Save transform", "transform.csv", ";;".join(SAVED_FORMS))
        if text:
            self.bench.landmarking.mend()
            self.bench.save_transform(Path(text), SAVED_FORMS.get(kind, "matrix_csv"))

    def _on_way(self, way: str) -> None:
        self.bench.landmarking.stop()
        self.bench.landmarking.mend()
        choose_way(self.session, way)

    def _put(self, **changed: Any) -> None:
        self.bench.landmarking.mend()
        self.session.put("align", "", {**self.session.get("align"), **changed})

    def _put_row(self, section: str, key: str, value: Any) -> None:
        self.bench.landmarking.mend()
        self.session.put(section, key, value)

    def _on_matrix(self, text: str) -> None:
        self._put(matrix=_matrix(text))


def _matrix(text: str) -> Any:
    """Read six numbers as the two first rows of a matrix; what is no number stays text, to be told."""
    values: list[Any] = []
    for word in text.replace(",", " ").replace("[", " ").replace("]", " ").split():
        try:
            values.append(float(word))
        except ValueError:
            values.append(word)
    if not values:
        return None
    rows = [tuple(values[i : i + 3]) for i in range(0, min(len(values), 9), 3)]
    return tuple(rows) if len(rows) == 3 else (*rows, (0.0, 0.0, 1.0))
