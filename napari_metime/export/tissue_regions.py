"""The regions of the tissue as files: their labels, their marker ions, and the region of each cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from napari_metime.export.images import write_ome_tiff
from napari_metime.export.tables import write_table
from napari_metime.section import SectionResult

LABELS, MARKERS = "tissue_regions.ome.tif", "markers.csv"


def write_regions(result: SectionResult, section_id: str, folder: Path) -> None:
    """Write labels and markers where regions were asked for; the labels are those that the recipe names."""
    regions = result.tissue.regions
    if regions is None:
        return
    write_ome_tiff(regions.labels, folder / LABELS, pixel_size_um=result.dataset.grid.spacing_um)
    markers = regions.markers.copy()
    markers.insert(0, "section_id", section_id)
    write_table(markers, folder / MARKERS)


def notes_of_tissue(result: SectionResult) -> tuple[str, ...]:
    """Say how the tissue was found, and its regions where they were asked for."""
    regions = result.tissue.regions
    if regions is None:
        return (result.tissue.note,)
    named = ", ".join(f"{label} = {name}" for label, name in regions.names.items() if name != str(label))
    return (result.tissue.note, f"{regions.note} ({named})" if named else regions.note)


def with_regions(cells: pd.DataFrame, result: SectionResult) -> pd.DataFrame:
    """Return the rows of cells.csv with the name of the region that each lies in; as they are without regions."""
    regions = result.tissue.regions
    if regions is None:
        return cells
    x_um, y_um = (cells[name].to_numpy(dtype=np.float64) for name in ("x_um", "y_um"))
    return cells.assign(tissue_region=regions.at(result.dataset.grid.pixel_of(x_um, y_um)))
