"""gradients.csv and margin.csv: densities and channels in bands of distance from a border."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.niches.domain import near, signed_distance_um
from napari_metime.niches.labelling import COUNTED_ROLES
from napari_metime.niches.regions import RegionInputs
from napari_metime.niches.spatial_error import Part, SpatialErrors
from napari_metime.section import Channel, Grid

BAND_UM = 50.0
"""Width of a band. Our default."""
MAX_DISTANCE_UM = 300.0
"""How far outside a niche bands reach. Our default."""
MARGIN_REACH_UM = 500.0
"""How far bands reach on both sides of the domain's border. Our default."""
MIN_BAND_PIXELS = 3


def gradient_rows(inputs: RegionInputs, errors: SpatialErrors, *, section_id: str) -> pd.DataFrame:
    """Densities per mm² and channel means in bands around each niche, with 95 % limits.

    Bands are 50 µm wide (or a pixel), negative inside the niche, up to 300 µm outside it on tissue;
    other niches are left out.

    Parameters
    ----------
    errors : of the counts of each role, then of the channels
    """
    niches, grid = inputs.niches, inputs.grid
    rows: list[list[object]] = []
    for number in range(1, niches.n_niches + 1):
        part = near(niches.labels == number, MAX_DISTANCE_UM, grid.spacing_um)
        niche = niches.labels[part] == number
        distance = signed_distance_um(niche, grid.spacing_um)
        around = inputs.tissue[part] & (niche | (niches.labels[part] == 0)) & (distance <= MAX_DISTANCE_UM)
        rows += _bands(grid, errors, part, distance, around, [section_id, str(number)])
    return pd.DataFrame(rows, columns=_columns(inputs.channels))


def margin_rows(inputs: RegionInputs, errors: SpatialErrors, *, section_id: str) -> pd.DataFrame:
    """Return the same in bands up to 500 µm on both sides of the domain's border; negative in it, stroma outside."""
    around = inputs.tissue & (np.abs(inputs.margin_um) <= MARGIN_REACH_UM)
    part = near(around, 0.0, inputs.grid.spacing_um)
    rows = _bands(inputs.grid, errors, part, inputs.margin_um[part], around[part], [section_id, "domain"])
    return pd.DataFrame(rows, columns=_columns(inputs.channels))


def _columns(channels: tuple[Channel, ...]) -> list[str]:
    names = [f"density_{role}_per_mm2" for role in COUNTED_ROLES] + [f"mean_{c.name}" for c in channels]
    measured = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    return ["section_id", "region_id", "band_low_um", "band_high_um", "area_um2", *measured]


def _bands(
    grid: Grid,
    errors: SpatialErrors,
    part: Part,
    distance: NDArray[np.float64],
    around: NDArray[np.bool_],
    place: list[object],
) -> list[list[object]]:
    """Return a row per band of ``around``; both it and the distance are of that part of the grid."""
    width_um = max(BAND_UM, *grid.spacing_um)
    band = np.floor(np.where(around, distance, 0.0) / width_um).astype(np.int64)
    rows: list[list[object]] = []
    for k in np.unique(band[around]):
        here = around & (band == k)
        if here.sum() >= MIN_BAND_PIXELS:
            area_um2 = here.sum() * grid.pixel_area_um2
            values = errors.mean(here, part).as_columns()
            rows.append([*place, k * width_um, (k + 1) * width_um, area_um2, *values])
    return rows
