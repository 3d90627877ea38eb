"""Landmarks in, the transform from cells to section and its error out."""

from napari_metime.alignment.from_recipe import align_cells, place_cells
from napari_metime.alignment.jitter import draw_alignments
from napari_metime.alignment.landmarks import read_landmarks
from napari_metime.alignment.outliers import standing_out
from napari_metime.alignment.pictures import Picture, checkerboard
from napari_metime.alignment.refinement import Refinement, refine
from napari_metime.alignment.stiffness import asked_for
from napari_metime.alignment.transform_files import read_transform, write_transform
from napari_metime.alignment.transforms import fit_landmarks, from_matrix, from_scale
from napari_metime.alignment.uncertainty import bound_um

__all__ = [
    "Picture",
    "Refinement",
    "align_cells",
    "asked_for",
    "bound_um",
    "checkerboard",
    "draw_alignments",
    "fit_landmarks",
    "from_matrix",
    "from_scale",
    "place_cells",
    "read_landmarks",
    "read_transform",
    "refine",
    "standing_out",
    "write_transform",
]
