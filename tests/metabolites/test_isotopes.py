"""Isotope patterns against hand computation from IUPAC abundances (2013, doi 10.1515/pac-2015-0503)."""

from __future__ import annotations

import math

import pytest

from napari_metime.errors import RecipeError
from napari_metime.metabolites import read_panel
from napari_metime.metabolites.isotopes import ion_atoms, isotope_pattern, strongest_peaks

HEAVIER = {"C": 0.0107 / 0.9893, "H": 0.000115 / 0.999885, "N": 0.00364 / 0.99636, "O": 0.00038 / 0.99757}
"""Abundance of the isotope one nominal mass above the most abundant one, over that one's."""


def expected_next(**atoms: int) -> float:
    """M+1 over M of a molecule: every atom may be the heavier one."""
    return sum(n * HEAVIER[symbol] for symbol, n in atoms.items())


@pytest.mark.parametrize(
    ("formula", "adduct", "atoms"),
    [
        ("C6H12O6", "[M-H]-", {"C": 6, "H": 11, "O": 6}),
        ("C3H6O3", "[M-H]-", {"C": 3, "H": 5, "O": 3}),
        ("C6H14N4O2", "[M+H]+", {"C": 6, "H": 15, "N": 4, "O": 2}),
        ("C42H82NO8P", "[M+H]+", {"C": 42, "H": 83, "N": 1, "O": 8}),
        ("C20H32O2", "[M-H]-", {"C": 20, "H": 31, "O": 2}),
        ("C6H12O6", "[M-H2O-H]-", {"C": 6, "H": 9, "O": 5}),
    ],
)
def test_next_peak_is_the_sum_over_the_atoms(formula: str, adduct: str, atoms: dict[str, int]) -> None:
    assert isotope_pattern(formula, adduct).relative[1] == pytest.approx(expected_next(**atoms), rel=1e-4)


def test_glucose_has_the_numbers_of_the_textbook() -> None:
    found = isotope_pattern("C6H12O6", "[M]+")
    assert found.relative[1] == pytest.approx(0.0686, abs=5e-5)
    carbons = math.comb(6, 2) * (0.0107 / 0.9893) ** 2
    assert found.relative[2] == pytest.approx(carbons + 6 * 0.00205 / 0.99757, rel=0.06)
    assert found.mz[1] - found.mz[0] == pytest.approx(1.0034, abs=2e-4)


@pytest.mark.parametrize(
    ("formula", "adduct", "ratio", "distance"),
    [
        ("C", "[M+Cl]-", 0.2424 / 0.7576, 1.99705),
        ("C", "[M+K]+", 0.067302 / 0.932581, 1.99812),
        ("CBr", "[M]+", 0.4931 / 0.5069, 1.99795),
        ("CCu", "[M]+", 0.3085 / 0.6915, 1.99819),
        ("C", "[M+107Ag]+", 0.48161 / 0.51839, 1.99966),
        ("CS", "[M]+", 0.0425 / 0.9499, 1.99580),
    ],
)
def test_elements_with_a_heavy_pair_show_it_two_above(
    formula: str, adduct: str, ratio: float, distance: float
) -> None:
    found = isotope_pattern(formula, adduct, merge_ppm=20)
    assert found.relative[2] == pytest.approx(ratio, rel=2e-3)
    assert found.mz[2] - found.mz[0] == pytest.approx(distance, abs=2e-4)


def test_two_chlorines_follow_the_binomial() -> None:
    light, heavy = 0.7576, 0.2424
    assert strongest_peaks("Cl2", "[M]+", 3).abundance == pytest.approx([light**2, 2 * light * heavy, heavy**2])


def test_isotopes_that_a_window_tells_apart_are_not_added() -> None:
    arginine = {"C": 6, "N": 4}
    narrow, wide = (isotope_pattern("C6H14N4O2", "[M-H]-", merge_ppm=ppm) for ppm in (5, 100))
    assert narrow.relative[1] == pytest.approx(expected_next(C=6, O=2), rel=2e-3)
    assert wide.relative[1] > expected_next(**arginine)
    # At 13C, 1.00335 above; with 15N, 0.99703 above, the mean is lower.
    assert narrow.mz[1] - narrow.mz[0] == pytest.approx(1.00335, abs=1e-4)
    assert wide.mz[1] - wide.mz[0] < 1.0027


def test_charge_divides_the_distance() -> None:
    found = isotope_pattern("C34H66O17P2", "[M-2H]2-")
    assert found.mz[1] - found.mz[0] == pytest.approx(1.00335 / 2, abs=1e-4)


def test_named_isotope_has_no_partner_above() -> None:
    assert isotope_pattern("C", "[M+109Ag]+").relative[2] == 0
    assert isotope_pattern("C", "[M+109Ag]+").mz[0] == pytest.approx(12 + 108.904755 - 0.000549, abs=1e-5)


def test_first_peak_is_the_ion_of_the_panel() -> None:
    for ion in read_panel(None):
        if ion.formula and ion.polarity != "elemental" and (ion.formula, ion.adduct) != ("C30H50", "[M-H2O+H]+"):
            assert isotope_pattern(ion.formula, ion.adduct).mz[0] == pytest.approx(ion.mz, rel=2e-7)


def test_strongest_peaks_of_tin_are_its_own() -> None:
    found = strongest_peaks("H", "[M-H+Sn]+", 4)
    assert [round(mz) for mz in found.mz] == [116, 118, 119, 120]
    assert found.abundance == pytest.approx([0.1454, 0.2422, 0.0859, 0.3258], abs=1e-4)


@pytest.mark.parametrize(("formula", "adduct"), [("C3H8", "[M-H2O+H]+"), ("C3H8", "M+H"), ("C3H8", "[M+?]+")])
def test_what_cannot_be_is_refused_in_one_line(formula: str, adduct: str) -> None:
    with pytest.raises(RecipeError, match="expected") as caught:
        ion_atoms(formula, adduct)
    assert "\n" not in str(caught.value)
