from dataclasses import replace

import numpy as np
import pytest

from napari_metime.simulate import METABOLITES, SectionPlan, simulate_truth
from napari_metime.simulate.peaks import LIPID_MZ, MATRIX_PEAKS
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
    assert 0.05 < rank < 0.5
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


def test_a_spectrum_holds_fifty_to_eighty_peaks_on_tissue(smooth):
    truth, spectra = smooth
    n_peaks = np.array([m.size for m, _ in spectra])[truth.tissue.ravel()]
    assert n_peaks.min() >= 50
    assert n_peaks.max() <= 80


def test_continuous_mode_shares_one_axis():
    spectra = simulate_spectra(simulate_truth(replace(SMOOTH, mode="continuous")), np.random.default_rng(0))
    assert all(m is spectra[0][0] for m, _ in spectra)
    assert np.all(np.diff(spectra[0][0]) > 0)


def test_no_two_planted_peaks_share_a_window():
    mz = np.sort([*(m.mz for m in METABOLITES), *LIPID_MZ, *(peak[0] for peak in MATRIX_PEAKS)])
    assert np.min(np.diff(mz) / mz[1:]) > 100e-6
