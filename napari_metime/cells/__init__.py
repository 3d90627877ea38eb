"""Cell tables in, cells with places, types and roles out."""

from __future__ import annotations

from napari_metime.cells.reading import read_cell_table, read_cell_types
from napari_metime.cells.roles import propose_roles

__all__ = ["propose_roles", "read_cell_table", "read_cell_types"]
