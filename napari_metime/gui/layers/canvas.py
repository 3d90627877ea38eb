"""What a canvas keeps in step by itself: marks of what is out of date, cells over a map, lines and texts to be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Layer, Points
from qtpy.QtCore import QObject

from napari_metime.gui.layers import layers
from napari_metime.gui.layers.frame import KEY, STALE
from napari_metime.gui.layers.niche_layers import NICHE_KINDS
from napari_metime.gui.layers.outlines import follow_zoom
from napari_metime.gui.layers.region_layer import KIND as REGIONS
from napari_metime.gui.layers.sight import MAPS
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.session import Session

STEP_OF_LAYER: Mapping[str, Step] = {
    "tic": "data",
    "tissue": "tissue",
    "tissue outline": "tissue",
    REGIONS: "tissue",
    "channel": "metabolites",
    "cells": "align",
    **dict.fromkeys(NICHE_KINDS, "niches"),
}
"""Whose result a layer shows."""


class Canvas(QObject):
    """Listens to a session, to the layers of its viewer and to the camera; it is there as long as the viewer."""

    def __init__(self, session: Session, viewer: Callable[[], ViewerModel | None]) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        there = viewer()
        if there is None:
            return
        session.changed.connect(self._on_changed)
        there.layers.events.inserted.connect(self._on_inserted)
        there.scene.camera.events.zoom.connect(self._on_zoom)
        there.events.theme.connect(self._on_theme)
        self._on_theme()

    def _on_changed(self, *_: object) -> None:
        viewer = self._viewer()
        for layer in () if viewer is None else viewer.layers:
            self._say_age(layer)

    def _say_age(self, layer: Layer) -> None:
        """Say of a layer, where it is named in the list and on the canvas, that its result is out of date."""
        step = STEP_OF_LAYER.get(layer.metadata.get(KEY, ""))
        if step is not None:
            is_old = self._session.value(step) is not None and not self._session.is_current(step)
            name = layer.name.removesuffix(STALE) + (STALE if is_old else "")
            if name != layer.name:
                layer.name = name

    def _on_inserted(self, event: Any) -> None:
        viewer, layer = self._viewer(), event.value
        if viewer is None or KEY not in layer.metadata:
            return
        self._say_age(layer)
        _ground(viewer, layer)
        follow_zoom(layer, viewer.scene.camera.zoom)
        if layer.metadata[KEY] in MAPS:
            layer.events.visible.connect(self._on_sight)
        self._on_sight()

    def _on_sight(self, *_: object) -> None:
        viewer = self._viewer()
        if viewer is not None:
            layers.dress_cells(viewer)

    def _on_zoom(self, *_: object) -> None:
        viewer = self._viewer()
        for layer in () if viewer is None else viewer.layers:
            if KEY in layer.metadata:
                follow_zoom(layer, viewer.scene.camera.zoom)

    def _on_theme(self, *_: object) -> None:
        viewer = self._viewer()
        if viewer is not None:
            viewer.canvas.overlays.scale_bar.box_color = viewer.canvas.background_color
            for layer in viewer.layers:
                if KEY in layer.metadata:
                    _ground(viewer, layer)


def _ground(viewer: ViewerModel, layer: Layer) -> None:
    """Put what is written over a picture on the opaque colour of the canvas: it is read over any map."""
    if isinstance(layer, Image):
        layer.name_overlay.box_color = layer.colorbar.box_color = viewer.canvas.background_color
    elif isinstance(layer, Points):
        layer.name_overlay.box_color = viewer.canvas.background_color
