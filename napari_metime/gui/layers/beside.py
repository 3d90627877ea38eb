"""The cells and their image beside the section, where places can be found again before anything is aligned."""

from __future__ import annotations

import numpy as np

from napari_metime.gui.state.session import Session
from napari_metime.section import Alignment, CellTable, Grid

GAP = 0.08
"""Between the section and what lies beside it, as a share of the width of the section."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in the cells' own unit."""


def placed_beside(session: Session) -> Alignment | None:
    """Return where the cells and their image are shown before they are aligned; None where there is neither."""
    cells, opened = session.value("cells"), session.value("data")
    boxes = [] if cells is None else [box_of(cells)]
    if session.image_extent is not None:
        width, height, _ = session.image_extent
        boxes.append((0.0, 0.0, width, height))
    if not boxes or opened is None:
        return None
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    box = (min(lefts), min(tops), max(rights), max(bottoms))
    return rough_placement(box, opened.dataset.grid, known_scale_um(session))


def box_of(cells: CellTable) -> Box:
    """Return the ends of a cell table."""
    return float(cells.x.min()), float(cells.y.min()), float(cells.x.max()), float(cells.y.max())


def rough_placement(box: Box, grid: Grid, scale_um: float | None) -> Alignment:
    """Place a box right of the section, unturned; as large as the section where nobody has said its scale.

    Returns
    -------
    Alignment
        From the cells' own unit to where they are shown (µm): no result, only a place to click on.
    """
    (height, width), (row_um, col_um) = grid.shape, grid.spacing_um
    height_um, width_um = height * row_um, width * col_um
    left, top, right, bottom = box
    scale = scale_um or min(width_um / max(right - left, 1e-9), height_um / max(bottom - top, 1e-9))
    left_um = width_um * (1 + GAP) - scale * left
    top_um = (height_um - row_um) / 2 - scale * (top + bottom) / 2
    return Alignment(np.array([[scale, 0.0, left_um], [0.0, scale, top_um], [0.0, 0.0, 1.0]]), "matrix")


def is_on_section(grid: Grid, x_um: float) -> bool:
    """Whether a place lies on the left, where the section is, not among what lies beside it."""
    return x_um < grid.shape[1] * grid.spacing_um[1] * (1 + GAP / 2)


def source_scale_um(session: Session) -> float | None:
    """Return the µm of one unit of the cells, as a run knows it; None where nobody has said."""
    cells = session.value("cells")
    if cells is not None and cells.unit == "um":
        return 1.0
    stated = session.get("cells", "pixel_size_um")
    return float(stated) if isinstance(stated, int | float) and stated > 0 else None


def known_scale_um(session: Session) -> float | None:
    """Return the µm of one unit of the cells, from their image where nobody has said."""
    said = source_scale_um(session)
    return session.image_extent[2] if said is None and session.image_extent is not None else said
