"""A niche against matched tissue: ratios counted by hand, p where the answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_metime.niches.contrasts import MAX_PLACEMENTS, _placements, contrast_rows
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.regions import RegionInputs
from napari_metime.section import CellTable, Channel, Grid, NicheMap

SIDE, PIXEL_UM = 40, 25.0


def with_niche(
    niche: np.ndarray, images: np.ndarray, kind: str = "ion", domain: np.ndarray | None = None
) -> RegionInputs:
    """A square of tumour cells, one a pixel."""
    y, x = (a.ravel() * PIXEL_UM for a in np.indices(niche.shape, dtype=float))
    role = np.full(x.size, "tumor", dtype=object)
    cells = CellTable(np.arange(x.size).astype(str).astype(object), x, y, role, role, "um")
    grid = Grid(niche.shape, (1, 1), (PIXEL_UM, PIXEL_UM))
    domain = np.ones(niche.shape, bool) if domain is None else domain
    flat = np.where(domain, 0.0, np.nan).astype(np.float32)
    found = NicheMap(domain, domain, flat, flat, niche.astype(np.int32), np.array([0.01]), 100.0, "")
    channels = tuple(Channel(f"c{k}", kind, im.astype(np.float32)) for k, im in enumerate(images))
    margin_um = signed_distance_um(domain, grid.spacing_um)
    return RegionInputs(grid, domain, found, cells, grid.pixel_of(x, y), margin_um, channels)


def disc(radius: float, row: float = 20, col: float = 20) -> np.ndarray:
    return np.hypot(*(np.mgrid[:SIDE, :SIDE] - np.array([row, col])[:, None, None])) < radius


def test_the_change_is_that_from_tissue_as_deep() -> None:
    """An ion that doubles in the inner half: there the niche has 12 against 4, whatever the outer half has."""
    domain = np.zeros((SIDE, SIDE), bool)
    domain[2:-2, 2:-2] = True
    depth = -signed_distance_um(domain, (PIXEL_UM, PIXEL_UM))
    inner = depth >= np.quantile(depth[domain], 0.5)
    niche = disc(4, 18, 22) & inner
    image = np.where(niche, 12.0, np.where(inner, 4.0, 2.0))
    row, rest, whole = (contrast_rows(with_niche(niche, image[None], domain=domain)).iloc[k] for k in range(3))
    assert 0 < row["own_matched_share"] < 1
    assert row["matched_log2fc_c0"] == pytest.approx(np.log2(3))
    assert rest.isna().all()
    assert whole.isna().all()
    difference = contrast_rows(with_niche(niche, image[None], "axis", domain=domain)).iloc[0]
    assert difference["matched_log2fc_c0"] == pytest.approx(8)


def test_a_raised_niche_is_more_than_any_other_place() -> None:
    noise = np.random.default_rng(0).normal(size=(2, SIDE, SIDE))
    niche = disc(5)
    noise[0] += 2 * niche
    row = contrast_rows(with_niche(niche, np.exp(noise))).iloc[0]
    assert row["p_moved_c0"] == 1 / (1 + MAX_PLACEMENTS)
    assert row["p_moved_c1"] > 1 / (1 + MAX_PLACEMENTS)


def test_what_a_p_rests_on_is_told() -> None:
    """One depth and tumour everywhere: of its like the niche has the share that it has of all; p has all its places."""
    niche = disc(5)
    inputs = with_niche(niche, np.random.default_rng(0).normal(size=(1, SIDE, SIDE)), "axis")
    row = contrast_rows(replace(inputs, margin_um=np.full(niche.shape, np.nan))).iloc[0]
    assert row["own_matched_share"] == pytest.approx(niche.mean())
    assert row["n_moved"] == MAX_PLACEMENTS


def test_p_is_even_for_niches_that_know_nothing_of_the_channel() -> None:
    rng = np.random.default_rng(1)
    p = []
    for _ in range(40):
        maps = ndimage.gaussian_filter(rng.normal(size=(5, SIDE, SIDE)), (0, 3, 3), mode="wrap")
        niche = disc(5, *rng.uniform(6, SIDE - 6, size=2))
        row = contrast_rows(with_niche(niche, maps, "axis")).iloc[0]
        p += [row[f"p_moved_c{k}"] for k in range(5)]
    assert np.mean(np.array(p) <= 0.05) < 0.12
    assert 0.35 < np.mean(p) < 0.65


def test_places_are_counted() -> None:
    """A block of 2 x 3 pixels in 4 x 5 known ones has 3 x 3 places as it lies and 2 x 4 turned, one of them its own."""
    niche = np.zeros((4, 5), bool)
    niche[1:3, 1:4] = True
    moved = _placements(niche, np.ones((4, 5), bool), (1.0, 1.0))
    assert moved.shape == (9 + 8 - 1, 20)
    assert moved.sum(axis=1) == pytest.approx(1)
    assert _placements(niche, np.ones((4, 5), bool), (1.0, 2.0)).shape == (9 - 1, 20)
    niche[1, 1] = False  # now no turn is another
    assert _placements(niche, np.ones((4, 5), bool), (1.0, 1.0)).shape == (4 * 9 + 4 * 8 - 1, 20)


@pytest.mark.parametrize(("radius", "has_p"), [(9.0, True), (12.0, False)])
def test_there_is_no_p_where_the_domain_is_hardly_larger_than_the_niche(radius: float, has_p: bool) -> None:
    noise = np.random.default_rng(2).normal(size=(1, SIDE, SIDE))
    row = contrast_rows(with_niche(disc(radius), noise, "axis", domain=disc(19.9))).iloc[0]
    assert np.isfinite(row["p_moved_c0"]) == has_p


def test_without_niches_the_rows_are_empty() -> None:
    inputs = with_niche(disc(5), np.zeros((1, SIDE, SIDE)))
    everywhere, flat = inputs.niches.domain, inputs.niches.coldness
    none = NicheMap(everywhere, everywhere, flat, flat, disc(0).astype(np.int32), np.empty(0), 1.0, "")
    table = contrast_rows(replace(inputs, niches=none))
    assert list(table.columns) == ["n_moved", "own_matched_share", "matched_log2fc_c0", "p_moved_c0"]
    assert table.shape == (2, 4)
    assert table.isna().all(axis=None)
