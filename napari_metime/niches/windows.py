"""Disc windows on a lattice: how large they must be, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

TARGET_EXPECTED = 10.0
"""Effectors that a window should expect: none at all is then evidence (p = e^-10). Our default, between detection
(more is surer) and place (smaller is sharper)."""
MAX_RADIUS_UM = 300.0
"""Above this a window no longer maps anything. Our default."""
MIN_RADIUS_PIXELS = 3.0
STEPS_PER_RADIUS = 3
"""Windows are laid no closer than this many to a radius: closer ones share nearly all of their cells. Our default."""


def choose_radius_um(
    n_effector: int, area_um2: float, spacing_um: tuple[float, float], *, alignment_error_um: float = float("nan")
) -> float:
    """Return the radius of the disc that expects ``TARGET_EXPECTED`` effectors.

    R = sqrt(E / (pi lambda)), lambda = effectors per area of the domain; at most ``MAX_RADIUS_UM``, at least
    three pixels and twice the alignment error.

    Parameters
    ----------
    n_effector : int
        Effectors in the domain.
    area_um2 : float
        Area of the domain in µm².
    spacing_um : (y, x)
        Pixel size in µm.
    alignment_error_um : float
        Target error of the alignment, NaN where unknown.
    """
    from_effectors = np.sqrt(TARGET_EXPECTED * area_um2 / (np.pi * max(n_effector, 1)))
    floor = np.nanmax([MIN_RADIUS_PIXELS * max(spacing_um), 2 * alignment_error_um])
    return float(max(min(from_effectors, MAX_RADIUS_UM), floor))


@dataclass(frozen=True, slots=True)
class Lattice:
    """Blocks of pixels of a grid: where windows are laid.

    Parameters
    ----------
    grid_shape : (rows, cols) of the grid
    block : (rows, cols) of pixels that make one place of the lattice
    spacing_um : (y, x) of a pixel
    """

    grid_shape: tuple[int, int]
    block: tuple[int, int]
    spacing_um: tuple[float, float]

    @classmethod
    def for_window(cls, grid_shape: tuple[int, int], spacing_um: tuple[float, float], radius_um: float) -> Lattice:
        """Return the lattice of single pixels, or of blocks where the pixels are far smaller than the window."""
        row, col = (max(int(radius_um / STEPS_PER_RADIUS / s), 1) for s in spacing_um)
        return cls(grid_shape, (row, col), spacing_um)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the lattice."""
        row, col = (-(-n // b) for n, b in zip(self.grid_shape, self.block, strict=True))
        return row, col

    @property
    def step_um(self) -> tuple[float, float]:
        """(y, x) of one step."""
        row, col = (s * b for s, b in zip(self.spacing_um, self.block, strict=True))
        return row, col

    def sum(self, image: NDArray[np.generic]) -> NDArray[np.float64]:
        """Sum an image on the grid over the blocks, shape ``shape``."""
        (rows, cols), (high, wide) = self.shape, self.block
        missing = [(0, n * b - m) for n, b, m in zip(self.shape, self.block, self.grid_shape, strict=True)]
        padded = np.pad(image.astype(np.float64), missing)
        return np.asarray(padded.reshape(rows, high, cols, wide).sum(axis=(1, 3)))

    def place_of(self, pixel: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the flat place of flat pixels of the grid."""
        row, col = np.divmod(pixel, self.grid_shape[1])
        return np.asarray(row // self.block[0] * self.shape[1] + col // self.block[1], dtype=np.intp)

    def on_grid(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        """Give each pixel of the grid the value of its block."""
        wide = image.repeat(self.block[0], axis=0).repeat(self.block[1], axis=1)
        return wide[: self.grid_shape[0], : self.grid_shape[1]]


class DiscWindow:
    """Sums over the disc of one radius around every place; what lies beyond counts as empty.

    Parameters
    ----------
    shape : (rows, cols)
    radius_um : float
    spacing_um : (y, x)
    """

    def __init__(self, shape: tuple[int, int], radius_um: float, spacing_um: tuple[float, float]) -> None:
        reach = min(int(radius_um / spacing_um[0]), shape[0] - 1)
        half_um = np.sqrt(np.maximum(radius_um**2 - (np.arange(-reach, reach + 1) * spacing_um[0]) ** 2, 0))
        # A hair more than the half chord: a place right on the circle counts, however its distance was rounded.
        self._half = np.minimum(half_um / spacing_um[1] + 1e-9, shape[1]).astype(np.int64)
        self.area_pixels = max(np.pi * radius_um**2 / (spacing_um[0] * spacing_um[1]), 1.0)

    def sum(self, image: NDArray[np.integer[Any] | np.bool_]) -> NDArray[np.int64]:
        """Sum counts, shape (rows, cols), over the window around each place; exact."""
        return np.asarray(_disc_sums(_running(image.astype(np.int64)), self._half))

    def total(self, image: NDArray[np.generic]) -> NDArray[np.float64]:
        """Sum an image, shape (rows, cols), over the window around each place."""
        return np.asarray(_disc_sums(_running(image.astype(np.float64)), self._half))


def _running(image: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.pad(np.cumsum(image, axis=1), ((0, 0), (1, 0)))


@numba.njit(cache=True, nogil=True)
def _disc_sums(running, half):  # type: ignore[no-untyped-def]
    """Sum rows of ``running``, shape (rows, cols + 1), over the chords of a disc, of half widths ``half``."""
    rows, cols = running.shape[0], running.shape[1] - 1
    reach = half.size // 2
    sums = np.zeros((rows, cols), running.dtype)
    for row in range(rows):
        for k in range(half.size):
            other = row + k - reach
            if other < 0 or other >= rows:
                continue
            width = half[k]
            for col in range(cols):
                sums[row, col] += running[other, min(col + width + 1, cols)] - running[other, max(col - width, 0)]
    return sums
