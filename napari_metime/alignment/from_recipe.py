"""What a recipe asks of the alignment: cells from their own unit into the section frame, and what is doubtful."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from napari_metime.alignment.landmarks import read_landmarks
from napari_metime.alignment.outliers import standing_out
from napari_metime.alignment.stiffness import asked_for
from napari_metime.alignment.transform_files import read_transform
from napari_metime.alignment.transforms import fit_landmarks, from_matrix, from_scale
from napari_metime.alignment.uncertainty import bound_um
from napari_metime.errors import AlignmentError
from napari_metime.recipe import AlignRecipe
from napari_metime.section import Alignment, CellTable, Outlines

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
    MissingFileError
        The landmarks or the transform cannot be read.
    AlignmentError
        The landmarks do not fix the transform, the file holds none, or pixels lack the size they need.
    """
    alignment = _alignment(cells, pixel_size_um=pixel_size_um, align=align)
    if align != "none":
        alignment = replace(alignment, extra_error_um=align.extra_error_um)
    stated_um = pixel_size_um if cells.unit == "px" else 1.0
    if not _is_off_scale(alignment, stated_um):  # else one of the two is wrong, and no bound would hold
        alignment = replace(alignment, bound_um=bound_um(alignment, cells.x, cells.y))
    placed = place_cells(cells, alignment)
    told = [*cells.warnings]
    if align != "none":
        told += _doubts(alignment, align, stated_um)
    return replace(placed, warnings=tuple(told)), alignment


def place_cells(cells: CellTable, alignment: Alignment) -> CellTable:
    """Return the cells in section µm: places, outlines, and areas by the scale of the transform at each.

    Raises
    ------
    AlignmentError
        The transform folds at a cell.
    """
    x_um, y_um = alignment.to_section(cells.x, cells.y)
    outlines = cells.outlines
    if outlines is not None:
        outlines = Outlines(np.column_stack(alignment.to_section(*outlines.xy.T)), outlines.start)
    um2 = alignment.area_scale(cells.x, cells.y)
    area = cells.area * um2 if cells.area.size else cells.area
    return replace(cells, x=x_um, y=y_um, unit="um", area=area, outlines=outlines)


def _alignment(cells: CellTable, *, pixel_size_um: float | None, align: AlignRecipe | Literal["none"]) -> Alignment:
    if align != "none" and align.matrix is not None:
        return from_matrix(np.array(align.matrix))
    if align != "none" and align.path is not None:
        return read_transform(
            align.path,
            unit=cells.unit,
            inverse=align.inverse,
            source_pixel_um=align.source_pixel_um,
            target_pixel_um=align.target_pixel_um,
        )
    scale_um = 1.0 if cells.unit == "um" else pixel_size_um
    needs_scale = align == "none" or align.transform == "rigid"
    if needs_scale and scale_um is None:
        raise AlignmentError(
            "expected cells.pixel_size_um (µm per pixel), as the cells are in pixels and nothing fits their scale, "
            "found none; set it, or use align.transform: similarity"
        )
    if align == "none":
        return from_scale(scale_um or 1.0)
    assert align.landmarks is not None  # the recipe has one of landmarks, matrix and path
    landmarks = read_landmarks(align.landmarks)
    return fit_landmarks(landmarks, align.transform, source_scale=scale_um or 1.0, mirrored=align.mirrored)


def _scale(alignment: Alignment) -> float:
    return float(np.sqrt(abs(np.linalg.det(alignment.matrix[:2, :2]))))


def _is_off_scale(alignment: Alignment, stated_um: float | None) -> bool:
    return stated_um is not None and abs(_scale(alignment) / stated_um - 1) > MAX_SCALE_ERROR


def _doubts(alignment: Alignment, align: AlignRecipe, stated_um: float | None) -> list[str]:
    """Tell what can hardly be meant, and what a reader of the results has to know."""
    told = [f"Alignment: {alignment.note}."] if alignment.note and align.path is not None else []
    source = "landmarks scale" if align.landmarks is not None else "transform scales"
    if align.landmarks is not None:
        told += _doubts_of_landmarks(alignment)
    if _is_off_scale(alignment, stated_um):
        told.append(
            f"The {source} the cells by {_scale(alignment):.3g} µm per unit, not by the stated {stated_um:g}; "
            "check cells.unit, cells.pixel_size_um and what align names."
        )
    if np.linalg.det(alignment.matrix[:2, :2]) < 0 and not align.mirrored:
        told.append("The alignment turns the cells over: one of the two images is mirrored, or two axes are swapped.")
    if align.extra_error_um > 0:
        told.append(
            f"The cells are of a serial section, or off for another reason: {align.extra_error_um:g} µm of stated "
            "extra error are added to that of the alignment."
        )
    return told


def _doubts_of_landmarks(alignment: Alignment) -> list[str]:
    told = []
    if alignment.target_error_um > MAX_TARGET_ERROR_UM:
        told.append(
            f"The landmarks leave an error of {alignment.target_error_um:.0f} µm where there is none of them, "
            "more than a window can bear; check that their pairs belong together."
        )
    marked = [str(i + 1) for i in np.flatnonzero(standing_out(alignment))]
    if marked:
        which = f"Landmark {marked[0]} does" if len(marked) == 1 else f"Landmarks {' and '.join(marked)} do"
        told.append(f"{which} not fit to the others; check the pair, or leave it out.")
    elif (better := asked_for(alignment)) is not None:
        told.append(
            f"The landmarks do not follow a {alignment.kind} transform: it leaves more than their noise, and its error "
            f"does not hold that; consider align.transform: {better}."
        )
    return told
