"""The lower dock: spectrum, tables and plots of the results, and the log, linked with the layers both ways."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QPlainTextEdit, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from napari_metime.gui import layers
from napari_metime.gui.associations import AssociationView
from napari_metime.gui.bench import Bench
from napari_metime.gui.calibration import CalibrationView
from napari_metime.gui.chain import Step
from napari_metime.gui.docked import DockedWidget, disconnecting
from napari_metime.gui.made import Opened
from napari_metime.gui.metabolite_tab import MetaboliteTab
from napari_metime.gui.plots import GradientPlot, follow_theme
from napari_metime.gui.regions import niche_name
from napari_metime.gui.spectrum_tab import SpectrumTab
from napari_metime.gui.style import style_sheet
from napari_metime.gui.tables import FrameView, region_columns, region_frame
from napari_metime.section import ChannelSet, NicheResult

if TYPE_CHECKING:
    from napari.components import ViewerModel

EMPTY = {
    "Spectrum": "The spectrum of the section stands here once a file is open. Click a peak to see where its ion is.",
    "Calibration": "Step 1 can correct the m/z of a file against lock masses (More settings, Recalibrate); "
    "what came of it stands here.",
    "Regions": "The niches, the rest and the whole domain stand here after step 6. Click a row to fly to its niche.",
    "Gradient": "How cells and metabolites change with the distance from a niche, and across the tumour margin, stands "
    "here after step 6.",
    "Association": "Which channels go with coldness stands here after step 6: how strongly, how surely, and which "
    "could not be tested.",
}
MIN_HEIGHT, START_HEIGHT = 230, 290


class LowerDock(DockedWidget):
    """Tables and plots of a viewer's session."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.setObjectName("metime")
        self.bench, self.session = bench, bench.session
        self.spectrum, self.gradients = SpectrumTab(bench), GradientPlot()
        self.calibration, self.associations = CalibrationView(), AssociationView()
        self.metabolites, self.regions = MetaboliteTab(bench), FrameView()
        self.log = QPlainTextEdit("\n".join(self.session.log))
        self.log.setReadOnly(True)
        self.tabs = QTabWidget()
        self._stacks: dict[str, QStackedWidget] = {}
        for name, widget in (
            ("Spectrum", self.spectrum),
            ("Calibration", self.calibration),
            ("Regions", self.regions),
            ("Gradient", self.gradients),
            ("Association", self.associations),
        ):
            self._stacks[name] = _or_words(widget, EMPTY[name])
            self.tabs.addTab(self._stacks[name], name)
        self.tabs.insertTab(2, self.metabolites, "Metabolites")
        self.tabs.addTab(self.log, "Log")
        self.index = QLabel()
        self.index.setProperty("look", "dim")
        self.index.setContentsMargins(0, 0, 6, 6)
        self.tabs.setCornerWidget(self.index)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 0, 4, 4)
        box.addWidget(self.tabs)
        self.setMinimumHeight(MIN_HEIGHT)
        self._on_theme()
        self._connect(bench)
        bench.spectra.resume()
        self._on_index()
        for step in ("data", "metabolites", "niches"):
            self._on_landed(step)

    def sizeHint(self) -> QSize:
        """Ask for little height; the canvas needs the rest."""
        return QSize(super().sizeHint().width(), START_HEIGHT)

    def pick(self, y_um: float, x_um: float) -> None:
        """Show the spectrum of a pixel, and select the niche that it lies in."""
        opened = self.session.value("data")
        if opened is None or self.session.is_placing:  # the click sets a landmark
            return
        grid = opened.dataset.grid
        flat = int(grid.pixel_of(np.array([x_um]), np.array([y_um]))[0])
        if flat < 0:
            return
        row, col = divmod(flat, grid.shape[1])
        self.bench.spectra.show_pixel(row, col)
        niches: NicheResult | None = self.session.value("niches")
        label = int(niches.map.labels[row, col]) if niches is not None else 0
        if label:
            self.regions.select(label - 1)
            self.tabs.setCurrentWidget(self._stacks["Regions"])
        elif self.tabs.currentWidget() is self._stacks["Regions"]:
            self.tabs.setCurrentWidget(self._stacks["Spectrum"])

    def _connect(self, bench: Bench) -> None:
        viewer = bench.viewer
        on_mouse = partial(_on_mouse, weakref.WeakMethod(self.pick))
        viewer.mouse_drag_callbacks.append(on_mouse)
        bench.landed.connect(self._on_landed)
        bench.cleared.connect(self._on_cleared)
        bench.session.logged.connect(self._on_logged)
        bench.indexing.changed.connect(self._on_index)
        bench.indexing.progressed.connect(self._on_index)
        viewer.events.theme.connect(self._on_theme)
        self.metabolites.channel_chosen.connect(self._show_channel)
        self.spectrum.plot.ion_chosen.connect(self._show_channel)
        self.associations.channel_chosen.connect(self._show_channel)
        self.regions.row_chosen.connect(self._on_region)
        self.on_close(disconnecting(partial(bench.session.logged.disconnect, missing_ok=True), self._on_logged))
        self.on_close(disconnecting(viewer.events.theme.disconnect, self._on_theme))
        self.on_close(partial(_stop_listening, weakref.ref(viewer), on_mouse))

    def _on_landed(self, step: Step) -> None:
        value = self.session.value(step)
        if isinstance(value, Opened):
            self._show_opened(value)
            self.metabolites.show_session()
        self.spectrum.show_regions()
        if isinstance(value, ChannelSet):
            self.metabolites.show_session()
            self.tabs.setCurrentWidget(self.metabolites)
        if isinstance(value, NicheResult):
            self.regions.show_frame(region_frame(value.regions), region_columns(value.regions))
            niches = value.regions[value.regions["kind"] == "niche"]
            grades = dict(zip(niches["region_id"].astype(str), niches["grade"], strict=True))
            self.gradients.show_gradients(value.gradients, grades, value.margin)
            self._stacks["Gradient"].setCurrentIndex(0 if len(value.gradients) + len(value.margin) else 1)
            channels: ChannelSet = self.session.value("metabolites")
            self.associations.show_associations(value.associations, channels.table)
            self._stacks["Association"].setCurrentIndex(0 if len(value.associations) else 1)
            self._show_tab("Regions")

    def _on_cleared(self) -> None:
        """Show nothing of the former section."""
        self.metabolites.show_session()
        self.regions.show_frame(pd.DataFrame(), ())
        self.gradients.show_gradients(pd.DataFrame(), {}, pd.DataFrame())
        self.associations.show_associations(pd.DataFrame(), pd.DataFrame())
        for name in ("Calibration", "Regions", "Gradient", "Association"):
            self._stacks[name].setCurrentIndex(1)

    def _show_opened(self, opened: Opened) -> None:
        found = opened.recalibration
        self._stacks["Calibration"].setCurrentIndex(1 if found is None else 0)
        if found is not None:
            self.calibration.show_recalibration(found)
        self._show_tab("Spectrum")

    def _on_index(self, fraction: float = 0.0, text: str = "") -> None:
        self.index.setText(self.bench.indexing.state_in_words(fraction))
        self.index.setToolTip(text or "The m/z-sorted index of this file, which step 1 offers to build")

    def _show_tab(self, name: str) -> None:
        self._stacks[name].setCurrentIndex(0)
        self.tabs.setCurrentWidget(self._stacks[name])

    def _show_channel(self, name: str) -> None:
        layers.show_channel(self.bench.viewer, self.session, name)
        self.associations.select(name)
        self.gradients.show_channel(name)
        self.metabolites.select(name)

    def _on_region(self, row: int) -> None:
        region = self.regions.frame_model.frame.iloc[row]
        if region["kind"] == "niche":
            centre_um = (float(region["centroid_y_um"]), float(region["centroid_x_um"]))
            size_um = float(np.sqrt(region["area_um2"]))
            self.bench.compare_with(niche_name(int(region["region_id"])))
            layers.select_niche(self.bench.viewer, int(region["region_id"]), centre_um, size_um)
        else:
            self.bench.viewer.reset_view()

    def _on_logged(self, text: str) -> None:
        self.log.appendPlainText(text)

    def _on_theme(self) -> None:
        theme = self.bench.viewer.theme
        self.setStyleSheet(style_sheet(theme))
        plots = (self.spectrum.plot.plot, self.calibration.plot, self.gradients.plot)
        for plot in (*plots, self.associations.volcano.plot, self.associations.bars.plot):
            follow_theme(plot, theme)


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
