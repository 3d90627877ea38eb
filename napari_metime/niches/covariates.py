"""The maps that coldness and a channel may both follow: what is removed before the two are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metime.niches.domain import cell_density, tumor_fraction
from napari_metime.niches.regions import RegionInputs
from napari_metime.niches.windows import DiscWindow


def covariate_maps(inputs: RegionInputs, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the maps of the named covariates, shape (n_maps, rows, cols); NaN where not known.

    ``tumor_fraction`` and ``cell_density`` come twice: by the kernel of 50 µm, which a channel may follow, and over the
    window of the search, which coldness is made of; both, as coldness, of the domain's cells alone. ``depth`` is the
    distance from the margin of the domain.

    Parameters
    ----------
    names : of ``associations.covariates``
    """
    counts, domain, spacing = inputs.counts(), inputs.niches.domain, inputs.grid.spacing_um
    cells, tumor = counts["cells"] * domain, counts["tumor"] * domain
    maps: list[NDArray[np.float64]] = []
    if np.isfinite(inputs.niches.radius_um):
        window = DiscWindow(inputs.grid.shape, inputs.niches.radius_um, spacing)
        if "tumor_fraction" in names:
            maps += [tumor_fraction(domain, cells, tumor, spacing), _ratio(window.sum(tumor), window.sum(cells))]
        if "cell_density" in names:
            maps += [cell_density(domain, cells, spacing), _ratio(window.sum(cells), window.sum(domain))]
    if "depth" in names:
        maps.append(np.where(np.isfinite(inputs.margin_um), -inputs.margin_um, 0.0))
    return np.array(maps).reshape(len(maps), *inputs.grid.shape)


def _ratio(value: NDArray[np.int64], by: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(by > 0, value / np.maximum(by, 1), np.nan)
