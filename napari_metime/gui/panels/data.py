"""Step 1: open the imzML."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_metime.gui.forms import ChoiceEditor, Row, TextEditor
from napari_metime.gui.panels.index_block import IndexBlock
from napari_metime.gui.panels.step_panel import StepPanel, looking

RECALIBRATIONS = [("no", "none"), ("once for the file", "file"), ("row by row", "row")]


class DataPanel(StepPanel):
    """Choose a file, or try the sample section."""

    step = "data"
    sentence = "Drop an .imzML here (its .ibd beside it), or open one."
    verb = "Read file"
    rows = (
        Row("section", "id", "Section name", empty="the file's name"),
        Row("ims", "pixel_size_um", "Pixel size", empty="as in the file"),
        Row("ims", "part", "Part", choices=[("the whole file", None)]),
    )
    more_rows = (
        Row("ims", "recalibrate", "Recalibrate", choices=RECALIBRATIONS),
        Row("ims", "lock_mz", "Lock masses", empty="the panel's ions"),
        Row("ims", "polarity", "Polarity", empty="as in the file"),
        Row("ims", "plane", "Plane (z)", empty="the lowest"),
        Row("ims", "skip_broken", "Skip what is cut off"),
        Row("seed", "", "Random seed"),
    )

    def build(self, box: QVBoxLayout) -> None:
        """Add the buttons that choose a file, then the settings of the chosen one."""
        self.choose, self.sample = QPushButton("Open…"), QPushButton("Try the sample section")
        self.choose.clicked.connect(self._on_choose)
        self.sample.clicked.connect(self.bench.open_sample)
        self.start = looking(QWidget(), "body")
        row = QHBoxLayout(self.start)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.choose)
        row.addWidget(self.sample)
        row.addStretch(1)
        box.addWidget(self.start)
        super().build(box)

    def empty_line(self) -> str:
        """Name the file where one was chosen."""
        path = self.session.get("ims", "path")
        return path.name if path is not None else ""

    def can_run(self) -> bool:
        """Whether a file was chosen."""
        return self.session.get("ims", "path") is not None

    def refresh(self) -> None:
        """Show the session; before there is a file, only how to get one."""
        self._name_by_file()
        super().refresh()
        chosen, idle = self.can_run(), self.session.running is None
        self.start.setVisible(idle)
        self.choose.setText("Other file…" if chosen else "Open…")
        looks = ("second", "link") if chosen else ("primary", "second")
        for button, look in zip((self.choose, self.sample), looks, strict=True):
            if button.property("look") != look:
                looking(button, look)
                button.style().unpolish(button)
                button.style().polish(button)
        self.forms[0].setVisible(chosen)
        self.primary.setVisible(chosen and self.session.state("data") != "done")
        self.button_row.setVisible(chosen and idle)
        self._offer_parts()
        self.forms[1].set_row_visible("ims", "lock_mz", self.session.get("ims", "recalibrate") != "none")
        self.index.refresh()

    def _build_outcome(self, box: QVBoxLayout) -> None:
        super()._build_outcome(box)
        self.index = IndexBlock(self.bench.indexing)
        box.addWidget(self.index)

    def _name_by_file(self) -> None:
        path, editor = self.session.get("ims", "path"), self.forms[0].editors["section", "id"]
        assert isinstance(editor, TextEditor)
        if path is not None:
            editor.stand_in(path.stem)

    def _offer_parts(self) -> None:
        opened = self.session.value("data")
        names = opened.parts if opened is not None else ()
        editor = self.forms[0].editors["ims", "part"]
        assert isinstance(editor, ChoiceEditor)
        editor.offer([("the whole file", None), *((name, name) for name in names)])
        editor.show(self.session.get("ims", "part"))
        self.forms[0].set_row_visible("ims", "part", len(names) > 1 or self.session.get("ims", "part") is not None)

    def _on_choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open imaging mass spectrometry", "", "imzML or recipe (*.imzML *.imzml *.ibd *.yaml *.yml)"
        )
        if path:
            self.bench.open_any(Path(path))
