"""What a recipe asks of its imzML: how it is opened, and what its intensities are divided by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_metime.ims.header import NO_PIXEL_SIZE
from napari_metime.ims.ions import extract_ions
from napari_metime.ims.normalization import pixel_vectors, scale_factors
from napari_metime.ims.normalization_table import read_normalization_table
from napari_metime.ims.opening import NO_POLARITY, open_imzml
from napari_metime.recipe import ImsRecipe
from napari_metime.section import Dataset, Progress, no_progress


def open_from_recipe(ims: ImsRecipe, *, on_progress: Progress = no_progress) -> Dataset:
    """Open the imzML; what the recipe states (pixel size, polarity) overrules the file."""
    dataset = open_imzml(ims.path, part=ims.part, plane=ims.plane, skip_broken=ims.skip_broken, on_progress=on_progress)
    grid, warnings = dataset.grid, dataset.warnings
    if ims.pixel_size_um is not None:
        size = ims.pixel_size_um
        grid = replace(grid, pixel_size_um=size if isinstance(size, tuple) else (size, size))
        warnings = tuple(text for text in warnings if text != NO_PIXEL_SIZE)
    if ims.polarity is not None:
        warnings = tuple(text for text in warnings if text != NO_POLARITY)
    return replace(dataset, grid=grid, polarity=ims.polarity or dataset.polarity, warnings=warnings)


def normalization_vector(
    dataset: Dataset, ims: ImsRecipe, *, on_progress: Progress = no_progress
) -> NDArray[np.float64] | None:
    """Return what each pixel's intensities are divided by, float64 of shape (rows, cols); None for nothing."""
    if ims.normalize == "none":
        return None
    if ims.normalize == "table":
        assert ims.normalize_table is not None  # held by the recipe
        return read_normalization_table(ims.normalize_table, dataset)
    if ims.normalize == "reference":
        mz = np.array([ims.reference_mz], dtype=np.float64)
        found = extract_ions(dataset, mz, tolerance_ppm=ims.tolerance_ppm, on_progress=on_progress)
        return np.asarray(found.images[0], dtype=np.float64)
    vectors = pixel_vectors(dataset, on_progress=on_progress)
    return {"tic": vectors.tic, "rms": vectors.rms, "median": vectors.median}[ims.normalize]


def normalization_factors(
    dataset: Dataset, ims: ImsRecipe, mask: NDArray[np.bool_], *, on_progress: Progress = no_progress
) -> NDArray[np.float64] | None:
    """Return what each pixel is multiplied by: the median of its vector over ``mask`` over its own value."""
    vector = normalization_vector(dataset, ims, on_progress=on_progress)
    return None if vector is None else scale_factors(vector, mask)
