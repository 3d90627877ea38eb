"""The tissue divided by its spectra: peaks and ion images of ``ims`` for the grouping of ``tissue``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_metime.ims import batches, extract_ions, find_index, mean_spectrum, normalization_factors, pick_peaks
from napari_metime.recipe import ImsRecipe, RegionsRecipe
from napari_metime.section import Dataset, Progress, Tissue, no_progress, share_of
from napari_metime.tissue import compare_labels, find_regions, joined, name_regions

N_FEATURES = 50
"""Ions that regions are found by: those with the most intensity. Our default, as of the tissue mask."""
MAX_MARKERS = 500
"""Ions that regions are compared by. Our default."""


def divide_tissue(
    dataset: Dataset,
    tissue: Tissue,
    regions: RegionsRecipe,
    ims: ImsRecipe,
    *,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> Tissue:
    """Return the tissue with its regions, as the recipe asks for them; without any where it does not.

    The peaks are those of the tissue's mean spectrum, their images are normalised and cut out as ion channels are.

    Raises
    ------
    RecipeError
        A name is given to a label that was not found.
    """
    if regions.method == "none":
        return replace(tissue, regions=None)
    spectrum = mean_spectrum(dataset, mask=tissue.mask, on_progress=share_of(on_progress, 0.0, 0.1))
    peaks = pick_peaks(spectrum)
    strongest = np.argsort(-peaks.intensity, kind="stable")
    mz = peaks.mz[strongest[:MAX_MARKERS]]
    factors = normalization_factors(dataset, ims, tissue.mask, on_progress=share_of(on_progress, 0.1, 0.2))
    index = find_index(dataset)

    def images(some: NDArray[np.float64], share: Progress) -> NDArray[np.float32]:
        return extract_ions(
            dataset, some, tolerance_ppm=ims.tolerance_ppm, factors=factors, index=index, on_progress=share
        ).images

    found = find_regions(
        images(mz[:N_FEATURES], share_of(on_progress, 0.2, 0.4)),
        tissue.mask,
        method=regions.method,
        n_regions=regions.n,
        spacing_um=dataset.grid.spacing_um,
        smoothing_um=regions.smoothing_um,
        seed=seed,
        on_progress=share_of(on_progress, 0.4, 0.6),
    )
    if found.labels.max() > 1:
        compared = []
        for part in batches(dataset, mz.size):
            share = share_of(on_progress, *(0.6 + 0.4 * done / mz.size for done in (part.start, part.stop)))
            compared.append(compare_labels(images(mz[part], share), mz[part], found.labels))
        found = replace(found, ions=joined(compared))
    return replace(tissue, regions=name_regions(found, regions.names))
