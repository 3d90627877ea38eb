"""Random labelling: are there fewer effectors here than the cells that are there lead one to expect?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import gammaln

from napari_metime.niches.windows import DiscWindow
from napari_metime.section import Progress, Role, no_progress

FORMING_P = 0.05
"""Local p below which a window may belong to a cluster. Our default."""
_BATCH_PIXELS = 4_000_000
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
    """-log10 of the lower tail P(X <= x), X hypergeometric, looked up where it is below ``FORMING_P``.

    Parameters
    ----------
    n_cells, n_effector : N and K of the domain
    in_window : ndarray of shape (rows, cols): n of each window; windows where ``where`` is False give 0
    """

    def __init__(self, n_cells: int, n_effector: int, in_window: NDArray[np.int64], where: NDArray[np.bool_]) -> None:
        sizes, row = np.unique(in_window[where], return_inverse=True)
        self._where = where
        self._row = row
        self._table = _evidence_table(n_cells, n_effector, sizes)

    def __call__(self, found: NDArray[np.int64]) -> NDArray[np.float64]:
        """Evidence of windows that hold ``found`` effectors, shape (rows, cols); 0 where p >= ``FORMING_P``."""
        image = np.zeros(found.shape)
        column = np.minimum(found[self._where], self._table.shape[1] - 1)
        image[self._where] = self._table[self._row, column]
        return image


def _evidence_table(n_cells: int, n_effector: int, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """-log10 P(X <= x) for each window size (rows) and x (columns); the last column is all 0."""
    mean = sizes.max(initial=0) * n_effector / max(n_cells, 1)
    x = np.arange(int(min(mean, n_effector)) + 2)
    n = sizes[:, None]

    def log_choose(a: NDArray[np.int64] | int, b: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1))

    possible = (x <= n) & (x <= n_effector) & (n - x <= n_cells - n_effector)
    x_safe, rest = np.where(possible, x, 0), np.where(possible, n - x, 0)
    log_p = log_choose(n_effector, x_safe) + log_choose(n_cells - n_effector, rest) - log_choose(n_cells, n)
    tail = np.cumsum(np.where(possible, np.exp(log_p), 0.0), axis=1)
    evidence = np.where(tail < FORMING_P, -np.log10(np.maximum(tail, 1e-300)), 0.0)
    evidence[:, -1] = 0.0
    return evidence


def find_clusters(evidence: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return connected clusters of evidence (8-connected, opened by one pixel) and their mass (sum of -log10 p)."""
    opened = ndimage.binary_opening(evidence > 0, EIGHT_CONNECTED)
    labels, n_clusters = ndimage.label(opened, EIGHT_CONNECTED)
    masses = np.bincount(labels.ravel(), weights=evidence.ravel(), minlength=n_clusters + 1)[1:]
    return labels.astype(np.int32), masses.astype(np.float64)


def null_masses(
    counted: CountedCells,
    window: DiscWindow,
    evidence: LocalEvidence,
    *,
    n_permutations: int,
    rng: np.random.Generator,
    on_progress: Progress = no_progress,
) -> NDArray[np.float64]:
    """Return the largest cluster mass of each random labelling: the whole search, done again.

    Maximum over the section, so p = (1 + #{mass* >= mass}) / (B + 1) is family-wise
    (Nichols & Holmes 2002, Hum Brain Mapp 15:1; Bullmore 1999 for the mass).
    """
    largest = np.zeros(n_permutations)
    shape = counted.cells.shape
    batch = max(1, min(16, _BATCH_PIXELS // window.n_padded))
    for first in range(0, n_permutations, batch):
        stop = min(first + batch, n_permutations)
        drawn = np.stack([_draw(counted, shape, rng) for _ in range(first, stop)])
        for i, found in enumerate(window.sum(drawn), start=first):
            largest[i] = find_clusters(evidence(found))[1].max(initial=0.0)
        on_progress(stop / n_permutations, f"random labelling {stop} of {n_permutations}")
    return largest


def label_dispersion(counted: CountedCells, where: NDArray[np.bool_], tiles: NDArray[np.intp]) -> float:
    """Return how much more the effectors of tiles vary than random labels would, given the cells there.

    Mean of (x - n K / N)^2 / Var(x) over tiles that expect at least one effector, with the variance
    of the hypergeometric: 1 for random labels, above 1 where effectors clump; NaN without such tiles.

    Parameters
    ----------
    where : ndarray of shape (rows, cols), bool: pixels that count
    tiles : ndarray of shape (rows, cols): the tile of each pixel
    """
    n, x = (np.bincount(tiles[where], weights=image[where]) for image in (counted.cells, counted.effectors))
    n_cells, n_effector = n.sum(), x.sum()
    if n_cells < 2 or n_effector == 0:
        return float("nan")
    share = n_effector / n_cells
    variance = n * share * (1 - share) * (n_cells - n) / (n_cells - 1)
    enough = (n * share >= 1) & (variance > 0)
    return float(np.mean((x - n * share)[enough] ** 2 / variance[enough])) if enough.any() else float("nan")


def _draw(counted: CountedCells, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    chosen = rng.choice(counted.pixel.size, counted.n_effector, replace=False, shuffle=False)
    return count_on_grid(counted.pixel[chosen], shape).astype(np.float64)
