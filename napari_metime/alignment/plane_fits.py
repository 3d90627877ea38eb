"""Least-squares maps of the plane: rigid, similarity, affine.

Points are complex numbers here: in two dimensions a rotation with scale is one complex factor, so rigid and
similarity fits are closed formulas. A fit maps z to a z + b conj(z) + c: every affine map of the plane has this form;
a similarity has b = 0, a mirrored one a = 0.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

PlaneKind = Literal["rigid", "similarity", "affine"]
Fit = tuple[complex, complex, complex]
Points = NDArray[np.complex128]
N_FITTED: dict[PlaneKind, int] = {"rigid": 3, "similarity": 4, "affine": 6}
"""Numbers that a fit of each kind finds."""
# Narrower than this (minor over major spread), points fix no affine: clicks alone scatter as much.
LINE_RATIO = 1e-3


def points(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """Return x + i y."""
    return x + np.complex128(1j) * y


def fit_plane(source: Points, target: Points, kind: PlaneKind, *, mirrored: bool = False) -> Fit:
    """Fit by least squares in the target frame (Umeyama 1991, IEEE PAMI 13:376, in the complex form of the plane)."""
    if mirrored and kind != "affine":
        turned, _, shift = fit_plane(source.conj(), target, kind)
        return 0j, turned, shift
    z, w = source - source.mean(), target - target.mean()
    if kind == "affine":
        design = np.column_stack([z, z.conj()])
        a, b = np.linalg.lstsq(design / spread(source), w, rcond=None)[0] / spread(source)
    else:
        a, b = np.sum(z.conj() * w) / np.sum(np.abs(z) ** 2), 0j
        if kind == "rigid" and not is_flat((a, b, 0j), source, target):
            a /= abs(a)
    centre = source.mean()
    return complex(a), complex(b), complex(target.mean() - a * centre - b * centre.conjugate())


def apply_fit(fit: Fit, source: Points) -> Points:
    """Return where the fit puts the points."""
    a, b, c = fit
    return a * source + b * source.conj() + c


def matrix_of(fit: Fit, scale: float = 1.0) -> NDArray[np.float64]:
    """Return the 3 x 3 matrix on (x, y, 1), for a source that was multiplied by ``scale`` before the fit."""
    a, b, c = fit
    return np.array(
        [
            [scale * (a + b).real, scale * (b - a).imag, c.real],
            [scale * (a + b).imag, scale * (a - b).real, c.imag],
            [0.0, 0.0, 1.0],
        ]
    )


def leave_one_out_um(source: Points, target: Points, kind: PlaneKind, *, mirrored: bool) -> NDArray[np.float64]:
    """Return how far the fit to all others misses each landmark; NaN where the others fix nothing."""
    error_um = np.full(source.size, np.nan)
    for i in range(source.size):
        others = np.arange(source.size) != i
        if not is_degenerate(source[others], kind):  # so are too few: one point, or two for affine
            fit = fit_plane(source[others], target[others], kind, mirrored=mirrored)
            error_um[i] = abs(apply_fit(fit, source[i : i + 1])[0] - target[i])
    return error_um


def is_flat(fit: Fit, source: Points, target: Points) -> bool:
    """Whether the fit presses the points together, so that it cannot be turned back."""
    a, b, _ = fit
    return bool(abs(abs(a) ** 2 - abs(b) ** 2) < 1e-12 * (spread(target) / spread(source)) ** 2)


def spread(of: Points) -> float:
    """Root mean square distance from the centre."""
    return rms(np.abs(of - of.mean()))


def is_one_place(of: Points) -> bool:
    """Whether all points are equal; rounding leaves a spread of about 1e-16 of the coordinates where they are."""
    return spread(of) <= 1e-12 * float(np.abs(of).max())


def is_degenerate(of: Points, kind: PlaneKind) -> bool:
    """Whether points are too few, all at one place, or for affine on one line."""
    if kind != "affine" or is_one_place(of):
        return is_one_place(of)
    z = of - of.mean()
    major, minor = np.linalg.svd(np.column_stack([z.real, z.imag]), compute_uv=False)
    return bool(minor < LINE_RATIO * major)


def rms(distance: NDArray[np.float64]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(distance**2)))
