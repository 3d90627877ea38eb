"""The layers of the steps and the rules for all of ours: in µm, in one order, and only our own are ever replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Vectors
from napari.utils import Colormap, DirectLabelColormap
from napari.utils.theme import get_theme
from numpy.typing import NDArray

from napari_metime.export.images import contrast_limits
from napari_metime.gui.layers.cell_layers import cells_layer, dress, recolour, regions_of
from napari_metime.gui.layers.channel_look import explain, has_values, look_of, shown_image, title_of, unit_of
from napari_metime.gui.layers.frame import KEY as KEY
from napari_metime.gui.layers.frame import MICROMETRES as MICROMETRES
from napari_metime.gui.layers.frame import STALE
from napari_metime.gui.layers.landmark_layers import landmark_layers, recolour_rings
from napari_metime.gui.layers.niche_layers import NICHE_KINDS, NICHE_MAPS, label_colours, niche_layers
from napari_metime.gui.layers.normalizing import known_tissue
from napari_metime.gui.layers.outlines import colour_lines, lay_lines, mark, outline_layer
from napari_metime.gui.layers.region_layer import KIND as REGIONS
from napari_metime.gui.layers.region_layer import region_layer, show_names
from napari_metime.gui.layers.sight import MADE_WAY, RESTING, bring_into_sight, is_covered
from napari_metime.gui.layers.sight import activate as activate
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.made import Opened
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.colours import LEFT_OUT_COLOUR, TISSUE_COLOURS
from napari_metime.section import Alignment, Channel, Grid, NicheResult, Tissue, label_of

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
    "cells",
    "tissue outline",
    *NICHE_KINDS[len(NICHE_MAPS) :],
    "cells to align",
    "comparison",
    "landmarks",
)
BARS_PX = ((34, 12), (50, 84))
"""What title and bars take of the canvas: above and left, below and right of the section."""
TIC_COLOURS = Colormap(["#000000", "#999999"], name="dim grey", nan_color=(0, 0, 0, 0))
"""Opaque, as black and white would let no cell stand out and a paler one would be washed out on a light canvas."""


def on_grid(grid: Grid) -> dict[str, Any]:
    """Return where an image of the grid lies: the centre of pixel (0, 0) is the origin."""
    return {"scale": grid.spacing_um, "translate": (0.0, 0.0), **MICROMETRES}


def tic_layer_data(opened: Opened) -> tuple[NDArray[np.float32], dict[str, Any], str]:
    """Return the layer of the total ion current as napari's reader hooks hand it over."""
    limits = contrast_limits(opened.tic, opened.dataset.measured)
    shown = {"name": "TIC", "colormap": TIC_COLOURS, "contrast_limits": limits, "metadata": {KEY: "tic"}}
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
    """Bring the image of one channel into sight; a name that is no channel's changes nothing."""
    channel = _channels(session).get(name)
    if channel is not None:
        bring_into_sight(viewer, _put_channel(viewer, session, channel), has_gaps=channel.is_logarithmic)


def _channels(session: Session) -> dict[str, Channel]:
    found = session.value("metabolites")
    return {} if found is None else {channel.name: channel for channel in found.channels}


def _put_channel(viewer: ViewerModel, session: Session, channel: Channel) -> Layer:
    """Return the layer of a channel: the one that is there, where its image is still the same."""
    former = find(viewer, "channel", channel.name)
    tissue: Tissue = session.value("tissue")
    image = shown_image(channel, tissue.mask)
    if former is not None and np.array_equal(former.data, image, equal_nan=True):
        return former
    unit = unit_of(channel, session.made_with("metabolites", "ims", "normalize"))
    look, is_found = look_of(channel, tissue.mask), has_values(channel, image)
    layer = Image(
        image,
        colormap=look.colormap,
        contrast_limits=look.limits,
        metadata={KEY: "channel", "channel": channel.name, "unit": unit},
        **on_grid(session.value("data").dataset.grid),
    )
    explain(layer, title_of(label_of(channel.name), unit, is_found=is_found), is_found=is_found)
    put(viewer, layer)
    return layer


def show_neighbour(viewer: ViewerModel, found: Opened, path: Path, origin_um: tuple[float, float]) -> None:
    """Show the total ion current of another file of the slide; its origin lies at (y, x) of the section's frame."""
    data, meta, _ = tic_layer_data(found)
    meta |= {"name": f"TIC {path.stem}", "translate": origin_um, "metadata": {KEY: "neighbour", "channel": str(path)}}
    put(viewer, Image(data, **meta))


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


def mark_niche(viewer: ViewerModel, label: int) -> None:
    """Let the outline and the cells of a niche stand out; with 0 none does."""
    layer = find(viewer, "niches")
    if isinstance(layer, Vectors):
        mark(layer, label)
    dress_cells(viewer)


def dress_cells(viewer: ViewerModel) -> None:
    """Let the cells leave room for the map in sight, and those of the niche in hand stand out."""
    cells, niches = find(viewer, "cells"), find(viewer, "niches")
    if isinstance(cells, Points):
        dress(cells, over_map=is_covered(viewer), niche=0 if niches is None else niches.metadata["selected"])


def fly_to_niche(viewer: ViewerModel, centre_um: tuple[float, float], size_um: float) -> None:
    """Fly to a niche."""
    activate(viewer, find(viewer, "niches"))
    camera = viewer.scene.camera
    camera.center = (0.0, *centre_um)
    height, width = viewer.canvas.size
    camera.zoom = min(height, width) / max(4 * size_um, 1.0)


def fit_section(viewer: ViewerModel, session: Session) -> None:
    """Let the section, and the image on it, fill what of the canvas its title, colour bar and scale bar leave free."""
    opened, tissue = session.value("data"), known_tissue(session)
    if opened is None:
        viewer.reset_view()
        return
    spacing_um = np.array(opened.dataset.grid.spacing_um)
    pixels = np.argwhere(opened.dataset.measured if tissue is None else tissue.mask)
    low_um, high_um = (pixels.min(axis=0) - 0.5) * spacing_um, (pixels.max(axis=0) + 0.5) * spacing_um
    for layer in viewer.layers:
        if layer.visible and layer.metadata.get(KEY) == "microscopy":
            low_um = np.minimum(low_um, layer.extent.world[0, -2:])
            high_um = np.maximum(high_um, layer.extent.world[1, -2:])
    (top, left), (bottom, right) = BARS_PX
    canvas_px = np.array(viewer.canvas.size, dtype=float)
    free_px = np.maximum(canvas_px - (top + bottom, left + right), canvas_px / 2)
    camera = viewer.scene.camera
    camera.zoom = float((free_px / (high_um - low_um)).min())
    away_px = np.array([bottom - top, right - left]) / 2
    camera.center = (0.0, *((low_um + high_um) / 2 + away_px / camera.zoom))


def _show_tic(viewer: ViewerModel, session: Session) -> None:
    data, meta, _ = tic_layer_data(session.value("data"))
    first = find(viewer, "tic") is None
    put(viewer, Image(data, **meta))
    viewer.canvas.overlays.scale_bar.visible = True
    if first:
        fit_section(viewer, session)


def _show_tissue(viewer: ViewerModel, session: Session) -> None:
    tissue: Tissue = session.value("tissue")
    layer = Labels(
        tissue.mask.astype(np.uint8),
        name="tissue",
        colormap=_tissue_colours(viewer),
        opacity=1.0,
        visible=False,
        metadata={KEY: "tissue"},
        **on_grid(session.value("data").dataset.grid),
    )
    layer.contour = 1
    put(viewer, layer)
    layer.visible = False
    layer.events.mode.connect(_hide_at_rest)
    show_outline(viewer, session)
    show_regions(viewer, session)
    if session.left_out_mask.any():
        show_left_out(viewer, session)
    else:
        remove(viewer, "left out")


def _hide_at_rest(event: Any) -> None:
    """Show the pixels of a mask while they are painted; else its outline says it."""
    is_painted = str(event.source.mode) not in RESTING
    if event.source.visible != is_painted:  # napari takes the tool away from a layer that is told twice to be seen
        event.source.visible = is_painted


def show_outline(viewer: ViewerModel, session: Session) -> None:
    """Show the outline of the tissue as it is."""
    grid, masks = session.value("data").dataset.grid, {1: session.value("tissue").mask}
    former = find(viewer, "tissue outline")
    if isinstance(former, Vectors):
        lay_lines(former, masks, grid.spacing_um)
    else:
        put(viewer, outline_layer("tissue outline", masks, _tissue_outline(viewer), grid.spacing_um))


def _tissue_outline(viewer: ViewerModel) -> dict[int, str]:
    return {1: TISSUE_COLOURS[get_theme(viewer.theme).type]}


def _tissue_colours(viewer: ViewerModel) -> DirectLabelColormap:
    return label_colours(_tissue_outline(viewer))


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
        layer = region_layer(regions, on_grid(session.value("data").dataset.grid))
        put(viewer, layer)
        if former is None:
            bring_into_sight(viewer, layer)


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
    """Renew the channels that have a layer, as much in sight as they are."""
    channels = _channels(session)
    for layer in [layer for layer in viewer.layers if layer.metadata.get(KEY) == "channel"]:
        channel = channels.get(layer.metadata["channel"])
        if channel is None:
            viewer.layers.remove(layer)
        else:
            _put_channel(viewer, session, channel)


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
    painted, outline = find(viewer, "tissue"), find(viewer, "tissue outline")
    if isinstance(painted, Labels):
        painted.colormap = _tissue_colours(viewer)
    if isinstance(outline, Vectors):
        colour_lines(outline, _tissue_outline(viewer))
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
    found: NicheResult = session.value("niches")
    made = niche_layers(found, session.value("tissue").mask, on_grid(session.value("data").dataset.grid))
    cells = find(viewer, "cells")
    if cells is not None:
        cells.metadata["region"] = regions_of(cells, found.cells)
    is_first = find(viewer, "coldness") is None
    for layer in made:
        put(viewer, layer)
    for kind in set(NICHE_KINDS).difference(layer.metadata[KEY] for layer in made):
        remove(viewer, kind)
    grey, of_niches = find(viewer, "not assessable"), (find(viewer, kind) for kind in NICHE_MAPS[1:])
    if grey is not None and not any(layer is not None and layer.visible for layer in of_niches):
        grey.visible = False  # it says something of these maps, and would hide any other
    if is_first:  # later a person may have chosen to see something else
        bring_into_sight(viewer, *[layer for layer in made if layer.metadata[KEY] == "coldness"], has_gaps=True)


def put(viewer: ViewerModel, layer: Layer) -> None:
    """Put a layer in its place of the order; one of ours of the same kind and channel makes way.

    What a person did to that one stays: whether it is in sight, how opaque it is, and a name of their own.
    """
    former = find(viewer, layer.metadata[KEY], layer.metadata.get("channel"))
    active = viewer.layers.selection.active
    layer.metadata["title"] = layer.name
    if former is not None:
        layer.visible, layer.opacity = former.visible, former.opacity
        layer.metadata.update({MADE_WAY: True} if MADE_WAY in former.metadata else {})
        if former.name.removesuffix(STALE) != former.metadata.get("title", former.name):
            layer.name = former.name
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
