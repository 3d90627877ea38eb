"""Fits: exact landmarks give the exact transform; the error is the error that a calculation by hand gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_metime.alignment import fit_landmarks, from_matrix, from_scale
from napari_metime.errors import AlignmentError

SQUARE = np.array([[0.0, 0.0], [1000.0, 0.0], [1000.0, 600.0], [0.0, 600.0]])
angles = st.floats(-np.pi, np.pi)
scales = st.floats(0.05, 20)
shifts = st.floats(-1e5, 1e5)


def similarity(angle: float, scale: float, dx: float, dy: float) -> NDArray[np.float64]:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, dx], [s, c, dy], [0, 0, 1]])


def pairs(source: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([source, source @ matrix[:2, :2].T + matrix[:2, 2]])


def off_um(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    corners = np.column_stack([SQUARE, np.ones(4)])
    return float(np.abs(corners @ (found - true).T).max())


@given(angle=angles, scale=scales, dx=shifts, dy=shifts)
def test_similarity_is_recovered_exactly(angle: float, scale: float, dx: float, dy: float) -> None:
    true = similarity(angle, scale, dx, dy)
    found = fit_landmarks(pairs(SQUARE, true), "similarity")
    assert off_um(found.matrix, true) < 1e-8
    assert found.rmse_um < 1e-8
    assert found.target_error_um < 1e-8


@given(angle=angles, scale=scales, dx=shifts, dy=shifts)
def test_rigid_with_the_pixel_size_is_recovered_exactly(angle: float, scale: float, dx: float, dy: float) -> None:
    true = similarity(angle, scale, dx, dy)
    assert off_um(fit_landmarks(pairs(SQUARE, true), "rigid", source_scale=scale).matrix, true) < 1e-8


@given(angle=angles, scale=scales, shear=st.floats(-1, 1), stretch=st.floats(0.3, 3), mirror=st.booleans(), dx=shifts)
def test_affine_is_recovered_exactly(
    angle: float, scale: float, shear: float, stretch: float, mirror: bool, dx: float
) -> None:
    true = similarity(angle, scale, dx, 7) @ np.array(
        [[1, shear, 0], [0, -stretch if mirror else stretch, 0], [0, 0, 1]]
    )
    found = fit_landmarks(pairs(SQUARE, true), "affine")
    assert off_um(found.matrix, true) < 1e-8
    assert found.target_error_um < 1e-7


def test_two_points_fix_a_similarity_without_an_error_estimate() -> None:
    found = fit_landmarks(np.array([[0, 0, 10, 20], [0, 2, 6, 20.0]]), "similarity")
    np.testing.assert_allclose(found.matrix, [[0, -2, 10], [2, 0, 20], [0, 0, 1]], atol=1e-12)
    assert np.isnan(found.target_error_um)
    assert found.n_landmarks == 2


def test_rigid_does_not_scale() -> None:
    found = fit_landmarks(pairs(SQUARE, similarity(0.3, 1.2, 5, 5)), "rigid")
    assert np.linalg.det(found.matrix) == pytest.approx(1)
    # The corners are sqrt(500^2 + 300^2) from the centre and a fifth of that remains.
    np.testing.assert_allclose(found.residual_um, 0.2 * np.hypot(500, 300))
    assert found.rmse_um == pytest.approx(0.2 * np.hypot(500, 300))


def test_residuals_are_those_of_the_matrix_on_the_raw_source() -> None:
    rng = np.random.default_rng(1)
    landmarks = pairs(rng.uniform(0, 1e4, (8, 2)), similarity(1, 0.5, 3, 4))
    landmarks[:, 2:] += rng.normal(0, 4, (8, 2))
    for kind in ("rigid", "similarity", "affine"):
        found = fit_landmarks(landmarks, kind, source_scale=0.5)  # type: ignore[arg-type]
        x, y = found.to_section(landmarks[:, 0], landmarks[:, 1])
        residual = np.hypot(x - landmarks[:, 2], y - landmarks[:, 3])
        np.testing.assert_allclose(found.residual_um, residual, rtol=1e-9)
        assert found.rmse_um == pytest.approx(np.sqrt(np.mean(residual**2)))


@pytest.mark.parametrize("kind", ["rigid", "similarity", "affine"])
def test_no_transform_of_its_kind_fits_better(kind: str) -> None:
    rng = np.random.default_rng(2)
    landmarks = pairs(rng.uniform(0, 1e3, (6, 2)), similarity(2, 1, 3, 4))
    landmarks[:, 2:] += rng.normal(0, 20, (6, 2))
    found = fit_landmarks(landmarks, kind)  # type: ignore[arg-type]
    for _ in range(50):
        nearby = similarity(
            rng.normal(0, 1e-3), 1 if kind == "rigid" else 1 + rng.normal(0, 1e-3), *rng.normal(0, 1, 2)
        )
        moved = np.column_stack([landmarks[:, :2], np.ones(6)]) @ (nearby @ found.matrix)[:2].T
        assert np.sqrt(np.mean(np.sum((moved - landmarks[:, 2:]) ** 2, axis=1))) >= found.rmse_um


def test_left_out_outlier_is_off_by_what_was_planted() -> None:
    # Three exact points fix the affine; the fourth is then off by exactly 30 µm, while each of the
    # others, left out, is predicted by the tilted rest: on a rectangle also by 30 µm.
    landmarks = pairs(SQUARE, similarity(0.4, 1.3, 9, 9))
    landmarks[3, 2] += 30
    found = fit_landmarks(landmarks, "affine")
    assert found.target_error_um == pytest.approx(30)
    np.testing.assert_allclose(found.residual_um, 7.5)


def test_leave_one_out_error_foretells_the_error_on_new_points() -> None:
    rng = np.random.default_rng(3)
    foretold, true = [], []
    for _ in range(40):
        matrix = similarity(rng.uniform(-3, 3), 0.5, 100, 200)
        landmarks = pairs(rng.uniform(0, 1e4, (20, 2)), matrix)
        landmarks[:, 2:] += rng.normal(0, 4, (20, 2))
        found = fit_landmarks(landmarks, "similarity")
        new = pairs(rng.uniform(0, 1e4, (200, 2)), matrix)
        x, y = found.to_section(new[:, 0], new[:, 1])
        noise = rng.normal(0, 4, (200, 2))
        true.append(np.mean((x - new[:, 2] + noise[:, 0]) ** 2 + (y - new[:, 3] + noise[:, 1]) ** 2))
        foretold.append(found.target_error_um**2)
    assert np.sqrt(np.mean(foretold)) == pytest.approx(np.sqrt(np.mean(true)), rel=0.05)


def test_error_cannot_be_had_where_the_others_are_too_few_or_on_a_line() -> None:
    matrix = similarity(0.1, 2, 0, 0)
    assert np.isnan(fit_landmarks(pairs(SQUARE[:3], matrix), "affine").target_error_um)
    on_a_line = np.array([[0, 0], [1, 1], [2, 2], [0, 5.0]])
    assert np.isnan(fit_landmarks(pairs(on_a_line, matrix), "affine").target_error_um)


def test_same_landmarks_give_the_same_bits() -> None:
    landmarks = pairs(np.random.default_rng(4).normal(size=(9, 2)), similarity(1, 2, 3, 4))
    for kind in ("rigid", "similarity", "affine"):
        first, second = (fit_landmarks(landmarks, kind) for _ in range(2))  # type: ignore[arg-type]
        assert first.matrix.tobytes() == second.matrix.tobytes()
        assert first.target_error_um == second.target_error_um


@given(angle=angles, scale=scales)
def test_mirrored_landmarks_are_refused_but_for_affine(angle: float, scale: float) -> None:
    mirrored = pairs(SQUARE, similarity(angle, scale, 5, 5) @ np.diag([1, -1, 1.0]))
    for kind in ("rigid", "similarity"):
        with pytest.raises(AlignmentError, match=r"mirrored ones .* set align.mirrored: true, use transform: affine"):
            fit_landmarks(mirrored, kind, source_scale=scale)  # type: ignore[arg-type]
    assert fit_landmarks(mirrored, "affine").rmse_um < 1e-8


def test_honest_landmarks_are_never_called_mirrored() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        n = int(rng.integers(3, 8))
        landmarks = pairs(rng.uniform(0, 5e3, (n, 2)), similarity(rng.uniform(-3, 3), 1, 0, 0))
        landmarks[:, 2:] += rng.normal(0, 10, (n, 2))
        assert fit_landmarks(landmarks, "similarity").n_landmarks == n


def test_noisy_landmarks_near_a_line_are_not_called_mirrored() -> None:
    # Either side of the line fits as well as the other there, now and then the wrong one much better.
    rng = np.random.default_rng(6)
    for _ in range(300):
        landmarks = pairs(np.column_stack([rng.uniform(0, 5e3, 3), rng.normal(0, 5, 3)]), similarity(1, 1, 0, 0))
        landmarks[:, 2:] += rng.normal(0, 5, (3, 2))
        if np.ptp(landmarks[:, 0]) > 2500:
            assert fit_landmarks(landmarks, "similarity").rmse_um < 50


LINE = np.column_stack([np.arange(4.0), 3 * np.arange(4.0) + 1])


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (SQUARE[:1], "rigid", r"at least 2 landmarks for rigid, found 1; add 1 more"),
        (SQUARE[:0], "similarity", r"at least 2 landmarks for similarity, found 0; add 2 more"),
        (SQUARE[:2], "affine", r"at least 3 landmarks for affine, found 2; add 1 more"),
        (
            LINE,
            "affine",
            r"expected landmarks that are not on one line for affine, found 4 on a line; "
            r"add one away from the line or use similarity",
        ),
        (np.full((3, 2), 7.3), "similarity", r"found all 3 at one place"),
        (np.array([[0, 0], [1, np.nan]]), "similarity", r"four numbers below 1e12"),
        (np.array([[0, 0], [1, 1e300]]), "similarity", r"four numbers below 1e12"),
    ],
)
def test_landmarks_that_fix_nothing_are_refused(source: NDArray[np.float64], kind: str, message: str) -> None:
    with pytest.raises(AlignmentError, match=message):
        fit_landmarks(pairs(source, similarity(0.7, 0.5, 3, 4)), kind)  # type: ignore[arg-type]


def test_landmarks_on_a_line_still_fix_a_similarity() -> None:
    true = similarity(0.7, 0.5, 3, 4)
    assert off_um(fit_landmarks(pairs(LINE, true), "similarity").matrix, true) < 1e-8


@pytest.mark.parametrize("kind", ["rigid", "similarity"])
def test_landmarks_without_a_common_shape_are_refused(kind: str) -> None:
    # Opposite corners are sent to one place: every turn fits equally badly.
    targets = np.array([[0, 0], [1, 0], [0, 0], [1, 0.0]])
    with pytest.raises(AlignmentError, match="without a common shape; check their order"):
        fit_landmarks(np.column_stack([SQUARE, targets]), kind)  # type: ignore[arg-type]


def test_matrix_and_scale_map_as_they_say() -> None:
    matrix = [[0.5, 0.1, 3], [-0.1, 0.5, 4], [0, 0, 1]]
    x, y = from_matrix(matrix).to_section(np.array([2.0]), np.array([10.0]))
    np.testing.assert_allclose([x[0], y[0]], [5, 8.8])
    x, y = from_scale(0.5).to_section(np.array([2.0]), np.array([10.0]))
    assert (x[0], y[0], from_scale(0.5).kind, from_matrix(matrix).kind) == (1, 5, "none", "matrix")
    assert np.isnan(from_matrix(matrix).rmse_um)


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(2),
        np.diag([1, np.nan, 1]),
        np.ones((3, 3)),
        [[1, 1, 0], [1, 1, 0], [0, 0, 1]],
        [[1, 0, 0], [0, 1, 0], [0, 1, 1]],
    ],
)
def test_matrix_that_is_no_transform_is_refused(matrix: object) -> None:
    with pytest.raises(AlignmentError, match=r"mend align.matrix"):
        from_matrix(matrix)  # type: ignore[arg-type]


@pytest.mark.parametrize("scale_um", [0, -1, float("nan"), float("inf")])
def test_scale_that_is_not_positive_is_refused(scale_um: float) -> None:
    with pytest.raises(AlignmentError, match=r"set cells.pixel_size_um"):
        from_scale(scale_um)
