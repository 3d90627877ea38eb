"""What each step calls: the same functions of the pipeline, with the same arguments, as a whole run.

``prepare`` takes everything from the session first, so that the work itself, which runs in a
thread, touches only frozen values.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from napari_metime import pipeline
from napari_metime.gui.session import Aligned, Opened, Session, Step
from napari_metime.gui.worker import Work
from napari_metime.ims import open_from_recipe, pixel_vectors
from napari_metime.recipe import ImsRecipe
from napari_metime.section import Dataset, Progress


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
        dataset, found = pipeline.open_and_calibrate(ims, on_progress=lambda d, text: on_progress(0.5 * d, text))
        dataset.grid.spacing_um  # noqa: B018 - raises here, as a run does, where the pixel size is unknown
        vectors = pixel_vectors(dataset, on_progress=lambda d, text: on_progress(0.5 + 0.5 * d, text))
        parts = former.parts if former is not None and ims.part is not None else names_of_parts(ims, dataset)
        return Opened(dataset, vectors.tic.astype(np.float32), parts, found, vectors)

    return work


def names_of_parts(ims: ImsRecipe, dataset: Dataset) -> tuple[str, ...]:
    """Return the names of all parts of a file of which ``dataset`` may be one: a part does not show the others."""
    whole = dataset if ims.part is None else open_from_recipe(ims.model_copy(update={"part": None}))
    return pipeline.part_names(whole)


def _find_tissue(session: Session) -> Work:
    dataset, tissue, seed = session.value("data").dataset, session.part("tissue"), session.part("seed")
    return lambda on_progress: pipeline.find_tissue(dataset, tissue, seed=seed, on_progress=on_progress)


def _measure(session: Session) -> Work:
    dataset, tissue = session.value("data").dataset, session.value("tissue")
    ims, channels = session.part("ims"), session.part("channels")
    return lambda on_progress: pipeline.measure_channels(dataset, tissue, ims, channels, on_progress=on_progress)


def _read_cells(session: Session) -> Work:
    cells = session.part("cells")
    return lambda _: pipeline.read_cells(cells)


def _align(session: Session) -> Work:
    table, align = session.value("cells"), session.part("align")
    pixel_size_um = session.part("cells").pixel_size_um
    return lambda _: Aligned.of(table, *pipeline.align_cells(table, pixel_size_um=pixel_size_um, align=align))


def _find_niches(session: Session) -> Work:
    dataset, tissue, channels = session.value("data").dataset, session.value("tissue"), session.value("metabolites")
    aligned: Aligned = session.value("align")
    niches, section, seed = session.part("niches"), session.part("section"), session.part("seed")
    covariates = session.part("associations").covariates
    return lambda on_progress: pipeline.find_niches(
        dataset,
        tissue,
        channels,
        aligned.cells,
        niches,
        section_id=section.id,
        covariates=covariates,
        alignment_error_um=aligned.alignment.target_error_um,
        seed=seed,
        on_progress=on_progress,
    )


def _export(session: Session) -> Work:
    recipe, folder = session.recipe(), results_folder(session)
    result = session.section_result()

    def work(on_progress: Progress) -> Path:
        from napari_metime.export import write_results

        return write_results(result, recipe, folder, on_progress=on_progress)

    return work


def results_folder(session: Session) -> Path:
    """Return where Export writes: the chosen folder, else ``<section id>_results`` beside the imzML."""
    return session.folder or Path(session.get("ims", "path")).parent / f"{session.get('section', 'id')}_results"


_PREPARE: dict[Step, Callable[[Session], Work]] = {
    "data": _open,
    "tissue": _find_tissue,
    "metabolites": _measure,
    "cells": _read_cells,
    "align": _align,
    "niches": _find_niches,
    "export": _export,
}
