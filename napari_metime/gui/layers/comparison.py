"""Before and after a refinement, laid over the ions: as tiles or as two colours, flipped by hand or blinking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_metime.alignment import Refinement, checkerboard
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.frame import KEY, MICROMETRES
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.session import Session

Mode = Literal["", "tiles", "colours"]
BLINK_MS = 700


class Comparison(QObject):
    """One layer that shows the moving image on the fixed one, as it was before or as it is after."""

    changed = Signal()

    def __init__(self, session: Session, viewer: Callable[[], ViewerModel | None]) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self.mode: Mode = ""
        self.is_after = True
        self._blink: QTimer | None = None

    @property
    def found(self) -> Refinement | None:
        """The pictures of the last refinement, accepted or not."""
        aligned = self._session.value("align")
        refined = None if aligned is None else aligned.refined
        return None if refined is None else refined.refinement

    @property
    def is_blinking(self) -> bool:
        """Whether before and after take turns by themselves."""
        return self._blink is not None

    def show(self, mode: Mode) -> None:
        """Show the comparison one way, or take it away."""
        self.mode = mode
        viewer = self._viewer()
        if not mode:
            self._stand_still()
        if viewer is not None:
            self._put(viewer)
        self.changed.emit()

    def flip(self) -> None:
        """Show before in place of after, or the other way round."""
        self.is_after = not self.is_after
        self.show(self.mode)

    def blink(self, on: bool) -> None:
        """Let before and after take turns."""
        self._stand_still()
        if on and self.mode:
            self._blink = QTimer(self, interval=BLINK_MS)
            self._blink.timeout.connect(self.flip)
            self._blink.start()
        self.changed.emit()

    def land(self, step: Step) -> None:
        """Compare what a new alignment gives: shown at once where it was shown before."""
        if step in ("data", "cells", "align"):
            self.is_after = True
            self.show(self.mode if self.found is not None else "")

    def restart(self) -> None:
        """Start over for another section; its layers are gone already."""
        self._stand_still()
        self.mode, self.is_after = "", True

    def close(self) -> None:
        """Leave nothing that moves."""
        self._stand_still()

    def _stand_still(self) -> None:
        if self._blink is not None:
            self._blink.stop()
            self._blink.deleteLater()
            self._blink = None

    def _put(self, viewer: ViewerModel) -> None:
        found = self.found
        if found is None or not self.mode:
            layers.remove(viewer, "comparison")
            return
        moving = found.after if self.is_after else found.before
        image = tiles(found.fixed.image, moving) if self.mode == "tiles" else colours(found.fixed.image, moving)
        layer = Image(
            image,
            rgb=True,
            name=f"ions and {'after' if self.is_after else 'before'}",
            scale=found.fixed.spacing_um,
            translate=found.fixed.origin_um,
            metadata={KEY: "comparison"},
            **MICROMETRES,
        )
        layers.put(viewer, layer)


def tiles(fixed: NDArray[np.float64], moving: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return tiles of one and the other in turn, shape (rows, cols, 4): an edge that goes on over them fits."""
    grey = checkerboard(fixed, moving)
    return np.stack([np.nan_to_num(grey)] * 3 + [np.isfinite(grey)], axis=-1).astype(np.float32)


def colours(fixed: NDArray[np.float64], moving: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return one in magenta and the other in green, shape (rows, cols, 4): where both are bright it is white."""
    red, green = (_stretched(image) for image in (fixed, moving))
    known = np.isfinite(fixed) | np.isfinite(moving)
    return np.stack([red, green, red, known], axis=-1).astype(np.float32)


def _stretched(image: NDArray[np.float64]) -> NDArray[np.float64]:
    known = image[np.isfinite(image)]
    low, high = np.quantile(known, [0.01, 0.99]) if known.size else (0.0, 1.0)
    return np.asarray(np.clip(np.nan_to_num((image - low) / max(high - low, 1e-12)), 0.0, 1.0), dtype=np.float64)
