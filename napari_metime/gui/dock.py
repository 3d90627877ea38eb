"""The stepper: seven steps from the imzML to the export, one open at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QShowEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QLineEdit,
    QMainWindow,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_metime.gui import commands
from napari_metime.gui.arriving.drops import Drops, dropped_paths
from napari_metime.gui.arriving.incoming import Incoming
from napari_metime.gui.arriving.taking import Taking
from napari_metime.gui.head import Head
from napari_metime.gui.keys import add_keys
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.legend import Legend
from napari_metime.gui.panels.align import AlignPanel
from napari_metime.gui.panels.cells import CellsPanel
from napari_metime.gui.panels.data import DataPanel
from napari_metime.gui.panels.export import ExportPanel
from napari_metime.gui.panels.metabolites import MetabolitesPanel
from napari_metime.gui.panels.niches import NichesPanel
from napari_metime.gui.panels.step_panel import StepPanel
from napari_metime.gui.panels.tissue import TissuePanel
from napari_metime.gui.running.bench import Bench, bench_of
from napari_metime.gui.running.in_turn import InTurn
from napari_metime.gui.state.chain import STEPS, Step
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.gui.widgets.docked import DockedWidget, disconnecting
from napari_metime.gui.widgets.later import later
from napari_metime.gui.widgets.style import style_sheet
from napari_metime.gui.widgets.tab_order import order_tab_by_sight

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
MAX_FIRST_WIDTH, FIRST_SHARE = 480, 0.2
"""How wide the dock is at first: this share of the window, between the two widths. Our own choice."""
MARGIN = 4
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
        self.legend = Legend(self.session, self.bench.viewer.layers)
        self.taking = Taking(self.bench, self.open_step, lambda step: self.panels[step].is_open)
        self.incoming = Incoming(self.bench, self.take_file, self.open_next)
        self.drops = Drops(self)
        # The canvas has its size only once the docks have been laid out. A child, so that it ends with the dock.
        self._fit = QTimer(self, singleShot=True, interval=50)
        self._fit.timeout.connect(self._land_view)
        self._seeing = QTimer(self, singleShot=True, interval=0)
        self._seeing.timeout.connect(self.legend.refresh)
        self._settling = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._in_turn = InTurn(self)
        self._build()
        self._connect(self.bench)
        for piece in self._pieces:
            piece.setStyleSheet(style_sheet(self.bench.viewer.theme))
        self.bench.microscope.follow()
        add_keys(self)
        order_tab_by_sight(self)
        self.open_step("data")
        self.refresh("all")

    @property
    def _pieces(self) -> tuple[QWidget, ...]:
        """What has a style sheet each."""
        return self.head, *self.panels.values(), self.legend

    @property
    def open_panel(self) -> StepPanel | None:
        """The step that is open, if any."""
        return next((panel for panel in self.panels.values() if panel.is_open), None)

    def open_next(self, failed: Step | None = None) -> None:
        """Open the step that failed, else the first one that is not done, where none tells an error."""
        if failed is not None:
            self._on_refused(failed)
        elif not any(self.session.error(step) for step in STEPS):
            self.open_step(next((step for step in STEPS if not self.session.is_current(step)), "export"))

    def go_to_step(self, step: Step) -> None:
        """Open a step and put the keyboard there."""
        self.open_step(step)
        self.panels[step].header.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def open_step(self, step: Step) -> None:
        """Open one step and fold the others."""
        for each, panel in self.panels.items():
            panel.set_open(each == step)
        self.head.refresh()
        # The new heights are known only after the layout has been redone.
        later(self, lambda: self._scroll_to_head(step))

    def refresh(self, step: str) -> None:
        """Show the session; ``all`` or one step."""
        for each, panel in self.panels.items():
            if step in ("all", each):
                panel.refresh()
                panel.settle()
        self.head.refresh()
        self.legend.refresh()

    def can_run_all(self) -> bool:
        """Whether there is a section with cells, and a step up to the niches that is not done."""
        is_waiting = any(not self.session.is_current(each) for each in STEPS[:-1])
        return is_waiting and self.session.is_current("data") and self.session.get("cells", "path") is not None

    def showEvent(self, event: QShowEvent) -> None:
        """Let the docks at the sides keep their full height; ours takes its width."""
        super().showEvent(event)
        main = self.window()
        if isinstance(main, QMainWindow):
            main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
            main.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
            self.drops.watch(main.centralWidget())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        event.acceptProposedAction()
        self.take_files(dropped_paths(event.mimeData()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let Enter press the button that has the focus, as Space does."""
        focused = self.focusWidget()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(focused, QAbstractButton):
            focused.click()
            return
        super().keyPressEvent(event)

    def take_files(self, paths: Sequence[Path]) -> None:
        """Hand files to the steps that they are for, in their order; what is none of ours is told in words."""
        if len(paths) == 1 and self.session.running is None:
            self.take_file(paths[0])
        else:
            self.incoming.take(paths)

    def take_file(self, path: Path) -> None:
        """Hand a file to the step that it is for, and open that step."""
        self.taking.take(path)

    def _build(self) -> None:
        self.head = Head(self)
        steps = QWidget()
        column = QVBoxLayout(steps)
        column.setContentsMargins(6, MARGIN, 6, MARGIN)
        column.setSpacing(6)
        for panel in self.panels.values():
            panel.open_requested.connect(self.open_step)
            panel.cancel_requested.connect(partial(commands.cancel, self))
            if isinstance(panel, DataPanel):
                panel.files_chosen.connect(self.take_files)
            column.addWidget(panel)
        column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # cards stay as wide
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(steps)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.head)
        box.addWidget(self._scroll, 1)
        box.addWidget(self.legend)
        for line in self.findChildren(QLineEdit):
            line.setAcceptDrops(False)  # a file dropped on a field goes where all others go

    def _connect(self, bench: Bench) -> None:
        session, viewer = bench.session, bench.viewer
        bench.progressed.connect(self._on_progress)
        bench.landed.connect(self._on_landed)
        bench.cleared.connect(self._on_cleared)
        bench.projects.opened.connect(self._on_project)
        bench.selection.niche_changed.connect(self._on_niche)
        session.changed.connect(self.refresh)
        session.refused.connect(self._on_refused)
        viewer.events.theme.connect(self._on_theme)
        viewer.layers.events.connect(self._on_layers)
        viewer.canvas.events.size.connect(self._on_canvas_size)
        self.on_close(disconnecting(partial(session.changed.disconnect, missing_ok=True), self.refresh))
        self.on_close(disconnecting(partial(session.refused.disconnect, missing_ok=True), self._on_refused))
        self.on_close(disconnecting(viewer.events.theme.disconnect, self._on_theme))
        self.on_close(disconnecting(viewer.layers.events.disconnect, self._on_layers))
        self.on_close(disconnecting(viewer.canvas.events.size.disconnect, self._on_canvas_size))
        self.on_close(self.incoming.end())
        self.on_close(bench.close)  # nothing runs on where nobody sees it

    def _on_progress(self, step: Step, fraction: float, text: str) -> None:
        self.panels[step].show_progress(fraction, text)

    def _scroll_to_head(self, step: Step) -> None:
        """Bring the head of a step to the top: what it answers, or asks, stands right below."""
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)  # else the range may be that of before
        bar = self._scroll.verticalScrollBar()
        bar.setValue(self.panels[step].y() - MARGIN)

    def _on_refused(self, step: Step) -> None:
        """Bring an error into sight, wherever the stepper stands: it stands right below the head of its step."""
        if self.panels[step].is_open:
            later(self, lambda: self._scroll_to_head(step))
        else:
            self.open_step(step)

    def _on_landed(self, step: Step) -> None:
        if step == "data":
            later(self, self._show_lower_dock)  # layer and dock at once would keep the window waiting
            self._fit.start()
        if step == "niches":  # also where all steps were run from another one: here stands what was found
            self.open_step("niches")
        elif self.panels[step].is_open:
            later(self, lambda: self._scroll_to_head(step))

    def _land_view(self) -> None:
        if not self.session.is_placing:  # who sets pairs already has both halves in sight
            self.bench.land_view()

    def _show_lower_dock(self) -> None:
        show_lower_dock(self.bench)
        self._fit.start()
        self._settling.start()  # only now: on a busy machine the dock itself takes longer than it may take to settle

    def _on_cleared(self) -> None:
        """Begin another section at the beginning."""
        self.open_step("data")

    def _on_project(self, _: object) -> None:
        """Go on where the work on a project had come to."""
        self.open_next()

    def _on_niche(self, _: int) -> None:
        """Let the legend follow the cells that are drawn for it."""
        self._seeing.start()

    def _on_canvas_size(self) -> None:
        if self._settling.isActive():
            self._fit.start()

    def _on_layers(self, event: Any) -> None:
        """Let the legend follow what is in sight; of several changes at once, once."""
        if event.type in ("inserted", "removed", "visible"):
            self._seeing.start()

    def _on_theme(self) -> None:
        # All at once keep the window for longer than a person notices.
        for number, piece in enumerate(self._pieces):
            self._in_turn.put(f"theme {number}", partial(piece.setStyleSheet, style_sheet(self.bench.viewer.theme)))
        layers.follow_theme(self.bench.viewer)


def show_stepper(viewer: ViewerModel) -> StepperDock:
    """Return the stepper of a viewer with a window, opened where it is not."""
    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, StepperDock):
            return widget
    dock = StepperDock(viewer)
    holder = viewer.window.add_dock_widget(dock, name=DOCK_NAME, area="right")
    main = viewer.window._qt_window
    width = min(max(int(FIRST_SHARE * main.width()), MIN_WIDTH), MAX_FIRST_WIDTH)
    main.resizeDocks([holder], [width], Qt.Orientation.Horizontal)
    return dock


def show_lower_dock(bench: Bench) -> None:
    """Open the lower dock of a viewer with a window, where it is not open."""
    window = getattr(bench.viewer, "window", None)
    if window is None or any(isinstance(widget, LowerDock) for widget in window.dock_widgets.values()):
        return
    lower = LowerDock(bench)
    for dock in window.dock_widgets.values():
        if isinstance(dock, StepperDock):
            lower.setAcceptDrops(True)
            dock.drops.watch(lower)
    window.add_dock_widget(lower, name=LOWER_NAME, area="bottom")
