"""Cells, and how they come onto the section."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import AlignmentError, CellTableError

Role = Literal["effector", "suppressor", "tumor", "other"]
ROLES: tuple[Role, ...] = ("effector", "suppressor", "tumor", "other")


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """The outer ring of each cell, one after the other; the first point of a ring is not repeated.

    Parameters
    ----------
    xy : ndarray of shape (m, 2), float64, in the unit of the table
    start : ndarray of shape (n + 1,), int64: ring i is xy[start[i] : start[i + 1]]; empty where a cell has none
    """

    xy: NDArray[np.float64]
    start: NDArray[np.int64]

    def only(self, here: NDArray[np.bool_]) -> Outlines:
        """Return the outlines of some of the cells, ``here`` of shape (n,)."""
        n_points = np.diff(self.start)
        start = np.concatenate([[0], np.cumsum(n_points[here])]).astype(np.int64)
        return Outlines(self.xy[np.repeat(here, n_points)], start)


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """One row per cell.

    Parameters
    ----------
    cell_id : ndarray of shape (n,), str
    x, y : ndarray of shape (n,), float64, in ``unit``
    type : ndarray of shape (n,), str as given
    role : ndarray of shape (n,), one of ROLES
    unit : ``px`` or ``um``
    area : ndarray of shape (n,), float64, in ``unit`` squared, NaN where unknown; or empty, where no cell has one
    type_probability : ndarray of shape (n,), float64: how likely ``type`` is right; or empty, where nobody said
    outlines : of the cells, or none
    """

    cell_id: NDArray[np.object_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    type: NDArray[np.object_]
    role: NDArray[np.object_]
    unit: Literal["px", "um"]
    note: str = ""
    warnings: tuple[str, ...] = ()
    area: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    type_probability: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    outlines: Outlines | None = None

    def __post_init__(self) -> None:
        if self.x.size == 0:
            raise CellTableError("expected at least one cell, found an empty cell table")
        if len({a.size for a in (self.cell_id, self.x, self.y, self.type, self.role)}) != 1:
            raise CellTableError("cell columns must have one length")
        if not {self.area.size, self.type_probability.size} <= {0, self.x.size}:
            raise CellTableError("area and type_probability must be known of each cell, or of none")
        if self.outlines is not None and self.outlines.start.size != self.x.size + 1:
            raise CellTableError("outlines must be those of the cells")
        if not (np.isfinite(self.x).all() and np.isfinite(self.y).all()):
            raise CellTableError("cell positions must be finite")

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.x.size)

    def only(self, here: NDArray[np.bool_]) -> CellTable:
        """Return some of the cells, ``here`` of shape (n,)."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        known = {name: a for name, a in columns.items() if isinstance(a, np.ndarray) and a.size == here.size}
        chosen: dict[str, Any] = {name: a[here] for name, a in known.items()}
        return replace(self, **chosen, outlines=None if self.outlines is None else self.outlines.only(here))

    def has_role(self, role: Role) -> NDArray[np.bool_]:
        """Which cells count as ``role``, shape (n,)."""
        return np.asarray(self.role == role, dtype=bool)


Warp = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""From section (x_um, y_um) to section (x_um, y_um): what of an alignment no matrix can say. Frozen."""
AlignmentKind = Literal["rigid", "similarity", "affine", "thin_plate", "bspline", "matrix", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The transform from the cell table's own unit to section µm, and its error.

    Parameters
    ----------
    matrix : ndarray of shape (3, 3) on (x, y, 1)
    warp : what comes after the matrix, in section µm; none for all kinds but thin_plate and bspline
    n_landmarks : 0 where no landmarks were used
    rmse_um : root mean square residual of the landmarks, NaN without landmarks
    target_error_um : root mean square leave-one-out error, NaN where it cannot be had
    extra_error_um : what a person stated beside it, as for a serial section
    bound_um : at 95 %, none of the cells is further from its true place; NaN where nothing can be said
    residual_um, leave_one_out_um : ndarray of shape (n_landmarks,): each one's error in the fit to all, to the others
    landmarks : ndarray of shape (n_landmarks, 4): source_x, source_y, target_x_um, target_y_um
    note : where the transform is from and how it was taken, in words
    """

    matrix: NDArray[np.float64]
    kind: AlignmentKind
    n_landmarks: int = 0
    rmse_um: float = float("nan")
    target_error_um: float = float("nan")
    residual_um: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    landmarks: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))
    leave_one_out_um: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    extra_error_um: float = 0.0
    warp: Warp | None = None
    bound_um: float = float("nan")
    note: str = ""

    @property
    def error_um(self) -> float:
        """How far a cell is likely off: the target error and what was stated beside it; NaN where neither is known."""
        known_um = np.nan_to_num(self.target_error_um)
        return float(np.hypot(known_um, self.extra_error_um)) or float("nan")

    def to_section(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map source (x, y) to section (x_um, y_um)."""
        x_um, y_um = _apply(self.matrix, x, y)
        return (x_um, y_um) if self.warp is None else self.warp(x_um, y_um)

    def to_source(
        self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map section (x_um, y_um) back to source (x, y).

        Raises
        ------
        AlignmentError
            The transform folds there: no source, or more than one, belongs to a place.
        """
        if self.warp is not None:
            x_um, y_um = _unwarped(self.warp, x_um, y_um)
        return _apply(np.linalg.inv(self.matrix).astype(np.float64), x_um, y_um)

    def area_scale(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the µm² of one square unit of the source at (x, y), same shape.

        Raises
        ------
        AlignmentError
            The transform folds at one of these places.
        """
        um2 = abs(float(np.linalg.det(self.matrix[:2, :2])))
        if self.warp is None:
            return np.full(np.shape(x), um2)
        (a, b), (c, d) = _slopes(self.warp, *_apply(self.matrix, x, y))
        return um2 * _unfolded(a * d - b * c)


_MAX_UNWARP_STEPS = 50
_UNWARPED_UM = 1e-6
_LEAST_DET = 0.01  # flatter than this, a step of Newton's method goes anywhere
_STEP_UM = 0.5  # of the slopes: far below a cell, far above what rounding does to places


def _unwarped(
    warp: Warp, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find what a warp moves to (x_um, y_um): by Newton steps, or by fixed-point steps where it folds."""
    x, y = np.array(x_um, dtype=np.float64), np.array(y_um, dtype=np.float64)
    at_x, at_y = warp(x, y)
    # No step is longer than the warp moves places: far away, slopes say nothing.
    reach_um = 2 * max(np.abs(at_x - x).max(initial=0), np.abs(at_y - y).max(initial=0))
    for _ in range(_MAX_UNWARP_STEPS):
        off_x, off_y = x_um - at_x, y_um - at_y
        (a, b), (c, d) = _slopes(warp, x, y)
        det = a * d - b * c
        if max(np.abs(off_x).max(initial=0), np.abs(off_y).max(initial=0)) < _UNWARPED_UM:
            _unfolded(det)
            return x, y
        steep = det > _LEAST_DET
        divisor = np.where(steep, det, 1.0)
        x = x + np.clip(np.where(steep, (d * off_x - b * off_y) / divisor, off_x), -reach_um, reach_um)
        y = y + np.clip(np.where(steep, (a * off_y - c * off_x) / divisor, off_y), -reach_um, reach_um)
        at_x, at_y = warp(x, y)
    raise _folds()


def _slopes(
    warp: Warp, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return ((dX/dx, dX/dy), (dY/dx, dY/dy)) of a warp, by central differences."""
    (right_x, right_y), (left_x, left_y) = warp(x + _STEP_UM, y), warp(x - _STEP_UM, y)
    (below_x, below_y), (above_x, above_y) = warp(x, y + _STEP_UM), warp(x, y - _STEP_UM)
    width = 2 * _STEP_UM
    return (
        ((right_x - left_x) / width, (below_x - above_x) / width),
        ((right_y - left_y) / width, (below_y - above_y) / width),
    )


def _unfolded(det: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area scale of a warp, which must not turn a place over."""
    if not (det > 0).all():
        raise _folds()
    return det


def _folds() -> AlignmentError:
    return AlignmentError(
        "expected a transform that gives each place one place, found that it folds the section; "
        "check the landmarks, or use transform: affine"
    )


def _apply(
    matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Written out, not matrix-multiplied: BLAS may round differently from run to run of another size.
    (a, b, c), (d, e, f) = matrix[:2]
    return a * x + b * y + c, d * x + e * y + f
