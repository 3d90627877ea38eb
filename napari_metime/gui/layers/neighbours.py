"""Further imzML of the same slide beside the section: their total ion current, placed by their stage offsets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_metime.gui.layers import layers
from napari_metime.gui.running.worker import Outcome, Runner
from napari_metime.gui.state.made import Opened
from napari_metime.gui.state.session import Session
from napari_metime.ims import open_from_recipe, pixel_vectors
from napari_metime.recipe import ImsRecipe
from napari_metime.section import Dataset, Progress

GAP = 0.1
"""Space between files whose places are unknown, as a share of the width of the first."""


class Neighbours(QObject):
    """Opens files one by one in the background; each becomes a layer, and nothing else."""

    def __init__(self, session: Session, viewer: Callable[[], ViewerModel | None]) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self._runner = Runner("napari-metime neighbour")
        self._queue: deque[Path] = deque()
        self._reading = False
        self.paths: list[Path] = []
        self._placed: set[Path] = set()

    @property
    def shown(self) -> tuple[Path, ...]:
        """The files beside the section, those on their way among them, without those whose layer a person removed."""
        viewer = self._viewer()
        return tuple(
            path for path in self.paths
            if path not in self._placed or (viewer is not None and layers.find(viewer, "neighbour", str(path)))
        )  # fmt: skip

    def open(self, path: Path) -> None:
        """Show a file beside the section, once that is open."""
        if path not in self.paths:
            self.paths.append(path)
            self._queue.append(path)
            self.go_on()

    def go_on(self) -> None:
        """Open the next file; they wait for the section, in whose frame they are placed."""
        if self._reading or not self._queue or self._session.value("data") is None:
            return
        path, self._reading = self._queue.popleft(), True

        def work(on_progress: Progress) -> Opened:
            dataset = open_from_recipe(ImsRecipe(path=path), on_progress=on_progress)
            dataset.grid.spacing_um  # noqa: B018 - raises here where the pixel size is unknown
            return Opened(dataset, pixel_vectors(dataset, on_progress=on_progress).tic.astype(np.float32))

        self._runner.start(work, partial(self._land, path))

    def restart(self) -> None:
        """Start over for another section."""
        self._runner.cancel()
        self._queue.clear()
        self._reading, self.paths, self._placed = False, [], set()

    def close(self) -> None:
        """Stop and wait until no thread is left."""
        self.paths = [path for path in self.paths if path not in self._queue]
        self._queue.clear()
        self._reading = False
        self._runner.close()

    def _land(self, path: Path, outcome: Outcome) -> None:
        self._reading = False
        viewer = self._viewer()
        if outcome.kind == "done" and viewer is not None:
            self._place(viewer, path, outcome.value)
        else:
            self.paths.remove(path)
            self._session.tell(f"{path.name}: {outcome.problem}")
        self.go_on()

    def _place(self, viewer: ViewerModel, path: Path, found: Opened) -> None:
        first: Dataset = self._session.value("data").dataset
        offset_um, how = stage_shift_um(first, found.dataset), "by its stage offset"
        if offset_um is None:
            offset_um, how = (0.0, _right_of(viewer, first)), "beside, as its place on the slide is not known"
        layers.show_neighbour(viewer, found, path, offset_um)
        self._placed.add(path)
        self._session.tell(f"{path.name}: shown {how}")


def stage_shift_um(first: Dataset, other: Dataset) -> tuple[float, float] | None:
    """Return where the origin of another file lies in the frame of the first, (y, x) in µm; None where it is unknown.

    Writers put 0, 0 where they do not know it.
    """
    offsets = (first.stage_offset_um, other.stage_offset_um)
    if None in offsets or offsets == ((0.0, 0.0), (0.0, 0.0)):
        return None
    here, there = _origin_um(first), _origin_um(other)
    return float(there[0] - here[0]), float(there[1] - here[1])


def _origin_um(dataset: Dataset) -> NDArray[np.float64]:
    """Return the place of grid pixel (0, 0) on the slide; offsets are those of the file's pixel (1, 1)."""
    assert dataset.stage_offset_um is not None
    moved = (np.array(dataset.grid.origin) - 1) * np.array(dataset.grid.spacing_um)
    return np.asarray(np.array(dataset.stage_offset_um) + moved, dtype=np.float64)


def _right_of(viewer: ViewerModel, first: Dataset) -> float:
    width_um = first.grid.shape[1] * first.grid.spacing_um[1]
    shown = [layer for layer in viewer.layers if layer.metadata.get(layers.KEY) == "neighbour"]
    return max([width_um, *(float(layer.extent.world[1, -1]) for layer in shown)]) + GAP * width_um
