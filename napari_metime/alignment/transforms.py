"""Transforms of the plane from landmarks, and how far they are off."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_metime.alignment.plane_fits import (
    PlaneKind,
    Points,
    apply_fit,
    fit_plane,
    is_degenerate,
    is_flat,
    is_one_place,
    leave_one_out_um,
    matrix_of,
    points,
    rms,
    spread,
)
from napari_metime.alignment.thin_plate import fit_plate
from napari_metime.errors import AlignmentError
from napari_metime.section import Alignment

Kind = Literal["rigid", "similarity", "affine", "thin_plate"]
FEWEST: dict[Kind, int] = {"rigid": 2, "similarity": 2, "affine": 3, "thin_plate": 4}
# Mirrored: the mirrored fit is three times better, and the plain one is off by more than 1 % of the spread.
MIRROR_GAIN = 3.0
MIRROR_FLOOR = 0.01
MAX_COORDINATE = 1e12
N_GRID = 41  # places a side, at which a plate is looked at for folds


def from_matrix(matrix: ArrayLike) -> Alignment:
    """Return the alignment of a 3 x 3 matrix on (x, y, 1), from the cells' own unit to section µm.

    Raises
    ------
    AlignmentError
        The matrix is not 3 x 3 and finite with the last row 0 0 1, or it cannot be inverted.
    """
    values = np.array(matrix, dtype=np.float64)
    if values.shape != (3, 3) or not np.isfinite(values).all() or values[2].tolist() != [0, 0, 1]:
        raise AlignmentError(
            f"expected a finite 3 x 3 matrix with the last row 0 0 1, found {values.tolist()!r:.120}; mend align.matrix"
        )
    if abs(np.linalg.det(values[:2, :2])) < 1e-12:
        raise AlignmentError("expected a matrix that can be inverted, found one that is flat; mend align.matrix")
    return Alignment(values, "matrix")


def from_scale(scale_um: float) -> Alignment:
    """Return the alignment of cells that only differ in unit: ``scale_um`` is the µm of one source unit.

    Raises
    ------
    AlignmentError
        The scale is not a positive number.
    """
    return Alignment(np.diag([_checked_scale(scale_um)] * 2 + [1.0]), "none")


def fit_landmarks(
    landmarks: NDArray[np.float64], kind: Kind, *, source_scale: float = 1.0, mirrored: bool = False
) -> Alignment:
    """Fit a transform to landmarks by least squares in the section frame.

    Parameters
    ----------
    landmarks : ndarray of shape (n, 4)
        source_x, source_y in the cell table's own unit, target_x_um, target_y_um in section µm.
    kind : ``rigid`` turns and shifts (n >= 2), ``similarity`` also scales (n >= 2), ``affine`` also shears (n >= 3),
        ``thin_plate`` also bends (n >= 4)
    source_scale : µm of one source unit, for ``rigid``, which does not fit it; part of the matrix
    mirrored : whether rigid and similarity turn the source over; affine and thin_plate do where the landmarks say so

    Raises
    ------
    AlignmentError
        Too few landmarks, all at one place, on one line (affine, thin_plate), mirrored other than said (rigid,
        similarity), or a plate that folds.

    Notes
    -----
    ``leave_one_out_um`` is the distance between each landmark and where the fit to all others puts it, NaN where the
    others are too few or degenerate; ``target_error_um`` is its root mean square. It holds the noise of the landmark
    that was left out, so a cell is nearer to its true place than that. A thin plate keeps its smoothing when one is
    left out.
    """
    values = _checked(landmarks, kind)
    scale = _checked_scale(source_scale) if kind == "rigid" else 1.0
    source = scale * points(values[:, 0], values[:, 1])
    target = points(values[:, 2], values[:, 3])
    _check_spread(source, target, kind)
    plane: PlaneKind = "affine" if kind == "thin_plate" else kind
    fit = fit_plane(source, target, plane, mirrored=mirrored)
    if plane != "affine":
        _check_turned_as_said(source, target, plane, mirrored)
    if is_flat(fit, source, target):
        raise AlignmentError(
            f"expected landmarks of the same places in both images, found {len(values)} without a common shape; "
            "check their order"
        )
    alignment = Alignment(matrix_of(fit, scale), kind, n_landmarks=len(values), landmarks=values)
    if kind == "thin_plate":
        return _bent(alignment)
    left_out_um = leave_one_out_um(source, target, plane, mirrored=mirrored)
    return _judged(alignment, np.abs(apply_fit(fit, source) - target), left_out_um)


def _judged(
    alignment: Alignment, residual_um: NDArray[np.float64], left_out_um: NDArray[np.float64]
) -> Alignment:
    return replace(
        alignment,
        residual_um=residual_um,
        leave_one_out_um=left_out_um,
        rmse_um=rms(residual_um),
        target_error_um=rms(left_out_um),
    )


def _bent(alignment: Alignment) -> Alignment:
    """Add the bend of a thin plate to the affine fit."""
    places = np.column_stack(alignment.to_section(*alignment.landmarks[:, :2].T))
    plate = fit_plate(places, alignment.landmarks[:, 2:])
    left_out_um = np.hypot(*plate.leave_one_out_um.T)
    for i in range(len(places)):
        if is_degenerate(points(*np.delete(places, i, axis=0).T), "affine"):
            left_out_um[i] = np.nan
    bent = _judged(alignment, np.hypot(*plate.residual_um.T), left_out_um)
    if not np.isfinite(plate.warp.smoothing_um2):
        return replace(bent, note="the landmarks show no bend beyond their noise: the plate is affine")
    bent = replace(bent, warp=plate.warp)
    sides = [np.linspace(low, high, N_GRID) for low, high in zip(*_ends(alignment.landmarks[:, :2]), strict=True)]
    x, y = (axis.ravel() for axis in np.meshgrid(*sides))
    bent.area_scale(x, y)  # raises where the plate folds between its landmarks
    bend_um = np.hypot(*(np.subtract(*axes) for axes in zip(plate.warp(*places.T), places.T, strict=True)))
    return replace(bent, note=f"the plate bends the landmarks by up to {bend_um.max():.3g} µm from the best affine map")


def _ends(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return places.min(axis=0), places.max(axis=0)


def _checked(landmarks: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    values = np.array(landmarks, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 4 or not (np.abs(values) < MAX_COORDINATE).all():
        raise AlignmentError(
            "expected landmarks as rows of four numbers below 1e12, found others; set the landmarks again"
        )
    if len(values) < FEWEST[kind]:
        raise AlignmentError(
            f"expected at least {FEWEST[kind]} landmarks for {kind}, found {len(values)}; "
            f"add {FEWEST[kind] - len(values)} more"
        )
    return values


def _checked_scale(scale_um: float) -> float:
    if not (np.isfinite(scale_um) and scale_um > 0):
        raise AlignmentError(
            f"expected a positive pixel size of the cells in µm, found {scale_um}; set cells.pixel_size_um"
        )
    return float(scale_um)


def _check_spread(source: Points, target: Points, kind: Kind) -> None:
    for of in (source, target):
        if is_one_place(of):
            raise AlignmentError(
                f"expected landmarks at different places, found all {of.size} at one place; spread them over the tissue"
            )
        if kind in ("affine", "thin_plate") and is_degenerate(of, "affine"):
            raise AlignmentError(
                f"expected landmarks that are not on one line for {kind}, found {of.size} on a line; "
                "add one away from the line or use similarity"
            )


def _check_turned_as_said(source: Points, target: Points, kind: PlaneKind, mirrored: bool) -> None:
    """Raise if the source must be turned over for the landmarks to fit, and nobody said so, or the other way round."""
    as_said_um, otherwise_um = (
        rms(np.abs(apply_fit(fit_plane(source, target, kind, mirrored=turned), source) - target))
        for turned in (mirrored, not mirrored)
    )
    if as_said_um <= MIRROR_FLOOR * spread(target) or as_said_um <= MIRROR_GAIN * otherwise_um:
        return
    if mirrored:
        raise AlignmentError(
            f"expected landmarks of a mirrored image, found ones that are not (off by {as_said_um:.0f} µm, "
            f"{otherwise_um:.0f} µm if not mirrored); set align.mirrored: false"
        )
    raise AlignmentError(
        f"expected landmarks that turn and shift the cells, found mirrored ones (off by {as_said_um:.0f} µm, "
        f"{otherwise_um:.0f} µm if mirrored); set align.mirrored: true, use transform: affine, or flip one image"
    )
