"""Thin plates: they meet exact landmarks, agree with another implementation, and say where they fold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from napari_metime.alignment import fit_landmarks
from napari_metime.alignment.uncertainty import plate_of
from napari_metime.errors import AlignmentError

SIZE_UM = np.array([4000.0, 3000.0])
CLOSE = np.array(
    [
        [5245.56, 1649.2, 2471.55, 588.64], [2987.53, 1196.76, 1364.7, 249.27], [5433.41, 5275.51, 2290.22, 2393.72],
        [1554.86, 3646.37, 498.67, 1393.27], [2193.96, 3455.59, 833.11, 1335.19], [3787.31, 1373.82, 1754.89, 371.39],
    ]
)  # fmt: skip


def bent(at: NDArray[np.float64]) -> NDArray[np.float64]:
    return at + 60 * np.column_stack([np.sin(at[:, 1] / 900), np.cos(at[:, 0] / 800)])


def landmarks(n: int, *, noise_um: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    target = rng.uniform(0, SIZE_UM, (n, 2))
    source = 2 * bent(target)[:, ::-1] + [100, -50]  # the source is half as large, turned over and bent
    return np.column_stack([source, target + rng.normal(0, noise_um, (n, 2))])


def test_landmarks_without_noise_are_met() -> None:
    exact = landmarks(40)
    fit = fit_landmarks(exact, "thin_plate")
    assert fit.residual_um.max() < 0.01
    assert fit.rmse_um < 1e-3 * fit_landmarks(exact, "affine").rmse_um


@pytest.mark.parametrize("noise_um", [0.0, 4.0])
def test_another_implementation_gives_the_same_places(noise_um: float) -> None:
    fit = fit_landmarks(landmarks(30, noise_um=noise_um), "thin_plate")
    plate = plate_of(fit)
    places = np.column_stack(_affine(fit.matrix, *fit.landmarks[:, :2].T))
    other = RBFInterpolator(
        places, fit.landmarks[:, 2:], kernel="thin_plate_spline", smoothing=plate.warp.smoothing_um2
    )
    new = np.random.default_rng(1).uniform(0, 6000, (500, 2))
    found = np.column_stack(fit.to_section(*new.T))
    np.testing.assert_allclose(found, other(np.column_stack(_affine(fit.matrix, *new.T))), atol=1e-3)


@pytest.mark.parametrize("is_close", [False, True], ids=["noisy", "close to its landmarks"])
def test_the_leave_one_out_error_is_that_of_fitting_again(is_close: bool) -> None:
    # Of the second, every leverage is below 1e-9, as the ratio of bend to noise is large.
    fit = fit_landmarks(CLOSE if is_close else landmarks(15, noise_um=4), "thin_plate")
    smoothing = plate_of(fit).warp.smoothing_um2
    assert np.isfinite(smoothing)
    places = np.column_stack(_affine(fit.matrix, *fit.landmarks[:, :2].T))
    for i in range(fit.n_landmarks):
        rest = np.arange(fit.n_landmarks) != i
        other = RBFInterpolator(
            places[rest], fit.landmarks[rest, 2:], kernel="thin_plate_spline", smoothing=smoothing
        )
        missed = np.hypot(*(other(places[i : i + 1])[0] - fit.landmarks[i, 2:]))
        assert fit.leave_one_out_um[i] == pytest.approx(missed, rel=1e-4)
    assert np.isfinite(fit.target_error_um)


def test_landmarks_that_only_scatter_do_not_bend_the_plate() -> None:
    rng = np.random.default_rng(3)
    n_affine = 0
    for _ in range(30):
        source = rng.uniform(0, SIZE_UM, (20, 2))
        flat = np.column_stack([source, 0.5 * source + rng.normal(0, 4, (20, 2))])
        plate, affine = fit_landmarks(flat, "thin_plate"), fit_landmarks(flat, "affine")
        if plate.warp is None:
            n_affine += 1
            np.testing.assert_allclose(plate.leave_one_out_um, affine.leave_one_out_um, rtol=1e-6)
            np.testing.assert_array_equal(plate.matrix, affine.matrix)
    assert n_affine >= 15  # a variance that is 0 is estimated as 0 in some half of the cases


def test_a_bent_section_is_followed_better_than_by_affine() -> None:
    noisy = landmarks(30, noise_um=4)
    x, y = (axis.ravel() for axis in np.meshgrid(*(np.linspace(0, side, 21) for side in SIZE_UM)))
    truth = np.column_stack([x, y])
    source = 2 * bent(truth)[:, ::-1] + [100, -50]
    off_um = {
        kind: np.hypot(*(np.column_stack(fit_landmarks(noisy, kind).to_section(*source.T)) - truth).T)  # type: ignore[arg-type]
        for kind in ("affine", "thin_plate")
    }
    assert np.median(off_um["thin_plate"]) < 0.4 * np.median(off_um["affine"])


def test_it_is_undone_and_its_area_is_that_of_small_squares() -> None:
    fit = fit_landmarks(landmarks(30, noise_um=4), "thin_plate")
    x, y = np.random.default_rng(2).uniform(500, 5000, (2, 300))
    np.testing.assert_allclose(fit.to_source(*fit.to_section(x, y)), (x, y), atol=1e-4)
    side = 2.0
    corners = [fit.to_section(x + dx, y + dy) for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    xs, ys = (np.array(axis) for axis in zip(*corners, strict=True))
    area = 0.5 * np.abs(np.sum(xs * np.roll(ys, -1, axis=0) - np.roll(xs, -1, axis=0) * ys, axis=0))
    np.testing.assert_allclose(fit.area_scale(x, y), area / side**2, rtol=1e-4)


def test_places_are_mapped_alike_one_by_one_and_many_at_once() -> None:
    fit = fit_landmarks(landmarks(12), "thin_plate")
    x, y = np.random.default_rng(4).uniform(0, 5000, (2, 70_000))
    together = np.array(fit.to_section(x, y))
    for i in (0, 32_767, 32_768, 69_999):
        assert np.array(fit.to_section(x[i : i + 1], y[i : i + 1]))[:, 0].tobytes() == together[:, i].tobytes()


def test_a_plate_that_folds_is_refused() -> None:
    grid = np.array([[i, j] for i in range(9) for j in range(9)], dtype=float) * 400
    for height_um, folds in ((400.0, False), (800.0, True)):  # the slope is 1 + height / 500 cos(x / 500)
        waves = np.column_stack([grid, grid + height_um * np.sin(grid / 500)])
        if folds:
            with pytest.raises(AlignmentError, match="folds the section; check the landmarks"):
                fit_landmarks(waves, "thin_plate")
        else:
            assert fit_landmarks(waves, "thin_plate").warp is not None


def test_four_landmarks_cannot_tell_a_bend_from_noise() -> None:
    square = np.array([[0.0, 0], [1000, 0], [1000, 600], [0, 600]])
    marks = np.column_stack([square, square])
    marks[3, 2] += 30
    plate, affine = fit_landmarks(marks, "thin_plate"), fit_landmarks(marks, "affine")
    assert plate.warp is None
    assert plate.target_error_um == pytest.approx(30)
    np.testing.assert_allclose(plate.residual_um, affine.residual_um)
    with pytest.raises(AlignmentError, match="at least 4 landmarks for thin_plate, found 3; add 1 more"):
        fit_landmarks(marks[:3], "thin_plate")
    with pytest.raises(AlignmentError, match="not on one line for thin_plate"):
        fit_landmarks(np.column_stack([np.arange(5.0)] * 4), "thin_plate")


def test_one_landmark_off_a_line_cannot_be_left_out() -> None:
    line = np.array([[0.0, 0], [1, 1], [2, 2], [3, 3], [0, 5]])
    left_out = fit_landmarks(np.column_stack([line, line]), "thin_plate").leave_one_out_um
    assert np.isnan(left_out).tolist() == [False] * 4 + [True]


def _affine(
    matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2], matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2])
