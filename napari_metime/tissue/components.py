"""Spectra in a few numbers: principal components that no single ion dominates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_COMPONENTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Principal components, fitted to some pixels.

    Parameters
    ----------
    typical : ndarray of shape (n_features,): median of the intensities above 0
    mean : ndarray of shape (n_features, 1): of the logarithms
    vectors : ndarray of shape (n_features, up to 5), strongest first
    """

    typical: NDArray[np.float64]
    mean: NDArray[np.float64]
    vectors: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Components:
        """Fit them.

        Parameters
        ----------
        values : ndarray of shape (n_features, n_pixels): intensities, not below 0
        """
        positive = np.where(values > 0, values, np.nan)
        with np.errstate(all="ignore"):
            typical = np.array([np.nanmedian(row) if np.isfinite(row).any() else 1.0 for row in positive])
        logs = _logs(values, typical)
        mean = logs.mean(axis=1, keepdims=True)
        logs -= mean
        eigenvalues, vectors = np.linalg.eigh(logs @ logs.T)
        return cls(typical, mean, vectors[:, np.argsort(eigenvalues)[::-1][:N_COMPONENTS]])

    def scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the components of pixels, shape (n_pixels, up to 5), of ``values`` as in ``of``."""
        return np.asarray((self.vectors.T @ (_logs(values, self.typical) - self.mean)).T)


def principal_components(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first principal components of pixels, shape (n_pixels, up to 5), strongest first.

    Parameters
    ----------
    values : ndarray of shape (n_features, n_pixels): intensities, not below 0
    """
    return Components.of(values).scores(values)


def _logs(values: NDArray[np.float64], typical: NDArray[np.float64]) -> NDArray[np.float64]:
    # Each peak on its own scale: log of the share of its typical intensity, so that no ion dominates.
    return np.asarray(np.log1p(np.maximum(values, 0) / typical[:, None]))
