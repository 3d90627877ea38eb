"""Landmarks in, the transform from cells to section and its error out."""

from napari_metime.alignment.from_recipe import align_cells
from napari_metime.alignment.landmarks import read_landmarks
from napari_metime.alignment.transforms import fit_landmarks, from_matrix, from_scale

__all__ = ["align_cells", "fit_landmarks", "from_matrix", "from_scale", "read_landmarks"]
