"""A rough alignment made better by the pictures themselves, or refused with its reason.

How it is found and when it is believed stands in docs/refinement.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment.coarse_search import CoarseSearch, reach_um
from napari_metime.alignment.pictures import Picture, mutual_information
from napari_metime.alignment.registration import Back, Stage, climb, load_simpleitk
from napari_metime.section import Progress, Warp, no_progress, share_of

Mask = NDArray[np.bool_]

STAGES: dict[Stage, tuple[Stage, ...]] = {
    "rigid": ("rigid",),
    "affine": ("rigid", "affine"),
    "bspline": ("rigid", "affine", "bspline"),
}
MAX_CHANCE = 0.02
"""Pictures of other tissue fit as well at most as often as this. Our choice, as are the following."""
MAX_TURN_DEG = 12.0
MAX_SCALE = 1.1
"""No direction is stretched or pressed by more."""
MIN_AREA_SCALE = 0.5
"""A bending presses no place more."""
MIN_GAIN = 0.02
"""A stage after the first tells at least this share more of unseen halves: more numbers always fit a little better."""
N_HALVINGS = 2
N_BLOCKS = 8
"""Blocks along the longer side, of which a random half is a half of the picture."""
MIN_LEVELS = 3
"""A picture with fewer values than this is flat."""


@dataclass(frozen=True, slots=True, eq=False)
class Refinement:
    """What was found, and whether to believe it.

    Parameters
    ----------
    accepted : whether the rough alignment should be replaced
    reason : why, or why not, in words
    stage : the last stage that made unseen halves of the picture match better
    matrix : ndarray of shape (3, 3) on (x, y, 1): from the rough places to the better ones, in section µm
    warp : what comes after the matrix; None for rigid and affine
    information_before, information_after : mutual information of the two pictures over the pixels that both show
        before and after, in bits
    p_chance : how likely a picture of other tissue fits as well; NaN where it was not asked
    error_um : root mean square error over the tissue, from how far the refinements of halves of the picture lie
        apart; NaN where there is none
    moved_um : the farthest that a place of the tissue is moved
    fixed : the picture that stays
    before, after : ndarray of its shape, float64: the moving picture on its grid; NaN where unknown
    """

    accepted: bool
    reason: str
    stage: Literal["none", "rigid", "affine", "bspline"]
    matrix: NDArray[np.float64]
    warp: Warp | None
    information_before: float
    information_after: float
    p_chance: float
    error_um: float
    moved_um: float
    fixed: Picture
    before: NDArray[np.float64]
    after: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    fixed: Picture
    moving: Picture
    tissue: Mask

    def moved(self, back: Back | None) -> NDArray[np.float64]:
        """Return the moving picture on the grid of the fixed one."""
        places = self.fixed.places()
        return self.moving.at(*(places if back is None else back(*places)))

    def information(self, back: Back | None, region: Mask) -> float:
        return mutual_information(self.fixed.image, self.moved(back), region)


@dataclass(frozen=True, slots=True, eq=False)
class _Climbed:
    """Where the stages ended, and where they ended on halves of the picture."""

    back: Back
    stages: tuple[Stage, ...]
    halves: tuple[tuple[Back, Back], ...]


def refine(
    fixed: Sequence[Picture],
    moving: Picture,
    tissue: Mask,
    transform: Stage,
    *,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> Refinement:
    """Lay the moving picture over that of the fixed ones which tells most about it.

    Parameters
    ----------
    fixed : pictures on one grid; the one with the most mutual information is taken
    moving : in section µm by the rough alignment; should reach beyond the fixed ones by ``coarse_search.reach_um``
    tissue : ndarray of the shape of the fixed pictures, bool: where places matter
    transform : ``rigid``; ``affine``: rigid, then affine; ``bspline``: these, then a B-spline
    seed : of the pictures by chance and of the halves

    Raises
    ------
    AlignmentError
        SimpleITK is not installed, or cannot compare the pictures.
    """
    load_simpleitk()
    first = _Pair(fixed[0], moving, tissue)
    usable = [picture for picture in fixed if not _is_flat(picture.image)]
    if not usable or _is_flat(first.moved(None)):
        which = "fixed" if not usable else "moving"
        return _refused(first, f"the {which} picture is flat: it shows nothing that could be matched")
    search_rng, half_rng = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    search = CoarseSearch(usable)
    ready = search.ready(moving)
    match = search.best(ready)
    if match is None:
        return _refused(first, "the two pictures hardly overlap")
    p_chance = search.chance(
        ready, match, search_rng, lambda done: on_progress(0.3 * done, "comparing with pictures of other tissue")
    )
    pair = replace(first, fixed=usable[match.component])
    if p_chance > MAX_CHANCE:
        told = f"pictures of other tissue fit as well by chance (p = {p_chance:.2f}, at most {MAX_CHANCE:g} believed)"
        return replace(_refused(pair, told), p_chance=p_chance)
    climbed = _climb_stages(pair, Back(match.matrix), transform, half_rng, share_of(on_progress, 0.3, 1.0))
    return _judged(pair, climbed, transform, p_chance)


def _climb_stages(
    pair: _Pair, start: Back, transform: Stage, rng: np.random.Generator, on_progress: Progress
) -> _Climbed:
    """Keep each stage that makes halves that it has not seen match better than what was kept before."""
    everywhere = np.ones(pair.fixed.image.shape, dtype=bool)
    halves = [half for _ in range(N_HALVINGS) for half in _halves(everywhere.shape, rng)]
    regions = [everywhere, *halves]
    reached = [start] * len(regions)
    kept: tuple[Stage, ...] = ()
    needed = [pair.information(None, ~half) for half in halves]  # at first of the rough alignment itself
    for i, stage in enumerate(STAGES[transform]):
        tries = []
        for j, (region, back) in enumerate(zip(regions, reached, strict=True)):
            done = (i + np.array([j, j + 1]) / len(regions)) / len(STAGES[transform])
            share = share_of(on_progress, float(done[0]), float(done[1]))
            tries.append(climb(pair.fixed, pair.moving, back, stage, region=region, on_progress=share))
        unseen = [pair.information(back, ~half) for back, half in zip(tries[1:], halves, strict=True)]
        if np.mean(unseen) > (1 + (MIN_GAIN if i else 0)) * np.mean(needed):
            reached, needed, kept = tries, unseen, (*kept, stage)
        elif not kept:
            reached = [Back(np.eye(3))] * len(regions)  # on from the rough alignment, which was better than the search
    return _Climbed(reached[0], kept, tuple(zip(reached[1::2], reached[2::2], strict=True)))


def _judged(pair: _Pair, climbed: _Climbed, transform: Stage, p_chance: float) -> Refinement:
    back = climbed.back
    if not climbed.stages:
        told = "it does not make those halves of the picture match better that it has not seen"
        return replace(_refused(pair, told), p_chance=p_chance)
    before, after = pair.moved(None), pair.moved(back)
    shown = np.isfinite(before) & np.isfinite(after)
    was, became = (mutual_information(pair.fixed.image, image, shown) for image in (before, after))
    x_um, y_um = (a[pair.tissue] for a in pair.fixed.places())
    at_x, at_y = back(x_um, y_um)
    found = Refinement(
        accepted=True,
        reason="",
        stage=climbed.stages[-1],
        matrix=np.linalg.inv(back.matrix).astype(np.float64),
        warp=None,
        information_before=was,
        information_after=became,
        p_chance=p_chance,
        error_um=_error_um(climbed.halves, x_um, y_um),
        moved_um=float(np.hypot(at_x - x_um, at_y - y_um).max(initial=0.0)),
        fixed=pair.fixed,
        before=before,
        after=after,
    )
    doubt = _doubt(pair, back, found)
    if doubt:
        return replace(found, accepted=False, reason=doubt)
    told = (
        f"{', then '.join(climbed.stages)}: mutual information from {was:.3f} to {became:.3f} bits "
        f"(by chance p = {p_chance:.2f}), moved by up to {found.moved_um:.0f} µm, "
        f"an error of {found.error_um:.1f} µm by halves of the picture"
    )
    left_out = [stage for stage in STAGES[transform] if stage not in climbed.stages]
    if left_out:
        told += f"; {' and '.join(left_out)} did not make unseen halves match better"
    warp = None if back.bent is None else back.bent.inverse()
    return replace(found, warp=warp, reason=told)


def _doubt(pair: _Pair, back: Back, found: Refinement) -> str:
    """Return why what was found cannot be believed; empty where it can."""
    if not found.information_after > found.information_before:
        return (
            f"the pictures do not match better: mutual information {found.information_before:.3f} bits before, "
            f"{found.information_after:.3f} after"
        )
    linear = back.matrix[:2, :2]
    stretched = np.linalg.svd(linear, compute_uv=False)
    if stretched[0] > MAX_SCALE or stretched[-1] < 1 / MAX_SCALE:
        return (
            f"it would stretch the section by {stretched[0]:.2f} and {stretched[-1]:.2f}, "
            f"at most {MAX_SCALE:g} is believed"
        )
    turn_deg = float(np.rad2deg(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])))
    x_um, y_um = (a[pair.tissue].mean(keepdims=True) for a in pair.fixed.places())
    at_x, at_y = back(x_um, y_um)
    shift_um = float(np.hypot(at_x - x_um, at_y - y_um)[0])
    longest_um = 1.25 * reach_um(pair.fixed)
    if abs(turn_deg) > MAX_TURN_DEG or shift_um > longest_um:
        return (
            f"it would move the tissue by {shift_um:.0f} µm and turn it by {abs(turn_deg):.1f} degrees, "
            f"at most {longest_um:.0f} µm and {MAX_TURN_DEG:g} degrees are believed"
        )
    if back.bent is not None and back.bent.least_area_scale() < MIN_AREA_SCALE:
        return f"it would fold the section, or press a place to less than {MIN_AREA_SCALE:g} of its area"
    share = float(np.isfinite(found.after)[pair.tissue].mean())
    if share < 0.5:
        return f"the moving picture would show {share:.0%} of the tissue, at least half is needed"
    return ""


def _error_um(halves: Sequence[tuple[Back, Back]], x_um: NDArray[np.float64], y_um: NDArray[np.float64]) -> float:
    # A half has twice the variance of the whole, and two halves lie apart by the variances of both: four times it.
    squared = [
        np.mean([(a - b) ** 2 for a, b in zip(one(x_um, y_um), other(x_um, y_um), strict=True)])
        for one, other in halves
    ]
    return float(np.sqrt(2 * np.mean(squared)) / 2)


def _halves(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Return a random half of the blocks of a picture, and the other half."""
    side = max(1, -(-max(shape) // N_BLOCKS))
    n = [-(-s // side) for s in shape]
    chosen = rng.permutation(n[0] * n[1]).reshape(n) % 2 == 0
    half = np.asarray(chosen.repeat(side, axis=0).repeat(side, axis=1)[: shape[0], : shape[1]], dtype=bool)
    return half, ~half


def _is_flat(image: NDArray[np.float64]) -> bool:
    known = image[np.isfinite(image)]
    return np.unique(np.quantile(known, np.linspace(0, 1, 21))).size < MIN_LEVELS if known.size else True


def _refused(pair: _Pair, reason: str) -> Refinement:
    before = pair.moved(None)
    information = mutual_information(pair.fixed.image, before, np.isfinite(before))
    nothing = float("nan")
    return Refinement(
        accepted=False,
        reason=reason,
        stage="none",
        matrix=np.eye(3),
        warp=None,
        information_before=information,
        information_after=information,
        p_chance=nothing,
        error_um=nothing,
        moved_um=0.0,
        fixed=pair.fixed,
        before=before,
        after=before,
    )
