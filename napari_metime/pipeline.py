"""The way of the data: the only place that puts the steps in order.

Each step is a plain function from frozen values to a frozen value; ``run`` calls them all, the
window calls them one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_metime import export
from napari_metime.alignment import align_cells as align_cells  # a step like the others
from napari_metime.cells import propose_roles, read_cell_table, read_cell_types
from napari_metime.errors import CellTableError, RecipeError
from napari_metime.ims import (
    IonImages,
    Recalibration,
    estimate_shift,
    extract_ions,
    feature_images,
    find_index,
    grid_parts,
    normalization_factors,
    open_from_recipe,
    pixel_vectors,
    read_image,
    read_mask,
    read_spectrum,
    recalibrate,
)
from napari_metime.ims.blocks import iterate_spectra
from napari_metime.metabolites import choose_ions, measurable_ions, read_panel
from napari_metime.metabolites.evidence import IonEvidence, ion_evidence
from napari_metime.metabolites.panel import PanelIon
from napari_metime.niches import describe_niches, map_niches, read_polygons
from napari_metime.recipe import (
    CellsRecipe,
    ChannelsRecipe,
    ImsRecipe,
    NichesRecipe,
    Recipe,
    TissueRecipe,
    is_path,
)
from napari_metime.section import (
    CellTable,
    Channel,
    ChannelSet,
    Dataset,
    NicheResult,
    Progress,
    Role,
    SectionResult,
    Tissue,
    no_progress,
)
from napari_metime.tissue import find_tissue_mask

Value = TypeVar("Value")
CELL_COLUMNS = ("cell_id", "x", "y", "type", "role")
IMAGES_AT_ONCE_PIXELS = 1 << 27
"""Pixels of all ion images that are held at once while the panel is looked through: 0.5 GB."""


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


def find_tissue(
    dataset: Dataset, tissue: TissueRecipe, *, seed: int = 0, on_progress: Progress = no_progress
) -> Tissue:
    """Find the on-tissue pixels, or read them from a mask image on the grid."""
    measured = dataset.measured
    if is_path("tissue", "method", tissue.method):
        mask = read_mask(Path(tissue.method), shape=dataset.grid.shape)
        return Tissue(mask & measured, "mask", f"read from {Path(tissue.method).name}")
    if tissue.method == "none":
        return Tissue(measured, "none", "every measured pixel counts as tissue")
    features = feature_images(dataset, on_progress=on_progress)
    return find_tissue_mask(features, measured, method=tissue.method, seed=seed)


def measure_channels(
    dataset: Dataset,
    tissue: Tissue,
    ims: ImsRecipe,
    channels: ChannelsRecipe,
    *,
    on_progress: Progress = no_progress,
) -> ChannelSet:
    """Measure the panel, the listed m/z and the listed images on the grid."""
    panel = (
        ()
        if not channels.panel
        else read_panel(Path(channels.panel) if is_path("channels", "panel", channels.panel) else None)
    )
    ions = measurable_ions(panel, polarity=dataset.polarity, mz_range=dataset.mz_range, tolerance_ppm=ims.tolerance_ppm)
    factors = normalization_factors(dataset, ims, tissue.mask, on_progress=_share(on_progress, 0.0, 0.2))
    index = find_index(dataset)

    def images(mz: list[float], share: Progress) -> IonImages:
        return extract_ions(
            dataset,
            np.array(mz, dtype=np.float64),
            tolerance_ppm=ims.tolerance_ppm,
            factors=factors,
            reference_mask=tissue.mask,
            index=index,
            on_progress=share,
        )

    # Some at a time and then once more for the chosen: all candidates of a million pixels would fill the memory.
    evidence: dict[PanelIon, IonEvidence] = {}
    n_at_once = max(1, IMAGES_AT_ONCE_PIXELS // dataset.measured.size)
    for first in range(0, len(ions), n_at_once):
        some = ions[first : first + n_at_once]
        found = images([ion.mz for ion in some], _share(on_progress, 0.2 + 0.6 * first / len(ions), 0.8))
        for ion, image, mean_mz in zip(some, found.images, found.mean_mz, strict=True):
            evidence[ion] = ion_evidence(image, tissue.mask, ion.mz, mean_mz)
    chosen, table = choose_ions(
        panel, evidence, polarity=dataset.polarity, mz_range=dataset.mz_range, tolerance_ppm=ims.tolerance_ppm
    )
    names = [ion.name for ion in chosen] + [f"mz:{m:.4f}" for m in channels.mz]
    found = images([ion.mz for ion in chosen] + list(channels.mz), _share(on_progress, 0.8, 1.0))
    measured = [Channel(name, "ion", image) for name, image in zip(names, found.images, strict=True)]
    measured += [_image_channel(path, dataset) for path in channels.images]
    _check_names([channel.name for channel in measured])
    tic = pixel_vectors(dataset).tic.astype(np.float32)
    return ChannelSet(tuple(measured), table, tic, _broken_pixels(tic, dataset))


def _share(on_progress: Progress, low: float, high: float) -> Progress:
    return lambda done, text: on_progress(low + (high - low) * done, text)


def _broken_pixels(tic: NDArray[np.float32], dataset: Dataset) -> tuple[str, ...]:
    n_broken = int((~np.isfinite(tic[dataset.measured])).sum())
    if n_broken == 0:
        return ()
    return (f"Pixels with intensities that are no numbers: {n_broken:,}; they count as not measured.",)


def _check_names(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"expected channels of different names, found {name!r} twice; drop or rename one")
        if name.startswith(("low_", "high_")) or name.endswith(("_low", "_high")):
            raise RecipeError(
                f"expected a channel name that is no column's ending, found {name!r}: the tables use _low and _high "
                "for intervals; rename it"
            )


def _image_channel(path: Path, dataset: Dataset) -> Channel:
    image = read_image(path, shape=dataset.grid.shape).astype(np.float32)
    image[~dataset.measured] = np.nan
    return Channel(path.stem, "image", image)


def read_cells(cells: CellsRecipe) -> CellTable:
    """Read the cell table in its own unit; every cell gets its role."""
    return read_cell_table(
        cells.path,
        x=cells.x,
        y=cells.y,
        type_column=cells.type,
        unit=cells.unit,
        roles={str(role): types for role, types in cells.roles.items()},
    )


def find_niches(
    dataset: Dataset,
    tissue: Tissue,
    channels: ChannelSet,
    cells: CellTable,
    niches: NichesRecipe,
    *,
    section_id: str,
    covariates: tuple[str, ...] = (),
    alignment_error_um: float = float("nan"),
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> NicheResult:
    """Find the cold niches and describe them: cells in µm, everything on the dataset's grid.

    Of a file with several parts, the cells outside the box of the part that was taken are left out, and told.
    """
    cells, told = _cells_of_part(dataset, cells)
    found = map_niches(
        dataset.grid,
        tissue.mask,
        cells,
        domain=_drawn_domain(niches.domain, dataset),
        radius_um=niches.radius_um,
        n_permutations=niches.n_permutations,
        alpha=niches.alpha,
        max_rate_ratio=niches.max_rate_ratio,
        alignment_error_um=alignment_error_um,
        seed=seed,
        on_progress=_share(on_progress, 0.0, 0.8),
    )
    described = describe_niches(
        dataset.grid,
        tissue.mask,
        found,
        cells,
        channels,
        section_id=section_id,
        covariates=covariates,
        seed=seed,
        on_progress=_share(on_progress, 0.8, 1.0),
    )
    return replace(described, warnings=(*told, *described.warnings))


def _cells_of_part(dataset: Dataset, cells: CellTable) -> tuple[CellTable, tuple[str, ...]]:
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
    return replace(cells, **{name: getattr(cells, name)[here] for name in CELL_COLUMNS}), (told,)


def _drawn_domain(domain: str, dataset: Dataset) -> NDArray[np.bool_] | str:
    if not is_path("niches", "domain", domain):
        return domain
    path = Path(domain)
    if path.suffix.lower() in (".geojson", ".json"):
        return read_polygons(path, dataset.grid)
    return read_mask(path, shape=dataset.grid.shape)


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
        value = work(lambda done, text: on_progress(low + (high - low) * done, text))
        seconds[name] = round(time.perf_counter() - begin, 3)
        return value

    dataset = step("data", 0.0, 0.1, lambda p: open_dataset(recipe.ims, on_progress=p))
    dataset.grid.spacing_um  # noqa: B018 - raises here, before the long work, where the pixel size is unknown
    table = step("cells", 0.1, 0.15, lambda _: read_cells(recipe.cells))
    cells, alignment = step(
        "align", 0.15, 0.2, lambda _: align_cells(table, pixel_size_um=recipe.cells.pixel_size_um, align=recipe.align)
    )
    tissue = step("tissue", 0.2, 0.35, lambda p: find_tissue(dataset, recipe.tissue, seed=recipe.seed, on_progress=p))
    channels = step(
        "metabolites",
        0.35,
        0.6,
        lambda p: measure_channels(dataset, tissue, recipe.ims, recipe.channels, on_progress=p),
    )
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
            alignment_error_um=alignment.target_error_um,
            seed=recipe.seed,
            on_progress=p,
        ),
    )
    return SectionResult(
        dataset, tissue, channels, cells, alignment, niches, source_unit=table.unit, started=started, seconds=seconds
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


def proposed_roles(path: Path, *, type_column: str | None = None) -> dict[str, tuple[int, Role]]:
    """List the cell types of a table with their number of cells and a proposed role, which a person confirms."""
    counts = read_cell_types(path, type_column=type_column)
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
