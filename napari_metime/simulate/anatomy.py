"""The anatomy of a section: tissue and tumour bed of irregular outline, planted niches, a dense nest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.errors import RecipeError
from napari_metime.simulate.plan import NicheKind, SectionPlan

Points = NDArray[np.float64]

ROUGHNESS = (0.07, 0.05, 0.04, 0.035, 0.025, 0.02, 0.015, 0.012)
"""S.d. of the outline's Fourier amplitudes of order 2, 3, ... relative to the radius."""
TISSUE_EXTENT = 0.94
"""Width and height of the tissue over those of the acquired area."""
RIM = 0.93
"""The bed ends here at the latest, in radii of the tissue: a rim of stroma always remains."""
PLACEMENT_STEP_UM = 20.0
MAX_TRIES = 200


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


@dataclass(frozen=True, slots=True)
class Niche:
    """A planted disc; its number in the label image is its place in the list, from 1."""

    x_um: float
    y_um: float
    radius_um: float
    kind: NicheKind


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Where everything lies, as exact geometry in section µm.

    Parameters
    ----------
    nest : (x_um, y_um, radius_um) of the dense tumour nest, or None
    """

    tissue_outline: Outline
    bed_outline: Outline
    niches: tuple[Niche, ...] = ()
    nest: tuple[float, float, float] | None = None

    def in_tissue(self, x_um: Points, y_um: Points) -> NDArray[np.bool_]:
        """Return which points lie on tissue."""
        return self.tissue_outline.contains(x_um, y_um)

    def in_bed(self, x_um: Points, y_um: Points) -> NDArray[np.bool_]:
        """Return which points lie in the tumour bed, a part of the tissue."""
        inside = self.bed_outline.contains(x_um, y_um)
        return inside & self.tissue_outline.contains(x_um, y_um, shrunk=RIM)

    def niche_of(self, x_um: Points, y_um: Points, *, margin_um: float = 0.0) -> NDArray[np.int32]:
        """Return the number of the niche that each point lies in, within ``margin_um`` of it; 0 outside."""
        label = np.zeros(np.shape(x_um), dtype=np.int32)
        for number, niche in enumerate(self.niches, start=1):
            label[np.hypot(x_um - niche.x_um, y_um - niche.y_um) <= niche.radius_um + margin_um] = number
        return label

    def in_nest(self, x_um: Points, y_um: Points) -> NDArray[np.bool_]:
        """Return which points lie in the dense tumour nest."""
        if self.nest is None:
            return np.zeros(np.shape(x_um), dtype=bool)
        x, y, radius_um = self.nest
        return np.asarray(np.hypot(x_um - x, y_um - y) <= radius_um)


def draw_anatomy(plan: SectionPlan, *, outline_rng: np.random.Generator, niche_rng: np.random.Generator) -> Anatomy:
    """Draw tissue and bed, then place the niches and the nest in the bed.

    Raises
    ------
    RecipeError
        The niches, with their rings, do not fit into the bed.
    """
    tissue = _fit(_random_outline(outline_rng), plan.bounds_um)
    bed = _inner_outline(tissue, plan.bed_share, outline_rng)
    anatomy = Anatomy(tissue, bed)
    reach_um = [plan.niche_radius_um + plan.ring_width_um] * plan.n_niches
    if plan.dense_nest_radius_um > 0:
        reach_um.append(plan.dense_nest_radius_um)
    centres = _place_discs(anatomy, plan.bounds_um, reach_um, niche_rng)
    kinds = plan.niche_kinds
    niches = tuple(
        Niche(x, y, plan.niche_radius_um, kinds[i % len(kinds)]) for i, (x, y) in enumerate(centres[: plan.n_niches])
    )
    nest = None
    if plan.dense_nest_radius_um > 0:
        nest = (centres[-1][0], centres[-1][1], plan.dense_nest_radius_um)
    return Anatomy(tissue, bed, niches, nest)


def _random_outline(rng: np.random.Generator) -> Outline:
    amplitude = np.array(ROUGHNESS) * np.clip(rng.standard_normal(len(ROUGHNESS)), -2, 2)
    return Outline((0.0, 0.0), (1.0, 1.0), amplitude, rng.uniform(0, 2 * np.pi, len(ROUGHNESS)))


def _fit(outline: Outline, bounds_um: tuple[float, float, float, float]) -> Outline:
    """Scale and move an outline so that it spans the same share of the acquired area in x and y."""
    angle = np.linspace(0, 2 * np.pi, 1440, endpoint=False)
    u, v = np.cos(angle), np.sin(angle)
    radius = outline.radius(u, v)
    left, top, right, bottom = bounds_um
    centre, semi = [], []
    for low, high, along in ((left, right, radius * u), (top, bottom, radius * v)):
        scale = TISSUE_EXTENT * (high - low) / float(np.ptp(along))
        centre.append((low + high) / 2 - scale * float(along.min() + along.max()) / 2)
        semi.append(scale)
    return Outline((centre[0], centre[1]), (semi[0], semi[1]), outline.amplitude, outline.phase)


def _inner_outline(tissue: Outline, share: float, rng: np.random.Generator) -> Outline:
    """An outline of its own shape about the same centre, with ``share`` of the area."""
    shape = _random_outline(rng)
    # Area of an outline: pi a b (1 + sum of squared amplitudes / 2).
    scale = np.sqrt(share * (1 + np.sum(tissue.amplitude**2) / 2) / (1 + np.sum(shape.amplitude**2) / 2))
    (x, y), (a, b) = tissue.centre_um, tissue.semi_axes_um
    shift = np.clip(rng.normal(0, 0.03, 2), -0.06, 0.06)
    centre = (float(x + shift[0] * a), float(y + shift[1] * b))
    return Outline(centre, (float(scale * a), float(scale * b)), shape.amplitude, shape.phase)


def _place_discs(
    anatomy: Anatomy,
    bounds_um: tuple[float, float, float, float],
    reach_um: list[float],
    rng: np.random.Generator,
) -> list[tuple[float, float]]:
    """Draw centres, uniform where discs of ``reach_um`` lie in the bed and do not overlap."""
    if not reach_um:
        return []
    left, top, right, bottom = bounds_um
    step = PLACEMENT_STEP_UM
    y, x = np.mgrid[top:bottom:step, left:right:step]
    in_bed = np.pad(anatomy.in_bed(x, y), 1)
    # Two lattice steps of safety: the distance is that to the next lattice point outside.
    depth_um = ndimage.distance_transform_edt(in_bed)[1:-1, 1:-1] * step - 2 * step
    for _ in range(MAX_TRIES):
        free_um, centres = depth_um, list[tuple[float, float]]()
        for reach in reach_um:
            possible = np.flatnonzero(free_um >= reach)
            if possible.size == 0:
                break
            chosen = rng.choice(possible)
            centres.append((float(x.flat[chosen]), float(y.flat[chosen])))
            free_um = np.minimum(free_um, np.hypot(x - x.flat[chosen], y - y.flat[chosen]) - reach)
        if len(centres) == len(reach_um):
            return centres
    raise RecipeError(
        f"expected room in the tumour bed for {len(reach_um)} discs of up to {max(reach_um):g} µm radius, "
        "found none; lower n_niches or niche_radius_um, or enlarge the section"
    )
