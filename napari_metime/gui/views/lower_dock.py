"""The lower dock: spectrum, tables and plots of the results, and the log, linked with the layers both ways."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd
import pyqtgraph as pg
from qtpy.QtCore import QSignalBlocker, QSize
from qtpy.QtWidgets import QLabel, QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_metime.gui.layers import layers
from napari_metime.gui.layers.channel_look import unit_of
from napari_metime.gui.layers.mouse import on_mouse, on_move, stop_listening
from napari_metime.gui.readings import cell_at, cell_words, niche_words, pixel_at, place_words
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.running.control_words import in_the_window
from napari_metime.gui.running.in_turn import InTurn
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.made import Opened
from napari_metime.gui.views.associations import AssociationView
from napari_metime.gui.views.calibration import CalibrationView
from napari_metime.gui.views.gradient_plot import GradientPlot
from napari_metime.gui.views.metabolite_tab import MetaboliteTab
from napari_metime.gui.views.niche_tab import NicheTab
from napari_metime.gui.views.plots import PlotSaver, follow_theme
from napari_metime.gui.views.spectrum_tab import SpectrumTab
from napari_metime.gui.views.tab_page import EMPTY, TabPage
from napari_metime.gui.views.tables import shown_regions
from napari_metime.gui.widgets.docked import DockedWidget, disconnecting
from napari_metime.gui.widgets.style import style_sheet
from napari_metime.section import ChannelSet, NicheResult, label_of

LATER: dict[str, Callable[[Bench], QWidget]] = {
    "Metabolites": MetaboliteTab,
    "Calibration": lambda _: CalibrationView(),
    "Niches": lambda _: NicheTab(),
    "Gradient": lambda _: GradientPlot(),
    "Association": lambda _: AssociationView(),
}
"""Tabs that are made and filled one a turn of the event loop, or as soon as somebody looks at one: together they would
keep the window waiting."""
HINT = "Point at the image or at a plot: its value stands here, with its unit."
MIN_HEIGHT, START_HEIGHT, SHARE = 240, 310, 0.28
"""In pixels, and of the height of the window. Our own choice."""
CELL_REACH_PX = 7.0
"""How far beside a cell a click still means it, on the screen. Our own choice."""


_View = TypeVar("_View", bound=QWidget)


class LowerDock(DockedWidget):
    """Tables and plots of a viewer's session, and one line that says what the mouse points at."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.setObjectName("metime")
        self.bench, self.session = bench, bench.session
        self.spectrum = SpectrumTab(bench)
        self._views: dict[str, QWidget] = {}
        """The tabs of ``LATER`` that have been made."""
        self._in_turn = InTurn(self, weakref.ref(bench.viewer))
        self.log = QPlainTextEdit(in_the_window("\n".join(self.session.log)))
        self.log.setReadOnly(True)
        self.log.setAccessibleName("Log")
        self.log.setPlaceholderText("What each step did comes here, with the time.")
        self.reading = QElidingLabel(HINT)
        self.reading.setProperty("look", "dim")
        self.reading.setAccessibleName("What the mouse points at")
        self._saver = PlotSaver(bench.session)
        self._cell: int | None = None
        """The cell that was clicked last, by its row of cells.csv."""
        self._lay_out()
        self.setStyleSheet(style_sheet(bench.viewer.theme))
        self._colour_plots("Spectrum")
        self._connect(bench)
        bench.spectra.resume()
        self._on_index()
        self._put_off(*LATER)
        self._on_changed()
        with QSignalBlocker(self.tabs):  # a tab that comes into sight on the way is looked at by nobody
            for step in ("data", "metabolites", "niches"):
                self._show(self.session.value(step))
            self._show_tab(bench.selection.tab)
        self._on_niche(bench.selection.niche)
        self._on_channel(bench.selection.channel)

    @property
    def metabolites(self) -> MetaboliteTab:
        """The tab of the metabolites, filled."""
        return self._view("Metabolites", MetaboliteTab)

    @property
    def calibration(self) -> CalibrationView:
        """The tab of the recalibration, filled."""
        return self._view("Calibration", CalibrationView)

    @property
    def niches(self) -> NicheTab:
        """The tab of the niches, filled."""
        return self._view("Niches", NicheTab)

    @property
    def gradients(self) -> GradientPlot:
        """The tab of the gradients, filled."""
        return self._view("Gradient", GradientPlot)

    @property
    def associations(self) -> AssociationView:
        """The tab of the associations, filled."""
        view = self._view("Association", AssociationView)
        view.finish()
        return view

    def finish(self) -> None:
        """Make and fill now what stands in turn."""
        for name in LATER:
            self._in_turn.now(name)
        self.associations.finish()

    def sizeHint(self) -> QSize:
        """Ask for little height, and for a share of a large window; the canvas needs the rest."""
        return QSize(super().sizeHint().width(), max(START_HEIGHT, round(SHARE * self.window().height())))

    def pick(self, y_um: float, x_um: float) -> None:
        """Show the spectrum of a pixel; take the niche that it lies in, and the cell, in hand."""
        pixel = pixel_at(self.session, y_um, x_um)
        if pixel is None or self.session.is_placing:  # the click sets a landmark
            return
        self._cell = self._cell_near(y_um, x_um)
        niches: NicheResult | None = self.session.value("niches")
        self.bench.selection.choose_niche(int(niches.map.labels[pixel]) if niches is not None else 0)
        self.bench.spectra.show_pixel(*pixel)
        self.read(y_um, x_um)

    def read(self, y_um: float, x_um: float) -> None:
        """Say what is at a place of the section, and of the cell that was clicked there."""
        words = place_words(self.session, self.bench.viewer, self.bench.ions, y_um, x_um)
        if self._cell is not None and self._is_at_cell(self._cell, y_um, x_um):
            words = f"{cell_words(self.session, self._cell)} · {words}"
        self.say(words)

    def say(self, words: str) -> None:
        """Say something in the line below the tabs; nothing to say leaves what stands there."""
        if words and words != self.reading.text():
            self.reading.setText(words)
            self.reading.setToolTip(words)

    def _lay_out(self) -> None:
        self.tabs = QTabWidget()
        self._pages = {name: TabPage(name) for name in EMPTY}
        for name, page in self._pages.items():
            self.tabs.addTab(page, name)
        self._pages["Spectrum"].put(self.spectrum)
        self.tabs.addTab(self.log, "Log")
        self.index = QLabel()
        self.index.setProperty("look", "dim")
        self.index.setContentsMargins(0, 0, 6, 6)
        self.tabs.setCornerWidget(self.index)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 0, 4, 2)
        box.setSpacing(2)
        box.addWidget(self.tabs, 1)
        box.addWidget(self.reading)
        self.setMinimumHeight(MIN_HEIGHT)

    def _connect(self, bench: Bench) -> None:
        viewer, selection = bench.viewer, bench.selection
        clicked = partial(on_mouse, weakref.WeakMethod(self.pick))
        moved = partial(on_move, weakref.WeakMethod(self.read))
        viewer.mouse_drag_callbacks.append(clicked)
        viewer.mouse_move_callbacks.append(moved)
        bench.landed.connect(self._on_landed)
        bench.cleared.connect(self._on_cleared)
        bench.session.logged.connect(self._on_logged)
        bench.session.changed.connect(self._on_changed)
        bench.indexing.changed.connect(self._on_index)
        bench.indexing.progressed.connect(self._on_index)
        viewer.events.theme.connect(self._on_theme)
        self.spectrum.plot.channel_chosen.connect(selection.choose_channel)
        self.tabs.currentChanged.connect(lambda number: self._in_turn.now(self.tabs.tabText(number)))
        self.tabs.currentChanged.connect(lambda number: selection.choose_tab(self.tabs.tabText(number)))
        selection.tab_changed.connect(self._show_tab)
        selection.niche_changed.connect(self._on_niche)
        selection.channel_changed.connect(self._on_channel)
        selection.cell_chosen.connect(self._on_cell)
        self.spectrum.save.asked.connect(self._saver.save)
        for teller in (self.spectrum.plot, self._saver):
            teller.told.connect(self.say)
        self.on_close(self._saver.close)
        self.on_close(disconnecting(partial(bench.session.logged.disconnect, missing_ok=True), self._on_logged))
        self.on_close(disconnecting(partial(bench.session.changed.disconnect, missing_ok=True), self._on_changed))
        self.on_close(disconnecting(viewer.events.theme.disconnect, self._on_theme))
        self.on_close(partial(stop_listening, weakref.ref(viewer), clicked, moved))

    def _on_changed(self, _: str = "all") -> None:
        for page in self._pages.values():
            page.follow(self.session)

    def _on_landed(self, step: Step) -> None:
        value = self.session.value(step)
        if isinstance(value, Opened | ChannelSet):
            self._put_off("Metabolites")
        self._show(value)

    def _show(self, value: object) -> None:
        if isinstance(value, Opened):
            self._show_opened()
        self.spectrum.show_regions()
        if isinstance(value, ChannelSet):
            self._show_tab("Metabolites")
        if isinstance(value, NicheResult):
            self._cell = None
            self._show_tab("Niches")
            self._put_off("Niches", "Gradient", "Association")  # after it came into sight: in the next turn

    def _view(self, name: str, kind: type[_View]) -> _View:
        self._in_turn.now(name)
        view = self._views[name]
        assert isinstance(view, kind)
        return view

    def _is_filled(self, name: str) -> bool:
        return name in self._views and name not in self._in_turn

    def _fill(self, name: str) -> None:
        """Show what the session has for a tab of ``LATER``, made where it is not yet, or words where it has nothing."""
        if name not in self._views:
            self._make(name)
        fills = {
            "Metabolites": self._fill_metabolites,
            "Calibration": self._fill_calibration,
            "Niches": self._fill_niches,
            "Gradient": self._fill_gradients,
            "Association": self._fill_associations,
        }
        self._pages[name].show_view(fills[name]())

    def _make(self, name: str) -> None:
        self._views[name] = view = LATER[name](self.bench)
        self._pages[name].put(view)
        if isinstance(view, NicheTab):
            view.niche_chosen.connect(self._on_row)
            view.niche_current.connect(self.bench.selection.choose_niche)
            view.niche_hovered.connect(lambda label: self.say(niche_words(self.session, label)))
            view.niche_stayed.connect(self._on_stayed)
            return
        if isinstance(view, MetaboliteTab):
            view.channel_chosen.connect(self.bench.selection.choose_channel)
            return
        assert isinstance(view, CalibrationView | GradientPlot | AssociationView)
        view.save.asked.connect(self._saver.save)
        view.told.connect(self.say)
        if not isinstance(view, CalibrationView):
            view.channel_chosen.connect(self.bench.selection.choose_channel)
        if isinstance(view, GradientPlot):
            view.niche_chosen.connect(self.bench.selection.choose_niche)
        self._colour_plots(name)

    def _fill_metabolites(self) -> bool:
        self.metabolites.show_session()
        self.metabolites.select(self.bench.selection.channel)
        return True

    def _fill_calibration(self) -> bool:
        opened: Opened | None = self.session.value("data")
        found = opened.recalibration if opened is not None else None
        if found is not None:
            self.calibration.show_recalibration(found)
        return found is not None

    def _fill_niches(self) -> bool:
        found: NicheResult | None = self.session.value("niches")
        self.niches.show_regions(shown_regions(found))
        self.niches.select(self.bench.selection.niche)
        self.niches.bring_forward(self.bench.selection.channel)
        return found is not None

    def _fill_gradients(self) -> bool:
        found: NicheResult | None = self.session.value("niches")
        if found is None:
            self.gradients.show_gradients(pd.DataFrame(), {}, pd.DataFrame())
            return False
        niches = found.regions[found.regions["kind"] == "niche"]
        grades = dict(zip(niches["region_id"].astype(str), niches["grade"], strict=True))
        channels: ChannelSet = self.session.value("metabolites")
        normalize = self.session.made_with("metabolites", "ims", "normalize")
        units = {channel.name: unit_of(channel, normalize) for channel in channels.channels}
        domain = self.session.made_with("niches", "niches", "domain")
        self.gradients.show_gradients(found.gradients, grades, found.margin, units, domain)
        self.gradients.show_channel(self.bench.selection.channel)
        self.gradients.mark_niche(self.bench.selection.niche)
        return len(found.gradients) + len(found.margin) > 0

    def _fill_associations(self) -> bool:
        found: NicheResult | None = self.session.value("niches")
        view = self._view("Association", AssociationView)
        if found is None:
            view.show_associations(pd.DataFrame(), pd.DataFrame())
            return False
        channels: ChannelSet = self.session.value("metabolites")
        view.show_associations(found.associations, channels.table)
        view.select(self.bench.selection.channel)
        return len(found.associations) > 0

    def _put_off(self, *names: str) -> None:
        for name in names:
            self._in_turn.put(name, partial(self._fill, name))

    def _on_cleared(self) -> None:
        """Show nothing of the former section."""
        self._cell = None
        for name in LATER:
            self._pages[name].show_view(False)
        self._put_off(*LATER)

    def _show_opened(self) -> None:
        self._put_off("Calibration")
        self.spectrum.show_ions()
        self._pages["Spectrum"].show_view(True)
        self._show_tab("Spectrum")

    def _on_index(self, fraction: float = 0.0, text: str = "") -> None:
        self.index.setText(self.bench.indexing.state_in_words(fraction))
        self.index.setToolTip(text or "The m/z-sorted index of this file, which step 1 offers to build")

    def _show_tab(self, name: str) -> None:
        found = (number for number in range(self.tabs.count()) if self.tabs.tabText(number) == name)
        self.tabs.setCurrentIndex(next(found, self.tabs.currentIndex()))

    def _on_channel(self, name: str) -> None:
        if self._is_filled("Metabolites"):
            self.metabolites.select(name)
        if self._is_filled("Association"):
            self._view("Association", AssociationView).select(name)
        if self._is_filled("Gradient"):
            self.gradients.show_channel(name)
        if self._is_filled("Niches"):
            self.niches.bring_forward(name)
        self.spectrum.show_channel(name, self.bench.selection.mz_of(name))
        self.say(f"Selected: {label_of(name)}" if name else "")

    def _on_niche(self, label: int) -> None:
        if self._is_filled("Niches"):
            self.niches.select(label)
        if self._is_filled("Gradient"):
            self.gradients.mark_niche(label)
        self.say(niche_words(self.session, label))

    def _on_stayed(self, label: int) -> None:
        layers.mark_niche(self.bench.viewer, label or self.bench.selection.niche)

    def _on_row(self, label: int) -> None:
        """Fly to the niche of a row; to see all of it, where it is none."""
        self.bench.selection.choose_niche(label)
        if label:
            layers.fly_to_niche(self.bench.viewer, *self.niches.place_of(label))
            self.bench.compare_with(f"niche {label}")
        else:
            self.bench.fit_view()

    def _on_cell(self, row: int) -> None:
        """Tell of a cell that was selected by napari's own tool."""
        self._cell = row
        self.say(cell_words(self.session, row))

    def _cell_near(self, y_um: float, x_um: float) -> int | None:
        layer = layers.find(self.bench.viewer, "cells")
        if layer is None or not layer.visible:
            return None
        return cell_at(self.session, y_um, x_um, self._cell_reach_um)

    def _is_at_cell(self, row: int, y_um: float, x_um: float) -> bool:
        cell = self.session.value("niches").cells.iloc[row]  # not the nearest of a million, at every move of the mouse
        return float(np.hypot(cell["y_um"] - y_um, cell["x_um"] - x_um)) <= self._cell_reach_um

    @property
    def _cell_reach_um(self) -> float:
        return CELL_REACH_PX / max(float(self.bench.viewer.scene.camera.zoom), 1e-9)

    def _on_logged(self, text: str) -> None:
        self.log.appendPlainText(in_the_window(text))

    def _on_theme(self) -> None:
        self.setStyleSheet(style_sheet(self.bench.viewer.theme))
        self._in_turn.put("theme", lambda: self._colour_plots("Spectrum", *self._views))

    def _colour_plots(self, *names: str) -> None:
        for name in names:
            view = self._views.get(name)
            if isinstance(view, GradientPlot):
                view.follow_theme(self.bench.viewer.theme)
            for plot in self._pages[name].findChildren(pg.PlotWidget):
                follow_theme(plot, self.bench.viewer.theme)
