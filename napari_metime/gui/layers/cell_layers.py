"""Cells as one layer of points, however many: coloured by role or by type, quick to draw and to recolour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Points
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_metime.export.colours import ROLE_COLOURS
from napari_metime.gui.layers.frame import KEY, MICROMETRES
from napari_metime.gui.state.session import ColourBy
from napari_metime.gui.widgets.colours import OTHER_TYPES_COLOUR, TYPE_COLOURS
from napari_metime.section import CellTable, Role

DRAWN: tuple[Role, ...] = ("tumor", "other", "suppressor", "effector")
CELL_SIZE_UM = 14.0
CELL_OPACITIES: Mapping[Role, float] = {"effector": 1.0, "suppressor": 0.8, "tumor": 0.5, "other": 0.35}
"""The many must not cover the few, nor the niches below them."""
TYPE_OPACITY, OTHER_TYPES_OPACITY = 0.85, 0.5
MANY = 100_000
"""Cells from which their edges are not smoothed: that more than halves the time to draw them."""


def cells_layer(cells: CellTable, by: ColourBy, types: Sequence[str]) -> Points:
    """Return the layer of all cells in section µm; ``types`` with the frequent ones first, which get the colours."""
    rank = pd.Categorical(cells.role, categories=DRAWN)
    # Later points are drawn over earlier ones: the few effectors must not vanish below the tumour.
    order = np.argsort(rank.codes, kind="stable")
    features = pd.DataFrame(
        {
            "cell_id": cells.cell_id[order],
            "type": pd.Categorical(cells.type)[order],
            "role": rank[order],
        }
    )
    colours = cell_colours(features, by, types)
    return Points(
        np.column_stack([cells.y, cells.x])[order],
        name="cells",
        features=features,
        face_color=colours,
        # A point of a few screen pixels is all border, however thin: grey, unless it has the face's colour.
        border_color=colours,
        size=CELL_SIZE_UM,
        border_width=0,
        antialiasing=0 if cells.n_cells > MANY else 1,
        canvas_size_limits=(1, 10_000),
        metadata={KEY: "cells"},
        **MICROMETRES,
    )


def recolour(layer: Points, by: ColourBy, types: Sequence[str]) -> None:
    """Colour the cells of a layer anew."""
    colours = cell_colours(layer.features, by, types)
    # Each of the two is told twice, and each time all of a million points are drawn anew.
    with layer.events.face_color.blocker(), layer.events.border_color.blocker():
        layer.face_color, layer.border_color = colours, colours


def cell_colours(features: pd.DataFrame, by: ColourBy, types: Sequence[str]) -> NDArray[np.float32]:
    """Return one colour (RGBA) per cell, shape (n, 4)."""
    kinds = features[by].cat
    if by == "role":
        of_kind = {str(role): _rgba(ROLE_COLOURS[role], CELL_OPACITIES[role]) for role in DRAWN}
    else:
        of_kind = {name: _rgba(colour, TYPE_OPACITY) for name, colour in type_colours(types).items()}
    rest = _rgba(OTHER_TYPES_COLOUR, OTHER_TYPES_OPACITY)
    palette = np.array([of_kind.get(kind, rest) for kind in kinds.categories], dtype=np.float32)
    return np.asarray(palette[kinds.codes.to_numpy()], dtype=np.float32)


def type_colours(types: Sequence[str]) -> dict[str, str]:
    """Give the first types a colour each; more could not be told apart by everyone, and share one grey."""
    return dict(zip(types, TYPE_COLOURS, strict=False))


def _rgba(colour: str, opacity: float) -> tuple[Any, ...]:
    return (*transform_color(colour)[0][:3], opacity)
