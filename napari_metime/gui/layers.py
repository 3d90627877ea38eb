"""The layers of the steps and the rules for all of ours: in µm, in one order, and only our own are ever replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points
from napari.utils import Colormap, DirectLabelColormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_metime.export.colours import COLDNESS_COLOURS, GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.export.images import contrast_limits
from napari_metime.gui.colours import LANDMARK_COLOURS, NOT_ASSESSABLE_COLOUR, TISSUE_COLOUR
from napari_metime.gui.session import Opened, Session, Step
from napari_metime.section import Alignment, CellTable, Grid, NicheMap, NicheResult, Role, Tissue

KEY = "metime"
ORDER = (
    "tic",
    "neighbour",
    "normalization",
    "channel",
    "ion",
    "kept",
    "not assessable",
    "coldness",
    "tissue",
    "niches",
    "cells",
    "landmarks",
)
DRAWN: tuple[Role, ...] = ("tumor", "other", "suppressor", "effector")
CELL_SIZE_UM = 14.0
CELL_OPACITIES: Mapping[Role, float] = {"effector": 1.0, "suppressor": 0.8, "tumor": 0.35, "other": 0.35}
"""The many must not cover the few, nor the niches below them."""
COLDNESS_OPACITIES = (0.0, 0.45, 0.85, 1.0)
"""Where it is not cold, what lies below shows through."""
MICROMETRES: dict[str, Any] = {"units": ("um", "um"), "axis_labels": ("y", "x")}


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
    channel = next((c for c in session.value("metabolites").channels if c.name == name), None)
    if channel is None:
        return
    for other in viewer.layers:
        if other.metadata.get(KEY) in ("channel", "normalization", "ion", "kept", "coldness", "not assessable"):
            other.visible = False
    tissue: Tissue = session.value("tissue")
    placed = on_grid(session.value("data").dataset.grid)
    layer = Image(
        channel.image,
        name=name,
        colormap="inferno",
        contrast_limits=contrast_limits(channel.image, tissue.mask),
        metadata={KEY: "channel", "channel": name},
        **placed,
    )
    put(viewer, layer)
    layer.visible = True


def show_neighbour(viewer: ViewerModel, found: Opened, path: Path, origin_um: tuple[float, float]) -> None:
    """Show the total ion current of another file of the slide; its origin lies at (y, x) of the section's frame."""
    data, meta, _ = tic_layer_data(found)
    meta |= {"name": f"TIC {path.stem}", "translate": origin_um, "metadata": {KEY: "neighbour", "channel": str(path)}}
    put(viewer, Image(data, **meta))
    viewer.reset_view()


def start_painting(viewer: ViewerModel, layer: Labels) -> None:
    """Put the brush into the user's hand, on label 1."""
    viewer.layers.selection.active = layer
    layer.visible = True
    layer.selected_label = 1
    layer.brush_size = 5
    layer.mode = "paint"


def wipe(layer: Labels, where: NDArray[np.bool_]) -> None:
    """Take the labels off some pixels, so that the screen shows no tissue where none can count."""
    if layer.data[where].any():
        layer.data[where] = 0
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
        colormap=_label_colours({1: TISSUE_COLOUR}),
        opacity=0.6,
        metadata={KEY: "tissue"},
        **on_grid(session.value("data").dataset.grid),
    )
    layer.contour = 1
    put(viewer, layer)


def _show_channels(viewer: ViewerModel, session: Session) -> None:
    names = [channel.name for channel in session.value("metabolites").channels]
    shown = [layer.metadata["channel"] for layer in viewer.layers if layer.metadata.get(KEY) == "channel"]
    for name in shown:
        if name in names:
            visible = find(viewer, "channel", name).visible
            show_channel(viewer, session, name)
            find(viewer, "channel", name).visible = visible
        else:
            viewer.layers.remove(find(viewer, "channel", name))


def _show_cells(viewer: ViewerModel, session: Session) -> None:
    aligned = session.value("align")
    put(viewer, _cell_layer(aligned.cells))
    _put_or_remove(viewer, "landmarks", _landmark_layer(aligned.alignment))


def _cell_layer(cells: CellTable) -> Points:
    # Later points are drawn over earlier ones: the few effectors must not vanish below the tumour.
    order = np.argsort([DRAWN.index(role) for role in cells.role], kind="stable")
    features = pd.DataFrame({"cell_id": cells.cell_id, "type": cells.type, "role": cells.role}).iloc[order]
    colours = _colours_of(cells.role[order], ROLE_COLOURS)
    colours[:, 3] = [CELL_OPACITIES[role] for role in cells.role[order]]
    return Points(
        np.column_stack([cells.y, cells.x])[order],
        name="cells",
        features=features.astype({"type": "category", "role": "category"}).reset_index(drop=True),
        face_color=colours,
        # A point of a few screen pixels is all border, however thin: grey, unless it has the face's colour.
        border_color=colours,
        size=CELL_SIZE_UM,
        border_width=0,
        canvas_size_limits=(1, 10_000),
        metadata={KEY: "cells"},
        **MICROMETRES,
    )


def _landmark_layer(alignment: Alignment) -> Points | None:
    if alignment.n_landmarks == 0:
        return None  # napari cannot colour points by an empty list
    source_x, source_y, target_x, target_y = alignment.landmarks.T
    x_um, y_um = alignment.to_section(source_x, source_y)
    which = np.repeat(list(LANDMARK_COLOURS), len(alignment.landmarks))
    places = np.concatenate([np.column_stack([target_y, target_x]), np.column_stack([y_um, x_um])])
    return Points(
        places,
        name="landmarks",
        features={"landmark": np.tile(np.arange(1, len(alignment.landmarks) + 1), 2), "which": which},
        face_color=_colours_of(which, LANDMARK_COLOURS),
        symbol="cross",
        size=4 * CELL_SIZE_UM,
        border_width=0,
        visible=False,
        metadata={KEY: "landmarks"},
        **MICROMETRES,
    )


def _show_niches(viewer: ViewerModel, session: Session) -> None:
    result: NicheResult = session.value("niches")
    placed = on_grid(session.value("data").dataset.grid)
    _put_or_remove(viewer, "not assessable", _not_assessable_layer(result.map, placed))
    put(viewer, _coldness_layer(result.map, placed))
    rows = result.regions[result.regions["kind"] == "niche"]
    grades = dict(zip(rows["region_id"].astype(int), rows["grade"], strict=True))
    layer = Labels(
        result.map.labels,
        name="niches",
        features=rows.assign(index=rows["region_id"].astype(int)).reset_index(drop=True),
        colormap=_label_colours({label: GRADE_COLOURS[grade_of(grade)] for label, grade in grades.items()}),
        opacity=1.0,
        metadata={KEY: "niches"},
        **placed,
    )
    layer.contour = 1
    put(viewer, layer)


def _coldness_layer(found: NicheMap, placed: Mapping[str, Any]) -> Image:
    _, high = contrast_limits(found.coldness, found.assessable)
    return Image(
        found.coldness,
        name="coldness",
        colormap=_coldness_colormap(),
        contrast_limits=(0.0, max(high, 1.0)),
        metadata={KEY: "coldness"},
        **placed,
    )


def _coldness_colormap() -> Colormap:
    colours = np.asarray(transform_color(list(COLDNESS_COLOURS)))
    colours[:, 3] = COLDNESS_OPACITIES
    return Colormap(colours, name="metime-coldness", nan_color=(0, 0, 0, 0))


def _not_assessable_layer(found: NicheMap, placed: Mapping[str, Any]) -> Labels | None:
    unknown = found.domain & ~found.assessable
    if not unknown.any():
        return None
    return Labels(
        unknown.astype(np.uint8),
        name="not assessable",
        colormap=_label_colours({1: NOT_ASSESSABLE_COLOUR}),
        metadata={KEY: "not assessable"},
        **placed,
    )


def _put_or_remove(viewer: ViewerModel, kind: str, layer: Layer | None) -> None:
    """Put a layer where there is something to show; else remove the former one of its kind."""
    if layer is not None:
        put(viewer, layer)
    elif (former := find(viewer, kind)) is not None:
        viewer.layers.remove(former)


def _label_colours(colours: Mapping[int, str]) -> DirectLabelColormap:
    every: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    every.update(colours.items())
    return DirectLabelColormap(color_dict=every)


def _colours_of(names: NDArray[Any], colours: Mapping[Any, str]) -> NDArray[np.float32]:
    """Return one colour (RGBA) per name."""
    found, codes = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    return np.asarray(transform_color([colours[name] for name in found]), dtype=np.float32)[codes]


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
