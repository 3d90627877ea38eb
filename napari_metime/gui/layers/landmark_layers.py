"""Landmarks as two layers of numbered rings, and the cells beside the section while they are being set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Points
from napari.utils.theme import get_theme
from numpy.typing import NDArray

from napari_metime.gui.layers.cell_layers import CELL_SIZE_UM, cell_colours
from napari_metime.gui.layers.frame import KEY, MICROMETRES
from napari_metime.gui.layers.pictures import picture_shape
from napari_metime.gui.widgets.colours import LANDMARK_COLOURS
from napari_metime.section import Alignment, CellTable

MAX_ROUGH_CELLS = 100_000
"""Cells shown beside the section: more would not show its shape better."""
ROUGH_OPACITY = 0.9
"""Nothing lies below them, and every structure helps to find a place again."""
SCREEN_PX = (13, 40)
"""Least and largest size of a ring."""
RING_WIDTH = 0.2
"""As a share of its size; the place itself stays in sight."""


def rough_layer(cells: CellTable, rough: Alignment) -> Points:
    """Return the cells beside the section, evenly thinned where there are very many.

    In the order of the table, not by role: what covers what is left to chance, so that the mixture of
    roles is that of the tissue.
    """
    keep = slice(None, None, -(-cells.n_cells // MAX_ROUGH_CELLS))
    x_um, y_um = rough.to_section(cells.x[keep], cells.y[keep])
    colours = cell_colours(pd.DataFrame({"role": pd.Categorical(cells.role[keep])}), "role", ())
    colours[:, 3] = ROUGH_OPACITY
    return Points(
        np.column_stack([y_um, x_um]),
        name="cells to align",
        face_color=colours,
        border_color=colours,
        size=CELL_SIZE_UM,
        border_width=0,
        antialiasing=0,
        canvas_size_limits=(1, 10_000),
        metadata={KEY: "cells to align"},
        **MICROMETRES,
    )


def landmark_layers(
    landmarks: NDArray[np.float64],
    shown: Alignment,
    *,
    theme: str,
    waiting: tuple[float, float] | None = None,
    stands_out: NDArray[np.bool_] | None = None,
) -> tuple[Points, Points]:
    """Return the rings on the section and those on the cells, which ``shown`` puts into the section frame.

    ``theme`` is the name of napari's: its canvas says in which colours they can be read.
    """
    marked = np.zeros(len(landmarks), dtype=bool) if stands_out is None else stands_out
    on_section = landmarks[:, 2:]
    on_cells = np.column_stack(shown.to_section(landmarks[:, 0], landmarks[:, 1])).reshape(-1, 2)
    if waiting is not None:
        on_section = np.concatenate([on_section, [waiting]])
    return _rings("section", on_section, marked, theme), _rings("cells", on_cells, marked, theme)


def _rings(which: str, places: NDArray[np.float64], stands_out: NDArray[np.bool_], theme: str) -> Points:
    n = len(places)
    signs = [" outlier" if outlying else "" for outlying in stands_out] + [" ?"] * (n - len(stands_out))
    colour = _colour(which, theme)
    layer = Points(
        np.asarray(places, dtype=np.float64)[:, ::-1] if n else np.empty((0, 2)),
        name=f"landmarks {which}",
        features=pd.DataFrame(
            {
                "landmark": np.arange(1, n + 1),
                "label": [f"{i}{sign}" for i, sign in enumerate(signs, start=1)],
            }
        ),
        face_color="transparent",
        border_color=colour,
        text=_labels(colour) if n else None,
        symbol="disc",
        size=4 * CELL_SIZE_UM,
        border_width=RING_WIDTH,
        canvas_size_limits=SCREEN_PX,
        metadata={KEY: "landmarks", "channel": which, "colours": {0: colour}},
        **MICROMETRES,
    )
    picture_shape(layer)
    return layer


def move_rings(shown: Points, wanted: Points, theme: str) -> None:
    """Give a layer the rings of another in place: the layer itself, and its place among the others, stay."""
    shown.text = None  # or it would be asked for labels of rings that are not there yet
    shown.data = wanted.data
    shown.features = wanted.features
    for name in ("size", "symbol", "border_width", "face_color"):
        if len(wanted.data):
            setattr(shown, name, getattr(wanted, name))
    recolour_rings(shown, theme)
    shown.editable = False  # napari makes a layer editable when its data change


def recolour_rings(shown: Points, theme: str) -> None:
    """Give rings and numbers the colours that can be read in a theme; napari cannot colour an empty layer."""
    colour = _colour(shown.metadata["channel"], theme)
    shown.metadata["colours"] = {0: colour}
    if len(shown.data):
        shown.border_color = colour
        shown.text = _labels(colour)


def _colour(which: str, theme: str) -> str:
    return LANDMARK_COLOURS[get_theme(theme).type][which]


def _labels(colour: str) -> dict[str, Any]:
    return {
        "string": "{label}",
        "size": 13,
        "color": colour,
        "anchor": "upper_left",
        "translation": (-2 * CELL_SIZE_UM, 3 * CELL_SIZE_UM),
    }
