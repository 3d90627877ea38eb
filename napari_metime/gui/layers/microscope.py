"""The microscopy of a session in the layers: beside the section until it is aligned, then on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_metime.errors import MetimeError
from napari_metime.export.words import number
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.beside import placed_beside
from napari_metime.gui.layers.microscope_layers import MAX_LAYERS, LookedAt, affine_of, look_at, microscopy_layers
from napari_metime.gui.layers.sight import is_covered
from napari_metime.gui.running.worker import Outcome, Runner
from napari_metime.gui.state.made import Aligned
from napari_metime.gui.state.session import Session
from napari_metime.microscopy import MicroscopyImage, units_per_pixel
from napari_metime.section import Alignment

MAX_BEYOND = 1.2
"""The table and the image count other pixels where cells lie further out than this share of the image. Our choice."""
MAX_SIZE_RATIO = 5.0
"""An image this many times longer or shorter than the section is doubted: a slide around it may well be longer, but
seldom that much. Our choice."""
SHOWN_BEND_UM = 1.0
"""From here it is told that a bend is not drawn."""


class Microscope(QObject):
    """Opens the image that the recipe names, in the background, and keeps its layers in their place."""

    changed = Signal()

    def __init__(self, session: Session, viewer: Callable[[], ViewerModel | None]) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self._runner = Runner("napari-metime microscopy")
        self._asked: tuple[Any, Any] = (None, None)
        self._found: LookedAt | None = None
        self._placed_by: object = None
        self.problem = ""
        self.is_opening = False
        session.values_changed.connect(self.follow)
        session.changed.connect(self._on_changed)

    @property
    def image(self) -> MicroscopyImage | None:
        """The opened image, of which hardly a pixel was read."""
        return None if self._found is None else self._found.image

    @property
    def asks_size(self) -> bool:
        """Whether somebody has to say how large a pixel is: the cells are in µm, and the file does not say."""
        cells = self._session.value("cells")
        return self.image is not None and self.image.pixel_size_um is None and cells is not None and cells.unit == "um"

    @property
    def asks_cells_size(self) -> bool:
        """Whether the cells reach so far beyond the image that they must be counted in other pixels than its own."""
        cells = self._session.value("cells")
        if self.image is None or cells is None or cells.unit == "um" or self._session.get("cells", "pixel_size_um"):
            return False
        height, width = self.image.shape
        return bool(cells.x.max() > MAX_BEYOND * width or cells.y.max() > MAX_BEYOND * height)

    @property
    def asks_scale(self) -> bool:
        """Whether nobody can say yet how large the image is beside the cells; until then it is not drawn."""
        return self.asks_size or self.asks_cells_size

    def doubt(self) -> str:
        """Say where the image, by its pixel size, can hardly show this section; empty where it can."""
        opened = self._session.value("data")
        if opened is None or self.image is None or self.image.pixel_size_um is None:
            return ""
        grid, size_um = opened.dataset.grid, self.image.pixel_size_um
        image_mm, section_mm = (
            max(n * um for n, um in zip(shape, sizes, strict=True)) / 1000
            for shape, sizes in ((self.image.shape, size_um), (grid.shape, grid.spacing_um))
        )
        if 1 / MAX_SIZE_RATIO <= image_mm / section_mm <= MAX_SIZE_RATIO:
            return ""
        return (
            f"With pixels of {number(size_um[1])} µm the image is {number(image_mm)} mm long, and the section "
            f"{number(section_mm)} mm. If both show the same tissue, give the true size as Image pixel below."
        )

    def follow(self) -> None:
        """Open the image that the recipe names, where it is another than before."""
        path, size_um = self._session.get("microscopy", "path"), self._session.get("microscopy", "pixel_size_um")
        if (path, size_um) == self._asked:
            return
        self._runner.cancel()
        self._asked, self._found, self.problem, self.is_opening = (path, size_um), None, "", path is not None
        self._remove_layers()
        if path is not None:
            size = size_um if isinstance(size_um, float | int) else None
            self._runner.start(lambda on_progress: look_at(Path(path), size, on_progress), partial(self._land, path))
        self.changed.emit()

    def place(self) -> None:
        """Put the layers where they belong now; made where there are none yet."""
        viewer, found = self._viewer(), self._found
        if viewer is None or found is None or self._session.value("data") is None:
            return
        if self.asks_scale:
            self._hide(viewer)
            return
        where, key = self._where()
        if where is None or key == self._placed_by:
            return
        self._placed_by = key
        tic = layers.find(viewer, "tic")
        if tic is not None:  # beside the image it is what pairs are set on; over it, it would hide it
            tic.visible = not self._is_aligned
        shown = [layer for layer in viewer.layers if layer.metadata.get(layers.KEY) == "microscopy"]
        units = self._units
        if shown:
            for layer in shown:
                layer.affine = affine_of(where, units)
        else:
            is_below = self._is_aligned and is_covered(viewer)  # it would show through the gaps of the map in sight
            for layer in microscopy_layers(found, where, units):
                is_visible = layer.visible and not is_below
                layers.put(viewer, layer)
                layer.visible = is_visible
        if getattr(viewer, "window", None) is not None:
            layers.fit_section(viewer, self._session)

    def in_words(self) -> str:
        """Say where the image is shown, and what of it is not."""
        if self.image is None:
            return ""
        if self._session.value("data") is None:
            return "It is shown once a section is open (step 1)."
        if self.asks_scale:
            return "Not shown until its scale is known."
        if not self._is_aligned:
            return "Shown beside the section: pairs can be set on it. Once aligned, it lies on the section."
        text = "Shown on the section, in place of the total ion current."
        if not self._is_in_sight:
            text = "On the section, but hidden: the eyes in napari's list of layers show it."
        bend_um = self._bend_um()
        if bend_um >= SHOWN_BEND_UM:
            text += f" Its picture is not bent: it is off by up to {number(bend_um)} µm; measured channels are bent."
        if self.image.n_channels > MAX_LAYERS:
            text += f" Of {self.image.n_channels} channels the first {MAX_LAYERS} have a layer; all can be measured."
        return text

    def restart(self) -> None:
        """Start over for another section; its layers are gone already."""
        self._runner.cancel()
        self._asked, self._found, self._placed_by = (None, None), None, None
        self.problem, self.is_opening = "", False

    def close(self) -> None:
        """Stop and wait until no thread is left."""
        self._runner.close()
        if self.is_opening:
            self.restart()

    def _land(self, path: Path, outcome: Outcome) -> None:
        self.is_opening = False
        if outcome.kind == "done":
            self._found = outcome.value
            self._session.tell(f"microscopy: {self._found.image.note}" if self._found else "")
            self._tell_extent()
            self.place()
        else:
            self.problem = outcome.problem
            self._session.tell(f"microscopy: {outcome.problem}")
        self.changed.emit()

    def _on_changed(self, _: str) -> None:
        if self._found is not None:
            self._tell_extent()
            self.place()

    def _tell_extent(self) -> None:
        """Let those who put the cells beside the section know how far the image reaches, in units of the cells."""
        assert self._found is not None
        image, (unit_y, unit_x) = self._found.image, self._units
        self._session.image_note = image.note
        if self.asks_scale:
            self._session.image_extent = None
            return
        scale_um = None if image.pixel_size_um is None else image.pixel_size_um[1] / unit_x
        self._session.image_extent = (image.shape[1] * unit_x, image.shape[0] * unit_y, scale_um)

    @property
    def _units(self) -> tuple[float, float]:
        assert self._found is not None
        cells, stated = self._session.value("cells"), self._session.get("cells", "pixel_size_um")
        size_um = float(stated) if isinstance(stated, int | float) and stated > 0 else None
        try:
            unit: Literal["px", "um"] = "px" if cells is None else cells.unit
            return units_per_pixel(self._found.image, unit, cells_pixel_size_um=size_um)
        except MetimeError:  # asked for in the step; until then it is only shown beside
            return 1.0, 1.0

    @property
    def _is_aligned(self) -> bool:
        return self._session.value("align") is not None and not self._session.is_placing and not self.asks_size

    @property
    def _is_in_sight(self) -> bool:
        viewer = self._viewer()
        ours = () if viewer is None else (x for x in viewer.layers if x.metadata.get(layers.KEY) == "microscopy")
        return any(layer.visible for layer in ours)

    def _where(self) -> tuple[Alignment | None, object]:
        """Return the alignment by which the image is shown, and what that was made of."""
        session = self._session
        if self._is_aligned:
            aligned: Aligned = session.value("align")
            return aligned.alignment, (aligned, self._units)
        beside = placed_beside(session)
        return beside, None if beside is None else (beside.matrix.tobytes(), self._units)

    def _bend_um(self) -> float:
        aligned: Aligned = self._session.value("align")
        if aligned.alignment.warp is None or self.image is None:
            return 0.0
        height, width = (n * unit for n, unit in zip(self.image.shape, self._units, strict=True))
        x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(0, width, 21), np.linspace(0, height, 21)))
        bent = np.array(aligned.alignment.to_section(x, y))
        flat = aligned.alignment.matrix[:2] @ np.stack([x, y, np.ones(x.size)])
        return float(np.hypot(*(bent - flat)).max())

    def _hide(self, viewer: ViewerModel) -> None:
        if self._placed_by is not None:
            self._placed_by = None
            layers.remove(viewer, "microscopy")
            tic = layers.find(viewer, "tic")
            if tic is not None:
                tic.visible = True

    def _remove_layers(self) -> None:
        viewer, self._placed_by = self._viewer(), None
        self._session.image_extent, self._session.image_note = None, ""
        if viewer is not None:
            layers.remove(viewer, "microscopy")


def offered_image(viewer: ViewerModel) -> Path | None:
    """Return the file of an image that napari opened itself, which may be meant as the microscopy."""
    for layer in reversed(viewer.layers):
        path = layer.source.path
        if isinstance(layer, Image) and layers.KEY not in layer.metadata and path is not None:
            return Path(path)
    return None
