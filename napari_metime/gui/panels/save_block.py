"""Saving a part of the open file, below the export of the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_metime.errors import MetimeError
from napari_metime.gui.panels.step_panel import looking, wrapped
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.running.worker import Work
from napari_metime.gui.state.own_folder import own_folder
from napari_metime.gui.state.regions import region_names
from napari_metime.gui.views.saving import images_work, ion_images, measured_mz, part_work
from napari_metime.gui.widgets.editors import ignore_wheel
from napari_metime.gui.widgets.forms import LABEL_WIDTH

POINTS = {"all": "all of the file", "measured": "those of the metabolites"}


class SaveBlock(QWidget):
    """Which pixels and m/z, and where to."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        looking(self, "body")
        self._bench, self._session = bench, bench.session
        self.pixels, self.points = QComboBox(), QComboBox()
        for words, choice in (("Pixels", self.pixels), ("m/z", self.points)):
            choice.setAccessibleName(words)
            choice.setMinimumContentsLength(6)
            ignore_wheel(choice)
        self.part, self.images = QPushButton("Save a part…"), QPushButton("Save ion images…")
        self.part.setToolTip("Write these pixels and m/z as an imzML of their own")
        self.images.setToolTip("Write the ion images of step 3 and those in sight as one OME-TIFF")
        bench.ions.landed.connect(self.refresh)
        self.part.clicked.connect(self._on_part)
        self.images.clicked.connect(self._on_images)
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        for line, (words, editor) in enumerate((("Pixels", self.pixels), ("m/z", self.points))):
            grid.addWidget(QLabel(words), line, 0)
            grid.addWidget(editor, line, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for button in (self.part, self.images):
            looking(button, "second")
            buttons.addWidget(button)
        buttons.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 0)
        box.setSpacing(6)
        box.addWidget(wrapped("These pixels and m/z as a file of their own; the source stays as it is.", "dim"))
        box.addLayout(grid)
        box.addLayout(buttons)

    def refresh(self, _: str = "") -> None:
        """Offer what there is."""
        if self._session.value("data") is None:
            return
        self._offer(self.pixels, {"": "all", **{name: name for name in region_names(self._session)}})
        has_metabolites = measured_mz(self._session).size > 0
        self._offer(self.points, POINTS if has_metabolites else {"all": POINTS["all"]})
        idle = self._session.running is None
        self.part.setEnabled(idle)
        self.images.setEnabled(idle and (has_metabolites or bool(self._bench.ions.windows)))

    def _offer(self, box: QComboBox, choices: dict[str, str]) -> None:
        chosen = box.currentData()
        with QSignalBlocker(box):
            box.clear()
            for value, words in choices.items():
                box.addItem(words, value)
            box.setCurrentIndex(max(box.findData(chosen), 0))

    def _on_part(self) -> None:
        region, points = self.pixels.currentData(), self.points.currentData()
        path = self._ask(f"{region or 'part'}.imzML", "imzML (*.imzML)", ".imzML")
        if path is not None:
            self._save(lambda: part_work(self._session, path, region=region, points=points))

    def _on_images(self) -> None:
        path = self._ask("ions.ome.tif", "OME-TIFF (*.ome.tif)", ".ome.tif")
        if path is not None:
            images = ion_images(self._session, self._bench.ions.in_sight())
            self._save(lambda: images_work(self._session, path, images))

    def _ask(self, name: str, files: str, ending: str) -> Path | None:
        source: Path = self._session.get("ims", "path")
        proposed = own_folder(self._session) / f"{source.stem}_{name.replace(' ', '_')}"
        text, _ = QFileDialog.getSaveFileName(self, "Save", str(proposed), files)
        if not text:
            return None
        return Path(text) if text.lower().endswith(ending.lower()) else Path(text + ending)

    def _save(self, prepare: Callable[[], Work]) -> None:
        try:
            work = prepare()
        except MetimeError as error:
            self._session.refuse("export", str(error))
            return
        self._bench.save(work)
