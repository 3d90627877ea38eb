"""Groups of pixels by their components: k-means and mixtures of Gaussians, the same for the same seed."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

N_STARTS = 5
_RIDGE = 1e-6


def fit_kmeans(scores: NDArray[np.float64], n: int, seed: int) -> Any:
    """Fit k-means (Lloyd, k-means++, the best of 5 starts) to (n_pixels, n_components); scikit-learn's ``KMeans``."""
    from sklearn.cluster import KMeans

    return _fit(KMeans(n, n_init=N_STARTS, random_state=seed), scores)


def fit_mixture(scores: NDArray[np.float64], n: int, seed: int) -> Any:
    """Fit Gaussians, each with its own full covariance, the best of 5 starts; scikit-learn's ``GaussianMixture``."""
    from sklearn.mixture import GaussianMixture

    # Against a group of equal pixels, whose likelihood has no bound.
    ridge = _RIDGE * max(float(scores.var(axis=0).max()), _RIDGE)
    return _fit(GaussianMixture(n, n_init=N_STARTS, random_state=seed, reg_covar=ridge), scores)


def _fit(model: Any, scores: NDArray[np.float64]) -> Any:
    """Fit in one thread: several add up in an order that changes, and wait for each other in loops."""
    from sklearn.exceptions import ConvergenceWarning

    with _threads().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a group fewer, or a last digit: no reason to stop
        return model.fit(scores)


@cache
def _threads() -> ThreadpoolController:
    """Return what sets the threads of scikit-learn, which is loaded by now; finding its libraries takes 3 ms."""
    return ThreadpoolController()
