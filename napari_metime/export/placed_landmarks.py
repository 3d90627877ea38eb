"""Landmarks that a person set in the window: no file holds them until they are written beside the recipe."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import OutputError

PLACED = Path("landmarks.csv")
"""Stands for them in an unfinished recipe; the paths of a loaded one are absolute, so none is equal to it."""
LEFT_OUT = Path("left_out.ome.tif")
"""Stands likewise for what a person drew as left out of the tissue."""
HEADER = ("source_x", "source_y", "target_x_um", "target_y_um")


def write_landmarks(landmarks: NDArray[np.float64], path: Path) -> Path:
    """Write landmarks, shape (n, 4), with every digit: the fit to the file is the fit to them.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows([repr(float(value)) for value in row] for row in landmarks)
    except OSError as error:
        raise OutputError(
            f"expected to write {path}, found {error.strerror or error}; choose another folder"
        ) from error
    return path
