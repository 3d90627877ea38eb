"""The decoys, and the rate that is estimated from them."""

from __future__ import annotations

import numpy as np

from napari_metime.metabolites.decoys import N_SAMPLES, decoy_adducts, estimate_fdr, sample_decoys


def test_the_list_is_every_element_of_nature_but_those_of_the_usual_adducts() -> None:
    from molmass import ELEMENTS

    unstable = {"Tc", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Pa"}
    in_nature = [e.symbol for e in ELEMENTS if e.number <= 92 and e.symbol not in unstable]
    assert sorted(decoy_adducts()) == sorted(set(in_nature) - {"H", "Na", "K"})
    assert len(decoy_adducts()) == 80


def test_an_element_that_is_looked_for_is_no_decoy() -> None:
    assert set(decoy_adducts()) - set(decoy_adducts(["[M-H]-", "[M+Cl]-"])) == {"Cl"}
    assert set(decoy_adducts()) - set(decoy_adducts(["[M+107Ag]+", "[M+Na]+"])) == {"Ag"}


def test_every_formula_and_adduct_gets_its_own_draw_and_the_seed_repeats_it() -> None:
    formulas, adducts = [f"C{n}H12O6" for n in range(2, 60)], ["[M+H]+", "[M+Na]+"]
    drawn = sample_decoys(formulas, adducts, rng=np.random.default_rng(3))
    assert list(drawn) == [(formula, adduct) for formula in formulas for adduct in adducts]
    assert all(len(set(decoys)) == N_SAMPLES == 20 for decoys in drawn.values())
    assert all(decoy.startswith("[M+") and decoy.endswith("]+") for decoys in drawn.values() for decoy in decoys)
    assert len(set(drawn.values())) == len(drawn)
    assert {decoy for decoys in drawn.values() for decoy in decoys} == {f"[M+{e}]+" for e in decoy_adducts()}
    assert drawn == sample_decoys(formulas, adducts, rng=np.random.default_rng(3))
    assert sample_decoys(["C3H6O3"], ["[M-2H]2-"], n=1)["C3H6O3", "[M-2H]2-"][0].endswith("]2-")


def test_the_rate_is_that_of_a_small_ranking_done_by_hand() -> None:
    target = np.array([0.9, 0.8, 0.5, 0.2, 0.0])
    decoy = np.array([[0.0, 0.85], [0.0, 0.0], [0.3, 0.3], [0.3, 0.0], [0.1, 0.0]])
    # At 0.9: 0 decoys, 1 target: 1/2/2; at 0.8 and 0.5: 1 decoy, 2 and 3 targets: 2/2/3, 2/2/4; at 0.2: 4 and 4: 5/2/5.
    # The lowest of those that score no higher: 1/4, then 1/4 of three targets, then 1/2.
    assert estimate_fdr(target, decoy).tolist() == [0.25, 0.25, 0.25, 0.5, 1.0]


def test_the_rate_does_not_depend_on_the_order_and_equal_scores_share_it() -> None:
    rng = np.random.default_rng(0)
    target, decoy = rng.integers(0, 20, 200) / 20, rng.integers(0, 12, (200, 20)) / 20
    rate, order = estimate_fdr(target, decoy), rng.permutation(200)
    assert np.array_equal(estimate_fdr(target[order], decoy[order][:, ::-1]), rate[order])
    by_score = {score: set(rate[target == score].tolist()) for score in np.unique(target).tolist()}
    assert all(len(rates) == 1 for rates in by_score.values())
    ascending = [rates.pop() for rates in by_score.values()]
    assert ascending == sorted(ascending, reverse=True)
    assert ascending[0] == 1.0


def test_where_nothing_is_there_a_level_is_met_by_chance_alone_and_no_more_often() -> None:
    rng = np.random.default_rng(1)
    null = [estimate_fdr(rng.random(100), rng.random((100, 20))).min() for _ in range(2000)]
    # The best target precedes all but two of the 2,000 decoys, or so, in one section of seven.
    assert np.mean(np.array(null) <= 0.1) < 0.2
    assert np.mean(np.array(null) <= 0.05) < 0.1


def test_the_rate_is_the_share_of_false_ones_where_half_of_the_targets_are_there() -> None:
    rng = np.random.default_rng(2)
    shares = {0.1: [], 0.2: []}
    for _ in range(300):
        is_there = np.arange(200) < 100
        target = np.where(is_there, rng.beta(4, 2, 200), rng.beta(2, 4, 200))
        called = estimate_fdr(target, rng.beta(2, 4, (200, 20)))
        for level, found in shares.items():
            found.append(np.mean(~is_there[called <= level]) if (called <= level).any() else 0.0)
    # Absent targets are half of all, decoys stand for all: the rate is twice the share, on the safe side.
    assert 0.02 < np.mean(shares[0.1]) < 0.1
    assert 0.06 < np.mean(shares[0.2]) < 0.2


def test_no_target_at_all_gives_no_rate() -> None:
    assert estimate_fdr(np.empty(0), np.empty((0, 20))).size == 0
