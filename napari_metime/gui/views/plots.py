"""What all plots of the lower dock share: their look, what lies below the mouse, and saving them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QPointF, Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_metime.export.plots import ENDINGS, Plot, write_plot
from napari_metime.gui.running.worker import Latest, Outcome
from napari_metime.gui.state.own_folder import own_folder
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.style import colours_of
from napari_metime.section import Progress

REACH_PX = 14.0
"""How far beside a point the mouse still means it. Our own choice."""
FILES = ";;".join(f"{ending[1:].upper()} (*{ending})" for ending in ENDINGS)


class _Axis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """An axis with a true minus, and without the long small ticks."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self.enableAutoSIPrefix(False)
        self.setStyle(tickLength=-4, maxTickLevel=1)

    def tickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        """Return the texts of the ticks."""
        return [text.replace("-", "−") for text in super().tickStrings(values, scale, spacing)]


def new_plot(bottom: str, left: str, *, name: str) -> pg.PlotWidget:
    """Return an empty plot that looks like the others; ``name`` is what a screen reader calls it."""
    axes = {side: _Axis(side) for side in ("bottom", "left")}
    widget = pg.PlotWidget(background=None, enableMenu=False, axisItems=axes)  # the menu takes as long as the plot
    widget.setLabel("bottom", bottom)
    if left:
        widget.setLabel("left", left)
    # pyqtgraph puts the titles of axes five pixels beyond the plot, where their letters are cut off.
    widget.getPlotItem().layout.setContentsMargins(6, 1, 1, 6)
    widget.setAccessibleName(name)
    widget.getPlotItem().hideButtons()
    widget.showGrid(x=False, y=True, alpha=0.15)
    return widget


def follow_theme(plot: pg.PlotWidget, theme_id: str) -> None:
    """Give a plot the ground and the lines of one of napari's themes; it takes neither from the style sheet."""
    colours = colours_of(theme_id)
    plot.setBackground(colours["background"])
    for axis in ("bottom", "left", "top"):
        plot.getPlotItem().getAxis(axis).setPen(colours["dim"])
        plot.getPlotItem().getAxis(axis).setTextPen(colours["dim"])
    for item in plot.getPlotItem().items:
        if isinstance(item, pg.TextItem):
            item.setColor(colours["text"])
        elif getattr(item, "label", None) is not None and isinstance(item, pg.InfiniteLine):
            item.label.setColor(colours["dim"])
    legend = plot.getPlotItem().legend
    if legend is not None:
        legend.setLabelTextColor(colours["text"])


def nearest_point(
    plot: pg.PlotWidget, place: QPointF, x: NDArray[np.float64], y: NDArray[np.float64], reach_px: float = REACH_PX
) -> int | None:
    """Return which of some points of a plot is nearest to a place of its scene; None where none is within reach."""
    view = plot.getPlotItem().getViewBox()
    at, (width, height) = view.mapSceneToView(place), view.viewPixelSize()
    if x.size == 0 or not width or not height:
        return None
    away_px = np.hypot((x - at.x()) / width, (y - at.y()) / height)
    if not np.isfinite(away_px).any():
        return None
    nearest = int(np.nanargmin(away_px))
    return nearest if away_px[nearest] <= reach_px else None


class SaveButton(QPushButton):
    """Asks for a plot to be saved; emits what the plot shows, where it shows something."""

    asked = Signal(object)

    def __init__(self, make: Callable[[], Plot | None]) -> None:
        super().__init__("Save plot…")
        self.setProperty("look", "link")
        self.setToolTip("Save this plot as PNG or SVG, on white ground, or the numbers behind it as CSV")
        self.clicked.connect(lambda: self._ask(make))

    def _ask(self, make: Callable[[], Plot | None]) -> None:
        plot = make()
        if plot is not None:
            self.asked.emit(plot)


class PlotSaver(QObject):
    """Writes plots in the background, and tells where to or why not."""

    told = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._latest = session, Latest("napari-metime plot")

    def save(self, plot: Plot) -> None:
        """Ask for the place, and write a plot there."""
        source: Path | None = self._session.get("ims", "path")
        name = f"{plot.name}{ENDINGS[0]}".replace(":", "_").replace("/", "_").replace(" ", "_")
        proposed = own_folder(self._session) / (f"{source.stem}_{name}" if source is not None else name)
        text, chosen = QFileDialog.getSaveFileName(None, "Save plot", str(proposed), FILES)
        if not text:
            return
        path = Path(text)
        if path.suffix.lower() not in ENDINGS:
            path = path.with_name(path.name + (chosen.rpartition("*")[2].rstrip(")") or ENDINGS[0]))

        def work(on_progress: Progress) -> None:
            on_progress(0.0, "writing the plot")
            write_plot(plot, path)

        def land(outcome: Outcome) -> None:
            done = outcome.kind == "done"
            words = f"plot: written to {path}" if done else f"plot: {outcome.problem}"
            self._session.tell(words)
            self.told.emit(f"Written to {path}" if done else f"✕ {outcome.problem}")

        self._latest.ask(work, land)

    def close(self) -> None:
        """Wait until no thread is left."""
        self._latest.close()
