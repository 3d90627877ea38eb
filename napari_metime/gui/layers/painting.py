"""What a person paints: the tissue, and what of it is left out. Every stroke counts at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_metime.errors import MetimeError
from napari_metime.gui.layers import layers
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.later import later

Canvas = Literal["tissue", "left out"]
TOOLS = ("paint", "erase", "fill", "polygon")


class Painting(QObject):
    """Puts the tools into the user's hand and takes what was painted into the session."""

    def __init__(self, session: Session, viewer: Callable[[], ViewerModel | None]) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self._has_stroke = False

    def start(self, canvas: Canvas) -> None:
        """Put the brush into the user's hand, or the polygon tool on what is left out."""
        viewer = self._viewer()
        if viewer is None or self._session.value("tissue") is None:
            return
        if canvas == "left out" and layers.find(viewer, canvas) is None:
            layers.show_left_out(viewer, self._session)
            self.listen(canvas)
        layer = layers.find(viewer, canvas)
        if isinstance(layer, Labels):
            layers.start_painting(viewer, layer, "paint" if canvas == "tissue" else "polygon")
            self._session.changed.emit("tissue")

    def toggle(self, canvas: Canvas) -> None:
        """Put a tool into the user's hand, or take it out again."""
        layer = self._layer(canvas)
        if layer is not None and self.is_on(canvas):
            layer.mode = "pan_zoom"
        else:
            self.start(canvas)

    def is_on(self, canvas: Canvas) -> bool:
        """Whether a tool of a layer is in hand."""
        layer = self._layer(canvas)
        return layer is not None and str(layer.mode) in TOOLS

    def land(self, step: Step) -> None:
        """Listen to the new layers of a step."""
        if step == "tissue":
            self.listen("tissue")
            self.listen("left out")

    def listen(self, canvas: Canvas) -> None:
        """Take the strokes on a layer."""
        layer = self._layer(canvas)
        if layer is not None:
            for event in (layer.events.paint, layer.events.set_data):  # undo and redo tell only of the second
                event.connect(self._on_stroke)
            layer.events.mode.connect(self._on_mode)

    def take(self) -> bool:
        """Take what the layers say where it is not the session's; False where no tissue is left."""
        session = self._session
        data, tissue, layer = session.value("data"), session.value("tissue"), self._layer("tissue")
        if layer is None or data is None or tissue is None or layer.data.shape != data.dataset.grid.shape:
            return True
        measured, mask = data.dataset.measured, layer.data > 0
        here = measured & ~session.left_out_mask
        try:
            if not np.array_equal(mask & here, tissue.mask & here):
                session.paint_tissue(mask)
            if not np.array_equal(self._drawn(), session.left_out_mask):
                session.leave_out(self._drawn())
        except MetimeError as error:
            session.refuse("tissue", str(error))
            return False
        layers.show_mask(layer, session.value("tissue").mask)
        if session.value("tissue") is not tissue and self._viewer() is not None:
            layers.show_outline(self._viewer(), session)
            layers.show_regions(self._viewer(), session)
        return True

    def show(self) -> None:
        """Show what stands in the session, where a change was taken back."""
        viewer, session, layer = self._viewer(), self._session, self._layer("tissue")
        if viewer is None or layer is None or session.value("tissue") is None:
            return
        layers.show_mask(layer, session.value("tissue").mask)
        left_out = self._layer("left out")
        if left_out is not None:
            layers.show_mask(left_out, session.left_out_mask)
        elif session.left_out_mask.any():
            layers.show_left_out(viewer, session)
            self.listen("left out")
        layers.show_outline(viewer, session)
        layers.show_regions(viewer, session)

    def restart(self) -> None:
        """Start over for another section: its layers are gone already."""
        self._has_stroke = False

    def close(self) -> None:
        """Take no more strokes."""
        self._has_stroke = False

    def clear_left_out(self) -> None:
        """Leave nothing out any more."""
        layer = self._layer("left out")
        if layer is not None:
            layer.data_setitem(np.nonzero(layer.data), 0)
            self.take()

    def _drawn(self) -> NDArray[np.bool_]:
        layer = self._layer("left out")
        return self._session.left_out_mask if layer is None else np.asarray(layer.data > 0)

    def _layer(self, canvas: Canvas) -> Labels | None:
        viewer = self._viewer()
        layer = None if viewer is None else layers.find(viewer, canvas)
        return layer if isinstance(layer, Labels) else None

    def _on_mode(self) -> None:
        """Let the step say what is in hand; also where napari's own buttons or keys changed it."""
        self._session.changed.emit("tissue")

    def _on_stroke(self) -> None:
        if not self._has_stroke:
            self._has_stroke = True
            # napari tells of a stroke before it changes the layer.
            later(self, self._take_stroke)

    def _take_stroke(self) -> None:
        if self._has_stroke:
            self._has_stroke = False
            self.take()
