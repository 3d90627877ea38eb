"""How large a region is, of which form, and where it lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import find_contours

from napari_metime.niches.domain import near, signed_distance_um
from napari_metime.section import Grid


def shape_of(grid: Grid, mask: NDArray[np.bool_], margin_um: NDArray[np.float64]) -> dict[str, float]:
    """Area, border, form and place of a region.

    Parameters
    ----------
    mask : ndarray of shape (rows, cols), bool
    margin_um : ndarray of shape (rows, cols), signed distance to the domain's border
    """
    height, width = grid.spacing_um
    row, col = np.nonzero(mask)
    distance = float(np.median(margin_um[mask])) if row.size else np.nan
    area_um2 = row.size * grid.pixel_area_um2
    return {
        "area_um2": area_um2,
        "perimeter_um": _perimeter_um(mask, grid.spacing_um),
        "centroid_x_um": float(col.mean() * width) if row.size else np.nan,
        "centroid_y_um": float(row.mean() * height) if row.size else np.nan,
        "distance_to_margin_um": distance if np.isfinite(distance) else np.nan,
        "n_pixels": row.size,
        "equivalent_diameter_um": float(np.sqrt(4 * area_um2 / np.pi)),
        "solidity": _solidity(row, col),
    }


def touches_edge(mask: NDArray[np.bool_], tissue: NDArray[np.bool_]) -> bool:
    """Whether a pixel of a region is next to what is no tissue, or to the end of the grid."""
    part = near(mask, 0.0, (1.0, 1.0))
    here = mask[part]
    # A part that was cut off at the end of the grid ends in what is no tissue; elsewhere it ends two pixels away.
    inner = ndimage.binary_erosion(np.pad(tissue, 1)[_widened(part)], np.ones((3, 3)))[1:-1, 1:-1]
    return bool((here & ~inner).any())


def distance_to_um(mask: NDArray[np.bool_], others: NDArray[np.bool_], spacing_um: tuple[float, float]) -> float:
    """Distance from the nearest pixel centre of a region to the border of ``others``; 0 inside, NaN without any."""
    if not (mask.any() and others.any()):
        return float("nan")
    return max(float(signed_distance_um(others, spacing_um)[mask].min()), 0.0)


def _widened(part: tuple[slice, slice]) -> tuple[slice, slice]:
    row, col = (slice(s.start, s.stop + 2) for s in part)
    return row, col


def _perimeter_um(mask: NDArray[np.bool_], spacing_um: tuple[float, float]) -> float:
    # The half-way contour cuts corners: pixel edges would make a disc's border 4 / pi too long.
    contours = find_contours(np.pad(mask, 1).astype(np.float64), 0.5)  # type: ignore[no-untyped-call]
    steps = (np.diff(contour, axis=0) * spacing_um for contour in contours)
    return float(sum(np.hypot(*step.T).sum() for step in steps))


def _solidity(row: NDArray[np.intp], col: NDArray[np.intp]) -> float:
    """Area over that of the convex hull, of pixels with their corners; the same whatever the pixels' size."""
    if not row.size:
        return float("nan")
    # Only the ends of each row of pixels can be corners of the hull.
    first, last = (np.full(int(row.max()) + 1, start) for start in (col.max(), col.min()))
    np.minimum.at(first, row, col)
    np.maximum.at(last, row, col)
    there = np.unique(row)
    corners = [
        np.stack([there + dy, ends[there] + dx], axis=1)
        for ends, dx in ((first, -0.5), (last, 0.5))
        for dy in (-0.5, 0.5)
    ]
    return float(row.size / ConvexHull(np.concatenate(corners)).volume)
