"""Find the niches: test windows, test regions, draw their border, keep the strong ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.errors import CellTableError, TissueError
from napari_metime.niches.bootstrap import tile_numbers
from napari_metime.niches.domain import cellular, signed_distance_um, tumor_bed
from napari_metime.niches.labelling import (
    EIGHT_CONNECTED,
    CountedCells,
    LocalEvidence,
    count_cells,
    find_clusters,
    label_dispersion,
    null_masses,
)
from napari_metime.niches.windows import DiscWindow, choose_radius_um
from napari_metime.section import CellTable, Grid, NicheMap, Progress, no_progress

MIN_EXPECTED = 3.0
"""Effectors that must be expected for "cold" to be sayable: P(0) = e^-3 = 0.05."""
MIN_CELLS = 30
MIN_TISSUE_SHARE = 0.5
"""Share of a window that must be tissue."""
MIN_AREA_UM2 = 10_000.0
MIN_AREA_PIXELS = 10
MAX_DISPERSION = 1.5
"""Dispersion of the labels from which the user is told that effectors clump. Our default."""
BORDER_BANDWIDTH = 1 / 3
"""Bandwidth of the rate map that draws a niche's border, as a share of the window's radius. Our default."""
BORDER_LEVEL = 0.9
"""Share of ``max_rate_ratio`` at which the border is drawn: a little inside, so the call stays cold. Our default."""
BORDER_REACH = 0.3
"""How far beyond its significant windows a niche may reach, as a share of the radius. Our default."""


def map_niches(
    grid: Grid,
    tissue: NDArray[np.bool_],
    cells: CellTable,
    *,
    domain: NDArray[np.bool_] | str,
    radius_um: float | Literal["auto"] = "auto",
    n_permutations: int = 999,
    alpha: float = 0.05,
    max_rate_ratio: float = 0.5,
    alignment_error_um: float = float("nan"),
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> NicheMap:
    """Find connected regions with significantly fewer effectors than the cells there lead one to expect.

    Around each pixel a disc holds x effectors among n cells; with K among N in the domain, random
    labelling makes x hypergeometric; where cells lie denser than on average, n is what their average
    density would give. Windows with p < 0.05 form clusters; the sum of -log10 p of a cluster is
    compared with the largest one of each random labelling (family-wise). A significant cluster's
    border is drawn where the smoothed effectors cross 0.9 ``max_rate_ratio`` of the rest's. It is a
    niche if its effectors are at most ``max_rate_ratio`` of the rest's both among the cells and per
    area.

    Parameters
    ----------
    tissue : ndarray of shape (rows, cols), bool
    cells : CellTable in section µm
    domain : {"tumor_bed", "tissue"} or ndarray of shape (rows, cols), bool
    radius_um : window radius, or "auto" to expect ten effectors in it
    alignment_error_um : the window is at least twice as wide; NaN where unknown

    Raises
    ------
    CellTableError
        No cell lies on the tissue.
    TissueError
        There is no such domain.
    """
    pixel = grid.pixel_of(cells.x, cells.y)
    mask = _domain_mask(grid, tissue, cells, pixel, domain)
    counted = count_cells(pixel, cells.has_role("effector"), mask)
    if counted.n_effector == 0:
        return _no_map(mask, "No effector cell lies in the domain: there is no map of coldness.")
    area_um2 = float(mask.sum()) * grid.pixel_area_um2
    radius = (
        choose_radius_um(counted.n_effector, area_um2, grid.spacing_um, alignment_error_um=alignment_error_um)
        if radius_um == "auto"
        else float(radius_um)
    )
    window = DiscWindow(grid.shape, radius, grid.spacing_um)
    in_window = window.sum(counted.cells.astype(np.float64))
    found = window.sum(counted.effectors.astype(np.float64))
    expected = np.asarray(in_window * counted.share, dtype=np.float64)
    enough_tissue = window.sum(tissue.astype(np.float64)) >= MIN_TISSUE_SHARE * window.area_pixels
    assessable = mask & (expected >= MIN_EXPECTED) & (in_window >= MIN_CELLS) & enough_tissue
    if not assessable.any():
        note = f"Too few effector cells to map: {counted.n_effector} in {area_um2 / 1e6:.2f} mm²"
        if expected[mask].max() >= MIN_EXPECTED:
            note = f"No window is half on tissue with {MIN_CELLS} cells and {MIN_EXPECTED:g} expected effectors in it"
        return _no_map(mask, f"{note} (radius {radius:.0f} µm).", expected=expected, radius_um=radius)
    # What the window would hold if the cells were spread evenly. The lower tail falls with n, so the smaller n
    # asks for both at once: fewer than the cells lead one to expect, and fewer than the area does.
    evenly = np.rint(counted.pixel.size * window.sum(mask.astype(np.float64)) / mask.sum()).astype(np.int64)
    evidence = LocalEvidence(counted.pixel.size, counted.n_effector, np.minimum(in_window, evenly), assessable)
    labels, masses = find_clusters(evidence(found))
    null = null_masses(
        counted,
        window,
        evidence,
        n_permutations=n_permutations,
        rng=np.random.default_rng([seed, 1]),
        on_progress=on_progress,
    )
    p = (1 + (null[None, :] >= masses[:, None] - 1e-9).sum(axis=1)) / (n_permutations + 1)
    frame = _Frame(grid, counted, mask, assessable, radius, max_rate_ratio)
    regions, p_region = _strong_regions(frame, *_draw_regions(frame, labels, p, alpha))
    coldness = -np.log2((found + 0.5) / (expected + 0.5))
    return NicheMap(
        domain=mask,
        assessable=assessable,
        coldness=np.where(assessable, coldness, np.nan).astype(np.float32),
        expected=np.where(mask, expected, np.nan).astype(np.float32),
        labels=regions,
        p_region=p_region,
        radius_um=radius,
        note=_note(p_region.size, radius, assessable, mask),
        warnings=_warn(frame, regions, alpha, n_permutations),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """What drawing and gating share."""

    grid: Grid
    counted: CountedCells
    domain: NDArray[np.bool_]
    assessable: NDArray[np.bool_]
    radius_um: float
    max_rate_ratio: float


def _domain_mask(
    grid: Grid, tissue: NDArray[np.bool_], cells: CellTable, pixel: NDArray[np.intp], domain: NDArray[np.bool_] | str
) -> NDArray[np.bool_]:
    every = count_cells(pixel, cells.has_role("tumor"), tissue)
    if every.pixel.size == 0:
        raise CellTableError(
            f"expected cells on the tissue, found none of {cells.n_cells:,} there; "
            "check cells.unit, cells.pixel_size_um and align"
        )
    if isinstance(domain, str):
        if domain == "tumor_bed":
            return tumor_bed(tissue, every.cells, every.effectors, grid.spacing_um)
        return cellular(tissue, every.cells, grid.spacing_um)
    mask = domain & tissue
    if not mask.any():
        raise TissueError("expected a domain on the tissue, found none of its pixels there; draw it on the tissue")
    return mask & cellular(tissue, every.cells, grid.spacing_um)


def _draw_regions(
    frame: _Frame, labels: NDArray[np.int32], p: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Draw the border of each significant cluster; return labelled regions and their p."""
    significant = np.flatnonzero(p <= alpha) + 1
    core = np.isin(labels, significant)
    if not core.any():
        return np.zeros(labels.shape, np.int32), np.empty(0)
    low = _effector_ratio(frame, frame.assessable & ~core) < BORDER_LEVEL * frame.max_rate_ratio
    near = signed_distance_um(core, frame.grid.spacing_um) <= BORDER_REACH * frame.radius_um
    drawn = _open(low & near & frame.assessable, frame.radius_um / 2, frame.grid.spacing_um)
    regions, n_regions = ndimage.label(drawn, EIGHT_CONNECTED)
    p_region = np.ones(n_regions)
    for number in range(1, n_regions + 1):
        touched = np.unique(labels[(regions == number) & core])
        if touched.size:
            p_region[number - 1] = p[touched - 1].min()
    return _keep(regions.astype(np.int32), p_region, p_region <= alpha)


def _effector_ratio(frame: _Frame, rest: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Smoothed effectors against ``rest``: the larger of the ratio among cells and the ratio per area.

    Both must be low, or the border of a nest that is merely denser would be drawn around a dip of its noise.
    """
    sigma = [BORDER_BANDWIDTH * frame.radius_um / s for s in frame.grid.spacing_um]
    counted = frame.counted
    effectors = _blur(counted.effectors, sigma)
    ratios = []
    for base in (counted.cells, frame.domain.astype(np.int64)):
        expected = _blur(base, sigma) * (int(counted.effectors[rest].sum()) / max(int(base[rest].sum()), 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios.append(np.where(expected > 1e-12, effectors / expected, np.inf))
    return np.asarray(np.maximum(*ratios))


def _blur(image: NDArray[np.int64], sigma: list[float]) -> NDArray[np.float64]:
    return np.asarray(ndimage.gaussian_filter(image.astype(np.float64), sigma, mode="constant"))


def _open(mask: NDArray[np.bool_], radius_um: float, spacing_um: tuple[float, float]) -> NDArray[np.bool_]:
    """Morphological opening by a disc: no part of a niche is narrower than the smallest niche."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_um)[1:-1, 1:-1]
    core = depth > radius_um
    if not core.any():
        return np.zeros_like(mask)
    return np.asarray(mask & (ndimage.distance_transform_edt(~core, sampling=spacing_um) <= radius_um))


def _strong_regions(
    frame: _Frame, regions: NDArray[np.int32], p_region: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Keep regions that are large enough and pass both effect gates; a dropped one joins the rest, so again."""
    min_area = max(np.pi * (frame.radius_um / 2) ** 2, MIN_AREA_UM2, MIN_AREA_PIXELS * frame.grid.pixel_area_um2)
    while p_region.size:
        n_pixels, n_cells, n_effector = (
            np.bincount(regions[frame.assessable], weights=image[frame.assessable], minlength=p_region.size + 1)
            for image in (np.ones(regions.shape), frame.counted.cells, frame.counted.effectors)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            rate, density = n_effector / n_cells, n_effector / n_pixels
            cold = (rate[1:] <= frame.max_rate_ratio * rate[0]) & (density[1:] <= frame.max_rate_ratio * density[0])
        large = (n_pixels[1:] * frame.grid.pixel_area_um2 >= min_area) & (n_cells[1:] >= MIN_CELLS)
        if (cold & large).all():
            break
        regions, p_region = _keep(regions, p_region, cold & large)
    return regions, p_region


def _keep(
    regions: NDArray[np.int32], p_region: NDArray[np.float64], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    number = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(np.int32)
    return number[regions], p_region[kept]


def _no_map(
    mask: NDArray[np.bool_],
    note: str,
    *,
    expected: NDArray[np.float64] | None = None,
    radius_um: float = float("nan"),
) -> NicheMap:
    nothing = np.full(mask.shape, np.nan, dtype=np.float32)
    return NicheMap(
        domain=mask,
        assessable=np.zeros_like(mask),
        coldness=nothing,
        expected=nothing if expected is None else np.where(mask, expected, np.nan).astype(np.float32),
        labels=np.zeros(mask.shape, np.int32),
        p_region=np.empty(0),
        radius_um=radius_um,
        note=note,
    )


def _note(n_niches: int, radius_um: float, assessable: NDArray[np.bool_], domain: NDArray[np.bool_]) -> str:
    found = {0: "No cold niche", 1: "1 cold niche"}.get(n_niches, f"{n_niches} cold niches")
    share = 100 * assessable.sum() / domain.sum()
    return f"{found}; window of {radius_um:.0f} µm radius; {share:.0f} % of the domain is assessable."


def _warn(frame: _Frame, regions: NDArray[np.int32], alpha: float, n_permutations: int) -> tuple[str, ...]:
    told = []
    if alpha * (n_permutations + 1) < 1:
        told.append(f"{n_permutations} permutations cannot reach p <= {alpha:g}; nothing can be called. Ask for more.")
    # Niches and what lies around them are left out: they are what is asked, not the background.
    plain = frame.assessable & (signed_distance_um(regions > 0, frame.grid.spacing_um) > frame.radius_um)
    dispersion = label_dispersion(frame.counted, plain, tile_numbers(frame.grid, frame.radius_um))
    if dispersion > MAX_DISPERSION:
        told.append(
            f"The effector cells clump by themselves (they vary {dispersion:.1f} times as much as random labels). "
            "Random labelling then calls too many niches: its p-values are too small here."
        )
    return tuple(told)
