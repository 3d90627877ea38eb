"""What the window shows, taken down to be kept with a project, and shown again when that is opened."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.utils.colormaps import AVAILABLE_COLORMAPS
from qtpy.QtCore import QObject

from napari_metime.gui.layers import layers
from napari_metime.gui.state.in_sight import Camera, InHand, InSight, IonsInSight, LayerLook
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.later import later

PASSING = frozenset(("normalization", "cells to align", "comparison"))
"""Layers of something that is just being done; they are asked for again."""


def look_at(viewer: ViewerModel, ions: IonsInSight, neighbours: tuple[Any, ...], hand: InHand) -> InSight:
    """Take down what a viewer shows."""
    return InSight(tuple(map(_look_of, _ours(viewer))), ions, neighbours, _camera_of(viewer), hand)


class ShowingAgain(QObject):
    """Shows what was in sight: at once what is there, the rest as it comes.

    Images that are read from files come later, and each new layer may take the place of what is in sight, or move the
    camera; so all is set anew when one comes, unless a person has chosen to see something else meanwhile.
    """

    def __init__(self, viewer: Callable[[], ViewerModel | None]) -> None:
        super().__init__()
        self._viewer = viewer
        self._wanted = InSight()
        self._waiting: set[tuple[str, str]] = set()
        self._listens_to: Callable[[], Any] = lambda: None
        self._view: tuple[float, ...] = ()
        """Where the camera was put."""

    def show(self, session: Session, wanted: InSight) -> None:
        """Show what is there of it; channels that had a layer get one."""
        viewer = self._viewer()
        if viewer is None:
            return
        self.stop()
        for look in wanted.layers:
            if look.kind == "channel":
                layers.show_channel(viewer, session, look.channel)
        there = {_key_of(layer) for layer in _ours(viewer)}
        self._wanted = wanted
        self._waiting = {(look.kind, look.channel) for look in wanted.layers} - there
        viewer.layers.events.inserted.connect(self._on_inserted)
        self._listens_to = weakref.ref(viewer.layers.events.inserted)
        self._set(viewer)

    def show_camera(self) -> bool:
        """Put the camera back to where it was; False where it was nowhere."""
        viewer, camera = self._viewer(), self._wanted.camera
        if viewer is None or camera is None:
            return False
        viewer.scene.camera.center = (0.0, *camera.centre_um)
        viewer.scene.camera.zoom = min(
            pixels / reach for pixels, reach in zip(viewer.canvas.size, camera.reach_um, strict=True)
        )
        self._view = _view_of(viewer)
        return True

    def leave_camera(self) -> None:
        """Leave the camera where it is from now on: the work went on."""
        self._wanted = replace(self._wanted, camera=None)

    def completed(self, now: InSight) -> InSight:
        """Add what is still to come to what is in sight: it may be long, as where a file is missing."""
        to_come, ions = self._waiting, self._wanted.ions
        pinned = (each for each in ions.pinned if ("kept", each.name) in to_come and each not in now.ions.pinned)
        files = (each for each in self._wanted.neighbours if ("neighbour", str(each)) in to_come)
        looks = (look for look in self._wanted.layers if (look.kind, look.channel) in to_come)
        return replace(
            now,
            layers=(*now.layers, *looks),
            ions=replace(now.ions, pinned=(*now.ions.pinned, *pinned)),
            neighbours=tuple(dict.fromkeys((*now.neighbours, *files))),
        )

    def stop(self) -> None:
        """Wait for no further layer."""
        inserted = self._listens_to()
        if inserted is not None:
            inserted.disconnect(self._on_inserted)
        self._listens_to, self._wanted, self._waiting = lambda: None, InSight(), set()

    def _on_inserted(self, event: Any) -> None:
        viewer, key = self._viewer(), _key_of(event.value)
        if viewer is None or key not in self._waiting:
            return
        is_as_shown = self._is_as_shown(viewer)
        self._waiting.discard(key)
        # Who made the layer has not finished with it.
        later(self, lambda: self._set(viewer) if is_as_shown else self._dress(event.value))

    def _is_as_shown(self, viewer: ViewerModel) -> bool:
        """Whether nobody has chosen to see something else since."""
        wanted = {(look.kind, look.channel): look.is_visible for look in self._wanted.layers}
        return _view_of(viewer) == self._view and all(
            wanted.get(_key_of(layer), layer.visible) == layer.visible
            for layer in _ours(viewer)
            if _key_of(layer) not in self._waiting
        )

    def _set(self, viewer: ViewerModel) -> None:
        for layer in _ours(viewer):
            self._dress(layer)
        self.show_camera()

    def _dress(self, layer: Layer) -> None:
        look = next((look for look in self._wanted.layers if (look.kind, look.channel) == _key_of(layer)), None)
        if look is None:
            return
        layer.visible, layer.opacity = look.is_visible, look.opacity
        if isinstance(layer, Image) and not layer.rgb:
            if look.contrast is not None:
                low, high = layer.contrast_limits_range
                layer.contrast_limits_range = (min(low, look.contrast[0]), max(high, look.contrast[1]))
                layer.contrast_limits = look.contrast
            if look.colours in AVAILABLE_COLORMAPS and look.colours != layer.colormap.name:
                layer.colormap = look.colours


def _ours(viewer: ViewerModel) -> Iterator[Layer]:
    return (layer for layer in viewer.layers if layer.metadata.get(layers.KEY, "") not in ("", *PASSING))


def _key_of(layer: Layer) -> tuple[str, str]:
    return str(layer.metadata.get(layers.KEY, "")), str(layer.metadata.get("channel", ""))


def _look_of(layer: Layer) -> LayerLook:
    contrast, colours = None, ""
    if isinstance(layer, Image) and not layer.rgb:
        low, high = map(float, layer.contrast_limits)
        contrast, colours = ((low, high) if low < high else None), layer.colormap.name
    return LayerLook(*_key_of(layer), bool(layer.visible), float(np.clip(layer.opacity, 0, 1)), contrast, colours)


def _camera_of(viewer: ViewerModel) -> Camera | None:
    camera = viewer.scene.camera
    if min(viewer.canvas.size) <= 0:  # between two docks that leave it no room
        return None
    height, width = (float(pixels / camera.zoom) for pixels in viewer.canvas.size)
    _, y_um, x_um = map(float, camera.center)
    return Camera((y_um, x_um), (height, width))


def _view_of(viewer: ViewerModel) -> tuple[float, ...]:
    camera = viewer.scene.camera
    return (*map(float, camera.center), float(camera.zoom))
