"""Connected sections on the grid: one imzML may hold several, and a run takes one."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.errors import ImzMLError
from napari_metime.section import Dataset

GAP_PIXELS = 2
"""Pixels closer than this belong to one section: lines that were lost leave gaps. Our default."""
_ARRAYS = (
    "row", "col", "mz_offset", "mz_length", "intensity_offset", "intensity_length", "ascending", "mz_encoded",
    "intensity_encoded", "mz_scale",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A connected section: its name, its box [row_min, col_min, row_max, col_max] (both ends in it), its pixels."""

    name: str
    box: tuple[int, int, int, int]
    n_pixels: int


def grid_parts(measured: NDArray[np.bool_]) -> tuple[Part, ...]:
    """Find the connected sections of a grid, in reading order of their boxes.

    Parameters
    ----------
    measured : ndarray of shape (rows, cols), bool
    """
    labels = _label(measured)
    parts = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        rows, cols = box
        n_pixels = int((labels[box] == number).sum())
        parts.append(Part(f"part{number}", (rows.start, cols.start, rows.stop - 1, cols.stop - 1), n_pixels))
    return tuple(parts)


def select_part(dataset: Dataset, part: str | tuple[int, int, int, int] | None) -> Dataset:
    """Keep the spectra of one part; grid, shape and frame stay those of the whole file.

    Raises
    ------
    ImzMLError
        No part has that name, or the box holds no spectrum.
    """
    if part is None:
        return _tell_parts(dataset)
    if isinstance(part, str):
        labels = _label(dataset.measured)
        names = [p.name for p in grid_parts(dataset.measured)]
        if part not in names:
            near = difflib.get_close_matches(part, names, n=1, cutoff=0.0)[0]
            raise ImzMLError(f"expected ims.part to name a part of the file, found {part!r}; the nearest is {near!r}")
        keep = labels[dataset.row, dataset.col] == names.index(part) + 1
    else:
        top, left, bottom, right = part
        row, col = dataset.row, dataset.col
        keep = (row >= top) & (row <= bottom) & (col >= left) & (col <= right)
    if not keep.any():
        raise ImzMLError(f"expected spectra in ims.part {part}, found none; see the boxes that info prints")
    kept = {name: getattr(dataset, name)[keep] for name in _ARRAYS if getattr(dataset, name) is not None}
    name = part if isinstance(part, str) else str(list(part))
    return replace(dataset, **kept, part=name, n_points=int(kept["intensity_length"].sum()))


def _label(measured: NDArray[np.bool_]) -> NDArray[np.int32]:
    # Labels of a grown mask, cut back to the measured pixels: bridges gaps without moving borders.
    padded = np.pad(measured, GAP_PIXELS)
    grown = ndimage.binary_dilation(padded, np.ones((2 * GAP_PIXELS - 1,) * 2))
    labels, _ = ndimage.label(grown, np.ones((3, 3)))
    inner = labels[GAP_PIXELS:-GAP_PIXELS, GAP_PIXELS:-GAP_PIXELS] * measured
    return np.asarray(inner, dtype=np.int32)


def _tell_parts(dataset: Dataset) -> Dataset:
    parts = grid_parts(dataset.measured)
    if len(parts) < 2:
        return dataset
    names = ", ".join(p.name for p in parts[:6]) + (", ..." if len(parts) > 6 else "")
    text = f"The file holds {len(parts)} separate parts ({names}); all were taken as one section. Set ims.part for one."
    return replace(dataset, warnings=(*dataset.warnings, text))
