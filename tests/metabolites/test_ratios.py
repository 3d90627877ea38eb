"""Ratios: values by hand, what lies below the limits of detection, and what a file does not allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_metime.metabolites.ratio_table import Ratio, read_ratios
from napari_metime.metabolites.ratios import (
    Shares,
    mean_off_tissue,
    plan_ratio,
    ratio_image,
    ratio_shares,
    region_ratio,
    sum_side,
)
from napari_metime.metabolites.standard import Limit

NAN = float("nan")
KYN, TRP = "L-Kynurenine", "L-Tryptophan"
KYN_TRP = Ratio("kyn_trp", "trp_kyn", ((KYN, 1.0),), ((TRP, 1.0),))
ADENYLATES = (("ATP", 1.0), ("ADP", 1.0), ("AMP", 1.0))
CHARGE = Ratio("aec", "energy", (("ATP", 1.0), ("ADP", 0.5)), ADENYLATES, needs_all=True)
STRESS = Ratio("stress", "energy", (("AMP", 1.0), ("ADP", 2.0)), (("ATP", 1.0), ("ADP", 1.0)))


def row(verdict: str = "seen", adduct: str = "[M-H]-") -> dict[str, Any]:
    return {"verdict": verdict, "adduct": adduct}


def side(values: list[float], limit: float):  # type: ignore[no-untyped-def]
    return sum_side((("A", 1.0),), {"A": np.array([values], np.float32)}, {"A": Limit(limit, True)})


def test_a_ratio_is_the_log2_of_two_sums_with_half_their_limits_added() -> None:
    found = ratio_image(side([14, 30, 6], 4), side([6, 0, 14], 4))
    np.testing.assert_allclose(found[0], np.log2([16 / 8, 32 / 2, 8 / 16]), rtol=1e-6)
    assert found.dtype == np.float32


def test_what_is_below_a_limit_is_a_bound_and_below_both_it_is_missing() -> None:
    above, below = side([9, 9, 1, 1, NAN, 9], 4), side([9, 1, 9, 1, 9, 9], 4)
    assert np.isnan(ratio_image(above, below)[0]).tolist() == [False, False, False, True, True, False]
    assert ratio_shares(above, below, np.array([[True] * 5 + [False]])) == Shares(1 / 5, 1 / 5, 1 / 5, 2 / 5)


def test_members_are_weighted_and_so_are_their_limits() -> None:
    images = {"ATP": np.array([[8.0]], np.float32), "ADP": np.array([[4.0]], np.float32)}
    found = sum_side(CHARGE.numerator, images, {"ATP": Limit(2.0, True), "ADP": Limit(6.0, False)})
    assert (found.image[0, 0], found.limit, found.members) == (10.0, 5.0, ("ATP", "ADP"))


def test_a_region_is_the_ratio_of_sums_not_the_mean_of_ratios() -> None:
    above, below = side([30, 2, 5], 1), side([10, 6, NAN], 1)
    found = region_ratio(above, below, np.ones((1, 3), bool))
    assert (found.log2, found.bound) == (pytest.approx(np.log2(32 / 16)), "measured")
    assert (found.mean_above, found.mean_below) == (16.0, 8.0)


@pytest.mark.parametrize(
    ("above", "below", "bound"), [(9, 1, "lower_bound"), (1, 9, "upper_bound"), (1, 1, "missing"), (9, 9, "measured")]
)
def test_a_region_is_bounded_by_the_limits_too(above: float, below: float, bound: str) -> None:
    found = region_ratio(side([above], 4), side([below], 4), np.ones((1, 1), bool))
    assert found.bound == bound
    assert np.isnan(found.log2) == (bound == "missing")


@pytest.mark.parametrize(
    ("above", "below", "log2"),
    [(100, 0.1, np.log2(100)), (100, 0, np.log2(100)), (0.1, 64, np.log2(1 / 64)), (0, 64, np.log2(1 / 64))],
)
def test_a_bound_stands_at_the_limit_and_not_at_what_lies_below_it(above: float, below: float, log2: float) -> None:
    """100 over what is at most 1 is at least 100, however little was read."""
    found = region_ratio(side([above], 1), side([below], 1), np.ones((1, 1), bool))
    assert found.log2 == pytest.approx(log2)


def test_a_sum_is_not_divided_by_itself() -> None:
    """PE;O over PE;O and PE: with PE;O alone it would be 0 everywhere."""
    share = Ratio("share", "ferroptosis", (("PE;O", 1.0),), (("PE;O", 1.0), ("PE", 1.0)))
    plan = plan_ratio(share, {"PE;O": row(), "PE": row("not seen")}, {"PE;O"})
    assert (plan.is_measurable, plan.reason) == (False, "PE: not seen")
    assert plan_ratio(share, {"PE;O": row(), "PE": row()}, {"PE;O", "PE"}).is_measurable
    oxidised = next(ratio for ratio in read_ratios() if ratio.id == "oxpe_index")
    there = {name for name, _ in oxidised.numerator}
    assert not plan_ratio(oxidised, {name: row() for name in there}, there).is_measurable


def test_what_a_contaminant_has_off_the_tissue_is_taken_off() -> None:
    images = {"A": np.array([[10.0, 3.0, 1.0]], np.float32)}
    found = sum_side((("A", 2.0),), images, {"A": Limit(5.0, True)}, {"A": 3.0})
    assert found.image.tolist() == [[14.0, 0.0, 0.0]]
    assert found.limit == 4.0
    palmitate = Ratio("scd", "lipid_FA", ((KYN, 1.0),), ((TRP, 1.0),), less_off_tissue=True)
    known, unknown = ({"off_to_on": share, "mean_intensity": 8.0} for share in (0.25, NAN))
    assert plan_ratio(palmitate, {KYN: row() | known, TRP: row() | known}, {KYN, TRP}).is_measurable
    assert mean_off_tissue(known) == 2.0
    plan = plan_ratio(palmitate, {KYN: row() | known, TRP: row() | unknown}, {KYN, TRP})
    assert not plan.is_measurable
    assert plan.reason.startswith("L-Tryptophan: what it has off the tissue is not known")


def test_a_seen_member_on_each_side_is_needed() -> None:
    rows = {KYN: row("not seen"), TRP: row()}
    plan = plan_ratio(KYN_TRP, rows, {TRP})
    assert (plan.is_measurable, plan.reason, plan.missing) == (False, "L-Kynurenine: not seen", (KYN,))
    assert plan_ratio(KYN_TRP, {}, set()).reason == "L-Kynurenine: not in the panel; L-Tryptophan: not in the panel"
    both = plan_ratio(KYN_TRP, {KYN: row(), TRP: row()}, {KYN, TRP})
    assert (both.is_measurable, both.reason, both.members) == (True, "", (KYN, TRP))


def test_a_ratio_that_needs_all_is_refused_without_one_and_others_leave_it_out() -> None:
    rows = {name: row() for name in ("ATP", "ADP", "AMP")} | {"ADP": row("doubtful")}
    assert plan_ratio(CHARGE, rows, {"ATP", "AMP"}).reason == "ADP: doubtful"
    plan = plan_ratio(STRESS, rows, {"ATP", "AMP"})
    assert plan.is_measurable
    assert plan.reason == "without ADP (doubtful)"
    assert (plan.numerator, plan.denominator) == ((("AMP", 1.0),), (("ATP", 1.0),))


def test_mixed_adducts_are_told() -> None:
    plan = plan_ratio(KYN_TRP, {KYN: row(adduct="[M+H]+"), TRP: row(adduct="[M+Na]+")}, {KYN, TRP})
    assert "mixed adducts ([M+H]+, [M+Na]+)" in plan.reason
