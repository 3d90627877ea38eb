"""Where something can be said: the tissue, the domain, and what is left out, each from the source the recipe names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import CellTableError, RecipeError, TissueError
from napari_metime.ims import feature_images, read_area
from napari_metime.placed_microscopy import PlacedMicroscopy
from napari_metime.recipe import NichesRecipe, TissueRecipe, is_path, microscopy_channel, tissue_region
from napari_metime.section import CellTable, Dataset, LeftOut, Progress, Tissue, TissueRegions, no_progress
from napari_metime.tissue import find_tissue_mask, tissue_of_cells

SMALL_DOMAIN_SHARE = 0.2
"""Share of the tissue below which the user is told how little of it was searched. Our default: a niche that covers a
tenth of the tissue, as many do, then lies outside the domain more often than in it."""


def find_tissue(
    dataset: Dataset,
    tissue: TissueRecipe,
    *,
    seed: int = 0,
    cells: CellTable | None = None,
    microscopy: PlacedMicroscopy | None = None,
    on_progress: Progress = no_progress,
) -> Tissue:
    """Find the on-tissue pixels, or read them from a drawn area; what ``tissue.exclude`` names is taken out of them.

    Parameters
    ----------
    cells : in section µm, for ``tissue.method: cells``
    microscopy : for ``tissue.method: microscopy:NAME``

    Raises
    ------
    TissueError
        There is no such tissue, or all of it is excluded.
    RecipeError
        The method needs cells or a microscopy that are not there.
    """
    found = _found_tissue(dataset, tissue, seed, cells, microscopy, on_progress)
    if tissue.exclude is None:
        return found
    return leave_out(found, read_area(tissue.exclude, dataset.grid), tissue.exclude.name)


def leave_out(whole: Tissue, excluded: NDArray[np.bool_], name: str) -> Tissue:
    """Take an area out of the tissue; the file called ``name`` holds it, or will.

    Raises
    ------
    TissueError
        No tissue is left.
    """
    if not (whole.mask & ~excluded).any():
        raise TissueError(f"expected tissue outside {name}, found none: it covers all of it; check tissue.exclude")
    reason = f"left out by hand ({name})"
    return Tissue(whole.mask & ~excluded, whole.method, whole.note, (LeftOut(reason, excluded),))


def _found_tissue(
    dataset: Dataset,
    tissue: TissueRecipe,
    seed: int,
    cells: CellTable | None,
    microscopy: PlacedMicroscopy | None,
    on_progress: Progress,
) -> Tissue:
    measured, method = dataset.measured, tissue.method
    if is_path("tissue", "method", method):
        return Tissue(read_area(Path(method), dataset.grid) & measured, "mask", f"read from {Path(method).name}")
    if method == "none":
        return Tissue(measured, "none", "every measured pixel counts as tissue")
    if method == "cells":
        if cells is None:
            raise RecipeError("expected aligned cells for tissue.method: cells, found none yet; align them first")
        return tissue_of_cells(dataset.grid, measured, cells)
    name = microscopy_channel(method)
    if name is not None:
        mask = _mask_by_channel(name, microscopy, "tissue.method")
        return Tissue(mask & measured, method, f"where {name} of the microscopy is bright (Otsu)")
    features = feature_images(dataset, on_progress=on_progress)
    return find_tissue_mask(features, measured, method=method, seed=seed)


def find_domain(
    dataset: Dataset, domain: str, microscopy: PlacedMicroscopy | None, regions: TissueRegions | None = None
) -> NDArray[np.bool_] | str:
    """Return the drawn domain, shape (rows, cols), or the word for one that follows from the cells.

    Parameters
    ----------
    regions : of the tissue, for ``niches.domain: region:NAME``

    Raises
    ------
    TissueError, MissingFileError, RecipeError
        As ``find_tissue``, or there is no such region.
    """
    if is_path("niches", "domain", domain):
        return read_area(Path(domain), dataset.grid)
    region = tissue_region(domain)
    if region is not None:
        if regions is None:
            raise RecipeError(
                f"expected regions of the tissue for niches.domain: {domain:.60}, found none; set tissue.regions"
            )
        return regions.mask(region)
    name = microscopy_channel(domain)
    return domain if name is None else _mask_by_channel(name, microscopy, "niches.domain")


def told_of_domain(
    niches: NichesRecipe, searched: NDArray[np.bool_], tissue: NDArray[np.bool_], pixel_um2: float
) -> tuple[str, ...]:
    """Return what is to be said of a domain that ions have drawn, or of which cells have made a small one.

    What is found in a small part of the tissue says nothing of the rest. Any other that was drawn is as it was meant.

    Parameters
    ----------
    searched, tissue : ndarray of shape (rows, cols), bool
    """
    domain, region = niches.domain, tissue_region(niches.domain)
    if region is not None:
        return (
            f"Niches were looked for in {region:.60}, a region found by its spectra: ions decided where it ends. Where "
            "the ions that differ are those that coldness is asked about, give its surroundings the same name.",
        )
    share = searched.sum() / tissue.sum()
    if domain not in ("tumor_bed", "tissue") or share >= SMALL_DOMAIN_SHARE:
        return ()
    area, whole = (mask.sum() * pixel_um2 / 1e6 for mask in (searched, tissue))
    told = f"{area:,.2f} of {whole:,.2f} mm² of tissue ({100 * share:.0f} %): niches were looked for only there."
    if domain == "tissue":
        return (f"Cells lie on {told} If they should lie elsewhere, check cells.unit, cells.pixel_size_um and align.",)
    return (
        f"The tumour bed is {told} It is where at least {100 * niches.min_tumor_fraction:.0f} % of the cells are "
        "tumour; set niches.domain: tissue, or lower niches.min_tumor_fraction, to look in more of it.",
    )


def _mask_by_channel(name: str, microscopy: PlacedMicroscopy | None, key: str) -> NDArray[np.bool_]:
    if microscopy is None:
        raise RecipeError(f"expected a microscopy aligned with the section for {key}, found none; set microscopy")
    return microscopy.mask(name, key)


def find_left_out(dataset: Dataset, tissue: Tissue, microscopy: PlacedMicroscopy | None) -> tuple[LeftOut, ...]:
    """Say of which pixels of the grid nothing can be said: the one place that decides it.

    Where no spectrum was taken nothing is known of metabolites; outside the microscopy no cell could have been seen,
    so no effector is missing there; what was left out by hand (folds, holes, necrosis) is no tissue. A pixel has the
    first reason that holds. Where no microscopy is given, nothing is assumed of where cells could have been seen.
    """
    parts = [LeftOut("without a spectrum", ~dataset.measured), *tissue.left_out]
    if microscopy is not None:
        parts.append(LeftOut("outside the microscopy", ~microscopy.footprint))
    found, taken = [], np.zeros(dataset.grid.shape, dtype=bool)
    for part in parts:
        mask = part.mask & ~taken
        taken |= mask
        if mask.any():
            found.append(LeftOut(part.reason, mask))
    return tuple(found)


def cells_of_part(dataset: Dataset, cells: CellTable) -> tuple[CellTable, tuple[str, ...]]:
    """Return the cells in the box of the part that a dataset is of its file, all for a whole file; and what is told.

    Raises
    ------
    CellTableError
        No cell lies there.
    """
    if not dataset.part:
        return cells, ()
    height, width = dataset.grid.spacing_um
    row, col = cells.y / height, cells.x / width
    here = (row > dataset.row.min() - 1) & (row < dataset.row.max() + 1)
    here &= (col > dataset.col.min() - 1) & (col < dataset.col.max() + 1)
    if not here.any():
        raise CellTableError(
            f"expected cells in the box of {dataset.part}, found none of {here.size:,} there; check align and ims.part"
        )
    if here.all():
        return cells, ()
    told = f"{here.sum():,} of {here.size:,} cells lie in the box of {dataset.part}; the others were left out."
    return cells.only(here), (told,)
