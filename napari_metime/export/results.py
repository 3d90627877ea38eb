"""Everything that a run writes, in one folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_metime.export.drawing import Drawn
from napari_metime.export.figures import draw_figures
from napari_metime.export.folder import PROVENANCE_NAME, check_output_folder
from napari_metime.export.images import write_ome_tiff
from napari_metime.export.methods import methods_text
from napari_metime.export.placed_landmarks import LEFT_OUT, PLACED, write_landmarks
from napari_metime.export.polygons import niches_geojson
from napari_metime.export.provenance import input_checksums, provenance
from napari_metime.export.report import render_report
from napari_metime.export.strict_json import json_text
from napari_metime.export.tables import write_table
from napari_metime.export.tissue_regions import with_regions, write_regions
from napari_metime.recipe import Recipe, dump_recipe
from napari_metime.replacing import replaced_folder
from napari_metime.section import Progress, SectionResult, no_progress, share_of

METHODS_NAME, REPORT_NAME = "methods.txt", "report.html"
_TISSUE_NAME = "tissue.ome.tif"


def write_results(
    result: SectionResult,
    recipe: Recipe,
    out: Path,
    *,
    more: Mapping[str, Callable[[Path], None]] | None = None,
    notes: Sequence[str] = (),
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
    more : Mapping
        Further files by name, and what writes each to the path that it is given: what takes more than ``export``.
    notes : Sequence of str
        What the review says of the section's site, for the report.

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
        inputs = input_checksums(result, written, final, on_progress=share_of(on_progress, 0.0, 0.5))
        on_progress(0.5, "writing the tables")
        _write_tables(result, folder)
        if _has_placed_landmarks(recipe):
            rough = result.alignment if result.refined_from is None else result.refined_from.rough
            write_landmarks(rough.landmarks, folder / PLACED)
        on_progress(0.7, "writing the images")
        _write_images(result, folder)
        write_regions(result, recipe.section.id, folder)
        if recipe.tissue.exclude == LEFT_OUT:
            _write_left_out(result, folder / LEFT_OUT)
        _write_polygons(result, recipe.section.id, folder)
        for name, write in (more or {}).items():
            on_progress(0.75, f"writing {name}")
            write(folder / name)
        recipe_text = dump_recipe(written, folder=final)
        facts = provenance(result, written, inputs)
        _write_text(recipe_text, folder / "recipe.yaml")
        _write_text(json_text(facts, indent=1), folder / PROVENANCE_NAME)
        methods = methods_text(recipe, result)
        _write_text(methods, folder / METHODS_NAME)
        if recipe.export.report:
            figures = draw_figures(result, on_progress=share_of(on_progress, 0.78, 0.97))
            _write_figures(figures, folder / "figures")
            page = render_report(
                result, recipe, recipe_text, figures=figures, methods=methods, inputs=inputs, notes=notes
            )
            _write_text(page, folder / REPORT_NAME)
        on_progress(1.0, "results written")
    return out


def _rerunnable(result: SectionResult, recipe: Recipe, final: Path) -> Recipe:
    """Name what a person did by hand as a file of the results folder."""
    named: dict[str, Any] = {}
    if result.tissue.method == "painted":
        named["tissue"] = recipe.tissue.model_copy(update={"method": str(final / _TISSUE_NAME)})
    if recipe.tissue.exclude == LEFT_OUT:
        named["tissue"] = named.get("tissue", recipe.tissue).model_copy(update={"exclude": final / LEFT_OUT})
    if recipe.align != "none" and _has_placed_landmarks(recipe):
        named["align"] = recipe.align.model_copy(update={"landmarks": final / PLACED})
    return recipe.model_copy(update=named)


def _has_placed_landmarks(recipe: Recipe) -> bool:
    return recipe.align != "none" and recipe.align.landmarks == PLACED


def _write_tables(result: SectionResult, folder: Path) -> None:
    niches = result.niches
    write_table(niches.regions, folder / "regions.csv")
    write_table(niches.associations, folder / "associations.csv")
    write_table(niches.gradients, folder / "gradients.csv")
    write_table(niches.margin, folder / "margin.csv")
    write_table(niches.summary, folder / "summary.csv")
    if niches.map.hot_labels is not None:
        write_table(niches.inflamed, folder / "inflamed.csv")
    write_table(niches.axes, folder / "axes.csv")
    write_table(niches.ratios, folder / "ratios.csv")
    write_table(niches.hypotheses, folder / "hypotheses.csv")
    write_table(with_regions(niches.cells, result), folder / "cells.csv")
    write_table(result.channels.table, folder / "channels.csv")


def _write_images(result: SectionResult, folder: Path) -> None:
    size = result.dataset.grid.spacing_um
    niches = result.niches.map
    write_ome_tiff(niches.labels.astype(np.int32), folder / "niches.ome.tif", pixel_size_um=size)
    write_ome_tiff(result.tissue.mask.astype(np.uint8), folder / _TISSUE_NAME, pixel_size_um=size)
    write_ome_tiff(niches.coldness.astype(np.float32), folder / "coldness.ome.tif", pixel_size_um=size)


def _write_left_out(result: SectionResult, path: Path) -> None:
    """Write what was drawn as left out of the tissue: the recipe in the folder names it."""
    mask = np.logical_or.reduce([np.zeros_like(result.tissue.mask), *(part.mask for part in result.tissue.left_out)])
    write_ome_tiff(mask.astype(np.uint8), path, pixel_size_um=result.dataset.grid.spacing_um)


def _write_polygons(result: SectionResult, section_id: str, folder: Path) -> None:
    niches, grid = result.niches, result.dataset.grid
    text = niches_geojson(niches.map.labels, grid, niches.regions, section_id=section_id)
    _write_text(text, folder / "niches.geojson")
    if result.source_unit == "px":
        to_source = result.alignment.to_source
        text = niches_geojson(niches.map.labels, grid, niches.regions, section_id=section_id, to_frame=to_source)
        _write_text(text, folder / "niches_source.geojson")


def _write_figures(figures: Mapping[str, Drawn], folder: Path) -> None:
    folder.mkdir()
    for name, figure in figures.items():
        (folder / f"{name}.png").write_bytes(figure.png)
        (folder / f"{name}.svg").write_bytes(figure.svg)


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
