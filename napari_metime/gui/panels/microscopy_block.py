"""The part of step 5 that takes the microscopy: the file, its pixel size, and the channels to measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_metime.gui.layers.microscope import offered_image
from napari_metime.gui.panels.cells import zarr_of
from napari_metime.gui.panels.step_panel import looking, restyle, say, wrapped
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.running.control_words import in_the_window
from napari_metime.gui.widgets.editors import PathEditor, TextEditor
from napari_metime.gui.widgets.forms import Form, Row
from napari_metime.gui.widgets.rows import Fold, labelled

FILES = "Microscopy (*.ome.tif *.ome.tiff *.tif *.tiff *.btf *.zarr zarr.json .zattrs .zgroup);;All files (*)"
ROW_HEIGHT, MAX_ROWS_SHOWN = 26, 5


class MicroscopyBlock(QWidget):
    """Shows what the microscope of the bench has opened, and writes into the recipe."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        looking(self, "body")
        self.bench, self.session, self.microscope = bench, bench.session, bench.microscope
        self.file = PathEditor(FILES, "none", self._on_file)
        self.offer = QPushButton("Use an image among the layers")
        looking(self.offer, "link")
        self.offer.clicked.connect(self._on_offer)
        self._offered: Path | None = None
        self.note, self.error, self.question = wrapped("", "dim"), wrapped("", "error"), wrapped("", "warning")
        row = Row("microscopy", "pixel_size_um", "Image pixel", empty="as in the file")
        self.image_size = Form(self.session, (row,))
        self.cells_size = Form(self.session, (Row("cells", "pixel_size_um", "Cells' pixel", empty="as the image's"),))
        self.channels = ChannelTable(self._on_channels)
        self.measured = wrapped("", "dim")
        inside = looking(QWidget(), "body")
        below = QVBoxLayout(inside)
        below.setContentsMargins(0, 0, 0, 0)
        below.addWidget(wrapped("Tick what step 3 measures on the pixels too; the name is that of the tables.", "dim"))
        below.addWidget(self.channels)
        self.fold = Fold("Channels to measure", inside)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(labelled("Microscopy", self.file.widget()))
        for words in (self.offer, self.error, self.note, self.question):
            box.addWidget(words)
        for widget in (self.image_size, self.cells_size, self.fold, self.measured):
            box.addWidget(widget)

    def refresh(self) -> None:
        """Show the session and what was opened."""
        microscope, path = self.microscope, self.session.get("microscopy", "path")
        image = microscope.image
        self.file.show(path)
        self._offered = None if path is not None else offered_image(self.bench.viewer)
        if self._offered is not None:
            self.offer.setText(f"Use {self._offered.name}, which is among the layers")
        self.offer.setVisible(self._offered is not None)
        say(self.error, f"✕ {in_the_window(microscope.problem)}" if microscope.problem else "")
        if microscope.is_opening:
            say(self.note, "Opening the image…")
        else:
            warnings = "".join(f"\n! {in_the_window(text)}" for text in image.warnings) if image is not None else ""
            say(self.note, "" if image is None else f"{image.note}. {microscope.in_words()}{warnings}")
        self.note.setVisible(bool(self.note.text()) and not self.session.is_placing)
        asks = microscope.asks_size
        self._refresh_size(asks, is_open=image is not None)
        self.fold.setVisible(image is not None and not self.session.is_placing)
        chosen: dict[str, int] = self.session.get("microscopy", "channels") or {}
        if image is not None:
            self.channels.show_channels(image.channel_names, chosen)
        self.fold.head.setText(f"Channels to measure ({len(chosen)})" if chosen else "Channels to measure")
        waits = chosen and not self.session.is_current("metabolites")
        say(self.measured, "They are measured in step 3, once the cells are aligned." if waits else "")

    def _refresh_size(self, asks: bool, *, is_open: bool) -> None:
        stated = self.session.get("microscopy", "pixel_size_um")
        self.image_size.setVisible((is_open or stated is not None) and not self.session.is_placing)
        self.image_size.refresh()
        editor = self.image_size.editors["microscopy", "pixel_size_um"]
        assert isinstance(editor, TextEditor)
        image = self.microscope.image
        editor.hint("not in the file" if image is not None and image.pixel_size_um is None else "as in the file")
        restyle(editor.line, "look", "asks" if asks else "")
        asks_cells = self.microscope.asks_cells_size
        self.cells_size.setVisible(asks_cells)
        self.cells_size.refresh()
        question = ""
        if asks:
            question = (
                "? Pixel size: not in the file. The cells are in µm, so it must be known before they are aligned. "
                "Enter it below, in µm."
            )
        elif asks_cells:
            question = (
                "? The cells reach far beyond the image: their table counts smaller pixels than the image has. "
                "Give the size of those pixels below."
            )
        elif doubt := self.microscope.doubt():
            question = f"! {doubt}" if not self.session.is_placing else ""
        say(self.question, question)

    def _on_file(self, path: Path | None) -> None:
        self.session.put("microscopy", "", None if path is None else {"path": zarr_of(path)})

    def _on_offer(self) -> None:
        self._on_file(self._offered)

    def _on_channels(self, chosen: dict[str, Any]) -> None:
        self.session.put("microscopy", "channels", chosen)


class ChannelTable(QTableWidget):
    """One row a channel: ticked where it is measured, and the name that the tables use."""

    def __init__(self, on_change: Any) -> None:
        super().__init__(0, 2)
        self._on_change = on_change
        self._names: tuple[str, ...] = ()
        self.setHorizontalHeaderLabels(["Channel", "Name in tables"])
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setShowGrid(False)
        self.setAccessibleName("Channels of the microscopy")
        for column in range(2):
            self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.itemChanged.connect(lambda _: self._on_change(self._chosen()))

    def show_channels(self, names: tuple[str, ...], chosen: dict[str, int]) -> None:
        """Show the channels of an image, those in ``chosen`` ticked."""
        named = {index: name for name, index in chosen.items()}
        with QSignalBlocker(self):
            if names != self._names:
                self._names = names
                self.setRowCount(len(names))
                for i, name in enumerate(names):
                    tick, word = QTableWidgetItem(name), QTableWidgetItem(name)
                    tick.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
                    tick.setToolTip(name)
                    tick.setCheckState(Qt.CheckState.Unchecked)
                    self.setItem(i, 0, tick)
                    self.setItem(i, 1, word)
                head = self.horizontalHeader().sizeHint().height()
                self.setFixedHeight(ROW_HEIGHT * min(len(names), MAX_ROWS_SHOWN) + head + 4)
            for i in range(len(names)):
                self.item(i, 0).setCheckState(Qt.CheckState.Checked if i in named else Qt.CheckState.Unchecked)
                if i in named:
                    self.item(i, 1).setText(named[i])

    def _chosen(self) -> dict[str, int]:
        """Return the ticked channels by name; where two have one name, the second keeps that of its channel."""
        found: dict[str, int] = {}
        for i, channel in enumerate(self._names):
            if self.item(i, 0).checkState() == Qt.CheckState.Checked:
                name = self.item(i, 1).text().strip() or channel
                found[channel if name in found else name] = i
        return found
