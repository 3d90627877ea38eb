"""The search on sections with a planted truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from napari_metime.errors import Cancelled, CellTableError, TissueError
from napari_metime.niches import find_lymphoid, map_niches
from napari_metime.section import CellTable
from napari_metime.simulate import SectionPlan, simulate_truth


def search(section, **options):  # type: ignore[no-untyped-def]
    options = {"n_permutations": 99, "n_draws": 1500} | options
    return map_niches(section.grid, section.tissue, section.cells, domain="tumor_bed", **options)


@pytest.mark.parametrize("seed", range(4))
def test_a_planted_niche_is_found_and_little_else(plant, seed: int) -> None:  # type: ignore[no-untyped-def]
    section = plant(seed, rate=0.1)
    found = search(section, n_draws=6000)
    called = found.labels > 0
    assert found.n_niches == 1
    assert found.p_region[0] == 0.01  # 1 / (99 + 1), the smallest that 99 labellings can give
    assert (called & section.disc).sum() > 0.7 * section.disc.sum()
    assert (called & ~section.disc).sum() < 0.3 * called.sum()
    assert np.median(found.coldness[section.disc]) > 1


def test_none_is_told_with_what_was_searched_and_the_coldest(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    found = search(section, alpha=0.0)  # whatever is there, none is called
    share = 100 * found.domain.sum() / section.tissue.sum()
    area = found.domain.sum() * section.grid.pixel_area_um2 / 1e6
    assert found.note.startswith(f"No cold niche in the tumour bed ({area:.2f} mm², {share:.0f} % of the tissue); ")
    assert found.note.endswith(f" The coldest region has p = {found.p_smallest:.2g}, not below 0.")


def test_sections_without_niches_are_rarely_called(plant) -> None:  # type: ignore[no-untyped-def]
    # Nominally one in twenty; five or more of twelve has probability 2e-4.
    assert sum(search(plant(100 + seed)).n_niches > 0 for seed in range(12)) < 5


def test_a_nest_that_is_merely_denser_is_not_cold(plant) -> None:  # type: ignore[no-untyped-def]
    # Random labelling alone calls most of these: a third of the usual share of effectors.
    assert sum(search(plant(seed, nest=3.0)).n_niches > 0 for seed in range(8)) <= 2


def test_the_domain_is_the_tumour_bed(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    found = search(section)
    assert (found.domain & section.bed).sum() / (found.domain | section.bed).sum() > 0.93
    assert not (found.assessable & ~found.domain).any()
    assert np.isnan(found.coldness[~found.assessable]).all()
    assert np.isfinite(found.coldness[found.assessable]).all()


def test_coldness_follows_its_formula(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(1, rate=0.1)
    found = search(section, radius_um=200.0)
    pixel = section.grid.pixel_of(section.cells.x, section.cells.y)
    in_domain = found.domain.ravel()[pixel]
    effector = section.cells.has_role("effector") & in_domain
    row, col = np.divmod(pixel, section.grid.shape[1])
    for r, c in ((35, 32), (35, 45), (20, 20)):
        near = np.hypot((row - r) * 40.0, (col - c) * 40.0) <= 200.0
        x, n = (effector & near).sum(), (in_domain & near).sum()
        expected = n * effector.sum() / in_domain.sum()
        assert found.coldness[r, c] == pytest.approx(-np.log2((x + 0.5) / (expected + 0.5)), rel=1e-5)
        assert found.expected[r, c] == pytest.approx(expected, rel=1e-5)
    assert found.coldness[35, 32] > 1 > abs(found.coldness[20, 20])


def test_the_local_p_is_the_tail_of_the_fewer_cells(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(1, rate=0.1)
    found = search(section, radius_um=200.0)
    pixel = section.grid.pixel_of(section.cells.x, section.cells.y)
    in_domain = found.domain.ravel()[pixel]
    effector = section.cells.has_role("effector") & in_domain
    row, col = np.divmod(pixel, section.grid.shape[1])
    grid_row, grid_col = np.indices(section.grid.shape)
    for r, c in ((35, 32), (35, 45), (20, 20)):
        near = np.hypot((row - r) * 40.0, (col - c) * 40.0) <= 200.0
        window = np.hypot((grid_row - r) * 40.0, (grid_col - c) * 40.0) <= 200.0
        evenly = np.rint(in_domain.sum() * (window & found.domain).sum() / found.domain.sum())
        n = min((in_domain & near).sum(), evenly)
        p = stats.hypergeom.cdf((effector & near).sum(), in_domain.sum(), effector.sum(), n)
        assert found.p_local[r, c] == pytest.approx(p, rel=1e-5)


def test_q_is_benjamini_hochbergs_over_the_assessable_windows(plant) -> None:  # type: ignore[no-untyped-def]
    found = search(plant(1, rate=0.1))
    p, q = found.p_local[found.assessable].astype(float), found.q_local[found.assessable]
    order = np.argsort(p)
    raw = p[order] * p.size / np.arange(1, p.size + 1)
    expected = np.minimum.accumulate(raw[::-1])[::-1]
    np.testing.assert_allclose(q[order], expected, rtol=1e-4)
    assert np.isnan(found.q_local[~found.assessable]).all()
    assert np.isnan(found.p_local[~found.assessable]).all()


def test_every_p_lies_in_its_range(plant) -> None:  # type: ignore[no-untyped-def]
    for section in (plant(0, rate=0.1), plant(5)):
        found = search(section)
        for p in (found.p_region, found.p_labelling, [found.p_smallest]):
            assert all(0.01 - 1e-12 <= value <= 1 for value in p)
        if found.n_niches:
            assert found.p_smallest <= found.p_region.min()


def test_pieces_of_tissue_with_their_own_effectors_are_no_niches(plant) -> None:  # type: ignore[no-untyped-def]
    called = 0
    for seed in range(4):
        many, few = plant(seed, effectors_per_mm2=300.0), plant(50 + seed, effectors_per_mm2=75.0)
        left, right = many.cells.x < 1360, few.cells.x > 1440
        parts = {
            name: np.concatenate([getattr(many.cells, name)[left], getattr(few.cells, name)[right]])
            for name in ("x", "y", "type", "role")
        }
        cells = CellTable(np.arange(parts["x"].size).astype(str).astype(object), unit="um", **parts)
        tissue = many.bed & (np.indices(many.bed.shape)[1] != 35)
        found = map_niches(many.grid, tissue, cells, domain="tissue", n_permutations=99, n_draws=1500)
        called += found.n_niches > 0
    assert called <= 1


def test_a_lymphoid_structure_does_not_make_the_rest_cold(plant) -> None:  # type: ignore[no-untyped-def]
    called = 0
    for seed in range(4):
        section = plant(seed)
        x, y = np.random.default_rng(seed).normal(1400, 40, (2, 300))
        parts = {
            "x": np.concatenate([section.cells.x, x]),
            "y": np.concatenate([section.cells.y, y]),
            "type": np.concatenate([section.cells.type, np.full(300, "CD8", object)]),
            "role": np.concatenate([section.cells.role, np.full(300, "effector", object)]),
        }
        cells = CellTable(np.arange(parts["x"].size).astype(str).astype(object), unit="um", **parts)
        called += search(replace(section, cells=cells)).n_niches > 0
    assert called <= 1


def test_clumping_is_told_and_seldom_called(plant) -> None:  # type: ignore[no-untyped-def]
    told, called = 0, 0
    for seed in range(6):
        section = simulate_truth(
            SectionPlan(seed=seed, width_um=2400, height_um=2000, n_niches=0, clumping_sd=0.6, clumping_scale_um=60.0)
        )
        roles = np.select(
            [section.type == "CD8", section.type == "Tumor"], ["effector", "tumor"], "other"
        ).astype(object)
        ids = np.arange(roles.size).astype(str).astype(object)
        cells = CellTable(ids, section.x_um, section.y_um, section.type, roles, "um")
        found = map_niches(
            section.grid, section.tissue, cells, domain="tumor_bed", n_permutations=99, n_draws=1500
        )
        assert found.null is not None
        assert any("clump" in text for text in found.warnings) == (found.null.clumping_sd >= 0.4)
        told += found.null.clumping_sd >= 0.4
        called += found.n_niches > 0
    assert told >= 3
    assert called <= 3


def test_no_effector_gives_no_map_and_says_so(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    cells = replace(section.cells, role=np.where(section.cells.role == "effector", "other", section.cells.role))
    found = map_niches(section.grid, section.tissue, cells, domain="tumor_bed")
    assert found.n_niches == 0
    assert not found.assessable.any()
    assert "no map" in found.note


def test_too_few_effectors_are_not_assessable_never_cold(plant) -> None:  # type: ignore[no-untyped-def]
    found = search(plant(0, effectors_per_mm2=4.0))
    assert not found.assessable.any()
    assert "Too few effector cells to map" in found.note
    assert np.isnan(found.coldness).all()


def test_a_window_wider_than_the_section_is_not_called_too_few_effectors(plant) -> None:  # type: ignore[no-untyped-def]
    found = search(plant(0), radius_um=5000.0)
    assert "half on tissue" in found.note
    assert not found.assessable.any()


def test_a_domain_smaller_than_its_window_is_searched_or_says_why(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    drawn = np.zeros_like(section.tissue)
    drawn[33:37, 33:37] = True
    found = map_niches(section.grid, section.tissue, section.cells, domain=drawn, n_permutations=19, n_draws=1500)
    assert found.n_niches == 0
    assert found.radius_um > 80
    assert np.array_equal(found.domain, drawn)
    alone = map_niches(section.grid, drawn, section.cells, domain=drawn, n_permutations=19, n_draws=1500)
    assert alone.n_niches == 0
    assert not (alone.labels > 0).any()


def test_one_cell_is_not_enough_to_map(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    place, kind = np.array([1400.0]), np.array(["CD8"], object)
    one = CellTable(kind, place, place, kind, np.array(["effector"], object), "um")
    found = map_niches(section.grid, section.tissue, one, domain="tissue")
    assert found.n_niches == 0
    assert not found.assessable.any()
    assert "Too few effector cells" in found.note


def test_effectors_in_the_rim_alone_call_nothing(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    cells = section.cells
    to_margin = 1000 - np.maximum(abs(cells.x - 1400), abs(cells.y - 1400))
    keep = ~cells.has_role("effector") | (to_margin < 40)
    parts = {name: getattr(cells, name)[keep] for name in ("cell_id", "x", "y", "type", "role")}
    found = search(replace(section, cells=CellTable(**parts, unit="um")), radius_um=300.0, n_permutations=19)
    assert found.n_niches == 0


def test_lymphoid_structures_are_told_and_left_out_where_asked(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(1700, 25, (2, 200))
    kinds = np.array(["B cell", "CD8"], object)[(np.arange(200) % 4 == 0).astype(int)]
    parts = {
        "x": np.concatenate([section.cells.x, x]),
        "y": np.concatenate([section.cells.y, y]),
        "type": np.concatenate([section.cells.type, kinds]),
        "role": np.concatenate([section.cells.role, np.where(kinds == "CD8", "effector", "other").astype(object)]),
    }
    cells = CellTable(np.arange(parts["x"].size).astype(str).astype(object), unit="um", **parts)
    section = replace(section, cells=cells)
    lymphoid, _ = find_lymphoid(section.grid, section.tissue, cells)
    kept, masked = (search(section, n_permutations=19, lymphoid=lymphoid, mask_lymphoid=m) for m in (False, True))
    assert kept.lymphoid[1700 // 40, 1700 // 40] == masked.lymphoid[1700 // 40, 1700 // 40] == 1
    assert not masked.domain[masked.lymphoid > 0].any()
    assert np.array_equal(masked.domain, kept.domain & (kept.lymphoid == 0))


def test_the_same_seed_gives_the_same_niches(plant) -> None:  # type: ignore[no-untyped-def]
    first, second = (search(plant(2, rate=0.1), seed=4) for _ in range(2))
    for name in ("labels", "membership", "p_region", "p_labelling", "rate_low", "rate_high", "p_local"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.n_niches == 1
    assert first.null == second.null


def test_cells_beside_the_tissue_are_an_error_that_says_what_to_check(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    far = replace(section.cells, x=section.cells.x + 1e6)
    with pytest.raises(CellTableError, match=r"found none of .* there; check cells\.unit"):
        map_niches(section.grid, section.tissue, far, domain="tissue")


def test_a_bed_without_tumour_cells_is_an_error(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    cells = replace(section.cells, role=np.where(section.cells.role == "tumor", "other", section.cells.role))
    with pytest.raises(TissueError, match=r"roles\.tumor"):
        map_niches(section.grid, section.tissue, cells, domain="tumor_bed")


def test_a_drawn_domain_is_kept_to_the_tissue(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    drawn = np.zeros_like(section.tissue)
    drawn[10:60, 10:60] = True
    found = map_niches(section.grid, section.tissue, section.cells, domain=drawn, n_permutations=19)
    assert np.array_equal(found.domain, drawn)


def test_a_niche_is_not_taken_for_clumping_however_few_the_permutations(plant) -> None:  # type: ignore[no-untyped-def]
    # 39 cannot reach the p of a candidate, so 1 / 40 must do: it would else be fitted with the rest, and hide itself.
    assert search(plant(0, rate=0.1), n_permutations=39).p_region.tolist() == [1 / 40]


def test_too_few_permutations_to_reach_alpha_are_told(plant) -> None:  # type: ignore[no-untyped-def]
    assert "cannot reach" in search(plant(0), n_permutations=19, alpha=0.01).warnings[0]


def test_a_search_can_be_cancelled(plant) -> None:  # type: ignore[no-untyped-def]
    def cancel(done: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        search(plant(0), on_progress=cancel)
