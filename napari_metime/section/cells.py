"""Cells, and how they come onto the section."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import CellTableError

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
    residual_um, leave_one_out_um : ndarray of shape (n_landmarks,): each one's error in the fit to all, to the others
    landmarks : ndarray of shape (n_landmarks, 4): source_x, source_y, target_x_um, target_y_um
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

    def to_section(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map source (x, y) to section (x_um, y_um)."""
        x_um, y_um = _apply(self.matrix, x, y)
        return (x_um, y_um) if self.warp is None else self.warp(x_um, y_um)

    def to_source(
        self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map section (x_um, y_um) back to source (x, y)."""
        if self.warp is not None:
            x_um, y_um = _unwarped(self.warp, x_um, y_um)
        return _apply(np.linalg.inv(self.matrix).astype(np.float64), x_um, y_um)


_MAX_UNWARP_STEPS = 100


def _unwarped(
    warp: Warp, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find what a warp moves to (x_um, y_um), by fixed-point steps: they end where it moves near points alike."""
    x, y = x_um, y_um
    for _ in range(_MAX_UNWARP_STEPS):
        at_x, at_y = warp(x, y)
        x, y = x + (x_um - at_x), y + (y_um - at_y)
        if max(np.abs(x_um - at_x).max(initial=0), np.abs(y_um - at_y).max(initial=0)) < 1e-6:
            break
    return x, y


def _apply(
    matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Written out, not matrix-multiplied: BLAS may round differently from run to run of another size.
    (a, b, c), (d, e, f) = matrix[:2]
    return a * x + b * y + c, d * x + e * y + f
