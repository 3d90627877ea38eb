"""How long the window stands still on a whole section, step by step, and how soon Cancel answers.

    bash .ci/virtual_screen.sh python benchmarks/window.py FILE.imzML [--cells 100000] [--cancels 10]
                                                            [--out docs/fluid.md] [--verbose]

puts FILE into a folder of its own with simulated cells, then drives the real window by clicks: every step, every tab,
the canvas, an ion, the index, the export. Of each action are told the longest block of the window, how much of it was
our code (see window_clock), and the most memory that the process had by then. Then every step is cancelled at random
moments (see cancelling). ``--out`` renews the table of the actions in a page; otherwise it is printed, as the other is.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from cancelling import cancel_each, cancel_table
from marked import write_marked
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton, QWidget
from window_clock import Block, Clock, rest, run_until

from napari_metime.gui.app import open_window
from napari_metime.gui.dock import StepperDock
from napari_metime.gui.layers import layers
from napari_metime.gui.state.chain import STEPS, Step
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.ims import open_from_recipe
from napari_metime.recipe import ImsRecipe

PIXEL_PX = 0.5
"""µm of a pixel of the simulated microscope."""
COLD_UM = 500.0
TYPES = ("Tumor", "CD8", "Treg", "Macrophage M2", "Stroma")
SHARES = (0.55, 0.12, 0.05, 0.08, 0.20)
PLAN_PEAKS = 12


@dataclass(frozen=True)
class Row:
    """The blocks of one action."""

    action: str
    seconds: float
    peak_gb: float
    blocks: list[Block]


def put_into(folder: Path, file: Path, n_cells: int) -> Path:
    """Link an imzML into a folder, with cells on its pixels, cold in one disc, and a recipe; return the recipe."""
    for ending in (".imzML", ".ibd"):
        (folder / f"section{ending}").symlink_to(file.with_suffix(ending).resolve())
    dataset = open_from_recipe(ImsRecipe(path=folder / "section.imzML"))
    height_um, width_um = dataset.grid.spacing_um
    rows, cols = np.nonzero(dataset.measured)
    rng = np.random.default_rng(0)
    chosen = rng.integers(rows.size, size=n_cells)
    y_um = (rows[chosen] + rng.uniform(-0.5, 0.5, n_cells)) * height_um
    x_um = (cols[chosen] + rng.uniform(-0.5, 0.5, n_cells)) * width_um
    types = rng.choice(np.array(TYPES, dtype=object), p=SHARES, size=n_cells)
    middle = rows.size // 2
    cold = np.hypot(y_um - rows[middle] * height_um, x_um - cols[middle] * width_um) < COLD_UM
    types[cold & (types == "CD8") & (rng.uniform(size=n_cells) < 0.9)] = "Stroma"
    table = {"Centroid X px": x_um / PIXEL_PX, "Centroid Y px": y_um / PIXEL_PX, "Class": types}
    pd.DataFrame(table).to_csv(folder / "cells.csv", index=False)
    corners = rng.integers(rows.size, size=8)
    target = np.column_stack([cols[corners] * width_um, rows[corners] * height_um])
    pairs = np.column_stack([target / PIXEL_PX, target])
    names = ["source_x", "source_y", "target_x_um", "target_y_um"]
    pd.DataFrame(pairs, columns=names).to_csv(folder / "landmarks.csv", index=False)
    low, high = dataset.mz_range
    peaks = [round(float(mz), 4) for mz in np.linspace(low + 1, high - 1, PLAN_PEAKS)]
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        "metime: 1\nsection: {id: S1}\n"
        "ims: {path: section.imzML, tolerance_ppm: 50, normalize: tic}\n"
        f"channels: {{mz: {peaks}}}\n"
        f"cells: {{path: cells.csv, unit: px, pixel_size_um: {PIXEL_PX}, "
        "roles: {effector: [CD8], suppressor: [Treg, Macrophage M2], tumor: [Tumor]}}\n"
        "align: {landmarks: landmarks.csv}\n"
    )
    return recipe


class Driver:
    """Clicks in a window, and watches it meanwhile."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.rows: list[Row] = []

    def do(self, action: str, act: Callable[[], object], done: Callable[[], bool] = lambda: True) -> None:
        """Do something, wait until it is done and painted, and note the blocks."""
        begin_s = time.perf_counter()
        with self.clock.watching() as blocks:
            act()
            run_until(done)
            rest(0.3)
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # Linux counts in kB
        self.rows.append(Row(action, time.perf_counter() - begin_s, peak_gb, blocks))
        longest = max((block.seconds for block in blocks), default=0.0)
        print(f"{action}: {self.rows[-1].seconds:.1f} s, longest block {1000 * longest:.0f} ms", flush=True)


class Window(Driver):
    """The real window on one section."""

    def __init__(self, recipe: Path) -> None:
        super().__init__()
        self.recipe = recipe
        self.viewer = open_window([], block=False)
        self.viewer.window.resize(1280, 800)
        rest(1)
        self.dock = self._docks(StepperDock)
        self.bench, self.session = self.dock.bench, self.dock.session

    def _docks(self, kind: type) -> QWidget:
        (found,) = (w for w in self.viewer.window.dock_widgets.values() if isinstance(w, kind))
        return found

    @property
    def lower(self) -> LowerDock:
        """The dock of tables and plots."""
        return self._docks(LowerDock)

    def idle(self) -> bool:
        """Whether no step runs."""
        return self.session.running is None

    def press(self, button: QPushButton) -> None:
        """Click a button, as a person does: in sight."""
        self.dock._scroll.ensureWidgetVisible(button)
        QApplication.processEvents()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def step(self, step: Step) -> None:
        """Open a step and run it."""
        panel = self.dock.panels[step]
        self.do(f"open step {STEPS.index(step) + 1}", lambda: self.press(panel.header))
        self.do(f"run {step}", lambda: self.press(panel.primary), self.idle)
        assert self.session.error(step) == "", self.session.error(step)

    def whole_path(self) -> None:
        """Click through everything."""
        bench, panels = self.bench, self.dock.panels
        self.do("open the file", lambda: self.dock.take_file(self.recipe), self.idle)
        self.do("its mean spectrum", lambda: None, lambda: bench.spectra.mean.mz.size > 0)
        self.step("tissue")
        panels["tissue"].fold.head.setChecked(True)
        self.do("find regions", lambda: self.press(panels["tissue"].regions.start), self.idle)
        self.do("paint tissue", self._paint)
        if not self.session.is_current("tissue") or self.session.value("tissue").regions is None:
            self.do("find regions again", lambda: self.press(panels["tissue"].regions.start), self.idle)
        self.step("metabolites")
        self.do("look at the cells", lambda: bench.look_at_cells(self.recipe.parent / "cells.csv"), self.idle)
        self.step("cells")
        self.step("align")
        panels["align"].refine_fold.head.setChecked(True)
        self.do("refine", lambda: self.press(panels["align"].refine.refine), self.idle)
        self.do("without refinement", lambda: self.press(panels["align"].refine.drop), self.idle)
        self.step("niches")
        self._look_around()
        self.step("export")

    def _paint(self) -> None:
        self.press(self.dock.panels["tissue"].paint)
        layer = layers.find(self.viewer, "tissue")
        with layer.block_history():
            layer.paint((60, 60), 0)
        layer.mode = "pan_zoom"

    def _look_around(self) -> None:
        lower, tabs = self.lower, self.lower.tabs
        for number in range(tabs.count()):
            self.do(f"tab {tabs.tabText(number)}", lambda number=number: tabs.setCurrentIndex(number))
        self.do("click a niche's row", lambda: lower.niches.table.clicked.emit(lower.niches.table.model().index(0, 0)))
        channels = [channel.name for channel in self.session.value("metabolites").channels]
        for name in channels[:2]:
            self.do("show a channel", lambda name=name: self.bench.selection.choose_channel(name))
        self.do("search a metabolite", lambda: QTest.keyClicks(lower.metabolites.field, "lac"))
        lower.metabolites.field.clear()
        tabs.setCurrentIndex(0)
        rest(0.5)
        self.do("click on the canvas", lambda: self._click_canvas(0.5, 0.5))
        for share in (0.3, 0.6):
            self.do("click a peak", lambda share=share: self._click_peak(share), lambda: not self.bench.ions._due)
        self.do("colour cells by type", lambda: self.bench.colour_cells("type"))
        self.do("colour cells by role", lambda: self.bench.colour_cells("role"))
        self.do("light theme", lambda: setattr(self.viewer, "theme", "light"))
        self.do("dark theme", lambda: setattr(self.viewer, "theme", "dark"))
        indexing = self.bench.indexing
        self.do("build the index", indexing.build, lambda: indexing.state == "ready")
        self.do("click a peak, indexed", lambda: self._click_peak(0.8), lambda: not self.bench.ions._due)

    def _click_canvas(self, y: float, x: float) -> None:
        native = self.viewer.window._qt_viewer.canvas.native
        QTest.mouseMove(native, QPoint(int(x * native.width()), int(y * native.height())))
        QTest.mouseClick(
            native, Qt.MouseButton.LeftButton, pos=QPoint(int(x * native.width()), int(y * native.height()))
        )

    def _click_peak(self, share: float) -> None:
        plot, mz = self.lower.spectrum.plot, self.bench.spectra.mean.mz
        place = plot.plot.mapFromScene(plot.view.mapViewToScene(QPointF(mz[0] + share * (mz[-1] - mz[0]), 1.0)))
        QTest.mouseClick(plot.plot.viewport(), Qt.MouseButton.LeftButton, pos=place)


def main() -> None:
    """Drive the window and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--cancels", type=int, default=10)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--verbose", action="store_true", help="tell in which functions of ours the time is spent")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="window_") as scratch:
        window = Window(put_into(Path(scratch), options.path, options.cells))
        window.whole_path()
        cancels = [] if options.cancels == 0 else cancel_each(window, options.cancels)
        window.viewer.close()
    text = table(window.rows)
    if options.verbose:
        tell_where(window.rows)
    print(cancel_table(cancels))
    if options.out is None:
        print(text)
    else:
        write_marked(options.out, text)


def table(rows: list[Row]) -> str:
    """Return the table of the actions; each is told by its block that has most of our own time, and its longest."""
    lines = [
        "| action | takes (s) | longest block (ms) | of it ours | napari's, called by us | napari's own | GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        nothing = Block(0.0, 0.0, 0.0, 0.0)
        longest = max(row.blocks, key=lambda block: block.seconds, default=nothing)
        most = max((block.ours_s for block in row.blocks), default=0.0)
        cells = [longest.seconds, most, longest.asked_s, longest.napari_s]
        lines.append(
            f"| {row.action} | {row.seconds:.1f} | "
            + " | ".join(f"{1000 * s:.0f}" for s in cells)
            + f" | {row.peak_gb:.1f} |"
        )
    return "\n".join(lines)


def tell_where(rows: list[Row], least_s: float = 0.05) -> None:
    """Print the functions that the longest blocks were spent in."""
    for row in rows:
        for block in row.blocks:
            if block.ours_s > least_s or block.seconds > 4 * least_s:
                print(f"\n{row.action}: {1000 * block.seconds:.0f} ms, ours {1000 * block.ours_s:.0f}")
                for place, seconds in block.where.most_common(8):
                    print(f"    {1000 * seconds:.0f} ms  {place}")


if __name__ == "__main__":
    main()
