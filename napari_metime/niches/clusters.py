"""Which clusters of windows hold significantly few effectors: by random labelling, and by the section's own null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import binom

from napari_metime.niches.background import Background, draw_effectors, fit_background, fragment_odds
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.labelling import (
    EIGHT_CONNECTED,
    CountedCells,
    LocalEvidence,
    family_wise_p,
    find_clusters,
    null_masses,
)
from napari_metime.niches.windows import DiscWindow, Lattice
from napari_metime.section import NicheNull, Progress, no_progress, share_of

MIN_EXPECTED = 3.0
"""Effectors that must be expected for "cold" to be sayable: P(0) = e^-3 = 0.05."""
MIN_CELLS = 30
MIN_TISSUE_SHARE = 0.5
"""Share of a window that must be tissue."""
MIN_FRAGMENT_EFFECTORS = 20
"""Effectors from which a piece of tissue (a fragment, a core) is compared with itself alone. Our default."""
CANDIDATE_P = 0.02
"""p by random labelling from which a cluster may be a niche, and is left out when the null is fitted. Our default."""
CANDIDATE_REACH = 1.25
"""How far around a candidate its surroundings reach (a ring of effectors too), in radii. Our default."""
HOT_P, HOT_RATIO = 1e-8, 3.0
"""Upper tail of a window, and its effectors over those expected, from which it is a hot spot (as a lymphoid structure
is): left out, or all else would look cold against it. Our defaults; on simulated sections of 2 mm² that clump (s.d. 0.6
at 60 µm) 0.4 windows fell below the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """The cells and the area that are searched, on the lattice of the windows.

    Parameters
    ----------
    counted : the cells, without those of hot spots
    area : ndarray of shape (rows, cols): pixels of the domain in each place, without hot spots
    tissue : ndarray of shape (rows, cols): pixels of tissue in each place
    depth_um : ndarray of shape (rows, cols): distance from the margin of the domain
    fragment : ndarray of shape (rows, cols), int: the piece of tissue of each place, 0 for all small ones together
    hot : ndarray of shape (rows, cols), bool: hot spots that were left out
    """

    lattice: Lattice
    window: DiscWindow
    counted: CountedCells
    area: NDArray[np.float64]
    tissue: NDArray[np.float64]
    depth_um: NDArray[np.float64]
    fragment: NDArray[np.int64]
    hot: NDArray[np.bool_]

    @property
    def where(self) -> NDArray[np.bool_]:
        """Places that are mostly domain, shape (rows, cols)."""
        return self.area >= 0.5 * self.lattice.block[0] * self.lattice.block[1]

    def evidence(self, odds: NDArray[np.float64], *, tail: Literal["lower", "upper"] = "lower") -> LocalEvidence:
        """Return what finds the evidence of windows; cells count by their odds to be effectors.

        Where cells lie denser than on average, n is what their average density would give. The lower tail falls with
        n, so the smaller n asks for both at once: fewer than the cells lead one to expect, and fewer than the area.
        For the upper tail the larger n does.
        """
        n_cells, n_effector = self.counted.pixel.size, self.counted.n_effector
        sizes = []
        for base in (self.counted.cells, self.area):
            weight = base * odds
            sizes.append(np.rint(n_cells * self.window.total(weight) / weight.sum()).astype(np.int64))
        n = np.minimum(*sizes) if tail == "lower" else np.minimum(np.maximum(*sizes), n_cells)
        return LocalEvidence(n_cells, n_effector, n, self.assessable, tail=tail)

    @property
    def assessable(self) -> NDArray[np.bool_]:
        """Places whose window expects enough effectors, on enough cells and tissue, shape (rows, cols)."""
        in_window = self.window.sum(self.counted.cells)
        enough = self.window.total(self.tissue) >= MIN_TISSUE_SHARE * self.window.area_pixels * np.prod(
            self.lattice.block
        )
        return self.where & (in_window * self.counted.share >= MIN_EXPECTED) & (in_window >= MIN_CELLS) & enough


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """The clusters of a search, and their p.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), int32: clusters on the lattice
    p, p_labelling : ndarray of shape (n_clusters,): family-wise, by the section's own null and by random labelling
    """

    searched: Searched
    background: Background
    labels: NDArray[np.int32]
    p: NDArray[np.float64]
    p_labelling: NDArray[np.float64]


def lay_windows(
    lattice: Lattice,
    radius_um: float,
    counted: CountedCells,
    domain: NDArray[np.bool_],
    tissue: NDArray[np.bool_],
    *,
    rim_um: float = 0.0,
    with_hot_spots: bool = False,
) -> Searched:
    """Lay windows over the domain; hot spots are left out of it, or not.

    Parameters
    ----------
    counted : the cells of the domain, on the grid
    domain, tissue : ndarray of shape (rows, cols) of the grid, bool
    rim_um : how wide a rim of the domain is not searched, as it may not belong there
    """
    window = DiscWindow(lattice.shape, radius_um, lattice.step_um)
    depth_um = -signed_distance_um(domain, lattice.spacing_um)
    inner = domain & (depth_um >= rim_um)
    if not inner.any():
        inner = domain
    cells, effectors = (
        lattice.sum(np.where(inner, image, 0)).astype(np.int64) for image in (counted.cells, counted.effectors)
    )
    area = lattice.sum(inner)
    found, among = window.sum(effectors), window.sum(cells)
    hot = (binom.sf(found - 1, among, counted.share) < HOT_P) & (found >= HOT_RATIO * among * counted.share)
    hot &= (area > 0) & (not with_hot_spots)
    place = lattice.place_of(counted.pixel[inner.ravel()[counted.pixel]])
    kept = place[~hot.ravel()[place]]
    x = np.where(hot, 0, effectors)
    with np.errstate(invalid="ignore"):
        depth_um = np.where(area > 0, lattice.sum(np.where(inner, depth_um, 0)) / np.maximum(area, 1), 0.0)
    return Searched(
        lattice,
        window,
        CountedCells(kept, int(x.sum()), x, np.where(hot, 0, cells)),
        np.where(hot, 0.0, area),
        lattice.sum(tissue),
        np.nan_to_num(depth_um, posinf=0.0, neginf=0.0),
        _fragments(lattice.sum(tissue) > 0, x),
        hot,
    )


def _fragments(tissue: NDArray[np.bool_], effectors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the pieces of tissue that hold enough effectors to have a rate of their own; 0 elsewhere."""
    pieces, n = ndimage.label(tissue, EIGHT_CONNECTED)
    held = np.bincount(pieces.ravel(), weights=effectors.ravel(), minlength=n + 1)
    own = (held >= MIN_FRAGMENT_EFFECTORS) & (np.arange(n + 1) > 0)
    return np.asarray(np.where(own, np.cumsum(own), 0)[pieces], dtype=np.int64)


def judge_clusters(
    searched: Searched,
    *,
    n_permutations: int,
    alpha: float,
    radius_um: float,
    rng: np.random.Generator,
    on_progress: Progress = no_progress,
) -> Tested:
    """Find clusters of windows with few effectors; compare each with the largest that chance makes.

    First by plain random labelling. What stands out so, with its surroundings, is left out when the section's own
    null is fitted; against that the clusters are tested again.
    """
    counted, step_um = searched.counted, searched.lattice.step_um
    found = searched.window.sum(counted.effectors)
    plain = Background(fragment_odds_of(searched), counted.share, NicheNull())

    def null(evidence: LocalEvidence, background: Background, progress: Progress) -> NDArray[np.float64]:
        return null_masses(
            lambda: draw_effectors(counted, background, step_um, rng),
            searched.window,
            evidence,
            n_permutations=n_permutations,
            on_progress=progress,
        )

    evidence = searched.evidence(plain.odds)
    labels, masses = find_clusters(evidence(found))
    by_labelling = null(evidence, plain, share_of(on_progress, 0.0, 0.5))
    p_labelling = family_wise_p(masses, by_labelling)
    reached = min(alpha, max(CANDIDATE_P, 1 / (n_permutations + 1)))  # few permutations cannot reach less
    candidates = np.isin(labels, np.flatnonzero(p_labelling <= reached) + 1)
    apart = signed_distance_um(candidates | searched.hot, step_um) > CANDIDATE_REACH * radius_um
    background = fit_background(counted, searched.where & apart, searched.depth_um, searched.fragment, step_um)
    if background.null.clumping_sd == 0 and background.null.depth_slope_per_mm == 0:
        return Tested(searched, background, labels, p_labelling, p_labelling)
    evidence = searched.evidence(background.odds)
    own_labels, masses = find_clusters(evidence(found))
    own = null(evidence, background, share_of(on_progress, 0.5, 1.0))
    p_of_place = np.concatenate([[1.0], p_labelling])[labels]
    p_plain = np.array([p_of_place[own_labels == number + 1].min() for number in range(masses.size)])
    return Tested(searched, background, own_labels, family_wise_p(masses, own), p_plain)


def fragment_odds_of(searched: Searched) -> NDArray[np.float64]:
    """Return the odds that follow from the piece of tissue alone, shape (rows, cols)."""
    return fragment_odds(searched.counted, searched.fragment, searched.where)
