"""associations.csv: each channel against coldness, tested as maps are: neighbouring pixels are not independent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from napari_metime.niches.autocorrelation import Lags, modified_t_p
from napari_metime.niches.covariates import covariate_maps
from napari_metime.niches.regions import RegionInputs
from napari_metime.niches.residuals import Adjustment, normal_scores
from napari_metime.niches.shifts import MIN_OVERLAP, Shifted, shift_test
from napari_metime.section import Channel, ChannelSet, Progress, no_progress

ASSOCIATION_COLUMNS = (
    "section_id", "channel", "kind", "n_pixels", "r", "r_partial", "ess", "p_modified_t", "p_shift", "q",
    "covariates", "status", "reason",
)  # fmt: skip
FURTHER_COLUMNS = (
    "family", "z", "se_z", "n_shifts", "peak_shift_um", "peak_shift_x_um", "peak_shift_y_um", "r_at_peak",
    "range_coldness_um", "range_channel_um", "fraction_nonzero",
)  # fmt: skip
"""After the contract's columns."""
PRIMARY_PREFIX = "axis:"
MIN_PIXELS = 50
"""Fewest assessable pixels with a value. Our default."""
MIN_ESS = 10.0
"""Fewest independent values of two maps that anything is said of. Our default."""
MIN_RANGES = 5.0
"""Fewest correlation lengths that the domain must span. As estimated on it, a length scatters by a fifth: this refuses
what is longer than a sixth of the domain by more than that. Our default."""
MAX_ZEROS = 0.8
"""Share of zeros above which a channel is compared as there or not there. Our default."""
MIN_PRESENT = 30
"""Fewest pixels with, and without, a channel that is there or not there. Our default."""
MIN_LEFT = 1e-6
"""Share of its variance that the covariates must leave of a map; less is rounding."""
BATCH_VALUES = 4_000_000
"""Values of one array of a batch of channels; there are about ten such arrays at a time."""


def association_rows(
    inputs: RegionInputs,
    channels: ChannelSet,
    *,
    section_id: str,
    covariates: tuple[str, ...],
    on_progress: Progress = no_progress,
) -> pd.DataFrame:
    """Rows for every measured channel, then for the panel members that this file does not show.

    ``r`` is the correlation of coldness with the normal scores of a channel (logarithmic channels as they are) over the
    assessable pixels, ``r_partial`` the same after splines of the covariates were taken from both. Both tests are of
    ``r_partial``; ``q`` is by Benjamini & Hochberg from the larger of their two p, over the axis scores and over all
    other channels apart. ``z`` is its Fisher transform, of standard error 1 / sqrt(ess - 3).
    """
    maps = covariate_maps(inputs, covariates)
    known = np.isfinite(inputs.niches.coldness) & np.isfinite(maps).all(axis=0)
    rows: dict[str, dict[str, object]] = {}
    for mask, members in by_pixels(known, channels.channels):
        rows |= _tested_together(inputs, mask, members, maps[:, mask].T, on_progress)
    ordered = [rows[channel.name] for channel in channels.channels]
    frame = pd.DataFrame([*ordered, *_not_shown(channels.table)], columns=[*ASSOCIATION_COLUMNS, *FURTHER_COLUMNS])
    primary = frame["channel"].astype(str).str.startswith(PRIMARY_PREFIX)
    frame = frame.assign(
        section_id=section_id, covariates=" ".join(covariates), family=np.where(primary, "primary", "secondary")
    )
    return frame.assign(q=_q(frame))


def _not_shown(table: pd.DataFrame) -> list[dict[str, object]]:
    missing = table[~table["detected"].astype(bool)] if len(table) else table
    rows: list[dict[str, object]] = []
    for row in missing.to_dict("records"):
        # An ion that was looked for and hardly found is measured; one that this file cannot show is not.
        status = "not_measured" if pd.isna(row.get("mean_intensity")) else "not_testable"
        rows.append(
            {"channel": row["channel"], "kind": "ion", "n_pixels": 0, "status": status, "reason": row["reason"]}
        )
    return rows


def by_pixels(
    known: NDArray[np.bool_], channels: Sequence[Channel]
) -> Iterator[tuple[NDArray[np.bool_], list[Channel]]]:
    """Group the channels that are known in the same pixels: what depends on these alone is done once for each."""
    groups: dict[bytes, tuple[NDArray[np.bool_], list[Channel]]] = {}
    for channel in channels:
        mask = known & np.isfinite(channel.image)
        groups.setdefault(np.packbits(mask).tobytes(), (mask, []))[1].append(channel)
    yield from groups.values()


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """A channel that can be compared: its values in the pixels, or why it cannot."""

    values: NDArray[np.float64] | None
    reason: str
    nonzero: float


def _score(channel: Channel, mask: NDArray[np.bool_]) -> _Scored:
    values = channel.image[mask]
    nonzero = float((values != 0).mean()) if values.size else np.nan
    if values.size < MIN_PIXELS:
        reason = f"only {values.size} assessable pixels with a value; {MIN_PIXELS} are the fewest"
        return _Scored(None, reason, nonzero)
    if values.min() == values.max():
        return _Scored(None, "the same value in every assessable pixel", nonzero)
    if channel.is_logarithmic:
        return _Scored(values.astype(np.float64), "", nonzero)
    if nonzero >= 1 - MAX_ZEROS:
        return _Scored(normal_scores(values), "", nonzero)
    present = int((values != 0).sum())
    if present < MIN_PRESENT:
        return _Scored(None, f"found in only {present} assessable pixels; {MIN_PRESENT} are the fewest", nonzero)
    reason = f"found in {100 * nonzero:.0f} % of the pixels: compared as there or not there"
    return _Scored((values != 0).astype(np.float64), reason, nonzero)


def _tested_together(
    inputs: RegionInputs,
    mask: NDArray[np.bool_],
    channels: list[Channel],
    covariates: NDArray[np.float64],
    on_progress: Progress,
) -> dict[str, dict[str, object]]:
    """Test channels that are known in the same pixels.

    Parameters
    ----------
    covariates : ndarray of shape (n_pixels, n_maps)
    """
    n = int(mask.sum())
    rows: dict[str, dict[str, object]] = {
        c.name: {"channel": c.name, "kind": c.kind, "n_pixels": n, "status": "not_testable"} for c in channels
    }
    if not np.isfinite(inputs.niches.coldness).any():
        return {name: row | {"reason": "there is no map of coldness"} for name, row in rows.items()}
    testable = n >= MIN_PIXELS
    comparison = _Comparison.of(inputs, mask, covariates) if testable else None
    batch = comparison.batch if comparison else len(channels)
    for start in range(0, len(channels), batch):
        on_progress(start / len(channels), "comparing the channels with coldness")
        scored = {c.name: _score(c, mask) for c in channels[start : start + batch]}
        for name, score in scored.items():
            rows[name] |= {"reason": score.reason, "fraction_nonzero": score.nonzero}
        values = {name: score.values for name, score in scored.items() if score.values is not None}
        if values and comparison:
            for name, found in zip(values, comparison.rows(np.array(list(values.values()))), strict=True):
                rows[name] |= found
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """Coldness in some pixels, ready to be compared with channels.

    Parameters
    ----------
    coldness : ndarray of shape (n_pixels,)
    left : ndarray of shape (1, rows, cols): what the covariates leave of it, standardised
    shifted : the same, transformed
    covariance : ndarray of shape (1, n_classes): its autocovariance
    lost_to_mean, lost_to_all : ndarray of shape (n_classes,): what taking away the mean, and all, costs
    left_share : share of its variance that the covariates leave
    """

    lags: Lags
    adjustment: Adjustment
    coldness: NDArray[np.float64]
    left: NDArray[np.float64]
    shifted: Shifted
    covariance: NDArray[np.float64]
    lost_to_mean: NDArray[np.float64]
    lost_to_all: NDArray[np.float64]
    left_share: float

    @classmethod
    def of(cls, inputs: RegionInputs, mask: NDArray[np.bool_], covariates: NDArray[np.float64]) -> _Comparison:
        lags = Lags.of_mask(mask, inputs.grid.spacing_um, min_share=MIN_OVERLAP)
        adjustment = Adjustment.for_covariates(covariates)
        coldness = inputs.niches.coldness[mask].astype(np.float64)
        residual = adjustment.residual(coldness)
        left = lags.standardised(residual[None])
        shifted = Shifted.of_images(lags, left)
        covariance = lags.autocovariance(shifted.values)
        constant = np.full((coldness.size, 1), coldness.size**-0.5)
        return cls(
            lags, adjustment, coldness, left, shifted, covariance,
            lost_to_mean=lags.lost(constant, covariance[0]),
            lost_to_all=lags.lost(np.hstack([constant, adjustment.basis]), covariance[0]),
            left_share=float(_left_share(residual, coldness)),
        )  # fmt: skip

    @property
    def batch(self) -> int:
        """How many channels are compared at a time."""
        return max(BATCH_VALUES // int(np.prod(self.lags.padded)), 1)

    def rows(self, values: NDArray[np.float64]) -> list[dict[str, object]]:
        """Compare channels, shape (n, n_pixels): the columns that say how, for each."""
        lags = self.lags
        residual = self.adjustment.residual(values.T).T
        left_share = _left_share(residual, values)
        images = lags.standardised(residual)
        shifted = Shifted.of_images(lags, images)
        covariance = lags.autocovariance(shifted.values)
        r = (images * self.left).sum(axis=(1, 2)) / lags.n_pixels
        of_mean = lags.kept(self.covariance, covariance, self.lost_to_mean)
        kept = lags.kept(self.covariance, covariance, self.lost_to_all) / of_mean
        test = shift_test(lags, self.shifted, shifted, kept)
        ess = 1 + (lags.effective_size(self.covariance, covariance) - 1) * kept
        spanned = self._ranges_spanned(covariance)
        found: dict[str, NDArray[np.generic]] = {
            "r": _correlation(values, self.coldness),
            "r_partial": r,
            "ess": ess,
            "p_modified_t": modified_t_p(r, ess),
            "p_shift": test.p,
            "z": np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)),
            "se_z": 1 / np.sqrt(np.maximum(ess - 3, 1e-9)),
            "n_shifts": np.full(r.size, test.n_shifts),
            "peak_shift_um": np.hypot(test.peak_x_um, test.peak_y_um),
            "peak_shift_x_um": test.peak_x_um,
            "peak_shift_y_um": test.peak_y_um,
            "r_at_peak": test.r_at_peak,
            "range_coldness_um": np.broadcast_to(lags.range_um(self.covariance), r.shape),
            "range_channel_um": lags.range_um(covariance),
        }
        rows = []
        for i in range(r.size):
            row = {name: column[i] for name, column in found.items()}
            reason = _why_not(left_share[i], self.left_share, ess[i], spanned[i])
            rows.append(_untested(row, reason) if reason else row | {"status": "tested"})
        return rows

    def _ranges_spanned(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """How many correlation lengths the domain spans: that at which both maps together have fallen to 1/e²."""
        span_um = np.sqrt(4 * self.lags.n_pixels * np.prod(self.lags.spacing_um) / np.pi)
        common = self.lags.range_um(covariance * self.covariance, level=np.exp(-2.0))
        return np.asarray(span_um / np.maximum(common, 1e-9))


def _left_share(residual: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the variance over the last axis that is left."""
    return np.asarray(residual.var(axis=-1) / np.maximum(values.var(axis=-1), 1e-300))


def _why_not(of_channel: float, of_coldness: float, ess: float, spanned: float) -> str:
    if min(of_channel, of_coldness) < MIN_LEFT:
        return f"the covariates leave nothing of {'coldness' if of_coldness < MIN_LEFT else 'the channel'}"
    if ess < MIN_ESS:
        return f"the section holds {ess:.0f} independent values of the two maps; {MIN_ESS:.0f} are the fewest"
    if spanned < MIN_RANGES:
        return f"the domain spans {spanned:.1f} correlation lengths of the two maps; {MIN_RANGES:g} are the fewest"
    return ""


def _untested(row: dict[str, object], reason: str) -> dict[str, object]:
    kept = ("r", "r_partial", "ess", "range_coldness_um", "range_channel_um")
    return {name: row[name] for name in kept} | {"reason": reason}


def _correlation(values: NDArray[np.float64], coldness: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = coldness - coldness.mean(), values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt((y**2).sum(axis=1) * (x**2).sum())
    return np.where(spread > 0, y @ x / np.where(spread > 0, spread, 1.0), np.nan)


def _q(table: pd.DataFrame) -> NDArray[np.float64]:
    """Benjamini-Hochberg within each family, from the larger of the two p: both tests must agree."""
    p = np.maximum(table["p_modified_t"].to_numpy(np.float64), table["p_shift"].to_numpy(np.float64))
    q = np.full(p.size, np.nan)
    for family in ("primary", "secondary"):
        member = (table["family"] == family).to_numpy() & (table["status"] == "tested").to_numpy()
        if member.any():
            q[member] = false_discovery_control(p[member])
    return q
