"""Where names and legends stand in a plot, so that they cover little of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GAP_PX, STEP_PX, N_STEPS = 8.0, 6.0, 16
"""Between a point and its name, between the heights that are tried, and how many are. Our own choice."""
APART_PX = 8.0
"""Between names side by side, which would read as one. Our own choice."""


def place_names(
    at: NDArray[np.float64], sizes: NDArray[np.float64], taken: NDArray[np.float64], room: tuple[float, float]
) -> list[tuple[float, float] | None]:
    """Return where the names of some points stand; None for a name that finds no free place.

    Parameters
    ----------
    at : the points to name, shape (n, 2), in pixels; the first is placed first
    sizes : width and height of their names, shape (n, 2), in pixels
    taken : left, top, right and bottom of what no name may cover, shape (m, 4), in pixels
    room : width and height of the plot, in pixels

    Returns
    -------
    places : of the upper left corners, in pixels

    Notes
    -----
    Each name takes the free place nearest to its point, of those to the right, to the left, above and below.
    """
    placed: list[tuple[float, float] | None] = []
    for (x, y), (width, height) in zip(at, sizes, strict=True):
        found = None
        for left, top in _places(float(x), float(y), float(width), float(height)):
            box = (left, top, left + width, top + height)
            if left < 0 or top < 0 or box[2] > room[0] or box[3] > room[1]:
                continue
            if not _covers(box, taken):
                found = (left, top)
                taken = np.vstack([taken, (left - APART_PX, top, left + width + APART_PX, top + height)])
                break
        placed.append(found)
    return placed


def freest_corner(curves: NDArray[np.float64], size: tuple[float, float]) -> tuple[int, int]:
    """Return the corner of a plot in which a legend covers least of what is drawn.

    Parameters
    ----------
    curves : points all along what is drawn, shape (n, 2), in shares of the plot's width and height, from its upper left
    size : width and height of the legend, in the same shares

    Returns
    -------
    corner : 0 = left, 1 = right, and 0 = top, 1 = bottom; the upper right where others are no better
    """
    x, y = curves.T

    def covered(corner: tuple[int, int]) -> int:
        is_beside = x > 1 - size[0] if corner[0] else x < size[0]
        return int((is_beside & (y > 1 - size[1] if corner[1] else y < size[1])).sum())

    return min(((1, 0), (1, 1), (0, 0), (0, 1)), key=covered)


def _places(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    """Return the places that are tried for a name, the nearest to its point first."""
    sides = (x + GAP_PX, x - GAP_PX - width, x - width / 2)
    heights = [y - height / 2 + sign * step * STEP_PX for step in range(N_STEPS + 1) for sign in (-1.0, 1.0)]
    places = [(left, top) for top in dict.fromkeys(heights) for left in sides]

    def away(place: tuple[float, float]) -> float:
        left, top = place
        return float(np.hypot(max(left - x, x - left - width, 0.0), max(top - y, y - top - height, 0.0)))

    return sorted((place for place in places if away(place) > 0), key=away)  # never over its own point


def _covers(box: tuple[float, float, float, float], taken: NDArray[np.float64]) -> bool:
    left, top, right, bottom = box
    is_over = (left < taken[:, 2]) & (taken[:, 0] < right) & (top < taken[:, 3]) & (taken[:, 1] < bottom)
    return bool(is_over.any())
