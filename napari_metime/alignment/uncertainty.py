"""How far the places that an alignment gives may be off, drawn from what its landmarks say of themselves.

The residuals of a fit tell the noise of the landmarks, the fit and their places how much of it reaches each place
elsewhere. For similarity and affine this is exact under equal normal noise (Seber & Lee 2003, *Linear Regression
Analysis*, 3.4 and 5.1): the error over the estimated noise is t-distributed, as the noise itself is only known from few
residuals. Rigid fits are taken as linear in their angle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment.plane_fits import N_FITTED, PlaneKind
from napari_metime.alignment.thin_plate import Plate, fit_plate, plate_covariances
from napari_metime.section import Alignment

LEVEL = 0.95
N_DRAWS = 5000
"""Draws for the bound: its level is then met within 0.3 %."""
N_DIRECTIONS = 64
N_SIDE = 9  # places a side at which a plate is drawn


def bound_um(alignment: Alignment, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return what the largest error among the places (x, y) of the source stays below in 95 of 100 cases.

    It holds the scatter of the landmarks and the stated extra error (``displacements_um``), and it holds for all
    places together. NaN where nothing is known of the error: no landmarks, or as few as the fit needs. An affine error
    is largest at the outermost places, so only these are looked at; of a plate, one place in each box of a grid too.
    """
    if not knows_its_noise(alignment) and not np.isfinite(_stated_um(alignment)):
        return float("nan")
    chosen = _outermost(x, y)
    if alignment.kind == "thin_plate":
        chosen = np.union1d(chosen, _one_a_box(x, y))
    x, y = x[chosen], y[chosen]
    off_um = displacements_um(alignment, x, y, N_DRAWS, np.random.default_rng(0))
    return float(np.quantile(np.abs(off_um).max(axis=1), LEVEL))


def displacements_um(
    alignment: Alignment, x: NDArray[np.float64], y: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """Draw how far (x, y) of the source may be off, shape (n, x.size), µm as x + i y; all 0 where nothing is known."""
    shifts = draw_shifts(alignment, n, rng)
    if not knows_its_noise(alignment):
        return np.zeros((n, x.size), dtype=np.complex128) + shifts[:, None]
    if alignment.kind == "thin_plate":
        plate = plate_of(alignment)
        off = draw_on_plate(plate, in_plate(alignment, plate, x, y), n, rng)
        return np.asarray(off[:, 0] + 1j * off[:, 1] + shifts[:, None], dtype=np.complex128)
    on = draw_matrices(alignment, n, rng) @ np.stack([x, y, np.ones(x.size)])
    return np.asarray(on[:, 0] + 1j * on[:, 1] + shifts[:, None], dtype=np.complex128)


def knows_its_noise(alignment: Alignment) -> bool:
    """Whether the alignment has more landmarks than its transform needs."""
    return n_free(alignment) > 0 and alignment.residual_um.size == alignment.n_landmarks


def n_free(alignment: Alignment) -> int:
    """Numbers among the landmarks' coordinates that the fit left over."""
    kind = _plane_kind(alignment)
    return 0 if kind is None else 2 * alignment.n_landmarks - N_FITTED[kind]


def draw_shifts(alignment: Alignment, n: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Draw shifts of the whole, shape (n,): by the extra error, or by all of the error where no landmarks say more.

    An error is a root mean square distance, so each axis has 1 / sqrt(2) of it as its standard deviation.
    """
    total_um = alignment.extra_error_um if knows_its_noise(alignment) else np.nan_to_num(_stated_um(alignment))
    return np.asarray((rng.normal(size=n) + 1j * rng.normal(size=n)) * (total_um / np.sqrt(2)), dtype=np.complex128)


def _stated_um(alignment: Alignment) -> float:
    """Return the error as the alignment states it; NaN where it has landmarks that could not tell it."""
    unknown = alignment.n_landmarks > 0 and not np.isfinite(alignment.target_error_um)
    return float("nan") if unknown else alignment.error_um


def draw_matrices(alignment: Alignment, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw what may have to be added to the matrix, shape (n, 3, 3).

    With the noise s² = sum of squared residuals / n_free, the part at the centre of the landmarks varies by s² / n on
    each axis and the linear part, about it, by s² (U' U)^-1, with U the centred landmarks of the source.
    """
    kind, free = _plane_kind(alignment), n_free(alignment)
    source = alignment.landmarks[:, :2]
    centre, matrix = source.mean(axis=0), alignment.matrix[:2, :2]
    noise_um = np.sqrt(np.sum(alignment.residual_um**2) / free * (free / rng.chisquare(free, n)))
    shift = rng.normal(size=(n, 2)) / np.sqrt(len(source))
    spread2 = np.sum((source - centre) ** 2)
    if kind == "affine":
        root = np.linalg.cholesky(np.linalg.inv((source - centre).T @ (source - centre)))
        linear = noise_um[:, None, None] * (rng.normal(size=(n, 2, 2)) @ root.T)
    elif kind == "similarity":
        a, b = noise_um * rng.normal(size=(2, n)) / np.sqrt(spread2)
        over = np.diag([1, np.sign(np.linalg.det(matrix))])  # a mirrored one turns over before it turns
        linear = _turned(a, b) @ over
    else:
        angle = noise_um * rng.normal(size=n) / np.sqrt(abs(np.linalg.det(matrix)) * spread2)
        linear = _turned(np.cos(angle) - 1, np.sin(angle)) @ matrix
    change = np.zeros((n, 3, 3))
    change[:, :2, :2] = linear
    change[:, :2, 2] = noise_um[:, None] * shift - linear @ centre
    return change


def draw_on_plate(
    plate: Plate, places: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw how far a plate may be off at ``places`` (m, 2; in its units), shape (n, 2, m), µm.

    How much of the scatter is bend and how much noise is drawn too, each ratio as often as it is likely.
    """
    found = plate_covariances(plate, places)
    which = rng.choice(len(found), size=n, p=[probability for probability, _ in found])
    off = np.empty((n, 2, len(places)))
    for i, (_, covariance) in enumerate(found):
        variances, turned = np.linalg.eigh(covariance)
        root = turned * np.sqrt(np.maximum(variances, 0.0))
        off[which == i] = rng.normal(size=(int(np.sum(which == i)), 2, len(places))) @ root.T
    return np.asarray(off * np.sqrt(plate.n_free / rng.chisquare(plate.n_free, n))[:, None, None], dtype=np.float64)


def plate_of(alignment: Alignment) -> Plate:
    """Return the plate of a thin_plate alignment again, with what its fit found out."""
    places = _apply(alignment.matrix, *alignment.landmarks[:, :2].T)
    return fit_plate(places, alignment.landmarks[:, 2:])


def in_plate(
    alignment: Alignment, plate: Plate, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (x, y) of the source in the units of the plate, shape (n, 2)."""
    return np.asarray((_apply(alignment.matrix, x, y) - plate.warp.centre) / plate.warp.scale_um, dtype=np.float64)


def _apply(matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack(Alignment(matrix, "matrix").to_section(x, y))


def _plane_kind(alignment: Alignment) -> PlaneKind | None:
    """Return the kind of map that the landmarks are judged by; None where no landmarks made the alignment."""
    if alignment.n_landmarks == 0 or alignment.kind in ("none", "bspline"):
        return None
    if alignment.kind in ("rigid", "similarity"):
        return alignment.kind
    return "affine"


def _turned(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrices of the complex factors a + i b, shape (n, 2, 2)."""
    return np.stack([np.stack([a, -b], axis=-1), np.stack([b, a], axis=-1)], axis=-2)


def _outermost(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which places are the outermost ones in each of some directions."""
    angles = np.linspace(0, 2 * np.pi, N_DIRECTIONS, endpoint=False)
    return np.unique([np.argmax(x * np.cos(angle) + y * np.sin(angle)) for angle in angles])


def _one_a_box(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return one place in each box of a grid over them that has one."""
    column, row = (
        np.minimum((axis - axis.min()) / max(np.ptp(axis), 1e-300) * N_SIDE, N_SIDE - 1).astype(int) for axis in (x, y)
    )
    return np.unique(row * N_SIDE + column, return_index=True)[1]
