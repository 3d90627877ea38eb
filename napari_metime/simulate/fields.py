"""Smooth random fields with mean one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STEPS_PER_SCALE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A positive field known on a lattice and linear in between.

    Parameters
    ----------
    values : ndarray of shape (ny, nx)
    origin_um : (x, y) of values[0, 0] in section µm
    step_um : distance of the lattice points
    """

    values: NDArray[np.float64]
    origin_um: tuple[float, float]
    step_um: float

    def at(self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the field at points of section µm, in the shape of ``x_um``."""
        left, top = self.origin_um
        place = np.array([(y_um - top) / self.step_um, (x_um - left) / self.step_um])
        return np.asarray(ndimage.map_coordinates(self.values, place, order=1, mode="nearest"))

    @property
    def highest(self) -> float:
        """Upper bound of ``at``."""
        return float(self.values.max())


def log_gaussian_field(
    bounds_um: tuple[float, float, float, float], *, sd: float, scale_um: float, rng: np.random.Generator
) -> Field:
    """Draw exp(sd G - sd²/2) with G a standard Gaussian field: mean one everywhere.

    White noise smoothed with a Gaussian of standard deviation ``scale_um``, so that G at distance d
    is correlated by exp(-d² / (4 scale_um²)).

    Parameters
    ----------
    bounds_um : (left, top, right, bottom) that the field covers
    sd : standard deviation of the logarithm; 0 gives one everywhere
    """
    left, top, right, bottom = bounds_um
    step_um = scale_um / STEPS_PER_SCALE
    shape = int(np.ceil((bottom - top) / step_um)) + 1, int(np.ceil((right - left) / step_um)) + 1
    gaussian = smooth_noise(shape, STEPS_PER_SCALE, rng) if sd > 0 else np.zeros(shape)
    return Field(np.exp(sd * gaussian - sd**2 / 2), (left, top), step_um)


def smooth_noise(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise of variance one, smoothed over the last two axes.

    Parameters
    ----------
    shape : (..., rows, cols)
    scale : standard deviation of the smoothing kernel in steps of the lattice
    """
    # Drawn wider than needed: at a border that the filter folds back the variance would rise.
    margin = int(np.ceil(4 * scale))
    wide = (*shape[:-2], shape[-2] + 2 * margin, shape[-1] + 2 * margin)
    impulse = np.zeros(2 * margin + 1)
    impulse[margin] = 1.0
    kernel = ndimage.gaussian_filter1d(impulse, scale, mode="constant")
    sigma = (0.0,) * (len(shape) - 2) + (scale, scale)
    smooth = ndimage.gaussian_filter(rng.standard_normal(wide), sigma)
    return np.asarray(smooth[..., margin:-margin, margin:-margin] / np.sum(kernel**2))
