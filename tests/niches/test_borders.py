"""Borders, effect gates and the limits of the rate, on sections with a planted disc."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.niches import map_niches
from napari_metime.niches.borders import FALSE_SHARE, Ground, _false_share, _strong, level_of, touching
from napari_metime.section import Grid, NicheMap

OPTIONS = {"n_permutations": 99}


def search(section, **options) -> NicheMap:  # type: ignore[no-untyped-def]
    return map_niches(section.grid, section.tissue, section.cells, domain="tumor_bed", **OPTIONS | options)


@pytest.fixture
def found(plant):  # type: ignore[no-untyped-def]
    section = plant(0, rate=0.1)
    return section, search(section)


def test_the_level_keeps_the_expected_false_share() -> None:
    # Expected wrong among the best one, two, three, four: 0, 0.025, 0.05, 0.2375.
    probability = np.array([0.2, 0.0, 1.0, 0.95, 0.9, 0.0])
    assert level_of(probability, 0.1) == 0.9
    assert level_of(probability, 0.03) == 0.95
    assert level_of(probability, 0.5) == 0.2
    assert level_of(np.array([0.3, 0.4]), 0.1) == np.inf
    assert level_of(np.zeros(3), 0.1) == np.inf


def test_a_ring_allows_a_larger_expected_false_share() -> None:
    shares = [_false_share(rate) for rate in (0.9, 1.2, 1.35, 1.5, 3.0)]
    assert shares == pytest.approx([0.09, 0.09, 0.135, 0.18, 0.18])


def test_the_border_is_drawn_at_the_expected_false_share(found) -> None:  # type: ignore[no-untyped-def]
    _, niches = found
    inside = niches.labels == 1
    assert niches.n_niches == 1
    wrong = 1 - niches.membership[inside].mean()
    assert 0.5 * FALSE_SHARE < wrong < FALSE_SHARE + 0.005
    # No place outside is surer than the least sure one inside, as far as the region goes on.
    outside = niches.domain & niches.assessable & ~inside
    assert niches.membership[outside].max() <= niches.membership[inside].min() + 1e-6


def test_membership_is_a_probability_on_the_domain(found) -> None:  # type: ignore[no-untyped-def]
    section, niches = found
    known = niches.membership[niches.domain]
    assert ((known >= 0) & (known <= 1)).all()
    assert np.isnan(niches.membership[~niches.domain]).all()
    distance = np.hypot(*(np.indices(section.bed.shape) * 40.0 - np.array([1400, 1300])[:, None, None]))
    assert niches.membership[distance < 150].min() > 0.8
    far = niches.membership[(distance > 800) & niches.domain]
    assert (far < 0.1).mean() > 0.9
    assert far.mean() < 0.05


def test_niches_pass_every_gate(found) -> None:  # type: ignore[no-untyped-def]
    section, niches = found
    pixel = section.grid.pixel_of(section.cells.x, section.cells.y)
    here = niches.assessable.ravel()[pixel]
    effector, inside = section.cells.has_role("effector"), (niches.labels == 1).ravel()[pixel]
    rest = here & (niches.labels == 0).ravel()[pixel]
    assert not (niches.labels[~niches.assessable] > 0).any()
    assert effector[inside].mean() <= 0.5 * effector[rest].mean()
    area, rest_area = (niches.labels == 1).sum(), (niches.assessable & (niches.labels == 0)).sum()
    assert effector[inside].sum() / area <= 0.5 * effector[rest].sum() / rest_area
    assert inside.sum() >= 30
    assert area * section.grid.pixel_area_um2 >= max(np.pi * (niches.radius_um / 2) ** 2, 10_000)


def test_a_stricter_gate_calls_less(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0, rate=0.3)
    pixel, effector = section.grid.pixel_of(section.cells.x, section.cells.y), section.cells.has_role("effector")
    areas = []
    for gate in (0.5, 0.1):
        niches = search(section, max_rate_ratio=gate)
        number, here = niches.labels.ravel()[pixel], niches.assessable.ravel()[pixel]
        for k in range(1, niches.n_niches + 1):
            assert effector[number == k].mean() <= gate * effector[here & (number == 0)].mean()
        assert niches.p_smallest == 0.01  # significant all the same
        areas.append((niches.labels > 0).sum())
    assert areas[1] < 0.5 * areas[0]


def test_the_limits_hold_the_true_rate_ratio(plant) -> None:  # type: ignore[no-untyped-def]
    held, n = 0, 0
    for seed in range(8):
        section = plant(seed, rate=0.1)
        niches = search(section)
        effectors = np.where(section.bed, 150.0, 200.0) * np.where(section.disc, 0.1, 1.0)
        cells = np.where(section.bed, 1600.0, 1050.0) + 60.0 + effectors
        rest = niches.assessable & (niches.labels == 0)
        for number in range(1, niches.n_niches + 1):
            inside = niches.labels == number
            true = (effectors[inside].sum() / cells[inside].sum()) / (effectors[rest].sum() / cells[rest].sum())
            low, high = niches.rate_low[number - 1], niches.rate_high[number - 1]
            assert 0 < low < high < 1
            held += low <= true <= high
            n += 1
    assert n >= 7
    assert held >= n - 3  # four or more of eight missed has probability 4e-4


def test_pixels_of_any_size_find_the_disc(plant) -> None:  # type: ignore[no-untyped-def]
    for pixel_um in (20.0, 50.0):
        section = plant(3, rate=0.1, pixel_um=pixel_um)
        called = search(section).labels > 0
        assert (called & section.disc).sum() > 0.6 * section.disc.sum()
        assert (called & ~section.disc).sum() < 0.3 * called.sum()


def test_two_niches_have_two_numbers_and_the_first_row_is_its_own(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0)
    cells, keep = section.cells, np.ones(section.cells.n_cells, bool)
    rng = np.random.default_rng(0)
    for y, x in ((850, 850), (1900, 1900)):
        near = np.hypot(cells.x - x, cells.y - y) < 300
        keep &= ~(near & cells.has_role("effector") & (rng.random(keep.size) > 0.1))
    parts = {name: getattr(cells, name)[keep] for name in ("cell_id", "x", "y", "type", "role")}
    niches = map_niches(
        section.grid, section.tissue, type(cells)(**parts, unit="um"), domain="tumor_bed", **OPTIONS
    )
    assert niches.n_niches == 2
    assert {niches.labels[850 // 40, 850 // 40], niches.labels[1900 // 40, 1900 // 40]} == {1, 2}
    assert niches.p_region.tolist() == [0.01, 0.01]
    assert np.isfinite(niches.rate_low).all()


def test_touching_keeps_whole_parts_that_hold_a_seed() -> None:
    mask = np.array([[1, 1, 0, 0, 1], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0]], dtype=bool)
    seeds = np.zeros_like(mask)
    seeds[0, 0] = seeds[2, 4] = True  # the second lies on nothing
    assert touching(mask, seeds).astype(int).tolist() == [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0] * 5, [0] * 5]
    assert not touching(mask, np.zeros_like(mask)).any()


def test_a_niche_is_cold_among_its_cells_and_per_area() -> None:
    """Four regions of 100 pixels against a rest of one effector among two cells a pixel, counted by hand."""
    side, labels = 40, np.zeros((40, 40), np.int32)
    for number, (row, col) in enumerate([(2, 2), (2, 22), (22, 2), (22, 22)], start=1):
        labels[row : row + 10, col : col + 10] = number
    # (effectors, cells) of ten pixels: 0.4 of the rest; 0.6 of it; half among the cells but as many per area; half per
    # area but as many among the cells.
    held = {0: (10, 20), 1: (4, 20), 2: (6, 20), 3: (10, 40), 4: (5, 10)}
    pixel, effector = [], []
    for place, number in enumerate(labels.ravel()):
        n_effector, n_cells = held[int(number)]
        turn = place % 10
        pixel += [place] * (n_cells // 10)
        wanted = n_effector * (turn + 1) // 10 - n_effector * turn // 10
        effector += [i < wanted for i in range(n_cells // 10)]
    everywhere = np.ones((side, side), dtype=bool)
    grid = Grid((side, side), (1, 1), (20.0, 20.0))
    x, y = (np.zeros(len(pixel)) for _ in range(2))
    ground = Ground(grid, x, y, np.array(pixel), np.array(effector), everywhere, everywhere, 100.0, 0.5)
    assert _strong(ground, labels, np.ones(4, dtype=bool)).tolist() == [True, False, False, False]
