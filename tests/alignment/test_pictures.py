"""Pictures that are laid over each other: known values of mutual information, places, tiles."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.alignment.pictures import Picture, checkerboard, mutual_information
from napari_metime.errors import AlignmentError

EVERYWHERE = np.ones((40, 60), dtype=bool)


def test_information_of_a_picture_about_itself_is_its_entropy() -> None:
    image = np.tile([0.0, 1.0, 2.0, 3.0], 600).reshape(40, 60)
    assert mutual_information(image, image, EVERYWHERE) == pytest.approx(2.0)
    assert mutual_information(image, -(image**3), EVERYWHERE) == pytest.approx(2.0)


def test_independent_pictures_tell_nothing_about_each_other() -> None:
    rows, cols = np.indices((40, 60))
    assert mutual_information(rows % 2.0, cols % 2.0, EVERYWHERE) == pytest.approx(0.0, abs=1e-12)


def test_unknown_pixels_do_not_count() -> None:
    image = np.tile([0.0, 1.0], 1200).reshape(40, 60)
    other = image.copy()
    other[:, :30] = np.nan
    assert mutual_information(image, other, EVERYWHERE) == pytest.approx(1.0)
    assert mutual_information(image, np.full_like(image, np.nan), EVERYWHERE) == 0.0


def test_a_plane_is_read_exactly_between_its_pixels() -> None:
    plane = Picture(np.empty((5, 7)), (10.0, 20.0), (-5.0, 100.0))
    x_um, y_um = plane.places()
    plane = Picture(3 * x_um - 2 * y_um, plane.spacing_um, plane.origin_um)
    assert plane.at(np.array([133.0]), np.array([12.5]))[0] == pytest.approx(3 * 133 - 2 * 12.5)
    assert np.isnan(plane.at(np.array([99.0]), np.array([0.0]))[0])


def test_averaged_blocks_keep_their_places() -> None:
    plane = Picture(np.empty((6, 8)), (10.0, 20.0), (-5.0, 100.0))
    x_um, y_um = plane.places()
    averaged = Picture(3 * x_um - 2 * y_um, plane.spacing_um, plane.origin_um).averaged(2)
    x_um, y_um = averaged.places()
    assert averaged.image.shape == (3, 4)
    np.testing.assert_allclose(averaged.image, 3 * x_um - 2 * y_um)


def test_smoothing_keeps_a_constant_beside_what_is_unknown() -> None:
    image = np.full((20, 20), 7.0)
    image[:, :5] = np.nan
    smooth = Picture(image, (1.0, 1.0)).smoothed(2.0).image
    np.testing.assert_allclose(smooth[:, 5:], 7.0)
    assert np.isnan(smooth[:, :5]).all()


def test_checkerboard_shows_both_pictures_in_turn() -> None:
    rows, cols = np.indices((8, 8))
    board = checkerboard(np.where(rows < 4, 10.0, 20.0), np.where(cols < 4, 5.0, 1.0), 4)
    assert board[0, 0] == 0.0  # the first picture, low
    assert board[0, 2] == 1.0  # the second, high
    assert board[6, 6] == 1.0  # the first, high
    assert board[0, 6] == 0.0  # the second, low


def test_checkerboard_of_different_shapes_is_refused() -> None:
    with pytest.raises(AlignmentError, match="one shape"):
        checkerboard(np.zeros((2, 3)), np.zeros((3, 2)))
