"""Find the cold niches of a section, say which outlive its errors, and describe them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment import draw_alignments
from napari_metime.errors import TissueError
from napari_metime.held_hypotheses import hypothesis_rows, unused_cutoffs
from napari_metime.masking import cells_of_part, find_domain, find_left_out, told_of_domain
from napari_metime.niches import (
    N_DRAWS,
    N_REDRAWN,
    describe_niches,
    find_lymphoid,
    map_niches,
    redraw_types,
    with_robustness,
)
from napari_metime.placed_microscopy import PlacedMicroscopy
from napari_metime.recipe import HypothesesRecipe, NichesRecipe
from napari_metime.scored_niches import describe_scores
from napari_metime.section import (
    Alignment,
    CellTable,
    ChannelSet,
    Dataset,
    NicheMap,
    NicheResult,
    Progress,
    Tissue,
    no_progress,
    share_of,
)

N_PERMUTATIONS_AGAIN, N_DRAWS_AGAIN = 199, 1500
"""Labellings, and draws of a border, of each search that only asks whether a niche is found again. Our default."""

NO_CUTOFFS = HypothesesRecipe()

SEARCHED = {"alpha", "max_rate_ratio", "min_tumor_fraction", "mask_lymphoid", "reference"}
"""Keys of the recipe that the search takes as they are."""


def find_niches(
    dataset: Dataset,
    tissue: Tissue,
    channels: ChannelSet,
    cells: CellTable,
    niches: NichesRecipe,
    *,
    section_id: str,
    covariates: tuple[str, ...] = (),
    hypotheses: HypothesesRecipe = NO_CUTOFFS,
    alignment: Alignment | None = None,
    microscopy: PlacedMicroscopy | None = None,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> NicheResult:
    """Find the cold niches and describe them: cells in µm, everything on the dataset's grid.

    Of a file with several parts, the cells outside the box of the part that was taken are left out, and told.

    Parameters
    ----------
    hypotheses : the cut-offs that the hypotheses of the review are held against
    alignment : how the cells came into the section; the window is at least twice its error wide, and the niches are
        searched again in sections drawn from that error
    microscopy : outside it no cell could have been seen; None = nothing is assumed of where cells could be

    Raises
    ------
    TissueError
        No tissue is left where something can be said, or there is no such domain.
    """
    cells, told = cells_of_part(dataset, cells)
    left_out = find_left_out(dataset, tissue, microscopy)
    here = tissue.mask & ~np.logical_or.reduce([part.mask for part in left_out])
    if not here.any():
        raise TissueError(
            "expected tissue that the microscopy shows, found none of it; check align, microscopy.pixel_size_um and "
            "cells.pixel_size_um (without it, cells in px are in pixels of this image)"
        )
    lymphoid, _ = find_lymphoid(dataset.grid, here, cells, niches.lymphoid)
    error_um = float("nan") if alignment is None else alignment.error_um

    def search(table: CellTable, radius_um: float | None, domain: NDArray[np.bool_] | str, told: Progress) -> NicheMap:
        again = radius_um is not None
        return map_niches(
            dataset.grid,
            here,
            table,
            domain=domain,
            radius_um=niches.radius_um if radius_um is None else radius_um,
            n_permutations=min(niches.n_permutations, N_PERMUTATIONS_AGAIN) if again else niches.n_permutations,
            n_draws=N_DRAWS_AGAIN if again else N_DRAWS,
            inflamed=niches.inflamed and not again,
            **niches.model_dump(include=SEARCHED),
            lymphoid=lymphoid,
            alignment_error_um=error_um,
            seed=seed,
            on_progress=told,
        )

    domain = find_domain(dataset, niches.domain, microscopy, tissue.regions)
    found = search(cells, None, domain, share_of(on_progress, 0.0, 0.6))
    found = with_robustness(
        found,
        cells,
        lambda table, radius_um: search(table, radius_um, domain, no_progress),
        redrawn_cells(cells, alignment, seed),
        on_progress=share_of(on_progress, 0.6, 0.8),
    )
    described = describe_niches(
        dataset.grid,
        here,
        found,
        cells,
        channels,
        section_id=section_id,
        covariates=covariates,
        grades=niches.grades,
        left_out=left_out,
        seed=seed,
        on_progress=share_of(on_progress, 0.8, 1.0),
    )
    scored = describe_scores(dataset.grid, tissue, channels, described, section_id=section_id, seed=seed)
    held = hypothesis_rows(channels, scored, section_id=section_id, cutoffs=hypotheses.cutoffs)
    told += told_of_domain(niches, found.domain, here, dataset.grid.pixel_area_um2)
    told += unused_cutoffs(hypotheses.cutoffs)
    return replace(scored, hypotheses=held, warnings=(*told, *scored.warnings))


def redrawn_cells(cells: CellTable, alignment: Alignment | None, seed: int) -> tuple[CellTable, ...]:
    """Draw the cells as they might as well lie and be, from the alignment's error and the probability of their types.

    None where neither is known.
    """
    moves = alignment is not None and np.isfinite(alignment.error_um)
    if not moves and not cells.type_probability.size:
        return ()
    rng = np.random.default_rng([seed, 5])
    places = [(cells.x, cells.y)] * N_REDRAWN
    if moves and alignment is not None:
        source = alignment.to_source(cells.x, cells.y)
        places = [drawn.to_section(*source) for drawn in draw_alignments(alignment, N_REDRAWN, rng)]
    return tuple(replace(redraw_types(cells, rng), x=x, y=y) for x, y in places)
