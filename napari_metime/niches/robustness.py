"""Which niches outlive another window, another alignment, other cell types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_metime.section import CellTable, NicheMap, Progress, no_progress

WINDOW_FACTORS = (1 / 1.5, 1.5)
"""The niches are searched again with windows so many times as wide (the reference definition's choice)."""
N_REDRAWN = 20
"""How often the section is drawn again with its own errors. Our default."""
MIN_OVERLAP = 0.5
"""Share of a niche that must be called again in a redrawn section. Our default."""

Search = Callable[[CellTable, float], NicheMap]
"""From cells and the window's radius (µm) to the niches, all else as before."""


def with_robustness(
    found: NicheMap,
    cells: CellTable,
    search: Search,
    redrawn: Sequence[CellTable] = (),
    *,
    on_progress: Progress = no_progress,
) -> NicheMap:
    """Add to each niche its stability, and the share of the redrawn sections in which it is called.

    Parameters
    ----------
    redrawn : the cells as they might as well lie, or be; none where no error is known
    """
    if not found.n_niches:
        return found
    radii = [factor * found.radius_um for factor in WINDOW_FACTORS]
    runs = [(cells, radius) for radius in radii] + [(table, found.radius_um) for table in redrawn]
    labels = []
    for i, (table, radius) in enumerate(runs):
        how = "with another window" if i < len(radii) else "with the cells moved by their error"
        on_progress(i / len(runs), f"searching again {how}, {i + 1} of {len(runs)}")
        labels.append(search(table, radius).labels)
    dice = np.array([niche_dice(found.labels, other, found.n_niches) for other in labels[: len(radii)]])
    stable = replace(found, stability=dice.min(axis=0))
    if not redrawn:
        return stable
    again = np.array([niche_cover(found.labels, other, found.n_niches) for other in labels[len(radii) :]])
    return replace(stable, called_share=(again >= MIN_OVERLAP).mean(axis=0))


def niche_dice(labels: NDArray[np.int32], other: NDArray[np.int32], n_niches: int) -> NDArray[np.float64]:
    """Dice overlap of each niche with the niches of another search that it touches, shape (n_niches,).

    2 |A and B| / (|A| + |B|) (Dice 1945, Ecology 26:297), B all of those niches together.
    """
    dice = np.zeros(n_niches)
    for number in range(1, n_niches + 1):
        niche = labels == number
        touched = np.isin(other, np.unique(other[niche & (other > 0)]))
        dice[number - 1] = 2 * (niche & touched).sum() / (niche.sum() + touched.sum())
    return dice


def niche_cover(labels: NDArray[np.int32], other: NDArray[np.int32], n_niches: int) -> NDArray[np.float64]:
    """Share of each niche's area that another search calls too, shape (n_niches,)."""
    size = np.bincount(labels.ravel(), minlength=n_niches + 1)[1:]
    again = np.bincount(labels[other > 0], minlength=n_niches + 1)[1:]
    return np.asarray(again / np.maximum(size, 1))


def redraw_types(cells: CellTable, rng: np.random.Generator) -> CellTable:
    """Draw each cell's role anew: as given with the probability of its type, else that of another cell at random."""
    if not cells.type_probability.size:
        return cells
    wrong = rng.uniform(size=cells.n_cells) > np.nan_to_num(cells.type_probability, nan=1.0)
    role = cells.role.copy()
    role[wrong] = rng.choice(cells.role, int(wrong.sum()))
    return replace(cells, role=role)
