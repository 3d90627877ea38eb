"""The channels of a section: the panel's ions, listed m/z, images on the grid, and the microscopy brought onto it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import RecipeError
from napari_metime.ims import (
    IonImages,
    batches,
    extract_ions,
    find_index,
    mean_spectrum,
    normalization_factors,
    pick_peaks,
    pixel_vectors,
    read_image,
)
from napari_metime.metabolites import choose_ions, measurable_ions, panel_of
from napari_metime.metabolites.evidence import IonEvidence, ion_evidence
from napari_metime.metabolites.image_rows import stand_for_elements, with_images
from napari_metime.metabolites.isotope_peaks import MIN_SHARE, isotope_share
from napari_metime.metabolites.isotopes import SHIFTS, IsotopePattern, isotope_pattern
from napari_metime.metabolites.metaspace import metaspace_fdr, read_metaspace
from napari_metime.metabolites.panel import PanelIon
from napari_metime.recipe import ChannelsRecipe, ImageRecipe, ImsRecipe
from napari_metime.scoring import off_tissue
from napari_metime.section import Channel, ChannelSet, Dataset, Progress, Tissue, no_progress, share_of


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
    panel = panel_of(channels)
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

    share = _isotope_share(dataset, tissue) if ions else float("nan")
    evidence = _evidence(ions, images, dataset, tissue, ims.tolerance_ppm, share_of(on_progress, 0.2, 0.8))
    chosen, table = choose_ions(
        panel,
        evidence,
        polarity=dataset.polarity,
        mz_range=dataset.mz_range,
        tolerance_ppm=ims.tolerance_ppm,
        holds_isotopes=share >= MIN_SHARE,
        metaspace_fdr=metaspace_fdr(read_metaspace(channels.metaspace), panel) if channels.metaspace else {},
    )
    names = [ion.name for ion in chosen] + [f"mz:{m:.4f}" for m in channels.mz]
    found = images([ion.mz for ion in chosen] + list(channels.mz), share_of(on_progress, 0.8, 1.0))
    measured = [Channel(name, "ion", image) for name, image in zip(names, found.images, strict=True)]
    brought = [*(_image_channel(image, dataset) for image in channels.images), *further]
    brought = stand_for_elements(brought, panel)
    measured += brought
    _check_names([channel.name for channel in measured])
    tic = pixel_vectors(dataset).tic.astype(np.float32)
    limits = {c.name: image.lod for c, image in zip(brought, channels.images, strict=False) if image.lod is not None}
    table = with_images(table, brought, limits, tissue_mask=tissue.mask, off_tissue=off_tissue(tissue))
    return ChannelSet(tuple(measured), table, tic, (*told, *_no_isotopes(share), *_broken_pixels(tic, dataset)))


def _evidence(
    ions: Sequence[PanelIon],
    images: Callable[[list[float], Progress], IonImages],
    dataset: Dataset,
    tissue: Tissue,
    tolerance_ppm: float,
    on_progress: Progress,
) -> dict[PanelIon, IonEvidence]:
    """Measure every ion with its isotopes.

    Some at a time, and the chosen once more afterwards: all candidates of a million pixels would fill the memory.
    """
    evidence: dict[PanelIon, IonEvidence] = {}
    off = dataset.measured & off_tissue(tissue)
    for part in batches(dataset, len(ions), images_each=len(SHIFTS)):
        some = ions[part]
        patterns = [_pattern(ion, tolerance_ppm) for ion in some]
        share = share_of(on_progress, part.start / len(ions), part.stop / len(ions))
        found = images([mz for pattern in patterns for mz in pattern.mz], share)
        start = 0
        for ion, pattern in zip(some, patterns, strict=True):
            stop = start + len(pattern.mz)
            evidence[ion] = ion_evidence(
                found.images[start:stop],
                tissue.mask,
                ion.mz,
                found.mean_mz[start],
                off_tissue=off,
                abundance=pattern.abundance,
            )
            start = stop
    return evidence


def _pattern(ion: PanelIon, tolerance_ppm: float) -> IsotopePattern:
    """Return the isotopes of an ion; its m/z alone where its formula is not known, or cannot be this ion."""
    if ion.formula and ion.adduct:
        try:
            pattern = isotope_pattern(ion.formula, ion.adduct, merge_ppm=tolerance_ppm)
        except RecipeError:
            return IsotopePattern((ion.mz,), ())
        return IsotopePattern((ion.mz, *pattern.mz[1:]), pattern.abundance)
    return IsotopePattern((ion.mz,), ())


def _isotope_share(dataset: Dataset, tissue: Tissue) -> float:
    """Return the share of the strongest peaks of the tissue that have an isotope peak."""
    peaks = pick_peaks(mean_spectrum(dataset, mask=tissue.mask))
    return isotope_share(peaks.mz, peaks.intensity)


def _no_isotopes(share: float) -> tuple[str, ...]:
    if not share < MIN_SHARE:
        return ()
    return (
        f"This file holds hardly any isotope peaks ({100 * share:.0f} % of its strongest peaks have one, fewer than "
        f"{100 * MIN_SHARE:.0f} %): verdicts rest on m/z, place and share alone.",
    )


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


def _image_channel(image: ImageRecipe, dataset: Dataset) -> Channel:
    values = read_image(image.path, shape=dataset.grid.shape).astype(np.float32)
    values[~dataset.measured] = np.nan
    return Channel(image.channel, "image", values, image.unit)
