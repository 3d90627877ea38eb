"""The stated error holds as often as it says, and drawn alignments spread as the formulas of regression say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_metime.alignment import bound_um, draw_alignments, fit_landmarks, from_matrix
from napari_metime.alignment.uncertainty import displacements_um

SIZE_UM = np.array([4000.0, 3000.0])
CORNERS = np.array([[0, 0], [4000, 0], [4000, 3000], [0, 3000.0]])


def noisy(rng: np.random.Generator, n: int = 20, *, mirrored: bool = False) -> tuple[NDArray[np.float64], ...]:
    """Return landmarks with 4 µm of noise, and the corners of the section in the frame of the source."""
    angle = rng.uniform(-np.pi, np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirrored:
        turn = turn @ np.diag([1, -1])
    target = rng.uniform(0, SIZE_UM, (n, 2))
    return np.column_stack([2 * target @ turn, target + rng.normal(0, 4, (n, 2))]), 2 * CORNERS @ turn


@pytest.mark.parametrize(
    ("kind", "largest_um", "n"), [("rigid", 5.0, 20), ("similarity", 5.0, 20), ("affine", 6.0, 20), ("affine", 9.0, 8)]
)
def test_the_worst_error_is_small_and_covered_as_often_as_said(kind: str, largest_um: float, n: int) -> None:
    rng = np.random.default_rng(7)
    worst, stated = [], []
    for _ in range(300):
        landmarks, corners = noisy(rng, n)
        fit = fit_landmarks(landmarks, kind, source_scale=0.5)  # type: ignore[arg-type]
        worst.append(np.hypot(*(np.column_stack(fit.to_section(*corners.T)) - CORNERS).T).max())
        stated.append(bound_um(fit, *corners.T))
    assert np.median(worst) < largest_um
    # 95 % of 300, three standard errors wide.
    assert 0.91 < np.mean(np.array(worst) <= np.array(stated)) < 0.99


def test_the_bound_of_a_plate_holds_at_least_as_often_as_said() -> None:
    rng = np.random.default_rng(8)
    within = np.array([[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]])
    section = np.vstack([CORNERS, within @ CORNERS])
    held = []
    for _ in range(60):
        landmarks, corners = noisy(rng)
        fit = fit_landmarks(landmarks, "thin_plate")
        source = np.vstack([corners, within @ corners])
        worst = np.hypot(*(np.column_stack(fit.to_section(*source.T)) - section).T).max()
        held.append(worst <= bound_um(fit, *source.T))
    assert np.mean(held) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 60)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("kind", ["rigid", "similarity", "affine"])
def test_draws_spread_as_regression_says(kind: str, mirrored: bool) -> None:
    landmarks, corners = noisy(np.random.default_rng(5), 12, mirrored=mirrored)
    fit = fit_landmarks(landmarks, kind, source_scale=0.5, mirrored=mirrored)  # type: ignore[arg-type]
    at = corners[:1]
    free = {"rigid": 21, "similarity": 20, "affine": 18}[kind]
    noise2 = np.sum(fit.residual_um**2) / free * free / (free - 2)  # of the t distribution
    centred = landmarks[:, :2] - landmarks[:, :2].mean(axis=0)
    off = (at - landmarks[:, :2].mean(axis=0))[0]
    reach = off @ np.linalg.inv(centred.T @ centred) @ off if kind == "affine" else off @ off / np.sum(centred**2)
    drawn = np.array([one.to_section(*at.T) for one in draw_alignments(fit, 6000, np.random.default_rng(1))])[..., 0]
    covariance = np.cov((drawn - np.array(fit.to_section(*at.T)).T).T)
    if kind == "rigid":  # an error of the angle moves a place across its way from the centre, not along it
        across = np.array([[0, -1], [1, 0]]) @ (fit.matrix[:2, :2] @ off) / np.sqrt(0.25 * np.sum(centred**2))
        wanted = noise2 * (np.eye(2) / 12 + np.outer(across, across))
    else:
        wanted = noise2 * (1 / 12 + reach) * np.eye(2)
    np.testing.assert_allclose(covariance, wanted, atol=0.08 * np.trace(wanted) / 2)
    assert all(np.sign(np.linalg.det(one.matrix)) == (-1 if mirrored else 1) for one in draw_alignments(
        fit, 5, np.random.default_rng(1)))  # fmt: skip


def test_drawn_rigid_alignments_stay_rigid() -> None:
    fit = fit_landmarks(noisy(np.random.default_rng(6))[0], "rigid", source_scale=0.5)
    for one in draw_alignments(fit, 20, np.random.default_rng(0)):
        np.testing.assert_allclose(one.matrix[:2, :2].T @ one.matrix[:2, :2], 0.25 * np.eye(2), atol=1e-12)


def test_drawn_plates_spread_as_their_places_are_unsure() -> None:
    rng = np.random.default_rng(9)
    landmarks = noisy(rng, 25)[0]
    landmarks[:, 2] += 60 * np.sin(landmarks[:, 1] / 1500)
    fit = fit_landmarks(landmarks, "thin_plate")
    assert fit.warp is not None
    at = landmarks[:4, :2]
    off = displacements_um(fit, *at.T, 4000, np.random.default_rng(1))
    drawn = np.array([one.to_section(*at.T) for one in draw_alignments(fit, 400, np.random.default_rng(2))])
    spread = np.sqrt(np.mean(np.sum((drawn - np.array(fit.to_section(*at.T))) ** 2, axis=1), axis=0))
    np.testing.assert_allclose(spread, np.sqrt(np.mean(np.abs(off) ** 2, axis=0)), rtol=0.25)


def test_a_stated_error_shifts_what_has_no_landmarks() -> None:
    stated = replace(from_matrix(np.eye(3)), extra_error_um=30.0)
    shifts = np.array([one.matrix[:2, 2] for one in draw_alignments(stated, 4000, np.random.default_rng(0))])
    assert np.sqrt(np.mean(np.sum(shifts**2, axis=1))) == pytest.approx(30, rel=0.05)
    # The length of such a shift is Rayleigh: 95 % lie below sqrt(-ln 0.05) of its root mean square.
    assert bound_um(stated, *CORNERS.T) == pytest.approx(30 * np.sqrt(-np.log(0.05)), rel=0.03)


def test_a_stated_error_is_added_to_that_of_landmarks() -> None:
    landmarks, corners = noisy(np.random.default_rng(2))
    alone = fit_landmarks(landmarks, "similarity")
    with_more = replace(alone, extra_error_um=40.0)
    assert bound_um(with_more, *corners.T) > bound_um(alone, *corners.T)
    assert bound_um(with_more, *corners.T) == pytest.approx(40 * np.sqrt(-np.log(0.05)), rel=0.1)
    bent = replace(fit_landmarks(landmarks, "thin_plate"), extra_error_um=40.0)
    shifts = [np.array(one.to_section(*corners[:1].T))[:, 0] for one in draw_alignments(
        bent, 300, np.random.default_rng(0))]  # fmt: skip
    assert np.sqrt(np.sum(np.var(shifts, axis=0))) > 36


def test_of_an_unknown_error_nothing_is_said_and_nothing_is_drawn() -> None:
    given = from_matrix(np.diag([2, 2, 1]))
    assert np.isnan(bound_um(given, *CORNERS.T))
    assert all(np.array_equal(one.matrix, given.matrix) for one in draw_alignments(given, 3, np.random.default_rng(0)))
    two = replace(fit_landmarks(np.array([[0, 0, 10, 20], [0, 2, 6, 20.0]]), "similarity"), extra_error_um=5.0)
    assert np.isnan(bound_um(two, *CORNERS.T))


def test_the_same_seed_draws_the_same() -> None:
    fit = fit_landmarks(noisy(np.random.default_rng(4))[0], "thin_plate")
    first, second = (draw_alignments(fit, 3, np.random.default_rng(5)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert np.array(one.to_section(*CORNERS.T)).tobytes() == np.array(other.to_section(*CORNERS.T)).tobytes()
