"""Ratios and axis scores of a section in memory: what is planted is found, and what cannot be said is not said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_metime.errors import RecipeError
from napari_metime.scoring import with_scores
from napari_metime.section import Channel, ChannelSet, Tissue

SHAPE = (60, 60)
ROW, COL = np.mgrid[:60, :60]
TISSUE = np.hypot(ROW - 29.5, COL - 29.5) < 26
NICHE = np.hypot(ROW - 24, COL - 30) < 7
SD = 0.5
"""Of log2 of every ion."""
KYN, TRP = "L-Kynurenine", "L-Tryptophan"


def ions(names: list[str], *, raised: float = 0.0, seed: int = 0) -> list[Channel]:
    """Ions of independent noise, ``raised`` (log2) in the niche, nearly absent off the tissue."""
    rng = np.random.default_rng([seed, len(names)])
    images = 2 ** (6 + SD * rng.normal(size=(len(names), *SHAPE)) + raised * NICHE)
    off = rng.uniform(0, 1, size=images.shape)
    found = np.where(TISSUE, images, off).astype(np.float32)
    return [Channel(name, "ion", image) for name, image in zip(names, found, strict=True)]


def table(**verdict_of_members: dict[str, str]) -> pd.DataFrame:
    """Rows of channels.csv, by axis and member."""
    rows = []
    for axis, members in verdict_of_members.items():
        for name, verdict in members.items():
            number = len(rows)
            rows.append(
                {
                    "channel": name, "axis": axis, "verdict": verdict, "detected": verdict == "seen", "lod": 2.0,
                    "mz": 100.0 + number, "adduct": "[M-H]-", "pathway_sign": 1, "review_sign": 0,
                    "mean_intensity": np.nan if "cannot" in verdict else 1.0, "reason": verdict,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def channel_set(channels: list[Channel], rows: pd.DataFrame) -> ChannelSet:
    return ChannelSet(tuple(channels), rows, np.ones(SHAPE, np.float32))


def tissue() -> Tissue:
    return Tissue(TISSUE, "painted", "")


def axes_of(rows: pd.DataFrame, channels: list[Channel], min_members: int = 3) -> pd.DataFrame:
    scored = with_scores(channel_set(channels, rows), tissue(), min_members=min_members)
    return scored.axes.set_index("axis")


def planted_contrast(raised: float) -> float:
    """Of four members that are independent but for being raised by d SD in a share p of the tissue.

    4 d / sqrt(1' R 1), their correlation being p (1 - p) d² / (1 + p (1 - p) d²).
    """
    p, d = NICHE.sum() / TISSUE.sum(), raised / SD
    r = p * (1 - p) * d**2 / (1 + p * (1 - p) * d**2)
    return float(4 * d / np.sqrt(4 + 12 * r))


@pytest.mark.parametrize("by", [0.25, 1.0])
def test_an_axis_raised_in_a_niche_has_the_contrast_that_was_planted(by: float) -> None:
    raised, flat = list("abcd"), list("efgh")
    rows = table(up=dict.fromkeys(raised, "seen"), flat=dict.fromkeys(flat, "seen"))
    channels = [*ions(raised, raised=by), *ions(flat, seed=1)]
    scored = with_scores(channel_set(channels, rows), tissue(), min_members=3)
    images = {c.name: c.image for c in scored.channels if c.kind == "axis"}
    assert list(images) == ["axis:up", "axis:flat"]
    contrast = {name: image[NICHE].mean() - image[TISSUE & ~NICHE].mean() for name, image in images.items()}
    # The standard error is 0.08, and the median and MAD of the tissue feel the niche a little.
    assert contrast["axis:up"] == pytest.approx(planted_contrast(by), rel=0.1, abs=0.2)
    assert abs(contrast["axis:flat"]) < 0.3
    for image in images.values():
        assert image.dtype == np.float32
        assert np.isnan(image[~TISSUE]).all()
        assert image[TISSUE].std() == pytest.approx(1.0, abs=0.1)


def test_a_member_that_is_used_up_counts_the_other_way() -> None:
    names = list("abcd")
    rows = table(up=dict.fromkeys(names, "seen"))
    rows["pathway_sign"] = [1, 1, 1, -1]
    channels = [*ions(names[:3], raised=1.0), *ions(["d"], raised=-1.0)]
    image = with_scores(channel_set(channels, rows), tissue(), min_members=3).channels[-1].image
    contrast = image[NICHE].mean() - image[TISSUE & ~NICHE].mean()
    assert contrast == pytest.approx(planted_contrast(1.0), rel=0.1, abs=0.2)


def test_the_sign_for_suppression_is_told_and_never_used() -> None:
    names = list("abc")
    rows = table(up=dict.fromkeys(names, "seen"))
    plain = with_scores(channel_set(ions(names), rows), tissue(), min_members=3)
    signed = with_scores(channel_set(ions(names), rows.assign(review_sign=[-1, 1, 0])), tissue(), min_members=3)
    assert np.array_equal(plain.channels[-1].image, signed.channels[-1].image, equal_nan=True)
    assert signed.axes["review_sign"][0] == (
        "higher with immune suppression: b; lower with immune suppression: a; no sign stated: c"
    )


@pytest.mark.parametrize(
    ("verdicts", "status", "words"),
    [
        ({"a": "cannot be seen here", "b": "cannot be seen here"}, "not_scored", "can show none of its 2 members"),
        ({"a": "doubtful"}, "not_scored", "the only member that this file can show is doubtful; 3"),
        ({"a": "seen"}, "single_ion", "a (single ion): the only member that this file can show; a readout"),
        ({"a": "not seen", "b": "doubtful"}, "not_scored", "none of the 2 members that this file can show is seen"),
        ({"a": "seen", "b": "doubtful"}, "single_ion", "a (single ion): the only seen one of the 2 members"),
        ({"a": "seen", "b": "seen", "c": "doubtful"}, "not_scored", "2 of the 3 members"),
        (dict.fromkeys("abc", "seen") | dict.fromkeys("defg", "not seen"), "not_scored", "a coverage of 0.43; 0.5"),
        (dict.fromkeys("abc", "seen") | dict.fromkeys("def", "not seen"), "scored", ""),
        (dict.fromkeys("abc", "seen") | dict.fromkeys("defgh", "cannot be seen here"), "scored", ""),
    ],
)
def test_an_axis_is_scored_by_enough_seen_members_or_refused_in_words(
    verdicts: dict[str, str], status: str, words: str
) -> None:
    found = axes_of(table(x=verdicts), ions(list(verdicts))).loc["x"]
    assert found["status"] == status
    assert words in found["reason"]
    assert (found["channel"] == "axis:x") == (status == "scored")


def test_one_ion_is_never_a_score_whatever_the_recipe_says() -> None:
    found = axes_of(table(x={"a": "seen"}), ions(["a"]), min_members=1).loc["x"]
    assert (found["status"], found["n_members"], found["coverage"]) == ("single_ion", 1, 1.0)


def test_an_ion_without_spread_is_no_member() -> None:
    flat = Channel("c", "ion", np.full(SHAPE, 5.0, np.float32))
    found = axes_of(table(x=dict.fromkeys("abc", "seen")), [*ions(["a", "b"]), flat]).loc["x"]
    assert (found["status"], found["members"]) == ("not_scored", ("a", "b"))


def test_members_that_cancel_are_refused() -> None:
    rows = table(x=dict.fromkeys("ab", "seen")).assign(pathway_sign=[1, -1])
    (ion,) = ions(["a"])
    found = axes_of(rows, [ion, replace(ion, name="b")], min_members=2).loc["x"]
    assert (found["status"], found["channel"]) == ("not_scored", "")
    assert "cancel" in found["reason"]


def test_kyn_over_trp_is_a_channel_with_its_shares() -> None:
    rows = table(trp_kyn={KYN: "seen", TRP: "seen"})
    channels = ions([KYN, TRP], raised=0.0)
    scored = with_scores(channel_set(channels, rows), tissue(), min_members=3)
    ratio = next(c for c in scored.channels if c.name == "kyn_trp")
    assert ratio.kind == "ratio"
    expected = np.log2((channels[0].image + 1) / (channels[1].image + 1))  # half of a limit of 2
    np.testing.assert_allclose(ratio.image[TISSUE], expected[TISSUE], rtol=1e-4, atol=1e-5)
    fact = scored.ratios.set_index("ratio").loc["kyn_trp"]
    assert (fact["status"], fact["share_measured"]) == ("measured", 1.0)
    assert np.isnan(ratio.image[~TISSUE]).all()  # below both limits


def test_a_ratio_without_its_denominator_says_so() -> None:
    rows = table(trp_kyn={KYN: "seen", TRP: "cannot be seen here"})
    scored = with_scores(channel_set(ions([KYN]), rows), tissue(), min_members=3)
    fact = scored.ratios.set_index("ratio").loc["kyn_trp"]
    assert (fact["status"], fact["reason"]) == ("not_measurable", "L-Tryptophan: cannot be seen here")
    assert "kyn_trp" not in {c.name for c in scored.channels}


def test_without_a_panel_nothing_is_scored() -> None:
    scored = with_scores(channel_set(ions(["mz:100.0000"]), pd.DataFrame()), tissue(), min_members=3)
    assert (len(scored.axes), len(scored.ratios), len(scored.channels)) == (0, 0, 1)
    assert "status" in scored.axes


def test_limits_that_are_not_from_off_the_tissue_are_told() -> None:
    rows = table(x=dict.fromkeys("abc", "seen")).assign(lod=np.nan)
    scored = with_scores(channel_set(ions(list("abc")), rows), tissue(), min_members=3)
    assert any("3 ions have no limit of detection from off the tissue" in text for text in scored.warnings)


def test_a_channel_may_not_have_the_name_of_a_score() -> None:
    rows = table(x=dict.fromkeys("abc", "seen"))
    image = Channel("axis:x", "image", np.ones(SHAPE, np.float32))
    with pytest.raises(RecipeError, match="'axis:x' twice"):
        with_scores(channel_set([*ions(list("abc")), image], rows), tissue(), min_members=3)
