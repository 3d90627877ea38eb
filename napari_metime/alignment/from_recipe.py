"""What a recipe asks of the alignment: cells from their own unit into the section frame, and what is doubtful."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from napari_metime.alignment.landmarks import read_landmarks
from napari_metime.alignment.transforms import fit_landmarks, from_matrix, from_scale
from napari_metime.errors import AlignmentError
from napari_metime.recipe import AlignRecipe
from napari_metime.section import Alignment, CellTable

MAX_TARGET_ERROR_UM = 100.0
"""Alignment error from which the user is told: windows are some 150 µm in radius. Our default."""
MAX_SCALE_ERROR = 0.1
"""Relative difference of fitted and stated scale from which the user is told. Our default."""


def align_cells(
    cells: CellTable, *, pixel_size_um: float | None, align: AlignRecipe | Literal["none"]
) -> tuple[CellTable, Alignment]:
    """Bring the cells into the section frame (µm) and say how well that worked.

    Raises
    ------
    AlignmentError
        The landmarks do not fix the transform, or pixels lack the size they need.
    """
    alignment = _alignment(cells, pixel_size_um=pixel_size_um, align=align)
    x_um, y_um = alignment.to_section(cells.x, cells.y)
    told = (*cells.warnings, *_doubts(alignment, pixel_size_um if cells.unit == "px" else 1.0))
    return replace(cells, x=x_um, y=y_um, unit="um", warnings=told), alignment


def _doubts(alignment: Alignment, pixel_size_um: float | None) -> list[str]:
    """Tell landmarks that can hardly be meant: a large error, or a scale that is not the stated one."""
    told = []
    if alignment.target_error_um > MAX_TARGET_ERROR_UM:
        told.append(
            f"The landmarks leave an error of {alignment.target_error_um:.0f} µm where there is none of them, "
            "more than a window can bear; check that their pairs belong together."
        )
    scale = float(np.sqrt(abs(np.linalg.det(alignment.matrix[:2, :2]))))
    if alignment.n_landmarks and pixel_size_um is not None and abs(scale / pixel_size_um - 1) > MAX_SCALE_ERROR:
        told.append(
            f"The landmarks scale the cells by {scale:.3g} µm per unit, not by the stated {pixel_size_um:g}; "
            "check cells.unit, cells.pixel_size_um and the landmarks."
        )
    return told


def _alignment(cells: CellTable, *, pixel_size_um: float | None, align: AlignRecipe | Literal["none"]) -> Alignment:
    if align != "none" and align.matrix is not None:
        return from_matrix(np.array(align.matrix))
    scale_um = 1.0 if cells.unit == "um" else pixel_size_um
    needs_scale = align == "none" or align.transform == "rigid"
    if needs_scale and scale_um is None:
        raise AlignmentError(
            "expected cells.pixel_size_um (µm per pixel), as the cells are in pixels and nothing fits their scale, "
            "found none; set it, or use align.transform: similarity"
        )
    if align == "none":
        return from_scale(scale_um or 1.0)
    assert align.landmarks is not None  # the recipe has one of landmarks and matrix
    return fit_landmarks(read_landmarks(align.landmarks), align.transform, source_scale=scale_um or 1.0)
