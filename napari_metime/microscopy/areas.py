"""Polygons cut by the lines of a grid: how much of each image pixel lies in which grid pixel."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def add_areas(values, rows, cols, x, y, total, area):  # type: ignore[no-untyped-def]
    """Add the pixels of a block to the grid pixels that they overlap: value times area, and area.

    Parameters
    ----------
    values : ndarray of shape (n_channels, height, width), float64; NaN is left out
    rows, cols : ndarray, float64, ascending: lattice lines in pixels of the block, from 0 to height and to width
    x, y : ndarray of shape (rows, cols), float64: where the crossings lie, in grid pixels, origin at the outer corner.
        Between them, corners of pixels are interpolated along both axes.
    total, area : ndarray of shape (n_channels, grid rows, grid cols), float64; added to
    """
    height, width = values.shape[1:]
    n_rows, n_cols = area.shape[1:]
    upper_x, upper_y = np.empty(width + 1), np.empty(width + 1)
    lower_x, lower_y = np.empty(width + 1), np.empty(width + 1)
    quad, strip = np.empty((16, 2)), np.empty((16, 2))
    piece, one = np.empty((16, 2)), np.empty((16, 2))
    _corners(0.0, rows, cols, x, y, upper_x, upper_y)
    for r in range(height):
        _corners(r + 1.0, rows, cols, x, y, lower_x, lower_y)
        for c in range(width):
            x0, x1, x2, x3 = upper_x[c], upper_x[c + 1], lower_x[c + 1], lower_x[c]
            y0, y1, y2, y3 = upper_y[c], upper_y[c + 1], lower_y[c + 1], lower_y[c]
            left, right = np.floor(min(x0, x1, x2, x3)), np.floor(max(x0, x1, x2, x3))
            top, bottom = np.floor(min(y0, y1, y2, y3)), np.floor(max(y0, y1, y2, y3))
            if not (right >= 0 and bottom >= 0 and left < n_cols and top < n_rows):
                continue
            if left == right and top == bottom:
                share = abs((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0)) / 2
                _add(values, r, c, int(top), int(left), share, total, area)
                continue
            quad[0, 0], quad[0, 1], quad[1, 0], quad[1, 1] = x0, y0, x1, y1
            quad[2, 0], quad[2, 1], quad[3, 0], quad[3, 1] = x2, y2, x3, y3
            for i in range(int(max(top, 0.0)), int(min(bottom, n_rows - 1.0)) + 1):
                in_row, n = quad, 4
                if top < bottom:
                    in_row, n = strip, _between(quad, 4, 1, i, strip, one)
                for j in range(int(max(left, 0.0)), int(min(right, n_cols - 1.0)) + 1):
                    in_pixel, m = in_row, n
                    if left < right:
                        in_pixel, m = piece, _between(in_row, n, 0, j, piece, one)
                    share = _polygon_area(in_pixel, m)
                    if share > 0.0:
                        _add(values, r, c, i, j, share, total, area)
        upper_x, upper_y, lower_x, lower_y = lower_x, lower_y, upper_x, upper_y


@numba.njit(cache=True, nogil=True)
def _add(values, r, c, i, j, share, total, area):  # type: ignore[no-untyped-def]
    for k in range(values.shape[0]):
        value = values[k, r, c]
        if np.isfinite(value):
            total[k, i, j] += share * value
            area[k, i, j] += share


@numba.njit(cache=True, nogil=True)
def _corners(row, rows, cols, x, y, along_x, along_y):  # type: ignore[no-untyped-def]
    """Write where the corners between the pixels of a row lie, by interpolation on the lattice."""
    a = min(max(np.searchsorted(rows, row, side="right") - 1, 0), rows.size - 2)
    v = (row - rows[a]) / (rows[a + 1] - rows[a])
    for b in range(cols.size - 1):
        first, stop = int(cols[b]), int(cols[b + 1])
        left_x, left_y = x[a, b] + v * (x[a + 1, b] - x[a, b]), y[a, b] + v * (y[a + 1, b] - y[a, b])
        right_x = x[a, b + 1] + v * (x[a + 1, b + 1] - x[a, b + 1])
        right_y = y[a, b + 1] + v * (y[a + 1, b + 1] - y[a, b + 1])
        for c in range(first, stop):
            u = (c - first) / (stop - first)
            along_x[c], along_y[c] = left_x + u * (right_x - left_x), left_y + u * (right_y - left_y)
        along_x[stop], along_y[stop] = right_x, right_y


@numba.njit(cache=True, nogil=True)
def _between(polygon, n, axis, at, found, one):  # type: ignore[no-untyped-def]
    """Write the part of a polygon between ``at`` and ``at + 1`` on an axis, return its number of corners.

    Cut by one line after the other: Sutherland and Hodgman 1974 (Commun. ACM 17:32).
    """
    n = _cut(polygon, n, axis, float(at), 1.0, one)
    return _cut(one, n, axis, at + 1.0, -1.0, found)


@numba.njit(cache=True, nogil=True)
def _cut(polygon, n, axis, at, sign, found):  # type: ignore[no-untyped-def]
    """Write the part of a polygon on one side of a line, return its number of corners."""
    m = 0
    for k in range(n):
        after = k + 1 if k + 1 < n else 0
        here, there = sign * (polygon[k, axis] - at), sign * (polygon[after, axis] - at)
        if here >= 0.0:
            found[m, 0], found[m, 1] = polygon[k, 0], polygon[k, 1]
            m += 1
        if (here > 0.0 and there < 0.0) or (here < 0.0 and there > 0.0):
            t = here / (here - there)
            other = 1 - axis
            found[m, axis] = at
            found[m, other] = polygon[k, other] + t * (polygon[after, other] - polygon[k, other])
            m += 1
    return m


@numba.njit(cache=True, nogil=True)
def _polygon_area(polygon, n):  # type: ignore[no-untyped-def]
    """Return the area of a polygon, by the shoelace formula around its first corner."""
    twice = 0.0
    for k in range(1, n - 1):
        twice += (polygon[k, 0] - polygon[0, 0]) * (polygon[k + 1, 1] - polygon[0, 1])
        twice -= (polygon[k + 1, 0] - polygon[0, 0]) * (polygon[k, 1] - polygon[0, 1])
    return abs(twice) / 2
