"""What is known of a metabolite, in words."""

from __future__ import annotations

import math

import pytest

from napari_metime.gui.views.evidence_words import (
    VERDICTS,
    axis_sentences,
    axis_state,
    axis_words,
    ion_words,
    member_sentences,
    ratio_sentences,
    verdict_counts,
    verdict_words,
)
from napari_metime.metabolites import read_panel

FULL = {
    "channel": "L-Lactate",
    "formula": "C3H6O3",
    "adduct": "[M-H]-",
    "mz": 89.02442,
    "verdict": "doubtful",
    "reason": "its M+1 is expected below the limit of detection",
    "coverage": 0.874,
    "off_coverage": 0.02,
    "off_to_on": 0.125,
    "ppm_error": -1.23,
    "isotope_spatial": 0.934,
    "isotope_spectral": math.nan,
    "chaos": 0.98,
    "msm": 0.7,
    "metaspace_fdr": 0.1,
    "conflicts": "D-Lactate [M-H]-",
    "matrix_conflicts": "",
    "in_source": "Malate [M-CO2-H]-",
    "pathway_sign": 1,
    "review_sign": 1,
    "origin": "the review",
    "secondary_axes": "TCA;energy_adenosine",
    "caveat": "m/z < 150: dense background",
}


def test_every_number_and_doubt_of_a_member_is_told():
    told = " ".join(member_sentences(FULL))
    for text in (
        "Its M+1 is expected below the limit of detection.",
        "Found in 87 % of the tissue pixels, and in 2 % of those beside it.",
        "0.12 times as strong",
        "1.2 ppm below the expected m/z",
        "lie where it does: 0.93",
        "Shape in its image: 0.98",
        "together: 0.70",
        "false discovery rate of 10 %",
        "In the same window: D-Lactate [M-H]-.",
        "From the source: Malate [M-CO2-H]-.",
        "More of it counts as a more active pathway.",
        "ties more of it to immune suppression",
        "Named in the review.",
        "Also belongs to: TCA cycle, Energy and adenosine.",
        "Caveat: m/z < 150: dense background.",
    ):
        assert text in told
    assert "as strong as the formula says" not in told  # there is no such number
    assert "matrix" not in told


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"pathway_sign": -1}, "Less of it counts as a more active pathway."),
        ({"review_sign": -1}, "ties less of it to immune suppression"),
        ({"review_sign": "0"}, "states no direction"),
        ({"origin": "our extension"}, "Our extension: the review does not name it."),
        ({"ppm_error": 2.0}, "2.0 ppm above"),
        ({"coverage": 0.999}, "Found in more than 99 %"),
        ({"coverage": 0.001}, "Found in less than 1 %"),
    ],
)
def test_signs_origin_and_rounding_in_words(changed, text):
    assert text in " ".join(member_sentences({**FULL, **changed}))


def test_a_row_of_an_older_table_tells_what_it_has():
    old = {"channel": "L-Lactate", "mz": 89.0244, "adduct": "[M-H]-", "detected": True, "coverage": 0.5}
    assert member_sentences(old) == ["Found in 50 % of the tissue pixels."]
    assert ion_words(old) == "[M-H]- · m/z 89.0244"


def test_an_image_beside_the_panel_has_no_sign_and_no_origin():
    row = {"channel": "PD-L1", "axis": "", "mz": math.nan, "coverage": 0.5, "pathway_sign": 0, "review_sign": 0}
    told = ["Found in 50 % of the tissue pixels.", "An image that was brought onto the grid."]
    assert member_sentences(row) == told


def test_verdicts_have_a_sign_each_and_are_counted_with_those_that_do_not_occur():
    assert len({verdict_words(verdict)[0] for verdict in VERDICTS}) == len(VERDICTS)
    rows = [{"verdict": "seen"}, {"verdict": "doubtful"}, {"verdict": "seen"}, {"detected": False}, {"detected": True}]
    assert verdict_counts(rows) == {"seen": 3, "doubtful": 1, "not seen": 1, "cannot be seen here": 0}


def test_axes_say_of_what_they_are_scored_or_why_not():
    scored = {"axis": "TCA", "status": "scored", "reason": "", "members": ("A", "B", "C"), "n_can_show": 4}
    assert axis_state(scored) == "scored, 3 members"
    assert "Scored from 3 members of the 4 that this file can show: A, B, C." in axis_sentences(scored)
    single = {"axis": "TCA", "status": "single_ion", "reason": "A (single ion): the only seen one"}
    assert axis_state(single) == "single ion"
    assert axis_sentences(single) == ["A (single ion): the only seen one."]
    refused = {"axis": "TCA", "status": "not_scored", "reason": "none is seen", "members": (), "coverage": math.nan}
    assert axis_state(refused) == "not scored"
    assert axis_sentences(refused) == ["None is seen."]
    assert axis_state({}) == ""


def test_a_ratio_says_where_it_is_a_bound():
    row = {"reads": "IDO1 and TDO2", "definition": "Kyn / Trp"}
    row |= {"share_measured": 0.6, "share_lower_bound": 0.4, "share_missing": 0.0}
    told = " ".join(ratio_sentences(row))
    assert "Kyn / Trp. Reads IDO1 and TDO2." in told
    assert "In 60 % of the tissue pixels both sides are above" in told
    assert "only the upper side is, and the lower one may be anything up to its limit" in told
    assert "at most" not in told  # not known


def test_every_axis_of_the_panel_has_a_name_for_a_reader():
    for axis in {ion.axis for ion in read_panel(None)}:
        assert axis_words(axis) != axis
    assert axis_words("my_axis") == "my axis"


def test_of_an_ion_that_is_nowhere_only_that_is_told():
    row = FULL | {"coverage": 0.0, "verdict": "not seen", "reason": "not found in any tissue pixel", "chaos": 0.0}
    told = member_sentences(row)
    assert told[0] == "Not found in any tissue pixel."
    assert not any("isotopes" in text or "Order" in text or "Found in" in text for text in told)
    assert any("In the same window" in text for text in told)
