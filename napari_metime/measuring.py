"""The channels of a section: the panel's ions, listed m/z, images on the grid, and the microscopy brought onto it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import RecipeError
from napari_metime.ims import IonImages, extract_ions, find_index, normalization_factors, pixel_vectors, read_image
from napari_metime.metabolites import choose_ions, measurable_ions, read_panel
from napari_metime.metabolites.evidence import IonEvidence, ion_evidence
from napari_metime.metabolites.panel import PanelIon
from napari_metime.recipe import ChannelsRecipe, ImsRecipe, is_path
from napari_metime.section import Channel, ChannelSet, Dataset, Progress, Tissue, no_progress, share_of

IMAGES_AT_ONCE_PIXELS = 1 << 27
"""Pixels of all ion images that are held at once while the panel is looked through: 0.5 GB."""


def measure_channels(
    dataset: Dataset,
    tissue: Tissue,
    ims: ImsRecipe,
    channels: ChannelsRecipe,
    *,
    further: tuple[Channel, ...] = (),
    told: tuple[str, ...] = (),
    on_progress: Progress = no_progress,
) -> ChannelSet:
    """Measure the panel, the listed m/z and the listed images on the grid.

    Parameters
    ----------
    further : channels that were measured elsewhere, as ``microscopy_channels`` does; they come last
    told : what is to be said of them

    Raises
    ------
    RecipeError
        Two channels have one name, or a name cannot be a column's.
    """
    panel = (
        ()
        if not channels.panel
        else read_panel(Path(channels.panel) if is_path("channels", "panel", channels.panel) else None)
    )
    ions = measurable_ions(panel, polarity=dataset.polarity, mz_range=dataset.mz_range, tolerance_ppm=ims.tolerance_ppm)
    factors = normalization_factors(dataset, ims, tissue.mask, on_progress=share_of(on_progress, 0.0, 0.2))
    index = find_index(dataset)

    def images(mz: list[float], share: Progress) -> IonImages:
        return extract_ions(
            dataset,
            np.array(mz, dtype=np.float64),
            tolerance_ppm=ims.tolerance_ppm,
            factors=factors,
            reference_mask=tissue.mask,
            index=index,
            on_progress=share,
        )

    # Some at a time and then once more for the chosen: all candidates of a million pixels would fill the memory.
    evidence: dict[PanelIon, IonEvidence] = {}
    n_at_once = max(1, IMAGES_AT_ONCE_PIXELS // dataset.measured.size)
    for first in range(0, len(ions), n_at_once):
        some = ions[first : first + n_at_once]
        found = images([ion.mz for ion in some], share_of(on_progress, 0.2 + 0.6 * first / len(ions), 0.8))
        for ion, image, mean_mz in zip(some, found.images, found.mean_mz, strict=True):
            evidence[ion] = ion_evidence(image, tissue.mask, ion.mz, mean_mz)
    chosen, table = choose_ions(
        panel, evidence, polarity=dataset.polarity, mz_range=dataset.mz_range, tolerance_ppm=ims.tolerance_ppm
    )
    names = [ion.name for ion in chosen] + [f"mz:{m:.4f}" for m in channels.mz]
    found = images([ion.mz for ion in chosen] + list(channels.mz), share_of(on_progress, 0.8, 1.0))
    measured = [Channel(name, "ion", image) for name, image in zip(names, found.images, strict=True)]
    measured += [_image_channel(path, dataset) for path in channels.images]
    measured += further
    _check_names([channel.name for channel in measured])
    tic = pixel_vectors(dataset).tic.astype(np.float32)
    return ChannelSet(tuple(measured), table, tic, (*told, *_broken_pixels(tic, dataset)))


def _broken_pixels(tic: NDArray[np.float32], dataset: Dataset) -> tuple[str, ...]:
    n_broken = int((~np.isfinite(tic[dataset.measured])).sum())
    if n_broken == 0:
        return ()
    return (f"Pixels with intensities that are no numbers: {n_broken:,}; they count as not measured.",)


def _check_names(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"expected channels of different names, found {name!r} twice; drop or rename one")
        if name.startswith(("low_", "high_")) or name.endswith(("_low", "_high")):
            raise RecipeError(
                f"expected a channel name that is no column's ending, found {name!r}: the tables use _low and _high "
                "for intervals; rename it"
            )


def _image_channel(path: Path, dataset: Dataset) -> Channel:
    image = read_image(path, shape=dataset.grid.shape).astype(np.float32)
    image[~dataset.measured] = np.nan
    return Channel(path.stem, "image", image)
