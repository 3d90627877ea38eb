"""What is written: a run's tables, images, polygons, recipe and report; ion images; a part of an imzML."""

from napari_metime.export.anndata import write_anndata
from napari_metime.export.folder import check_output_folder
from napari_metime.export.images import check_image_name, write_images, write_ome_tiff
from napari_metime.export.imzml import save_part
from napari_metime.export.results import write_results
from napari_metime.export.tables import write_table
from napari_metime.export.words import niche_sentences

__all__ = [
    "check_image_name",
    "check_output_folder",
    "niche_sentences",
    "save_part",
    "write_anndata",
    "write_images",
    "write_ome_tiff",
    "write_results",
    "write_table",
]
