"""Windows, hot spots, and the two tests of a cluster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metime.niches.clusters import Searched, fragment_odds_of, judge_clusters, lay_windows
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.labelling import CountedCells, LocalEvidence, count_cells
from napari_metime.niches.windows import Lattice
from napari_metime.section import CellTable, Grid

RADIUS_UM = 150.0


def count(section, cells: CellTable | None = None) -> CountedCells:  # type: ignore[no-untyped-def]
    cells = cells or section.cells
    return count_cells(section.grid.pixel_of(cells.x, cells.y), cells.has_role("effector"), section.bed)


def lay(section, counted: CountedCells, **options) -> Searched:  # type: ignore[no-untyped-def]
    lattice = Lattice.for_window(section.grid.shape, section.grid.spacing_um, RADIUS_UM)
    return lay_windows(lattice, RADIUS_UM, counted, section.bed, section.tissue, **options)


def crowded(section, n: int = 400) -> CellTable:  # type: ignore[no-untyped-def]
    """The cells, with many effectors put around (900, 900) µm."""
    x, y = np.random.default_rng(0).normal(900, 30, (2, n))
    cells = section.cells
    grown = {
        "cell_id": np.arange(cells.n_cells + n).astype(str).astype(object),
        "x": np.concatenate([cells.x, x]),
        "y": np.concatenate([cells.y, y]),
        "type": np.concatenate([cells.type, np.full(n, "CD8", object)]),
        "role": np.concatenate([cells.role, np.full(n, "effector", object)]),
    }
    return replace(cells, **grown)


def test_all_cells_of_the_domain_are_searched_where_nothing_is_hot(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    counted = count(section)
    searched = lay(section, counted)
    assert not searched.hot.any()
    assert (searched.counted.n_effector, searched.counted.pixel.size) == (counted.n_effector, counted.pixel.size)
    assert searched.area.sum() == section.bed.sum()
    assert searched.counted.cells.sum() == searched.counted.pixel.size


def test_a_hot_spot_is_left_out_unless_it_is_looked_for(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    cells = crowded(section)
    counted = count(section, cells)
    without, with_it = lay(section, counted), lay(section, counted, with_hot_spots=True)
    row, col = np.indices(without.lattice.shape)
    away_um = np.hypot(row * 40.0 - 900, col * 40.0 - 900)
    assert without.hot[away_um < 60].all()
    assert not without.hot[away_um > 300].any()
    assert not with_it.hot.any()
    assert with_it.counted.n_effector == counted.n_effector
    assert without.counted.n_effector <= counted.n_effector - 400
    assert (without.counted.cells[without.hot] == 0).all()
    assert (without.area[without.hot] == 0).all()
    assert not np.isin(without.counted.pixel, np.flatnonzero(without.hot)).any()
    # Without the hot spot the rest is as it was: random labelling finds nothing, with it it might.
    assert without.counted.share == pytest.approx(lay(section, count(section)).counted.share, rel=0.1)


def test_many_effectors_are_hot_only_from_three_times_the_expected() -> None:
    """1,000 effectors among 4,000 cells a window: twice the share is beyond chance by far, and no hot spot."""
    grid, everywhere = Grid((24, 24), (0, 0), (50.0, 50.0)), np.ones((24, 24), bool)

    def hot(times: float) -> bool:
        cells = np.full((24, 24), 400)
        effectors = np.full((24, 24), 40)
        effectors[10:14, 10:14] = round(40 * times)
        pixel = np.repeat(np.arange(576), 400)
        counted = CountedCells(pixel, int(effectors.sum()), effectors, cells)
        lattice = Lattice.for_window(grid.shape, grid.spacing_um, RADIUS_UM)
        return bool(lay_windows(lattice, RADIUS_UM, counted, everywhere, everywhere).hot.any())

    assert (hot(2.0), hot(6.0)) == (False, True)


def test_the_rim_holds_no_cells(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    searched = lay(section, count(section), rim_um=100.0)
    deep = -signed_distance_um(section.bed, section.grid.spacing_um) >= 100
    assert searched.counted.cells[~deep].sum() == 0
    assert searched.area.sum() == deep.sum()
    assert searched.depth_um[deep].min() >= 100


def test_a_rim_that_would_leave_nothing_is_not_taken(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    assert lay(section, count(section), rim_um=1e4).area.sum() == section.bed.sum()


def test_windows_are_assessable_with_effectors_cells_and_tissue(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    tissue = section.bed & (np.indices(section.bed.shape)[1] < 40)
    section = replace(section, tissue=tissue, bed=tissue)
    searched = lay(section, count(section))
    row, col = np.indices(section.bed.shape)
    for r, c in ((35, 39), (35, 30), (10, 10), (11, 39), (20, 5)):
        near = np.hypot(row - r, col - c) * 40 <= RADIUS_UM
        n = searched.counted.cells[near].sum()
        # The area of the disc, not of its pixels.
        on_tissue = tissue[near].sum() >= 0.5 * np.pi * RADIUS_UM**2 / 1600
        expected = tissue[r, c] and n >= 30 and n * searched.counted.share >= 3 and on_tissue
        assert searched.assessable[r, c] == expected


def test_the_expected_cells_are_the_fewer_of_two(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0, nest=3.0)
    searched = lay(section, count(section))
    ones = np.ones(searched.lattice.shape)
    n, by_cells = searched.counted.pixel.size, searched.window.sum(searched.counted.cells)
    by_area = np.rint(n * searched.window.total(searched.area) / searched.area.sum()).astype(np.int64)
    found = searched.window.sum(searched.counted.effectors)
    for tail, size in (("lower", np.minimum(by_cells, by_area)), ("upper", np.maximum(by_cells, by_area))):
        plain = LocalEvidence(n, searched.counted.n_effector, size, searched.assessable, tail=tail)  # type: ignore[arg-type]
        assert np.array_equal(searched.evidence(ones, tail=tail)(found), plain(found))  # type: ignore[arg-type]
    assert (by_cells > 1.5 * by_area)[section.disc].any()


def test_pieces_with_enough_effectors_have_a_rate_of_their_own(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    gap = abs(np.indices(section.bed.shape)[1] - 35) <= 1
    section = replace(section, tissue=section.tissue & ~gap, bed=section.bed & ~gap)
    searched = lay(section, count(section))
    assert set(np.unique(searched.fragment)) == {0, 1, 2}
    assert (searched.fragment[gap] == 0).all()
    odds = fragment_odds_of(searched)
    for number in (1, 2):
        piece = searched.fragment == number
        share = searched.counted.effectors[piece].sum() / searched.counted.cells[piece].sum()
        assert odds[piece] == pytest.approx(share / searched.counted.share)


def test_p_has_the_least_value_for_a_planted_niche_and_stays_in_its_range(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0, rate=0.1)
    told: list[float] = []
    tested = judge_clusters(
        lay(section, count(section)),
        n_permutations=39,
        alpha=0.05,
        radius_um=RADIUS_UM,
        rng=np.random.default_rng(0),
        on_progress=lambda done, _: told.append(done),
    )
    for p in (tested.p, tested.p_labelling):
        assert p.size == tested.labels.max()
        assert ((p >= 1 / 40) & (p <= 1)).all()
        assert p[tested.labels[35, 32] - 1] == 1 / 40
    assert told == sorted(told)
    assert told[-1] == 0.5  # these effectors neither thin nor clump, so nothing is drawn of a null of their own
