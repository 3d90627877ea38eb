"""Find the niches: lay windows, judge their clusters, draw the borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from napari_metime.errors import CellTableError, TissueError
from napari_metime.niches.borders import Drawn, Ground, draw_niches
from napari_metime.niches.clusters import (
    MIN_CELLS,
    MIN_EXPECTED,
    MIN_TISSUE_SHARE,
    Searched,
    Tested,
    judge_clusters,
    lay_windows,
)
from napari_metime.niches.domain import MIN_TUMOR_FRACTION, cellular, tumor_bed
from napari_metime.niches.inflamed import find_inflamed
from napari_metime.niches.labelling import CountedCells, count_cells, local_p
from napari_metime.niches.membership import N_DRAWS
from napari_metime.niches.reference import Reference, reference_cells
from napari_metime.niches.windows import DiscWindow, Lattice, choose_radius_um
from napari_metime.section import CellTable, Grid, NicheMap, NicheNull, Progress, no_progress, share_of

MAX_UNTOLD_CLUMPING = 0.4
"""Clumping of the effectors (s.d. of the log rate) from which the user is told. Our default."""
RIM_UM = 50.0
"""Rim of the tumour bed in which windows count no cells: the kernel that finds the bed is as wide, so stroma with
effectors of its own may lie in it. Our default."""


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
    min_tumor_fraction: float = MIN_TUMOR_FRACTION,
    lymphoid: NDArray[np.int32] | None = None,
    mask_lymphoid: bool = False,
    inflamed: bool = False,
    reference: Reference = "all",
    alignment_error_um: float = float("nan"),
    n_draws: int = N_DRAWS,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> NicheMap:
    """Find connected regions with significantly fewer effectors than the cells there lead one to expect.

    Around each place a disc holds x effectors among n cells; with K among N in the domain, random labelling makes x
    hypergeometric; where cells lie denser than on average, n is what their average density would give. Windows with
    p < 0.05 form clusters; the sum of -log10 p of a cluster is compared with the largest one that the section's own
    null makes (family-wise): effectors that thin with depth and clump as they do outside the clusters. The border of a
    significant cluster is drawn where the share of its area that is expected not to belong to it reaches 8.5 %. It is
    a niche if its effectors are at most ``max_rate_ratio`` of the rest's both among the cells and per area.

    Parameters
    ----------
    tissue : ndarray of shape (rows, cols), bool
    cells : CellTable in section µm
    domain : {"tumor_bed", "tissue"} or ndarray of shape (rows, cols), bool
    radius_um : window radius, or "auto" to expect ten effectors in it
    lymphoid : ndarray of shape (rows, cols), int32: lymphoid structures, 0 outside; None where not looked for
    mask_lymphoid : whether these are left out of the domain
    reference : the cells that effectors are counted among; the domain and coldness are those of all cells
    inflamed : whether regions with significantly more effectors are looked for too
    alignment_error_um : the window is at least twice as wide; NaN where unknown
    n_draws : of each niche's border, at least 1,500

    Raises
    ------
    CellTableError
        No cell lies on the tissue.
    TissueError
        There is no such domain.
    """
    pixel = grid.pixel_of(cells.x, cells.y)
    mask = _domain_mask(grid, tissue, cells, pixel, domain, min_tumor_fraction)
    if mask_lymphoid and lymphoid is not None:
        mask = _without(mask, lymphoid > 0)
    counted = count_cells(pixel, cells.has_role("effector"), mask)
    if counted.n_effector == 0:
        return _no_map(mask, "No effector cell lies in the domain: there is no map of coldness.", lymphoid=lymphoid)
    area_um2 = float(mask.sum()) * grid.pixel_area_um2
    radius = (
        choose_radius_um(counted.n_effector, area_um2, grid.spacing_um, alignment_error_um=alignment_error_um)
        if radius_um == "auto"
        else float(radius_um)
    )
    maps = _look(grid, tissue, mask, counted, radius)
    if not maps.assessable.any():
        note = f"Too few effector cells to map: {counted.n_effector} in {area_um2 / 1e6:.2f} mm²"
        if maps.expected[mask].max() >= MIN_EXPECTED:
            note = f"No window is half on tissue with {MIN_CELLS} cells and {MIN_EXPECTED:g} expected effectors in it"
        note = f"{note} (radius {radius:.0f} µm)."
        return _no_map(mask, note, expected=maps.expected, radius_um=radius, lymphoid=lymphoid)
    setting = _Setting(grid, tissue, mask, pixel, reference_cells(cells, reference), radius)
    rim_um = RIM_UM if isinstance(domain, str) and domain == "tumor_bed" else 0.0
    rng = np.random.default_rng([seed, 1])
    tested = judge_clusters(
        setting.windows(cells, rim_um),
        n_permutations=n_permutations,
        alpha=alpha,
        radius_um=radius,
        rng=rng,
        on_progress=share_of(on_progress, 0.0, 0.9),
    )
    on_progress(0.9, "drawing the borders of the niches")
    ground = setting.ground(cells, maps.assessable, max_rate_ratio, n_draws)
    drawn = draw_niches(ground, tested, alpha=alpha, rng=rng)
    hot = None
    if inflamed:
        hot = find_inflamed(
            setting.windows(cells, rim_um, with_hot_spots=True),
            tested.background.null,
            n_permutations=n_permutations,
            alpha=alpha,
            min_rate_ratio=1 / max_rate_ratio,
            rng=np.random.default_rng([seed, 4]),
        )
    warnings = _warn(tested.background.null, alpha, n_permutations)
    note = _note(setting, maps.assessable, tested.p, domain, n_niches=drawn.p.size, alpha=alpha)
    return _niche_map(mask, maps, tested, drawn, radius, note, warnings, lymphoid, hot)


def _niche_map(
    mask: NDArray[np.bool_],
    maps: _Maps,
    tested: Tested,
    drawn: Drawn,
    radius: float,
    note: str,
    warnings: tuple[str, ...],
    lymphoid: NDArray[np.int32] | None,
    hot: NDArray[np.int32] | None,
) -> NicheMap:
    return NicheMap(
        domain=mask,
        assessable=maps.assessable,
        coldness=np.where(maps.assessable, maps.coldness, np.nan).astype(np.float32),
        expected=np.where(mask, maps.expected, np.nan).astype(np.float32),
        labels=drawn.labels,
        p_region=drawn.p,
        radius_um=radius,
        note=note,
        warnings=warnings,
        p_local=maps.p_local.astype(np.float32),
        q_local=_q_of(maps.p_local).astype(np.float32),
        membership=np.where(mask, drawn.membership, np.nan).astype(np.float32),
        p_labelling=drawn.p_labelling,
        rate_low=drawn.rate_low,
        rate_high=drawn.rate_high,
        p_smallest=float(tested.p.min(initial=1.0)),
        null=tested.background.null,
        lymphoid=lymphoid,
        hot_labels=hot,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Setting:
    """Where a search takes place, and which cells count (``counts``, shape (n_cells,))."""

    grid: Grid
    tissue: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    pixel: NDArray[np.intp]
    counts: NDArray[np.bool_]
    radius_um: float

    def windows(self, cells: CellTable, rim_um: float, *, with_hot_spots: bool = False) -> Searched:
        """Lay the windows over the cells that count."""
        lattice = Lattice.for_window(self.grid.shape, self.grid.spacing_um, self.radius_um)
        among = count_cells(self.pixel[self.counts], cells.has_role("effector")[self.counts], self.mask)
        return lay_windows(
            lattice, self.radius_um, among, self.mask, self.tissue, rim_um=rim_um, with_hot_spots=with_hot_spots
        )

    def ground(
        self, cells: CellTable, assessable: NDArray[np.bool_], max_rate_ratio: float, n_draws: int
    ) -> Ground:
        """Return what borders are drawn on: the cells of the domain that count."""
        here = self.counts & (self.pixel >= 0)
        here[here] = self.mask.ravel()[self.pixel[here]]
        return Ground(
            self.grid,
            cells.x[here],
            cells.y[here],
            self.pixel[here],
            cells.has_role("effector")[here],
            self.mask,
            assessable,
            self.radius_um,
            max_rate_ratio,
            n_draws,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Maps:
    """What the windows around the pixels of the grid hold, each of shape (rows, cols)."""

    expected: NDArray[np.float64]
    assessable: NDArray[np.bool_]
    coldness: NDArray[np.float64]
    p_local: NDArray[np.float64]


def _look(
    grid: Grid, tissue: NDArray[np.bool_], mask: NDArray[np.bool_], counted: CountedCells, radius_um: float
) -> _Maps:
    window = DiscWindow(grid.shape, radius_um, grid.spacing_um)
    in_window, found = window.sum(counted.cells), window.sum(counted.effectors)
    expected = np.asarray(in_window * counted.share, dtype=np.float64)
    enough_tissue = window.sum(tissue) >= MIN_TISSUE_SHARE * window.area_pixels
    assessable = mask & (expected >= MIN_EXPECTED) & (in_window >= MIN_CELLS) & enough_tissue
    evenly = np.rint(counted.pixel.size * window.sum(mask) / mask.sum()).astype(np.int64)
    p = local_p(counted.pixel.size, counted.n_effector, np.minimum(in_window, evenly), found, assessable)
    return _Maps(expected, assessable, -np.log2((found + 0.5) / (expected + 0.5)), p)


def _q_of(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Benjamini-Hochberg over the windows, for display: valid under their positive dependence."""
    q = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return q


def _domain_mask(
    grid: Grid,
    tissue: NDArray[np.bool_],
    cells: CellTable,
    pixel: NDArray[np.intp],
    domain: NDArray[np.bool_] | str,
    min_tumor_fraction: float,
) -> NDArray[np.bool_]:
    every = count_cells(pixel, cells.has_role("tumor"), tissue)
    if every.pixel.size == 0:
        raise CellTableError(
            f"expected cells on the tissue, found none of {cells.n_cells:,} there; "
            "check cells.unit, cells.pixel_size_um and align"
        )
    if isinstance(domain, str):
        if domain == "tumor_bed":
            return tumor_bed(tissue, every.cells, every.effectors, grid.spacing_um, min_fraction=min_tumor_fraction)
        return cellular(tissue, every.cells, grid.spacing_um)
    mask = domain & tissue
    if not mask.any():
        raise TissueError("expected a domain on the tissue, found none of its pixels there; draw it on the tissue")
    return mask & cellular(tissue, every.cells, grid.spacing_um)


def _without(mask: NDArray[np.bool_], left_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rest = mask & ~left_out
    if not rest.any():
        raise TissueError("expected a domain outside lymphoid structures, found none; set niches.mask_lymphoid: false")
    return rest


def _no_map(
    mask: NDArray[np.bool_],
    note: str,
    *,
    expected: NDArray[np.float64] | None = None,
    radius_um: float = float("nan"),
    lymphoid: NDArray[np.int32] | None = None,
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
        lymphoid=lymphoid,
    )


def _note(
    setting: _Setting,
    assessable: NDArray[np.bool_],
    p: NDArray[np.float64],
    domain: NDArray[np.bool_] | str,
    *,
    n_niches: int,
    alpha: float,
) -> str:
    """Say what was found and in how much of the tissue: a search of little of it that finds none says little."""
    found = {0: "No cold niche", 1: "1 cold niche"}.get(n_niches, f"{n_niches} cold niches")
    place = _PLACES.get(domain, "domain") if isinstance(domain, str) else "domain"
    area_mm2 = setting.mask.sum() * setting.grid.pixel_area_um2 / 1e6
    searched, seen = (100 * part.sum() / whole.sum() for part, whole in (
        (setting.mask, setting.tissue), (assessable, setting.mask)
    ))  # fmt: skip
    of_tissue = f"{searched:.0f} %" if searched >= 1 else "less than 1 %"
    text = (
        f"{found} in the {place} ({area_mm2:,.2f} mm², {of_tissue} of the tissue); {seen:.0f} % of it is assessable, "
        f"by a window of {setting.radius_um:.0f} µm radius."
    )
    if n_niches:
        return text
    if not p.size:
        is_bed = isinstance(domain, str) and domain == "tumor_bed"
        rim = f" (cells within {RIM_UM:.0f} µm of a tumour bed's border count in none)" if is_bed else ""
        return f"{text} There is no cluster of cold windows in it to test{rim}."
    least = p.min()
    if least > alpha:
        return f"{text} The coldest region has p = {least:.2g}, not below {alpha:g}."
    return f"{text} The coldest region has p = {least:.2g}, but is too small or not cold enough to be called."


_PLACES = {"tumor_bed": "tumour bed", "tissue": "tissue that holds cells"}
"""What a domain that follows from the cells is called."""


def _warn(null: NicheNull, alpha: float, n_permutations: int) -> tuple[str, ...]:
    told = []
    if alpha * (n_permutations + 1) < 1:
        told.append(f"{n_permutations} permutations cannot reach p <= {alpha:g}; nothing can be called. Ask for more.")
    if null.clumping_sd >= MAX_UNTOLD_CLUMPING:
        told.append(
            f"The effector cells clump by themselves (log s.d. {null.clumping_sd:.1f} at {null.clumping_scale_um:.0f} "
            "µm): niches were tested against chance that clumps as they do, and must be colder to be called."
        )
    return tuple(told)
