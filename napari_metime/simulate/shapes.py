"""Shapes in µm: outlines of tissue and bed, and what a niche can look like. All niches of one radius have one area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_metime.simulate.plan import NicheShape

Points = NDArray[np.float64]

ELLIPSE_RATIO = 2.0
"""Long over short axis of an elliptic niche."""
RAGGEDNESS = (0.10, 0.14, 0.12, 0.10, 0.07, 0.05)
"""Fourier amplitudes of order 2, 3, ... of a ragged niche's outline, relative to its mean radius."""
BANANA_HALF_WIDTH, BANANA_BEND_RADIUS = 0.5, 1.0
"""Half the width of a banana and the radius of its bend, in radii of the disc of its area: it bends by 135 degrees."""
COVER_POINTS = 41
"""Points a side, or along an arc, of the discs that cover a niche for placing it."""
FINE_CORNERS = 4096
"""Corners of an outline to which distances are taken: 0.6 µm apart on a niche of 300 µm."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A closed outline around a centre: an ellipse whose radius is 1 + a low-order Fourier series.

    Parameters
    ----------
    centre_um, semi_axes_um : (x, y) in section µm
    amplitude, phase : ndarray of shape (n_orders,), for order 2, 3, ...
    """

    centre_um: tuple[float, float]
    semi_axes_um: tuple[float, float]
    amplitude: NDArray[np.float64]
    phase: NDArray[np.float64]

    def radius(self, u: Points, v: Points) -> Points:
        """Return the radius, in semi-axes, in the direction (u, v)."""
        # Re(a e^(i phase) z^k) = a cos(k angle + phase) for z on the unit circle: no cosine per point and order.
        direction = (u + 1j * v) / np.maximum(np.hypot(u, v), 1e-12)
        coefficients = np.concatenate([[1, 0], self.amplitude * np.exp(1j * self.phase)])
        return np.asarray(np.polynomial.polynomial.polyval(direction, coefficients).real)

    def contains(self, x_um: Points, y_um: Points, *, shrunk: float = 1.0) -> NDArray[np.bool_]:
        """Return which points lie inside the outline, scaled about its centre by ``shrunk``."""
        u = (x_um - self.centre_um[0]) / self.semi_axes_um[0]
        v = (y_um - self.centre_um[1]) / self.semi_axes_um[1]
        return np.asarray(np.hypot(u, v) < shrunk * self.radius(u, v))


class Shape(Protocol):
    """The shape of a niche about the origin, in µm."""

    def within(self, x_um: Points, y_um: Points, margin_um: float) -> NDArray[np.bool_]:
        """Return which points lie in the shape or within ``margin_um`` of it."""

    def corners_um(self, n: int) -> Points:
        """Return points of the outline in order, shape (n, 2), (x, y)."""

    def cover_um(self) -> tuple[Points, float]:
        """Return centres, shape (n, 2), and the radius of discs that together cover the shape."""


@dataclass(frozen=True, slots=True)
class Disc:
    """The plain niche."""

    radius_um: float

    def within(self, x_um: Points, y_um: Points, margin_um: float) -> NDArray[np.bool_]:
        """Return which points lie in the disc or within ``margin_um`` of it."""
        return np.asarray(np.hypot(x_um, y_um) <= self.radius_um + margin_um)

    def corners_um(self, n: int) -> Points:
        """Return points of the outline in order, shape (n, 2), (x, y)."""
        return self.radius_um * _turn(n)

    def cover_um(self) -> tuple[Points, float]:
        """Return its centre, shape (1, 2), and its radius."""
        return np.zeros((1, 2)), self.radius_um


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """An outline about the origin, turned: exact inside; distances are taken to ``FINE_CORNERS`` corners."""

    outline: Outline
    turn_rad: float = 0.0

    def within(self, x_um: Points, y_um: Points, margin_um: float) -> NDArray[np.bool_]:
        """Return which points lie in the shape or within ``margin_um`` of it."""
        within = self.outline.contains(*_turned(x_um, y_um, -self.turn_rad))
        if margin_um > 0:
            corners = self.corners_um(FINE_CORNERS)
            asked = ~within & (np.hypot(x_um, y_um) <= np.hypot(*corners.T).max() + margin_um)
            near, _ = KDTree(corners).query(np.column_stack([x_um[asked], y_um[asked]]))
            within[asked] = near <= margin_um
        return within

    def corners_um(self, n: int) -> Points:
        """Return points of the outline in order, shape (n, 2), (x, y)."""
        u, v = _turn(n).T
        radius = self.outline.radius(u, v)
        a, b = self.outline.semi_axes_um
        return np.column_stack(_turned(a * radius * u, b * radius * v, self.turn_rad))

    def cover_um(self) -> tuple[Points, float]:
        """Return centres on a square lattice, shape (n, 2), and the radius of discs that together cover the shape."""
        reach = float(np.hypot(*self.corners_um(FINE_CORNERS).T).max())
        axis, step = np.linspace(-1.1 * reach, 1.1 * reach, COVER_POINTS, retstep=True)
        x, y = (lattice.ravel() for lattice in np.meshgrid(axis, axis))
        half_diagonal = float(step) / 2**0.5
        used = self.within(x, y, half_diagonal)
        return np.column_stack([x[used], y[used]]), half_diagonal


@dataclass(frozen=True, slots=True)
class Banana:
    """A band about an arc, of constant width, with round ends."""

    radius_um: float
    turn_rad: float

    @property
    def _arc(self) -> tuple[float, float, float, float]:
        """Half width and radius of the bend (µm), half its angle, and how far its centre is from the origin (µm)."""
        half_width, bend = BANANA_HALF_WIDTH, BANANA_BEND_RADIUS
        # Area of the band: 2 w bend angle + pi w² = pi, in radii of the disc.
        half_angle = np.pi * (1 - half_width**2) / (4 * half_width * bend)
        centroid = bend * np.sin(half_angle) / half_angle
        return half_width * self.radius_um, bend * self.radius_um, half_angle, centroid * self.radius_um

    def within(self, x_um: Points, y_um: Points, margin_um: float) -> NDArray[np.bool_]:
        """Return which points lie in the band or within ``margin_um`` of it."""
        half_width, bend, half_angle, offset = self._arc
        x, y = _turned(x_um, y_um, -self.turn_rad)
        x, y = x + offset, np.abs(y)
        beside = np.abs(np.hypot(x, y) - bend)
        beyond = np.hypot(x - bend * np.cos(half_angle), y - bend * np.sin(half_angle))
        distance = np.where(np.arctan2(y, x) <= half_angle, beside, beyond)
        return np.asarray(distance <= half_width + margin_um)

    def corners_um(self, n: int) -> Points:
        """Return points of the outline in order, shape (n, 2), (x, y)."""
        half_width, bend, half_angle, offset = self._arc
        outer, inner = (bend + half_width) * half_angle, (bend - half_width) * half_angle
        # Along half the outline: the outer side from its middle, the round end, the inner side to its middle.
        lengths = np.cumsum([0, outer, np.pi * half_width, inner])
        along = np.linspace(0, 2 * lengths[-1], n, endpoint=False)
        side = np.where(along <= lengths[-1], 1.0, -1.0)
        along = np.minimum(along, 2 * lengths[-1] - along)
        angle = np.interp(along, lengths, [0, half_angle, half_angle, 0])
        end = half_angle + np.interp(along, lengths, [0, 0, np.pi, np.pi])
        # On a side, the end's circle rides along the arc: its outermost or innermost point draws the outline.
        end = np.where(along < lengths[1], angle, np.where(along > lengths[2], angle + np.pi, end))
        x = bend * np.cos(angle) + half_width * np.cos(end) - offset
        y = side * (bend * np.sin(angle) + half_width * np.sin(end))
        return np.column_stack(_turned(x, y, self.turn_rad))

    def cover_um(self) -> tuple[Points, float]:
        """Return centres on the arc, shape (n, 2), and the radius of discs that together cover the band."""
        half_width, bend, half_angle, offset = self._arc
        angle, step = np.linspace(-half_angle, half_angle, COVER_POINTS, retstep=True)
        arc = _turned(bend * np.cos(angle) - offset, bend * np.sin(angle), self.turn_rad)
        return np.column_stack(arc), half_width + bend * float(step) / 2


def draw_shape(name: NicheShape, radius_um: float, rng: np.random.Generator) -> Shape:
    """Draw a shape with the area of the disc of ``radius_um``: its turn and, if ragged, its lobes are random."""
    if name == "disc":
        return Disc(radius_um)
    turn = float(rng.uniform(0, 2 * np.pi))
    if name == "banana":
        return Banana(radius_um, turn)
    if name == "ellipse":
        long = radius_um * ELLIPSE_RATIO**0.5
        return Blob(Outline((0.0, 0.0), (long, long / ELLIPSE_RATIO), np.zeros(0), np.zeros(0)), turn)
    amplitude = np.array(RAGGEDNESS)
    # Area of an outline: pi a b (1 + sum of squared amplitudes / 2).
    mean_um = radius_um / float(np.sqrt(1 + np.sum(amplitude**2) / 2))
    return Blob(Outline((0.0, 0.0), (mean_um, mean_um), amplitude, rng.uniform(0, 2 * np.pi, amplitude.size)), turn)


def _turn(n: int) -> Points:
    angle = 2 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _turned(x: Points, y: Points, angle: float) -> tuple[Points, Points]:
    return x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
