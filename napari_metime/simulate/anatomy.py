"""The anatomy of a section: tissue and bed of irregular outline, planted niches, a dense nest, lymphoid structures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from napari_metime.errors import RecipeError
from napari_metime.simulate.fields import Field
from napari_metime.simulate.plan import NicheKind, SectionPlan
from napari_metime.simulate.shapes import Disc, Outline, Points, Shape, draw_shape

ROUGHNESS = (0.07, 0.05, 0.04, 0.035, 0.025, 0.02, 0.015, 0.012)
"""S.d. of the outline's Fourier amplitudes of order 2, 3, ... relative to the radius."""
TISSUE_EXTENT = 0.94
"""Width and height of the tissue over those of the acquired area."""
RIM = 0.93
"""The bed ends here at the latest, in radii of the tissue: a rim of stroma always remains."""
PLACEMENT_STEP_UM = 20.0
DEPTH_STEP_UM = 10.0
MAX_TRIES = 200


@dataclass(frozen=True, slots=True)
class Niche:
    """A planted niche; its number in the label image is its place in the list, from 1.

    Parameters
    ----------
    radius_um : of the disc of its area
    """

    x_um: float
    y_um: float
    radius_um: float
    kind: NicheKind
    shape: Shape

    def within(self, x_um: Points, y_um: Points, *, margin_um: float = 0.0) -> NDArray[np.bool_]:
        """Return which points lie in the niche or within ``margin_um`` of it."""
        return self.shape.within(x_um - self.x_um, y_um - self.y_um, margin_um)

    def written(self) -> dict[str, Any]:
        """Where it lies, as files state it."""
        return {"x_um": self.x_um, "y_um": self.y_um, "radius_um": self.radius_um, "kind": self.kind}


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Where everything lies, as exact geometry in section µm.

    Parameters
    ----------
    nest : (x_um, y_um, radius_um) of the dense tumour nest, or None
    lymphoid : (x_um, y_um, radius_um) of each lymphoid structure
    """

    tissue_outline: Outline
    bed_outline: Outline
    niches: tuple[Niche, ...] = ()
    nest: tuple[float, float, float] | None = None
    lymphoid: tuple[tuple[float, float, float], ...] = ()

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
            label[niche.within(x_um, y_um, margin_um=margin_um)] = number
        return label

    def in_nest(self, x_um: Points, y_um: Points) -> NDArray[np.bool_]:
        """Return which points lie in the dense tumour nest."""
        return _in_discs(() if self.nest is None else (self.nest,), x_um, y_um)

    def in_lymphoid(self, x_um: Points, y_um: Points) -> NDArray[np.bool_]:
        """Return which points lie in a lymphoid structure."""
        return _in_discs(self.lymphoid, x_um, y_um)

    def depth(self, bounds_um: tuple[float, float, float, float]) -> Field:
        """Return the distance (µm) to the margin of the bed, 0 outside it, from a lattice of ``DEPTH_STEP_UM``."""
        left, top, right, bottom = bounds_um
        step = DEPTH_STEP_UM
        y, x = np.mgrid[top : bottom + step : step, left : right + step : step]
        # The margin lies half a step, on average, before the next lattice point outside.
        steps = ndimage.distance_transform_edt(np.pad(self.in_bed(x, y), 1))[1:-1, 1:-1] - 0.5
        return Field(np.maximum(steps * step, 0.0), (left, top), step)


def _in_discs(discs: tuple[tuple[float, float, float], ...], x_um: Points, y_um: Points) -> NDArray[np.bool_]:
    inside = np.zeros(np.shape(x_um), dtype=bool)
    for x, y, radius_um in discs:
        inside |= np.hypot(x_um - x, y_um - y) <= radius_um
    return inside


def draw_anatomy(plan: SectionPlan, *, outline_rng: np.random.Generator, niche_rng: np.random.Generator) -> Anatomy:
    """Draw tissue and bed, then place the niches, the nest and the lymphoid structures.

    Raises
    ------
    RecipeError
        The niches, with their rings, do not fit into the bed.
    """
    tissue = _fit(_random_outline(outline_rng), plan.bounds_um)
    anatomy = Anatomy(tissue, _inner_outline(tissue, plan.bed_share, outline_rng))
    shapes = [draw_shape(plan.niche_shape, plan.niche_radius_um, niche_rng) for _ in range(plan.n_niches)]
    nests = [plan.dense_nest_radius_um] if plan.dense_nest_radius_um > 0 else []
    lymphoid = [plan.lymphoid_radius_um] * plan.n_lymphoid
    needs = [_Need(*shape.cover_um(), plan.ring_width_um) for shape in shapes]
    needs += [_Need(*Disc(radius_um).cover_um()) for radius_um in nests]
    on_margin = plan.lymphoid_place == "margin"
    needs += [_Need(*Disc(radius_um).cover_um(), on_margin=on_margin) for radius_um in lymphoid]
    centres = _place(anatomy, plan.bounds_um, needs, niche_rng)
    kinds = plan.niche_kinds
    niches = tuple(
        Niche(x, y, plan.niche_radius_um, kinds[i % len(kinds)], shape)
        for i, ((x, y), shape) in enumerate(zip(centres, shapes, strict=False))
    )
    discs = [(x, y, radius) for (x, y), radius in zip(centres[len(shapes) :], nests + lymphoid, strict=True)]
    nest = discs[0] if nests else None
    return replace(anatomy, niches=niches, nest=nest, lymphoid=tuple(discs[len(nests) :]))


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


@dataclass(frozen=True, slots=True, eq=False)
class _Need:
    """The room that something needs: discs of ``radius_um`` about ``points_um``, shape (n, 2), and a ring around."""

    points_um: Points
    radius_um: float
    ring_um: float = 0.0
    on_margin: bool = False

    @property
    def reach_um(self) -> float:
        return self.radius_um + self.ring_um

    def least(self, values: Points, step_um: float) -> Points:
        """Return the least value of a lattice about all points, for each lattice point that it might stand on."""
        steps = np.rint(self.points_um / step_um).astype(np.intp)
        half = int(np.abs(steps).max())
        footprint = np.zeros((2 * half + 1, 2 * half + 1), dtype=bool)
        footprint[steps[:, 1] + half, steps[:, 0] + half] = True
        return np.asarray(ndimage.minimum_filter(values, footprint=footprint, mode="constant", cval=-np.inf))


def _place(
    anatomy: Anatomy,
    bounds_um: tuple[float, float, float, float],
    needs: list[_Need],
    rng: np.random.Generator,
) -> list[tuple[float, float]]:
    """Draw centres, uniform where everything lies in the bed, or on its margin, and nothing overlaps."""
    left, top, right, bottom = bounds_um
    step = PLACEMENT_STEP_UM
    y, x = np.mgrid[top:bottom:step, left:right:step]
    in_bed = np.pad(anatomy.in_bed(x, y), 1)
    steps_in = ndimage.distance_transform_edt(in_bed)[1:-1, 1:-1]
    # Two lattice steps of safety: the distance is that to the next lattice point outside, the points are rounded.
    depth_um = steps_in * step - 2 * step
    for _ in range(MAX_TRIES):
        apart_um, centres = np.full(x.shape, np.inf), list[tuple[float, float]]()
        for need in needs:
            fits = steps_in == 1 if need.on_margin else need.least(depth_um, step) >= need.reach_um
            possible = np.flatnonzero(fits & (need.least(apart_um, step) >= need.reach_um))
            if possible.size == 0:
                break
            chosen = rng.choice(possible)
            centre = float(x.flat[chosen]), float(y.flat[chosen])
            centres.append(centre)
            near, _ = KDTree(need.points_um + centre).query(np.stack([x, y], axis=-1))
            apart_um = np.minimum(apart_um, near - need.reach_um)
        if len(centres) == len(needs):
            return centres
    raise RecipeError(
        f"expected room in the tumour bed for {len(needs)} niches and other structures, found none; "
        "lower n_niches, n_lymphoid or niche_radius_um, or enlarge the section"
    )
