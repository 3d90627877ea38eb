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
"""Tumour cells among all cells from which tissue is tumour bed. Our default."""
MIN_RELATIVE_DENSITY = 0.1
"""Below this share of the median cell density tissue counts as acellular (necrosis, holes). Our default."""
MIN_PIECE_UM2 = 10_000.0


def tumor_bed(
    tissue: NDArray[np.bool_], cells: NDArray[np.int64], tumor_cells: NDArray[np.int64], spacing_um: tuple[float, float]
) -> NDArray[np.bool_]:
    """Tissue whose kernel tumour fraction is at least one half.

    fraction(u) = sum_T K_h(u - x_i) / sum_N K_h(u - x_i), K a Gaussian (Kelsall & Diggle 1995,
    Bernoulli 1:3). Small holes are filled, pieces below 0.01 mm² dropped, acellular tissue left out.

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
    all_cells, of_tumor = (_blur(image * tissue, spacing_um) for image in (cells, tumor_cells))
    with np.errstate(divide="ignore", invalid="ignore"):
        bed = tissue & (of_tumor >= MIN_TUMOR_FRACTION * all_cells) & (of_tumor > 0)
    area = spacing_um[0] * spacing_um[1]
    bed = remove_small_holes(bed, max_size=int(np.pi * BANDWIDTH_UM**2 / area)) & tissue
    bed = remove_small_objects(bed, max_size=max(int(MIN_PIECE_UM2 / area), 9))
    bed &= cellular(tissue, cells, spacing_um)
    if not bed.any():
        raise TissueError(
            "expected a tumour bed (tissue with at least half tumor cells) of 0.01 mm², found none; "
            "check cells.roles.tumor or set niches.domain: tissue"
        )
    return np.asarray(bed, dtype=bool)


def cellular(tissue: NDArray[np.bool_], cells: NDArray[np.int64], spacing_um: tuple[float, float]) -> NDArray[np.bool_]:
    """Tissue with at least a tenth of the median cell density: where no cell lies, nothing can be cold."""
    covered = _blur(tissue.astype(np.float64), spacing_um)
    density = _blur(cells * tissue, spacing_um) / np.maximum(covered, 1e-12)
    inhabited = density[tissue & (density > 1e-9)]
    typical = float(np.median(inhabited)) if inhabited.size else 0.0
    return np.asarray(tissue & (density >= MIN_RELATIVE_DENSITY * typical) & (density > 1e-9))


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
