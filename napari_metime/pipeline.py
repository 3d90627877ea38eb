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

from napari_metime.alignment import fit_landmarks, from_matrix, from_scale, read_landmarks
from napari_metime.cells import propose_roles, read_cell_table, read_cell_types
from napari_metime.errors import AlignmentError, RecipeError
from napari_metime.ims import (
    NO_PIXEL_SIZE,
    extract_ions,
    feature_images,
    grid_parts,
    open_imzml,
    read_image,
    read_mask,
    read_spectrum,
    total_ion_image,
)
from napari_metime.metabolites import choose_ions, measurable_ions, read_panel
from napari_metime.metabolites.evidence import ion_evidence
from napari_metime.niches import describe_niches, map_niches, read_polygons
from napari_metime.recipe import (
    AlignRecipe,
    CellsRecipe,
    ChannelsRecipe,
    ImsRecipe,
    NichesRecipe,
    Recipe,
    TissueRecipe,
    is_path,
)
from napari_metime.section import (
    Alignment,
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
MAX_TARGET_ERROR_UM = 100.0
"""Alignment error from which the user is told: windows are some 150 µm in radius. Our default."""
MAX_SCALE_ERROR = 0.1
"""Relative difference of fitted and stated scale from which the user is told. Our default."""


def open_dataset(ims: ImsRecipe) -> Dataset:
    """Open the imzML; what the recipe states (pixel size, polarity) overrules the file."""
    dataset = open_imzml(ims.path, part=ims.part)
    grid, warnings = dataset.grid, dataset.warnings
    if ims.pixel_size_um is not None:
        size = ims.pixel_size_um
        grid = replace(grid, pixel_size_um=size if isinstance(size, tuple) else (size, size))
        warnings = tuple(text for text in warnings if text != NO_PIXEL_SIZE)
    return replace(dataset, grid=grid, polarity=ims.polarity or dataset.polarity, warnings=warnings)


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
    mz = np.array([ion.mz for ion in ions] + list(channels.mz), dtype=np.float64)
    found = extract_ions(
        dataset,
        mz,
        tolerance_ppm=ims.tolerance_ppm,
        normalize=ims.normalize,
        reference_mask=tissue.mask,
        on_progress=on_progress,
    )
    evidence = [ion_evidence(found.images[i], tissue.mask, mz[i], found.mean_mz[i]) for i in range(mz.size)]
    chosen, table = choose_ions(
        panel,
        dict(zip(ions, evidence, strict=False)),
        polarity=dataset.polarity,
        mz_range=dataset.mz_range,
        tolerance_ppm=ims.tolerance_ppm,
    )
    position = {ion: i for i, ion in enumerate(ions)}
    # Copies: a view would keep the images of every ion that was looked for in memory.
    measured = [Channel(ion.name, "ion", found.images[position[ion]].copy()) for ion in chosen]
    measured += [Channel(f"mz:{m:.4f}", "ion", found.images[len(ions) + i].copy()) for i, m in enumerate(channels.mz)]
    measured += [_image_channel(path, dataset) for path in channels.images]
    _check_names([channel.name for channel in measured])
    return ChannelSet(tuple(measured), table, found.tic, _broken_pixels(found.tic, dataset))


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
    """Find the cold niches and describe them: cells in µm, everything on the dataset's grid."""
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
        on_progress=lambda done, text: on_progress(0.8 * done, text),
    )
    return describe_niches(
        dataset.grid,
        tissue.mask,
        found,
        cells,
        channels,
        section_id=section_id,
        covariates=covariates,
        seed=seed,
        on_progress=lambda done, text: on_progress(0.8 + 0.2 * done, text),
    )


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

    dataset = step("data", 0.0, 0.1, lambda _: open_dataset(recipe.ims))
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


def tic_image(dataset: Dataset, *, on_progress: Progress = no_progress) -> NDArray[np.float32]:
    """Total ion current of each pixel, the first picture of a dataset; shape (rows, cols)."""
    return total_ion_image(dataset, on_progress=on_progress)


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
