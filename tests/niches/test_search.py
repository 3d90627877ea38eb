"""The search on sections with a planted truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metime.errors import Cancelled, CellTableError, TissueError
from napari_metime.niches import map_niches


def search(section, **options):  # type: ignore[no-untyped-def]
    return map_niches(
        section.grid, section.tissue, section.cells, domain="tumor_bed", **{"n_permutations": 99} | options
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_planted_niche_is_found_and_little_else(plant, seed: int) -> None:  # type: ignore[no-untyped-def]
    section = plant(seed, rate=0.1)
    found = search(section)
    called = found.labels > 0
    assert found.n_niches == 1
    assert found.p_region[0] == 0.01  # 1 / (99 + 1), the smallest that 99 labellings can give
    assert (called & section.disc).sum() > 0.5 * section.disc.sum()
    assert (called & ~section.disc).sum() < 0.3 * called.sum()
    assert np.median(found.coldness[section.disc]) > 1


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


def test_the_same_seed_gives_the_same_niches(plant) -> None:  # type: ignore[no-untyped-def]
    first, second = (search(plant(2, rate=0.1), seed=4) for _ in range(2))
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.p_region, second.p_region)


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


def test_too_few_permutations_to_reach_alpha_are_told(plant) -> None:  # type: ignore[no-untyped-def]
    assert "cannot reach" in search(plant(0), n_permutations=19, alpha=0.01).warnings[0]


def test_a_search_can_be_cancelled(plant) -> None:  # type: ignore[no-untyped-def]
    def cancel(done: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        search(plant(0), on_progress=cancel)
