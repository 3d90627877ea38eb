"""Setting landmarks by clicks: the cells beside the section, a pair at a time, each change at once in the fit."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Points
from qtpy.QtCore import QObject

from napari_metime.alignment import read_landmarks
from napari_metime.errors import MetimeError
from napari_metime.export.placed_landmarks import PLACED, write_landmarks
from napari_metime.gui.aligning.landmark_fit import Judged, judge_session
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.beside import is_on_section, placed_beside, source_scale_um
from napari_metime.gui.layers.landmark_layers import landmark_layers, move_rings, rough_layer
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.state.session import Session
from napari_metime.gui.state.ways import choose_way
from napari_metime.section import Alignment, Grid

UNDO_KEY = "Control-Z"
MAX_DRAG_PX = 3


class Landmarking(QObject):
    """Takes the clicks while pairs are being set, and shows them; the pairs themselves are the session's."""

    def __init__(self, session: Session, viewer: Callable[[], ViewerModel | None]) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self._on_mouse: Any = None
        self._hidden: list[Any] = []
        self._had_rings = False
        self._judged: tuple[object, Judged] | None = None
        self.is_out_of_turn = False
        """Whether the last click was on the cells while no place on the section waited for it."""
        session.values_changed.connect(self.follow)

    @property
    def can_start(self) -> bool:
        """Whether there are a section and cells to find the same places on."""
        return self._session.is_current("data") and self._session.is_current("cells")

    @property
    def judged(self) -> Judged:
        """What the pairs say, computed once for each state of them."""
        session = self._session
        made_of = (session.pairs.placed, session.get("align"), source_scale_um(session))
        if self._judged is None or self._judged[0] != made_of:
            self._judged = (made_of, judge_session(session))
        return self._judged[1]

    def toggle(self) -> None:
        """Begin or end setting pairs."""
        if self._session.is_placing:
            self.stop()
        else:
            self.start()

    def start(self) -> None:
        """Show the cells beside the section and take clicks."""
        viewer = self._viewer()
        if viewer is None or self._session.is_placing or not self.can_start:
            return
        choose_way(self._session, "landmarks")
        self._session.is_placing = True
        self._hidden = [layer for layer in viewer.layers if _covers(layer) and layer.visible]
        for layer in self._hidden:
            layer.visible = False
        rings = layers.find(viewer, "landmarks")
        self._had_rings = rings is not None and rings.visible
        self._on_mouse = partial(_on_mouse, weakref.WeakMethod(self.click))
        viewer.mouse_drag_callbacks.append(self._on_mouse)
        viewer.bind_key(UNDO_KEY, lambda _: self.undo(), overwrite=True)
        self.show()
        self._fit_view(viewer)
        self._session.changed.emit("align")

    def stop(self) -> None:
        """Take no more clicks; the cells beside the section go, the pairs stay."""
        if not self._session.is_placing:
            return
        self._end()
        viewer = self._viewer()
        if viewer is not None:
            self._put_back(viewer)
        self._session.changed.emit("align")

    def click(self, y_um: float, x_um: float) -> None:
        """Set one half of a pair: on the section, then on the cells."""
        if not self._session.is_placing or not self.can_start:
            return
        pairs = self._session.pairs
        on_section = is_on_section(self._grid, x_um)
        self._take_turn(on_section or pairs.waiting is not None)
        if on_section:
            self.change(pairs.on_section(x_um, y_um))
        else:
            x, y = self._rough.to_source(np.array([x_um]), np.array([y_um]))
            self.change(pairs.on_cells(float(x[0]), float(y[0])))

    def undo(self) -> None:
        """Take the last half back, else the last change of the pairs."""
        if self._session.pairs.waiting is not None:
            self.change(self._session.pairs.without_half())
        elif self._session.undo("pairs") is not None:
            self.follow_change()

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return self._session.pairs.waiting is not None or self._session.history.last("pairs") is not None

    def remove(self, index: int) -> None:
        """Leave a pair out."""
        self.change(self._session.pairs.without(index))

    def change(self, pairs: Pairs) -> None:
        """Take other pairs, and show them."""
        if pairs != self._session.pairs:
            self._session.set_pairs(pairs)
            self.follow_change()

    def follow_change(self) -> None:
        """Show the pairs after a change of them."""
        self._take_turn(True)
        self.mend()
        self.show()

    def mend(self) -> None:
        """Take away what was told of the step, as its cause may be gone; the next run tells what is left."""
        if self._session.error("align"):
            self._session.refuse("align", "")

    def open(self, path: Path) -> None:
        """Take the pairs of a file in place of those here, as one change; a file that is refused changes nothing."""
        try:
            pairs = read_landmarks(path)
        except MetimeError as error:
            self._session.refuse("align", str(error))
            return
        self.mend()
        self.change(self._session.pairs.replaced(Pairs.of(pairs).placed))
        self._session.tell(f"align: {len(pairs)} landmarks read from {path}")

    def save(self, path: Path) -> None:
        """Write the pairs as landmarks.csv; an error is told in the step."""
        try:
            write_landmarks(self._session.pairs.landmarks, path)
        except MetimeError as error:
            self._session.refuse("align", str(error))
            return
        self.mend()
        self._session.tell(f"align: landmarks written to {path}")

    def follow(self) -> None:
        """Read the landmarks of the file that the recipe names, where they are not shown yet."""
        align = self._session.get("align")
        if not isinstance(align, dict) or "landmarks" not in align:
            return  # another way was chosen: the pairs stay, for whoever comes back to them
        path = align["landmarks"]
        if path in (PLACED, self._session.pairs_from) or (path is None and self._session.pairs_from is None):
            return
        pairs = Pairs()
        if path is not None:
            try:
                pairs = Pairs.of(read_landmarks(Path(path)))
            except MetimeError as error:
                self._session.refuse("align", str(error))
        self._session.show_pairs_of(path, pairs)
        self.show()

    def show(self) -> None:
        """Show the pairs on the section and on the cells beside it, while they are being set."""
        viewer, session = self._viewer(), self._session
        if viewer is None or not session.is_placing:
            return
        rough = self._rough
        if layers.find(viewer, "cells to align") is None:
            cells = rough_layer(session.value("cells"), rough)
            layers.put(viewer, cells)
            cells.editable = False  # napari makes a layer editable when it joins the others or is shown
        rings = landmark_layers(
            session.pairs.landmarks,
            rough,
            theme=viewer.theme,
            waiting=session.pairs.waiting,
            stands_out=self.judged.stands_out,
        )
        for layer in rings:
            former = layers.find(viewer, "landmarks", layer.metadata["channel"])
            if isinstance(former, Points):
                move_rings(former, layer, viewer.theme)  # to put another layer in its place costs a second in a window
                former.visible = True
                continue
            layers.put(viewer, layer)
            layer.visible = True
            layer.editable = False
        viewer.layers.selection.active = layers.find(viewer, "landmarks")  # no brush of another takes the clicks

    def land(self, step: Step) -> None:
        """Take note of a new result: aligned cells end the setting, other cells or another section end it too."""
        if step in ("data", "cells", "align"):
            self.stop()

    def restart(self) -> None:
        """Start over for another section."""
        viewer = self._viewer()
        if viewer is not None:
            self._let_go(viewer)
        self._hidden, self._session.is_placing = [], False

    def close(self) -> None:
        """Take no more clicks, and leave nothing half done: the dock is gone, and the viewer may be going."""
        viewer = self._viewer()
        if viewer is None or not self._session.is_placing:
            return
        self._let_go(viewer)
        for kind in ("cells to align", "landmarks"):
            layers.remove(viewer, kind)
        for layer in self._hidden:
            layer.visible = True
        self._hidden = []
        self._end()

    def _end(self) -> None:
        """Take no more clicks; a half that waits is none."""
        self._session.is_placing = self.is_out_of_turn = False
        if self._session.pairs.waiting is not None:
            self._session.pairs = self._session.pairs.without_half()

    def _take_turn(self, is_in_turn: bool) -> None:
        if self.is_out_of_turn == is_in_turn:
            self.is_out_of_turn = not is_in_turn
            self._session.changed.emit("align")

    @property
    def _grid(self) -> Grid:
        grid: Grid = self._session.value("data").dataset.grid
        return grid

    @property
    def _rough(self) -> Alignment:
        beside = placed_beside(self._session)
        assert beside is not None  # there are cells while pairs are set
        return beside

    def _put_back(self, viewer: ViewerModel) -> None:
        self._let_go(viewer)
        layers.remove(viewer, "cells to align")
        for layer in (*self._hidden, layers.find(viewer, "cells")):
            if layer is not None:
                layer.visible = True
        self._hidden = []
        aligned = self._session.value("align")
        if aligned is None:
            layers.remove(viewer, "landmarks")
        else:
            layers.show_landmarks(viewer, aligned.alignment)
            for layer in viewer.layers:
                if layer.metadata.get(layers.KEY) == "landmarks":
                    layer.visible = self._had_rings
        self._fit_view(viewer)

    def _let_go(self, viewer: ViewerModel) -> None:
        if self._on_mouse in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(self._on_mouse)
            viewer.bind_key(UNDO_KEY, None)
        self._on_mouse = None

    def _fit_view(self, viewer: ViewerModel) -> None:
        if getattr(viewer, "window", None) is None:
            return
        if self._session.is_placing:  # both halves
            viewer.reset_view()
        else:
            layers.fit_section(viewer, self._session)


def _covers(layer: Any) -> bool:
    """Whether a layer of an earlier alignment would stand in the way of a click."""
    covering = ("cells", "niches", "niche numbers", "domain outline", "coldness", "not assessable")
    return layer.metadata.get(layers.KEY) in covering


def _on_mouse(click: weakref.WeakMethod[Any], viewer: ViewerModel, event: Any) -> Generator[None, None, None]:
    """Take a left click that was no drag."""
    method = click()
    if method is None or event.button != 1:
        return
    start = np.asarray(event.pos)
    yield
    while event.type == "mouse_move":
        yield
    if np.abs(np.asarray(event.pos) - start).max() <= MAX_DRAG_PX:
        method(*event.position[-2:])
