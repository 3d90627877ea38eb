"""gradients.csv: densities and channels in bands of distance from a niche's border."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.niches.bootstrap import interval, sum_tiles, tile_numbers
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.labelling import COUNTED_ROLES, count_on_grid
from napari_metime.section import CellTable, Channel, Grid, NicheMap

BAND_UM = 50.0
MAX_DISTANCE_UM = 300.0
MIN_BAND_PIXELS = 3


def gradient_rows(
    grid: Grid,
    tissue: NDArray[np.bool_],
    niches: NicheMap,
    cells: CellTable,
    pixel: NDArray[np.intp],
    channels: tuple[Channel, ...],
    *,
    section_id: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Densities per mm² and channel means in bands around each niche, with block-bootstrap intervals.

    Bands are 50 µm wide (or a pixel), negative inside the niche, up to 300 µm outside it on tissue;
    other niches are left out.
    """
    names = [f"density_{role}_per_mm2" for role in COUNTED_ROLES] + [f"mean_{c.name}" for c in channels]
    columns = ["section_id", "region_id", "band_low_um", "band_high_um", "area_um2"]
    columns += [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    images = [count_on_grid(pixel[cells.has_role(role)], grid.shape) for role in COUNTED_ROLES] + [
        c.image for c in channels
    ]
    weights = [grid.pixel_area_um2 / 1e6] * len(COUNTED_ROLES) + [1.0] * len(channels)  # per mm², per pixel
    width_um = max(BAND_UM, *grid.spacing_um)
    tiles = tile_numbers(grid, 2 * width_um)
    rows: list[list[object]] = []
    for number in range(1, niches.n_niches + 1):
        niche = niches.labels == number
        distance = signed_distance_um(niche, grid.spacing_um)
        around = tissue & (niche | (niches.labels == 0)) & (distance <= MAX_DISTANCE_UM)
        band = np.floor(distance / width_um).astype(np.int64)
        for k in np.unique(band[around]):
            here = around & (band == k)
            if here.sum() < MIN_BAND_PIXELS:
                continue
            sums = sum_tiles(images, weights, here, tiles)
            values = np.stack([sums.mean, *interval(sums.draws(rng))], axis=1)
            place = [section_id, str(number), k * width_um, (k + 1) * width_um, here.sum() * grid.pixel_area_um2]
            rows.append([*place, *values.ravel()])
    return pd.DataFrame(rows, columns=columns)
