"""What the null of a section is fitted to, and what is drawn from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import brentq

from napari_metime.niches.background import (
    CLUMPING_CORRECTION,
    Background,
    draw_effectors,
    fit_background,
    fit_clumping,
    fragment_odds,
    gaussian_field,
)
from napari_metime.niches.labelling import CountedCells
from napari_metime.section import NicheNull
from napari_metime.simulate import SectionPlan, simulate_truth

SHAPE, STEP_UM = (50, 50), 40.0
SPACING_UM = (STEP_UM, STEP_UM)
EVERYWHERE, ONE_PIECE = np.ones(SHAPE, dtype=bool), np.ones(SHAPE, dtype=np.int64)
FLAT = np.zeros(SHAPE)


def counted_of(cells: np.ndarray, effectors: np.ndarray) -> CountedCells:
    return CountedCells(np.repeat(np.arange(cells.size), cells.ravel()), int(effectors.sum()), effectors, cells)


def draw_counts(share: np.ndarray, rng: np.random.Generator) -> CountedCells:
    cells = rng.poisson(4.0, share.shape)
    return counted_of(cells, rng.binomial(cells, share))


def test_the_field_has_variance_one_and_its_correlation() -> None:
    rng = np.random.default_rng(0)
    fields = np.array([gaussian_field((30, 60), 30.0, (20.0, 10.0), rng) for _ in range(300)])
    assert fields.mean() == pytest.approx(0, abs=0.06)
    assert (fields**2).mean() == pytest.approx(1, abs=0.06)
    # exp(-r^2 / 4 scale^2): 30 µm along x, 60 µm along y, both
    assert (fields[:, :, 3:] * fields[:, :, :-3]).mean() == pytest.approx(np.exp(-0.25), abs=0.06)
    assert (fields[:, 3:] * fields[:, :-3]).mean() == pytest.approx(np.exp(-1), abs=0.06)
    assert (fields[:, 3:, 3:] * fields[:, :-3, :-3]).mean() == pytest.approx(np.exp(-1.25), abs=0.06)
    # It is no torus: opposite edges have nothing in common.
    assert (fields[:, :, 0] * fields[:, :, -1]).mean() == pytest.approx(0, abs=0.06)


def test_drawn_effectors_are_as_many_and_on_cells() -> None:
    rng = np.random.default_rng(1)
    cells = rng.integers(0, 4, SHAPE)
    for k in (0, 1, 300, int(cells.sum())):
        effectors = np.zeros(SHAPE, dtype=np.int64)
        counted = CountedCells(np.repeat(np.arange(cells.size), cells.ravel()), k, effectors, cells)
        for null in (NicheNull(), NicheNull(clumping_sd=0.7, clumping_scale_um=60.0)):
            drawn = draw_effectors(counted, Background(np.ones(SHAPE), 0.1, null), SPACING_UM, rng)
            assert drawn.sum() == k
            assert (drawn <= cells).all()


def test_effectors_are_drawn_by_the_odds_without_replacement() -> None:
    # Wallenius' distribution: of group i, n_i (1 - exp(-odds_i t)) are drawn, t such that all are K.
    cells, odds, k = np.array([[400, 400]]), np.array([[1.0, 3.0]]), 200
    t = brentq(lambda t: (cells * -np.expm1(-odds * t)).sum() - k, 0, 10)
    expected = (cells * -np.expm1(-odds * t))[0, 1]
    rng = np.random.default_rng(2)
    counted = CountedCells(np.repeat([0, 1], 400), k, np.zeros((1, 2), np.int64), cells)
    drawn = [draw_effectors(counted, Background(odds, 0.25, NicheNull()), SPACING_UM, rng)[0, 1] for _ in range(600)]
    # Its mean is off by less than a cell from that limit; the rest is Monte Carlo.
    assert np.mean(drawn) == pytest.approx(expected, abs=0.3 + 4 * np.std(drawn) / np.sqrt(600))


def test_even_odds_are_random_labelling() -> None:
    cells, k = np.array([[100, 300]]), 80
    rng = np.random.default_rng(3)
    counted = CountedCells(np.repeat([0, 1], [100, 300]), k, np.zeros((1, 2), np.int64), cells)
    even = Background(np.ones((1, 2)), 0.2, NicheNull())
    drawn = np.array([draw_effectors(counted, even, SPACING_UM, rng)[0, 0] for _ in range(1000)])
    variance = k * 0.25 * 0.75 * (400 - k) / 399  # hypergeometric
    assert drawn.mean() == pytest.approx(20, abs=4 * np.sqrt(variance / 1000))
    assert drawn.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / 1000))


def test_clumping_that_is_drawn_is_found_again() -> None:
    rng = np.random.default_rng(4)
    cells = np.full(SHAPE, 12)
    counted = CountedCells(np.repeat(np.arange(cells.size), 12), 3000, np.zeros(SHAPE, np.int64), cells)
    null = NicheNull(clumping_sd=0.6, clumping_scale_um=60.0)
    sds, scales = [], []
    for _ in range(6):
        drawn = draw_effectors(counted, Background(np.ones(SHAPE), 0.1, null), SPACING_UM, rng)
        variance, scale_um, factor = fit_clumping(cells, drawn, np.ones(SHAPE), EVERYWHERE, SPACING_UM)
        sds.append(np.sqrt(variance))
        scales.append(scale_um)
        assert factor > 1.5
    assert np.mean(sds) == pytest.approx(0.6, abs=0.1)  # drawing without replacement takes a little away
    assert np.median(scales) == pytest.approx(60.0, abs=25)


def test_a_slope_with_depth_is_found_and_none_is_made_up() -> None:
    rng = np.random.default_rng(5)
    row, col = np.indices(SHAPE)
    depth_um = STEP_UM * np.minimum.reduce([row, col, SHAPE[0] - 1 - row, SHAPE[1] - 1 - col])
    slopes, none = [], []
    for _ in range(8):
        for true, found in ((-1.5, slopes), (0.0, none)):
            counted = draw_counts(0.15 * np.exp(true * depth_um / 1000), rng)
            fit = fit_background(counted, EVERYWHERE, depth_um, ONE_PIECE, SPACING_UM)
            found.append(fit.null.depth_slope_per_mm)
            mean = (fit.odds * counted.cells).sum() / counted.cells.sum()
            assert mean == pytest.approx(1)
            assert fit.share == pytest.approx(counted.share)
    # Each is from some 1,000 effectors, whose depth has an s.d. of 0.23 mm: a standard error of 0.15.
    assert np.mean(slopes) == pytest.approx(-1.5, abs=4 * 0.15 / np.sqrt(8))
    assert np.mean(none) == pytest.approx(0, abs=4 * 0.15 / np.sqrt(8))
    assert sum(slope != 0 for slope in none) <= 4  # 1.5 standard errors: 13 %


def test_planted_clumping_is_found_and_none_is_made_up() -> None:
    found = {0.0: 0, 0.6: 0}
    for sd in found:
        for seed in range(8):
            plan = SectionPlan(
                seed=seed, width_um=2400, height_um=2000, n_niches=0, clumping_sd=sd, clumping_scale_um=60.0
            )
            section = simulate_truth(plan)
            pixel, bed = section.grid.pixel_of(section.x_um, section.y_um), section.bed
            effector = section.type == "CD8"
            n, x = (np.bincount(p[p >= 0], minlength=bed.size).reshape(bed.shape) for p in (pixel, pixel[effector]))
            counted = counted_of(np.where(bed, n, 0), np.where(bed, x, 0))
            ones = np.ones(bed.shape, np.int64)
            fit = fit_background(counted, bed, np.zeros(bed.shape), ones, section.grid.spacing_um)
            found[sd] += fit.null.clumping_sd > 0.3 * CLUMPING_CORRECTION
            assert (fit.null.clumping_sd == 0) == (fit.null.clumping_scale_um == 0)
    assert found[0.6] >= 6
    assert found[0.0] <= 1


def test_a_niche_that_was_left_out_is_no_clumping() -> None:
    rng = np.random.default_rng(6)
    row, col = np.indices(SHAPE)
    away_um = STEP_UM * np.hypot(row - 25, col - 25)
    with_it, without = [], []
    for _ in range(6):
        counted = draw_counts(np.where(away_um < 400, 0.02, 0.2), rng)
        for fitted, found in ((EVERYWHERE, with_it), (away_um > 480, without)):
            found.append(fit_background(counted, fitted, FLAT, ONE_PIECE, SPACING_UM))
    assert all(fit.null.clumping_sd > 0.3 for fit in with_it)
    assert sum(fit.null.clumping_sd > 0 for fit in without) <= 1
    assert np.mean([fit.share for fit in without]) == pytest.approx(0.2, abs=0.01)


def test_a_few_cells_or_effectors_fit_nothing() -> None:
    rng = np.random.default_rng(7)
    for cells, share in ((np.pad([[9]], ((0, 49), (0, 49))), 0.5), (rng.poisson(4.0, SHAPE), 0.0005)):
        counted = counted_of(cells, rng.binomial(cells, share))
        assert fit_background(counted, EVERYWHERE, FLAT, ONE_PIECE, SPACING_UM).null == NicheNull()
    nothing = counted_of(np.zeros(SHAPE, np.int64), np.zeros(SHAPE, np.int64))
    assert (fit_background(nothing, EVERYWHERE, FLAT, ONE_PIECE, SPACING_UM).odds == 1).all()


def test_each_piece_of_tissue_has_its_own_odds() -> None:
    cells, effectors = np.array([[100, 300, 50]]), np.array([[10, 90, 0]])
    odds = fragment_odds(counted_of(cells, effectors), np.array([[1, 2, 0]]), np.array([[True, True, False]]))
    assert odds[0] == pytest.approx([0.1 / 0.25, 0.3 / 0.25, 1.0])  # of 100 among 400; where nothing is known, one


def test_smoothed_noise_agrees_with_the_fields_scale() -> None:
    # An independent field: white noise through a Gaussian filter of s.d. s has the correlation exp(-r^2 / 4 s^2).
    rng = np.random.default_rng(8)
    sds = []
    for _ in range(6):
        field = ndimage.gaussian_filter(rng.standard_normal((80, 80)), 2.0)[15:65, 15:65]
        field /= np.sqrt(1 / (4 * np.pi * 4.0))
        cells = rng.poisson(10.0, SHAPE)
        effectors = np.minimum(rng.poisson(cells * 0.1 * np.exp(0.6 * field - 0.18)), cells)
        variance, _, _ = fit_clumping(cells, effectors, np.ones(SHAPE), EVERYWHERE, SPACING_UM)
        sds.append(np.sqrt(variance))
    assert np.mean(sds) == pytest.approx(0.6, abs=0.12)
