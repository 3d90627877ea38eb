"""What is left of a map once the covariates have explained what they can."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.special import ndtri
from scipy.stats import rankdata

KNOTS = (0.1, 0.5, 0.9)
"""Quantiles of a covariate at which its spline bends (Harrell 2015, Regression Modeling Strategies, section 2.4.6).
More knots cost more of the few independent values of a section and removed no more (`docs/decisions.md`)."""
MIN_RANK = 1e-6
"""Share of the largest direction below which a column of the basis is one of the others again."""


def normal_scores(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Normal quantiles of the ranks, ties averaged (Blom 1958): one bright pixel counts as one pixel.

    Parameters
    ----------
    values : ndarray of shape (n,), without NaN
    """
    return np.asarray(ndtri((rankdata(values) - 0.375) / (values.size + 0.25)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """What a constant and the covariates can explain: least squares on the splines of all of them together.

    Parameters
    ----------
    basis : ndarray of shape (n_pixels, k), orthonormal columns of mean 0
    """

    basis: NDArray[np.float64]

    @classmethod
    def for_covariates(cls, covariates: NDArray[np.float64]) -> Adjustment:
        """Return the adjustment for covariates of shape (n_pixels, n_covariates), without NaN; there may be none."""
        columns = [np.empty((covariates.shape[0], 0)), *(natural_spline(values) for values in covariates.T)]
        together = np.hstack(columns)
        if not together.size:
            return cls(together)
        q, r, _ = linalg.qr(together - together.mean(axis=0), mode="economic", pivoting=True)
        size = np.abs(np.diag(r))
        return cls(np.ascontiguousarray(q[:, size > MIN_RANK * size.max()]))

    def residual(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is left of ``values``, shape (n_pixels,) or (n_pixels, m)."""
        centred = values - values.mean(axis=0)
        return np.asarray(centred - self.basis @ (self.basis.T @ centred))


def natural_spline(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns of a cubic spline that is linear beyond its outer knots, shape (n, up to 2).

    Restricted cubic spline in truncated powers (Stone & Koo 1985; Harrell 2015, equation 2.25), of standardised values.
    Without any spread there is no column.

    Parameters
    ----------
    values : ndarray of shape (n,), without NaN
    """
    spread = float(values.std()) if values.size else 0.0
    if spread <= 1e-12 * max(float(np.abs(values).max(initial=0.0)), 1e-300):
        return np.empty((values.size, 0))
    x = (values - values.mean()) / spread
    knots = np.unique(np.quantile(x, KNOTS))
    columns = [x]
    if knots.size >= 3:
        last, before = knots[-1], knots[-2]
        for knot in knots[:-2]:
            bend = _cube(x - knot) - (
                _cube(x - before) * (last - knot) - _cube(x - last) * (before - knot)
            ) / (last - before)
            columns.append(bend / (last - knots[0]) ** 2)
    return np.stack(columns, axis=1)


def _cube(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(x, 0.0) ** 3)
