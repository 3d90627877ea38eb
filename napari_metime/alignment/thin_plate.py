"""A plate that bends: the smoothest map of the plane near given places, and how sure it is of each place.

The model is that of Wahba 1990 (*Spline Models for Observational Data*, 1.5 and 2.4): a place is moved by an affine
map, a smooth random bend whose covariance is the thin-plate kernel, and noise. The ratio of bend to noise is found by
restricted maximum likelihood, shared by x and y. Landmarks that an affine map fits as well as their noise allows give
an affine map; landmarks without noise are met. Meeting noisy landmarks would bend the plate by their noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATIOS: NDArray[np.float64] = np.concatenate([[0.0], np.logspace(-4, 8, 25)])
"""Variance of the bend over that of the noise, where places are measured in their own spread. Our choice."""
_CHUNK = 1 << 15  # places at once: three arrays of this size stay in the cache
_ROUNDING = 1e-24  # of the squared spread: what rounding leaves where an affine map fits all


@dataclass(frozen=True, slots=True, eq=False)
class ThinPlate:
    """A map of section (x_um, y_um) to section (x_um, y_um), a Warp.

    Parameters
    ----------
    knots : ndarray of shape (n, 2), in units of ``scale_um`` from ``centre``
    weights : ndarray of shape (n, 2), µm
    affine : ndarray of shape (3, 2) on (1, x, y), to µm
    centre, scale_um : ndarray of shape (2,) and float
    smoothing_um2 : what the kernel r² log r (r in µm) got added at equal places: 0 meets every knot, infinite is affine
    """

    knots: NDArray[np.float64]
    weights: NDArray[np.float64]
    affine: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale_um: float
    smoothing_um2: float = 0.0

    def __call__(
        self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map places; one by one the same, however many at once, in bounded memory."""
        shape = np.shape(x_um)
        x, y = ((np.ravel(a) - c) / self.scale_um for a, c in zip((x_um, y_um), self.centre, strict=True))
        moved = np.empty((2, x.size))
        for start in range(0, x.size, _CHUNK):
            here = slice(start, start + _CHUNK)
            for axis in range(2):
                one, right, down = self.affine[:, axis]
                moved[axis, here] = one + right * x[here] + down * y[here]
            for (knot_x, knot_y), (weight_x, weight_y) in zip(self.knots, self.weights, strict=True):
                bent = kernel((x[here] - knot_x) ** 2 + (y[here] - knot_y) ** 2)
                moved[0, here] += weight_x * bent
                moved[1, here] += weight_y * bent
        return moved[0].reshape(shape), moved[1].reshape(shape)

    def bent_by(
        self, knots: NDArray[np.float64], weights: NDArray[np.float64], affine: NDArray[np.float64]
    ) -> ThinPlate:
        """Return this plate with another one, in the same units, added to it."""
        return ThinPlate(
            np.vstack([self.knots, knots]), np.vstack([self.weights, weights]), self.affine + affine,
            self.centre, self.scale_um,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """What fitting a plate to landmarks finds out.

    Parameters
    ----------
    warp : the plate
    residual_um, leave_one_out_um : ndarray of shape (n, 2)
    knots, target : ndarray of shape (n, 2): where the landmarks lie (in the units of the warp) and should go, µm
    likelihood : ndarray as RATIOS: how likely each is, summing to 1
    noise_um2 : ndarray as RATIOS: variance of the noise on each axis if it is true
    """

    warp: ThinPlate
    residual_um: NDArray[np.float64]
    leave_one_out_um: NDArray[np.float64]
    knots: NDArray[np.float64]
    target: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    noise_um2: NDArray[np.float64]

    @property
    def n_free(self) -> int:
        """Numbers that say how large bend and noise are."""
        return 2 * (len(self.knots) - 3)


def fit_plate(places: NDArray[np.float64], target: NDArray[np.float64]) -> Plate:
    """Fit a plate that moves ``places`` to ``target``, both of shape (n, 2), µm; n >= 4, not on a line.

    Notes
    -----
    With T of rows (1, x, y), Q a basis of what is orthogonal to T, and Q' K Q = V diag(d) V', the rotated targets
    z = V' Q' target have the variance noise (1 + ratio d): their likelihood is that of REML. At a fixed ratio the
    residual is A target with A = Q V diag(1 / (1 + ratio d)) V' Q', and leaving one out gives residual / A_ii
    (Wahba 1990, 4.2.1).
    """
    centre = places.mean(axis=0)
    scale_um = float(np.sqrt(np.mean(np.sum((places - centre) ** 2, axis=1))))
    knots = (places - centre) / scale_um
    rotated, bend = _contrasts(knots)
    z2 = np.sum((rotated.T @ target) ** 2, axis=1) + _ROUNDING * scale_um**2
    n_free = 2 * bend.size
    shares = 1 + RATIOS[:, None] * bend
    noise_um2 = np.sum(z2 / shares, axis=1) / n_free
    log_likelihood = -0.5 * n_free * np.log(noise_um2) - np.sum(np.log(shares), axis=1)
    # The smallest of equally likely ratios: with four landmarks all are, and nothing speaks for a bend.
    best = int(np.argmax(log_likelihood > log_likelihood.max() - 1e-9))
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    weights = rotated @ ((rotated.T @ target) / shares[best][:, None])  # the residual; ratio times it are the weights
    affine = np.linalg.lstsq(
        _affine(knots), target - weights - kernel(_square(knots, knots)) @ (RATIOS[best] * weights), rcond=None
    )[0]
    smoothing_um2 = scale_um**2 / RATIOS[best] if RATIOS[best] else np.inf
    warp = ThinPlate(knots, RATIOS[best] * weights, affine, centre, scale_um, smoothing_um2)
    leverage = np.sum(rotated**2 / shares[best], axis=1)
    # Whether the others fix a plate at all does not depend on the ratio, which makes every leverage small.
    others_suffice = np.sum(rotated**2, axis=1) > 1e-9
    with np.errstate(divide="ignore", invalid="ignore"):
        left_out = np.where(others_suffice[:, None], weights / leverage[:, None], np.nan)
    return Plate(warp, weights, left_out, knots, target, likelihood / likelihood.sum(), noise_um2)


def plate_covariances(
    plate: Plate, places: NDArray[np.float64], *, least: float = 1e-2
) -> list[tuple[float, NDArray[np.float64]]]:
    """Return how unsure the moved ``places`` (m, 2; in the units of the warp) are, for each ratio that is likely.

    Returns
    -------
    list of (probability, ndarray of shape (m, m), µm²): of one axis; the axes are independent

    Notes
    -----
    Universal kriging: the covariance of the error of the best linear unbiased prediction.
    """
    n = len(plate.knots)
    likely = np.flatnonzero(plate.likelihood >= least)
    share = plate.likelihood[likely] / plate.likelihood[likely].sum()
    among, between, own = (
        kernel(_square(*pair)) for pair in ((plate.knots, plate.knots), (places, plate.knots), (places, places))
    )
    found = []
    for probability, ratio, noise_um2 in zip(share, RATIOS[likely], plate.noise_um2[likely], strict=True):
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = ratio * among + np.eye(n)
        system[:n, n:] = _affine(plate.knots)
        system[n:, :n] = system[:n, n:].T
        cross = np.column_stack([ratio * between, _affine(places)])
        covariance = ratio * own - cross @ np.linalg.solve(system, cross.T)
        found.append((float(probability), noise_um2 * (covariance + covariance.T) / 2))
    return found


def through(knots: NDArray[np.float64], moved: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (n, k) and affine part (3, k) of the plates that meet ``moved`` (n, k) at ``knots`` (n, 2)."""
    n = len(knots)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = kernel(_square(knots, knots))
    system[:n, n:] = _affine(knots)
    system[n:, :n] = system[:n, n:].T
    wanted = np.vstack([moved, np.zeros((3, moved.shape[1]))])
    solved = np.linalg.solve(system, wanted).astype(np.float64)
    return solved[:n], solved[n:]


def kernel(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return r² log r of r²; 0 at 0."""
    return 0.5 * square * np.log(np.maximum(square, 1e-300))


def _contrasts(knots: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Q V of shape (n, n - 3) and d of shape (n - 3,)."""
    whole = np.linalg.qr(_affine(knots), mode="complete")[0]
    orthogonal = whole[:, 3:]
    bend, turned = np.linalg.eigh(orthogonal.T @ kernel(_square(knots, knots)) @ orthogonal)
    return orthogonal @ turned, np.maximum(bend, 0.0)


def _affine(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(len(places)), places])


def _square(these: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sum((these[:, None] - others[None]) ** 2, axis=2), dtype=np.float64)
