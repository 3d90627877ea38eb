"""Disc windows on the grid: how large they must be, and what they hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

TARGET_EXPECTED = 10.0
"""Effectors that a window should expect: none at all is then evidence (p = e^-10). Our default, between detection
(more is surer) and place (smaller is sharper)."""
MAX_RADIUS_UM = 300.0
"""Above this a window no longer maps anything. Our default."""
MIN_RADIUS_PIXELS = 3.0


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


class DiscWindow:
    """Sums over the disc of one radius around every pixel, by FFT; pixels beyond the grid count as empty.

    Parameters
    ----------
    shape : (rows, cols)
    radius_um : float
    spacing_um : (y, x)
    """

    def __init__(self, shape: tuple[int, int], radius_um: float, spacing_um: tuple[float, float]) -> None:
        # Beyond the grid a window holds nothing, however wide it is.
        reach_row, reach_col = (min(int(radius_um / s), n - 1) for s, n in zip(spacing_um, shape, strict=True))
        y = np.arange(-reach_row, reach_row + 1)[:, None] * spacing_um[0]
        x = np.arange(-reach_col, reach_col + 1) * spacing_um[1]
        disc = (y**2 + x**2 <= radius_um**2).astype(np.float64)
        self._shape = shape
        self._padded = tuple(fft.next_fast_len(n + k - 1, real=True) for n, k in zip(shape, disc.shape, strict=True))
        self._corner = (reach_row, reach_col)
        self._spectrum = fft.rfft2(disc, self._padded)
        self.n_padded = int(np.prod(self._padded))
        self.area_pixels = max(np.pi * radius_um**2 / (spacing_um[0] * spacing_um[1]), 1.0)

    def sum(self, images: NDArray[np.float64]) -> NDArray[np.int64]:
        """Sum integer images of shape (..., rows, cols) over the window around each pixel; exact."""
        spectrum = fft.rfft2(images, self._padded, workers=2)
        sums = fft.irfft2(spectrum * self._spectrum, self._padded, workers=2)
        (top, left), (rows, cols) = self._corner, self._shape
        return np.asarray(np.rint(sums[..., top : top + rows, left : left + cols]), dtype=np.int64)
