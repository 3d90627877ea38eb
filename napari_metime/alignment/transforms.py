"""Transforms of the plane from landmarks, and how far they are off.

Points are complex numbers here: in two dimensions a rotation with scale is one complex factor, so
rigid and similarity fits are closed formulas.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_metime.errors import AlignmentError
from napari_metime.section import Alignment

Kind = Literal["rigid", "similarity", "affine"]
FEWEST: dict[Kind, int] = {"rigid": 2, "similarity": 2, "affine": 3}
# Narrower than this (minor over major spread), points fix no affine: clicks alone scatter as much.
LINE_RATIO = 1e-3
# Mirrored: the mirrored fit is three times better, and the plain one is off by more than 1 % of the spread.
MIRROR_GAIN = 3.0
MIRROR_FLOOR = 0.01
MAX_COORDINATE = 1e12


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


def fit_landmarks(landmarks: NDArray[np.float64], kind: Kind, *, source_scale: float = 1.0) -> Alignment:
    """Fit a transform to landmarks by least squares in the section frame.

    Parameters
    ----------
    landmarks : ndarray of shape (n, 4)
        source_x, source_y in the cell table's own unit, target_x_um, target_y_um in section µm.
    kind : ``rigid`` turns and shifts (n >= 2), ``similarity`` also scales (n >= 2), ``affine`` also shears (n >= 3)
    source_scale : µm of one source unit, for ``rigid``, which does not fit it; part of the matrix

    Raises
    ------
    AlignmentError
        Too few landmarks, all at one place, on one line (affine), mirrored (rigid, similarity).

    Notes
    -----
    Similarity and rigid: least squares without reflection, Umeyama 1991 (IEEE PAMI 13:376), in the
    complex form of the plane. ``target_error_um`` is the root mean square distance between each
    landmark and where the fit to all others puts it; NaN where the others are too few or degenerate.
    """
    values = _checked(landmarks, kind)
    scale = _checked_scale(source_scale) if kind == "rigid" else 1.0
    source = scale * _points(values[:, 0], values[:, 1])
    target = _points(values[:, 2], values[:, 3])
    _check_spread(source, target, kind)
    fit = _fit(source, target, kind)
    residual_um = np.abs(_map(fit, source) - target)
    if kind != "affine":
        _check_not_mirrored(source, target, kind, _rms(residual_um))
    if _is_flat(fit, source, target):
        raise AlignmentError(
            f"expected landmarks of the same places in both images, found {len(values)} without a common shape; "
            "check their order"
        )
    return Alignment(
        matrix=_matrix(fit, scale),
        kind=kind,
        n_landmarks=len(values),
        rmse_um=_rms(residual_um),
        target_error_um=_leave_one_out_um(source, target, kind),
        residual_um=residual_um,
        landmarks=values,
    )


# A fit maps z to a z + b conj(z) + c: every affine map of the plane has this form, a similarity has b = 0.
_Fit = tuple[complex, complex, complex]
_Points = NDArray[np.complex128]


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> _Points:
    return x + np.complex128(1j) * y


def _fit(source: _Points, target: _Points, kind: Kind) -> _Fit:
    z, w = source - source.mean(), target - target.mean()
    if kind == "affine":
        design = np.column_stack([z, z.conj()])
        a, b = np.linalg.lstsq(design / _spread(source), w, rcond=None)[0] / _spread(source)
    else:
        a, b = np.sum(z.conj() * w) / np.sum(np.abs(z) ** 2), 0j
        if kind == "rigid" and not _is_flat((a, b, 0j), source, target):
            a /= abs(a)
    centre = source.mean()
    return complex(a), complex(b), complex(target.mean() - a * centre - b * centre.conjugate())


def _is_flat(fit: _Fit, source: _Points, target: _Points) -> bool:
    """Whether the fit presses the points together, so that it cannot be turned back."""
    a, b, _ = fit
    return bool(abs(abs(a) ** 2 - abs(b) ** 2) < 1e-12 * (_spread(target) / _spread(source)) ** 2)


def _map(fit: _Fit, source: _Points) -> _Points:
    a, b, c = fit
    return a * source + b * source.conj() + c


def _matrix(fit: _Fit, scale: float) -> NDArray[np.float64]:
    a, b, c = fit
    return np.array(
        [
            [scale * (a + b).real, scale * (b - a).imag, c.real],
            [scale * (a + b).imag, scale * (a - b).real, c.imag],
            [0.0, 0.0, 1.0],
        ]
    )


def _leave_one_out_um(source: _Points, target: _Points, kind: Kind) -> float:
    error_um = np.empty(source.size)
    for i in range(source.size):
        others = np.arange(source.size) != i
        if _is_degenerate(source[others], kind):  # so are too few: one point, or two for affine
            return float("nan")
        predicted = _map(_fit(source[others], target[others], kind), source[i : i + 1])
        error_um[i] = abs(predicted[0] - target[i])
    return _rms(error_um)


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


def _check_spread(source: _Points, target: _Points, kind: Kind) -> None:
    for points in (source, target):
        if _is_one_place(points):
            raise AlignmentError(
                f"expected landmarks at different places, found all {points.size} at one place; "
                "spread them over the tissue"
            )
        if kind == "affine" and _is_degenerate(points, kind):
            raise AlignmentError(
                f"expected landmarks that are not on one line for affine, found {points.size} on a line; "
                "add one away from the line or use similarity"
            )


def _check_not_mirrored(source: _Points, target: _Points, kind: Kind, rmse_um: float) -> None:
    mirrored_um = _rms(np.abs(_map(_fit(source.conj(), target, kind), source.conj()) - target))
    if rmse_um > MIRROR_FLOOR * _spread(target) and rmse_um > MIRROR_GAIN * mirrored_um:
        raise AlignmentError(
            f"expected landmarks that turn and shift the cells, found mirrored ones (off by {rmse_um:.0f} µm, "
            f"{mirrored_um:.0f} µm if mirrored); use transform: affine, or flip one image"
        )


def _spread(points: _Points) -> float:
    """Root mean square distance from the centre."""
    return _rms(np.abs(points - points.mean()))


def _is_one_place(points: _Points) -> bool:
    # Rounding leaves a spread of about 1e-16 of the coordinates where points are equal.
    return _spread(points) <= 1e-12 * float(np.abs(points).max())


def _is_degenerate(points: _Points, kind: Kind) -> bool:
    if kind != "affine" or _is_one_place(points):
        return _is_one_place(points)
    z = points - points.mean()
    major, minor = np.linalg.svd(np.column_stack([z.real, z.imag]), compute_uv=False)
    return bool(minor < LINE_RATIO * major)


def _rms(distance: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(distance**2)))
