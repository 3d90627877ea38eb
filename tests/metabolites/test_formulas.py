"""The text box: what a text asks for, and a plain line where it asks for nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_metime.errors import MetimeError, RecipeError
from napari_metime.metabolites import PanelIon, read_panel
from napari_metime.metabolites.formulas import AskedIon, parse_ion

PANEL = read_panel(None)
# Worked out by hand from H 1.00782503, C 12, O 15.99491462, Na 22.98976928, Cl 34.96885269, electron 0.00054858.
LACTATE_H, LACTATE_CL, GLUCOSE_NA = 89.024418, 125.001096, 203.052608


@pytest.mark.parametrize(
    ("text", "polarity", "mz", "named"),
    [
        ("C3H6O3 [M-H]-", "negative", LACTATE_H, ("", "C3H6O3", "[M-H]-")),
        ("C3H6O3[M-H]-", "negative", LACTATE_H, ("", "C3H6O3", "[M-H]-")),
        ("C₃H₆O₃ [M−H]⁻", "negative", LACTATE_H, ("", "C3H6O3", "[M-H]-")),
        ("  C3H6O3 [M + Cl] - ", "mixed", LACTATE_CL, ("", "C3H6O3", "[M+Cl]-")),
        ("C6H12O6 [M+Na]+", "unknown", GLUCOSE_NA, ("", "C6H12O6", "[M+Na]+")),
        ("C3H6O3", "negative", LACTATE_H, ("", "C3H6O3", "[M-H]-")),
        ("C3H6O3", "positive", 91.038971, ("", "C3H6O3", "[M+H]+")),
        ("89.0244", "negative", 89.0244, ("", "", "")),
        ("500", "unknown", 500.0, ("", "", "")),
        ("L-Lactate", "negative", LACTATE_H, ("L-Lactate", "C3H6O3", "[M-H]-")),
        ("lactate", "negative", LACTATE_H, ("L-Lactate", "C3H6O3", "[M-H]-")),
        ("l-LACT", "negative", LACTATE_H, ("L-Lactate", "C3H6O3", "[M-H]-")),
        ("L-Lactate [M+Cl]-", "negative", LACTATE_CL, ("L-Lactate", "C3H6O3", "[M+Cl]-")),
        ("Hexose (D-glucose) [M+Na]+", "positive", GLUCOSE_NA, ("Hexose (D-glucose)", "C6H12O6", "[M+Na]+")),
        ("NAD+", "positive", 664.116396, ("NAD+", "C21H27N7O14P2", "[M+H]+")),
        ("PC 34:1", "negative", 744.554887, ("PC 34:1", "C42H82NO8P", "[M-CH3]-")),
    ],
)
def test_text_asks_for_an_ion(text: str, polarity: str, mz: float, named: tuple[str, str, str]) -> None:
    asked = parse_ion(text, PANEL, polarity)
    assert (asked.name, asked.formula, asked.adduct) == named
    assert asked.mz == pytest.approx(mz, abs=1e-5)


def test_name_stands_for_the_ion_that_the_panel_prefers_in_the_polarity_of_the_file() -> None:
    assert parse_ion("L-Ornithine", PANEL, "positive").adduct == "[M+H]+"
    assert parse_ion("L-Ornithine", PANEL, "negative").adduct == "[M-H]-"
    assert parse_ion("L-Ornithine", PANEL, "unknown").adduct == "[M+H]+"


def test_whole_name_goes_before_a_formula_and_that_before_a_beginning() -> None:
    members = (("CO2", 1.5), ("CH4 box", 2.5), ("Xx", 3.5))
    panel = [PanelIon(name, "", "", "", "negative", mz, 0) for name, mz in members]
    assert parse_ion("co2", panel, "negative") == AskedIon(1.5, "CO2", "", "")
    assert parse_ion("CH4", panel, "negative").formula == "CH4"
    assert parse_ion("CH4 b", panel, "negative") == AskedIon(2.5, "CH4 box", "", "")
    assert parse_ion("Xx", panel, "negative").mz == 3.5


@pytest.mark.parametrize(
    ("text", "polarity", "message"),
    [
        ("", "negative", "expected an ion in up to 200 characters"),
        (" \n", "negative", "expected an ion in up to 200 characters"),
        ("C" * 201, "negative", "expected an ion in up to 200 characters"),
        ("C3\x00H6", "negative", "expected an ion in up to 200 characters"),
        ("0", "negative", "expected an m/z above 0"),
        ("1000001", "negative", "expected an m/z above 0 and up to 1,000,000"),
        ("-89", "negative", "expected a name of the panel, a formula"),
        ("89,0244", "negative", "expected a name of the panel, a formula"),
        ("nan", "negative", "expected a name of the panel, a formula"),
        ("C3H6O3 [M+Li]+", "positive", r"expected an adduct among .*, found \[M\+Li\]\+"),
        ("C3H6O3 [M+H]+", "negative", r"expected an adduct of a negative file, found \[M\+H\]\+; write .* \[M-H\]-"),
        ("C3H6O3", "mixed", "expected an adduct, as the polarity of this file is mixed"),
        ("C3H6O3", "unknown", "expected an adduct, as the polarity of this file is unknown"),
        ("[M-H]-", "negative", "expected a name of the panel, a formula"),
        ("CH [M-CH3]-", "negative", "expected a formula that can lose what"),
        ("Zz9 [M-H]-", "negative", "expected a name of the panel, a formula"),
        ("glut", "negative", "several begin: Glutathione .GSH., Glutathione disulfide .GSSG., L-Glutamine and 1 more"),
        ("flavonoid", "negative", "found 'flavonoid'; mend it"),
        ("3-lactate", "negative", "did you mean Indole-3-lactate?"),
        ("Squalene", "negative", "an ion that a negative file can show, found Squalene, .* positive mode only"),
        ("GSH", "negative", r"did you mean Glutathione \(GSH\)\?"),
        ("NAD", "positive", "found 'NAD', with which several begin: NADPH, NADP., NAD. and 1 more"),
        ("D2O [M-H]-", "negative", "expected a name of the panel, a formula"),
        ("Copper", "negative", "expected a molecule, found Copper"),
        ("__import__('os')", "negative", "expected a name of the panel, a formula"),
    ],
)
def test_other_texts_are_refused_in_one_line(text: str, polarity: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        parse_ion(text, PANEL, polarity)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_member_without_a_formula_takes_no_adduct() -> None:
    mine = PanelIon("mine", "", "", "", "negative", 500.25, 0)
    assert parse_ion("mine", [mine], "negative") == AskedIon(500.25, "mine", "", "")
    with pytest.raises(RecipeError, match="the panel has no formula of mine; drop it"):
        parse_ion("mine [M-H]-", [mine], "negative")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="CHNOPSNaClXx0123456789[]M+- .()L", max_size=30))
def test_any_text_gives_an_m_z_or_an_error_of_ours(text: str) -> None:
    try:
        asked = parse_ion(text, PANEL, "negative")
    except MetimeError:
        return
    assert 0 < asked.mz <= 1e6
