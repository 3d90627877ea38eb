"""What sections may have beside discs: shapes, lymphoid structures, effectors that fall with depth; the true rates."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from scipy import stats

from napari_metime.errors import RecipeError
from napari_metime.simulate import SectionPlan, simulate_truth

EVEN = SectionPlan(cellularity_sd=0, n_niches=0)
SEEDS = range(6)


def sections(**values):
    return [simulate_truth(replace(EVEN, seed=seed, **values)) for seed in SEEDS]


def lattice(plan, step_um):
    left, top, right, bottom = plan.bounds_um
    return np.meshgrid(np.arange(left, right, step_um), np.arange(top, bottom, step_um))


@pytest.mark.parametrize("shape", ["ellipse", "ragged", "banana"])
def test_niches_of_every_shape_lie_in_the_bed_with_their_ring_and_are_cold(shape):
    expected = found = 0.0
    for truth in sections(n_niches=2, niche_shape=shape):
        x, y = lattice(truth.plan, 10.0)
        assert truth.anatomy.in_bed(x, y)[truth.anatomy.niche_of(x, y, margin_um=100.0) > 0].all()
        for number in (1, 2):
            area = np.sum(truth.anatomy.niche_of(x, y) == number) * 100.0
            assert area == pytest.approx(np.pi * 300**2, rel=0.02)
        expected += 2 * np.pi * 0.3**2 * 180 * 0.1
        found += np.sum((truth.niche > 0) & (truth.type == "CD8"))
    low, high = stats.poisson.interval(0.999, expected)
    assert low <= found <= high


def test_a_lymphoid_structure_holds_its_cells_and_no_tumor():
    of_type = {"B cell": 4000, "CD8": 1500, "Treg": 40, "Tumor": 0}
    counts = dict.fromkeys(of_type, 0)
    for truth in sections(n_lymphoid=2, n_niches=1):
        x, y = lattice(truth.plan, 10.0)
        assert truth.anatomy.in_bed(x, y)[truth.anatomy.in_lymphoid(x, y)].all()
        assert not (truth.anatomy.niche_of(x, y, margin_um=100.0) > 0)[truth.anatomy.in_lymphoid(x, y)].any()
        inside = truth.anatomy.in_lymphoid(truth.x_um, truth.y_um)
        for name in counts:
            counts[name] += np.sum(inside & (truth.type == name))
    area_mm2 = len(SEEDS) * 2 * np.pi * 0.1**2
    for name, rate in of_type.items():
        assert abs(counts[name] - rate * area_mm2) <= 4 * np.sqrt(rate * area_mm2)


def test_a_lymphoid_structure_on_the_margin_reaches_into_bed_and_stroma():
    for truth in sections(n_lymphoid=2, lymphoid_place="margin"):
        x, y = lattice(truth.plan, 10.0)
        in_bed = truth.anatomy.in_bed(x, y)
        for x0, y0, radius in truth.anatomy.lymphoid:
            assert 0.3 < in_bed[np.hypot(x - x0, y - y0) <= radius].mean() < 0.8


def test_a_lymphoid_structure_leaves_the_rest_as_it_is():
    with_one, without = simulate_truth(replace(EVEN, n_lymphoid=1)), simulate_truth(EVEN)
    outside = ~with_one.anatomy.in_lymphoid(*np.indices(with_one.grid.shape)[::-1] * 50.0)
    outside &= with_one.effector_rate == without.effector_rate
    assert (~outside).sum() <= 25  # the disc of 100 µm and the pixels that it cuts
    assert np.array_equal(with_one.cell_rate[outside], without.cell_rate[outside])


def test_the_depth_is_the_distance_to_the_margin_of_the_bed():
    truth = simulate_truth(replace(EVEN, depth_gradient_per_mm=1.0))
    turn = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    bed, tissue = truth.anatomy.bed_outline, truth.anatomy.tissue_outline
    parts = []
    for outline, shrunk in ((bed, 1.0), (tissue, 0.93)):
        radius = shrunk * outline.radius(np.cos(turn), np.sin(turn))
        (x0, y0), (a, b) = outline.centre_um, outline.semi_axes_um
        parts.append(shapely.Polygon(np.column_stack([x0 + a * radius * np.cos(turn), y0 + b * radius * np.sin(turn)])))
    area = parts[0].intersection(parts[1])
    x, y = (axis.ravel() for axis in lattice(truth.plan, 90.0))
    inside = shapely.contains_xy(area, x, y)
    expected = shapely.distance(area.boundary, shapely.points(x, y)) * inside
    assert truth.intensity.depth_um.at(x, y) == pytest.approx(expected, abs=8.0)


def test_effectors_fall_with_depth_and_others_do_not():
    gradient, found, expected, tumor = 2.0, np.zeros(2), np.zeros(2), np.zeros(2)
    for truth in sections(depth_gradient_per_mm=gradient):
        depth = truth.anatomy.depth(truth.plan.bounds_um)
        of_cells = np.where(truth.anatomy.in_bed(truth.x_um, truth.y_um), depth.at(truth.x_um, truth.y_um), -1.0)
        x, y = lattice(truth.plan, 6.0)
        of_points = np.where(truth.anatomy.in_bed(x, y), depth.at(x, y), -1.0)
        for i, (low, high) in enumerate(((50, 150), (400, 600))):
            band = of_points[(of_points >= low) & (of_points < high)]
            cells = (of_cells >= low) & (of_cells < high)
            expected[i] += 180 * np.exp(-gradient * band / 1000).sum() * 36e-6
            tumor[i] += 2200 * band.size * 36e-6 - np.sum(cells & (truth.type == "Tumor"))
            found[i] += np.sum(cells & (truth.type == "CD8"))
    assert np.all(np.abs(found - expected) < 4 * np.sqrt(expected))
    assert np.all(np.abs(tumor) < 4 * np.sqrt(2200 * 6))


def test_the_true_rates_are_those_of_the_plan_and_of_the_cells():
    truth = simulate_truth(replace(EVEN, n_niches=1, niche_kinds=("excluded",)))
    y, x = np.indices(truth.grid.shape) * 50.0
    niche = truth.anatomy.niches[0]
    distance = np.hypot(x - niche.x_um, y - niche.y_um)
    assert truth.effector_rate[distance < 250] == pytest.approx(18)
    assert truth.cell_rate[distance < 250] == pytest.approx(2200 + 18 + 40 + 120 + 200 + 40)
    assert truth.effector_rate[~truth.tissue & (truth.effector_rate == 0)].size > 0
    # A border counts by its share of the pixel: the whole niche holds what it should.
    whole = truth.effector_rate[distance < 450].sum() * 50.0**2 / 1e6
    pixels_mm2 = np.sum(distance < 450) * 50.0**2 / 1e6
    disc, ring = np.pi * 0.3**2, np.pi * (0.4**2 - 0.3**2)
    assert whole == pytest.approx(18 * disc + 450 * ring + 180 * (pixels_mm2 - disc - ring), rel=0.01)


def test_the_true_rates_sum_to_the_cells_of_an_uneven_section():
    plan = SectionPlan(seed=3, clumping_sd=0.6, n_lymphoid=1, depth_gradient_per_mm=1.0)
    truth = simulate_truth(plan)
    for rate, n in ((truth.effector_rate, np.sum(truth.type == "CD8")), (truth.cell_rate, truth.x_um.size)):
        expected = rate.sum() * truth.grid.pixel_area_um2 / 1e6
        assert abs(n - expected) < 4 * np.sqrt(expected)


def test_a_plan_without_what_was_added_later_is_written_as_before():
    written = SectionPlan().written()
    assert not {"niche_shape", "n_lymphoid", "lymphoid_cd8", "depth_gradient_per_mm"} & set(written)
    assert written["clumping_sd"] == 0.0
    asked = replace(SectionPlan(), niche_shape="banana", depth_gradient_per_mm=1.5).written()
    assert {"niche_shape": "banana", "depth_gradient_per_mm": 1.5}.items() <= asked.items()
    assert "n_lymphoid" not in asked


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"niche_shape": "square"}, "niche_shape"),
        ({"lymphoid_place": ["bed"]}, "lymphoid_place"),
        ({"n_lymphoid": -1}, "n_lymphoid"),
        ({"depth_gradient_per_mm": -0.1}, "depth_gradient_per_mm"),
        ({"lymphoid_radius_um": 0.0}, "lymphoid_radius_um"),
    ],
)
def test_a_value_out_of_range_is_told(values, name):
    with pytest.raises(RecipeError, match=f"{name}: expected"):
        SectionPlan(**values)


def test_structures_that_do_not_fit_are_told():
    with pytest.raises(RecipeError, match="lower n_niches, n_lymphoid"):
        simulate_truth(replace(EVEN, n_lymphoid=30, lymphoid_radius_um=300.0))
