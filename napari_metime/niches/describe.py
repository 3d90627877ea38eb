"""Every table about the niches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.niches.associations import association_rows
from napari_metime.niches.contrasts import contrast_rows
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.grades import OUR_CUTOFFS
from napari_metime.niches.gradients import gradient_rows, margin_rows
from napari_metime.niches.peaks import tell_shift
from napari_metime.niches.regions import RegionInputs, inflamed_rows, region_rows
from napari_metime.niches.summary import section_summary
from napari_metime.recipe import GradesRecipe
from napari_metime.section import CellTable, ChannelSet, Grid, LeftOut, NicheMap, NicheResult, Progress, no_progress

MAX_MISSED_SHARE = 0.2
"""Share of cells off the tissue from which the user is told. Our default."""
MAX_UNTOLD_LEFT_OUT = 0.01
"""Share of cells where nothing can be said from which the user is warned; fewer are counted only. Our default."""


def describe_niches(
    grid: Grid,
    tissue: NDArray[np.bool_],
    niches: NicheMap,
    cells: CellTable,
    channels: ChannelSet,
    *,
    section_id: str,
    covariates: tuple[str, ...] = (),
    grades: GradesRecipe = OUR_CUTOFFS,
    left_out: tuple[LeftOut, ...] = (),
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> NicheResult:
    """Make the tables of a section: regions, associations, gradients, cells, summary, margin, inflamed.

    Parameters
    ----------
    tissue : ndarray of shape (rows, cols), bool: without what was left out
    cells : CellTable in section µm
    grades : the cut-offs of grades and summary
    left_out : where nothing can be said; the cells there are counted, and are in no region and at no distance
    seed : of every random draw
    """
    pixel = grid.pixel_of(cells.x, cells.y)
    margin_um = signed_distance_um(niches.domain, grid.spacing_um)
    on_progress(0.0, "describing the niches")
    inputs = RegionInputs(grid, tissue, niches, cells, pixel, margin_um, channels.channels)
    errors = inputs.errors()
    on_progress(0.4, "comparing the niches with the rest")
    summary = section_summary(inputs, section_id=section_id, cutoffs=grades)
    section_grade = _in_regions(summary["grade"].iloc[0])
    regions = region_rows(inputs, errors, section_id=section_id, section_grade=section_grade, cutoffs=grades)
    on_progress(0.6, "comparing the niches with matched tissue")
    regions = pd.concat([regions, contrast_rows(inputs)], axis=1)
    on_progress(0.7, "measuring gradients")
    gradients = gradient_rows(inputs, errors, section_id=section_id)
    margin = margin_rows(inputs, errors, section_id=section_id)
    on_progress(0.9, "writing the tables")
    reason, left_out = _cells_left_out(left_out, pixel)
    associations = association_rows(inputs, channels, section_id=section_id, covariates=covariates)
    return NicheResult(
        map=niches,
        regions=regions,
        associations=associations,
        gradients=gradients,
        cells=_cell_rows(grid, niches, cells, np.where(reason < 0, pixel, -1), margin_um),
        warnings=(
            *_tell_left_out(left_out, cells.n_cells),
            *_warn(tissue, cells, pixel),
            *_tell_depth(niches, covariates),
            *tell_shift(associations, niches.radius_um),
        ),
        left_out=left_out,
        summary=summary,
        margin=margin,
        inflamed=inflamed_rows(inputs, section_id=section_id),
    )


def _in_regions(grade: str) -> str:
    """Return the section's grade in the words of regions.csv, which has none for inflamed."""
    return grade if grade in ("desert", "excluded", "mixed") else "undetermined"


def _cell_rows(
    grid: Grid, niches: NicheMap, cells: CellTable, pixel: NDArray[np.intp], margin_um: NDArray[np.float64]
) -> pd.DataFrame:
    inside = pixel >= 0
    region = np.zeros(pixel.size, dtype=np.int64)
    region[inside] = niches.labels.ravel()[pixel[inside]]
    distance = np.full(pixel.size, np.nan)
    distance[inside] = margin_um.ravel()[pixel[inside]]
    in_domain = np.zeros(pixel.size, dtype=bool)
    in_domain[inside] = niches.domain.ravel()[pixel[inside]]
    return pd.DataFrame(
        {
            "cell_id": cells.cell_id,
            "x_um": cells.x,
            "y_um": cells.y,
            "type": cells.type,
            "role": cells.role,
            "region_id": pd.array(np.where(region > 0, region, 0), dtype="Int64"),
            "distance_to_margin_um": np.where(np.isfinite(distance), distance, np.nan),
            "in_domain": in_domain,
        }
    ).assign(region_id=lambda table: table["region_id"].mask(table["region_id"] == 0))


def _cells_left_out(
    left_out: tuple[LeftOut, ...], pixel: NDArray[np.intp]
) -> tuple[NDArray[np.intp], tuple[LeftOut, ...]]:
    """Return the place in ``left_out`` of the reason of each cell, -1 for none, and the parts with their cells."""
    reason = np.full(pixel.size, -1, dtype=np.intp)
    on_grid = pixel >= 0
    for i, part in enumerate(left_out):
        here = on_grid.copy()
        here[on_grid] = part.mask.ravel()[pixel[on_grid]]
        reason[here] = i
    counts = np.bincount(reason[reason >= 0], minlength=len(left_out))
    return reason, tuple(replace(part, n_cells=int(n)) for part, n in zip(left_out, counts, strict=True))


def _tell_left_out(left_out: tuple[LeftOut, ...], n_cells: int) -> tuple[str, ...]:
    parts = [f"{part.n_cells:,} {part.reason}" for part in left_out if part.n_cells]
    if not parts:
        return ()
    n = sum(part.n_cells for part in left_out)
    if n < MAX_UNTOLD_LEFT_OUT * n_cells:
        return ()
    return (f"{n:,} of {n_cells:,} cells lie where nothing can be said and count nowhere: {'; '.join(parts)}.",)


def _tell_depth(niches: NicheMap, covariates: tuple[str, ...]) -> tuple[str, ...]:
    """Tell that effectors change with depth, which associations do not allow for unless they are asked to."""
    if niches.null is None or niches.null.depth_slope_per_mm == 0 or "depth" in covariates:
        return ()
    per_mm = np.exp(niches.null.depth_slope_per_mm)
    return (
        f"The effectors change with the depth in the domain ({per_mm:.2g} times per mm). A channel that does so too "
        "will seem to go with coldness; add depth to associations.covariates to take that away.",
    )


def _warn(tissue: NDArray[np.bool_], cells: CellTable, pixel: NDArray[np.intp]) -> tuple[str, ...]:
    """Tell what makes the tables doubtful: cells that miss the tissue, a marker that may be missing."""
    on_tissue = pixel >= 0
    on_tissue[on_tissue] = tissue.ravel()[pixel[on_tissue]]
    told = []
    missed = 1 - on_tissue.mean()
    if missed > MAX_MISSED_SHARE:
        told.append(
            f"{100 * missed:.0f} % of the cells lie off the tissue. "
            "If the tissue should hold them, check cells.unit, cells.pixel_size_um and align."
        )
    if not (cells.has_role("effector") & on_tissue).any():
        told.append(
            "No effector cell lies on the tissue. That is a desert only if the marker was measured; "
            "a marker that was not stained looks the same."
        )
    return tuple(told)
