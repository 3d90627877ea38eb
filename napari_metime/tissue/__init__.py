"""Which pixels are tissue."""

from napari_metime.tissue.by_cells import tissue_of_cells
from napari_metime.tissue.mask import find_tissue_mask, principal_components

__all__ = ["find_tissue_mask", "principal_components", "tissue_of_cells"]
