"""regions.csv: a row per niche, then the rest, then the domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_metime.niches.domain import near, signed_distance_um
from napari_metime.niches.grades import OUR_CUTOFFS, Ratio, grade_niche, log2_suppression, rate_ratio, suppression
from napari_metime.niches.labelling import COUNTED_ROLES, count_on_grid
from napari_metime.niches.region_shape import distance_to_um, shape_of, touches_edge
from napari_metime.niches.spatial_error import Quantity, SpatialErrors
from napari_metime.recipe import GradesRecipe
from napari_metime.section import CellTable, Channel, Grid, NicheMap

CORE_MEMBERSHIP = 0.8
"""Pixels that belong to a niche with at least this probability are its core. Our default."""

REGION_COLUMNS = (
    "section_id", "region_id", "kind", "grade", "suppressed", "area_um2", "perimeter_um", "centroid_x_um",
    "centroid_y_um", "n_cells", "n_effector", "n_suppressor", "n_tumor", "density_effector_per_mm2",
    "density_suppressor_per_mm2", "density_tumor_per_mm2", "expected_effector", "rate_ratio", "rate_ratio_low",
    "rate_ratio_high", "density_ratio", "p_region", "p_region_labelling", "log2_suppressor_effector",
    "distance_to_margin_um", "n_pixels",
)  # fmt: skip
FURTHER_COLUMNS = (
    "area_core_um2", "membership_mean", "stability", "called_share", "equivalent_diameter_um", "solidity",
    "touches_tissue_edge", "nn_distance_effector_um", "ring_density_effector_per_mm2", "ring_to_core",
    "ring_to_core_low", "ring_to_core_high", "q_suppressed", "distance_to_lymphoid_um",
)  # fmt: skip
"""After the contract's columns and before the channels'; the last one only where lymphoid structures were found."""


@dataclass(frozen=True, slots=True, eq=False)
class RegionInputs:
    """What every row is made from.

    Parameters
    ----------
    tissue : ndarray of shape (rows, cols), bool
    pixel : ndarray of shape (n_cells,), flat grid index of each cell, -1 outside
    margin_um : ndarray of shape (rows, cols), signed distance to the domain's border
    """

    grid: Grid
    tissue: NDArray[np.bool_]
    niches: NicheMap
    cells: CellTable
    pixel: NDArray[np.intp]
    margin_um: NDArray[np.float64]
    channels: tuple[Channel, ...]

    @property
    def area(self) -> NDArray[np.bool_]:
        """Where something is compared: the assessable domain, or the whole where none of it is."""
        return self.niches.assessable if self.niches.assessable.any() else self.niches.domain

    def on_tissue(self) -> NDArray[np.bool_]:
        """Which cells lie on the tissue, shape (n_cells,)."""
        here = self.pixel >= 0
        here[here] = self.tissue.ravel()[self.pixel[here]]
        return here

    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Count the cells of each role, and all of them as ``cells``, on the grid."""
        shape = self.grid.shape
        of_role: dict[str, NDArray[np.int64]] = {
            role: count_on_grid(self.pixel[self.cells.has_role(role)], shape) for role in COUNTED_ROLES
        }
        return {**of_role, "cells": count_on_grid(self.pixel, shape)}

    def errors(self) -> SpatialErrors:
        """Return the means, with limits, of the cells of each role per mm², then of each channel."""
        counts, per_mm2 = self.counts(), self.grid.pixel_area_um2 / 1e6
        of_cells = [Quantity(counts[role], "count", per_mm2) for role in COUNTED_ROLES]
        of_channels = [Quantity.of_channel(channel) for channel in self.channels]
        return SpatialErrors(self.grid, self.niches.domain, self.niches.labels, [*of_cells, *of_channels])


def region_rows(
    inputs: RegionInputs,
    errors: SpatialErrors,
    *,
    section_id: str,
    section_grade: str,
    cutoffs: GradesRecipe = OUR_CUTOFFS,
) -> pd.DataFrame:
    """Describe each niche, the rest of the assessable domain, and the whole of it.

    Parameters
    ----------
    errors : as ``RegionInputs.errors`` gives them
    section_grade : of the row ``domain``
    """
    niches, n = inputs.niches, inputs.niches.n_niches
    masks = [niches.labels == k + 1 for k in range(n)] + [inputs.area & (niches.labels == 0), inputs.area]
    counts = inputs.counts()
    table = pd.DataFrame([shape_of(inputs.grid, mask, inputs.margin_um) | _contents(mask, counts) for mask in masks])
    table.insert(0, "section_id", section_id)
    table.insert(1, "region_id", [str(k + 1) for k in range(n)] + ["rest", "domain"])
    table.insert(2, "kind", ["niche"] * n + ["rest", "domain"])
    table = _with_comparison(table, niches, n, cutoffs)
    table = _with_certainty(table, niches, masks, inputs.grid)
    table["nn_distance_effector_um"] = _nearest_effector_um(inputs, masks)
    rings = [_ring_of(inputs, mask, masks[-2], counts["effector"], cutoffs) for mask in masks[:n]]
    table["grade"] = [ring["grade"] for ring in rings] + [None, section_grade]
    for name in ("ring_density_effector_per_mm2", "ring_to_core", "ring_to_core_low", "ring_to_core_high"):
        table[name] = [ring[name] for ring in rings] + [np.nan, np.nan]
    table["touches_tissue_edge"] = [touches_edge(mask, inputs.tissue) for mask in masks[:n]] + [None, None]
    if niches.lymphoid is not None and niches.lymphoid.any():
        structures = niches.lymphoid > 0
        near_um = [distance_to_um(mask, structures, inputs.grid.spacing_um) for mask in masks[:n]]
        table["distance_to_lymphoid_um"] = [*near_um, np.nan, np.nan]
    columns = _channel_columns(inputs, errors, masks)
    order = [c for c in (*REGION_COLUMNS, *FURTHER_COLUMNS) if c in table]
    return pd.concat([table[order], columns], axis=1)


def inflamed_rows(inputs: RegionInputs, *, section_id: str) -> pd.DataFrame:
    """Describe each inflamed region by the columns of regions.csv that are about cells; empty where not asked."""
    names = [c for c in REGION_COLUMNS if c not in _OF_COLD_NICHES]
    hot = inputs.niches.hot_labels
    if hot is None:
        return pd.DataFrame(columns=names)
    n = int(hot.max(initial=0))
    masks = [hot == k + 1 for k in range(n)] + [inputs.area & (hot == 0) & (inputs.niches.labels == 0)]
    counts = inputs.counts()
    table = pd.DataFrame([shape_of(inputs.grid, mask, inputs.margin_um) | _contents(mask, counts) for mask in masks])
    table = table.assign(section_id=section_id, region_id=[f"hot{k + 1}" for k in range(n)] + ["rest"], kind="inflamed")
    return _with_ratios(table, n)[names].iloc[:n].reset_index(drop=True)


_OF_COLD_NICHES = ("grade", "suppressed", "rate_ratio_low", "rate_ratio_high", "p_region", "p_region_labelling")


def _contents(mask: NDArray[np.bool_], counts: dict[str, NDArray[np.int64]]) -> dict[str, int]:
    return {f"n_{name}": int(image[mask].sum()) for name, image in counts.items()}


def _with_ratios(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """Add densities and the comparison of the first ``n`` rows with the next one, the rest."""
    niche = np.arange(len(table)) < n
    area_mm2 = table["area_um2"].to_numpy(np.float64) / 1e6
    count = {name: table[f"n_{name}"].to_numpy(np.float64) for name in (*COUNTED_ROLES, "cells")}
    density = {role: _divide(count[role], area_mm2) for role in COUNTED_ROLES}
    share = _divide(count["effector"], count["cells"])
    return table.assign(
        **{f"density_{role}_per_mm2": density[role] for role in COUNTED_ROLES},
        expected_effector=count["cells"] * share[n],
        rate_ratio=np.where(niche, _divide(share, share[n]), np.nan),
        density_ratio=np.where(niche, _divide(density["effector"], density["effector"][n]), np.nan),
        log2_suppressor_effector=log2_suppression(count["suppressor"], count["effector"]),
    )


def _with_comparison(table: pd.DataFrame, niches: NicheMap, n: int, cutoffs: GradesRecipe) -> pd.DataFrame:
    """Add the comparison with the rest, the p-values, and whether suppressors prevail."""
    s, e = (table[f"n_{role}"].to_numpy(np.float64) for role in ("suppressor", "effector"))
    flags, q = suppression(s[:n], e[:n], (s[n], e[n]), cutoffs)
    return _with_ratios(table, n).assign(
        suppressed=np.array([*flags, None, None], dtype=object),
        q_suppressed=[*q, np.nan, np.nan],
        rate_ratio_low=[*niches.rate_low, np.nan, np.nan],
        rate_ratio_high=[*niches.rate_high, np.nan, np.nan],
        p_region=[*niches.p_region, np.nan, np.nan],
        p_region_labelling=[*niches.p_labelling, np.nan, np.nan],
    )


def _with_certainty(
    table: pd.DataFrame, niches: NicheMap, masks: list[NDArray[np.bool_]], grid: Grid
) -> pd.DataFrame:
    """Add how surely a niche is where it was drawn."""
    beyond = [np.nan, np.nan]
    core_um2, membership = [], []
    for mask in masks[: niches.n_niches]:
        of_pixels = np.full(int(mask.sum()), np.nan) if niches.membership is None else niches.membership[mask]
        known = of_pixels[np.isfinite(of_pixels)]
        core_um2.append(float((known >= CORE_MEMBERSHIP).sum()) * grid.pixel_area_um2 if known.size else np.nan)
        membership.append(float(known.mean(dtype=np.float64)) if known.size else np.nan)
    return table.assign(
        area_core_um2=[*core_um2, *beyond],
        membership_mean=[*membership, *beyond],
        stability=[*niches.stability, *beyond],
        called_share=[*niches.called_share, *beyond],
    )


def _nearest_effector_um(inputs: RegionInputs, masks: list[NDArray[np.bool_]]) -> list[float]:
    """Median distance of a region's other cells to the nearest effector, in the region or not; NaN without any."""
    cells, here = inputs.cells, inputs.on_tissue()
    effector, other = (here & is_so for is_so in (cells.has_role("effector"), ~cells.has_role("effector")))
    if not effector.any() or not other.any():
        return [np.nan] * len(masks)
    places = np.stack([cells.x, cells.y], axis=1)
    distance, _ = KDTree(places[effector]).query(places[other], workers=2)
    pixel = inputs.pixel[other]
    within = [distance[mask.ravel()[pixel]] for mask in masks]
    return [float(np.median(d)) if d.size else np.nan for d in within]


def _ring_of(
    inputs: RegionInputs,
    mask: NDArray[np.bool_],
    rest: NDArray[np.bool_],
    effectors: NDArray[np.int64],
    cutoffs: GradesRecipe,
) -> dict[str, float | str]:
    """Grade a niche by the ring of tissue around it, and say how many effectors that holds."""
    grid, niches = inputs.grid, inputs.niches

    def load(where: NDArray[np.bool_]) -> tuple[int, float]:
        return int(effectors[where].sum()), float(where.sum()) * grid.pixel_area_um2 / 1e6

    # The called border may lie inside the true one, and the ring with it: the denser of two rings is the ring.
    part = near(mask, cutoffs.ring_gap_um + cutoffs.ring_width_um, grid.spacing_um)
    distance = signed_distance_um(mask[part], grid.spacing_um)
    rings = []
    for start in (0.0, cutoffs.ring_gap_um):
        ring = np.zeros_like(mask)
        ring[part] = (distance > start) & (distance <= start + cutoffs.ring_width_um)
        rings.append(ring & inputs.tissue & (niches.labels == 0))
    ring = max(rings, key=lambda where: load(where)[0] / max(load(where)[1], 1e-12))
    dispersion = np.nan if niches.null is None else niches.null.dispersion
    core, around = load(mask), load(ring)
    to_core = Ratio(*(v if np.isfinite(v) else np.nan for v in rate_ratio(around, core, dispersion=dispersion)))
    return {
        "grade": grade_niche(core, around, load(rest & ~ring), cutoffs, dispersion=dispersion),
        "ring_density_effector_per_mm2": around[0] / around[1] if around[1] else np.nan,
        "ring_to_core": to_core.value,
        "ring_to_core_low": to_core.low,
        "ring_to_core_high": to_core.high,
    }


def _divide(value: NDArray[np.float64], by: NDArray[np.float64] | float) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(np.asarray(by) > 0, value / by, np.nan))


def _channel_columns(inputs: RegionInputs, errors: SpatialErrors, masks: list[NDArray[np.bool_]]) -> pd.DataFrame:
    """mean_, log2fc_, log2fc_low_ and log2fc_high_ of each channel; the last three for niches only."""
    of_channels = slice(len(COUNTED_ROLES), None)
    nothing = np.full(len(inputs.channels), np.nan)
    rows = []
    for i, mask in enumerate(masks):
        part = near(mask, 0.0, inputs.grid.spacing_um)
        mean, change, low, high = errors.mean(mask[part], part).value[of_channels], nothing, nothing, nothing
        if i < inputs.niches.n_niches:
            against = errors.contrast(mask, masks[-2])
            change, low, high = (v[of_channels] for v in (against.value, against.low, against.high))
        rows.append(np.stack([mean, change, low, high], axis=1).ravel())
    prefixes = ("mean", "log2fc", "log2fc_low", "log2fc_high")
    names = [f"{prefix}_{c.name}" for c in inputs.channels for prefix in prefixes]
    return pd.DataFrame(np.array(rows).reshape(len(masks), len(names)), columns=names)
