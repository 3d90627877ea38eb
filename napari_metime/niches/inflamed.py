"""Where it is hot: the search for niches with the other tail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.niches.background import Background, draw_effectors
from napari_metime.niches.clusters import Searched, fragment_odds_of
from napari_metime.niches.labelling import EIGHT_CONNECTED, family_wise_p, find_clusters, null_masses
from napari_metime.section import NicheNull, Progress, no_progress

MIN_AREA_UM2 = 10_000.0


def find_inflamed(
    searched: Searched,
    null: NicheNull,
    *,
    n_permutations: int,
    alpha: float,
    min_rate_ratio: float,
    rng: np.random.Generator,
    on_progress: Progress = no_progress,
) -> NDArray[np.int32]:
    """Label regions with significantly more effectors, per cell and per area, than the section's own null makes.

    Parameters
    ----------
    searched : with its hot spots
    null : as fitted where no cold niche is
    min_rate_ratio : least effectors per cell against the rest

    Returns
    -------
    labels : ndarray of shape (rows, cols) of the grid, int32
    """
    counted, lattice = searched.counted, searched.lattice
    odds = fragment_odds_of(searched) * np.exp(null.depth_slope_per_mm * searched.depth_um / 1000)
    background = Background(odds, counted.share, null)
    evidence = searched.evidence(odds, tail="upper")
    clusters, masses = find_clusters(evidence(searched.window.sum(counted.effectors)))
    largest = null_masses(
        lambda: draw_effectors(counted, background, lattice.step_um, rng),
        searched.window,
        evidence,
        n_permutations=n_permutations,
        on_progress=on_progress,
    )
    hot = np.isin(clusters, np.flatnonzero(family_wise_p(masses, largest) <= alpha) + 1)
    regions, n = ndimage.label(hot, EIGHT_CONNECTED)
    cells, effectors, area = (
        np.bincount(regions.ravel(), weights=image.ravel(), minlength=n + 1)
        for image in (counted.cells, counted.effectors, searched.area)
    )
    rest = effectors[0] / max(cells[0], 1)
    pixel_um2 = lattice.spacing_um[0] * lattice.spacing_um[1]
    kept = (effectors >= min_rate_ratio * rest * np.maximum(cells, 1)) & (area * pixel_um2 >= MIN_AREA_UM2)
    kept[0] = False
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return lattice.on_grid(np.where(searched.area > 0, number[regions], 0)).astype(np.int32)
