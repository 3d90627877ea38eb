"""hypotheses.csv: what the review links to a treatment, held against the niches of a section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from napari_metime.metabolites.axes import SEEN, rows_of, verdict_of
from napari_metime.metabolites.hypotheses import Contrast, Held, hold, joint_status
from napari_metime.metabolites.hypothesis_table import Hypothesis, read_hypotheses
from napari_metime.scored_niches import WHOLE_SECTION
from napari_metime.section import AXIS_PREFIX, ChannelSet, NicheResult

HYPOTHESES_COLUMNS = (
    "section_id", "axis", "region_id", "status", "reason", "channel", "direction",
    "condition_status", "estimate", "low", "high", "cutoff", "condition", "hypothesis", "caveat", "review_sections",
)  # fmt: skip


def hypothesis_rows(
    channels: ChannelSet, found: NicheResult, *, section_id: str, cutoffs: Mapping[str, float]
) -> pd.DataFrame:
    """Hold each hypothesis against each niche: a row per hypothesis, niche and condition.

    One row for the whole section where it cannot be measured, for the same reason, in any niche.

    Parameters
    ----------
    found : with the rows of axes.csv and ratios.csv
    cutoffs : the recipe's, by channel
    """
    contrasts = _Contrasts.of(channels, found)
    by_letters = {_letters(name): value for name, value in cutoffs.items()}
    niches = [str(k + 1) for k in range(found.map.n_niches)]
    rows: list[dict[str, Any]] = []
    for hypothesis in read_hypotheses():
        about = {
            "section_id": section_id,
            "axis": hypothesis.axis,
            "condition": hypothesis.condition,
            "hypothesis": hypothesis.hypothesis,
            "caveat": hypothesis.caveat,
            "review_sections": hypothesis.sections,
        }
        rows += [about | row for row in _rows(hypothesis, contrasts, niches, by_letters)]
    return pd.DataFrame(rows, columns=list(HYPOTHESES_COLUMNS))


def unused_cutoffs(cutoffs: Mapping[str, float]) -> tuple[str, ...]:
    """Tell of cut-offs that no hypothesis asks for: mistyped, as a rule."""
    asked = {name for hypothesis in read_hypotheses() for name, _ in hypothesis.needs}
    letters = {_letters(name) for name in asked}
    unknown = [name for name in cutoffs if _letters(name) not in letters]
    if not unknown:
        return ()
    known = ", ".join(sorted(asked))
    return (f"hypotheses.cutoffs names {', '.join(unknown)}, which no hypothesis asks for; they ask for {known}.",)


def _rows(
    hypothesis: Hypothesis, contrasts: _Contrasts, niches: Sequence[str], cutoffs: Mapping[str, float]
) -> list[dict[str, Any]]:
    if not niches:
        why = "there is no niche to compare with the rest"
        return [{"region_id": WHOLE_SECTION, "status": joint_status([]), "reason": why}]
    by_niche = {
        niche: [
            hold(name, direction, contrasts.of_channel(name, niche), cutoffs.get(_letters(name)))
            for name, direction in hypothesis.needs
        ]
        for niche in niches
    }
    status = {niche: joint_status([each.status for each in held]) for niche, held in by_niche.items()}
    reason = {niche: "; ".join(each.reason for each in held if each.reason) for niche, held in by_niche.items()}
    if set(status.values()) == {joint_status([])} and len(set(reason.values())) == 1:
        return [{"region_id": WHOLE_SECTION, "status": joint_status([]), "reason": reason[niches[0]]}]
    return [
        {"region_id": niche, "status": status[niche], "reason": reason[niche]} | _columns(each)
        for niche, held in by_niche.items()
        for each in held
    ]


def _columns(held: Held) -> dict[str, Any]:
    return {
        "channel": held.channel,
        "direction": held.direction,
        "condition_status": held.status,
        "estimate": held.contrast.value,
        "low": held.contrast.low,
        "high": held.contrast.high,
        "cutoff": held.cutoff,
    }


@dataclass(frozen=True)
class _Contrasts:
    """The contrasts of a section, by the name of a channel and the niche.

    Parameters
    ----------
    axes, ratios : rows by channel and region_id
    regions : rows of regions.csv by region_id
    members : rows of channels.csv by channel
    measured : names of the measured channels, by their letters and digits alone: more than one where they are alike
    """

    axes: Mapping[tuple[str, str], Mapping[str, Any]]
    ratios: Mapping[tuple[str, str], Mapping[str, Any]]
    regions: Mapping[str, Mapping[str, Any]]
    members: Mapping[str, Mapping[str, Any]]
    measured: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, channels: ChannelSet, found: NicheResult) -> _Contrasts:
        measured: dict[str, list[str]] = {}
        for channel in channels.channels:
            measured.setdefault(_letters(channel.name), []).append(channel.name)
        return cls(
            {(AXIS_PREFIX + row["axis"], row["region_id"]): row for row in rows_of(found.axes)},
            {(row["ratio"], row["region_id"]): row for row in rows_of(found.ratios)},
            {str(row["region_id"]): row for row in rows_of(found.regions)},
            {str(row["channel"]): row for row in rows_of(channels.table)},
            measured,
        )

    def of_channel(self, name: str, niche: str) -> Contrast | str:
        """Return the contrast of a channel, or in words why there is none."""
        for rows, prefix in ((self.axes, ""), (self.ratios, "difference_")):
            refused = rows.get((name, WHOLE_SECTION))
            if refused is not None:
                return str(refused["reason"])
            row = rows.get((name, niche))
            if row is not None:
                value = Contrast(row["difference"], row[f"{prefix}low"], row[f"{prefix}high"])
                bound = {"lower_bound", "upper_bound", "missing"} & {str(row["status"])}
                return f"only a bound ({bound.pop().replace('_', ' ')}) in this niche" if bound else value
        member = self.members.get(name)
        if member is not None and verdict_of(member) != SEEN:
            return f"{verdict_of(member)} ({member['reason']})"
        alike = self.measured.get(_letters(name), ())
        if not alike:
            return "there is no such channel in this section"
        if name not in alike and len(alike) > 1:
            return f"it may be {' or '.join(alike)}; rename one"
        channel = name if name in alike else alike[0]
        row = self.regions[niche]
        return Contrast(*(row[f"log2fc{part}_{channel}"] for part in ("", "_low", "_high")))


def _letters(name: str) -> str:
    """PD-L1, PDL1 and pd_l1 are one marker."""
    return "".join(c for c in name.lower() if c.isalnum())
