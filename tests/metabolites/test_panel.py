"""The panel: its masses are those of its formulas, its m/z those that others computed."""

from __future__ import annotations

import csv
import os
from importlib.resources import files
from pathlib import Path

import pytest
from molmass import Formula

from napari_metime.errors import MissingFileError, RecipeError
from napari_metime.metabolites import PanelIon, measurable_ions, read_panel
from napari_metime.metabolites.adducts import ADDUCTS, ion_mz

COLUMNS = "name,formula,axis,review_sign,named_in_review,adducts,preferred_polarity,monoisotopic_mass,caveat"
PANEL = read_panel(None)
MZ = {(ion.name, ion.adduct): ion.mz for ion in PANEL}


def rows() -> list[dict[str, str]]:
    text = files("napari_metime.metabolites").joinpath("panel.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def reference() -> Path | None:
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("METIME_DATA", beside)).parent / "reference" / "panel.csv"
    return path if path.is_file() else None


def test_panel_has_its_columns_and_words() -> None:
    table = rows()
    assert ",".join(table[0]) == COLUMNS
    assert len(table) == len({row["name"] for row in table}) == 197
    assert {row["review_sign"] for row in table} == {"-1", "0", "1"}
    assert {row["named_in_review"] for row in table} == {"yes", "no", "class", "context"}
    assert {row["preferred_polarity"] for row in table} == {"positive", "negative", "both", "elemental"}
    assert max(len(row["caveat"]) for row in table) <= 300


def test_signs_are_those_that_the_review_states() -> None:
    sign = {row["name"]: row["review_sign"] for row in rows()}
    assert [sign[name] for name in ("L-Lactate", "L-Kynurenine", "Cholesterol")] == ["1", "1", "1"]
    assert [name for name in sign if sign[name] == "-1"] == ["L-Tryptophan", "L-Arginine"]


def test_every_stated_mass_is_that_of_its_formula() -> None:
    for row in rows():
        assert row["monoisotopic_mass"] == f"{Formula(row['formula']).monoisotopic_mass:.6f}", row["name"]


@pytest.mark.parametrize(
    ("name", "adduct", "mz"),
    [
        ("L-Lactate", "[M-H]-", 89.0244),
        ("L-Kynurenine", "[M+H]+", 209.0921),
        ("L-Tryptophan", "[M-H]-", 203.0826),
        ("Cholesterol", "[M-H2O+H]+", 369.3516),
        ("ATP", "[M-H]-", 505.9885),
        ("Choline", "[M]+", 104.1070),
    ],
)
def test_known_ions_have_their_known_mz(name: str, adduct: str, mz: float) -> None:
    assert MZ[name, adduct] == pytest.approx(mz, abs=0.00006)


@pytest.mark.parametrize(
    ("adduct", "taken", "lost", "charge"),
    [
        ("[M-H]-", "", "H", -1),
        ("[M+Cl]-", "Cl", "", -1),
        ("[M-H2O-H]-", "", "H3O", -1),
        ("[M-CH3]-", "", "CH3", -1),
        ("[M-2H]2-", "", "H2", -2),
        ("[M+H]+", "H", "", 1),
        ("[M+Na]+", "Na", "", 1),
        ("[M+K]+", "K", "", 1),
        ("[M+NH4]+", "NH4", "", 1),
        ("[M-H2O+H]+", "", "HO", 1),
        ("[M]+", "", "", 1),
        ("[M+107Ag]+", "[107Ag]", "", 1),
        ("[M+109Ag]+", "[109Ag]", "", 1),
    ],
)
def test_every_adduct_agrees_with_an_independent_calculator(adduct: str, taken: str, lost: str, charge: int) -> None:
    ion = Formula("C20H40O4" + taken)
    ion = ion - Formula(lost) if lost else ion
    expected = (ion.monoisotopic_mass - charge * 0.000548579909065) / abs(charge)
    assert ion_mz(Formula("C20H40O4").monoisotopic_mass, adduct) == pytest.approx(expected, abs=2e-6)


def test_adducts_of_the_panel_are_all_in_the_table() -> None:
    assert {adduct for row in rows() for adduct in row["adducts"].split(";")} == set(ADDUCTS)


@pytest.mark.skipif(reference() is None, reason="the reference panel is not beside this checkout")
def test_every_mz_agrees_with_the_reference_panel() -> None:
    path = reference()
    assert path is not None
    with path.open(encoding="utf-8") as file:
        table = {row["name"]: row for row in csv.DictReader(file)}
    expected = {(n, k[3:]): float(v) for n, row in table.items() for k, v in row.items() if k.startswith("mz_") and v}
    assert expected.keys() == MZ.keys()
    assert all(abs(MZ[key] - mz) <= 0.0002 for key, mz in expected.items())
    assert all(table[row["name"]]["axis"] == row["axis"] for row in rows())


def test_ions_of_a_member_stand_together_in_order_of_preference() -> None:
    assert [(ion.adduct, ion.rank) for ion in PANEL if ion.name == "L-Ornithine"] == [
        ("[M+H]+", 0),
        ("[M+Na]+", 1),
        ("[M+K]+", 2),
        ("[M-H]-", 3),
    ]
    names = [ion.name for ion in PANEL]
    assert [name for name, before in zip(names, [None, *names], strict=False) if name != before] == list(
        dict.fromkeys(names)
    )


def test_measurable_ions_are_of_the_polarity_and_in_the_range() -> None:
    ions = measurable_ions(PANEL, polarity="negative", mz_range=(80, 100), tolerance_ppm=5)
    assert ("L-Lactate", "[M-H]-") in {(ion.name, ion.adduct) for ion in ions}
    assert all(80 <= ion.mz <= 100 and ion.adduct.endswith("-") for ion in ions)
    mixed = measurable_ions(PANEL, polarity="mixed", mz_range=(0, 5000), tolerance_ppm=5)
    assert len(mixed) == len(PANEL) - 3
    assert {ion.polarity for ion in mixed} == {"positive", "negative"}
    assert measurable_ions(PANEL, polarity="unknown", mz_range=(0, 5000), tolerance_ppm=5) == ()


def test_window_that_reaches_into_the_range_is_measurable() -> None:
    ion = PanelIon("a", "", "", "", "positive", 100.0, 0)
    for low, tolerance_ppm, found in ((100.0009, 10, 1), (100.0011, 10, 0), (100.0, 1, 1)):
        ions = measurable_ions([ion], polarity="positive", mz_range=(low, 200), tolerance_ppm=tolerance_ppm)
        assert len(ions) == found


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "own.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_own_panel_takes_formulas_and_plain_mz(tmp_path: Path) -> None:
    text = (
        "name,formula,adducts,mz,polarity,axis\nLactic acid,C3H6O3,[M-H]-; [M+Cl]-,,,lactate\nmine,,,500.25,positive,\n"
    )
    lactate, chloride, mine = read_panel(write(tmp_path, text, "utf-8-sig"))
    assert (lactate.name, lactate.axis, lactate.adduct, lactate.rank) == ("Lactic acid", "lactate", "[M-H]-", 0)
    assert lactate.mz == pytest.approx(89.0244, abs=0.00006)
    assert (chloride.adduct, chloride.rank) == ("[M+Cl]-", 1)
    assert mine == PanelIon("mine", "", "", "", "positive", 500.25, 0)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_own_panel_may_use_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    text = "name,formula,adducts\nA,C6H12O6,[M+H]+\n".replace(",", delimiter)
    assert read_panel(write(tmp_path, text))[0].formula == "C6H12O6"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header with 'name'"),
        ("metabolite,mz\nA,1\n", "expected a header with 'name'"),
        ("name,mz,mz\nA,1,1\n", "each column once"),
        ("name,mz,polarity\n\n", "expected metabolites below the header, found none"),
        ("name,mz,polarity\nA,100\n", "expected 3 fields in row 2, found 2"),
        ("name,mz,polarity\nA,100,positive\nB,1,positive\nA,200,negative\n", "found 'A' in rows 2 and 4"),
        ("name,mz,polarity\n,100,positive\n", "expected a name"),
        ("name,mz,polarity\nA\x07,100,positive\n", "expected a name"),
        ("name,mz,polarity\nA,,positive\n", "expected formula and adducts, or mz and polarity"),
        ("name,formula\nA,C6H12O6\n", "expected formula and adducts, or mz and polarity"),
        ("name,mz,polarity\nA,-3,positive\n", "expected an m/z above 0, found '-3'"),
        ("name,mz,polarity\nA,nan,positive\n", "expected an m/z above 0, found 'nan'"),
        ("name,mz,polarity\nA,100,pos\n", "expected polarity positive or negative, found 'pos'"),
        ("name,formula,adducts\nA,C6H12O6,[M+Li]+\n", r"expected adducts among .*, found '\[M\+Li\]\+'"),
        ("name,formula,adducts\nA,glucose,[M+H]+\n", "expected a formula such as C3H6O3, found 'glucose'"),
        ("name,formula,adducts\nA,Xx2,[M+H]+\n", "expected a formula of elements, found 'Xx2'"),
        ("name,formula,adducts\nA,C99999,[M+H]+\n", "expected a formula such as"),
        ("name,formula,adducts\nA,H2,[M-CH3]-\n", "expected a formula that can lose what"),
        ("name,formula,adducts,monoisotopic_mass\nA,C3H6O3,[M-H]-,90.04\n", "expected monoisotopic_mass 90.031694"),
        ("name,formula,adducts,monoisotopic_mass\nA,C3H6O3,[M-H]-,heavy\n", "found 'heavy'"),
        ("name,mz,polarity\nA,100," + "p" * 200_000, "expected a table of metabolites"),
        ("name,mz,polarity\n" + "A,1,x\n" * 900_000, "at most 5 MB"),
    ],
)
def test_faulty_own_panel_is_named_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        read_panel(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_missing_and_unreadable_panels_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"check channels.panel"):
        read_panel(tmp_path / "none.csv")
    with pytest.raises(RecipeError, match="expected a panel in UTF-8"):
        read_panel(write(tmp_path, "name,mz,polarity\nß,1,positive\n", "latin-1"))
