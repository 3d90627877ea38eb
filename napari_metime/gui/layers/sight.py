"""What is in sight: one map of the section at a time; outlines, cells and landmarks stay as they are."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Layer

from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.layers.niche_layers import NICHE_MAPS
from napari_metime.gui.layers.region_layer import KIND as REGIONS

MAPS = ("normalization", "channel", "ion", "kept", *NICHE_MAPS, REGIONS)
"""What covers the section, of which one is in sight."""
PICTURES = ("microscopy", "tic")
"""What lies below the maps."""
MADE_WAY = "made way"
"""The mark of a picture that was hidden by us."""
RESTING = ("pan_zoom", "pick", "transform")
"""Modes of a layer in which no tool of it is in a person's hand."""


def bring_into_sight(viewer: ViewerModel, *shown: Layer, has_gaps: bool = False) -> None:
    """Show one map, or the layers that make one together; every other map stays, but unseen.

    Parameters
    ----------
    has_gaps : what lies below would pass for values of the map, as it has gaps or adds its light; so it makes way,
        until there is a map without
    """
    is_of_niches = any(layer.metadata.get(KEY) in NICHE_MAPS for layer in shown)
    for layer in shown:  # before the others go: no moment without a map, for which the cells would be drawn
        layer.visible = True
    for layer in viewer.layers:
        kind = layer.metadata.get(KEY)
        if kind in MAPS:
            layer.visible = layer in shown or (is_of_niches and kind == "not assessable")
        elif kind in PICTURES and has_gaps and layer.visible:
            layer.visible, layer.metadata[MADE_WAY] = False, True
        elif kind in PICTURES and not has_gaps and layer.metadata.pop(MADE_WAY, False):
            layer.visible = True
    if shown:
        activate(viewer, shown[-1])


def activate(viewer: ViewerModel, layer: Layer | None) -> None:
    """Make a layer the active one in napari's list, unless a person has a tool of another one in hand."""
    active = viewer.layers.selection.active
    if layer is not None and (active is None or str(active.mode) in RESTING):
        viewer.layers.selection.active = layer


def is_covered(viewer: ViewerModel) -> bool:
    """Whether a map is in sight, which covers what lies below."""
    return any(layer.visible and layer.metadata.get(KEY) in MAPS for layer in viewer.layers)
