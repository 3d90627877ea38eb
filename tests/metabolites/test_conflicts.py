"""What else may lie in an ion's window: against masses that are written down here."""

from __future__ import annotations

import math

import pytest

from napari_metime.metabolites import PanelIon, measurable_ions, read_panel
from napari_metime.metabolites.conflicts import Conflict, find_conflicts

C, H, N, O, P, NA = 12.0, 1.00782503, 14.00307400, 15.99491462, 30.97376200, 22.98976928  # noqa: E741
ELECTRON, CARBON_13 = 0.00054858, 13.00335484
PANEL = read_panel(None)
ALL = {
    polarity: find_conflicts(
        measurable_ions(PANEL, polarity=polarity, mz_range=(50, 2000), tolerance_ppm=5), tolerance_ppm=5
    )
    for polarity in ("positive", "negative")
}


def of(name: str, adduct: str) -> tuple[Conflict, ...]:
    every = ALL["positive"] | ALL["negative"]
    (found,) = (conflicts for ion, conflicts in every.items() if (ion.name, ion.adduct) == (name, adduct))
    return found


def plain(name: str, mz: float, formula: str = "", adduct: str = "[M+H]+") -> PanelIon:
    return PanelIon(name, formula, "", adduct, "positive", mz, 0)


def test_pe_38_4_and_pc_36_4_without_methyl_are_one_ion() -> None:
    # C43H78NO8P less a proton, C44H80NO8P less CH3: both C43H77NO8P-.
    mz = 43 * C + 77 * H + N + 8 * O + P + ELECTRON
    assert mz == pytest.approx(766.5392, abs=0.00005)
    (ion,) = (ion for ion in PANEL if (ion.name, ion.adduct) == ("PE 38:4", "[M-H]-"))
    assert ion.mz == pytest.approx(mz, abs=1e-6)
    (isomer,) = of("PE 38:4", "[M-H]-")
    assert (isomer.kind, isomer.with_name, isomer.with_adduct) == ("isomer", "PC 36:4", "[M-CH3]-")
    assert (isomer.delta_ppm, isomer.resolving_power) == (0.0, math.inf)
    assert isomer.text == "PC 36:4 [M-CH3]- has the same formula: not to be told apart at MS1"
    assert [c.with_name for c in of("PC 36:4", "[M-CH3]-") if c.kind == "isomer"] == ["PE 38:4"]


def test_isobar_is_told_with_its_distance_and_the_resolving_power_that_parts_it() -> None:
    # PC 34:1 [M+Na]+ against PC 36:4 [M+H]+: C42H82NO8PNa+ and C44H81NO8P+ differ by C2 against NaH.
    salt = 42 * C + 82 * H + N + 8 * O + P + NA - ELECTRON
    proton = 44 * C + 81 * H + N + 8 * O + P - ELECTRON
    (isobar,) = of("PC 34:1", "[M+Na]+")
    assert isobar.kind == "isobar"
    assert isobar.delta_ppm == pytest.approx((proton - salt) / salt * 1e6, abs=0.01)
    assert isobar.resolving_power == pytest.approx(salt / abs(proton - salt), rel=0.001)
    assert isobar.text == "PC 36:4 [M+H]+ lies 3.1 ppm away: a resolving power of 330,000 would part them"


def test_resolving_power_by_hand() -> None:
    # 0.002 at 500 is 4 ppm, and 500 / 0.002 = 250,000.
    found = find_conflicts([plain("a", 500.0), plain("b", 500.002)], tolerance_ppm=5)
    (conflict,) = found[plain("a", 500.0)]
    assert conflict.delta_ppm == pytest.approx(4.0)
    assert conflict.resolving_power == pytest.approx(250_000)
    assert conflict.text == "b [M+H]+ lies 4.0 ppm away: a resolving power of 250,000 would part them"
    (other,) = found[plain("b", 500.002)]
    assert other.delta_ppm == pytest.approx(-4.0, abs=0.001)
    assert find_conflicts([plain("a", 500.0), plain("b", 500.0026)], tolerance_ppm=5)[plain("a", 500.0)] == ()


def test_one_mz_without_formulas_is_no_isomer() -> None:
    (conflict,) = find_conflicts([plain("a", 500.0, adduct=""), plain("b", 500.0, adduct="")], tolerance_ppm=5)[
        plain("a", 500.0, adduct="")
    ]
    assert (conflict.kind, conflict.text) == ("isobar", "b has the same m/z: not to be told apart at MS1")


def test_isotopes_of_nad_lie_near_nadh_where_the_window_is_wide() -> None:
    # panel.md: 13C2-NAD+ 664.1085 is 13.5 ppm from NADH 664.1175.
    ions = [ion for ion in PANEL if ion.name in ("NAD+", "NADH") and ion.adduct == "[M-H]-"]
    nad, nadh = sorted(ions, key=lambda ion: ion.mz)
    assert not [c for c in find_conflicts(ions, tolerance_ppm=13)[nadh] if c.kind == "isotope"]
    (isotope,) = (c for c in find_conflicts(ions, tolerance_ppm=14)[nadh] if c.kind == "isotope")
    assert (isotope.kind, isotope.with_name) == ("isotope", "NAD+")
    assert isotope.delta_ppm == pytest.approx((nad.mz + 2 * (CARBON_13 - C) - nadh.mz) / nadh.mz * 1e6, abs=0.001)
    assert isotope.delta_ppm == pytest.approx(-13.5, abs=0.1)
    assert isotope.text.startswith("the M+2 isotope of NAD+ [M-H]- lies 13.5 ppm away: a resolving power of 74,000")


def test_isotope_of_a_double_charge_lies_half_as_far_and_needs_carbon() -> None:
    double = PanelIon("double", "C81H142O17P2", "", "[M-2H]2-", "negative", 723.5, 0)
    half = PanelIon("half", "", "", "", "negative", 723.5 + (CARBON_13 - C) / 2, 0)
    assert [c.kind for c in find_conflicts([double, half], tolerance_ppm=1)[half]] == ["isotope"]
    carbonless = PanelIon("none", "H3PO4", "", "[M-2H]2-", "negative", 723.5, 0)
    assert find_conflicts([carbonless, half], tolerance_ppm=1)[half] == ()


@pytest.mark.parametrize(
    ("name", "adduct", "matrix", "form", "ppm"),
    [
        ("Kynurenic acid", "[M-H]-", "CHCA", "[M-H]-", 0.0),
        ("Kynurenic acid", "[M+H]+", "CHCA", "[M+H]+", 0.0),
        ("Indole-3-aldehyde", "[M-H]-", "CHCA", "[M-CO2-H]-", 0.0),
        ("L-Proline", "[M+K]+", "DHB", "[M]+", -2.8),
        ("IMP", "[M-H2O-H]-", "DHB", "[2M+Na-2H]-", -4.2),
    ],
)
def test_matrix_ions_of_the_table_are_computed(name: str, adduct: str, matrix: str, form: str, ppm: float) -> None:
    (conflict,) = (c for c in of(name, adduct) if c.kind == "matrix")
    assert (conflict.with_name, conflict.with_adduct) == (matrix, form)
    assert conflict.delta_ppm == pytest.approx(ppm, abs=0.06)
    assert conflict.text.startswith(f"{matrix} {form}, where that is the matrix, ")


def test_matrix_cluster_by_its_exact_mass() -> None:
    # Three molecules of CHCA (C10H7NO3) and a proton.
    mz = 3 * (10 * C + 7 * H + N + 3 * O) + H - ELECTRON
    (conflict,) = find_conflicts([plain("a", mz)], tolerance_ppm=1)[plain("a", mz)]
    assert (conflict.kind, conflict.with_name, conflict.with_adduct) == ("matrix", "CHCA", "[3M+H]+")
    assert conflict.delta_ppm == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "adduct", "source", "lost"),
    [
        ("L-Lactate", "[M-H]-", "Malate [M-H]-", "CO2"),
        ("L-Lactate", "[M-H]-", "Triose phosphate (DHAP/GAP) [M-H]-", "HPO3"),
        ("AMP", "[M+H]+", "ADP [M+H]+", "HPO3"),
        ("cAMP", "[M-H]-", "ADP [M-H]-", "H3PO4"),
        ("L-Proline", "[M+H]+", "L-Ornithine [M+H]+", "NH3"),
        ("Creatinine", "[M+H]+", "Creatine [M+H]+", "H2O"),
    ],
)
def test_fragments_are_computed_from_members(name: str, adduct: str, source: str, lost: str) -> None:
    (conflict,) = (c for c in of(name, adduct) if f"{c.with_name} {c.with_adduct}" == source and lost in c.text)
    assert conflict.kind == "in_source"
    assert conflict.delta_ppm == pytest.approx(0, abs=0.01)
    assert conflict.text == f"may be {source} that lost {lost} in the source"


def test_every_fragment_of_the_table_is_told_once() -> None:
    for name, adduct, source in (("Fumarate", "[M-H]-", "Malate"), ("Adenosine", "[M-H]-", "AMP")):
        assert [c.with_name for c in of(name, adduct)].count(source) == 1
    # What no loss explains comes from the table: ribose, fatty acids, the esters of cholesterol.
    assert [c.text for c in of("Hypoxanthine", "[M+H]+")] == [
        "may be Inosine [M+H]+ that lost ribosyl C5H8O4 in the source"
    ]
    assert len([c for c in of("Cholesterol", "[M-H2O+H]+") if "369.3516" in c.text]) == 5
    assert of("Cholesterol", "[M+Na]+") == ()


def test_fragments_need_the_atoms_that_are_lost_and_the_same_charge_carrier() -> None:
    # Palmitate holds no nitrogen or phosphorus; a sodium ion gives no proton.
    ammonia, phosphate = N + 3 * H, H + P + 3 * O
    acid = plain("acid", 300.0, "C16H32O2")
    for lost in (ammonia, phosphate):
        below = plain("below", 300.0 - lost, "C16H30")
        assert find_conflicts([acid, below], tolerance_ppm=1)[below] == ()
    water = 2 * H + O
    proton, sodium = (plain("below", 300.0 - water, "C16H30O", adduct) for adduct in ("[M+H]+", "[M+Na]+"))
    assert [c.kind for c in find_conflicts([acid, proton], tolerance_ppm=1)[proton]] == ["in_source"]
    assert find_conflicts([acid, sodium], tolerance_ppm=1)[sodium] == ()


def test_texts_of_a_table_without_formulas_are_kept() -> None:
    ion = PanelIon("own", "", "", "", "positive", 812.3, 0, matrix_conflicts="DAN 5M+H", in_source="all CL")
    matrix, fragment = find_conflicts([ion], tolerance_ppm=1)[ion]
    assert (matrix.kind, matrix.text) == ("matrix", "matrix ion: DAN 5M+H")
    assert (fragment.kind, fragment.text) == ("in_source", "may be made in the source: all CL")
    assert math.isnan(matrix.delta_ppm)
    assert math.isnan(matrix.resolving_power)


def test_ions_of_one_member_of_other_polarity_and_elements_do_not_conflict() -> None:
    one = plain("a", 500.0)
    same = PanelIon("a", "", "", "[M+Na]+", "positive", 500.0, 1)
    negative = PanelIon("b", "", "", "[M-H]-", "negative", 500.0, 0)
    element = PanelIon("c", "Fe", "", "[M]+", "elemental", 500.0, 0)
    found = find_conflicts([one, same, negative, element], tolerance_ppm=5)
    assert found == {one: (), same: (), negative: (), element: ()}


def test_isomers_and_isobars_are_each_others() -> None:
    for table in ALL.values():
        named = {
            ((ion.name, ion.adduct), (c.with_name, c.with_adduct))
            for ion, conflicts in table.items()
            for c in conflicts
            if c.kind in ("isomer", "isobar")
        }
        assert len(named) >= 10
        assert named == {(b, a) for a, b in named}


def test_conflicts_do_not_depend_on_the_order_of_the_ions() -> None:
    ions = measurable_ions(PANEL, polarity="negative", mz_range=(50, 2000), tolerance_ppm=5)
    backwards = find_conflicts(ions[::-1], tolerance_ppm=5)
    for ion in ions:  # as texts: from Python 3.13 on, what holds a NaN equals not even itself
        assert set(map(repr, backwards[ion])) == set(map(repr, ALL["negative"][ion]))


def test_thousand_rows_of_one_mz_stay_bounded() -> None:
    ions = [plain(f"m{i}", 500.0) for i in range(3000)]
    found = find_conflicts(ions, tolerance_ppm=5)
    assert max(map(len, found.values())) <= 40
