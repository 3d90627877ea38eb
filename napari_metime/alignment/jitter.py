"""Alignments as they might as well have been: for asking which findings outlive the error of the alignment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment.thin_plate import through
from napari_metime.alignment.uncertainty import (
    N_SIDE,
    draw_matrices,
    draw_on_plate,
    draw_shifts,
    in_plate,
    knows_its_noise,
    plate_of,
)
from napari_metime.section import Alignment

MARGIN = 0.25  # of the landmarks' extent, by which the grid of a drawn plate reaches beyond them
CLOSE = 0.02  # of the landmarks' spread: places nearer to each other than this move together


def draw_alignments(alignment: Alignment, n: int, rng: np.random.Generator) -> tuple[Alignment, ...]:
    """Draw ``n`` alignments from the error of one.

    Parameters
    ----------
    alignment : with landmarks, its transform is drawn from the covariance of its own fit and the whole is shifted by
        the stated extra error; without, it is shifted by its error; without any error known, it is drawn as it is

    Notes
    -----
    The draws are t-distributed: the noise of the landmarks is itself estimated, and each draw takes another value of
    it. With f numbers left over by the fit, their covariance is f / (f - 2) times that of the estimates.
    """
    shifts = draw_shifts(alignment, n, rng)
    if not knows_its_noise(alignment):
        return tuple(_shifted(alignment, shift) for shift in shifts)
    if alignment.kind == "thin_plate":
        drawn = _drawn_plates(alignment, n, rng)
    else:
        drawn = [replace(alignment, matrix=alignment.matrix + change) for change in draw_matrices(alignment, n, rng)]
    return tuple(_shifted(one, shift) for one, shift in zip(drawn, shifts, strict=True))


def _shifted(alignment: Alignment, shift: complex) -> Alignment:
    if alignment.warp is None:
        matrix = alignment.matrix.copy()
        matrix[:2, 2] += shift.real, shift.imag
        return replace(alignment, matrix=matrix)
    warp = alignment.warp

    def shifted(
        x_um: NDArray[np.float64], y_um: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x_um, y_um = warp(x_um, y_um)
        return x_um + shift.real, y_um + shift.imag

    return replace(alignment, warp=shifted) if shift else alignment


def _drawn_plates(alignment: Alignment, n: int, rng: np.random.Generator) -> list[Alignment]:
    """Draw the error at the landmarks and on a grid around them, and lay plates through it onto the fitted one."""
    plate = plate_of(alignment)
    low, high = alignment.landmarks[:, :2].min(axis=0), alignment.landmarks[:, :2].max(axis=0)
    sides = np.linspace(low - MARGIN * (high - low), high + MARGIN * (high - low), N_SIDE)
    x, y = (axis.ravel() for axis in np.meshgrid(*sides.T))
    knots = _apart(np.vstack([plate.knots, in_plate(alignment, plate, x, y)]))
    off_um = draw_on_plate(plate, knots, n, rng)
    weights, affine = (part.reshape(-1, n, 2) for part in through(knots, off_um.reshape(2 * n, -1).T))
    return [replace(alignment, warp=plate.warp.bent_by(knots, weights[:, i], affine[:, i])) for i in range(n)]


def _apart(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out knots that lie close to one before them: no plate can be laid through both."""
    kept = knots[:1]
    for knot in knots[1:]:
        if np.hypot(*(kept - knot).T).min() > CLOSE:
            kept = np.vstack([kept, knot])
    return kept
