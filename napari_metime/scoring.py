"""Ratios and axis scores as channels of a section, from the images of its ions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import RecipeError
from napari_metime.ims import batches, extract_ions, find_index, mean_spectrum, normalization_factors, pick_peaks
from napari_metime.metabolites.axes import (
    SEEN,
    AxisPlan,
    Member,
    axis_members,
    plan_axis,
    review_words,
    rows_of,
    verdict_of,
)
from napari_metime.metabolites.choice import MIN_COVERAGE
from napari_metime.metabolites.ratio_table import read_ratios
from napari_metime.metabolites.ratios import (
    RatioPlan,
    Shares,
    Side,
    mean_off_tissue,
    plan_ratio,
    ratio_image,
    ratio_shares,
    sum_side,
)
from napari_metime.metabolites.scores import shrunk_correlation, signed_weights
from napari_metime.metabolites.standard import Limit, limit_of, off_tissue_limit, robust_z
from napari_metime.recipe import ChannelsRecipe, ImsRecipe
from napari_metime.section import (
    AXIS_PREFIX,
    Channel,
    ChannelSet,
    Dataset,
    IonPool,
    Progress,
    Tissue,
    no_progress,
    share_of,
)

MAX_POOL = 100
"""Other ions that an axis is compared with at most. Our default."""
POOL_BYTES = 1 << 27
"""Memory that their z may take."""


@dataclass(frozen=True)
class Members:
    """The images that ratios and axes are made of: panel members that are seen.

    Parameters
    ----------
    images : of each seen member, shape (rows, cols)
    limits : of each of them
    off_tissue : mean intensity of each off the tissue; NaN where it is not known
    tissue : ndarray of shape (rows, cols), bool
    """

    images: Mapping[str, NDArray[np.float32]]
    limits: Mapping[str, Limit]
    off_tissue: Mapping[str, float]
    tissue: NDArray[np.bool_]

    @classmethod
    def of(cls, channels: ChannelSet, tissue: NDArray[np.bool_]) -> Members:
        """Collect the seen members of the table, with their limits of detection."""
        there = {c.name: c.image for c in channels.channels if not c.is_logarithmic}
        seen = {str(row["channel"]): row for row in rows_of(channels.table) if verdict_of(row) == SEEN}
        images = {name: there[name] for name in seen if name in there}
        limits = {name: limit_of(image[tissue], _stated_limit(seen[name])) for name, image in images.items()}
        return cls(images, limits, {name: mean_off_tissue(seen[name]) for name in images}, tissue)

    def z(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Robust z of some usable members over the tissue pixels, shape (n_members, n_pixels)."""
        return np.stack([robust_z(self.images[name][self.tissue], self.limits[name]) for name in names])

    @cached_property
    def usable(self) -> tuple[str, ...]:
        """Names of the members with any spread over the tissue."""
        return tuple(name for name, image in self.images.items() if _has_spread(image[self.tissue]))


def _has_spread(values: NDArray[np.float32]) -> bool:
    known = values[np.isfinite(values)]
    return bool(known.size and known.max() > max(float(known.min()), 0.0))


def _stated_limit(row: Mapping[str, Any]) -> float:
    return float(row.get("lod", np.nan))


def score_channels(
    dataset: Dataset,
    tissue: Tissue,
    channels: ChannelSet,
    ims: ImsRecipe,
    recipe: ChannelsRecipe,
    *,
    on_progress: Progress = no_progress,
) -> ChannelSet:
    """Add the ratios and axis scores that the seen members of the panel allow, and say why not the others.

    Parameters
    ----------
    channels : as ``measure_channels`` gives them

    Raises
    ------
    RecipeError
        A channel has the name of a ratio or an axis score.
    """
    scored = with_scores(channels, tissue, min_members=recipe.min_members)
    if (scored.axes["status"] == "scored").any():
        return replace(scored, pool=_pool(dataset, tissue, ims, on_progress))
    return scored


def with_scores(channels: ChannelSet, tissue: Tissue, *, min_members: int) -> ChannelSet:
    """Add ratios and axis scores, without other ions to compare them with.

    Raises
    ------
    RecipeError
        A channel has the name of a ratio or an axis score.
    """
    members = Members.of(channels, tissue.mask)
    ratios, ratio_table = _ratios(members, channels.table)
    axes, axis_table = _axes(members, channels.table, min_members)
    made = (*ratios, *axes)
    taken = {channel.name for channel in channels.channels}
    for channel in made:
        if channel.name in taken:
            raise RecipeError(
                f"expected channels of different names, found {channel.name!r} twice: it is that of a "
                f"{'ratio' if channel.kind == 'ratio' else 'metabolic axis'}; rename yours"
            )
    told = _tell_limits(members) if made else ()
    return replace(
        channels,
        channels=(*channels.channels, *made),
        warnings=(*channels.warnings, *told),
        ratios=ratio_table,
        axes=axis_table,
    )


def plan_ratios(members: Members, table: pd.DataFrame) -> list[RatioPlan]:
    """Say of each ratio of the panel whether it can be measured; none without a panel.

    Parameters
    ----------
    table : the rows of channels.csv
    """
    rows = {str(row["channel"]): row for row in rows_of(table)}
    return [plan_ratio(ratio, rows, members.images) for ratio in (read_ratios() if rows else ())]


def _ratios(members: Members, table: pd.DataFrame) -> tuple[list[Channel], pd.DataFrame]:
    channels, facts = [], []
    for plan in plan_ratios(members, table):
        shares: dict[str, float] = {}
        if plan.is_measurable:
            above, below = ratio_sides(plan, members)
            channels.append(Channel(plan.ratio.id, "ratio", ratio_image(above, below)))
            shares = share_columns(ratio_shares(above, below, members.tissue))
        facts.append(
            {
                "ratio": plan.ratio.id,
                "axis": plan.ratio.axis,
                "channel": plan.ratio.id if plan.is_measurable else "",
                "status": "measured" if plan.is_measurable else "not_measurable",
                "reason": plan.reason,
                **shares,
                "members": plan.members,
                "missing": plan.missing,
                "definition": plan.ratio.definition,
                "reads": plan.ratio.reads,
                "limits": plan.ratio.limits,
            }
        )
    return channels, pd.DataFrame(facts, columns=list(RATIO_COLUMNS))


def share_columns(shares: Shares) -> dict[str, float]:
    """Return shares by their columns."""
    return {f"share_{name}": value for name, value in asdict(shares).items()}


def ratio_sides(plan: RatioPlan, members: Members) -> tuple[Side, Side]:
    """Return the two sums that a ratio divides."""
    less = members.off_tissue if plan.ratio.less_off_tissue else {}
    above, below = (sum_side(side, members.images, members.limits, less) for side in (plan.numerator, plan.denominator))
    return above, below


SHARES = ("share_measured", "share_lower_bound", "share_upper_bound", "share_missing")
RATIO_COLUMNS = (
    "ratio", "axis", "channel", "status", "reason", *SHARES, "members", "missing", "definition", "reads", "limits",
)  # fmt: skip
AXIS_COLUMNS = (
    "axis", "channel", "status", "reason", "n_members", "n_can_show", "members", "coverage", "review_sign",
)  # fmt: skip


def _axes(members: Members, table: pd.DataFrame, min_members: int) -> tuple[list[Channel], pd.DataFrame]:
    channels, facts = [], []
    for axis, of_axis in axis_members(table).items():
        plan = plan_axis(axis, of_axis, usable=members.usable, min_members=min_members)
        image = axis_image(members, plan) if plan.status == "scored" else None
        if image is not None:
            channels.append(Channel(AXIS_PREFIX + axis, "axis", image))
        elif plan.status == "scored":
            plan = replace(plan, status="not_scored", reason="its members cancel each other out in every pixel")
        facts.append(
            {
                "axis": axis,
                "channel": "" if image is None else AXIS_PREFIX + axis,
                "status": plan.status,
                "reason": plan.reason,
                "n_members": len(plan.members),
                "n_can_show": plan.n_in_reach,
                "members": tuple(m.name for m in plan.members),
                "coverage": plan.coverage,
                "review_sign": review_words(plan.members or of_axis),
            }
        )
    return channels, pd.DataFrame(facts, columns=list(AXIS_COLUMNS))


@dataclass(frozen=True)
class ScoredAxis:
    """The members of an axis as they are scored.

    Parameters
    ----------
    names : of the members
    sign : ndarray of shape (n_members,), 1 or -1: for the activity of the axis
    z : ndarray of shape (n_members, n_pixels) over the tissue
    correlation : ndarray of shape (n_members, n_members), shrunk
    """

    names: tuple[str, ...]
    sign: NDArray[np.float64]
    z: NDArray[np.float32]
    correlation: NDArray[np.float64]

    @classmethod
    def of(cls, members: Members, used: Sequence[Member]) -> ScoredAxis:
        """Standardise the members over the tissue."""
        names = tuple(m.name for m in used)
        z = members.z(names)
        return cls(names, np.array([m.sign for m in used], dtype=np.float64), z, shrunk_correlation(z))

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights with their signs, shape (n_members,); NaN where the members cancel each other out."""
        return signed_weights(self.correlation, self.sign)


def axis_image(members: Members, plan: AxisPlan) -> NDArray[np.float32] | None:
    """Return the score S1 of an axis, shape (rows, cols), NaN off the tissue; None where its members cancel out."""
    axis = ScoredAxis.of(members, plan.members)
    if not np.isfinite(axis.weights).all():
        return None
    image = np.full(members.tissue.shape, np.nan, dtype=np.float32)
    image[members.tissue] = axis.weights.astype(np.float32) @ axis.z
    return image


def off_tissue(tissue: Tissue) -> NDArray[np.bool_]:
    """Return which pixels are beside the tissue, shape (rows, cols): what was left out by hand is on neither side."""
    return np.asarray(~np.logical_or.reduce([tissue.mask, *(part.mask for part in tissue.left_out)]), dtype=bool)


def _tell_limits(members: Members) -> tuple[str, ...]:
    n = sum(not limit.is_from_off_tissue for limit in members.limits.values())
    if not n:
        return ()
    ions = "1 ion has" if n == 1 else f"{n} ions have"
    return (
        f"{ions} no limit of detection from off the tissue (too few pixels, or the ion is nowhere there): the smallest "
        "intensity on the tissue stands for it in ratios and axis scores.",
    )


def _pool(dataset: Dataset, tissue: Tissue, ims: ImsRecipe, on_progress: Progress) -> IonPool:
    """Take ions of the file, evenly by intensity, that are there on the tissue and more than off it."""
    spectrum = mean_spectrum(dataset, mask=tissue.mask, on_progress=share_of(on_progress, 0.0, 0.5))
    peaks = pick_peaks(spectrum)
    most = min(MAX_POOL, POOL_BYTES // (2 * tissue.mask.size))
    by_intensity = np.argsort(-peaks.intensity, kind="stable")
    chosen = np.unique(np.linspace(0, by_intensity.size - 1, min(most, by_intensity.size)).astype(np.intp))
    mz = np.sort(peaks.mz[by_intensity[chosen]])
    factors, index = normalization_factors(dataset, ims, tissue.mask), find_index(dataset)
    kept, z, likeness = [], [], []
    off = dataset.measured & off_tissue(tissue)
    for part in batches(dataset, mz.size):
        found = extract_ions(
            dataset,
            mz[part],
            tolerance_ppm=ims.tolerance_ppm,
            factors=factors,
            reference_mask=tissue.mask,
            index=index,
            on_progress=share_of(on_progress, *(0.5 + 0.5 * done / mz.size for done in (part.start, part.stop))),
        )
        for one_mz, image in zip(mz[part], found.images, strict=True):
            of_ion = _pooled(image, tissue.mask, off)
            if of_ion is not None:
                kept.append(one_mz)
                z.append(of_ion[0])
                likeness.append(of_ion[1:])
    coverage, mean = np.array(likeness, dtype=np.float64).reshape(-1, 2).T
    stacked = np.array(z, dtype=np.float16).reshape(len(z), *tissue.mask.shape)
    return IonPool(np.array(kept, dtype=np.float64), stacked, coverage, mean, ims.tolerance_ppm)


def _pooled(
    image: NDArray[np.float32], tissue: NDArray[np.bool_], off: NDArray[np.bool_]
) -> tuple[NDArray[np.float16], float, float] | None:
    """Return an ion's z on the grid, its coverage and its mean; None where it is no ion of the tissue."""
    on_tissue, off_tissue = image[tissue], image[off]
    known = on_tissue[np.isfinite(on_tissue)]
    coverage = float((known > 0).mean()) if known.size else 0.0
    beside = off_tissue[np.isfinite(off_tissue)]
    if coverage < MIN_COVERAGE or (beside.size and beside.mean() >= known.mean()):
        return None
    z = robust_z(on_tissue, limit_of(on_tissue, off_tissue_limit(off_tissue)))
    if not np.isfinite(z).any():
        return None
    on_grid = np.full(image.shape, np.nan, dtype=np.float16)
    on_grid[tissue] = z
    return on_grid, coverage, float(known.mean())
