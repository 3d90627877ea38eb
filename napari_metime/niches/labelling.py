"""Random labelling: are there fewer effectors here than the cells that are there lead one to expect?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import gammaln

from napari_metime.niches.windows import DiscWindow
from napari_metime.section import Progress, Role, no_progress

FORMING_P = 0.05
"""Local p below which a window may belong to a cluster. Our default."""
SMALLEST_P = {"lower": 1e-300, "upper": 1e-9}
"""Smaller tails count as this: the upper one is one minus a sum, which rounding makes unsure below."""
FAR_SDS = 8.0
EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)
COUNTED_ROLES: tuple[Role, ...] = ("effector", "suppressor", "tumor")


@dataclass(frozen=True, slots=True, eq=False)
class CountedCells:
    """The labelled cells of the domain, counted on the grid.

    Parameters
    ----------
    pixel : ndarray of shape (N,), flat grid index of each cell
    n_effector : K of the N cells are effectors
    effectors : ndarray of shape (rows, cols): effectors per pixel
    cells : ndarray of shape (rows, cols): cells per pixel
    """

    pixel: NDArray[np.intp]
    n_effector: int
    effectors: NDArray[np.int64]
    cells: NDArray[np.int64]

    @property
    def share(self) -> float:
        """Effectors among the cells, K / N."""
        return self.n_effector / max(self.pixel.size, 1)


def count_on_grid(pixel: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Count flat pixel indices on the grid; -1 (outside it) does not count."""
    return np.bincount(pixel[pixel >= 0], minlength=int(np.prod(shape))).reshape(shape)


def count_cells(pixel: NDArray[np.intp], is_effector: NDArray[np.bool_], domain: NDArray[np.bool_]) -> CountedCells:
    """Count the cells whose pixel lies in the domain; ``pixel`` is flat, -1 outside the grid."""
    inside = pixel >= 0
    inside[inside] = domain.ravel()[pixel[inside]]
    here, labels = pixel[inside], is_effector[inside]
    return CountedCells(
        here, int(labels.sum()), count_on_grid(here[labels], domain.shape), count_on_grid(here, domain.shape)
    )


class LocalEvidence:
    """-log10 of a tail of X, hypergeometric, looked up where it is below ``FORMING_P``.

    Parameters
    ----------
    n_cells, n_effector : N and K of the domain
    in_window : ndarray of shape (rows, cols): n of each window; windows where ``where`` is False give 0
    tail : "lower", P(X <= x), or "upper", P(X >= x)
    """

    def __init__(
        self,
        n_cells: int,
        n_effector: int,
        in_window: NDArray[np.int64],
        where: NDArray[np.bool_],
        *,
        tail: Literal["lower", "upper"] = "lower",
    ) -> None:
        sizes, row = np.unique(in_window[where], return_inverse=True)
        mean = sizes.max(initial=0) * n_effector / max(n_cells, 1)
        self._where = where
        self._row = row
        if tail == "lower":  # beyond the mean of the largest window no tail is small
            p = lower_tails(n_cells, n_effector, sizes, int(min(mean, n_effector)) + 1)
        else:
            highest = int(min(mean + FAR_SDS * np.sqrt(mean) + FAR_SDS**2, n_effector))
            below = lower_tails(n_cells, n_effector, sizes, highest)[:, :-1]
            p = np.pad(1 - below, ((0, 0), (1, 0)), constant_values=1)
        self._table = np.where(p < FORMING_P, -np.log10(np.maximum(p, SMALLEST_P[tail])), 0.0)
        if tail == "lower":
            self._table[:, -1] = 0.0

    def __call__(self, found: NDArray[np.int64]) -> NDArray[np.float64]:
        """Evidence of windows that hold ``found`` effectors, shape (rows, cols); 0 where p >= ``FORMING_P``."""
        image = np.zeros(found.shape)
        column = np.minimum(found[self._where], self._table.shape[1] - 1)
        image[self._where] = self._table[self._row, column]
        return image


def lower_tails(n_cells: int, n_effector: int, sizes: NDArray[np.int64], highest: int) -> NDArray[np.float64]:
    """P(X <= x), X hypergeometric, for each window size (rows) and x = 0 to ``highest`` (columns)."""
    x = np.arange(highest + 1)
    n = sizes[:, None]

    def log_choose(a: NDArray[np.int64] | int, b: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1))

    possible = (x <= n) & (x <= n_effector) & (n - x <= n_cells - n_effector)
    x_safe, rest = np.where(possible, x, 0), np.where(possible, n - x, 0)
    log_p = log_choose(n_effector, x_safe) + log_choose(n_cells - n_effector, rest) - log_choose(n_cells, n)
    return np.asarray(np.minimum(np.cumsum(np.where(possible, np.exp(log_p), 0.0), axis=1), 1.0))


def local_p(
    n_cells: int, n_effector: int, in_window: NDArray[np.int64], found: NDArray[np.int64], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """P(X <= x) of each window, X hypergeometric, shape (rows, cols); NaN where ``where`` is False."""
    p = np.full(found.shape, np.nan)
    sizes, row = np.unique(in_window[where], return_inverse=True)
    if sizes.size:
        x = found[where]
        p[where] = lower_tails(n_cells, n_effector, sizes, int(x.max()))[row, x]
    return p


def find_clusters(evidence: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return connected clusters of evidence (8-connected) and their mass (sum of -log10 p)."""
    labels, n_clusters = ndimage.label(evidence > 0, EIGHT_CONNECTED)
    masses = np.bincount(labels.ravel(), weights=evidence.ravel(), minlength=n_clusters + 1)[1:]
    return labels.astype(np.int32), masses.astype(np.float64)


def null_masses(
    draw: Callable[[], NDArray[np.int64]],
    window: DiscWindow,
    evidence: LocalEvidence,
    *,
    n_permutations: int,
    on_progress: Progress = no_progress,
) -> NDArray[np.float64]:
    """Return the largest cluster mass of each drawing of the effectors: the whole search, done again.

    Maximum over the section, so p = (1 + #{mass* >= mass}) / (B + 1) is family-wise
    (Nichols & Holmes 2002, Hum Brain Mapp 15:1; Bullmore 1999 for the mass).

    Parameters
    ----------
    draw : returns effectors per place, shape (rows, cols), as they might as well lie without niches
    """
    largest = np.zeros(n_permutations)
    for i in range(n_permutations):
        largest[i] = find_clusters(evidence(window.sum(draw())))[1].max(initial=0.0)
        if i % 16 == 15 or i + 1 == n_permutations:
            on_progress((i + 1) / n_permutations, f"random shuffle {i + 1:,} of {n_permutations:,}")
    return largest


def family_wise_p(masses: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    """p of each cluster against the largest masses of the null: (1 + #{null >= mass}) / (B + 1)."""
    return np.asarray((1 + (null[None, :] >= masses[:, None] - 1e-9).sum(axis=1)) / (null.size + 1))
