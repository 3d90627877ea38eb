"""What a run writes: tables, images, polygons, the recipe, where it came from, and a report."""

from napari_metime.export.folder import check_output_folder
from napari_metime.export.images import check_image_name, write_images
from napari_metime.export.results import write_results

__all__ = ["check_image_name", "check_output_folder", "write_images", "write_results"]
