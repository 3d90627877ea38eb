"""Area and centroid of closed rings, one after the other in one array."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


def ring_moments(xy: NDArray[np.float64], start: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the signed area and the centroid of each ring, by the shoelace formula.

    area = 1/2 sum (x_i y_{i+1} - x_{i+1} y_i), centroid_x = 1/(6 area) sum (x_i + x_{i+1}) (x_i y_{i+1} - x_{i+1} y_i).

    Parameters
    ----------
    xy : ndarray of shape (m, 2), float64; first points are not repeated
    start : ndarray of shape (n + 1,), int64; ring i is xy[start[i] : start[i + 1]]

    Returns
    -------
    area : ndarray of shape (n,), float64, in the unit of ``xy`` squared; 0 for a ring of fewer than three points
    centroid : ndarray of shape (n, 2), float64; the mean of the points where the area is 0, NaN where there is none
    """
    area, centroid = _moments(np.ascontiguousarray(xy, np.float64), np.ascontiguousarray(start, np.int64))
    return area, centroid


@numba.njit(cache=True, nogil=True)
def _moments(xy, start):  # type: ignore[no-untyped-def]
    n = start.size - 1
    area, centroid = np.zeros(n), np.full((n, 2), np.nan)
    for i in range(n):
        first, stop = start[i], start[i + 1]
        if stop == first:
            continue
        # From the ring's own first point: far from the origin the products would lose all digits.
        x0, y0 = xy[first, 0], xy[first, 1]
        twice, moment_x, moment_y, sum_x, sum_y = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(first, stop):
            after = k + 1 if k + 1 < stop else first
            x1, y1 = xy[k, 0] - x0, xy[k, 1] - y0
            x2, y2 = xy[after, 0] - x0, xy[after, 1] - y0
            cross = x1 * y2 - x2 * y1
            twice += cross
            moment_x += (x1 + x2) * cross
            moment_y += (y1 + y2) * cross
            sum_x += x1
            sum_y += y1
        area[i] = twice / 2
        if twice != 0.0:
            centroid[i, 0], centroid[i, 1] = x0 + moment_x / (3 * twice), y0 + moment_y / (3 * twice)
        else:
            centroid[i, 0], centroid[i, 1] = x0 + sum_x / (stop - first), y0 + sum_y / (stop - first)
    return area, centroid
