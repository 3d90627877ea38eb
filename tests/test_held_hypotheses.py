"""hypotheses.csv: what is taken from which table, and what cannot be said of a section."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from napari_metime.held_hypotheses import HYPOTHESES_COLUMNS, hypothesis_rows, unused_cutoffs
from napari_metime.section import Channel, ChannelSet, NicheMap, NicheResult

SHAPE = (4, 4)
KYN, LACTATE = "more kynurenine for tryptophan", "more lactate, and more PD-L1"


def niche_map(n: int) -> NicheMap:
    blank = np.zeros(SHAPE, np.float32)
    return NicheMap(blank == 0, blank == 0, blank, blank, np.zeros(SHAPE, np.int32), np.full(n, 0.01), 100.0, "")


def result(n: int = 2, **of_channel: tuple[float, float, float]) -> NicheResult:
    """Niches with contrasts of some channels (value, low, high); the second niche has them the other way round."""
    names = [str(k + 1) for k in range(n)]
    regions = pd.DataFrame({"region_id": [*names, "rest", "domain"]})
    for channel, limits in of_channel.items():
        for part, value in zip(("", "_low", "_high"), limits, strict=True):
            turned = {"": -limits[0], "_low": -limits[2], "_high": -limits[1]}[part]
            regions[f"log2fc{part}_{channel}"] = [*[value, turned][:n], np.nan, np.nan]
    axes = pd.DataFrame(
        [
            {"axis": "lactate_glycolysis", "region_id": name, "status": "scored", "reason": "",
             "difference": 1.0, "low": 0.4, "high": 1.6} for name in names
        ] + [{"axis": "lipid_FAO", "region_id": "section", "status": "not_scored", "reason": "2 of the 13 members"}],
    )  # fmt: skip
    ratios = pd.DataFrame(
        [
            {"ratio": "kyn_trp", "region_id": name, "status": status, "reason": "", "difference": 0.9,
             "difference_low": 0.3, "difference_high": 1.5}
            for name, status in zip(names, ("measured", "lower_bound"), strict=False)
        ] + [{"ratio": "gln_glu", "region_id": "section", "status": "not_measurable", "reason": "Glutamine: not seen"}]
    )  # fmt: skip
    nothing = pd.DataFrame()
    return NicheResult(niche_map(n), regions, nothing, nothing, nothing, axes=axes, ratios=ratios)


def channel_set(*names: str, lactate: str = "seen") -> ChannelSet:
    table = pd.DataFrame(
        [
            {"channel": "L-Lactate", "axis": "lactate_glycolysis", "verdict": lactate, "reason": "no isotope"},
            {"channel": "L-Arginine", "axis": "arginine", "verdict": "cannot be seen here", "reason": "out of range"},
        ]
    )
    image = np.ones(SHAPE, np.float32)
    return ChannelSet(tuple(Channel(name, "ion", image) for name in names), table, image)


def rows_of(channels: ChannelSet, found: NicheResult, **cutoffs: float) -> pd.DataFrame:
    return hypothesis_rows(channels, found, section_id="S", cutoffs=cutoffs)


def test_both_conditions_must_hold_in_the_niche() -> None:
    """Lactate and PD-L1 (its channel is called PDL1 here) are higher in niche 1 and lower in niche 2."""
    limits = {"L-Lactate": (0.5, 0.2, 0.8), "PDL1": (0.4, 0.1, 0.7)}
    rows = rows_of(channel_set(*limits), result(**limits)).query("condition == @LACTATE")
    assert rows["channel"].tolist() == ["L-Lactate", "PD-L1"] * 2
    assert rows["status"].tolist() == ["supported"] * 2 + ["not supported"] * 2
    assert rows["estimate"].tolist() == [0.5, 0.4, -0.5, -0.4]
    assert (rows["cutoff"] == "none set, compared with 0").all()


def test_of_channels_that_are_called_alike_none_is_guessed() -> None:
    limits = {"L-Lactate": (0.5, 0.2, 0.8), "PDL1": (0.4, 0.1, 0.7), "pd_l1": (-0.4, -0.7, -0.1)}
    (row,) = rows_of(channel_set(*limits), result(**limits)).query("condition == @LACTATE").to_dict("records")
    assert row["reason"] == "PD-L1: it may be PDL1 or pd_l1; rename one"
    exact = {"L-Lactate": (0.5, 0.2, 0.8), "L Lactate": (-0.5, -0.8, -0.2), "PD-L1": (0.4, 0.1, 0.7)}
    rows = rows_of(channel_set(*exact), result(**exact)).query("condition == @LACTATE")
    assert rows["estimate"].tolist()[:2] == [0.5, 0.4]


def test_a_cutoff_finds_its_channel_as_channels_are_found() -> None:
    limits = {"L-Lactate": (0.5, 0.2, 0.8), "PDL1": (0.4, 0.1, 0.7)}
    rows = rows_of(channel_set(*limits), result(**limits), PDL1=0.2).query("condition == @LACTATE")
    assert rows["cutoff"].tolist()[:2] == ["none set, compared with 0", "0.2 higher"]
    assert rows["status"].iloc[0] == "not supported"
    assert unused_cutoffs({"PDL1": 0.2}) == ()


def test_a_marker_that_was_not_imaged_is_told_once_for_the_section() -> None:
    limits = {"L-Lactate": (0.5, 0.2, 0.8)}
    (row,) = rows_of(channel_set(*limits), result(**limits)).query("condition == @LACTATE").to_dict("records")
    assert (row["region_id"], row["status"]) == ("section", "not measurable in this section")
    assert row["reason"] == "PD-L1: there is no such channel in this section"
    assert row["caveat"]


def test_a_member_that_is_not_surely_seen_supports_nothing() -> None:
    limits = {"L-Lactate": (0.5, 0.2, 0.8), "PD-L1": (0.5, 0.2, 0.8)}
    (row,) = (
        rows_of(channel_set(*limits, lactate="doubtful"), result(**limits))
        .query("condition == @LACTATE")
        .to_dict("records")
    )
    assert row["reason"] == "L-Lactate: doubtful (no isotope)"


def test_ratios_are_those_of_sums_and_a_bound_is_none() -> None:
    rows = rows_of(channel_set(), result(), kyn_trp=0.2).query("condition == @KYN")
    assert rows["status"].tolist() == ["supported", "not measurable in this section"]
    assert rows["cutoff"].iloc[0] == "0.2 higher"
    assert "only a bound (lower bound)" in rows["reason"].iloc[1]
    stricter = rows_of(channel_set(), result(), kyn_trp=0.5).query("condition == @KYN")
    assert stricter["status"].iloc[0] == "not supported"


def test_an_element_is_the_image_that_stands_for_it() -> None:
    name = "Copper (63Cu/65Cu, elemental)"
    copper = {"channel": name, "axis": "cuproptosis", "verdict": "seen", "reason": ""}
    channels = channel_set(name)
    table = pd.concat([channels.table, pd.DataFrame([copper])], ignore_index=True)
    rows = rows_of(replace(channels, table=table), result(**{name: (0.5, 0.2, 0.8)}))
    assert rows[rows["axis"] == "cuproptosis"]["status"].tolist() == ["supported", "not supported"]
    absent = copper | {"verdict": "cannot be seen here", "reason": "an element needs an image"}
    table = pd.concat([channel_set().table, pd.DataFrame([absent])], ignore_index=True)
    (row,) = rows_of(replace(channel_set(), table=table), result()).query("axis == 'cuproptosis'").to_dict("records")
    assert row["reason"] == f"{name}: cannot be seen here (an element needs an image)"


def test_a_refused_axis_says_why() -> None:
    rows = rows_of(channel_set(), result())
    both = rows[rows["axis"] == "lactate_glycolysis; lipid_FAO"]
    assert both["region_id"].tolist() == ["section"]
    assert both["reason"].tolist() == ["axis:lipid_FAO: 2 of the 13 members"]
    assert rows[rows["axis"] == "glutamine"]["reason"].tolist() == ["gln_glu: Glutamine: not seen"]
    assert rows[rows["axis"] == "arginine"]["reason"].tolist() == ["L-Arginine: cannot be seen here (out of range)"]


def test_a_cutoff_that_no_hypothesis_asks_for_is_told() -> None:
    assert unused_cutoffs({"kyn_trp": 0.2}) == ()
    (text,) = unused_cutoffs({"kyn_trp": 0.2, "axis:lactate": 0.5})
    assert text.startswith("hypotheses.cutoffs names axis:lactate, which no hypothesis asks for")
    assert "axis:lactate_glycolysis" in text


def test_without_niches_nothing_can_be_held() -> None:
    rows = rows_of(channel_set(), replace(result(0)))
    assert list(rows.columns) == list(HYPOTHESES_COLUMNS)
    assert (rows["status"] == "not measurable in this section").all()
    assert (rows["reason"] == "there is no niche to compare with the rest").all()
