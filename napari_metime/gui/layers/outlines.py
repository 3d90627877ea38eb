"""Outlines of regions along the edges of pixels: as thin on the screen at every zoom, on a casing that any map shows.

A layer of napari's vectors, which have one width: a line on its casing is made of four stripes of that width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from napari.layers import Layer, Points, Vectors
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_metime.gui.layers.frame import KEY, MICROMETRES
from napari_metime.gui.layers.pictures import picture_shape

STRIPE_PX = 2.0
"""Of the screen: the width of a line, and twice that of its casing on either side. Our own choice."""
SELECTED = 0.5
"""How far the two stripes of a selected line lie from its middle, in stripes: it is twice as wide."""
FADED = 0.7
"""How opaque a line is while another one is selected."""
BADGE_PX, BADGE_PT, DIGIT_PX = 20.0, 9, 6.0
"""Of the disc of a number, of the number, and how much wider it is for each further digit.

napari's own limits of a size leave little but a border."""
BRIGHT = 0.3
"""Relative luminance from which a line has a dark casing, and its number dark figures. Our own choice."""
REDRAWN_FROM = 1.15
"""Lines may be this many times too wide or too thin before a zoom draws them anew. Our own choice."""
Masks = Mapping[int, NDArray[np.bool_]]
"""The pixels of each region by its label, shape (rows, cols)."""
FIRST_ZOOM = 0.1
"""Pixels of the screen in a µm, until a canvas says it."""


def outline_layer(
    kind: str,
    masks: Masks,
    colours: Mapping[int, str],
    spacing_um: tuple[float, float],
    *,
    stripe_px: float = STRIPE_PX,
) -> Vectors:
    """Return the outlines of some regions as one layer.

    Parameters
    ----------
    masks, colours : of each region, by its label
    spacing_um : height and width of a pixel
    stripe_px : width of a line on the screen
    """
    layer = Vectors(
        np.empty((0, 2, 2)),
        name=kind,
        vector_style="line",
        opacity=1.0,
        metadata={KEY: kind, "colours": colours, "zoom": FIRST_ZOOM, "stripe_px": stripe_px},
        **MICROMETRES,
    )
    lay_lines(layer, masks, spacing_um)
    picture_shape(layer)
    return layer


def lay_lines(layer: Vectors, masks: Masks, spacing_um: tuple[float, float]) -> None:
    """Outline other regions in a layer, in the colours of their labels."""
    edges = [pixel_edges(mask) * np.asarray(spacing_um) for mask in masks.values()]
    label = np.repeat(np.array(list(masks), dtype=int), [len(edge) for edge in edges])
    layer.metadata.update(lines=np.concatenate([np.empty((0, 2, 2)), *edges]), label=label)
    mark(layer, 0)
    layer.editable = False  # napari makes a layer editable when its data change


def pixel_edges(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the border of a mask as straight lines, shape (n, 2, 2): (row, col) of start and of end of each.

    The centres of pixels are whole numbers; what lies beside the mask is not of it.
    """
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return np.empty((0, 2, 2))
    box = mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    edges = np.concatenate([_level_edges(box), _level_edges(box.T)[..., ::-1]])
    return np.asarray(edges + np.array([rows[0], cols[0]]))


def _level_edges(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    steps = np.diff(np.pad(mask, 1).astype(np.int8), axis=0)
    turns = steps[:, 1:] != steps[:, :-1]
    row, start = np.nonzero(turns & (steps[:, 1:] != 0))
    _, stop = np.nonzero(turns & (steps[:, :-1] != 0))
    ends = np.array([[row, start], [row, stop]], dtype=np.float64) - 0.5
    return np.moveaxis(ends, -1, 0)


def stripes(lines: NDArray[np.float64], apart: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return the four stripes of each line as napari's vectors, (4 n, 2, 2): two of the casing, then two of the line.

    Each is as much longer as it takes to meet the next one in a square corner.

    Parameters
    ----------
    lines : shape (n, 2, 2), level or upright
    apart : shape (n,): how far the stripes of each line lie from its middle, in stripes
    width : of a stripe, in the unit of the lines
    """
    start, step = lines[:, 0], lines[:, 1] - lines[:, 0]
    along = step / np.maximum(np.hypot(*step.T), 1e-12)[:, None]
    across = along[:, ::-1]
    made = []
    for side, casing in ((-1, 0.5), (1, 0.5), (-1, 0.0), (1, 0.0)):
        away, over = width * (apart + casing)[:, None], width * (apart + casing + 0.5)[:, None]
        made.append(np.stack([start + side * away * across - over * along, step + 2 * over * along], axis=1))
    return np.concatenate(made)


def colour_lines(layer: Vectors, colours: Mapping[int, str]) -> None:
    """Give lines their colours by label."""
    layer.metadata["colours"] = colours
    mark(layer, 0)


def mark(layer: Vectors, selected: int) -> None:
    """Draw the line of one label wider and the others paler; with 0 none is."""
    label, colours = layer.metadata["label"], layer.metadata["colours"]
    layer.metadata["selected"] = selected
    _draw(layer)
    if not len(label):
        return
    known, of = np.unique(label, return_inverse=True)
    line = _rgba([colours[each] for each in known.tolist()])[of]
    casing = _rgba([casing_of(colours[each]) for each in known.tolist()])[of]
    is_selected = label == selected
    if selected:
        line[~is_selected, 3] = casing[~is_selected, 3] = FADED
    first = line.copy()
    first[~is_selected, 3] = 0  # the other one lies in its place
    layer.edge_color = np.concatenate([casing, casing, first, line])


def _rgba(colours: Sequence[str]) -> NDArray[np.float32]:
    return np.asarray(transform_color(list(colours)), dtype=np.float32)


def follow_zoom(layer: Layer, zoom: float) -> None:
    """Keep lines and numbers as large on the screen as they are; ``zoom`` is pixels of the screen in a µm."""
    former = layer.metadata.get("zoom")
    if former is None or zoom <= 0 or 1 / REDRAWN_FROM < zoom / former < REDRAWN_FROM:
        return
    layer.metadata["zoom"] = zoom
    if isinstance(layer, Vectors):
        _draw(layer)
    elif isinstance(layer, Points) and len(layer.data):
        layer.size = layer.metadata["size_px"] / zoom


def _draw(layer: Vectors) -> None:
    about = layer.metadata
    width = about["stripe_px"] / about["zoom"]
    layer.data = stripes(about["lines"], np.where(about["label"] == about["selected"], SELECTED, 0.0), width)
    layer.edge_width = width


def casing_of(colour: str) -> str:
    """Return the colour of what is told from a line on either side of it."""
    return "#000000" if _luminance(colour) > BRIGHT else "#FFFFFF"


def _luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2, from 0 to 1."""
    red, green, blue = (
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in _rgba([colour])[0, :3].tolist()
    )
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def badges(kind: str, masks: Masks, colours: Mapping[int, str], spacing_um: tuple[float, float]) -> Points:
    """Return the number of each region on a disc at the top of its outline, where it hides little of it."""
    tops = {label: np.argwhere(mask) for label, mask in masks.items()}
    at = [(pixels[0, 0] - 0.5, np.median(pixels[pixels[:, 0] == pixels[0, 0], 1])) for pixels in tops.values()]
    fills = [colours[label] for label in masks]
    size_px = np.array([BADGE_PX + DIGIT_PX * (len(str(label)) - 1) for label in masks])
    inks = ["#000000" if _luminance(fill) > BRIGHT else "#FFFFFF" for fill in fills]
    layer = Points(
        np.array(at, dtype=np.float64).reshape(-1, 2) * np.asarray(spacing_um),
        name=kind,
        features=pd.DataFrame({"index": list(masks), "label": [str(label) for label in masks]}),
        face_color=fills or "transparent",
        border_color=[casing_of(fill) for fill in fills] or "transparent",
        border_width=0.1,
        size=size_px / FIRST_ZOOM if masks else BADGE_PX / FIRST_ZOOM,
        text={"string": "{label}", "size": BADGE_PT, "color": inks, "anchor": "center"} if inks else None,
        metadata={KEY: kind, "zoom": FIRST_ZOOM, "size_px": size_px, "colours": colours},
        **MICROMETRES,
    )
    picture_shape(layer)
    return layer
