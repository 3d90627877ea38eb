from dataclasses import replace

import numpy as np
import pytest

from napari_metime.metabolites import read_panel
from napari_metime.metabolites.isotopes import isotope_pattern
from napari_metime.simulate import METABOLITES, SectionPlan, simulate_truth
from napari_metime.simulate.peaks import LIPID_MZ, MATRIX_PEAKS, isotopes_of
from napari_metime.simulate.spectra import expected_counts, simulate_spectra

SMOOTH = SectionPlan(texture_sd=0, gain_sd=0, cellularity_sd=0)


@pytest.fixture(scope="module")
def smooth():
    truth = simulate_truth(SMOOTH)
    return truth, simulate_spectra(truth, np.random.default_rng(0))


def ion_image(truth, spectra, mz, ppm=8.0):
    sums = [i[np.abs(m / mz - 1) <= ppm * 1e-6].sum(dtype=float) for m, i in spectra]
    return np.array(sums).reshape(truth.grid.shape)


@pytest.mark.parametrize("metabolite", METABOLITES, ids=lambda m: m.name)
def test_counts_show_the_planted_effect(smooth, metabolite):
    truth, spectra = smooth
    image = ion_image(truth, spectra, metabolite.mz)
    niche, rest = image[truth.niche_labels > 0], image[truth.bed & (truth.niche_labels == 0)]
    noise = 5 * np.sqrt(1 / niche.sum() + 1 / rest.sum() + 0.03 / niche.size) / np.log(2)
    assert abs(np.log2(niche.mean() / rest.mean()) - metabolite.niche_log2) < noise < 0.2
    assert abs(rest.mean() - 0.97 * metabolite.counts) < 0.03 * metabolite.counts


def test_confounded_metabolites_follow_tumor_density():
    truth = simulate_truth(replace(SMOOTH, n_niches=0))
    mz, expected = expected_counts(truth, np.random.default_rng(0))
    stroma = (truth.tissue & ~truth.bed).ravel()
    for m in METABOLITES:
        image = expected[:, np.searchsorted(mz, m.mz - 1e-3)]
        drop = np.log2(image[truth.bed.ravel()].mean() / image[stroma].mean())
        assert drop == pytest.approx(m.tumor_log2 * (1 - SMOOTH.stroma.tumor / SMOOTH.bed.tumor), abs=1e-9)


def test_total_ion_current_alone_does_not_separate_tissue():
    truth = simulate_truth(SectionPlan())
    tic = np.array([i.sum() for _, i in simulate_spectra(truth, np.random.default_rng(0))]).reshape(truth.grid.shape)
    on, off = np.sort(tic[truth.tissue]), tic[~truth.tissue]
    rank = np.searchsorted(on, off).mean() / on.size
    assert 0.03 < rank < 0.5
    assert 0.5 < np.median(off) / np.median(on) < 2


def test_the_matrix_is_brighter_off_tissue(smooth):
    truth, spectra = smooth
    mz, off, on = MATRIX_PEAKS[0]
    image = ion_image(truth, spectra, mz)
    ratio = image[~truth.tissue].mean() / image[truth.tissue].mean()
    assert ratio == pytest.approx(off / on, rel=0.02)


def test_peaks_jitter_by_the_stated_ppm_and_ascend(smooth):
    _, spectra = smooth
    assert all(np.all(np.diff(m) > 0) and np.all(i > 0) for m, i in spectra)
    deviation = np.concatenate([(m[np.abs(m - 89.0244) < 0.01] / 89.0244 - 1) * 1e6 for m, _ in spectra])
    assert abs(deviation.mean()) < 0.15
    assert deviation.std() == pytest.approx(SMOOTH.mz_jitter_ppm, rel=0.05)


def test_peaks_drop_out_at_the_stated_share():
    truth = simulate_truth(replace(SMOOTH, dropout=0.25))
    image = ion_image(truth, simulate_spectra(truth, np.random.default_rng(0)), 124.0074)
    n = truth.bed.sum()
    assert abs((image[truth.bed] == 0).sum() - 0.25 * n) < 4 * np.sqrt(0.25 * 0.75 * n)


def test_a_spectrum_holds_ninety_to_a_hundred_and_sixty_peaks_on_tissue(smooth):
    truth, spectra = smooth
    n_peaks = np.array([m.size for m, _ in spectra])[truth.tissue.ravel()]
    assert n_peaks.min() >= 90
    assert n_peaks.max() <= 160


@pytest.mark.parametrize("metabolite", METABOLITES, ids=lambda m: m.name)
def test_isotopes_are_those_of_the_formula(metabolite):
    expected = isotope_pattern(metabolite.formula, "[M-H]-", merge_ppm=5)
    found = isotopes_of(metabolite.mz, metabolite.formula)
    for (mz, height), true_mz, true_height in zip(found, expected.mz[1:], expected.relative[1:], strict=True):
        assert mz == pytest.approx(true_mz, rel=5e-6)
        assert height == pytest.approx(true_height, rel=0.25, abs=0.003)


@pytest.mark.parametrize("metabolite", METABOLITES, ids=lambda m: m.name)
def test_isotopes_are_as_strong_as_planted_beside_their_metabolite(smooth, metabolite):
    truth, spectra = smooth
    mz, height = isotopes_of(metabolite.mz, metabolite.formula)[0]
    isotope = ion_image(truth, spectra, mz)[truth.tissue].sum()
    parent = ion_image(truth, spectra, metabolite.mz)[truth.tissue].sum()
    assert abs(isotope / parent / height - 1) < 5 / np.sqrt(isotope)


def test_isotopes_leave_all_other_peaks_as_they_are(smooth):
    truth, spectra = smooth
    mz, expected = expected_counts(truth, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    expected_counts(truth, rng)
    counts = rng.poisson(expected)
    counts[rng.random(counts.shape) < SMOOTH.dropout] = 0
    image = ion_image(truth, spectra, 89.0244)
    assert np.array_equal(image.ravel(), counts[:, np.searchsorted(mz, 89.02)])


def test_no_isotope_falls_on_a_panel_ion_or_on_another_planted_peak():
    ions = [(m.mz, m.formula) for m in METABOLITES] + [(mz, "") for mz in LIPID_MZ]
    isotopes = np.array([mz for at, formula in ions for mz, _ in isotopes_of(at, formula)])
    panel = np.array([ion.mz for ion in read_panel(None) if ion.polarity == "negative"])
    planted = np.array([*(mz for mz, _ in ions), *(peak[0] for peak in MATRIX_PEAKS)])
    for others, least_ppm in ((panel, 15), (planted, 30)):  # the M+2 of oleate lies 32 ppm below stearate
        assert np.abs(isotopes[:, None] / others - 1).min() > least_ppm * 1e-6


def test_continuous_mode_shares_one_axis():
    spectra = simulate_spectra(simulate_truth(replace(SMOOTH, mode="continuous")), np.random.default_rng(0))
    assert all(m is spectra[0][0] for m, _ in spectra)
    assert np.all(np.diff(spectra[0][0]) > 0)


def test_no_two_planted_peaks_share_a_window():
    mz = np.sort([*(m.mz for m in METABOLITES), *LIPID_MZ, *(peak[0] for peak in MATRIX_PEAKS)])
    assert np.min(np.diff(mz) / mz[1:]) > 100e-6
