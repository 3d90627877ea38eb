from __future__ import annotations

import numpy as np

from napari_metime.niches import map_niches


def hot(section, **options):  # type: ignore[no-untyped-def]
    found = map_niches(
        section.grid,
        section.tissue,
        section.cells,
        domain="tumor_bed",
        **{"n_permutations": 99, "inflamed": True, "n_draws": 1500} | options,
    )
    return found.hot_labels


def test_a_planted_hot_disc_is_found_and_little_else(plant) -> None:  # type: ignore[no-untyped-def]
    for seed in range(3):
        section = plant(seed, rate=4.0, radius_um=200.0)
        called = hot(section) > 0
        assert (called & section.disc).sum() > 0.6 * section.disc.sum()
        near = np.hypot(*(np.indices(section.bed.shape) * 40.0 - np.array([1400, 1300])[:, None, None])) <= 350
        assert (called & ~near).sum() < 0.1 * called.sum()


def test_a_hot_region_has_more_effectors_per_cell_and_is_large_enough(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(0, rate=4.0, radius_um=200.0)
    labels = hot(section)
    number = labels.ravel()[section.grid.pixel_of(section.cells.x, section.cells.y)]
    effector, bed = section.cells.has_role("effector"), section.bed
    in_bed = bed.ravel()[section.grid.pixel_of(section.cells.x, section.cells.y)]
    rest = effector[in_bed & (number == 0)].mean()
    assert labels.max() >= 1
    for k in range(1, labels.max() + 1):
        assert effector[number == k].mean() > 1.9 * rest
        assert (labels == k).sum() * section.grid.pixel_area_um2 >= 10_000


def test_even_sections_are_rarely_hot(plant) -> None:  # type: ignore[no-untyped-def]
    # Nominally one in twenty; four or more of eight has probability 4e-4.
    assert sum(hot(plant(100 + seed)).max() > 0 for seed in range(8)) < 4


def test_what_is_merely_denser_is_not_hot(plant) -> None:  # type: ignore[no-untyped-def]
    # Twice the cells of every kind: more effectors per area, not per cell.
    section = plant(0, rate=1.8, nest=1.8)
    assert hot(section).max() == 0


def test_inflamed_regions_are_looked_for_only_where_asked(plant) -> None:  # type: ignore[no-untyped-def]
    assert hot(plant(0), inflamed=False, n_permutations=19) is None


def test_the_same_seed_gives_the_same_regions_and_leaves_the_niches_alone(plant) -> None:  # type: ignore[no-untyped-def]
    section = plant(1, rate=4.0, radius_um=200.0)
    assert np.array_equal(hot(section, seed=3), hot(section, seed=3))
