"""The lower dock: spectrum, metabolites, regions, gradients and log, linked with the layers both ways."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPlainTextEdit, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from napari_metime import pipeline
from napari_metime.gui import layers
from napari_metime.gui.bench import Bench
from napari_metime.gui.docked import DockedWidget, disconnecting
from napari_metime.gui.plots import GradientPlot, SpectrumPlot
from napari_metime.gui.session import Step
from napari_metime.gui.style import style_sheet
from napari_metime.gui.tables import CHANNEL_COLUMNS, FrameView, channel_frame, region_columns, region_frame
from napari_metime.section import ChannelSet, NicheResult

if TYPE_CHECKING:
    from napari.components import ViewerModel

EMPTY = {
    "Spectrum": "Click a pixel of the section to see its spectrum.",
    "Metabolites": "What this file can show of the panel stands here after step 3.",
    "Regions": "The niches, the rest and the whole domain stand here after step 6. Click a row to fly to its niche.",
    "Gradients": "How cells and metabolites change with the distance from a niche stands here after step 6.",
}
MIN_HEIGHT = 190


class LowerDock(DockedWidget):
    """Tables and plots of a viewer's session."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.setObjectName("metime")
        self.bench, self.session = bench, bench.session
        self.spectrum, self.gradients = SpectrumPlot(), GradientPlot()
        self.metabolites, self.regions = FrameView(sortable=True), FrameView()
        self.log = QPlainTextEdit("\n".join(self.session.log))
        self.log.setReadOnly(True)
        self.tabs = QTabWidget()
        self._stacks: dict[str, QStackedWidget] = {}
        for name, widget in (
            ("Spectrum", self.spectrum),
            ("Metabolites", self.metabolites),
            ("Regions", self.regions),
            ("Gradients", self.gradients),
        ):
            self._stacks[name] = _or_words(widget, EMPTY[name])
            self.tabs.addTab(self._stacks[name], name)
        self.tabs.addTab(self.log, "Log")
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 0, 4, 4)
        box.addWidget(self.tabs)
        self.setMinimumHeight(MIN_HEIGHT)
        self.setStyleSheet(style_sheet(bench.viewer.theme))
        self._connect(bench)
        for step in ("metabolites", "niches"):
            self._on_landed(step)

    def pick(self, y_um: float, x_um: float) -> None:
        """Show the spectrum of a pixel, and select the niche that it lies in."""
        opened = self.session.value("data")
        if opened is None:
            return
        grid = opened.dataset.grid
        flat = int(grid.pixel_of(np.array([x_um]), np.array([y_um]))[0])
        if flat < 0:
            return
        row, col = divmod(flat, grid.shape[1])
        mz, intensity = pipeline.pixel_spectrum(opened.dataset, row, col)
        title = f"Pixel row {row}, column {col} · {mz.size:,} points"
        tolerance_ppm = float(self.session.get("ims", "tolerance_ppm"))
        self.spectrum.show_spectrum(mz, intensity, title=title, ions=self._ions(), tolerance_ppm=tolerance_ppm)
        self._stacks["Spectrum"].setCurrentIndex(0)
        niches: NicheResult | None = self.session.value("niches")
        label = int(niches.map.labels[row, col]) if niches is not None else 0
        if label:
            self.regions.select(label - 1)
            self.tabs.setCurrentWidget(self._stacks["Regions"])
        elif self.tabs.currentWidget() is self._stacks["Regions"]:
            self.tabs.setCurrentWidget(self._stacks["Spectrum"])

    def _ions(self) -> dict[str, float]:
        channels: ChannelSet | None = self.session.value("metabolites")
        if channels is None:
            return {}
        measured = {channel.name for channel in channels.channels}
        table = channels.table[channels.table["channel"].isin(measured)]
        return dict(zip(table["channel"], table["mz"].astype(float), strict=True))

    def _connect(self, bench: Bench) -> None:
        viewer = bench.viewer
        on_mouse = partial(_on_mouse, weakref.WeakMethod(self.pick))
        viewer.mouse_drag_callbacks.append(on_mouse)
        bench.landed.connect(self._on_landed)
        bench.session.logged.connect(self._on_logged)
        viewer.events.theme.connect(self._on_theme)
        self.metabolites.row_chosen.connect(self._on_metabolite)
        self.spectrum.ion_chosen.connect(self._show_channel)
        self.regions.row_chosen.connect(self._on_region)
        self.on_close(disconnecting(partial(bench.session.logged.disconnect, missing_ok=True), self._on_logged))
        self.on_close(disconnecting(viewer.events.theme.disconnect, self._on_theme))
        self.on_close(partial(_stop_listening, weakref.ref(viewer), on_mouse))

    def _on_landed(self, step: Step) -> None:
        if step == "data":
            self.tabs.setCurrentWidget(self._stacks["Spectrum"])
        value = self.session.value(step)
        if isinstance(value, ChannelSet):
            self.metabolites.show_frame(channel_frame(value), CHANNEL_COLUMNS)
            self._show_tab("Metabolites")
        if isinstance(value, NicheResult):
            self.regions.show_frame(region_frame(value.regions), region_columns(value.regions))
            grades = dict(zip(value.regions["region_id"].astype(str), value.regions["grade"], strict=True))
            self.gradients.show_gradients(value.gradients, grades)
            self._stacks["Gradients"].setCurrentIndex(0 if len(value.gradients) else 1)
            self._show_tab("Regions")

    def _show_tab(self, name: str) -> None:
        self._stacks[name].setCurrentIndex(0)
        self.tabs.setCurrentWidget(self._stacks[name])

    def _on_metabolite(self, row: int) -> None:
        self._show_channel(str(self.metabolites.frame_model.frame["channel"].iloc[row]))

    def _show_channel(self, name: str) -> None:
        layers.show_channel(self.bench.viewer, self.session, name)

    def _on_region(self, row: int) -> None:
        region = self.regions.frame_model.frame.iloc[row]
        if region["kind"] == "niche":
            centre_um = (float(region["centroid_y_um"]), float(region["centroid_x_um"]))
            size_um = float(np.sqrt(region["area_um2"]))
            layers.select_niche(self.bench.viewer, int(region["region_id"]), centre_um, size_um)
        else:
            self.bench.viewer.reset_view()

    def _on_logged(self, text: str) -> None:
        self.log.appendPlainText(text)

    def _on_theme(self) -> None:
        self.setStyleSheet(style_sheet(self.bench.viewer.theme))


def _or_words(widget: QWidget, words: str) -> QStackedWidget:
    """Return the widget behind words that stand until there is something to show."""
    label = QLabel(words)
    label.setProperty("look", "dim")
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    stack = QStackedWidget()
    stack.addWidget(widget)
    stack.addWidget(label)
    stack.setCurrentIndex(1)
    return stack


def _on_mouse(pick: weakref.WeakMethod[Any], viewer: ViewerModel, event: Any) -> Generator[None, None, None]:
    """Take a click that was no drag and not meant for a layer's tool."""
    active, method = viewer.layers.selection.active, pick()
    if method is None or (active is not None and str(active.mode) not in ("pan_zoom", "pick")):
        return
    start = np.asarray(event.pos)
    yield
    while event.type == "mouse_move":
        yield
    if np.abs(np.asarray(event.pos) - start).max() <= 3:
        method(*event.position[-2:])


def _stop_listening(viewer: weakref.ref[ViewerModel], on_mouse: Any) -> None:
    there = viewer()
    if there is not None and on_mouse in there.mouse_drag_callbacks:
        there.mouse_drag_callbacks.remove(on_mouse)
