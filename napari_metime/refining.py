"""Better alignments: the cells, or the microscopy, laid over the ions that were measured in the same place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.alignment import Picture, Refinement, refine
from napari_metime.alignment.coarse_search import reach_um
from napari_metime.errors import RecipeError
from napari_metime.ims import extract_ions, feature_images, pixel_vectors
from napari_metime.microscopy import channel_on_grid
from napari_metime.placed_microscopy import PlacedMicroscopy
from napari_metime.recipe import RefineRecipe
from napari_metime.section import (
    Alignment,
    AlignmentKind,
    CellTable,
    Dataset,
    Grid,
    Progress,
    Tissue,
    Warp,
    no_progress,
    share_of,
)
from napari_metime.tissue import principal_components

MAX_PIXELS = 60_000
"""A larger picture is averaged to at most this many pixels. Our choice, as are the following."""
N_COMPONENTS = 3
SD_PIXELS = 0.7
"""Both pictures are smoothed by a Gaussian of this many pixels ..."""
CELLS_IN_WINDOW = 8.0
"""... or as wide as holds this many cells, 4 pi sd² times their density, whichever is more."""
DENSITY_PIECE_UM = 100.0
MIN_CELLS = 200
MIN_TISSUE_WITH_CELLS = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """The alignment to go on with, and what became of the refinement.

    Parameters
    ----------
    alignment : the better one; the rough one where the refinement was refused
    accepted : whether it is the better one
    note : what was done or why it was refused, in one sentence
    warnings : what the user has to know of it
    refinement : the pictures before and after, and the numbers; None where there was nothing to match
    """

    alignment: Alignment
    accepted: bool
    note: str
    warnings: tuple[str, ...] = ()
    refinement: Refinement | None = None


def refine_alignment(
    dataset: Dataset,
    tissue: Tissue | None,
    cells: CellTable,
    alignment: Alignment,
    recipe: RefineRecipe,
    *,
    microscopy: PlacedMicroscopy | None = None,
    tolerance_ppm: float = 5.0,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> Refined:
    """Refine a rough alignment by mutual information; docs/refinement.md says how, and when it is believed.

    Parameters
    ----------
    tissue : where places matter; None = wherever a spectrum was taken
    cells : in the unit that ``alignment`` starts from
    microscopy : needed where the recipe names a channel of it; its own alignment is not looked at
    tolerance_ppm : of the m/z that the recipe names

    Raises
    ------
    RecipeError
        The recipe names a channel of a microscopy that is not there.
    AlignmentError
        SimpleITK is not installed, or cannot compare the pictures.
    Cancelled
        ``on_progress`` raised it.
    """
    dataset.grid.spacing_um  # noqa: B018 - raises here where the pixel size is unknown
    fixed = _fixed_pictures(dataset, recipe.to, tolerance_ppm, share_of(on_progress, 0.0, 0.2))
    mask = dataset.measured if tissue is None else tissue.mask
    share = Picture(mask.astype(np.float64), dataset.grid.spacing_um).averaged(_factor(dataset.grid)).image
    on_tissue = share >= 0.5
    if recipe.channel == "cells":
        x_um, y_um = alignment.to_section(cells.x, cells.y)
        n_here = int((dataset.grid.pixel_of(x_um, y_um) >= 0).sum())
        if n_here < MIN_CELLS:
            return _kept(alignment, f"{n_here:,} cells lie on the measured area, at least {MIN_CELLS} are needed")
        moving, sd_um = _cell_density(x_um, y_um, fixed[0])
        covered = float((moving.at(*fixed[0].places()) > 0)[on_tissue].mean()) if on_tissue.any() else 0.0
        if covered < MIN_TISSUE_WITH_CELLS:
            return _kept(alignment, f"cells lie on {covered:.0%} of the tissue, on at least half of it they are needed")
    else:
        if microscopy is None:
            raise RecipeError(
                f"expected a microscopy for align.refine.channel {recipe.channel}, found none; "
                "set microscopy.path, or use cells"
            )
        sd_um = SD_PIXELS * max(fixed[0].spacing_um)
        moving = _microscopy(
            microscopy, recipe.channel, alignment, fixed[0], share_of(on_progress, 0.2, 0.4)
        ).smoothed(sd_um)
    found = refine(
        [picture.smoothed(sd_um) for picture in fixed],
        moving,
        on_tissue,
        recipe.transform,
        seed=seed,
        on_progress=share_of(on_progress, 0.4, 1.0),
    )
    return _taken(alignment, found)


def _taken(alignment: Alignment, found: Refinement) -> Refined:
    """Take what was found, unless the rough alignment is known to be more exact."""
    if found.accepted and found.error_um >= alignment.target_error_um:
        reason = (
            f"its error ({found.error_um:.1f} µm) is not below that of the landmarks "
            f"({alignment.target_error_um:.1f} µm)"
        )
        found = replace(found, accepted=False, reason=reason)
    if not found.accepted:
        return replace(_kept(alignment, found.reason), refinement=found)
    better = _followed(alignment, found)
    note = f"refined by the pictures, {found.reason}"
    told = _landmarks_off(alignment, better)
    return Refined(replace(better, note=note), True, f"The alignment was {note}.", told, found)


def _kept(alignment: Alignment, reason: str) -> Refined:
    note = f"The alignment was not refined: {reason}; the rough one is kept."
    return Refined(alignment, False, note, (note,))


def _landmarks_off(rough: Alignment, better: Alignment) -> tuple[str, ...]:
    """Tell how far the landmarks are off now: they say nothing of the error, but a person set them."""
    if not rough.n_landmarks:
        return ()
    x, y, to_x, to_y = rough.landmarks.T
    off_um = [
        float(np.sqrt(np.mean((ax - to_x) ** 2 + (ay - to_y) ** 2)))
        for ax, ay in (rough.to_section(x, y), better.to_section(x, y))
    ]
    return (
        f"The {rough.n_landmarks} landmarks are off by {off_um[1]:.0f} µm (root mean square) in the refined alignment, "
        f"{off_um[0]:.0f} µm before; the error of the alignment is now that of the refinement.",
    )


def _followed(rough: Alignment, found: Refinement) -> Alignment:
    """Return the rough alignment followed by what was found; landmarks and their error apply no longer."""
    if rough.warp is None:
        matrix, warp = found.matrix @ rough.matrix, found.warp
    else:
        matrix, warp = rough.matrix, Chain(rough.warp, found.matrix, found.warp)
    kind: AlignmentKind = "rigid" if rough.kind == "none" else rough.kind
    if found.stage == "affine":
        kind = "affine"
    if warp is not None:
        kind = "bspline"
    return Alignment(
        matrix, kind, target_error_um=found.error_um, extra_error_um=rough.extra_error_um, warp=warp
    )


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A bending, then a matrix, then another bending."""

    first: Warp
    matrix: NDArray[np.float64]
    then: Warp | None

    def __call__(
        self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x_um, y_um = self.first(x_um, y_um)
        (a, b, c), (d, e, f) = self.matrix[:2]
        x_um, y_um = a * x_um + b * y_um + c, d * x_um + e * y_um + f
        return (x_um, y_um) if self.then is None else self.then(x_um, y_um)


def _fixed_pictures(
    dataset: Dataset, to: str | float, tolerance_ppm: float, on_progress: Progress
) -> tuple[Picture, ...]:
    """Return the pictures that may stay: logarithms of one image, or the first components of the strongest peaks."""
    measured = dataset.measured
    if to == "components":
        images = feature_images(dataset, on_progress=on_progress)[1:]
    elif to == "tic":
        images = pixel_vectors(dataset, on_progress=on_progress).tic[None].astype(np.float32)
    else:
        mz = np.array([to], dtype=np.float64)
        images = extract_ions(dataset, mz, tolerance_ppm=tolerance_ppm, on_progress=on_progress).images
    values = np.maximum(np.nan_to_num(images[:, measured], nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    components = principal_components(values.astype(np.float64)).T[:N_COMPONENTS]
    pictures = []
    for component in components:
        image = np.full(dataset.grid.shape, np.nan)
        image[measured] = component
        pictures.append(Picture(image, dataset.grid.spacing_um).averaged(_factor(dataset.grid)))
    return tuple(pictures)


def _factor(grid: Grid) -> int:
    return int(np.ceil(np.sqrt(grid.shape[0] * grid.shape[1] / MAX_PIXELS)))


def _around(fixed: Picture) -> tuple[Grid, tuple[float, float]]:
    """Return the grid that reaches beyond a picture as far as is searched, and the (y, x) of its first pixel in µm."""
    beyond = [int(np.ceil(1.5 * reach_um(fixed) / s)) for s in fixed.spacing_um]
    rows, cols = (n + 2 * m for n, m in zip(fixed.image.shape, beyond, strict=True))
    top, left = (o - m * s for o, m, s in zip(fixed.origin_um, beyond, fixed.spacing_um, strict=True))
    return Grid((rows, cols), (0, 0), fixed.spacing_um), (top, left)


def _cell_density(
    x_um: NDArray[np.float64], y_um: NDArray[np.float64], fixed: Picture
) -> tuple[Picture, float]:
    """Return the smoothed cells per pixel around the fixed picture, and by how much it was smoothed (µm).

    Where no cell was found there is none: the table is taken to hold the cells of the whole area.
    """
    grid, (top, left) = _around(fixed)
    flat = grid.pixel_of(x_um - left, y_um - top)
    count = np.bincount(flat[flat >= 0], minlength=grid.shape[0] * grid.shape[1]).reshape(grid.shape)
    piece = [max(1, round(DENSITY_PIECE_UM / s)) for s in grid.spacing_um]
    occupied = ndimage.maximum_filter(count, size=piece) > 0
    per_um2 = count.sum() / (occupied.sum() * grid.pixel_area_um2)
    sd_um = max(SD_PIXELS * max(grid.spacing_um), float(np.sqrt(CELLS_IN_WINDOW / (4 * np.pi * per_um2))))
    density = ndimage.gaussian_filter(count.astype(np.float64), [sd_um / s for s in grid.spacing_um], mode="constant")
    return Picture(density, grid.spacing_um, (top, left)), sd_um


def _microscopy(
    microscopy: PlacedMicroscopy, channel: int, alignment: Alignment, fixed: Picture, on_progress: Progress
) -> Picture:
    grid, (top, left) = _around(fixed)
    to_grid = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
    if alignment.warp is None:
        placed = replace(alignment, matrix=to_grid @ alignment.matrix)
    else:
        placed = replace(alignment, warp=Chain(alignment.warp, to_grid, None))
    found = channel_on_grid(
        microscopy.image, channel, placed, grid, units=microscopy.units, on_progress=on_progress
    )
    return Picture(found.values.astype(np.float64), grid.spacing_um, (top, left))
