"""Spectra of a simulated section: planted effects, texture, isotopes, shot noise, dropouts, m/z jitter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metime.imzml_writer import Spectrum
from napari_metime.simulate.fields import smooth_noise
from napari_metime.simulate.peaks import LIPID_MZ, MATRIX_PEAKS, isotopes_of
from napari_metime.simulate.truth import SectionTruth

OFF_TISSUE_SHARE = 0.02
"""What of a tissue ion is found beside the tissue: smeared by the matrix."""
LIPID_COUNTS = 55.0
LIPID_SPREAD = 0.5
"""S.d. of the log of a lipid's level, and of its log2 change from bed to stroma."""


def simulate_spectra(truth: SectionTruth, rng: np.random.Generator) -> list[Spectrum]:
    """Draw the spectrum of every pixel, in row order.

    Intensities are detector counts: Poisson about their expectation, then dropped at random. In
    processed mode a spectrum holds the peaks that were seen, each with its own m/z; in continuous
    mode every peak of the common axis, 0 where it was not seen.

    Returns
    -------
    list of (mz, intensity), float64 and float32, m/z ascending
    """
    plan = truth.plan
    mz, expected = expected_counts(truth, rng)
    # Isotopes draw from a generator of their own: all other peaks are what they are without any.
    isotope_rng = rng.spawn(1)[0]
    parent, isotope_mz, height = _isotopes(truth, mz)
    counts = np.hstack(
        [_seen(expected, plan.dropout, rng), _seen(expected[:, parent] * height, plan.dropout, isotope_rng)]
    )
    if plan.mode == "continuous":
        mz = np.append(mz, isotope_mz)
        order = np.argsort(mz, kind="stable")
        mz, counts = mz[order], counts[:, order]
        return [(mz, row) for row in counts]
    own_mz = np.hstack(
        [
            _jittered(mz, plan.mz_jitter_ppm, expected.shape, rng),
            _jittered(isotope_mz, plan.mz_jitter_ppm, (len(counts), parent.size), isotope_rng),
        ]
    )
    rows = np.argsort(own_mz, axis=1, kind="stable")
    own_mz, counts = np.take_along_axis(own_mz, rows, axis=1), np.take_along_axis(counts, rows, axis=1)
    return [(m[c > 0], c[c > 0]) for m, c in zip(own_mz, counts, strict=True)]


def _seen(expected: NDArray[np.float64], dropout: float, rng: np.random.Generator) -> NDArray[np.float32]:
    counts = rng.poisson(expected).astype(np.float32)
    counts[rng.random(counts.shape) < dropout] = 0
    return counts


def _jittered(
    mz: NDArray[np.float64], jitter_ppm: float, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float64]:
    return np.asarray(mz * (1 + jitter_ppm * 1e-6 * rng.standard_normal(shape)))


def _isotopes(
    truth: SectionTruth, mz: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Return of each isotope peak the index of its M among the peaks, its m/z, and its height over M."""
    ions = [(m.mz, m.formula) for m in truth.plan.metabolites] + [(lipid, "") for lipid in LIPID_MZ]
    found = [(at, *isotope) for at, formula in ions for isotope in isotopes_of(at, formula)]
    parent_mz, isotope_mz, height = np.array(found).T
    return np.searchsorted(mz, parent_mz), isotope_mz, height


def expected_counts(truth: SectionTruth, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the m/z of every peak, ascending, and its expected counts, shape (n_pixels, n_peaks)."""
    tissue = np.concatenate([_metabolite_counts(truth), _lipid_counts(truth, rng)])
    tissue = np.where(truth.tissue, tissue, OFF_TISSUE_SHARE * tissue.mean(axis=(1, 2), keepdims=True))
    matrix = np.array([np.where(truth.tissue, on, off) for _, off, on in MATRIX_PEAKS])
    expected = np.concatenate([tissue, matrix])
    expected *= _textures(truth, len(expected), rng)
    gain_sd = truth.plan.gain_sd
    expected *= np.exp(gain_sd * rng.standard_normal(truth.tissue.shape) - gain_sd**2 / 2)
    mz = np.array([*(m.mz for m in truth.plan.metabolites), *LIPID_MZ, *(peak[0] for peak in MATRIX_PEAKS)])
    order = np.argsort(mz)
    return mz[order], expected[order].reshape(len(mz), -1).T


def _metabolite_counts(truth: SectionTruth) -> NDArray[np.float64]:
    in_niche = truth.niche_labels > 0
    log2 = [m.niche_log2 * in_niche + m.tumor_log2 * (truth.tumor_density - 1) for m in truth.plan.metabolites]
    counts = np.array([m.counts for m in truth.plan.metabolites])
    return np.asarray(counts[:, None, None] * np.exp2(np.array(log2).reshape(counts.size, *in_niche.shape)))


def _lipid_counts(truth: SectionTruth, rng: np.random.Generator) -> NDArray[np.float64]:
    n = len(LIPID_MZ)
    counts = LIPID_COUNTS * np.exp(LIPID_SPREAD * rng.standard_normal(n))
    stroma_log2 = LIPID_SPREAD * rng.standard_normal(n)
    return np.asarray(counts[:, None, None] * np.exp2(np.multiply.outer(stroma_log2, ~truth.bed)))


def _textures(truth: SectionTruth, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Independent log-Gaussian textures of mean one, shape (n, rows, cols)."""
    sd, scale = truth.plan.texture_sd, truth.plan.texture_scale_um / truth.plan.pixel_size_um
    return np.asarray(np.exp(sd * smooth_noise((n, *truth.tissue.shape), scale, rng) - sd**2 / 2))
