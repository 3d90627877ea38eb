"""The panel: its masses are those of its formulas, its m/z those that others computed."""

from __future__ import annotations

import csv
import os
import re
from importlib.resources import files
from pathlib import Path

import pytest
from molmass import Formula

from napari_metime.errors import MissingFileError, RecipeError
from napari_metime.metabolites import PanelIon, measurable_ions, panel_of, read_panel
from napari_metime.metabolites.adducts import ADDUCTS, ion_mz
from napari_metime.recipe import ChannelsRecipe

COLUMNS = (
    "name,formula,axis,secondary_axes,pathway_sign,review_sign,named_in_review,origin,review_sections,adducts,"
    "preferred_polarity,monoisotopic_mass,hmdb_id,chebi_id,inchikey,in_source,matrix_conflicts,caveat"
)
AXES = {
    "ferroptosis": 37, "lipid_phospholipid": 27, "trp_kyn": 19, "lipid_FAO": 13, "energy_adenosine": 13, "arginine": 12,
    "lipid_FA": 11, "glutamine": 11, "lipid_cholesterol": 10, "lactate_glycolysis": 9, "TCA": 9, "lipid_neutral": 8,
    "lipid_eicosanoid": 7, "cuproptosis": 6, "OXPHOS": 5,
}  # fmt: skip
# Masses in u of the most frequent isotopes, by the Atomic Mass Evaluation 2020 and, of the electron, CODATA 2018.
EXACT = {
    "H": 1.00782503190, "C": 12.0, "N": 14.00307400425, "O": 15.99491461926, "P": 30.97376199768, "S": 31.97207117354,
    "Na": 22.98976928196, "Cl": 34.96885269400, "K": 38.96370648500, "Fe": 55.93493554, "Cu": 62.92959712,
    "Zn": 63.92914185,
}  # fmt: skip
ELECTRON = 0.00054857990907
TAKEN = {
    "[M-H]-": -EXACT["H"],
    "[M+Cl]-": EXACT["Cl"],
    "[M-H2O-H]-": -3 * EXACT["H"] - EXACT["O"],
    "[M-CH3]-": -EXACT["C"] - 3 * EXACT["H"],
    "[M-2H]2-": -2 * EXACT["H"],
    "[M+H]+": EXACT["H"],
    "[M+Na]+": EXACT["Na"],
    "[M+K]+": EXACT["K"],
    "[M+NH4]+": EXACT["N"] + 4 * EXACT["H"],
    "[M-H2O+H]+": -EXACT["H"] - EXACT["O"],
    "[M]+": 0.0,
    "[M+107Ag]+": 106.9050915,
    "[M+109Ag]+": 108.9047558,
}
DEPLETED = {"Hexose (D-glucose)", "L-Cystine", "L-Cysteine", "L-Tryptophan", "L-Arginine", "L-Glutamine"}
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
    assert {axis: [row["axis"] for row in table].count(axis) for axis in AXES} == AXES
    assert {axis for row in table for axis in row["secondary_axes"].split(";") if axis} <= set(AXES)
    assert {row["pathway_sign"] for row in table} == {"-1", "1"}
    assert {row["review_sign"] for row in table} == {"-1", "0", "1"}
    assert {row["named_in_review"] for row in table} == {"yes", "no", "class", "context"}
    assert {row["preferred_polarity"] for row in table} == {"positive", "negative", "both", "elemental"}
    assert max(len(row["caveat"]) for row in table) <= 600


def test_what_the_review_names_is_told_from_our_extension() -> None:
    member = {ion.name: ion for ion in PANEL}
    of_review = [name for name, ion in member.items() if ion.origin == "the review"]
    assert {ion.origin for ion in PANEL} == {"the review", "our extension"}
    assert {"L-Lactate", "L-Kynurenine", "Prostaglandin E2/D2", "PC 34:1", "Cholesteryl ester 18:1"} <= set(of_review)
    # Named as a pathway, or as surroundings, only.
    for name in ("Palmitoylcarnitine (C16)", "Succinate", "PE 38:4", "Hexose (D-glucose)", "Lipoic acid"):
        assert name not in of_review
        assert member[name].caveat.startswith("the review speaks of ")
    assert not [name for name in of_review if member[name].axis in ("TCA", "energy_adenosine", "OXPHOS")]


def test_pathway_signs_are_apart_from_those_of_the_review() -> None:
    member = {ion.name: ion for ion in PANEL}
    assert {name for name, ion in member.items() if ion.pathway_sign == -1} == DEPLETED
    assert (member["L-Glutamine"].pathway_sign, member["L-Glutamine"].review_sign) == (-1, 0)
    # Ferroptosis is two-sided in the review; iron, which it ties to cold niches, is the one exception.
    assert {name for name, ion in member.items() if ion.axis == "ferroptosis" and ion.review_sign} == {
        "Iron (56Fe/57Fe, elemental)"
    }
    assert "CHCA" in member["Kynurenic acid"].matrix_conflicts


def test_every_mz_is_that_of_exact_masses_written_here() -> None:
    for ion in PANEL:
        mass = sum(EXACT[e] * int(n or 1) for e, n in re.findall(r"([A-Z][a-z]?)(\d*)", ion.formula))
        charge = {"+": 1, "-": -1}[ion.adduct[-1]] * (2 if ion.adduct.endswith("2-") else 1)
        expected = (mass + TAKEN[ion.adduct] - charge * ELECTRON) / abs(charge)
        assert ion.mz == pytest.approx(expected, abs=1e-5), (ion.name, ion.adduct)


def test_signs_are_those_that_the_review_states() -> None:
    sign = {row["name"]: row["review_sign"] for row in rows()}
    assert [sign[name] for name in ("L-Lactate", "L-Kynurenine", "Cholesterol")] == ["1", "1", "1"]
    assert [name for name in sign if sign[name] == "-1"] == ["L-Tryptophan", "L-Arginine"]


def test_ions_carry_what_the_table_says_of_their_member() -> None:
    lactate = next(ion for ion in PANEL if ion.name == "L-Lactate")
    assert (lactate.hmdb_id, lactate.chebi_id) == ("HMDB0000190", "CHEBI:422")
    assert lactate.inchikey == "JVTAAEKCZFNVCJ-REOHCLBHSA-N"
    assert lactate.in_source == "Triose phosphate (DHAP/GAP) [M-H]- -HPO3; Malate [M-H]- -CO2"
    assert (lactate.review_sign, lactate.origin) == (1, "the review")
    assert next(ion for ion in PANEL if ion.name == "Pyruvate").secondary_axes == ("cuproptosis", "TCA")
    assert next(ion for ion in PANEL if ion.name == "ATP").origin == "our extension"


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
    assert expected.pop(("Squalene", "[M-H2O+H]+"))  # a hydrocarbon: it has no water to lose
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
        ("name,mz,polarity\nA,100,positive\nB,1,positive\nA,200,negative\n", "found 'A' in row 2 of own.csv and row 4"),
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
        ("name,formula,adducts\nA,GSH,[M+H]+\n", "expected a formula of elements, found 'GSH'"),
        ("name,formula,adducts\nA,D2O,[M+H]+\n", "expected a formula such as C3H6O3, found 'D2O'"),
        ("name,formula,adducts\nA,C99999,[M+H]+\n", "expected a formula such as"),
        ("name,formula,adducts\nA,H2,[M-CH3]-\n", "expected a formula that can lose what"),
        ("name,formula,adducts,monoisotopic_mass\nA,C3H6O3,[M-H]-,90.04\n", "expected monoisotopic_mass 90.031694"),
        ("name,formula,adducts,monoisotopic_mass\nA,C3H6O3,[M-H]-,heavy\n", "found 'heavy'"),
        ("name,mz,polarity\nA,100," + "p" * 200_000, "expected a table, found field larger"),
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


EXTENDED = "name,formula,adducts,pathway_sign,review_sign,origin,secondary_axes,caveat\n"


def test_own_panel_states_signs_and_texts(tmp_path: Path) -> None:
    text = EXTENDED + "A,C3H6O3,[M-H]-,-1,+1,the review,TCA; OXPHOS,rare\nB,C3H6O3,[M-H]-,,,,,\n"
    a, b = read_panel(write(tmp_path, text))
    assert (a.pathway_sign, a.review_sign, a.origin) == (-1, 1, "the review")
    assert (a.secondary_axes, a.caveat) == (("TCA", "OXPHOS"), "rare")
    assert (b.pathway_sign, b.review_sign, b.origin, b.secondary_axes, b.caveat) == (1, 0, "our extension", (), "")


@pytest.mark.parametrize(
    ("signs", "message"),
    [
        ("0,1", "expected pathway_sign -1 or 1, found '0'"),
        ("up,1", "expected pathway_sign -1 or 1, found 'up'"),
        ("1,2", "expected review_sign -1 or 0 or 1, found '2'"),
    ],
)
def test_wrong_signs_are_named(tmp_path: Path, signs: str, message: str) -> None:
    with pytest.raises(RecipeError, match=rf"row 2 \('A'\): {message}"):
        read_panel(write(tmp_path, f"{EXTENDED}A,C3H6O3,[M-H]-,{signs},,,\n"))


def test_further_members_come_after_the_panel(tmp_path: Path) -> None:
    own = write(tmp_path, "name,mz,polarity,axis\nmine,500.25,positive,TCA\n")
    extended = read_panel(None, extend=own)
    assert extended[:-1] == PANEL
    assert extended[-1] == PanelIon("mine", "", "TCA", "", "positive", 500.25, 0)


def test_further_members_must_have_other_names(tmp_path: Path) -> None:
    own = write(tmp_path, "name,mz,polarity\nmine,1,positive\nL-Lactate,500.25,positive\n")
    with pytest.raises(RecipeError, match=r"found 'L-Lactate' in row 2 of panel.csv and row 3 of own.csv; rename one"):
        read_panel(None, extend=own)


def test_further_members_are_checked_like_a_panel(tmp_path: Path) -> None:
    own = write(tmp_path, "name,formula,adducts,monoisotopic_mass\nA,C3H6O3,[M-H]-,91\n")
    with pytest.raises(RecipeError, match=r"own.csv: row 2 \('A'\): expected monoisotopic_mass 90.031694"):
        read_panel(None, extend=own)


def test_panel_of_a_recipe_is_what_it_names(tmp_path: Path) -> None:
    own = write(tmp_path, "name,mz,polarity\nmine,100,negative\n")
    assert panel_of(ChannelsRecipe()) == PANEL
    assert panel_of(ChannelsRecipe(panel=None)) == ()
    assert [ion.name for ion in panel_of(ChannelsRecipe(panel=str(own)))] == ["mine"]
    assert [ion.name for ion in panel_of(ChannelsRecipe(panel=None, extend=own))] == ["mine"]
    assert panel_of(ChannelsRecipe(extend=own))[-1].name == "mine"


def test_every_column_axis_and_adduct_is_told_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "panel.md").read_text(encoding="utf-8")
    table = rows()
    for word in (*table[0], "mz", "polarity", *ADDUCTS):
        assert f"`{word}`" in text, word
    for axis, n in AXES.items():
        of_review = sum(row["axis"] == axis and row["origin"] == "the review" for row in table)
        assert re.search(rf"^\| `{axis}` \| .* \| {n} \| {of_review} \|$", text, re.MULTILINE), axis
    n_ours = sum(row["origin"] == "our extension" for row in table)
    assert f"{len(table)}\nmembers, {len(PANEL)} ions" in text
    assert f"{n_ours} of {len(table)} members" in text
