"""Everything that a run writes, in one folder, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_metime.export.folder import PROVENANCE_NAME, check_output_folder
from napari_metime.export.images import write_ome_tiff
from napari_metime.export.polygons import niches_geojson
from napari_metime.export.provenance import input_checksums, provenance
from napari_metime.export.report import render_report
from napari_metime.export.strict_json import json_text
from napari_metime.export.tables import write_table
from napari_metime.recipe import Recipe, dump_recipe
from napari_metime.replacing import replaced_folder
from napari_metime.section import Progress, SectionResult, no_progress

_TISSUE_NAME = "tissue.ome.tif"


def write_results(
    result: SectionResult,
    recipe: Recipe,
    out: Path,
    *,
    on_progress: Progress = no_progress,
) -> Path:
    """Write every output file of a run into the folder ``out``.

    The files are written beside ``out`` and moved into place at the end: after an error, or a
    ``Cancelled`` raised from ``on_progress``, ``out`` is as it was.

    Parameters
    ----------
    recipe : Recipe
        What was run. The recipe.yaml in ``out`` has its paths re-anchored; a painted tissue mask is
        saved beside it and named by it.
    out : Path
        Absent, empty, or results that we wrote, which are replaced.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    OutputError
        ``out`` must not be replaced or cannot be written.
    MissingFileError
        An input has gone since it was read.
    """
    check_output_folder(out, recipe)
    final = out.resolve()
    with replaced_folder(final) as folder:
        written = _rerunnable(result, recipe, final)
        inputs = input_checksums(result, written, final, on_progress=lambda done, text: on_progress(0.5 * done, text))
        on_progress(0.5, "writing the tables")
        _write_tables(result, folder)
        on_progress(0.7, "writing the images")
        _write_images(result, folder)
        _write_polygons(result, recipe.section.id, folder)
        recipe_text = dump_recipe(written, folder=final)
        facts = provenance(result, written, inputs)
        _write_text(recipe_text, folder / "recipe.yaml")
        _write_text(json_text(facts, indent=1), folder / PROVENANCE_NAME)
        if recipe.export.report:
            on_progress(0.8, "writing the report")
            _write_text(render_report(result, recipe, recipe_text), folder / "report.html")
        on_progress(1.0, "results written")
    return out


def _rerunnable(result: SectionResult, recipe: Recipe, final: Path) -> Recipe:
    """Name what a person did by hand as a file of the results folder."""
    if result.tissue.method != "painted":
        return recipe
    painted = recipe.tissue.model_copy(update={"method": str(final / _TISSUE_NAME)})
    return recipe.model_copy(update={"tissue": painted})


def _write_tables(result: SectionResult, folder: Path) -> None:
    niches = result.niches
    write_table(niches.regions, folder / "regions.csv")
    write_table(niches.associations, folder / "associations.csv")
    write_table(niches.gradients, folder / "gradients.csv")
    write_table(niches.cells, folder / "cells.csv")
    write_table(result.channels.table, folder / "channels.csv")


def _write_images(result: SectionResult, folder: Path) -> None:
    size = result.dataset.grid.spacing_um
    niches = result.niches.map
    write_ome_tiff(niches.labels.astype(np.int32), folder / "niches.ome.tif", pixel_size_um=size)
    write_ome_tiff(result.tissue.mask.astype(np.uint8), folder / _TISSUE_NAME, pixel_size_um=size)
    write_ome_tiff(niches.coldness.astype(np.float32), folder / "coldness.ome.tif", pixel_size_um=size)


def _write_polygons(result: SectionResult, section_id: str, folder: Path) -> None:
    niches, grid = result.niches, result.dataset.grid
    text = niches_geojson(niches.map.labels, grid, niches.regions, section_id=section_id)
    _write_text(text, folder / "niches.geojson")
    if result.source_unit == "px":
        to_source = result.alignment.to_source
        text = niches_geojson(niches.map.labels, grid, niches.regions, section_id=section_id, to_frame=to_source)
        _write_text(text, folder / "niches_source.geojson")


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
