"""The results folder of a run: what ``export`` writes, and beside it what brings cells, pixels and frames together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime import export
from napari_metime.alignment import write_transform
from napari_metime.alignment.transform_files import Format
from napari_metime.cells import cells_on_grid, channels_at_cells
from napari_metime.masking import cells_of_part
from napari_metime.metabolites.hypotheses import notes_of_site
from napari_metime.recipe import Recipe
from napari_metime.section import ROLES, CellTable, Progress, SectionResult, no_progress

MAX_TYPE_IMAGES = 30
"""Types that get an image of their own, the most frequent ones; all others share one. Our choice."""
OTHER_TYPES = "all other types"
TRANSFORMS: dict[str, Format] = {
    "alignment.csv": "matrix_csv",
    "alignment_qupath.txt": "qupath",
    "alignment_itk.txt": "itk",
}
"""From the cell table's own unit to section µm, as a 3 x 3 matrix and for the programs that users have."""


def write_results(
    result: SectionResult, recipe: Recipe, out: Path, *, on_progress: Progress = no_progress
) -> Path:
    """Write every output file of a run into the folder ``out``; see ``export.write_results``, which raises the same.

    Returns
    -------
    Path
        ``out``.
    """
    export.check_output_folder(out, recipe)
    more: dict[str, Callable[[Path], None]] = {
        "cell_counts.ome.tif": partial(_write_counts, result),
        "cell_channels.csv": partial(_write_channels_at_cells, result),
    }
    if result.alignment.warp is None:  # what bends is said by its landmarks alone
        more |= {name: partial(write_transform, result.alignment, form=form) for name, form in TRANSFORMS.items()}
    notes = notes_of_site(recipe.section.site)
    return export.write_results(result, recipe, out, more=more, notes=notes, on_progress=on_progress)


def _write_counts(result: SectionResult, path: Path) -> None:
    names, images = cell_count_images(result)
    export.write_ome_tiff(
        images, path, pixel_size_um=result.dataset.grid.spacing_um, names=names, is_compressed=True
    )


def cell_count_images(result: SectionResult) -> tuple[list[str], NDArray[np.float64]]:
    """Count the cells of each role and type on the pixels, by the share of their area.

    Returns
    -------
    names : the roles, ``n_measured`` (all cells), ``purity`` (share of the most frequent type), ``type:`` each type
    images : ndarray of shape (n, rows, cols), float64; NaN where nothing can be said
    """
    cells, _ = cells_of_part(result.dataset, result.cells)
    counted = cells_on_grid(_with_frequent_types(cells), result.dataset.grid)
    names = [*ROLES, "n_measured", "purity", *(f"type:{name}" for name in counted.types)]
    images = np.concatenate([counted.by_role, counted.n_measured[None], counted.purity[None], counted.by_type])
    images[:, ~result.niches.valid] = np.nan
    return names, images


def _with_frequent_types(cells: CellTable) -> CellTable:
    """Return the cells with their rarer types as one: a column with a type for each cell must not fill the disk."""
    counts = pd.Series(cells.type).value_counts(sort=True)
    if len(counts) <= MAX_TYPE_IMAGES:
        return cells
    frequent = sorted(counts.index, key=lambda name: (-counts[name], name))[:MAX_TYPE_IMAGES]
    kind = np.where(pd.Series(cells.type).isin(frequent), cells.type, OTHER_TYPES).astype(object)
    return replace(cells, type=kind)


def _write_channels_at_cells(result: SectionResult, path: Path) -> None:
    export.write_table(channels_of_cells(result), path)


def channels_of_cells(result: SectionResult) -> pd.DataFrame:
    """Average each channel over each cell: a row per row of cells.csv.

    Returns
    -------
    DataFrame
        cell_id; covered_fraction, the share of the cell on pixels of which something can be said; and ``mean_`` each
        channel over that share, as float32, NaN where there is none.
    """
    cells, _ = cells_of_part(result.dataset, result.cells)
    channels, valid = result.channels.channels, result.niches.valid
    # The first image is there for the covered fraction, without any channel too.
    images = np.stack([np.where(valid, 1.0, np.nan), *(np.where(valid, c.image, np.nan) for c in channels)])
    values, covered = channels_at_cells(cells, images.astype(np.float32), result.dataset.grid)
    columns = {f"mean_{c.name}": values[:, i + 1].astype(np.float32) for i, c in enumerate(channels)}
    return pd.DataFrame({"cell_id": cells.cell_id, "covered_fraction": covered, **columns})
