"""The choice of ions, the verdict on each, and a plain reason for every one that is not seen."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from napari_metime.metabolites import IonEvidence, PanelIon, choose_ions, measurable_ions, read_panel
from napari_metime.metabolites.choice import VERDICTS, judge_ion
from napari_metime.metabolites.evidence import IsotopeCheck

A1 = PanelIon("A", "", "lactate", "[M-H]-", "negative", 100.0, 0)
A2 = PanelIon("A", "", "lactate", "[M+Cl]-", "negative", 200.0, 1)
A3 = PanelIon("A", "", "lactate", "[M+H]+", "positive", 102.0, 2)
B = PanelIon("B", "", "lipid", "[M+H]+", "positive", 102.0004, 0)
C = PanelIon("C", "", "lipid", "", "negative", 200.0008, 0)
IRON = PanelIon("Fe", "Fe", "ferroptosis", "[M]+", "elemental", 55.9344, 0)
PANEL = (A1, A2, A3, B, C, IRON)
GOOD = IonEvidence(
    7.0, 0.5, 1.5, off_coverage=0.1, off_to_on=0.1, isotope_spatial=0.9, isotope_spectral=0.9, chaos=0.9, msm=0.729,
    lod=1.0, order=20.0, isotope=IsotopeCheck(ratio=1.1, log_error=0.05, place=0.9, is_visible=True),
)  # fmt: skip
"""Of an ion that everything speaks for."""


def choose(
    coverage: dict[PanelIon, float], *, polarity: str = "negative", mz_range: tuple[float, float] = (50, 500)
) -> tuple[tuple[PanelIon, ...], pd.DataFrame]:
    ions = measurable_ions(PANEL, polarity=polarity, mz_range=mz_range, tolerance_ppm=5)
    evidence = {ion: replace(GOOD, coverage=coverage.get(ion, 0.0)) for ion in ions}
    chosen, table = choose_ions(PANEL, evidence, polarity=polarity, mz_range=mz_range, tolerance_ppm=5)
    return chosen, table.set_index("channel")


def test_first_detected_ion_in_order_stands_for_its_member() -> None:
    assert choose({A1: 0.5, A2: 0.9})[0] == (A1,)
    assert choose({A1: 0.04, A2: 0.05, C: 1})[0] == (A2, C)


def verdict_on(**changed: object) -> tuple[str, str]:
    return judge_ion(replace(GOOD, **changed), tolerance_ppm=5, holds_isotopes=True)


def isotope(**changed: object) -> dict[str, object]:
    return {"isotope": replace(GOOD.isotope, **changed)}


@pytest.mark.parametrize(
    ("changed", "verdict", "reason"),
    [
        ({}, "seen", ""),
        ({"coverage": 0.0}, "not seen", "not found in any tissue pixel"),
        ({"off_to_on": 1.0}, "not seen", "1 times as strong off the tissue as on it"),
        ({"off_to_on": 0.8}, "doubtful", "off the tissue it is 0.8 times as strong as on it"),
        ({"off_to_on": float("nan")}, "seen", ""),
        ({"ppm_error": -3.2}, "doubtful", "its peak lies 3.2 ppm from the m/z of the formula"),
        ({"ppm_error": 3.0}, "seen", ""),
        ({"order": 2.0}, "doubtful", "its image has no more order than the same pixels at random places"),
        ({"order": float("nan")}, "doubtful", "its image has no more order than the same pixels at random places"),
        ({"isotope": None}, "doubtful", "no formula, so its isotopes are not known"),
        (isotope(ratio=0.0, log_error=float("nan")), "doubtful", "M+1 isotope is not found (0 % of what is expected)"),
        (isotope(ratio=0.0, is_visible=False), "doubtful", "is expected below the weakest intensities of its images"),
        (isotope(ratio=2.0), "doubtful", "its M+1 isotope is 2 times as strong as the formula expects"),
        (isotope(ratio=0.5), "doubtful", "its M+1 isotope is 0.5 times as strong as the formula expects"),
        (isotope(ratio=2.0, log_error=0.2), "seen", ""),
        (isotope(place=0.3), "doubtful", "its M+1 isotope lies elsewhere (correlation 0.30)"),
    ],
)
def test_one_thing_that_speaks_against_an_ion_decides(
    changed: dict[str, object], verdict: str, reason: str
) -> None:
    found, told = verdict_on(**changed)
    assert found == verdict
    assert reason in told
    assert (told == "") == (verdict == "seen")


def test_several_doubts_are_all_told() -> None:
    _, told = verdict_on(ppm_error=4.0, order=0.0)
    assert told == (
        "its peak lies 4.0 ppm from the m/z of the formula; "
        "its image has no more order than the same pixels at random places"
    )


def test_where_a_file_holds_no_isotopes_the_rest_decides() -> None:
    none = replace(GOOD, isotope=replace(GOOD.isotope, ratio=0.0, is_visible=False))
    assert judge_ion(none, tolerance_ppm=5, holds_isotopes=False) == ("seen", "")
    assert judge_ion(none, tolerance_ppm=5, holds_isotopes=True)[0] == "doubtful"
    assert judge_ion(replace(none, order=0.0), tolerance_ppm=5, holds_isotopes=False)[0] == "doubtful"


def test_ion_that_is_seen_goes_before_one_that_is_doubtful_and_that_before_one_that_is_not_seen() -> None:
    doubtful, absent = replace(GOOD, ppm_error=5.0), replace(GOOD, coverage=0.0)
    for first, second, chosen in [(doubtful, GOOD, A2), (GOOD, doubtful, A1), (absent, doubtful, A2)]:
        found, table = choose_ions(
            (A1, A2), {A1: first, A2: second}, polarity="negative", mz_range=(50, 500), tolerance_ppm=5
        )
        assert found == (chosen,)
        assert table["adduct"].tolist() == [chosen.adduct]


def test_table_has_one_row_per_member_with_the_columns_of_the_contract() -> None:
    member = replace(A1, formula="C4H4O3", secondary_axes=("TCA", "cuproptosis"), caveat="rare", review_sign=-1)
    _, table = choose_ions(
        (member, B), {member: GOOD}, polarity="negative", mz_range=(50, 500), tolerance_ppm=5,
        metaspace_fdr={member: 0.1},
    )  # fmt: skip
    columns = "channel,mz,adduct,axis,detected,mean_intensity,coverage,ppm_error,conflicts,reason"
    columns += ",verdict,off_coverage,off_to_on,isotope_spatial,isotope_spectral,chaos,msm,lod,metaspace_fdr"
    columns += ",formula,pathway_sign,review_sign,origin,secondary_axes,matrix_conflicts,in_source,caveat"
    assert ",".join(table) == columns
    first = ["A", 100.0, "[M-H]-", "lactate", True, 7.0, 0.5, 1.5]
    assert table.iloc[0, :8].tolist() == first
    assert table.iloc[0, 9:].tolist() == [
        "", "seen", 0.1, 0.1, 0.9, 0.9, 0.9, 0.729, 1.0, 0.1, "C4H4O3", 1, -1, "our extension", "TCA; cuproptosis", "",
        "", "rare",
    ]  # fmt: skip
    assert table["channel"].tolist() == ["A", "B"]
    assert table["detected"].dtype == bool
    assert table.iloc[1][["mean_intensity", "coverage", "ppm_error", "msm", "lod", "metaspace_fdr"]].isna().all()
    assert table["verdict"].isin(VERDICTS).all()


@pytest.mark.parametrize(
    ("coverage", "reason"),
    [
        (0.0, "not found in any tissue pixel"),
        (0.012, "found in 1.2 % of tissue pixels, fewer than 5 %"),
        (0.0499, "found in 4.9 % of tissue pixels, fewer than 5 %"),
        (0.05, ""),
        (float("nan"), "no tissue pixel was measured"),
    ],
)
def test_rare_ion_is_not_detected_and_says_how_rare(coverage: float, reason: str) -> None:
    row = choose({A1: coverage})[1].loc["A"]
    assert (row["reason"], row["detected"], row["mz"]) == (reason, reason == "", 100.0)


def test_reasons_are_told_in_plain_words() -> None:
    table = choose({}, polarity="positive")[1]
    assert table.loc["C", "reason"] == "the file is positive, this metabolite is seen in negative mode"
    assert table.loc["Fe", "reason"].startswith("an element is not taken from this file")
    assert (
        choose({})[1].loc["B", "reason"] == "the file is negative, this metabolite is seen as [M+H]+ in positive mode"
    )
    row = choose({}, mz_range=(631.27, 1979.84))[1].loc["A"]
    assert row["reason"] == "m/z 100.0000 is outside the file's range 631.3 to 1979.8"
    unknown = choose({}, polarity="unknown")[1].loc["A", "reason"]
    assert unknown == "the file does not state its polarity; set ims.polarity"


def test_ion_shown_for_a_member_is_the_one_that_its_reason_speaks_of() -> None:
    assert choose({}, polarity="positive", mz_range=(600, 700))[1].loc["A", ["adduct", "mz"]].tolist() == [
        "[M+H]+",
        102.0,
    ]
    assert choose({}, mz_range=(150, 700))[1].loc["A", "adduct"] == "[M+Cl]-"


def test_conflicts_name_the_other_members_in_the_window_and_both_stay() -> None:
    chosen, table = choose({A3: 1, B: 1}, polarity="positive")
    assert chosen == (A3, B)
    told = {name: text.split(" lies")[0] for name, text in table["conflicts"].items()}
    assert told == {"A": "B [M+H]+", "B": "A [M+H]+", "C": "", "Fe": ""}
    assert choose({A2: 1})[1].loc["C", "conflicts"].startswith("A [M+Cl]- lies 4.0 ppm away")
    assert choose({A1: 1})[1].loc["A", "conflicts"] == ""


def test_each_kind_of_conflict_stands_in_its_own_column() -> None:
    """Lactate may come from malate, CHCA is an isomer of kynurenic acid, PE 38:4 one of PC 36:4."""
    panel = read_panel(None)
    evidence = dict.fromkeys(panel, GOOD)
    _, table = choose_ions(panel, evidence, polarity="negative", mz_range=(50, 1000), tolerance_ppm=5)
    table = table.set_index("channel")
    assert "Malate [M-H]- that lost CO2" in table.loc["L-Lactate", "in_source"]
    assert "CHCA" in table.loc["Kynurenic acid", "matrix_conflicts"]
    assert "PC 36:4 [M-CH3]-" in table.loc["PE 38:4", "conflicts"]
    assert not table["conflicts"].str.contains("in the source|where that is the matrix").any()


def test_file_of_both_polarities_shows_both_but_no_elements() -> None:
    chosen, table = choose({A3: 1, B: 1, IRON: 1}, polarity="mixed")
    assert chosen == (A3, B)
    assert not table.loc["Fe", "detected"]


def test_peptide_section_shows_no_small_metabolite_and_says_so_one_by_one() -> None:
    panel = read_panel(None)
    mz_range = (631.3, 1979.8)
    ions = measurable_ions(panel, polarity="positive", mz_range=mz_range, tolerance_ppm=5)
    nothing = dict.fromkeys(ions, IonEvidence(0.0, 0.0, float("nan")))
    chosen, table = choose_ions(panel, nothing, polarity="positive", mz_range=mz_range, tolerance_ppm=5)
    assert chosen == ()
    assert len(table) == 197
    assert (table["reason"] != "").all()
    lactate = table.set_index("channel").loc["L-Lactate", "reason"]
    assert lactate == "the file is positive, this metabolite is seen as [M-H]- in negative mode"
    kynurenine = table.set_index("channel").loc["L-Kynurenine", "reason"]
    assert kynurenine == "m/z 209.0921 is outside the file's range 631.3 to 1979.8"
