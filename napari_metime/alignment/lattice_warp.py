"""A bending of the plane, given on a lattice of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.errors import AlignmentError

Points = NDArray[np.float64]

MAX_STEPS = 100
INVERTED_UM = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LatticeWarp:
    """How far each place is moved: cubic splines between the points of a lattice, and as at its border outside.

    Parameters
    ----------
    origin_um, step_um : (x, y), the first point and the distance of the points
    coefficients : ndarray of shape (2, rows, cols): of the splines through the shifts in x and in y; see ``through``
    """

    origin_um: tuple[float, float]
    step_um: tuple[float, float]
    coefficients: NDArray[np.float64]

    @classmethod
    def through(
        cls, origin_um: tuple[float, float], step_um: tuple[float, float], shift_um: NDArray[np.float64]
    ) -> LatticeWarp:
        """Return the warp that moves the points of a lattice by ``shift_um``, shape (2, rows, cols)."""
        return cls(
            origin_um, step_um, np.stack([ndimage.spline_filter(part, order=3, mode="mirror") for part in shift_um])
        )

    def __call__(self, x_um: Points, y_um: Points) -> tuple[Points, Points]:
        """Return where (x_um, y_um) are moved to."""
        x, y = np.asarray(x_um, dtype=np.float64), np.asarray(y_um, dtype=np.float64)
        rows, cols = self.coefficients.shape[1:]
        row = np.clip((y - self.origin_um[1]) / self.step_um[1], 0, rows - 1)
        col = np.clip((x - self.origin_um[0]) / self.step_um[0], 0, cols - 1)
        dx, dy = (
            ndimage.map_coordinates(part, [row, col], order=3, mode="mirror", prefilter=False)
            for part in self.coefficients
        )
        return x + dx, y + dy

    def points(self) -> tuple[Points, Points]:
        """Return x_um and y_um of the lattice, both of shape (rows, cols)."""
        rows, cols = self.coefficients.shape[1:]
        x = self.origin_um[0] + self.step_um[0] * np.arange(cols)
        x_um, y_um = np.meshgrid(x, self.origin_um[1] + self.step_um[1] * np.arange(rows))
        return x_um, y_um

    def least_area_scale(self) -> float:
        """Return by how much area shrinks where it does most; 0 or less where the warp folds."""
        x_um, y_um = self(*self.points())
        dx_row, dx_col = np.gradient(x_um, *self.step_um[::-1])
        dy_row, dy_col = np.gradient(y_um, *self.step_um[::-1])
        return float((dx_col * dy_row - dx_row * dy_col).min())

    def inverse(self) -> LatticeWarp:
        """Return the warp back, on the same lattice.

        Raises
        ------
        AlignmentError
            It moves neighbours so differently that fixed-point steps do not end.
        """
        to_x, to_y = self.points()
        x, y = to_x, to_y
        for _ in range(MAX_STEPS):
            at_x, at_y = self(x, y)
            off_x, off_y = to_x - at_x, to_y - at_y
            x, y = x + off_x, y + off_y
            if max(np.abs(off_x).max(), np.abs(off_y).max()) < INVERTED_UM:
                return LatticeWarp.through(self.origin_um, self.step_um, np.stack([x - to_x, y - to_y]))
        raise AlignmentError(
            "expected a bending that can be turned back, found one that moves neighbours too differently; "
            "use align.refine.transform: affine"
        )
