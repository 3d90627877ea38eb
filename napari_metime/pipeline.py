"""The way of the data: the only place that puts the steps in order.

Each step is a plain function from frozen values to a frozen value; ``run`` calls them all, the
window calls them one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_metime import export
from napari_metime.alignment import align_cells as align_cells  # a step like the others
from napari_metime.alignment import place_cells
from napari_metime.cells import count_types, propose_roles, read_cells_file
from napari_metime.errors import RecipeError
from napari_metime.finding import find_niches as find_niches  # a step like the others
from napari_metime.ims import (
    Recalibration,
    estimate_shift,
    grid_parts,
    open_from_recipe,
    read_spectrum,
    recalibrate,
)
from napari_metime.ims.blocks import iterate_spectra
from napari_metime.masking import find_tissue as find_tissue  # a step like the others
from napari_metime.measuring import measure_channels as measure_channels  # a step like the others
from napari_metime.metabolites import measurable_ions, read_panel
from napari_metime.placed_microscopy import PlacedMicroscopy, place_microscopy
from napari_metime.recipe import (
    CellsRecipe,
    ImsRecipe,
    Recipe,
)
from napari_metime.refining import Refined, refine_alignment
from napari_metime.regioning import divide_tissue as divide_tissue  # a step like the others
from napari_metime.scoring import score_channels as score_channels  # a step like the others
from napari_metime.section import (
    Alignment,
    CellTable,
    ChannelSet,
    Dataset,
    Progress,
    RefinedFrom,
    Role,
    SectionResult,
    Tissue,
    no_progress,
    share_of,
)

Value = TypeVar("Value")


def open_dataset(ims: ImsRecipe, *, on_progress: Progress = no_progress) -> Dataset:
    """Open the imzML as the recipe says, with its m/z recalibrated where it asks for that."""
    return open_and_calibrate(ims, on_progress=on_progress)[0]


def open_and_calibrate(ims: ImsRecipe, *, on_progress: Progress = no_progress) -> tuple[Dataset, Recalibration | None]:
    """Open the imzML, and return beside it how its m/z were corrected; None where the recipe asks for no correction."""
    dataset = open_from_recipe(ims, on_progress=on_progress)
    if ims.recalibrate == "none":
        return dataset, None
    found = estimate_shift(dataset, _lock_mz(dataset, ims), by=ims.recalibrate, on_progress=on_progress)
    return recalibrate(dataset, found), found


def _lock_mz(dataset: Dataset, ims: ImsRecipe) -> NDArray[np.float64]:
    if ims.lock_mz:
        return np.array(ims.lock_mz, dtype=np.float64)
    ions = measurable_ions(
        read_panel(None), polarity=dataset.polarity, mz_range=dataset.mz_range, tolerance_ppm=ims.tolerance_ppm
    )
    if not ions:
        raise RecipeError(
            "expected ims.lock_mz to recalibrate by, as no ion of the panel can be in this file, found none; "
            "list m/z that must be there"
        )
    # The preferred ion of each member: the others are seldom there, and too many chance hits would hide the shift.
    preferred = {ion.name: ion.mz for ion in reversed(ions)}
    return np.unique(list(preferred.values()))


def read_cells(cells: CellsRecipe) -> CellTable:
    """Read the cells in their own unit, whatever kind of file they are in; every cell gets its role."""
    return read_cells_file(
        cells.path,
        x=cells.x,
        y=cells.y,
        type_column=cells.type,
        unit=cells.unit,
        roles={str(role): types for role, types in cells.roles.items()},
        gates=cells.gates or None,
        type_probability=cells.type_probability,
        labels=cells.labels,
    )


def align_section(
    recipe: Recipe, dataset: Dataset, table: CellTable, on_progress: Progress = no_progress
) -> tuple[CellTable, Alignment, RefinedFrom | None]:
    """Bring the cells into the section frame, and refine that by the images where the recipe asks for it."""
    cells, rough = align_cells(table, pixel_size_um=recipe.cells.pixel_size_um, align=recipe.align)
    if recipe.align == "none" or recipe.align.refine is None:
        return cells, rough, None
    refined = refine_alignment(
        dataset,
        None,
        table,
        rough,
        recipe.align.refine,
        microscopy=find_microscopy(recipe, dataset, rough, unit=table.unit),
        tolerance_ppm=recipe.ims.tolerance_ppm,
        seed=recipe.seed,
        on_progress=on_progress,
    )
    placed = place_cells(table, refined.alignment)
    told = (*cells.warnings, *refined.warnings)
    return replace(placed, warnings=told), refined.alignment, refined_from(rough, refined)


def refined_from(rough: Alignment, refined: Refined) -> RefinedFrom:
    """Return what a run keeps of a refinement: without its images."""
    found = refined.refinement
    if found is None:
        return RefinedFrom(rough, refined.accepted, refined.note)
    return RefinedFrom(
        rough,
        refined.accepted,
        refined.note,
        before_bits=found.information_before,
        after_bits=found.information_after,
        p_chance=found.p_chance,
        moved_um=found.moved_um,
    )


def find_microscopy(
    recipe: Recipe, dataset: Dataset, alignment: Alignment, *, unit: Literal["px", "um"]
) -> PlacedMicroscopy | None:
    """Open the microscopy that a recipe names, in its place on the dataset; None where it names none.

    Parameters
    ----------
    unit : of the cell table that ``alignment`` starts from
    """
    if recipe.microscopy is None:
        return None
    return place_microscopy(
        recipe.microscopy, alignment, dataset, unit=unit, cells_pixel_size_um=recipe.cells.pixel_size_um
    )


def outline_tissue(
    recipe: Recipe,
    dataset: Dataset,
    cells: CellTable,
    microscopy: PlacedMicroscopy | None,
    on_progress: Progress = no_progress,
) -> Tissue:
    """Find the tissue as a recipe says, and its regions where it asks for them."""
    asks = recipe.tissue.regions.method != "none"
    found = find_tissue(
        dataset,
        recipe.tissue,
        seed=recipe.seed,
        cells=cells,
        microscopy=microscopy,
        on_progress=share_of(on_progress, 0.0, 0.4 if asks else 1.0),
    )
    share = share_of(on_progress, 0.4, 1.0)
    return divide_tissue(dataset, found, recipe.tissue.regions, recipe.ims, seed=recipe.seed, on_progress=share)


def find_channels(
    recipe: Recipe,
    dataset: Dataset,
    tissue: Tissue,
    microscopy: PlacedMicroscopy | None,
    on_progress: Progress = no_progress,
) -> ChannelSet:
    """Measure the channels that a recipe names: of the spectra, of images on the grid, and of the microscopy.

    Ratios and axis scores follow from these.
    """
    further, told = ((), ()) if microscopy is None else microscopy.measure(on_progress=share_of(on_progress, 0.0, 0.3))
    measured = measure_channels(
        dataset,
        tissue,
        recipe.ims,
        recipe.channels,
        further=further,
        told=told,
        on_progress=share_of(on_progress, 0.0 if microscopy is None else 0.3, 0.8),
    )
    scoring = share_of(on_progress, 0.8, 1.0)
    return score_channels(dataset, tissue, measured, recipe.ims, recipe.channels, on_progress=scoring)


def run(recipe: Recipe, *, on_progress: Progress = no_progress) -> SectionResult:
    """Run every step of a recipe.

    Parameters
    ----------
    recipe : Recipe
    on_progress : Progress
        Told the done fraction and what is being done; raise ``Cancelled`` from it to stop.

    Returns
    -------
    SectionResult
        Nothing is written; see ``export.write_results``.

    Raises
    ------
    MetimeError
        Something that the user can mend, in one line.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    seconds: dict[str, float] = {}

    def step(name: str, low: float, high: float, work: Callable[[Progress], Value]) -> Value:
        on_progress(low, name)
        begin = time.perf_counter()
        value = work(share_of(on_progress, low, high))
        seconds[name] = round(time.perf_counter() - begin, 3)
        return value

    dataset = step("data", 0.0, 0.1, lambda p: open_dataset(recipe.ims, on_progress=p))
    dataset.grid.spacing_um  # noqa: B018 - raises here, before the long work, where the pixel size is unknown
    table = step("cells", 0.1, 0.15, lambda _: read_cells(recipe.cells))
    cells, alignment, refined_from = step("align", 0.15, 0.2, lambda p: align_section(recipe, dataset, table, p))
    microscopy = find_microscopy(recipe, dataset, alignment, unit=table.unit)
    tissue = step(
        "tissue",
        0.2,
        0.35,
        lambda p: outline_tissue(recipe, dataset, cells, microscopy, p),
    )
    channels = step("metabolites", 0.35, 0.6, lambda p: find_channels(recipe, dataset, tissue, microscopy, p))
    niches = step(
        "niches",
        0.6,
        1.0,
        lambda p: find_niches(
            dataset,
            tissue,
            channels,
            cells,
            recipe.niches,
            section_id=recipe.section.id,
            covariates=recipe.associations.covariates,
            hypotheses=recipe.hypotheses,
            alignment=alignment,
            microscopy=microscopy,
            seed=recipe.seed,
            on_progress=p,
        ),
    )
    return SectionResult(
        dataset,
        tissue,
        channels,
        cells,
        alignment,
        niches,
        source_unit=table.unit,
        microscopy_note="" if microscopy is None else microscopy.image.note,
        refined_from=refined_from,
        started=started,
        seconds=seconds,
    )


def recipes_of_parts(recipe: Recipe) -> dict[str, Recipe]:
    """Return the recipe of each part of a file that holds several, by the part's name; their ids end in it."""
    whole = open_from_recipe(recipe.ims.model_copy(update={"part": None}))
    return {
        name: recipe.model_copy(
            update={
                "section": recipe.section.model_copy(update={"id": f"{recipe.section.id}_{name}"}),
                "ims": recipe.ims.model_copy(update={"part": name}),
            }
        )
        for name in part_names(whole)
    }


def part_names(dataset: Dataset) -> tuple[str, ...]:
    """Name the connected sections of a dataset, one of which ``ims.part`` may take."""
    return tuple(part.name for part in grid_parts(dataset.measured))


def pixel_spectrum(dataset: Dataset, row: int, col: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the (m/z, intensity) points of one pixel; empty where nothing was measured."""
    return read_spectrum(dataset, row, col)


def proposed_roles(
    path: Path, *, type_column: str | None = None, gates: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, tuple[int, Role]]:
    """List the cell types of a file with their number of cells and a proposed role, which a person confirms."""
    counts = count_types(path, type_column, gates=gates or None)
    roles = propose_roles(counts)
    return {name: (n, roles[name]) for name, n in counts.items()}


def save_part(
    dataset: Dataset,
    path: Path,
    *,
    mask: NDArray[np.bool_] | None = None,
    mz: NDArray[np.float64] | None = None,
    tolerance_ppm: float | None = None,
    mode: Literal["processed", "continuous"] | None = None,
    on_progress: Progress = no_progress,
) -> Path:
    """Save pixels (of a mask) and m/z windows of a dataset as an imzML of its own; see ``export.save_part``."""
    return export.save_part(
        dataset,
        path,
        iterate_spectra,
        mask=mask,
        mz=mz,
        tolerance_ppm=tolerance_ppm,
        mode=mode,
        on_progress=on_progress,
    )
