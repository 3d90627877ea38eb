"""Landmarks in, the transform from cells to section and its error out."""

from __future__ import annotations

from napari_metime.alignment.landmarks import read_landmarks
from napari_metime.alignment.transforms import fit_landmarks, from_matrix, from_scale

__all__ = ["fit_landmarks", "from_matrix", "from_scale", "read_landmarks"]
