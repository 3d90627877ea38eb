"""Cells from a label mask: an image in which every pixel holds the number of the cell that covers it, 0 for none.

Positions are in pixels of the mask with the origin at the centre of its first pixel, as the tables that are computed
from such masks have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_metime.cells.assembling import FoundCells
from napari_metime.errors import CellTableError, MissingFileError

MAX_PIXELS = 20_000_000_000
MAX_LABEL = 20_000_000
"""Highest number of a cell: the sums are kept by number, 24 bytes each."""
MAX_SEGMENT_BYTES = 2_000_000_000
BLOCK_BYTES = 16_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What a mask says of each label that occurs in it.

    Parameters
    ----------
    number : ndarray of shape (n,), int64, ascending
    area : ndarray of shape (n,), float64, px²
    x, y : ndarray of shape (n,), float64, px; mean of the pixel centres
    """

    number: NDArray[np.int64]
    area: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def read_label_cells(path: Path) -> FoundCells:
    """Take every label of a mask as a cell without a type, in px.

    Raises
    ------
    MissingFileError, CellTableError
        As ``measure_labels``.
    """
    labels = measure_labels(path)
    one = (f"{path.name} holds one label only; where it is a mask of 0 and 1, give each cell a number of its own",)
    return FoundCells(
        source="label mask",
        x=labels.x,
        y=labels.y,
        types=np.full(labels.number.size, "", dtype=object),
        unit="px",
        told="centroids of the labels, origin at the centre of the first pixel; no types",
        cell_id=labels.number.astype(str).astype(object),
        warnings=one if labels.number.size == 1 else (),
        area=labels.area,
    )


def measure_labels(path: Path) -> Labels:
    """Measure area and centroid of each label of a TIFF, a part of it at a time.

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    CellTableError
        It is no single 2-D image of integers, damaged, has no labels, negative ones, or numbers above 20,000,000.
    """
    sums = np.zeros((3, 0), dtype=np.int64)
    for values, row, col in _blocks(path):
        low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
        if low < 0 or high > MAX_LABEL:
            raise CellTableError(
                f"{path.name}: expected labels from 1 to {MAX_LABEL:,} and 0 for no cell, "
                f"found {low if low < 0 else high:,}; number the cells anew"
            )
        if high >= sums.shape[1]:
            grown = min(max(high + 1, 2 * sums.shape[1]), MAX_LABEL + 1)
            sums = np.pad(sums, ((0, 0), (0, grown - sums.shape[1])))
        _add(values.astype(np.int64), row, col, sums)
    number = np.flatnonzero(sums[0]).astype(np.int64)
    if not number.size:
        raise CellTableError(f"{path.name}: expected labels of cells, found 0 in every pixel; check the mask")
    area = sums[0, number].astype(np.float64)
    return Labels(number, area, x=sums[2, number] / area, y=sums[1, number] / area)


@numba.njit(cache=True, nogil=True)
def _add(values, row, col, sums):  # type: ignore[no-untyped-def]
    """Add count, rows and columns of the pixels of each label; 0 is none."""
    for r in range(values.shape[0]):
        for c in range(values.shape[1]):
            label = values[r, c]
            if label > 0:
                sums[0, label] += 1
                sums[1, label] += row + r
                sums[2, label] += col + c


def _blocks(path: Path) -> Iterator[tuple[NDArray[np.integer], int, int]]:
    """Yield parts of the mask with their first row and column."""
    if not path.is_file():
        raise MissingFileError(f"expected a label mask at {path}, found no file; check cells.path and cells.labels")
    try:
        with tifffile.TiffFile(path) as file:
            page = _checked_page(file, path)
            if page.is_memmappable:
                yield from _rows(path, page, file.series[0].dtype.newbyteorder(file.byteorder))
            else:
                yield from _segments(page)
    except (CellTableError, GeneratorExit):
        raise
    except Exception as error:
        # Broad on purpose: a damaged TIFF raises any decoder's own error, or ZeroDivisionError. Only the decoding of
        # one outside file stands in the try.
        raise CellTableError(
            f"{path.name}: expected a TIFF of labels, found what cannot be read ({error!s:.160}); save it again"
        ) from error


def _checked_page(file: tifffile.TiffFile, path: Path) -> tifffile.TiffPage:
    """Return the page of a single 2-D image of integers (the largest level of a pyramid)."""
    if len(file.series) != 1:
        raise CellTableError(f"{path.name}: expected one label mask, found {len(file.series)} images; save it alone")
    series = file.series[0].levels[0]
    shape = tuple(n for n in series.shape if n != 1)
    if len(series.pages) != 1 or len(series.shape) - series.shape.count(1) > 2 or "S" in series.axes:
        told = "an RGB image" if "S" in series.axes else f"one of {' x '.join(map(str, shape))} ({series.axes})"
        raise CellTableError(f"{path.name}: expected a 2-D image of labels, found {told}; save the mask alone")
    if series.dtype.kind not in "iu":
        raise CellTableError(
            f"{path.name}: expected whole numbers as labels, found {series.dtype}; save the mask as integers"
        )
    page = series.keyframe
    height, width = page.imagelength, page.imagewidth
    part = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, height), width)
    n_bytes = series.dtype.itemsize * (1 if page.is_memmappable else part[0] * part[1])
    if height * width > MAX_PIXELS or n_bytes > MAX_SEGMENT_BYTES:
        raise CellTableError(
            f"{path.name}: expected at most {MAX_PIXELS:,} pixels in parts of at most 2 GB, "
            f"found {height:,} x {width:,} pixels; save the mask in tiles"
        )
    n_parts = -(-height // part[0]) * -(-width // part[1])
    if n_parts != len(page.dataoffsets):  # a few bytes may declare any number of them
        raise ValueError(f"{len(page.dataoffsets):,} tiles or strips in place of {n_parts:,}")
    return page


def _segments(page: tifffile.TiffPage) -> Iterator[tuple[NDArray[np.integer], int, int]]:
    """Yield the tiles or strips of an image, large ones in parts: they are converted to wider numbers later."""
    for data, at, shape in page.segments():
        if data is None:  # a tile that was never written is background
            continue
        values = data[0, : shape[1], : shape[2], 0]
        n_rows = max(BLOCK_BYTES // max(values.shape[1] * values.itemsize, 1), 1)
        for row in range(0, values.shape[0], n_rows):
            yield values[row : row + n_rows], int(at[2]) + row, int(at[3])


def _rows(path: Path, page: tifffile.TiffPage, dtype: np.dtype[Any]) -> Iterator[tuple[NDArray[np.integer], int, int]]:
    """Yield rows of an image that is stored as it is; mapped pages would count as memory."""
    width = page.imagewidth
    if path.stat().st_size < page.dataoffsets[0] + page.imagelength * width * dtype.itemsize:
        raise ValueError("the file ends before its last row")
    n_rows = max(BLOCK_BYTES // (width * dtype.itemsize), 1)
    with path.open("rb") as file:
        file.seek(page.dataoffsets[0])
        for row in range(0, page.imagelength, n_rows):
            taken = min(n_rows, page.imagelength - row)
            yield np.fromfile(file, dtype, taken * width).reshape(taken, width), row, 0
