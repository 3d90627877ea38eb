"""The domain: where in the tissue the question is asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import remove_small_holes, remove_small_objects

from napari_metime.errors import TissueError

BANDWIDTH_UM = 50.0
"""Gaussian bandwidth of the tumour fraction. Our default."""
MIN_TUMOR_FRACTION = 0.5
"""Tumour cells among all cells from which tissue is tumour bed; ``niches.min_tumor_fraction``. Our default."""
MIN_RELATIVE_DENSITY = 0.1
"""Below this share of the median cell density tissue counts as acellular (necrosis, holes). Our default."""
MIN_PIECE_UM2 = 10_000.0
"""Smaller pieces of a bed cannot hold a niche. Our default."""
_NO_CELLS = 1e-9
"""Blurred cells per pixel that are rounding, not cells."""


def tumor_bed(
    tissue: NDArray[np.bool_],
    cells: NDArray[np.int64],
    tumor_cells: NDArray[np.int64],
    spacing_um: tuple[float, float],
    *,
    min_fraction: float = MIN_TUMOR_FRACTION,
) -> NDArray[np.bool_]:
    """Tissue whose kernel tumour fraction is at least ``min_fraction``.

    Holes below a circle of 50 µm radius are filled, pieces below 0.01 mm² dropped, acellular tissue left out.

    Parameters
    ----------
    tissue : ndarray of shape (rows, cols), bool
    cells, tumor_cells : ndarray of shape (rows, cols): cells per pixel
    spacing_um : (y, x)

    Raises
    ------
    TissueError
        There is no such tissue.
    """
    if not tumor_cells[tissue].any():
        raise TissueError(
            "expected tumor cells in the tissue to outline the tumour bed, found none; "
            "list their types in cells.roles.tumor or set niches.domain: tissue"
        )
    bed = tumor_fraction(tissue, cells, tumor_cells, spacing_um) >= min_fraction  # NaN, where no cell is near, is not
    area = spacing_um[0] * spacing_um[1]
    bed = remove_small_holes(bed, max_size=int(np.pi * BANDWIDTH_UM**2 / area)) & cellular(tissue, cells, spacing_um)
    bed = remove_small_objects(bed, max_size=max(int(MIN_PIECE_UM2 / area), 9))
    if not bed.any():
        raise TissueError(
            f"expected a tumour bed (tissue with at least {min_fraction:.0%} tumor cells) of 0.01 mm², found none; "
            "check cells.roles.tumor and niches.min_tumor_fraction, or set niches.domain: tissue"
        )
    return np.asarray(bed, dtype=bool)


def tumor_fraction(
    tissue: NDArray[np.bool_], cells: NDArray[np.int64], tumor_cells: NDArray[np.int64], spacing_um: tuple[float, float]
) -> NDArray[np.float64]:
    """Kernel tumour fraction of the tissue; NaN off it and where no cell is near.

    fraction(u) = sum_T K(u - x_i) / sum_N K(u - x_i), K a Gaussian of 50 µm (Kelsall & Diggle 1995, Bernoulli
    1:3). The edge of the tissue takes the same share from both sums, so their ratio is corrected for it.

    Parameters
    ----------
    tissue : ndarray of shape (rows, cols), bool
    cells, tumor_cells : ndarray of shape (rows, cols): cells per pixel
    spacing_um : (y, x)
    """
    all_cells, of_tumor = (_blur(image * tissue, spacing_um) for image in (cells, tumor_cells))
    known = tissue & (all_cells > _NO_CELLS)
    return np.asarray(np.where(known, of_tumor / np.where(known, all_cells, 1.0), np.nan))


def cellular(tissue: NDArray[np.bool_], cells: NDArray[np.int64], spacing_um: tuple[float, float]) -> NDArray[np.bool_]:
    """Tissue with at least a tenth of the median cell density: where no cell lies, nothing can be cold."""
    density = cell_density(tissue, cells, spacing_um)
    inhabited = density[tissue & (density > _NO_CELLS)]
    typical = float(np.median(inhabited)) if inhabited.size else 0.0
    return np.asarray(tissue & (density >= MIN_RELATIVE_DENSITY * typical) & (density > _NO_CELLS))


def cell_density(
    tissue: NDArray[np.bool_], cells: NDArray[np.int64], spacing_um: tuple[float, float]
) -> NDArray[np.float64]:
    """Kernel density of the cells on the tissue, per pixel.

    density(u) = sum_N K(u - x_i) / sum over tissue of K(u - v): the blur is divided by that of the tissue, so its
    edge and its holes do not look thinly settled (Diggle 1985, J R Stat Soc C 34:138).
    """
    covered = _blur(tissue.astype(np.float64), spacing_um)
    return np.asarray(_blur(cells * tissue, spacing_um) / np.maximum(covered, 1e-12))


def near(
    region: NDArray[np.bool_], reach_um: float, spacing_um: tuple[float, float]
) -> tuple[slice, slice]:
    """Return the part of the grid within ``reach_um`` of a region: what lies near it is measured there, exactly.

    The part has a further pixel on each side where there is one, so that the region's border is in it.
    """
    box = ndimage.find_objects(region.astype(np.int8))
    if not box:
        return slice(0, 0), slice(0, 0)
    more = [int(reach_um / step) + 2 for step in spacing_um]
    row, col = (slice(max(s.start - n, 0), s.stop + n) for s, n in zip(box[0], more, strict=True))
    return row, col


def signed_distance_um(region: NDArray[np.bool_], spacing_um: tuple[float, float]) -> NDArray[np.float64]:
    """Distance of each pixel centre to the border of a region in µm, negative inside; inf where there is no border."""
    if not region.any() or region.all():
        return np.full(region.shape, -np.inf if region.all() else np.inf)
    return np.asarray(np.where(region, -_to_border_um(region, spacing_um), _to_border_um(~region, spacing_um)))


def _to_border_um(region: NDArray[np.bool_], spacing_um: tuple[float, float]) -> NDArray[np.float64]:
    distance, nearest = ndimage.distance_transform_edt(region, sampling=spacing_um, return_indices=True)
    # The border lies half a step before the nearest pixel beyond it, in the direction in which that pixel lies.
    steps = np.abs(nearest - np.indices(region.shape)).max(axis=0)
    return np.asarray(distance * (1 - 0.5 / np.maximum(steps, 1)), dtype=np.float64)


def _blur(image: NDArray[np.generic], spacing_um: tuple[float, float]) -> NDArray[np.float64]:
    sigma = [max(BANDWIDTH_UM, s) / s for s in spacing_um]
    return np.asarray(ndimage.gaussian_filter(image.astype(np.float64), sigma, mode="constant"))
