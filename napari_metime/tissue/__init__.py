"""Which pixels are tissue."""

from napari_metime.tissue.mask import find_tissue_mask

__all__ = ["find_tissue_mask"]
