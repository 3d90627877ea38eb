"""Which share of each cell lies in which pixel: exact for outlines and for discs.

The coverage of an outline is summed edge by edge: every piece of an edge within a pixel adds the signed area
between itself and the right-hand border of the grid (Green's theorem), so that concave shapes and pixels of any
size take one pass over the edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.cells.rings import ring_moments
from napari_metime.errors import CellTableError
from napari_metime.section import CellTable, Grid

BLOCK_OVERLAPS = 4_000_000
"""Overlaps that are held at a time: 64 MB."""
MIN_AREA_OF_BOX = 1e-9
"""Share of its own box below which an outline counts as a line: the share of a pixel in it could not be told."""
_POINT, _DISC, _RING = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The pixels of some cells in a row.

    Parameters
    ----------
    first : number of the first of them
    start : ndarray of shape (n + 1,), int64: cell ``first + i`` has the entries start[i] : start[i + 1]
    pixel : ndarray of shape (m,), int64, flat index on the grid
    share : ndarray of shape (m,), float64: of the cell's area in that pixel; what is missing to 1 is off the grid
    """

    first: int
    start: NDArray[np.int64]
    pixel: NDArray[np.int64]
    share: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Shapes:
    """Cells as shapes over the grid, in pixels with the origin at the outer corner of pixel (0, 0).

    box : (n, 4), int64: first row, stop row, first column, stop column of the pixels that may hold a part
    """

    kind: NDArray[np.int8]
    xy: NDArray[np.float64]
    radius: NDArray[np.float64]
    ring_xy: NDArray[np.float64]
    ring_start: NDArray[np.int64]
    ring_area: NDArray[np.float64]
    box: NDArray[np.int64]


def iterate_overlaps(cells: CellTable, grid: Grid) -> Iterator[Overlaps]:
    """Yield the shares of all cells, in the order of the table, a bounded number at a time.

    A cell is its outline; without one, a disc of its area; without an area, the point of its centre, which lies
    whole in one pixel. So does a cell whose outline crosses itself such that a share would be negative.

    Parameters
    ----------
    cells : in section µm

    Raises
    ------
    ImzMLError
        The pixel size is unknown.
    CellTableError
        The cells are in pixels of their own image.
    """
    if cells.unit != "um":
        raise CellTableError(f"expected cells in section µm, found {cells.unit}; align them first")
    shapes = _shapes(cells, grid)
    sizes = (shapes.box[:, 1] - shapes.box[:, 0]) * (shapes.box[:, 3] - shapes.box[:, 2])
    ends = np.cumsum(sizes)
    height_um, width_um = grid.spacing_um
    first, done = 0, 0
    while first < cells.n_cells:
        stop = max(first + 1, int(np.searchsorted(ends, done + BLOCK_OVERLAPS, side="right")))
        n_most = int(ends[stop - 1]) - done
        start, pixel, share = np.zeros(stop - first + 1, np.int64), np.empty(n_most, np.int64), np.empty(n_most)
        scratch = np.empty(int((sizes[first:stop] + shapes.box[first:stop, 1]).max(initial=0)) + 1)
        taken = slice(first, stop)
        n = _fill(
            *(shapes.kind[taken], shapes.xy[taken], shapes.radius[taken], shapes.box[taken]),
            *(shapes.ring_xy, shapes.ring_start[first : stop + 1], shapes.ring_area[taken]),
            *(height_um, width_um, *grid.shape, scratch, start, pixel, share),
        )
        yield Overlaps(first, start, pixel[:n], share[:n])
        first, done = stop, int(ends[stop - 1])


def _shapes(cells: CellTable, grid: Grid) -> _Shapes:
    spacing = np.array(grid.spacing_um[::-1])
    n = cells.n_cells
    xy = np.column_stack([cells.x, cells.y]) / spacing + 0.5
    outlines = cells.outlines
    ring_xy = np.empty((0, 2)) if outlines is None else outlines.xy / spacing + 0.5
    ring_start = np.zeros(n + 1, np.int64) if outlines is None else outlines.start.astype(np.int64, copy=False)
    ring_area, _ = ring_moments(ring_xy, ring_start)
    low, high = _bounds(ring_xy, ring_start)
    with np.errstate(invalid="ignore"):
        has_ring = np.abs(ring_area) > MIN_AREA_OF_BOX * np.prod(high - low, axis=1)
        radius = np.sqrt((cells.area if cells.area.size else np.full(n, np.nan)) / np.pi)
    has_ring &= np.isfinite(ring_area) & (ring_area != 0)
    has_disc = ~has_ring & np.isfinite(radius) & (radius > 0)
    reach = np.where(has_disc, radius, 0.0)[:, None] / spacing
    low, high = np.where(has_ring[:, None], low, xy - reach), np.where(has_ring[:, None], high, xy + reach)
    return _Shapes(
        kind=np.where(has_ring, _RING, np.where(has_disc, _DISC, _POINT)).astype(np.int8),
        xy=xy,
        radius=radius,
        ring_xy=ring_xy,
        ring_start=ring_start,
        ring_area=ring_area,
        box=_box(np.minimum(low, xy), np.maximum(high, xy), grid.shape),
    )


def _box(low: NDArray[np.float64], high: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return the pixels over which boxes reach, cut to the grid; a centre on a border lies in the later pixel."""
    most = np.array(shape[::-1], dtype=np.float64)
    first = np.clip(np.floor(low), 0, most).astype(np.int64)
    stop = np.maximum(np.clip(np.floor(high) + 1, 0, most).astype(np.int64), first)
    return np.column_stack([first[:, 1], stop[:, 1], first[:, 0], stop[:, 0]])


@numba.njit(cache=True, nogil=True)
def _bounds(xy, start):  # type: ignore[no-untyped-def]
    """Return the lowest and highest (x, y) of each ring; NaN for one without points."""
    n = start.size - 1
    low, high = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
    for i in range(n):
        for axis in range(2):
            for k in range(start[i], start[i + 1]):
                value = xy[k, axis]
                if k == start[i] or value < low[i, axis]:
                    low[i, axis] = value
                if k == start[i] or value > high[i, axis]:
                    high[i, axis] = value
    return low, high


@numba.njit(cache=True, nogil=True)
def _fill(  # type: ignore[no-untyped-def]
    kind, xy, radius, box, ring_xy, ring_start, ring_area, height, width, rows, cols, scratch, start, pixel, share
):
    """Write the overlaps of the cells; return how many there are."""
    n = 0
    for i in range(kind.size):
        top, stop_row, left, stop_col = box[i]
        n_rows, n_cols = stop_row - top, stop_col - left
        is_whole = kind[i] == 0
        if n_rows > 0 and n_cols > 0 and not is_whole:
            cover = scratch[: n_rows * (n_cols + 1)]
            if kind[i] == 2:
                ring = ring_xy[ring_start[i] : ring_start[i + 1]]
                _cover_ring(cover, n_rows, n_cols, ring, top, left)
                is_whole = not _scale(cover, 1.0 / ring_area[i])
            else:
                _cover_disc(cover, n_rows, n_cols, xy[i], radius[i], top, left, height, width)
            if not is_whole:
                for r in range(n_rows):
                    for c in range(n_cols):
                        value = cover[r * (n_cols + 1) + c]
                        if value > 0.0:
                            pixel[n], share[n] = (top + r) * cols + left + c, value
                            n += 1
        row, col = np.floor(xy[i, 1]), np.floor(xy[i, 0])
        if is_whole and 0 <= row < rows and 0 <= col < cols:
            pixel[n], share[n] = np.int64(row) * cols + np.int64(col), 1.0
            n += 1
        start[i + 1] = n
    return n


@numba.njit(cache=True, nogil=True)
def _scale(cover, factor):  # type: ignore[no-untyped-def]
    """Turn areas into shares; say whether they are such."""
    for k in range(cover.size):
        cover[k] *= factor
        if cover[k] < -1e-9:
            return False
        if cover[k] < 1e-14:  # what is left of a sum that is zero
            cover[k] = 0.0
    return True


@numba.njit(cache=True, nogil=True)
def _cover_ring(cover, n_rows, n_cols, ring, top, left):  # type: ignore[no-untyped-def]
    """Write the signed area of a ring in each pixel of a box; the last column holds what lies to the right of it."""
    cover[:] = 0.0
    for k in range(ring.shape[0]):
        after = k + 1 if k + 1 < ring.shape[0] else 0
        x0, y0, x1, y1 = ring[k, 0] - left, ring[k, 1] - top, ring[after, 0] - left, ring[after, 1] - top
        if y0 <= y1:
            _add_edge(cover, n_rows, n_cols, x0, y0, x1, y1, 1.0)
        else:
            _add_edge(cover, n_rows, n_cols, x1, y1, x0, y0, -1.0)
    for r in range(n_rows):
        total = 0.0
        for k in range(r * (n_cols + 1), (r + 1) * (n_cols + 1) - 1):
            total += cover[k]
            cover[k] = total
        cover[(r + 1) * (n_cols + 1) - 1] = 0.0


@numba.njit(cache=True, nogil=True)
def _add_edge(cover, n_rows, n_cols, x0, y0, x1, y1, sign):  # type: ignore[no-untyped-def]
    """Add an edge that goes down (y0 <= y1), row by row.

    An edge that goes down bounds a ring of positive shoelace area on the right (y points down), so it takes away.
    """
    if y0 == y1 or y1 <= 0.0 or y0 >= n_rows:
        return
    slope = (x1 - x0) / (y1 - y0)
    y, end = max(y0, 0.0), min(y1, float(n_rows))
    x = x0 + (y - y0) * slope
    row = int(y)
    while y < end:
        next_y = min(row + 1.0, end)
        next_x = x1 if next_y == y1 else x0 + (next_y - y0) * slope
        _add_piece(cover, row * (n_cols + 1), n_cols, min(x, next_x), max(x, next_x), -sign * (next_y - y))
        x, y = next_x, next_y
        row += 1


@numba.njit(cache=True, nogil=True)
def _add_piece(cover, at, n_cols, low, high, height):  # type: ignore[no-untyped-def]
    """Add a piece of an edge within one row, column by column: ``height`` to all pixels on its right."""
    if low >= n_cols:
        return
    if high <= 0.0:
        cover[at] += height
        return
    per_x = height / (high - low) if high > low else 0.0
    if low < 0.0:
        cover[at] -= per_x * low
    if high == low:
        col = int(low)
        cover[at + col] += height * (col + 1 - low)
        cover[at + col + 1] += height * (low - col)
        return
    col, x = int(max(low, 0.0)), max(low, 0.0)
    while x < high and col < n_cols:
        next_x = min(col + 1.0, high)
        part = per_x * (next_x - x)
        inside = (x + next_x) / 2 - col
        cover[at + col] += part * (1.0 - inside)
        cover[at + col + 1] += part * inside
        x = next_x
        col += 1


@numba.njit(cache=True, nogil=True)
def _cover_disc(cover, n_rows, n_cols, xy, radius, top, left, height, width):  # type: ignore[no-untyped-def]
    """Write the share of a disc in each pixel of a box, from the areas up to each corner."""
    for r in range(n_rows):
        y0, y1 = (top + r - xy[1]) * height / radius, (top + r + 1 - xy[1]) * height / radius
        above0 = _disc_up_to((left - xy[0]) * width / radius, y0)
        above1 = _disc_up_to((left - xy[0]) * width / radius, y1)
        for c in range(n_cols):
            x = (left + c + 1 - xy[0]) * width / radius
            next0, next1 = _disc_up_to(x, y0), _disc_up_to(x, y1)
            share = (next1 - next0 - above1 + above0) / np.pi
            cover[r * (n_cols + 1) + c] = share if share > 1e-15 else 0.0
            above0, above1 = next0, next1


@numba.njit(cache=True, nogil=True)
def _disc_up_to(x, y):  # type: ignore[no-untyped-def]
    """Return the area of the part of the unit disc that lies left of x and above y (smaller coordinates)."""
    x, y = min(max(x, -1.0), 1.0), min(max(y, -1.0), 1.0)
    left_of, above = _half_disc(x), _half_disc(y)
    if x * x + y * y < 1.0:
        return (left_of + above) / 2 - np.pi / 4 + x * y
    if x < 0.0:
        return 0.0 if y < 0.0 else left_of
    return above if y < 0.0 else left_of + above - np.pi


@numba.njit(cache=True, nogil=True)
def _half_disc(t):  # type: ignore[no-untyped-def]
    """Return the area of the part of the unit disc below ``t`` on one axis, with t in [-1, 1]."""
    return t * np.sqrt(1.0 - t * t) + np.arcsin(t) + np.pi / 2
