"""Which results have a layer and which of these are switched on: kept with a project, and shown again."""

from __future__ import annotations

from napari.components import ViewerModel

from napari_metime.gui.layers import layers
from napari_metime.gui.state.session import InSight, Session

KINDS = frozenset(
    ("tic", "channel", "tissue", "left out", "cells", "landmarks", "niches", "coldness", "not assessable")
)
"""Layers that follow from results alone; what else is in sight is asked for again."""


def in_sight(viewer: ViewerModel) -> InSight:
    """Return kind, channel and whether it is switched on of each layer of a result."""
    ours = [layer for layer in viewer.layers if layer.metadata.get(layers.KEY) in KINDS]
    return tuple(
        (str(layer.metadata[layers.KEY]), str(layer.metadata.get("channel", "")), bool(layer.visible)) for layer in ours
    )


def show_again(viewer: ViewerModel, session: Session, shown: InSight) -> None:
    """Show the channels that had a layer, and switch on what was in sight."""
    for kind, name, _ in shown:
        if kind == "channel":
            layers.show_channel(viewer, session, name)
    for kind, name, is_visible in shown:
        layer = layers.find(viewer, kind, name or None)
        if layer is not None:
            layer.visible = is_visible
