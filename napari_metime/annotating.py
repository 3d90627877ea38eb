"""The molecules of a database that a section holds, with the false-discovery rate of calling them found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import RecipeError
from napari_metime.ims import batches, extract_ions, find_index, mean_spectrum
from napari_metime.metabolites.chaos import measure_of_chaos
from napari_metime.metabolites.database import Molecule
from napari_metime.metabolites.decoys import estimate_fdr, sample_decoys
from napari_metime.metabolites.isotopes import IsotopePattern, strongest_peaks
from napari_metime.metabolites.measures import isotope_spatial, isotope_spectral
from napari_metime.section import Dataset, Progress, no_progress, share_of

N_PEAKS = 4
"""Peaks of an ion that are looked for: its strongest, as METASPACE takes them."""
BIN_PPM = 8.0
"""No bin of a mean spectrum is wider."""
COLUMNS = (
    "name",
    "id",
    "formula",
    "adduct",
    "mz",
    "msm",
    "rho_spatial",
    "rho_spectral",
    "rho_chaos",
    "fdr",
)

CHANCE_Z = 4.0
"""Standard errors that the isotopes' correlation must lie above 0; shuffled pixels stay below. Our choice."""

Ion = tuple[str, str]
"""Formula and adduct."""


class Score(NamedTuple):
    """METASPACE's measures of an ion, each 0 to 1; ``msm`` is their product, ``ranked`` the same or 0 for chance."""

    msm: float
    spatial: float
    spectral: float
    chaos: float
    ranked: float


NOTHING = Score(0.0, 0.0, 0.0, 0.0, 0.0)


def annotate(
    dataset: Dataset,
    database: Sequence[Molecule],
    adducts: Sequence[str],
    tolerance_ppm: float,
    *,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> pd.DataFrame:
    """Look for every molecule with every adduct, and for its decoys, over all pixels with a spectrum.

    After Palmer et al. 2017 (Nat Methods 14:57); what is METASPACE's later rule, and what is ours, says
    docs/annotation.md. Ions are ranked by msm; those whose isotopes agree no better than chance are not ranked.

    Parameters
    ----------
    adducts : keys of ``ADDUCTS``, of one polarity
    tolerance_ppm : half width of the m/z windows
    seed : of the draw of decoys

    Returns
    -------
    DataFrame
        A row for each formula and adduct, the best first: name and id (of all molecules of the formula), formula,
        adduct, mz (of its first peak), msm, rho_spatial, rho_spectral, rho_chaos, fdr. An adduct that takes atoms
        which a formula lacks has no row.
    """
    formulas = [molecule.formula for molecule in database]
    decoys = sample_decoys(formulas, adducts, rng=np.random.default_rng(seed))
    patterns = _patterns(decoys, tolerance_ppm, share_of(on_progress, 0.0, 0.2))
    scores = _scores(dataset, patterns, tolerance_ppm, share_of(on_progress, 0.2, 1.0))
    rows = []
    for adduct in adducts:
        of_adduct = [molecule for molecule in database if (molecule.formula, adduct) in patterns]
        targets = [scores.get((molecule.formula, adduct), NOTHING) for molecule in of_adduct]
        of_decoys = [
            [scores.get((molecule.formula, decoy), NOTHING).ranked for decoy in decoys[molecule.formula, adduct]]
            for molecule in of_adduct
        ]
        fdr = estimate_fdr(np.array([target.ranked for target in targets]), np.array(of_decoys))
        for molecule, target, rate in zip(of_adduct, targets, fdr.tolist(), strict=True):
            names, ids = "; ".join(molecule.names), "; ".join(filter(None, molecule.ids))
            mz = patterns[molecule.formula, adduct].mz[0]
            rows.append((names, ids, molecule.formula, adduct, mz, *target[:4], rate))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(["fdr", "msm"], ascending=[True, False], kind="stable", ignore_index=True)


def _patterns(
    decoys: Mapping[Ion, Sequence[str]], tolerance_ppm: float, on_progress: Progress
) -> dict[Ion, IsotopePattern]:
    """Return the peaks of every target that there can be, and of its decoys."""
    found = {}
    for number, ((formula, adduct), elements) in enumerate(decoys.items()):
        on_progress(number / len(decoys), "computing isotopes")
        try:
            found[formula, adduct] = _peaks(formula, adduct, tolerance_ppm)
        except RecipeError:  # it cannot lose what the adduct takes
            continue
        for decoy in elements:
            if (formula, decoy) not in found:
                found[formula, decoy] = _peaks(formula, decoy, tolerance_ppm)
    return found


def _peaks(formula: str, adduct: str, tolerance_ppm: float) -> IsotopePattern:
    return strongest_peaks(formula, adduct, N_PEAKS, merge_ppm=tolerance_ppm)


def _scores(
    dataset: Dataset, patterns: Mapping[Ion, IsotopePattern], tolerance_ppm: float, on_progress: Progress
) -> dict[Ion, Score]:
    """Score the ions of which there may be something: all others score nothing."""
    candidates = _candidates(dataset, patterns, tolerance_ppm, share_of(on_progress, 0.0, 0.2))
    index = find_index(dataset)
    scores = {}
    for part in batches(dataset, len(candidates), images_each=N_PEAKS):
        ions = candidates[part]
        begin, end = (0.2 + 0.8 * done / len(candidates) for done in (part.start, part.stop))
        share = share_of(on_progress, begin, end)
        found = extract_ions(
            dataset,
            np.concatenate([patterns[ion].mz for ion in ions]),
            tolerance_ppm=tolerance_ppm,
            index=index,
            on_progress=share_of(share, 0.0, 0.5),
        )
        images = iter(found.images)
        for number, ion in enumerate(ions):
            share(0.5 + 0.5 * number / len(ions), "scoring ions")
            own = np.stack([next(images) for _ in patterns[ion].mz])
            scores[ion] = _score(own, patterns[ion], dataset.measured)
    return scores


def _candidates(
    dataset: Dataset, patterns: Mapping[Ion, IsotopePattern], tolerance_ppm: float, on_progress: Progress
) -> list[Ion]:
    """Return the ions whose first peak, and one of the others, may be somewhere, by m/z; the rest score nothing.

    One pass over the file tells: the windows, a bin wider, hold something of the spectrum of all pixels.
    """
    mz = mean_spectrum(dataset, on_progress=on_progress).mz
    half = (tolerance_ppm + BIN_PPM) * 1e-6

    def may_be(at: Iterable[float]) -> NDArray[np.bool_]:
        at = np.array(list(at))
        return np.asarray(np.searchsorted(mz, at * (1 - half)) < np.searchsorted(mz, at * (1 + half), side="right"))

    possible = []
    for ion, pattern in patterns.items():
        first, *others = may_be(pattern.mz).tolist()
        if first and any(others):
            possible.append(ion)
    return sorted(possible, key=lambda ion: patterns[ion].mz[0])


def _score(images: NDArray[np.float32], pattern: IsotopePattern, measured: NDArray[np.bool_]) -> Score:
    """Score the images of an ion, shape (n_peaks, rows, cols); what cannot count any more is not worked out."""
    pixels = np.nan_to_num(images[:, measured].astype(np.float64))
    if not pixels[0].any() or not pixels[1:].any():
        return NOTHING
    spectral = isotope_spectral(pixels, pattern.abundance)
    spatial = isotope_spatial(pixels, pattern.abundance)
    chaos = measure_of_chaos(images[0]) if spatial * spectral > 0 else 0.0
    msm = spatial * spectral * chaos
    is_chance = spatial * np.sqrt(pixels.shape[1]) <= CHANCE_Z
    return Score(msm, spatial, spectral, chaos, 0.0 if is_chance else msm)
