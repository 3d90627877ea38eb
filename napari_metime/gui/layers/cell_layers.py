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
OVER_MAPS: tuple[Role, ...] = ("effector", "suppressor")
"""Whose cells lie over a map; the rest would hide it."""
OUTSIDE_OPACITY = 0.25
"""Of a cell outside the niche that is selected, as a share of what it would be."""
TYPE_OPACITY, OTHER_TYPES_OPACITY = 0.85, 0.5
LEAST_PX, NOTE_PT = 1, 8
"""Of the screen: the least size of a cell, and of what is said of the layer on the canvas."""
MAX_DRAWN = 50_000
"""Cells that are drawn at most; without a graphics card a frame of them takes 0.2 s, and one of a million 2 s."""


def cells_layer(cells: CellTable, by: ColourBy, types: Sequence[str]) -> Points:
    """Return the layer of the cells in section µm; ``types`` with the frequent ones first, which get the colours."""
    rank = pd.Categorical(cells.role, categories=DRAWN)
    rows = drawn_rows(rank.codes)
    features = pd.DataFrame(
        {
            "cell_id": cells.cell_id[rows],
            "type": pd.Categorical(cells.type[rows]),  # of a million texts it would take half a second
            "role": rank[rows],
        }
    )
    colours = cell_colours(features, by, types)
    is_part = len(rows) < cells.n_cells
    layer = Points(
        np.column_stack([cells.y, cells.x])[rows],
        name=f"cells (showing {len(rows):,} of {cells.n_cells:,})" if is_part else "cells",
        features=features,
        face_color=colours,
        # A point of a few screen pixels is all border, however thin: grey, unless it has the face's colour.
        border_color=colours,
        size=CELL_SIZE_UM,
        border_width=0,
        canvas_size_limits=(LEAST_PX, 10_000),
        metadata={KEY: "cells", "rows": rows, "colours": colours, "region": None, "dress": (False, 0)},
        **MICROMETRES,
    )
    layer.name_overlay.visible, layer.name_overlay.font_size = is_part, NOTE_PT
    layer.name_overlay.position = "bottom_left"
    return layer


def drawn_rows(rank: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """Return which cells are drawn, the highest rank last, over the others.

    Of more than ``MAX_DRAWN`` a random part is, always the same one: of the highest rank as many as there are, up to
    half of all, and of the others alike. Whatever is counted is counted of all.
    """
    order = np.argsort(rank, kind="stable")
    if len(rank) <= MAX_DRAWN:
        return order
    chance = np.random.default_rng(0)
    n_first = int((rank == rank.max()).sum())
    n_kept = min(n_first, max(MAX_DRAWN // 2, MAX_DRAWN - (len(rank) - n_first)))
    rest = chance.choice(len(rank) - n_first, MAX_DRAWN - n_kept, replace=False)
    first = len(rank) - n_first + chance.choice(n_first, n_kept, replace=False)
    return np.asarray(order[np.sort(np.concatenate([rest, first]))])


def regions_of(layer: Points, cells: pd.DataFrame) -> NDArray[np.int_] | None:
    """Return the niche of each cell that is drawn, 0 for none; None where niches were found among other cells.

    Parameters
    ----------
    cells : cells.csv as the niches were found with it
    """
    rows, ids = layer.metadata["rows"], cells["cell_id"].to_numpy()
    if rows.max(initial=-1) >= len(ids) or not (ids[rows] == layer.features["cell_id"].to_numpy()).all():
        return None
    return np.asarray(cells["region_id"].fillna(0).to_numpy(int)[rows])


def dress(layer: Points, *, over_map: bool, niche: int) -> None:
    """Let the cells leave room for a map below them, and those of a niche that is selected stand out."""
    if layer.metadata["dress"] != (over_map, niche):
        layer.metadata["dress"] = (over_map, niche)
        _paint(layer)


def recolour(layer: Points, by: ColourBy, types: Sequence[str]) -> None:
    """Colour the cells of a layer anew."""
    layer.metadata["colours"] = cell_colours(layer.features, by, types)
    _paint(layer)


def drawn(layer: Points, by: ColourBy) -> set[str]:
    """Return the roles or types of which cells are drawn: over a map not all are."""
    return set(layer.features[by][_is_drawn(layer)].unique())


def _is_drawn(layer: Points) -> NDArray[np.bool_]:
    over_map, _ = layer.metadata["dress"]
    if not over_map:
        return np.ones(len(layer.features), dtype=bool)
    return np.asarray(layer.features["role"].isin(OVER_MAPS).to_numpy() | _is_inside(layer))


def _is_inside(layer: Points) -> NDArray[np.bool_]:
    """Return which cells lie in the niche that is selected."""
    region, (_, niche) = layer.metadata["region"], layer.metadata["dress"]
    return np.zeros(len(layer.features), dtype=bool) if region is None else (region == niche) & (niche > 0)


def _paint(layer: Points) -> None:
    inside, colours = _is_inside(layer), layer.metadata["colours"].copy()
    if inside.any():
        colours[~inside, 3] *= OUTSIDE_OPACITY
    colours[~_is_drawn(layer), 3] = 0  # transparent, as napari forgets in two dimensions which points are to be shown
    # Each of the two is told twice, and each time all of the points are drawn anew.
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
