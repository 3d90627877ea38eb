"""Step 5: bring the cells onto the section."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_metime.gui.bench import Bench
from napari_metime.gui.forms import LABEL_WIDTH, ChoiceEditor, PathEditor, field_of
from napari_metime.gui.panels.step_panel import StepPanel

WAYS = [("by landmarks", "landmarks"), ("by a matrix", "matrix"), ("already in µm", "none")]
TRANSFORMS = [("rigid (no scaling)", "rigid"), ("similarity (scaled)", "similarity"), ("affine (sheared)", "affine")]


class AlignPanel(StepPanel):
    """Landmarks, a matrix, or nothing to do."""

    step = "align"
    sentence = "Brings the cells into the µm of the section, and says how well."
    verb = "Align cells"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.refresh()

    def build(self, box: QVBoxLayout) -> None:
        """Add the choice of the way and what it needs."""
        self.way = ChoiceEditor(WAYS, self._on_way)
        self.landmarks = PathEditor(
            "Landmarks (*.csv)", "landmarks.csv", lambda path: self._put(landmarks=None if path is None else path)
        )
        self.transform = ChoiceEditor(TRANSFORMS, lambda value: self._put(transform=value))
        self.matrix = QLineEdit()
        self.matrix.setPlaceholderText("a, b, c, d, e, f")
        self.matrix.setToolTip("x µm = a x + b y + c and y µm = d x + e y + f, from the cell table's own unit")
        self.matrix.textEdited.connect(self._on_matrix)
        whole = QWidget()
        whole.setProperty("look", "body")
        grid = QGridLayout(whole)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        self._lines: dict[str, tuple[QLabel, QWidget]] = {}
        for line, (key, label, widget) in enumerate(
            (
                ("way", "Alignment", self.way.widget()),
                ("landmarks", "Landmarks", self.landmarks.widget()),
                ("transform", "Fit", self.transform.widget()),
                ("matrix", "Matrix", self.matrix),
            )
        ):
            self._lines[key] = (QLabel(label), widget)
            widget.setAccessibleName(label)
            if key in ("landmarks", "transform"):
                widget.setToolTip(field_of("align", key).description or "")
            for column, part in enumerate(self._lines[key]):
                grid.addWidget(part, line, column)
        box.addWidget(whole)

    def refresh(self) -> None:
        """Show the session, and only what the chosen way needs."""
        super().refresh()
        align = self.session.get("align")
        way = "none" if align == "none" else "matrix" if "matrix" in align else "landmarks"
        self.way.show(way)
        for key, parts in self._lines.items():
            for part in parts:
                part.setVisible(key == "way" or key == way or (key == "transform" and way == "landmarks"))
        if way == "landmarks":
            self.landmarks.show(align.get("landmarks"))
            self.transform.show(align.get("transform", "similarity"))
        elif way == "matrix" and _matrix(self.matrix.text()) != align["matrix"]:
            rows = align["matrix"] or ()
            self.matrix.setText(", ".join(f"{v:.10g}" for row in rows[:2] for v in row))

    def _on_way(self, way: str) -> None:
        ways: dict[str, Any] = {
            "none": "none",
            "landmarks": {"landmarks": None, "transform": "similarity"},
            "matrix": {"matrix": None},
        }
        self.session.put("align", "", ways[way])

    def _put(self, **changed: Any) -> None:
        self.session.put("align", "", {**self.session.get("align"), **changed})

    def _on_matrix(self, text: str) -> None:
        self.session.put("align", "", {"matrix": _matrix(text)})


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
