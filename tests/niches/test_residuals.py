"""What covariates take from a map, against least squares done otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from napari_metime.niches.residuals import KNOTS, Adjustment, natural_spline, normal_scores


def test_normal_scores_are_quantiles_of_the_ranks() -> None:
    """Blom's scores of three values, whatever these are; equal values share their mean rank."""
    middle, outer = 0.0, norm.ppf((3 - 0.375) / 3.25)
    assert normal_scores(np.array([1e9, -5, 2.0])) == pytest.approx([outer, -outer, middle])
    assert normal_scores(np.array([4, 4, 4])) == pytest.approx([0, 0, 0])


def test_a_spline_is_straight_beyond_its_outer_knots() -> None:
    x = np.linspace(0, 1, 2001)
    columns = natural_spline(x)
    assert columns.shape == (2001, len(KNOTS) - 1)
    bend = np.diff(columns, 2, axis=0)
    outside = (x[2:] < KNOTS[0]) | (x[:-2] > KNOTS[-1])
    assert np.abs(bend[outside]).max() < 1e-12
    assert np.abs(bend[~outside, 1]).max() > 1e-7


def test_the_residual_is_that_of_least_squares_on_all_splines() -> None:
    rng = np.random.default_rng(0)
    covariates, y = rng.normal(size=(300, 2)), rng.normal(size=(300, 4))
    design = np.hstack([np.ones((300, 1)), natural_spline(covariates[:, 0]), natural_spline(covariates[:, 1])])
    expected = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert Adjustment.for_covariates(covariates).residual(y) == pytest.approx(expected, abs=1e-10)


def test_a_constant_or_repeated_covariate_takes_nothing_more() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=200), rng.normal(size=200)
    alone = Adjustment.for_covariates(x[:, None])
    among = Adjustment.for_covariates(np.stack([x, np.full(200, 7.0), 2 * x], axis=1))
    assert among.basis.shape == alone.basis.shape
    assert among.residual(y) == pytest.approx(alone.residual(y), abs=1e-9)


def test_without_covariates_only_the_mean_is_taken() -> None:
    y = np.array([1.0, 2.0, 6.0])
    assert Adjustment.for_covariates(np.empty((3, 0))).residual(y) == pytest.approx([-2, -1, 3])
