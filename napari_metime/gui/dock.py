"""The stepper: seven steps from the imzML to the export, one open at a time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMainWindow, QPushButton, QScrollArea, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_metime.gui import layers
from napari_metime.gui.bench import Bench, bench_of
from napari_metime.gui.chain import STEPS, Step
from napari_metime.gui.docked import DockedWidget, disconnecting
from napari_metime.gui.dropping import target_of
from napari_metime.gui.legend import Legend
from napari_metime.gui.panels.align import AlignPanel
from napari_metime.gui.panels.cells import CellsPanel
from napari_metime.gui.panels.data import DataPanel
from napari_metime.gui.panels.export import ExportPanel
from napari_metime.gui.panels.metabolites import MetabolitesPanel
from napari_metime.gui.panels.niches import NichesPanel
from napari_metime.gui.panels.step_panel import StepPanel, looking
from napari_metime.gui.panels.tissue import TissuePanel
from napari_metime.gui.style import style_sheet
from napari_metime.gui.ways import choose_way

if TYPE_CHECKING:
    from napari.components import ViewerModel

PANELS: tuple[type[StepPanel], ...] = (
    DataPanel,
    TissuePanel,
    MetabolitesPanel,
    CellsPanel,
    AlignPanel,
    NichesPanel,
    ExportPanel,
)
MIN_WIDTH = 340
SETTLE_MS = 1000
"""How long docks may take to find their places; the view is fitted again to a canvas that changes meanwhile. Our own
choice."""
DOCK_NAME = "Immune-cold niches (napari-metime)"
"""The name under which napari's plugin menu looks for the dock, so that the menu does not open a second one."""
LOWER_NAME = "Spectrum and tables (napari-metime)"


class StepperDock(DockedWidget):
    """The dock of a viewer. What it shows is in the viewer's session; the dock itself may be closed and reopened."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        self.setObjectName("metime")
        self.setAcceptDrops(True)
        self.setMinimumWidth(MIN_WIDTH)
        self.bench = bench_of(napari_viewer)
        self.session = self.bench.session
        self.panels: dict[Step, StepPanel] = {panel.step: panel(self.bench) for panel in PANELS}
        self.legend = Legend(self.session)
        # The canvas has its size only once the docks have been laid out. A child, so that it ends with the dock.
        self._fit = QTimer(self, singleShot=True, interval=50)
        self._fit.timeout.connect(self.bench.fit_view)
        self._settling = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._build()
        self._connect(self.bench)
        self.setStyleSheet(style_sheet(self.bench.viewer.theme))
        self.bench.microscope.follow()
        self.open_step("data")
        self.refresh("all")

    def open_step(self, step: Step) -> None:
        """Open one step and fold the others."""
        for each, panel in self.panels.items():
            panel.set_open(each == step)
        # The new heights are known only after the layout has been redone.
        QTimer.singleShot(0, self, lambda: self._scroll.ensureWidgetVisible(self.panels[step], 0, 0))

    def refresh(self, step: str) -> None:
        """Show the session; ``all`` or one step."""
        for each, panel in self.panels.items():
            if step in ("all", each):
                panel.refresh()
        self.title.setText(self.session.get("section", "id") or "No section yet")
        waiting = any(not self.session.is_current(each) for each in STEPS[:-1])
        ready = self.session.is_current("data") and self.session.get("cells", "path") is not None
        self.run_all.setVisible(ready and waiting)
        self.run_all.setEnabled(self.session.running is None)
        self.legend.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Let the docks at the sides keep their full height; ours takes its width."""
        super().showEvent(event)
        main = self.window()
        if isinstance(main, QMainWindow):
            main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
            main.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        for url in event.mimeData().urls():
            self.take_file(Path(url.toLocalFile()))

    def take_file(self, path: Path) -> None:
        """Hand a file to the step that it is for, and open that step."""
        wants_cells = self.panels["cells"].is_open and self.session.get("cells", "path") is None
        target = target_of(path, wants_cells=wants_cells)
        if wants_cells and target == "data" and self.session.value("data") is not None:
            self.session.refuse("cells", f"expected cells, found {path.name}: this is an imzML; open it in step 1")
        elif target == "cells":
            self.open_step("cells")
            self.bench.look_at_cells(path)
        elif target == "microscopy":
            self.open_step("align")
            self.session.put("microscopy", "", {"path": path})
        elif target == "landmarks":
            self._take_landmarks(path)
        else:
            self.bench.open_any(path)

    def _take_landmarks(self, path: Path) -> None:
        """Hand landmarks to step 5, which aligns by them then."""
        self.open_step("align")
        if self.session.running is not None:
            self.session.tell(f"align: {path.name} not taken, as a step is running")
            return
        choose_way(self.session, "landmarks")
        self.session.put("align", "landmarks", path)

    def _build(self) -> None:
        self.title = QElidingLabel()
        looking(self.title, "title")
        self.run_all = QPushButton("Run all")
        looking(self.run_all, "link")
        self.run_all.setToolTip("Run every step that is not done, up to the niches")
        self.run_all.clicked.connect(self.bench.run_all)
        top = QHBoxLayout()
        top.setContentsMargins(10, 6, 6, 2)
        top.addWidget(self.title, 1)
        top.addWidget(self.run_all)
        steps = QWidget()
        column = QVBoxLayout(steps)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(6)
        for panel in self.panels.values():
            panel.open_requested.connect(self.open_step)
            column.addWidget(panel)
        column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(steps)
        research = QLabel("For research use only")
        looking(research, "dim")
        research.setContentsMargins(10, 0, 10, 4)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(top)
        box.addWidget(self._scroll, 1)
        box.addWidget(self.legend)
        box.addWidget(research)

    def _connect(self, bench: Bench) -> None:
        session, viewer = bench.session, bench.viewer
        bench.progressed.connect(self._on_progress)
        bench.landed.connect(self._on_landed)
        bench.cleared.connect(self._on_cleared)
        session.changed.connect(self.refresh)
        session.refused.connect(self._on_refused)
        viewer.events.theme.connect(self._on_theme)
        viewer.canvas.events.size.connect(self._on_canvas_size)
        self.on_close(disconnecting(partial(session.changed.disconnect, missing_ok=True), self.refresh))
        self.on_close(disconnecting(partial(session.refused.disconnect, missing_ok=True), self._on_refused))
        self.on_close(disconnecting(viewer.events.theme.disconnect, self._on_theme))
        self.on_close(disconnecting(viewer.canvas.events.size.disconnect, self._on_canvas_size))
        self.on_close(bench.close)  # nothing runs on where nobody sees it

    def _on_progress(self, step: Step, fraction: float, text: str) -> None:
        self.panels[step].show_progress(fraction, text)

    def _on_refused(self, step: Step) -> None:
        """Bring an error into sight, wherever the stepper stands."""
        if not self.panels[step].is_open:
            self.open_step(step)
        QTimer.singleShot(0, self, lambda: self._scroll.ensureWidgetVisible(self.panels[step].error, 0, 12))

    def _on_landed(self, step: Step) -> None:
        if step == "data":
            show_lower_dock(self.bench)
            self._fit.start()
            self._settling.start()

    def _on_cleared(self) -> None:
        """Begin another section at the beginning."""
        self.open_step("data")

    def _on_canvas_size(self) -> None:
        if self._settling.isActive():
            self._fit.start()

    def _on_theme(self) -> None:
        self.setStyleSheet(style_sheet(self.bench.viewer.theme))
        layers.follow_theme(self.bench.viewer)


def show_stepper(viewer: ViewerModel) -> StepperDock:
    """Return the stepper of a viewer with a window, opened where it is not."""
    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, StepperDock):
            return widget
    dock = StepperDock(viewer)
    viewer.window.add_dock_widget(dock, name=DOCK_NAME, area="right")
    return dock


def show_lower_dock(bench: Bench) -> None:
    """Open the lower dock of a viewer with a window, where it is not open."""
    from napari_metime.gui.lower_dock import LowerDock

    window = getattr(bench.viewer, "window", None)
    if window is not None and not any(isinstance(widget, LowerDock) for widget in window.dock_widgets.values()):
        window.add_dock_widget(LowerDock(bench), name=LOWER_NAME, area="bottom")
