"""imzML in, ion images out."""

from napari_metime.ims.drawn import read_area
from napari_metime.ims.from_recipe import normalization_factors, normalization_vector, open_from_recipe
from napari_metime.ims.header import NO_PIXEL_SIZE
from napari_metime.ims.images import read_image, read_mask
from napari_metime.ims.index import Index, find_index
from napari_metime.ims.index_build import build_index
from napari_metime.ims.ions import IonImages, batches, extract_ions, feature_images
from napari_metime.ims.mean_spectrum import MeanSpectrum, mean_spectrum
from napari_metime.ims.normalization import PixelVectors, pixel_vectors, scale_factors
from napari_metime.ims.opening import check_checksum, find_ibd, open_imzml
from napari_metime.ims.parts import Part, grid_parts
from napari_metime.ims.peaks import Peaks, pick_peaks
from napari_metime.ims.recalibration import Recalibration, estimate_shift, recalibrate
from napari_metime.ims.spectra import read_spectrum

__all__ = [
    "NO_PIXEL_SIZE",
    "Index",
    "IonImages",
    "MeanSpectrum",
    "Part",
    "Peaks",
    "PixelVectors",
    "Recalibration",
    "batches",
    "build_index",
    "check_checksum",
    "estimate_shift",
    "extract_ions",
    "feature_images",
    "find_ibd",
    "find_index",
    "grid_parts",
    "mean_spectrum",
    "normalization_factors",
    "normalization_vector",
    "open_from_recipe",
    "open_imzml",
    "pick_peaks",
    "pixel_vectors",
    "read_area",
    "read_image",
    "read_mask",
    "read_spectrum",
    "recalibrate",
    "scale_factors",
]
