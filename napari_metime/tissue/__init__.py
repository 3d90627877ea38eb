"""Which pixels are tissue, and its regions by spectra."""

from napari_metime.tissue.by_cells import tissue_of_cells
from napari_metime.tissue.components import principal_components
from napari_metime.tissue.markers import carried_names, compare_labels, joined, name_regions
from napari_metime.tissue.mask import find_tissue_mask
from napari_metime.tissue.regions import find_regions

__all__ = [
    "carried_names",
    "compare_labels",
    "find_regions",
    "find_tissue_mask",
    "joined",
    "name_regions",
    "principal_components",
    "tissue_of_cells",
]
