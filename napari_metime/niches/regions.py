"""regions.csv: a row per niche, then the rest, then the domain."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import find_contours

from napari_metime.niches.bootstrap import TileSums, interval, sum_tiles, tile_numbers
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.grades import RING_UM, grade_niche, log2_suppression, suppression_flags
from napari_metime.niches.labelling import COUNTED_ROLES, count_on_grid
from napari_metime.section import CellTable, Channel, Grid, NicheMap

FALLBACK_TILE_UM = 150.0
"""Side of the bootstrap's tiles where there is no window radius to take."""


def region_rows(
    grid: Grid,
    tissue: NDArray[np.bool_],
    niches: NicheMap,
    cells: CellTable,
    pixel: NDArray[np.intp],
    margin_um: NDArray[np.float64],
    channels: tuple[Channel, ...],
    *,
    section_id: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Describe each niche, the rest of the assessable domain, and the whole of it.

    Parameters
    ----------
    tissue : ndarray of shape (rows, cols), bool
    pixel : ndarray of shape (n_cells,), flat grid index of each cell, -1 outside
    margin_um : ndarray of shape (rows, cols), signed distance to the domain's border
    """
    area = niches.assessable if niches.assessable.any() else niches.domain
    masks = [niches.labels == k + 1 for k in range(niches.n_niches)] + [area & (niches.labels == 0), area]
    counts: dict[str, NDArray[np.int64]] = {
        role: count_on_grid(pixel[cells.has_role(role)], grid.shape) for role in COUNTED_ROLES
    }
    counts["cells"] = count_on_grid(pixel, grid.shape)
    table = pd.DataFrame([_shape(grid, mask, margin_um) | _contents(mask, counts) for mask in masks])
    kinds = ["niche"] * niches.n_niches + ["rest", "domain"]
    table.insert(0, "section_id", section_id)
    table.insert(1, "region_id", [str(k + 1) for k in range(niches.n_niches)] + ["rest", "domain"])
    table.insert(2, "kind", kinds)
    table.insert(3, "grade", _grades(grid, tissue, niches, masks, counts))
    table = _against_rest(table, niches)
    sums = _channel_sums(grid, niches, channels, masks)
    columns = _channel_columns(channels, sums, niches.n_niches, rng)
    order = [c for c in REGION_COLUMNS if c in table]
    return pd.concat([table[order], columns], axis=1)


REGION_COLUMNS = (
    "section_id", "region_id", "kind", "grade", "suppressed", "area_um2", "perimeter_um", "centroid_x_um",
    "centroid_y_um", "n_cells", "n_effector", "n_suppressor", "n_tumor", "density_effector_per_mm2",
    "density_suppressor_per_mm2", "density_tumor_per_mm2", "expected_effector", "rate_ratio", "rate_ratio_low",
    "rate_ratio_high", "density_ratio", "p_region", "p_region_labelling", "log2_suppressor_effector",
    "distance_to_margin_um", "n_pixels",
)  # fmt: skip


def _shape(grid: Grid, mask: NDArray[np.bool_], margin_um: NDArray[np.float64]) -> dict[str, float]:
    height, width = grid.spacing_um
    row, col = np.nonzero(mask)
    distance = float(np.median(margin_um[mask])) if row.size else np.nan
    return {
        "area_um2": row.size * grid.pixel_area_um2,
        "perimeter_um": _perimeter_um(mask, grid.spacing_um),
        "centroid_x_um": float(col.mean() * width) if row.size else np.nan,
        "centroid_y_um": float(row.mean() * height) if row.size else np.nan,
        "distance_to_margin_um": distance if np.isfinite(distance) else np.nan,
        "n_pixels": row.size,
    }


def _perimeter_um(mask: NDArray[np.bool_], spacing_um: tuple[float, float]) -> float:
    # The half-way contour cuts corners: pixel edges would make a disc's border 4 / pi too long.
    contours = find_contours(np.pad(mask, 1).astype(np.float64), 0.5)  # type: ignore[no-untyped-call]
    steps = (np.diff(contour, axis=0) * spacing_um for contour in contours)
    return float(sum(np.hypot(*step.T).sum() for step in steps))


def _contents(mask: NDArray[np.bool_], counts: dict[str, NDArray[np.int64]]) -> dict[str, int]:
    return {f"n_{name}": int(image[mask].sum()) for name, image in counts.items()}


def _against_rest(table: pd.DataFrame, niches: NicheMap) -> pd.DataFrame:
    """Add densities, the comparison with the rest, and the p-values."""
    n = niches.n_niches
    niche = np.arange(len(table)) < n
    area_mm2 = table["area_um2"].to_numpy(np.float64) / 1e6
    count = {name: table[f"n_{name}"].to_numpy(np.float64) for name in (*COUNTED_ROLES, "cells")}
    density = {role: _divide(count[role], area_mm2) for role in COUNTED_ROLES}
    share = _divide(count["effector"], count["cells"])
    flags = suppression_flags(
        count["suppressor"][:n], count["effector"][:n], (count["suppressor"][n], count["effector"][n])
    )
    p = np.concatenate([niches.p_region, [np.nan, np.nan]])
    return table.assign(
        **{f"density_{role}_per_mm2": density[role] for role in COUNTED_ROLES},
        expected_effector=count["cells"] * share[n],
        rate_ratio=np.where(niche, _divide(share, share[n]), np.nan),
        # The cells that chose the region cannot say how sure its rate is: filled by a later version.
        rate_ratio_low=np.nan,
        rate_ratio_high=np.nan,
        density_ratio=np.where(niche, _divide(density["effector"], density["effector"][n]), np.nan),
        p_region=p,
        p_region_labelling=p,
        suppressed=np.array([*flags, None, None], dtype=object),
        log2_suppressor_effector=log2_suppression(count["suppressor"], count["effector"]),
    )


def _divide(value: NDArray[np.float64], by: NDArray[np.float64] | float) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(np.asarray(by) > 0, value / by, np.nan))


def _grades(
    grid: Grid,
    tissue: NDArray[np.bool_],
    niches: NicheMap,
    masks: list[NDArray[np.bool_]],
    counts: dict[str, NDArray[np.int64]],
) -> list[str | None]:
    def load(mask: NDArray[np.bool_]) -> tuple[int, float]:
        return int(counts["effector"][mask].sum()), float(mask.sum()) * grid.pixel_area_um2 / 1e6

    def ring(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        distance = signed_distance_um(mask, grid.spacing_um)
        return np.asarray(tissue & (distance > RING_UM[0]) & (distance <= RING_UM[1]) & (niches.labels == 0))

    grades: list[str | None] = []
    for mask in masks[:-2]:
        around = ring(mask)
        grades.append(grade_niche(load(mask), load(around), load(masks[-2] & ~around)))
    whole = "undetermined" if counts["effector"][tissue].any() else "desert"
    return [*grades, None, whole]


def _channel_sums(
    grid: Grid, niches: NicheMap, channels: tuple[Channel, ...], masks: list[NDArray[np.bool_]]
) -> list[TileSums]:
    side_um = niches.radius_um if np.isfinite(niches.radius_um) else FALLBACK_TILE_UM
    tiles = tile_numbers(grid, max(side_um, *grid.spacing_um))
    images = [channel.image for channel in channels]
    return [sum_tiles(images, [1.0] * len(images), mask, tiles) for mask in masks]


def _channel_columns(
    channels: tuple[Channel, ...], sums: list[TileSums], n_niches: int, rng: np.random.Generator
) -> pd.DataFrame:
    """mean_, log2fc_, log2fc_low_ and log2fc_high_ of each channel; the last three for niches only."""
    logarithmic = np.array([c.is_logarithmic for c in channels], dtype=bool)
    rest, rest_draws = sums[n_niches].mean, sums[n_niches].draws(rng)
    nothing = np.full(len(channels), np.nan)
    rows = []
    for i, region in enumerate(sums):
        change, low, high = nothing, nothing, nothing
        if i < n_niches:
            change = contrast(region.mean, rest, logarithmic)
            low, high = interval(contrast(region.draws(rng), rest_draws, logarithmic))
        rows.append(np.stack([region.mean, change, low, high], axis=1).ravel())
    names = [f"{prefix}_{c.name}" for c in channels for prefix in ("mean", "log2fc", "log2fc_low", "log2fc_high")]
    return pd.DataFrame(np.array(rows).reshape(len(sums), len(names)), columns=names)


def contrast(
    inside: NDArray[np.float64], outside: NDArray[np.float64], logarithmic: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """log2(inside / outside), or the difference where a channel is a logarithm already; NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log2 = np.log2(inside) - np.log2(outside)
    value = np.where(logarithmic, inside - outside, log2)
    return np.where(np.isfinite(value), value, np.nan)
