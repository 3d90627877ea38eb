"""Cell tables in, cells with places, types and roles out."""

from __future__ import annotations

from napari_metime.cells.files import count_types, propose_cell_gates, read_cells_file
from napari_metime.cells.on_pixels import CellsOnGrid, cells_on_grid, channels_at_cells
from napari_metime.cells.previewing import Preview, preview_table
from napari_metime.cells.reading import UNASSIGNED
from napari_metime.cells.roles import NO_RULE, explain_roles, propose_roles

__all__ = [
    "NO_RULE",
    "UNASSIGNED",
    "CellsOnGrid",
    "Preview",
    "cells_on_grid",
    "channels_at_cells",
    "count_types",
    "explain_roles",
    "preview_table",
    "propose_cell_gates",
    "propose_roles",
    "read_cells_file",
]
