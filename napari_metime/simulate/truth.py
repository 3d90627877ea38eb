"""A section in memory: its masks, its niches and its cells, without any file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_metime.section import Grid
from napari_metime.simulate.anatomy import Anatomy, draw_anatomy
from napari_metime.simulate.fields import Field, log_gaussian_field
from napari_metime.simulate.plan import CELL_TYPES, EFFECTOR, CellRates, SectionPlan
from napari_metime.simulate.shapes import Points

PARTS = ("outline", "niches", "cellularity", "clumping", "cells", "ions", "landmarks", "microscopy")
RATE_POINTS = 5
"""Points a side at which the rate of a pixel is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Intensity:
    """Expected cells per mm² of each type at any place.

    Parameters
    ----------
    cellularity, clumping : factors of all cells and of the effectors, of mean one
    depth_um : distance to the margin of the bed; None where the effectors do not depend on it
    """

    plan: SectionPlan
    anatomy: Anatomy
    cellularity: Field
    clumping: Field
    depth_um: Field | None

    def at(self, cell_type: str, x_um: Points, y_um: Points) -> Points:
        """Return the expected cells per mm² of a type, in the shape of ``x_um``."""
        rate = np.where(self.anatomy.in_bed(x_um, y_um), *_rates(self.plan, cell_type))
        in_lymphoid = self.anatomy.in_lymphoid(x_um, y_um)
        if cell_type in (rates := lymphoid_rates(self.plan)):
            rate = np.where(in_lymphoid, rates[cell_type], rate)
        rate = rate * self.anatomy.in_tissue(x_um, y_um) * self.cellularity.at(x_um, y_um)
        if cell_type == EFFECTOR:
            rate = rate * self._effector_factor(x_um, y_um) * self.clumping.at(x_um, y_um)
            if self.depth_um is not None:
                fallen = np.exp(-self.plan.depth_gradient_per_mm * self.depth_um.at(x_um, y_um) / 1000)
                rate = rate * np.where(in_lymphoid, 1.0, fallen)
        elif cell_type == CELL_TYPES["tumor"]:
            rate = rate * np.where(self.anatomy.in_nest(x_um, y_um), self.plan.dense_nest_rate, 1.0)
        return np.asarray(rate)

    def highest(self, cell_type: str) -> float:
        """Upper bound of ``at``."""
        bound = max(_rates(self.plan, cell_type)) * self.cellularity.highest
        lymphoid = lymphoid_rates(self.plan).get(cell_type, 0.0) * self.cellularity.highest
        if cell_type == EFFECTOR:
            bound = bound * max(1.0, self.plan.ring_rate) * self.clumping.highest
            lymphoid *= self.clumping.highest
        elif cell_type == CELL_TYPES["tumor"]:
            bound *= self.plan.dense_nest_rate
        return max(bound, lymphoid) if self.anatomy.lymphoid else bound

    def _effector_factor(self, x_um: Points, y_um: Points) -> Points:
        inside = self.anatomy.niche_of(x_um, y_um)
        around = self.anatomy.niche_of(x_um, y_um, margin_um=self.plan.ring_width_um)
        raised = np.array([0, *(niche.kind == "excluded" for niche in self.anatomy.niches)], dtype=bool)[around]
        outside = np.where(raised, self.plan.ring_rate, 1.0)
        return np.where(inside > 0, self.plan.niche_rate, outside)


@dataclass(frozen=True, slots=True, eq=False)
class SectionTruth:
    """What was planted.

    Parameters
    ----------
    anatomy : the exact geometry, in section µm
    tissue, bed : ndarray of shape (rows, cols), bool, by the centre of each pixel
    niche_labels : ndarray of shape (rows, cols), int32: 0, or the niche's number
    tumor_density : ndarray of shape (rows, cols), float64: expected tumour cells over those of the plain bed
    x_um, y_um : ndarray of shape (n_cells,), section µm
    type : ndarray of shape (n_cells,), str
    niche : ndarray of shape (n_cells,), int32: the niche that holds the cell, 0 outside
    intensity : what the cells were drawn from
    """

    plan: SectionPlan
    grid: Grid
    anatomy: Anatomy
    tissue: NDArray[np.bool_]
    bed: NDArray[np.bool_]
    niche_labels: NDArray[np.int32]
    tumor_density: NDArray[np.float64]
    x_um: Points
    y_um: Points
    type: NDArray[np.object_]
    niche: NDArray[np.int32]
    intensity: Intensity

    @property
    def effector_rate(self) -> Points:
        """Expected effectors per mm² of each pixel, shape (rows, cols)."""
        return self._mean_rate((EFFECTOR,))

    @property
    def cell_rate(self) -> Points:
        """Expected cells per mm² of each pixel, shape (rows, cols)."""
        return self._mean_rate(tuple(CELL_TYPES.values()))

    def _mean_rate(self, cell_types: tuple[str, ...]) -> Points:
        """Mean over points spread evenly in each pixel: a border that cuts a pixel counts by its share."""
        y, x = np.indices(self.grid.shape) * self.plan.pixel_size_um
        offsets = ((np.arange(RATE_POINTS) + 0.5) / RATE_POINTS - 0.5) * self.plan.pixel_size_um
        total = np.zeros(self.grid.shape)
        for dx, dy in product(offsets, offsets):
            total += sum(self.intensity.at(cell_type, x + dx, y + dy) for cell_type in cell_types)
        return total / RATE_POINTS**2


def simulate_truth(plan: SectionPlan) -> SectionTruth:
    """Draw a section's masks, niches and cells.

    Cells of each type are an inhomogeneous Poisson process, drawn by thinning (Lewis and Shedler 1979,
    doi 10.1002/nav.3800260304).

    Raises
    ------
    RecipeError
        The niches do not fit into the tumour bed.
    """
    rng = random_parts(plan)
    anatomy = draw_anatomy(plan, outline_rng=rng["outline"], niche_rng=rng["niches"])
    intensity = Intensity(
        plan,
        anatomy,
        log_gaussian_field(
            plan.bounds_um, sd=plan.cellularity_sd, scale_um=plan.cellularity_scale_um, rng=rng["cellularity"]
        ),
        log_gaussian_field(plan.bounds_um, sd=plan.clumping_sd, scale_um=plan.clumping_scale_um, rng=rng["clumping"]),
        anatomy.depth(plan.bounds_um) if plan.depth_gradient_per_mm > 0 else None,
    )
    x_um, y_um, cell_type = _draw_cells(intensity, rng["cells"])
    size = plan.pixel_size_um
    grid = Grid(plan.shape, (1, 1), (size, size))
    y, x = (axis * size for axis in np.mgrid[: plan.shape[0], : plan.shape[1]])
    bed_rate = max(plan.bed.tumor, 1.0)
    return SectionTruth(
        plan=plan,
        grid=grid,
        anatomy=anatomy,
        tissue=anatomy.in_tissue(x, y),
        bed=anatomy.in_bed(x, y),
        niche_labels=anatomy.niche_of(x, y),
        tumor_density=intensity.at(CELL_TYPES["tumor"], x, y) / bed_rate,
        x_um=x_um,
        y_um=y_um,
        type=cell_type,
        niche=anatomy.niche_of(x_um, y_um),
        intensity=intensity,
    )


def random_parts(plan: SectionPlan) -> dict[str, np.random.Generator]:
    """One generator per part of the section, so that changing one part leaves the others as they were."""
    children = np.random.SeedSequence(plan.seed).spawn(len(PARTS))
    return {part: np.random.default_rng(child) for part, child in zip(PARTS, children, strict=True)}


def lymphoid_rates(plan: SectionPlan) -> dict[str, float]:
    """Return the expected cells per mm² of the types that a lymphoid structure has a density of its own for."""
    return {
        CELL_TYPES["tumor"]: 0.0,
        CELL_TYPES["b_cell"]: plan.lymphoid_b_cell,
        EFFECTOR: plan.lymphoid_cd8,
    }


def _rates(plan: SectionPlan, cell_type: str) -> tuple[float, float]:
    name = next(field.name for field in fields(CellRates) if CELL_TYPES[field.name] == cell_type)
    return getattr(plan.bed, name), getattr(plan.stroma, name)


def _draw_cells(intensity: Intensity, rng: np.random.Generator) -> tuple[Points, Points, NDArray[np.object_]]:
    left, top, right, bottom = intensity.plan.bounds_um
    area_mm2 = (right - left) * (bottom - top) / 1e6
    drawn = []
    for cell_type in CELL_TYPES.values():
        highest = intensity.highest(cell_type)
        n_candidates = rng.poisson(highest * area_mm2)
        x, y, level = rng.uniform(size=(3, n_candidates))
        x, y = left + x * (right - left), top + y * (bottom - top)
        kept = level * highest < intensity.at(cell_type, x, y)
        drawn.append((x[kept], y[kept], np.full(int(kept.sum()), cell_type, dtype=object)))
    x, y, types = (np.concatenate(column) for column in zip(*drawn, strict=True))
    order = rng.permutation(x.size)
    return x[order], y[order], types[order]
