"""How axis scores and ratios differ in the niches: axes.csv and ratios.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.metabolites.axes import Member, axis_members, rows_of
from napari_metime.metabolites.isotopes import C13_SHIFT
from napari_metime.metabolites.random_sets import (
    MIN_POOL,
    N_SETS,
    Likeness,
    draw_sets,
    nearest_ions,
    p_of_sets,
)
from napari_metime.metabolites.ratios import RegionRatio, Side, ratio_shares, region_ratio
from napari_metime.metabolites.scores import jackknife, rank_scores, shrunk_correlation
from napari_metime.metabolites.standard import limit_of, off_tissue_limit, robust_z
from napari_metime.niches.spatial_error import Estimates, Quantity, SpatialErrors
from napari_metime.scoring import Members, ScoredAxis, off_tissue, plan_ratios, ratio_sides, share_columns
from napari_metime.section import ChannelSet, Grid, IonPool, NicheMap, NicheResult, Tissue

AXES_COLUMNS = (
    "section_id", "axis", "region_id", "status", "reason", "n_members", "members", "coverage", "score_mean",
    "difference", "low", "high", "jackknife_low", "jackknife_high", "most_moving", "rank_score_mean",
    "rank_difference", "p_random_sets", "n_random_sets", "review_sign",
)  # fmt: skip
RATIOS_COLUMNS = (
    "section_id", "ratio", "axis", "region_id", "status", "reason", "log2_ratio", "low", "high", "difference",
    "difference_low", "difference_high", "share_measured", "share_lower_bound", "share_upper_bound",
    "share_missing", "members", "reads", "limits", "suppression_sign", "suppression_origin",
)  # fmt: skip
WHOLE_SECTION = "section"
"""region_id of what could not be measured anywhere."""
ISOTOPES = (0.0, C13_SHIFT, 2 * C13_SHIFT)
"""What is added to a member's m/z to find what is no other ion: itself, and one or two of its carbons as 13C (u)."""


@dataclass(frozen=True)
class Regions:
    """The niches, then the rest, then the domain.

    Parameters
    ----------
    names : their region_id
    masks : ndarrays of shape (rows, cols), bool
    """

    names: tuple[str, ...]
    masks: tuple[NDArray[np.bool_], ...]

    @classmethod
    def of(cls, niches: NicheMap) -> Regions:
        """Take them as regions.csv does."""
        area = niches.assessable if niches.assessable.any() else niches.domain
        numbers = range(1, niches.n_niches + 1)
        masks = (*(niches.labels == k for k in numbers), area & (niches.labels == 0), area)
        return cls((*map(str, numbers), "rest", "domain"), masks)

    @property
    def n_niches(self) -> int:
        """Number of niches."""
        return len(self.names) - 2

    def changes(self, z: NDArray[np.floating[Any]], tissue: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean of each row in each niche minus that in the rest, over the pixels where all rows are known.

        Parameters
        ----------
        z : ndarray of shape (n_ions, n_pixels) on the tissue

        Returns
        -------
        ndarray of shape (n_niches, n_ions)
        """
        known = np.isfinite(z).all(axis=0)
        means = [_mean(z[:, known & mask[tissue]]) for mask in self.masks[:-1]]
        return np.array([mean - means[-1] for mean in means[:-1]]).reshape(self.n_niches, len(z))


def _mean(z: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.asarray(z.mean(axis=1, dtype=np.float64)) if z.shape[1] else np.full(len(z), np.nan)


def describe_scores(
    grid: Grid,
    tissue: Tissue,
    channels: ChannelSet,
    found: NicheResult,
    *,
    section_id: str,
    seed: int,
) -> NicheResult:
    """Add the tables of axis scores and ratios to a section's niches.

    Parameters
    ----------
    channels : with what ``score_channels`` adds
    found : as ``describe_niches`` gives it
    """
    axes = axis_rows(tissue, channels, found, section_id=section_id, seed=seed)
    ratios = ratio_rows(grid, tissue, channels, found.map, section_id=section_id)
    return replace(found, axes=axes, ratios=ratios)


def axis_rows(
    tissue: Tissue, channels: ChannelSet, found: NicheResult, *, section_id: str, seed: int
) -> pd.DataFrame:
    """Compare the axis scores of the niches with the rest: rows of axes.csv.

    Mean, difference and limits are those of regions.csv: the limits by the score's own autocovariance.

    Parameters
    ----------
    channels : with the axis scores that ``score_channels`` adds
    """
    facts, regions = rows_of(channels.axes), Regions.of(found.map)
    scored = [fact for fact in facts if fact["status"] == "scored"]
    of_region = {str(row["region_id"]): row for row in rows_of(found.regions)}
    more = _about_scores(tissue, channels, regions, scored, seed) if scored else {}
    rows: list[dict[str, Any]] = []
    for fact in facts:
        whole = fact | {"section_id": section_id, "region_id": WHOLE_SECTION, "members": "; ".join(fact["members"])}
        if fact["status"] != "scored":
            rows.append(whole)
            continue
        for region, further in zip(regions.names, more[fact["axis"]], strict=True):
            row, name = of_region[region], fact["channel"]
            means = {"score_mean": row[f"mean_{name}"], "difference": row[f"log2fc_{name}"]}
            limits = {side: row[f"log2fc_{side}_{name}"] for side in ("low", "high")}
            rows.append(whole | {"region_id": region} | means | limits | further)
    return pd.DataFrame(rows, columns=list(AXES_COLUMNS))


def _about_scores(
    tissue: Tissue, channels: ChannelSet, regions: Regions, facts: Sequence[Mapping[str, Any]], seed: int
) -> dict[str, list[dict[str, Any]]]:
    """Jackknife, random sets and rank score of each scored axis, as columns of each region."""
    members, listed = Members.of(channels, tissue.mask), axis_members(channels.table)
    null = None if channels.pool is None else _Null.of(channels.pool, tissue.mask, regions)
    used = {fact["axis"]: [m for m in listed[fact["axis"]] if m.name in fact["members"]] for fact in facts}
    ranked = _rank_means(tissue, channels, regions, list(used.values()), members)
    more: dict[str, list[dict[str, Any]]] = {}
    for i, (axis, of_axis) in enumerate(used.items()):
        scored = ScoredAxis.of(members, of_axis)
        change = regions.changes(scored.z, tissue.mask)
        tested = _NOT_TESTED if null is None else null.test(scored, of_axis, members, change, [seed, 11, i])
        rows: list[dict[str, Any]] = [
            {"rank_score_mean": mean, "reason": tested.reason, "n_random_sets": tested.n_sets} for mean in ranked[i]
        ]
        for k in range(regions.n_niches):
            found = jackknife(change[k], scored.correlation, scored.sign)
            rows[k] |= {
                "jackknife_low": found.low,
                "jackknife_high": found.high,
                "most_moving": scored.names[found.most_moving],
                "rank_difference": ranked[i][k] - ranked[i][-2],
                "p_random_sets": tested.p[k] if tested.p.size else np.nan,
            }
        more[axis] = rows
    return more


@dataclass(frozen=True)
class _Tested:
    """p of each niche, shape (n_niches,), empty where there was no test; and why not."""

    p: NDArray[np.float64]
    n_sets: int
    reason: str


_NOT_TESTED = _Tested(np.empty(0), 0, "no p: there are no other ions to compare with")


@dataclass(frozen=True)
class _Null:
    """What the other ions of the file do in the niches.

    Parameters
    ----------
    change : ndarray of shape (n_niches, n_ions): of their mean z
    correlation : ndarray of shape (n_ions, n_ions), shrunk
    """

    pool: IonPool
    change: NDArray[np.float64]
    correlation: NDArray[np.float64]

    @classmethod
    def of(cls, pool: IonPool, tissue: NDArray[np.bool_], regions: Regions) -> _Null:
        """Measure every ion of the pool once."""
        z = pool.z[:, tissue]
        change = [regions.changes(one[None], tissue)[:, 0] for one in z]
        return cls(pool, np.array(change).reshape(len(z), regions.n_niches).T, shrunk_correlation(z))

    def test(
        self, axis: ScoredAxis, used: Sequence[Member], members: Members, change: NDArray[np.float64], seed: list[int]
    ) -> _Tested:
        """Compare the contrasts of an axis with those of sets of other ions that are as frequent and as strong."""
        other = np.flatnonzero(~self._is_one_of(used) & np.isfinite(self.change).all(axis=0))
        if other.size < max(MIN_POOL, 2 * len(used)):
            reason = f"no p: only {other.size} other ions to compare with; {MIN_POOL} are the fewest"
            return _Tested(np.empty(0), 0, reason)
        rng = np.random.default_rng(seed)
        pool = Likeness(self.pool.coverage[other], self.pool.mean_intensity[other])
        sets = draw_sets(nearest_ions(_likeness(axis.names, members), pool), other.size, rng)
        correlation = self.correlation[np.ix_(other, other)]
        p = p_of_sets(change @ axis.weights, self.change[:, other], correlation, sets, axis.sign)
        return _Tested(p, N_SETS, "")

    def _is_one_of(self, used: Sequence[Member]) -> NDArray[np.bool_]:
        """Whether an ion is a member, or one with its heavy carbons, shape (n_ions,)."""
        own = np.array([m.mz + more for m in used for more in ISOTOPES])
        apart = np.abs(self.pool.mz[:, None] - own)
        return np.asarray((apart <= 2 * self.pool.tolerance_ppm * 1e-6 * own).any(axis=1))


def _likeness(names: Sequence[str], members: Members) -> Likeness:
    on_tissue = [members.images[name][members.tissue] for name in names]
    known = [values[np.isfinite(values)] for values in on_tissue]
    return Likeness(np.array([(v > 0).mean() for v in known]), np.array([v.mean(dtype=np.float64) for v in known]))


def _rank_means(
    tissue: Tissue, channels: ChannelSet, regions: Regions, axes: Sequence[Sequence[Member]], members: Members
) -> NDArray[np.float64]:
    """Mean rank score of each axis in each region, among all detected ions, shape (n_axes, n_regions).

    NaN for an axis with a member that was measured nowhere in the domain.
    """
    ions = [c for c in channels.channels if c.kind == "ion" or c.name in {m.name for used in axes for m in used}]
    off, area = off_tissue(tissue), regions.masks[-1][tissue.mask]
    varied: dict[str, NDArray[np.float32]] = {}
    for channel in ions:
        on_tissue = channel.image[tissue.mask]
        limit = members.limits.get(channel.name) or limit_of(on_tissue, off_tissue_limit(channel.image[off]))
        z = robust_z(on_tissue, limit)[area]
        if np.isfinite(z).any():
            varied[channel.name] = z
    place = {name: i for i, name in enumerate(varied)}
    ranked = [i for i, used in enumerate(axes) if all(m.name in place for m in used)]
    means = np.full((len(axes), len(regions.masks)), np.nan)
    if not ranked:
        return means

    def places(used: Sequence[Member], sign: int) -> NDArray[np.intp]:
        return np.array([place[m.name] for m in used if m.sign == sign], dtype=np.intp)

    sets = [(places(axes[i], 1), places(axes[i], -1)) for i in ranked]
    masks = [mask[tissue.mask][area] for mask in regions.masks]
    scores = rank_scores(np.stack(list(varied.values())), sets)
    means[ranked] = [[_mean_known(score[mask]) for mask in masks] for score in scores]
    return means


def _mean_known(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def ratio_rows(
    grid: Grid, tissue: Tissue, channels: ChannelSet, niches: NicheMap, *, section_id: str
) -> pd.DataFrame:
    """Compare the ratios of sums of the niches with that of the rest: rows of ratios.csv.

    Parameters
    ----------
    channels : with the ratios that ``score_channels`` adds
    """
    members, regions = Members.of(channels, tissue.mask), Regions.of(niches)
    plans = plan_ratios(members, channels.table)
    sides = {plan.ratio.id: ratio_sides(plan, members) for plan in plans if plan.is_measurable}
    limits = ratio_limits(grid, niches, regions, sides)
    rows: list[dict[str, Any]] = []
    for plan in plans:
        name = plan.ratio.id
        fact = {"section_id": section_id, "ratio": name, "axis": plan.ratio.axis, "reason": plan.reason}
        fact |= {"members": "; ".join(plan.members), "reads": plan.ratio.reads, "limits": plan.ratio.limits}
        fact |= {key: getattr(plan.ratio, key) for key in ("suppression_sign", "suppression_origin")}
        if not plan.is_measurable:
            rows.append(fact | {"region_id": WHOLE_SECTION, "status": "not_measurable"})
            continue
        for region, mask, of_region in zip(regions.names, regions.masks, limits[name], strict=True):
            shares = share_columns(ratio_shares(*sides[name], mask))
            rows.append(fact | {"region_id": region} | of_region | shares)
    return pd.DataFrame(rows, columns=list(RATIOS_COLUMNS))


def ratio_limits(
    grid: Grid, niches: NicheMap, regions: Regions, sides: Mapping[str, tuple[Side, Side]]
) -> dict[str, list[dict[str, Any]]]:
    """Return log2(sum A / sum B) of each ratio in each region, and its difference from the rest, with 95 % limits.

    The limits allow for autocorrelation as those of every other mean do (``SpatialErrors``).

    Parameters
    ----------
    sides : numerator and denominator of each ratio
    """
    found = {name: [region_ratio(*both, mask) for mask in regions.masks] for name, both in sides.items()}
    deviations = [Quantity(_deviation(*both, found[name], regions, niches), "absolute") for name, both in sides.items()]
    errors = SpatialErrors(grid, niches.domain, niches.labels, deviations)
    whole, rest = (slice(None), slice(None)), regions.masks[-2]
    own = [_half_width(errors.mean(mask, whole)) for mask in regions.masks]
    against = [_half_width(errors.contrast(mask, rest)) for mask in regions.masks[:-2]]
    limits: dict[str, list[dict[str, Any]]] = {}
    for i, (name, of_regions) in enumerate(found.items()):
        rows = [_limits(of_region, own[k][i]) for k, of_region in enumerate(of_regions)]
        for k in range(regions.n_niches):
            rows[k] |= _difference(of_regions[k], of_regions[-2], against[k][i])
        limits[name] = rows
    return limits


def _deviation(
    above: Side, below: Side, found: Sequence[RegionRatio], regions: Regions, niches: NicheMap
) -> NDArray[np.float64]:
    """Return (A / mean A - B / mean B) / ln 2 by pixel, the means being those of its niche or the rest.

    To first order its mean over a region is what log2(sum A / sum B) of that region is off by (the delta method), and
    its variance there [CV²(A) + CV²(B) - 2 cov] / ln² 2. A side whose limit of detection stands for it has no error.
    """
    image = np.full(above.image.shape, np.nan)
    masks = (*regions.masks[:-2], niches.domain & (niches.labels == 0))
    for region, mask in zip(found[:-1], masks, strict=True):
        if region.bound != "missing":
            a = above.image[mask] / region.mean_above if region.bound != "upper_bound" else 1.0
            b = below.image[mask] / region.mean_below if region.bound != "lower_bound" else 1.0
            image[mask] = (a - b) / np.log(2)
    return image


def _half_width(found: Estimates) -> NDArray[np.float64]:
    return np.asarray((found.high - found.low) / 2)


def _limits(found: RegionRatio, half_width: float) -> dict[str, Any]:
    """A bound has the limit on its own side only."""
    low, high = found.log2 - half_width, found.log2 + half_width
    return {
        "status": found.bound,
        "log2_ratio": found.log2,
        "low": np.nan if found.bound == "upper_bound" else low,
        "high": np.nan if found.bound == "lower_bound" else high,
    }


def _difference(found: RegionRatio, rest: RegionRatio, half_width: float) -> dict[str, float]:
    if (found.bound, rest.bound) != ("measured", "measured"):
        return {}
    value = found.log2 - rest.log2
    return {"difference": value, "difference_low": value - half_width, "difference_high": value + half_width}
