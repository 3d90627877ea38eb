"""The screenshots of README.md and docs/tutorial.md, taken by walking through the real window.

    bash .ci/virtual_screen.sh .venv/bin/python tools/tutorial_shots.py [FOLDER]

Each step is done as a person does it, by the buttons and fields of the window, on the built-in section; the pictures
are written to docs/images/. Window, theme, scale and data are fixed, so that a picture changes only where the window
did. The picture of the report needs a Chromium on the path, and is left as it is where there is none.
"""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1280, 800
THEME = "dark"
N_COLOURS, N_FREQUENT, N_UNLIKE, SWATCH_PIXELS = 256, 64, 64, 30
MAX_BYTES = 200_000
"""Of one picture, so that a clone stays small. Our own choice."""
SETTLE_S = 0.6
"""How long the window may take to lay itself out before it is taken."""
MAX_WAIT_S = 600.0
OWN_COLUMNS = {"Centroid X px": "pos_h", "Centroid Y px": "pos_v", "Class": "population"}
"""How the table of cells of the second part names what the sample's table names as QuPath does."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Before Qt and platformdirs are asked for anything: the scale of the pictures, and a user who has opened nothing yet.
os.environ.update(QT_SCALE_FACTOR="1", QT_ENABLE_HIGHDPI_SCALING="0", QT_FONT_DPI="96")
SCRATCH = Path(tempfile.gettempdir()) / "napari-metime-tutorial"  # always the same: step 7 shows where it writes
shutil.rmtree(SCRATCH, ignore_errors=True)
SCRATCH.mkdir(mode=0o700)
os.environ["XDG_CACHE_HOME"] = str(SCRATCH / "cache")
os.environ.setdefault("NAPARI_CONFIG", str(SCRATCH / "napari.yaml"))

import napari  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from qtpy.QtCore import QBuffer, QIODevice  # noqa: E402
from qtpy.QtWidgets import QApplication, QWidget  # noqa: E402

from napari_metime.gui.dock import StepperDock, show_lower_dock, show_stepper  # noqa: E402
from napari_metime.gui.views.lower_dock import LowerDock  # noqa: E402
from napari_metime.sample import sample_recipe  # noqa: E402


class Walk:
    """The window of one walk, and where its pictures go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        random.seed(0)  # napari draws the tip that it shows in an empty window
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = THEME
        self.viewer.window.resize(WIDTH, HEIGHT)
        self.dock: StepperDock = show_stepper(self.viewer)
        self.wait()

    @property
    def lower(self) -> LowerDock:
        """The dock below; it opens with the first section."""
        show_lower_dock(self.dock.bench)
        return next(w for w in self.viewer.window.dock_widgets.values() if isinstance(w, LowerDock))

    def wait(self, seconds: float = SETTLE_S) -> None:
        """Let the window work."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    def settle(self) -> None:
        """Wait until no step runs."""
        self.wait(0.2)
        end = time.monotonic() + MAX_WAIT_S
        while self.dock.session.running is not None:
            if time.monotonic() > end:
                raise RuntimeError(f"expected {self.dock.session.running} to end within {MAX_WAIT_S} s")
            self.wait(0.05)
        self.wait()

    def press(self, step: str) -> None:
        """Open a step and press its button, as often as the tutorial says: once."""
        self.dock.open_step(step)
        self.wait(0.2)
        self.dock.panels[step].primary.click()
        self.settle()
        error = self.dock.session.error(step)
        if error:
            raise RuntimeError(f"{step}: {error}")

    def choose_tab(self, name: str) -> None:
        """Bring a tab of the lower dock to the front."""
        tabs = self.lower.tabs
        tabs.setCurrentIndex([tabs.tabText(i) for i in range(tabs.count())].index(name))
        self.wait()

    def show(self, widget: QWidget) -> None:
        """Scroll the dock to a widget."""
        self.dock._scroll.ensureWidgetVisible(widget, 0, 12)

    def take(self, name: str) -> None:
        """Take a picture of the whole window."""
        self.dock.bench.fit_view()
        self.viewer.window._qt_window.statusBar().clearMessage()  # the time of a hover, and such
        self.wait()
        pixels = QBuffer()
        pixels.open(QIODevice.OpenModeFlag.WriteOnly)
        self.viewer.window._qt_window.grab().save(pixels, "PNG")
        write_small(Image.open(io.BytesIO(bytes(pixels.data()))), self.folder / f"{name}.png")

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()
        self.wait()


def write_small(image: Image.Image, path: Path) -> None:
    """Write a picture with few colours, which is enough for a window."""
    image = image.convert("RGB")
    palette = Image.new("P", (1, 1))
    palette.putpalette(few_colours(image).astype(np.uint8).tobytes())
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.name}: {size // 1000} kB", flush=True)
    if size > MAX_BYTES:
        raise RuntimeError(f"expected {path.name} to take up to {MAX_BYTES} bytes, found {size}")


def few_colours(image: Image.Image) -> np.ndarray:
    """Choose 256 colours, shape (256, 3): the frequent ones, those unlike them in a swatch, and a mixture of the rest.

    A median cut alone loses what is small and meant: the swatches of a legend.
    """
    colours, counts = np.unique(np.asarray(image).reshape(-1, 3), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    chosen = list(colours[order[:N_FREQUENT]].astype(int))
    swatches = colours[counts >= SWATCH_PIXELS].astype(int)
    nearest = np.min([((swatches - each) ** 2).sum(axis=1) for each in chosen], axis=0)
    for _ in range(N_UNLIKE):
        chosen.append(swatches[nearest.argmax()])
        nearest = np.minimum(nearest, ((swatches - chosen[-1]) ** 2).sum(axis=1))
    n_rest = N_COLOURS - len(chosen)
    rest = image.quantize(n_rest, Image.Quantize.MEDIANCUT, kmeans=n_rest, dither=Image.Dither.NONE).getpalette()
    return np.vstack([chosen, np.array(rest)[: 3 * n_rest].reshape(-1, 3)])


def walk_the_sample(folder: Path) -> Path:
    """Take the pictures of the first part; return the folder of results."""
    walk = Walk(folder)
    dock, session = walk.dock, walk.dock.session
    walk.take("tutorial_start")
    dock.panels["data"].sample.click()
    walk.settle()
    walk.take("tutorial_data")
    walk.press("tissue")
    walk.take("tutorial_tissue")
    walk.press("metabolites")
    walk.choose_tab("Metabolites")
    dock.bench.selection.choose_channel("L-Lactate")
    walk.take("tutorial_metabolites")
    walk.press("cells")
    walk.take("tutorial_cells")
    walk.press("align")
    walk.take("tutorial_align")
    walk.press("niches")
    walk.choose_tab("Niches")
    dock.bench.selection.choose_niche(1)
    walk.take("tutorial_niches")
    walk.choose_tab("Gradient")
    walk.take("tutorial_gradient")
    walk.choose_tab("Association")
    walk.take("tutorial_association")
    session.folder = SCRATCH / "sample_results"
    walk.press("export")
    walk.show(dock.panels["export"].open_report)
    walk.take("tutorial_export")
    show_niches(walk)
    walk.take("window")
    walk.close()
    return session.folder


def show_niches(walk: Walk) -> None:
    """Bring the niches over their coldness, with the table below."""
    walk.dock.open_step("niches")
    walk.choose_tab("Niches")
    walk.dock.bench.selection.choose_niche(0)


def walk_own_table(folder: Path) -> None:
    """Take the pictures of the second part: a table whose columns nobody knows."""
    section = own_files(sample_recipe().parent, SCRATCH / "own")
    walk = Walk(folder)
    dock = walk.dock
    dock.take_files([section / "section.imzML"])
    walk.settle()
    dock.take_files([section / "my_cells.csv"])
    walk.settle()
    walk.show(dock.panels["cells"].error)
    walk.take("own_refused")
    fill(walk)
    walk.take("own_unit")
    dock.panels["cells"].unit.box.setCurrentIndex(1)
    dock.panels["cells"].unit.box.activated.emit(1)
    walk.settle()
    walk.take("own_roles")
    walk.press("cells")
    dock.take_files([section / "landmarks.csv"])
    walk.settle()
    walk.take("own_align")
    dock.head.run_all.click()
    walk.settle()
    dock.open_step("niches")
    walk.take("own_niches")
    walk.close()


def fill(walk: Walk) -> None:
    """Type the names of the columns, as a person does."""
    panel = walk.dock.panels["cells"]
    for key, column in (("x", "pos_h"), ("y", "pos_v"), ("type", "population")):
        line = panel.columns.editors[key].line
        line.setFocus()
        line.setText(column)
        line.setModified(True)
        line.textEdited.emit(column)
        line.editingFinished.emit()
        walk.settle()


def own_files(sample: Path, folder: Path) -> Path:
    """Copy the sample's files, its table of cells under other names of columns."""
    folder.mkdir()
    for name in ("section.imzML", "section.ibd", "landmarks.csv"):
        shutil.copy(sample / name, folder)
    with (sample / "cells.csv").open(newline="") as old, (folder / "my_cells.csv").open("w", newline="") as new:
        rows, writer = csv.DictReader(old), csv.writer(new)
        writer.writerow(OWN_COLUMNS.values())
        writer.writerows([row[column] for column in OWN_COLUMNS] for row in rows)
    return folder


def take_report(results: Path, folder: Path) -> None:
    """Take a picture of the first screen of the report in a real browser."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        print("tutorial_report.png: left as it is, as there is no Chromium here")
        return
    raw = SCRATCH / "report.png"
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    options += [f"--user-data-dir={SCRATCH / 'browser'}", f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={raw}"]
    page = (results / "report.html").as_uri()
    subprocess.run([browser, *options, page], check=True, timeout=120, capture_output=True)
    write_small(Image.open(raw), folder / "tutorial_report.png")


def main() -> None:
    """Take all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    try:
        take_report(walk_the_sample(folder), folder)
        walk_own_table(folder)
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)


if __name__ == "__main__":
    main()
