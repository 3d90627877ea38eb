"""imzML in, ion images out."""

from napari_metime.ims.images import read_image, read_mask
from napari_metime.ims.ions import IonImages, extract_ions, feature_images, total_ion_image
from napari_metime.ims.parsing import NO_PIXEL_SIZE, open_imzml
from napari_metime.ims.parts import Part, grid_parts
from napari_metime.ims.spectra import read_spectrum

__all__ = [
    "NO_PIXEL_SIZE",
    "IonImages",
    "Part",
    "extract_ions",
    "feature_images",
    "grid_parts",
    "open_imzml",
    "read_image",
    "read_mask",
    "read_spectrum",
    "total_ion_image",
]
