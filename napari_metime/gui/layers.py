"""The layers of the steps and the rules for all of ours: in µm, in one order, and only our own are ever replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points
from napari.utils import DirectLabelColormap
from napari.utils.theme import get_theme
from numpy.typing import NDArray

from napari_metime.export.images import contrast_limits
from napari_metime.gui.cell_layers import cells_layer, recolour
from napari_metime.gui.chain import Step
from napari_metime.gui.channel_look import look_of, unit_of
from napari_metime.gui.colours import LEFT_OUT_COLOUR, TISSUE_COLOURS
from napari_metime.gui.frame import KEY as KEY
from napari_metime.gui.frame import MICROMETRES as MICROMETRES
from napari_metime.gui.landmark_layers import landmark_layers, recolour_rings
from napari_metime.gui.made import Opened
from napari_metime.gui.niche_layers import NICHE_KINDS, NICHE_MAPS, label_colours, niche_layers
from napari_metime.gui.region_layer import KIND as REGIONS
from napari_metime.gui.region_layer import region_layer, show_names
from napari_metime.gui.session import Session
from napari_metime.section import Alignment, Grid, Tissue

ORDER = (
    "microscopy",
    "tic",
    "neighbour",
    "normalization",
    "channel",
    "ion",
    "kept",
    *NICHE_MAPS,
    REGIONS,
    "tissue",
    "left out",
    "niches",
    "lymphoid structures",
    "inflamed regions",
    "cells",
    "cells to align",
    "comparison",
    "landmarks",
)
COVERING = ("channel", "normalization", "ion", "kept", *NICHE_MAPS, REGIONS)
"""What hides a channel, or would be hidden by it."""


def on_grid(grid: Grid) -> dict[str, Any]:
    """Return where an image of the grid lies: the centre of pixel (0, 0) is the origin."""
    return {"scale": grid.spacing_um, "translate": (0.0, 0.0), **MICROMETRES}


def tic_layer_data(opened: Opened) -> tuple[NDArray[np.float32], dict[str, Any], str]:
    """Return the layer of the total ion current as napari's reader hooks hand it over."""
    limits = contrast_limits(opened.tic, opened.dataset.measured)
    shown = {"name": "TIC", "colormap": "gray", "contrast_limits": limits, "opacity": 0.6, "metadata": {KEY: "tic"}}
    return opened.tic, {**shown, **on_grid(opened.dataset.grid)}, "image"


def find(viewer: ViewerModel, kind: str, name: str | None = None) -> Layer | None:
    """Return our layer of a kind, whatever the user has done to its name; None where there is none."""
    for layer in viewer.layers:
        if layer.metadata.get(KEY) == kind and (name is None or layer.metadata.get("channel") == name):
            return layer
    return None


def clear(viewer: ViewerModel) -> None:
    """Remove our layers, and no others."""
    for layer in [layer for layer in viewer.layers if KEY in layer.metadata]:
        viewer.layers.remove(layer)


def show(viewer: ViewerModel, session: Session, step: Step) -> None:
    """Show the result of a step in layers, in place of the former ones of that step."""
    shower = _SHOW.get(step)
    if shower is not None and session.value(step) is not None:
        shower(viewer, session)


def show_channel(viewer: ViewerModel, session: Session, name: str) -> None:
    """Show the image of one channel; what would hide it or be hidden by it stays, but unseen."""
    found = session.value("metabolites")
    channel = None if found is None else next((c for c in found.channels if c.name == name), None)
    if channel is None:
        return
    for other in viewer.layers:
        kind = other.metadata.get(KEY)
        if kind in COVERING or (kind == "tic" and channel.is_logarithmic):  # what has no ratio is no grey of the TIC
            other.visible = False
    former = find(viewer, "channel", name)
    if former is not None and former.data is channel.image:
        former.visible = True
        return
    unit = unit_of(channel, session.made_with("metabolites", "ims", "normalize"))
    tissue: Tissue = session.value("tissue")
    look = look_of(channel, tissue.mask)
    layer = Image(
        channel.image,
        name=f"{name} ({unit})" if unit else name,
        colormap=look.colormap,
        contrast_limits=look.limits,
        metadata={KEY: "channel", "channel": name},
        **on_grid(session.value("data").dataset.grid),
    )
    layer.colorbar.visible = True
    layer.name_overlay.visible = True  # the colour bar itself has no place for its unit
    put(viewer, layer)
    layer.visible = True


def show_neighbour(viewer: ViewerModel, found: Opened, path: Path, origin_um: tuple[float, float]) -> None:
    """Show the total ion current of another file of the slide; its origin lies at (y, x) of the section's frame."""
    data, meta, _ = tic_layer_data(found)
    meta |= {"name": f"TIC {path.stem}", "translate": origin_um, "metadata": {KEY: "neighbour", "channel": str(path)}}
    put(viewer, Image(data, **meta))
    viewer.reset_view()


def start_painting(viewer: ViewerModel, layer: Labels, tool: str) -> None:
    """Put a tool into the user's hand, on label 1."""
    viewer.layers.selection.active = layer
    layer.visible = True
    layer.selected_label = 1
    layer.brush_size = 5
    layer.mode = tool


def show_mask(layer: Labels, mask: NDArray[np.bool_]) -> None:
    """Let the screen show what counts, and nothing else."""
    wrong = (layer.data > 0) != mask
    if wrong.any():
        layer.data[wrong] = mask[wrong]
        layer.refresh()


def select_niche(viewer: ViewerModel, label: int, centre_um: tuple[float, float], size_um: float) -> None:
    """Fly to a niche and select its label."""
    layer = find(viewer, "niches")
    if layer is None:
        return
    layer.selected_label = label
    viewer.layers.selection.active = layer
    camera = viewer.scene.camera
    camera.center = (0.0, *centre_um)
    height, width = viewer.canvas.size
    camera.zoom = min(height, width) / max(4 * size_um, 1.0)


def _show_tic(viewer: ViewerModel, session: Session) -> None:
    data, meta, _ = tic_layer_data(session.value("data"))
    first = find(viewer, "tic") is None
    put(viewer, Image(data, **meta))
    viewer.canvas.overlays.scale_bar.visible = True
    if first:
        viewer.reset_view()


def _show_tissue(viewer: ViewerModel, session: Session) -> None:
    tissue: Tissue = session.value("tissue")
    layer = Labels(
        tissue.mask.astype(np.uint8),
        name="tissue",
        colormap=_tissue_colours(viewer),
        opacity=0.6,
        metadata={KEY: "tissue"},
        **on_grid(session.value("data").dataset.grid),
    )
    layer.contour = 1
    put(viewer, layer)
    show_regions(viewer, session)
    if session.left_out_mask.any():
        show_left_out(viewer, session)
    else:
        remove(viewer, "left out")


def _tissue_colours(viewer: ViewerModel) -> DirectLabelColormap:
    return label_colours({1: TISSUE_COLOURS[get_theme(viewer.theme).type]})


def show_regions(viewer: ViewerModel, session: Session) -> None:
    """Show the regions of the tissue as they are and as they are named; where there are none, no layer is."""
    tissue: Tissue | None = session.value("tissue")
    regions = None if tissue is None else tissue.regions
    former = find(viewer, REGIONS)
    if regions is None:
        remove(viewer, REGIONS)
    elif isinstance(former, Labels) and np.array_equal(former.data, regions.labels):
        show_names(former, regions)
    else:
        put(viewer, region_layer(regions, on_grid(session.value("data").dataset.grid)))


def show_left_out(viewer: ViewerModel, session: Session) -> None:
    """Show what a person leaves out, over the tissue."""
    layer = Labels(
        session.left_out_mask.astype(np.uint8),
        name="left out",
        colormap=label_colours({1: LEFT_OUT_COLOUR}),
        opacity=0.55,
        metadata={KEY: "left out"},
        **on_grid(session.value("data").dataset.grid),
    )
    put(viewer, layer)


def _show_channels(viewer: ViewerModel, session: Session) -> None:
    names = [channel.name for channel in session.value("metabolites").channels]
    others = {layer: layer.visible for layer in viewer.layers if layer.metadata.get(KEY) != "channel"}
    shown = [layer.metadata["channel"] for layer in viewer.layers if layer.metadata.get(KEY) == "channel"]
    for name in shown:
        if name in names:
            visible = find(viewer, "channel", name).visible
            show_channel(viewer, session, name)
            find(viewer, "channel", name).visible = visible
        else:
            viewer.layers.remove(find(viewer, "channel", name))
    for layer, visible in others.items():  # what a chosen channel would hide was not chosen away here
        layer.visible = visible


def _show_cells(viewer: ViewerModel, session: Session) -> None:
    aligned = session.value("align")
    put(viewer, cells_layer(aligned.cells, session.colour_by, list(session.cell_types)))
    show_landmarks(viewer, aligned.alignment)


def show_landmarks(viewer: ViewerModel, alignment: Alignment) -> None:
    """Show the landmarks of an alignment where the fit puts them; hidden, unless they were in sight before."""
    if alignment.n_landmarks == 0:
        remove(viewer, "landmarks")
        return
    for layer in landmark_layers(alignment.landmarks, alignment, theme=viewer.theme):
        layer.visible = False
        put(viewer, layer)


def follow_theme(viewer: ViewerModel) -> None:
    """Give the landmarks and the outline of the tissue the colours of the viewer's theme."""
    outline = find(viewer, "tissue")
    if isinstance(outline, Labels):
        outline.colormap = _tissue_colours(viewer)
    for layer in viewer.layers:
        if isinstance(layer, Points) and layer.metadata.get(KEY) == "landmarks":
            recolour_rings(layer, viewer.theme)


def recolour_cells(viewer: ViewerModel, session: Session) -> None:
    """Colour the cells by what the session says."""
    layer = find(viewer, "cells")
    if isinstance(layer, Points):
        recolour(layer, session.colour_by, list(session.cell_types))


def remove(viewer: ViewerModel, kind: str) -> None:
    """Remove our layers of a kind."""
    for layer in [layer for layer in viewer.layers if layer.metadata.get(KEY) == kind]:
        viewer.layers.remove(layer)


def _show_niches(viewer: ViewerModel, session: Session) -> None:
    made = niche_layers(session.value("niches"), on_grid(session.value("data").dataset.grid))
    divided = find(viewer, REGIONS)
    if divided is not None and find(viewer, "niches") is None:
        divided.visible = False  # or they would colour the map of coldness
    for layer in made:
        put(viewer, layer)
    for kind in set(NICHE_KINDS).difference(layer.metadata[KEY] for layer in made):
        remove(viewer, kind)


def put(viewer: ViewerModel, layer: Layer) -> None:
    """Put a layer in its place of the order; one of ours of the same kind and channel makes way."""
    former = find(viewer, layer.metadata[KEY], layer.metadata.get("channel"))
    active = viewer.layers.selection.active
    if former is not None:
        layer.visible, layer.opacity = former.visible, former.opacity
        viewer.layers.remove(former)
    rank = ORDER.index(layer.metadata[KEY])
    above = [i for i, other in enumerate(viewer.layers) if ORDER.index(other.metadata.get(KEY, "tic")) > rank]
    viewer.layers.insert(above[0] if above else len(viewer.layers), layer)
    if active is not None and active is not former and active in viewer.layers:
        viewer.layers.selection.active = active


_SHOW: dict[Step, Callable[[ViewerModel, Session], None]] = {
    "data": _show_tic,
    "tissue": _show_tissue,
    "metabolites": _show_channels,
    "align": _show_cells,
    "niches": _show_niches,
}
