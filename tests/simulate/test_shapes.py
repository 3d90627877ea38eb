"""Every shape has the area that it should, and its margin is a distance."""

import numpy as np
import pytest
import shapely
from scipy import ndimage

from napari_metime.simulate.shapes import Blob, draw_shape

SHAPES = ("disc", "ellipse", "ragged", "banana")
RADIUS_UM = 150.0


@pytest.fixture(params=SHAPES)
def shape(request):
    return draw_shape(request.param, RADIUS_UM, np.random.default_rng(11))


def lattice(step_um, half_um=420.0):
    axis = np.arange(-half_um, half_um, step_um) + 0.37
    return np.meshgrid(axis, axis)


def polygon(shape):
    return shapely.Polygon(shape.corners_um(4096))


def test_it_has_the_area_of_the_disc(shape):
    x, y = lattice(1.0)
    assert shape.within(x, y, 0.0).sum() == pytest.approx(np.pi * RADIUS_UM**2, rel=2e-3)
    assert polygon(shape).area == pytest.approx(np.pi * RADIUS_UM**2, rel=1e-4)


def test_its_corners_are_its_outline(shape):
    x, y = np.random.default_rng(1).uniform(-300, 300, (2, 20_000))
    by_corners = shapely.contains_xy(polygon(shape), x, y)
    assert (by_corners != shape.within(x, y, 0.0)).sum() <= 4  # between a side of the polygon and the curve
    assert polygon(shape).is_valid


def test_its_margin_is_the_distance_to_it(shape):
    x, y = lattice(2.0)
    distance = ndimage.distance_transform_edt(~shape.within(x, y, 0.0)) * 2.0
    around = shape.within(x, y, 60.0)
    assert around[distance <= 57].all()
    assert not around[distance >= 64].any()
    # The area within d of a convex shape is A + P d + pi d² (Steiner): of a bent one less.
    steiner = np.pi * RADIUS_UM**2 + polygon(shape).length * 60 + np.pi * 60**2
    convex = polygon(shape).area / polygon(shape).convex_hull.area > 0.999
    assert around.sum() * 4.0 == pytest.approx(steiner, rel=5e-3) if convex else around.sum() * 4.0 < steiner


def test_its_cover_covers_it_and_little_more(shape):
    x, y = lattice(3.0)
    points, radius = shape.cover_um()
    covered = shapely.contains_xy(shapely.union_all([shapely.Point(p).buffer(radius, 32) for p in points]), x, y)
    assert covered[shape.within(x, y, 0.0)].mean() > 0.999
    assert not covered[~shape.within(x, y, 30.0)].any()


def test_an_ellipse_is_twice_as_long_as_wide_and_turned():
    first, second = (draw_shape("ellipse", RADIUS_UM, np.random.default_rng(seed)) for seed in (1, 2))
    long = RADIUS_UM * np.sqrt(2)
    for ellipse in (first, second):
        assert isinstance(ellipse, Blob)
        along = np.array([np.cos(ellipse.turn_rad), np.sin(ellipse.turn_rad)])
        tips = np.outer([long - 0.1, long + 0.1, long + 59.9, long + 60.1], along).T
        assert ellipse.within(*tips, 0.0).tolist() == [True, False, False, False]
        assert ellipse.within(*tips, 60.0).tolist() == [True, True, True, False]
        across = np.outer([long / 2 - 0.1, long / 2 + 0.1], [-along[1], along[0]]).T
        assert ellipse.within(*across, 0.0).tolist() == [True, False]
    assert first.turn_rad != second.turn_rad


@pytest.mark.parametrize(
    ("name", "least", "most"), [("disc", 0.999, 1.001), ("ellipse", 0.999, 1.001), ("ragged", 0.7, 0.93)]
)
def test_what_is_ragged_is_clearly_ragged(name, least, most):
    for seed in range(20):
        area = polygon(draw_shape(name, RADIUS_UM, np.random.default_rng(seed)))
        assert least <= area.area / area.convex_hull.area <= most


def test_a_banana_is_a_band_of_its_radius_bent_by_135_degrees():
    area = polygon(draw_shape("banana", RADIUS_UM, np.random.default_rng(3)))
    assert area.length == pytest.approx(2 * np.pi * 0.75 * RADIUS_UM + np.pi * RADIUS_UM, rel=1e-4)
    assert area.area / area.convex_hull.area < 0.85
    # Nowhere wider than its radius: what lies deeper than half of that is nothing.
    assert area.buffer(-0.5 * RADIUS_UM + 0.5).area > 0
    assert area.buffer(-0.5 * RADIUS_UM - 0.5).is_empty
