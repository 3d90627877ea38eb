"""Time a click in the spectrum until napari is handed the ion image, and a frame of zooming, in the real window.

    bash .ci/virtual_screen.sh python benchmarks/clicking.py FILE.imzML

Opens FILE without its index; prints medians in ms. Painting by napari comes after and is printed apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QPointF, Qt
from qtpy.QtWidgets import QApplication

from napari_metime.gui.app import open_window
from napari_metime.gui.dock import StepperDock
from napari_metime.gui.views.lower_dock import LowerDock

N_CLICKS = 31
N_FRAMES = 60


class Click:
    """A left click on the spectrum at some m/z, as pyqtgraph hands it on."""

    def __init__(self, place: QPointF) -> None:
        self._place = place

    def button(self) -> Qt.MouseButton:
        """Return the button."""
        return Qt.MouseButton.LeftButton

    def isAccepted(self) -> bool:
        """Return whether another item took it."""
        return False

    def double(self) -> bool:
        """Return whether it was a double click."""
        return False

    def scenePos(self) -> QPointF:
        """Return the place in the scene."""
        return self._place


def run_until(done: Callable[[], bool], limit_s: float = 240.0) -> None:
    """Turn the event loop until something is done."""
    end = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"expected this within {limit_s:.0f} s")
        QApplication.processEvents()


def rest(seconds: float) -> None:
    """Turn the event loop for a while."""
    end = time.monotonic() + seconds
    run_until(lambda: time.monotonic() > end)


def main() -> None:
    """Open the file and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    viewer = open_window([], block=False)
    viewer.window.resize(1280, 800)
    (dock,) = (w for w in viewer.window.dock_widgets.values() if isinstance(w, StepperDock))
    bench = dock.bench
    bench.arrivals.open_path(parser.parse_args().path)
    run_until(lambda: dock.session.running is None)
    run_until(lambda: bench.spectra.mean.mz.size > 0)
    (lower,) = (w for w in viewer.window.dock_widgets.values() if isinstance(w, LowerDock))
    rest(2)
    bench.indexing.index = None

    handed: list[float] = []
    landed: list[object] = []
    bench.ions.landed.connect(landed.append)
    set_data = Image.data.fset
    Image.data = Image.data.setter(lambda layer, image: (handed.append(time.perf_counter()), set_data(layer, image))[1])
    plot, mz = lower.spectrum.plot, bench.spectra.mean.mz
    to_array_s, painting_s = [], []
    for place in np.random.default_rng(0).uniform(mz[0] + 1, mz[-1] - 1, N_CLICKS):
        n_landed = len(landed)
        click = Click(plot.view.mapViewToScene(QPointF(place, 1.0)))
        begin_s = time.perf_counter()
        plot._on_click(click)
        run_until(lambda n_landed=n_landed: len(landed) > n_landed)
        to_array_s.append((handed[-1] if handed else time.perf_counter()) - begin_s)
        begin_s = time.perf_counter()
        QApplication.processEvents()
        painting_s.append(time.perf_counter() - begin_s)
        rest(0.05)
    later = 1000 * np.array(to_array_s[1:])
    size = plot.plot.viewport().size()
    print(f"{mz.size:,} sticks on {size.width()} x {size.height()} pixels")
    print(f"first click (makes the layer): {1000 * to_array_s[0]:.0f} ms")
    print(f"click to array: median {np.median(later):.1f} ms, largest of {later.size} {later.max():.1f} ms")
    print(f"painting after it: median {1000 * np.median(painting_s):.1f} ms")
    print(f"frame of zooming the spectrum: median {1000 * np.median(frames_s(plot)):.1f} ms")
    viewer.close()


def frames_s(plot: object) -> list[float]:
    """Zoom in, then pan, and return how long each frame took."""
    taken = []
    for number in range(N_FRAMES):
        low, high = plot.view.viewRange()[0]  # type: ignore[attr-defined]
        step = 0.05 * (high - low)
        begin_s = time.perf_counter()
        if number < N_FRAMES // 2:
            plot.view.setXRange(low + step, high - step, padding=0)  # type: ignore[attr-defined]
        else:
            plot.view.translateBy(x=step)  # type: ignore[attr-defined]
        plot.plot.viewport().repaint()  # type: ignore[attr-defined]
        taken.append(time.perf_counter() - begin_s)
    return taken


if __name__ == "__main__":
    main()
