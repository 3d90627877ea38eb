"""What a mouse over the canvas tells: where it is, and where it clicked. Nothing is held of who is told."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel


def on_move(read: weakref.WeakMethod[Any], viewer: ViewerModel, event: Any) -> None:
    """Tell of what is below the mouse, while nothing is dragged."""
    method = read()
    if method is not None and not event.is_dragging:
        method(*event.position[-2:])


def on_mouse(pick: weakref.WeakMethod[Any], viewer: ViewerModel, event: Any) -> Generator[None, None, None]:
    """Take a click that was no drag and not meant for a layer's tool."""
    active, method = viewer.layers.selection.active, pick()
    if method is None or (active is not None and str(active.mode) not in ("pan_zoom", "pick")):
        return
    start = np.asarray(event.pos)
    yield
    while event.type == "mouse_move":
        yield
    if np.abs(np.asarray(event.pos) - start).max() <= 3:
        method(*event.position[-2:])


def stop_listening(viewer: weakref.ref[ViewerModel], clicked: Any, moved: Any) -> None:
    """Take both functions from a viewer that is still there."""
    there = viewer()
    for name, function in (("mouse_drag_callbacks", clicked), ("mouse_move_callbacks", moved)):
        if there is not None and function in getattr(there, name):
            getattr(there, name).remove(function)
