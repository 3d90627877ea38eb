from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from napari_metime.errors import RecipeError
from napari_metime.simulate import CellRates, SectionPlan, simulate_truth
from napari_metime.simulate.plan import CELL_TYPES

EVEN = SectionPlan(cellularity_sd=0)
SEEDS = range(12)


def places(truth, x, y):
    """Which points lie in the plain bed, in niches, in raised rings, in stroma."""
    anatomy = truth.anatomy
    inside, around = anatomy.niche_of(x, y) > 0, anatomy.niche_of(x, y, margin_um=truth.plan.ring_width_um)
    raised = np.array([False, *(n.kind == "excluded" for n in anatomy.niches)])[around]
    bed = anatomy.in_bed(x, y)
    return {
        "bed": bed & ~inside & ~raised,
        "niche": inside,
        "ring": raised & ~inside,
        "stroma": anatomy.in_tissue(x, y) & ~bed,
    }


@pytest.fixture(scope="module")
def sections():
    return [simulate_truth(replace(EVEN, seed=seed)) for seed in SEEDS]


@pytest.fixture(scope="module")
def area_mm2(sections):
    """Area of each place in all sections together, by counting lattice points."""
    left, top, right, bottom = EVEN.bounds_um
    y, x = np.mgrid[top:bottom:6.0, left:right:6.0]
    counts = [{name: where.sum() for name, where in places(t, x, y).items()} for t in sections]
    return {name: sum(c[name] for c in counts) * 6.0**2 / 1e6 for name in counts[0]}


def n_cells(sections, place, cell_type):
    return sum(np.sum(places(t, t.x_um, t.y_um)[place] & (t.type == cell_type)) for t in sections)


@pytest.mark.parametrize(("place", "rate"), [("bed", 180), ("niche", 0.1 * 180), ("ring", 2.5 * 180), ("stroma", 260)])
def test_effectors_have_the_planted_rate(sections, area_mm2, place, rate):
    low, high = stats.poisson.interval(0.999, rate * area_mm2[place])
    assert low <= n_cells(sections, place, "CD8") <= high


@pytest.mark.parametrize("field", ["tumor", "treg", "macrophage_m2", "fibroblast", "b_cell"])
@pytest.mark.parametrize("place", ["bed", "niche", "ring", "stroma"])
def test_other_cells_do_not_know_of_niches(sections, area_mm2, place, field):
    rates = EVEN.stroma if place == "stroma" else EVEN.bed
    expected = getattr(rates, field) * area_mm2[place]
    # The lattice knows areas to about two in a thousand.
    assert abs(n_cells(sections, place, CELL_TYPES[field]) - expected) < 4 * np.sqrt(expected) + 0.002 * expected


def test_niches_lie_in_the_bed_apart_from_each_other(sections):
    for truth in sections:
        assert truth.tissue[truth.bed].all()
        first, second = truth.anatomy.niches
        for niche in (first, second):
            turn = np.linspace(0, 2 * np.pi, 360)
            reach = niche.radius_um + truth.plan.ring_width_um
            assert truth.anatomy.in_bed(niche.x_um + reach * np.cos(turn), niche.y_um + reach * np.sin(turn)).all()
        assert np.hypot(first.x_um - second.x_um, first.y_um - second.y_um) >= 2 * (300 + 100)
        assert [first.kind, second.kind] == ["desert", "excluded"]


def test_the_default_section_is_a_test_bed():
    for seed in SEEDS:
        truth = simulate_truth(SectionPlan(seed=seed))
        bed_mm2 = truth.bed.sum() * truth.grid.pixel_area_um2 / 1e6
        assert bed_mm2 >= 3
        assert (truth.niche_labels > 0).sum() < truth.bed.sum() / 4
        border = np.concatenate([truth.tissue[0], truth.tissue[-1], truth.tissue[:, 0], truth.tissue[:, -1]])
        assert not border.any()
    assert SectionPlan().bed.cd8 >= 150


def test_the_label_image_and_the_cells_agree_with_the_geometry(sections):
    truth = sections[0]
    niche = truth.anatomy.niches[1]
    y, x = np.indices(truth.grid.shape) * truth.plan.pixel_size_um
    inside = np.hypot(x - niche.x_um, y - niche.y_um) <= niche.radius_um
    assert np.array_equal(truth.niche_labels == 2, inside)
    assert np.array_equal(truth.niche == 2, np.hypot(truth.x_um - niche.x_um, truth.y_um - niche.y_um) <= 300)
    assert truth.anatomy.in_tissue(truth.x_um, truth.y_um).all()


def test_without_niches_nothing_else_changes():
    with_niches, without = simulate_truth(SectionPlan(seed=4)), simulate_truth(SectionPlan(seed=4, n_niches=0))
    assert without.anatomy.niches == ()
    assert not without.niche_labels.any()
    assert not without.niche.any()
    assert np.array_equal(with_niches.bed, without.bed)


def test_clumping_spreads_the_effectors_unevenly_but_leaves_their_number():
    plan = SectionPlan(n_niches=0, cellularity_sd=0)
    even = [simulate_truth(replace(plan, seed=s)) for s in SEEDS]
    clumped = [simulate_truth(replace(plan, seed=s, clumping_sd=1.0)) for s in SEEDS]
    assert 0.9 < dispersion(even) < 1.1
    assert dispersion(clumped) > 1.8
    n_even, n_clumped = (sum(np.sum(t.type == "CD8") for t in group) for group in (even, clumped))
    assert abs(n_clumped / n_even - 1) < 0.1


def dispersion(sections):
    """Variance over mean of the effectors in tiles of 150 µm that lie in the bed."""
    counts = []
    for truth in sections:
        cd8 = truth.type == "CD8"
        edges = np.arange(0, 2401, 150.0)
        tiles = np.histogram2d(truth.x_um[cd8], truth.y_um[cd8], bins=(edges, edges))[0]
        corner = truth.anatomy.in_bed(*np.meshgrid(edges, edges, indexing="ij"))
        counts.append(tiles[corner[1:, 1:] & corner[1:, :-1] & corner[:-1, 1:] & corner[:-1, :-1]])
    together = np.concatenate(counts)
    return together.var() / together.mean()


def test_the_dense_nest_doubles_tumor_cells_only():
    plan = SectionPlan(n_niches=1, dense_nest_radius_um=300, cellularity_sd=0)
    for seed in range(3):
        truth = simulate_truth(replace(plan, seed=seed))
        x, y, radius = truth.anatomy.nest
        inside = np.hypot(truth.x_um - x, truth.y_um - y) <= radius
        expected = np.pi * 0.3**2 * np.array([2 * plan.bed.tumor, plan.bed.cd8])
        found = [np.sum(inside & (truth.type == t)) for t in ("Tumor", "CD8")]
        assert np.all(np.abs(found - expected) < 4 * np.sqrt(expected))
        assert truth.tumor_density.max() == 2


def test_niches_that_do_not_fit_are_told():
    with pytest.raises(RecipeError, match="lower n_niches"):
        simulate_truth(SectionPlan(n_niches=30))


def test_a_section_without_any_cell_is_possible():
    none = CellRates(0, 0, 0, 0, 0, 0)
    truth = simulate_truth(SectionPlan(bed=none, stroma=none))
    assert truth.x_um.size == truth.type.size == 0


def test_a_seed_gives_the_same_section_and_another_seed_another():
    first, again, other = (simulate_truth(SectionPlan(seed=s)) for s in (1, 1, 2))
    assert np.array_equal(first.x_um, again.x_um)
    assert np.array_equal(first.type, again.type)
    assert first.anatomy.niches == again.anatomy.niches
    assert first.anatomy.niches != other.anatomy.niches
