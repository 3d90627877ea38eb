"""What each step calls: the same functions of the pipeline, with the same arguments, as a whole run.

``prepare`` takes everything from the session first, so that the work itself, which runs in a
thread, touches only frozen values.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from napari_metime import pipeline
from napari_metime.alignment import place_cells
from napari_metime.cells import Preview, explain_roles, preview_table, propose_cell_gates
from napari_metime.errors import CellTableError, MetimeError, RecipeError, TissueError
from napari_metime.export.placed_landmarks import PLACED, write_landmarks
from napari_metime.gui.running.worker import Work
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.made import Aligned, Opened, Outlined
from napari_metime.gui.state.own_folder import own_folder
from napari_metime.gui.state.session import Session
from napari_metime.gui.state.ways import NOTHING_YET, is_empty, way_of
from napari_metime.ims import open_from_recipe, pixel_vectors, read_area
from napari_metime.placed_microscopy import PlacedMicroscopy, place_microscopy
from napari_metime.recipe import AlignRecipe, CellsRecipe, ImsRecipe, microscopy_channel
from napari_metime.refining import refine_alignment
from napari_metime.section import Alignment, CellTable, ChannelSet, Dataset, Progress, Role, Tissue, share_of

Gates = dict[str, tuple[str, ...]]
Preparing = Callable[[Session, Step], Work]


def prepare(session: Session, step: Step) -> Work:
    """Return the work of a step on the session as it is now.

    Raises
    ------
    RecipeError
        A setting of the step is wrong, in the words of a loaded recipe.
    """
    return _PREPARE[step](session)


def _open(session: Session) -> Work:
    ims, former = session.part("ims"), session.value("data")

    def work(on_progress: Progress) -> Opened:
        dataset, found = pipeline.open_and_calibrate(ims, on_progress=share_of(on_progress, 0.0, 0.5))
        dataset.grid.spacing_um  # noqa: B018 - raises here, as a run does, where the pixel size is unknown
        vectors = pixel_vectors(dataset, on_progress=share_of(on_progress, 0.5, 1.0))
        parts = former.parts if former is not None and ims.part is not None else names_of_parts(ims, dataset)
        return Opened(dataset, vectors.tic.astype(np.float32), parts, found, vectors)

    return work


def names_of_parts(ims: ImsRecipe, dataset: Dataset) -> tuple[str, ...]:
    """Return the names of all parts of a file of which ``dataset`` may be one: a part does not show the others."""
    whole = dataset if ims.part is None else open_from_recipe(ims.model_copy(update={"part": None}))
    return pipeline.part_names(whole)


def _find_tissue(session: Session) -> Work:
    dataset, tissue, seed = session.value("data").dataset, session.part("tissue"), session.part("seed")
    drawn = session.left_out_mask if session.has_drawn_left_out else None
    aligned: Aligned | None = session.value("align")
    cells = aligned.cells if aligned is not None else None
    place = _placing(session) if microscopy_channel(tissue.method) is not None else _no_microscopy
    divided = _dividing(session)

    def work(on_progress: Progress) -> Outlined:
        bare = tissue.model_copy(update={"exclude": None})
        share = share_of(on_progress, 0.0, 1.0 if tissue.regions.method == "none" else 0.4)
        whole = pipeline.find_tissue(dataset, bare, seed=seed, cells=cells, microscopy=place(), on_progress=share)
        outlined = Outlined(whole, np.zeros_like(whole.mask), "")
        if tissue.exclude is not None:
            left_out = read_area(tissue.exclude, dataset.grid) if drawn is None else drawn
            outlined = Outlined(whole, left_out, tissue.exclude.name)
        return divided(outlined, share_of(on_progress, 0.4, 1.0))

    return work


def divide(session: Session, _: Step) -> Work:
    """Return the work that finds regions in the tissue as it stands, found or painted, or takes them away.

    Raises
    ------
    TissueError
        There is no tissue yet.
    RecipeError
        A setting of the regions is wrong.
    """
    outlined, divided = session.outlined, _dividing(session)
    if outlined is None:
        raise TissueError("expected a tissue to divide into regions, found none yet; find the tissue first")
    return lambda on_progress: divided(outlined, on_progress)


def _dividing(session: Session) -> Callable[[Outlined, Progress], Outlined]:
    """Return what divides a tissue as the session asks; it is called in the thread of the work."""
    dataset, regions, seed = session.value("data").dataset, session.part("tissue").regions, session.part("seed")
    former: Tissue | None = session.value("tissue")
    if former is not None and former.regions is not None:  # names of other labels; the session gives them to the same
        regions = regions.model_copy(update={"names": {}})
    ims = session.part("ims")

    def divided(outlined: Outlined, on_progress: Progress) -> Outlined:
        found = pipeline.divide_tissue(dataset, outlined.tissue, regions, ims, seed=seed, on_progress=on_progress)
        return replace(outlined, regions=found.regions)

    return divided


def _measure(session: Session) -> Work:
    dataset, tissue = session.value("data").dataset, session.value("tissue")
    ims, channels = session.part("ims"), session.part("channels")
    place = _placing(session) if session.get("microscopy", "channels") else _no_microscopy

    def work(on_progress: Progress) -> ChannelSet:
        placed = place()
        share = share_of(on_progress, 0.0, 0.3)
        further, told = ((), ()) if placed is None else placed.measure(on_progress=share)
        rest = on_progress if placed is None else share_of(on_progress, 0.3, 1.0)
        measuring, scoring = share_of(rest, 0.0, 0.8), share_of(rest, 0.8, 1.0)
        measured = pipeline.measure_channels(
            dataset, tissue, ims, channels, further=further, told=told, on_progress=measuring
        )
        return pipeline.score_channels(dataset, tissue, measured, ims, channels, on_progress=scoring)

    return work


def _placing(session: Session) -> Callable[[], PlacedMicroscopy | None]:
    """Return what opens the microscopy of a session in its place; it is called in the thread of the work."""
    microscopy, aligned = session.part("microscopy"), session.value("align")
    if microscopy is None or aligned is None:
        return _no_microscopy
    dataset, size_um = session.value("data").dataset, session.get("cells", "pixel_size_um")
    return lambda: place_microscopy(
        microscopy, aligned.alignment, dataset, unit=aligned.source_unit, cells_pixel_size_um=size_um
    )


def _no_microscopy() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Look:
    """What a cell table holds, before any of it is used.

    Parameters
    ----------
    types : number of cells and proposed role of each type
    why : of each type, why it is proposed as that
    gates : rules by markers that made the types, proposed where the table has no type but calls of markers
    preview : its columns and first rows, where it is a text table
    note : what it was recognised as, in words; empty where that failed
    asks_unit : nothing in it says whether x and y are px or µm
    problem : why it could not be read; empty where it could, or where only columns or the unit are to be chosen
    """

    types: dict[str, tuple[int, Role]]
    why: dict[str, str] = field(default_factory=dict)
    gates: Gates = field(default_factory=dict)
    preview: Preview | None = None
    note: str = ""
    asks_unit: bool = False
    problem: str = ""


def look_at_cells(session: Session, path: Path) -> Work:
    """Return the work that looks at a cell table with the columns and the unit that the session names."""
    # Not checked: roles are still to be confirmed, and a recipe without an effector is not valid.
    cells = CellsRecipe.model_construct(**{**session.get("cells"), "path": path, "roles": {}})

    def work(_: Progress) -> Look:
        look = Look({})
        with suppress(CellTableError):  # what is wrong with the table is told below, of all of its rows
            preview = preview_table(cells.path, x=cells.x, y=cells.y, type_column=cells.type, unit=cells.unit)
            look = replace(look, preview=preview)
        try:
            types, gates = _types_of(cells)
            look = replace(look, types=types, why=explain_roles(types), gates=gates)
            return replace(look, note=pipeline.read_cells(cells.model_copy(update={"gates": gates})).note)
        except MetimeError as error:
            asks_unit = cells.unit is None and "set cells.unit" in str(error)
            is_asked = asks_unit or _asks_columns(cells, look)
            return replace(look, asks_unit=asks_unit, problem="" if is_asked else str(error))

    return work


def _asks_columns(cells: CellsRecipe, look: Look) -> bool:
    """Whether a table only wants its columns chosen: it lacks some under known names, and none of these was named."""
    by_mask = ("x", "y") if cells.labels is not None else ()
    by_rules = ("type",) if look.gates or cells.gates else ()
    missing = () if look.preview is None else look.preview.missing(*by_mask, *by_rules)
    return bool(missing) and all(getattr(cells, key) is None for key in missing)


def _types_of(cells: CellsRecipe) -> tuple[dict[str, tuple[int, Role]], Gates]:
    """Return the types with their proposed roles, by the column of types or else by the calls of markers."""
    try:
        return pipeline.proposed_roles(cells.path, type_column=cells.type, gates=cells.gates), cells.gates
    except CellTableError:
        gates = {} if cells.type or cells.gates else propose_cell_gates(cells.path)
        if not gates:
            raise
        return pipeline.proposed_roles(cells.path, gates=gates), gates


def _read_cells(session: Session) -> Work:
    cells = session.part("cells")
    return lambda _: pipeline.read_cells(cells)


def _align(session: Session) -> Work:
    if is_empty(session.get("align")):
        raise RecipeError(NOTHING_YET[way_of(session.get("align"))])
    table, align = session.value("cells"), session.part("align")
    pixel_size_um = session.part("cells").pixel_size_um
    landmarks = session.pairs.landmarks if session.has_placed else None
    refine = _refining(session, table, align, pixel_size_um)

    def work(on_progress: Progress) -> Aligned:
        if align == "none" or landmarks is None:
            placed = pipeline.align_cells(table, pixel_size_um=pixel_size_um, align=align)
        else:
            # By a file, as a run of the exported recipe does: what the window shows is what that finds.
            with TemporaryDirectory() as folder:
                path = write_landmarks(landmarks, Path(folder) / PLACED)
                written = align.model_copy(update={"landmarks": path})
                placed = pipeline.align_cells(table, pixel_size_um=pixel_size_um, align=written)
        return refine(*placed, on_progress)

    return work


def _refining(
    session: Session, table: CellTable, align: AlignRecipe | str, pixel_size_um: float | None
) -> Callable[[CellTable, Alignment, Progress], Aligned]:
    """Return what makes an alignment better where the recipe asks for it."""
    wish = align.refine if isinstance(align, AlignRecipe) else None
    if wish is None:
        return lambda cells, alignment, _: Aligned.of(table, cells, alignment)
    dataset, seed = session.value("data").dataset, session.part("seed")
    tolerance_ppm = session.part("ims").tolerance_ppm
    microscopy = session.part("microscopy") if wish.channel != "cells" else None

    def refine(cells: CellTable, alignment: Alignment, on_progress: Progress) -> Aligned:
        image = None
        if microscopy is not None:
            image = place_microscopy(
                microscopy, alignment, dataset, unit=table.unit, cells_pixel_size_um=pixel_size_um
            )
        refined = refine_alignment(
            dataset,
            None,
            table,
            alignment,
            wish,
            microscopy=image,
            tolerance_ppm=tolerance_ppm,
            seed=seed,
            on_progress=on_progress,
        )
        moved = place_cells(table, refined.alignment)
        told = (*cells.warnings, *refined.warnings)
        made = Aligned.of(table, replace(moved, warnings=told), refined.alignment)
        return replace(made, refined=refined, refined_from=pipeline.refined_from(alignment, refined))

    return refine


def _find_niches(session: Session) -> Work:
    dataset, tissue, channels = session.value("data").dataset, session.value("tissue"), session.value("metabolites")
    aligned: Aligned = session.value("align")
    niches, section, seed = session.part("niches"), session.part("section"), session.part("seed")
    covariates, place = session.part("associations").covariates, _placing(session)
    hypotheses = session.part("hypotheses")
    return lambda on_progress: pipeline.find_niches(
        dataset,
        tissue,
        channels,
        aligned.cells,
        niches,
        section_id=section.id,
        covariates=covariates,
        hypotheses=hypotheses,
        alignment=aligned.alignment,
        microscopy=place(),
        seed=seed,
        on_progress=on_progress,
    )


def _export(session: Session) -> Work:
    recipe, folder = session.recipe(), results_folder(session)
    result = session.section_result()

    def work(on_progress: Progress) -> Path:
        from napari_metime.writing import write_results

        return write_results(result, recipe, folder, on_progress=on_progress)

    return work


def results_folder(session: Session) -> Path:
    """Return where Export writes: the chosen folder, else ``<section id>_results`` in the person's own."""
    return session.folder or own_folder(session) / f"{session.get('section', 'id')}_results"


_PREPARE: dict[Step, Callable[[Session], Work]] = {
    "data": _open,
    "tissue": _find_tissue,
    "metabolites": _measure,
    "cells": _read_cells,
    "align": _align,
    "niches": _find_niches,
    "export": _export,
}
